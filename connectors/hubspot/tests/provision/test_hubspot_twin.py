"""An account's definitions as its simulator starts from them."""

from __future__ import annotations

import orjson

from prmsync.connector.protocol import SimulatorOptions
from prmsync_hubspot.simulator import HubSpotSimulator

OBJECTS = ["companies", "deals", "prm_registration"]


def twin_of(ground):
    saved = orjson.loads(orjson.dumps(ground.connector().saved_schema(OBJECTS)))
    return saved, HubSpotSimulator(SimulatorOptions(now=ground.clock.now, schema=saved)).portal


def labels(portal, one, other):
    kinds = portal.links.types.get(
        (portal.type_named(one).type_id, portal.type_named(other).type_id), {}
    )
    return sorted(str(kind.label) for kind in kinds.values() if kind.category == "USER_DEFINED")


def test_a_twin_has_the_same_properties_pipelines_labels_and_objects(ground):
    ground.apply()
    _, twin = twin_of(ground)
    for name in OBJECTS:
        ours, theirs = ground.portal.type_named(name), twin.type_named(name)
        assert theirs.type_id == ours.type_id
        for key, one in ours.properties.items():
            told = theirs.properties[key]
            assert (told.type, told.unique, told.options) == (one.type, one.unique, one.options)
        assert [one.label for one in theirs.pipelines.values()] == [
            one.label for one in ours.pipelines.values()
        ]
    assert labels(twin, "deals", "companies") == labels(ground.portal, "deals", "companies")
    assert labels(twin, "companies", "deals") == labels(ground.portal, "companies", "deals")


def test_a_label_that_reads_otherwise_from_the_other_side_stays_so(ground):
    body = {"name": "owner", "label": "Owned by", "inverseLabel": "Owns"}
    ground.apply()
    ground.call("POST", "/crm/v4/associations/companies/deals/labels", body)
    _, twin = twin_of(ground)
    assert "Owned by" in labels(twin, "companies", "deals")
    assert "Owns" in labels(twin, "deals", "companies")
    assert "Owns" not in labels(twin, "companies", "deals")


def test_a_twin_is_provisioned_already_and_holds_no_person(ground):
    ground.apply()
    saved, _ = twin_of(ground)
    assert "owners" not in saved
    assert "@" not in orjson.dumps(saved).decode()
