from __future__ import annotations

import pytest

from prmsync.errors import ConfigurationError
from prmsync_hubspot.paths import (
    ACCOUNT,
    ASSOCIATIONS,
    OBJECTS,
    ROOTS,
    SCHEMAS,
    VERSIONS,
    Paths,
)


@pytest.mark.parametrize(
    ("version", "api", "segments", "path"),
    [
        ("v3", OBJECTS, ("deals", "batch", "read"), "/crm/v3/objects/deals/batch/read"),
        ("2026-03", OBJECTS, ("0-3", "search"), "/crm/objects/2026-03/0-3/search"),
        ("2026-09", OBJECTS, ("deals",), "/crm/objects/2026-09/deals"),
        ("v3", ASSOCIATIONS, ("deals", "companies"), "/crm/v4/associations/deals/companies"),
        (
            "2026-09",
            ASSOCIATIONS,
            ("deals", "companies", "batch", "read"),
            "/crm/associations/2026-09/deals/companies/batch/read",
        ),
        ("2026-09", SCHEMAS, (), "/crm-object-schemas/2026-09/schemas"),
        ("2026-09", ACCOUNT, (), "/account-info/2026-09/details"),
    ],
)
def test_each_version_has_its_place_in_the_path(
    version: str, api: str, segments: tuple[str, ...], path: str
) -> None:
    assert Paths(version).path(api, *segments) == path


def test_segments_are_quoted() -> None:
    assert Paths("v3").path(OBJECTS, "a/b c") == "/crm/v3/objects/a%2Fb%20c"


def test_the_default_is_the_current_version() -> None:
    assert Paths(None).version == "2026-09"


@pytest.mark.parametrize("version", VERSIONS)
def test_every_root_of_the_vendors_client_is_rewritten(version: str) -> None:
    paths = Paths(version)
    for api, (numbered, _) in ROOTS.items():
        assert paths.rewrite(numbered) == paths.root(api)
        assert paths.rewrite(f"{numbered}/deals/x") == f"{paths.root(api)}/deals/x"


def test_the_trailing_slash_of_owners_is_dropped() -> None:
    assert Paths("2026-09").rewrite("/crm/v3/owners/") == "/crm/owners/2026-09"


def test_a_path_outside_the_table_is_refused() -> None:
    with pytest.raises(ValueError, match="not in the table"):
        Paths("v3").rewrite("/crm/v3/objectsfoo")


def test_an_unknown_version_names_the_near_one() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Paths("2026-9")
    assert 'did you mean "2026-09"?' in caught.value.hint
