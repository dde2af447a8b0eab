"""Partner–deal relations."""

from __future__ import annotations

import dataclasses

import pytest

from prmsync.connector.protocol import Connector, NewRecord, RelationReader, relation_key
from prmsync.connector.testing.case import RelationCase
from prmsync.connector.testing.contract.rows import holds, records_of, relation_values


class RelationContract:
    """Created and deleted, never changed."""

    def test_a_relation_is_created_found_and_deleted(
        self, connector: Connector, relation: RelationCase
    ) -> None:
        values = relation_values(connector, relation)
        key = relation_key(relation.spec, values)
        assert connector.find(relation.spec, [key]) == {}
        (made,) = connector.create(relation.spec, [NewRecord(key, values)])
        assert made.error is None
        found = connector.find(relation.spec, [key])
        assert [record.id for record in found.values()] == [made.id]
        assert holds(found[key].values, values)
        (gone,) = connector.delete(relation.spec, [str(made.id)])
        assert gone.error is None
        assert connector.find(relation.spec, [key]) == {}

    def test_roles_that_the_mapping_does_not_name_are_not_read(
        self, connector: Connector, relation: RelationCase
    ) -> None:
        values = relation_values(connector, relation)
        connector.create(relation.spec, [NewRecord(relation_key(relation.spec, values), values)])
        wanted = relation.spec.relation
        assert wanted is not None
        other = dataclasses.replace(wanted, roles=(relation.roles[1],))
        spec = dataclasses.replace(relation.spec, relation=other)
        assert len(records_of(connector.changes(relation.spec, None))) == 1
        assert records_of(connector.changes(spec, None)) == []

    def test_relations_without_changes_of_their_own_are_read_by_their_from_side(
        self, connector: Connector, relation: RelationCase
    ) -> None:
        if not isinstance(connector, RelationReader):
            pytest.skip("this CRM tells changes of relations")
        values = relation_values(connector, relation)
        wanted = relation.spec.relation
        assert wanted is not None
        key = relation_key(relation.spec, values)
        (made,) = connector.create(relation.spec, [NewRecord(key, values)])
        from_id = str(values[wanted.from_field])
        page = connector.relations_of(relation.spec, [from_id])
        assert [record.id for record in page.records] == [made.id]
        assert page.complete_for == (from_id,)
        assert page.cursor is None
        connector.delete(relation.spec, [str(made.id)])
        page = connector.relations_of(relation.spec, [from_id])
        assert (page.records, page.complete_for) == ([], (from_id,))
        assert connector.relations_of(relation.spec, []).records == []
