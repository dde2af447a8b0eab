import pytest

from prmsync.domain.people import Owner, OwnerFound, OwnerRules

RULES = OwnerRules({"Ana@prm.example": "ana@crm.example"}, fallback="desk@crm.example")
KNOWN = {"ana@crm.example": True, "bo@crm.example": True, "gone@crm.example": False}


@pytest.mark.parametrize(
    ("email", "expected"),
    [
        ("BO@crm.example ", Owner("BO@crm.example ", OwnerFound.EMAIL)),
        ("ana@prm.example", Owner("ana@crm.example", OwnerFound.OVERRIDE)),
        ("gone@crm.example", Owner("desk@crm.example", OwnerFound.FALLBACK_INACTIVE)),
        ("who@crm.example", Owner("desk@crm.example", OwnerFound.FALLBACK_UNKNOWN)),
        (None, Owner(None, OwnerFound.NOBODY)),
    ],
)
def test_people_map_by_email_then_override_then_fallback(
    email: str | None, expected: Owner
) -> None:
    assert RULES.find(email, KNOWN) == expected


def test_without_a_fallback_an_unknown_owner_is_nobody() -> None:
    assert OwnerRules().find("who@crm.example", KNOWN) == Owner(None, OwnerFound.NOBODY)
