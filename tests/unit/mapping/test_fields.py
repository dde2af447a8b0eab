"""The catalogue of mappable fields equals the partner database's tables."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from prmsync.mapping.fields import CATALOGUE, Kind
from prmsync.mapping.keys import FITTING, TRANSFORMS
from prmsync.mapping.model import STREAM_ORDER
from prmsync.store.column_types import ExactDecimal, UtcDateTime
from prmsync.store.tables import PRM_TABLES

BOOKKEEPING = {"id", "home"}
TEXT_KINDS = {Kind.TEXT, Kind.CODE, Kind.DOMAIN, Kind.PICKLIST, Kind.MULTI_PICKLIST, Kind.STAGE}
TEXT_KINDS |= {Kind.OWNER}


def kinds_of(column: sa.Column) -> set[Kind]:
    if isinstance(column.type, ExactDecimal):
        return {Kind.MONEY, Kind.NUMBER}
    if isinstance(column.type, UtcDateTime):
        return {Kind.DATETIME}
    if isinstance(column.type, sa.Date):
        return {Kind.DATE}
    if isinstance(column.type, sa.Boolean):
        return {Kind.BOOLEAN}
    if isinstance(column.type, sa.Integer):
        return {Kind.NUMBER}
    if any(key.column.name == "id" for key in column.foreign_keys):
        return {Kind.REFERENCE}
    return TEXT_KINDS


@pytest.mark.parametrize("stream", STREAM_ORDER)
def test_every_column_is_mappable_and_nothing_else(stream: str) -> None:
    columns = {column.name for column in PRM_TABLES[stream].columns} - BOOKKEEPING
    assert set(CATALOGUE[stream]) == columns


@pytest.mark.parametrize("stream", STREAM_ORDER)
def test_kinds_fit_the_column_types(stream: str) -> None:
    table = PRM_TABLES[stream]
    wrong = [
        name
        for name, known in CATALOGUE[stream].items()
        if known.kind not in kinds_of(table.columns[name])
    ]
    assert wrong == []


@pytest.mark.parametrize("stream", STREAM_ORDER)
def test_references_name_the_stream_of_the_table_they_point_to(stream: str) -> None:
    streams = {table.name: name for name, table in PRM_TABLES.items()}
    for name, known in CATALOGUE[stream].items():
        if known.kind is Kind.REFERENCE:
            (key,) = PRM_TABLES[stream].columns[name].foreign_keys
            assert streams[key.column.table.name] == known.to


@pytest.mark.parametrize("stream", STREAM_ORDER)
def test_required_fields_are_those_that_the_table_cannot_do_without(stream: str) -> None:
    required = {
        column.name
        for column in PRM_TABLES[stream].columns
        if not column.nullable and column.server_default is None
    }
    marked = {name for name, known in CATALOGUE[stream].items() if known.required}
    assert marked == required - BOOKKEEPING


def test_a_money_field_names_its_currency_field() -> None:
    for fields in CATALOGUE.values():
        for known in fields.values():
            assert (known.kind is Kind.MONEY) == (known.currency is not None)
            assert known.currency is None or known.currency in fields


def test_every_kind_has_a_default_transform_and_every_transform_a_kind() -> None:
    assert set(FITTING) == set(Kind)
    assert {name for names in FITTING.values() for name in names} == set(TRANSFORMS)
