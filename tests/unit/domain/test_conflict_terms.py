from datetime import UTC, datetime

from prmsync.domain.conflict import ConflictFound, ConflictKind, Severity
from prmsync.domain.customer import codes, joined
from prmsync.domain.program import ReviewSettings
from prmsync.domain.values import PrmId

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)


def found(a: str, b: str) -> ConflictFound:
    kind = ConflictKind.PARTNER_PARTNER
    return ConflictFound(kind, PrmId(a), PrmId(b), None, 100, (), (), "", "", "2026.2", AT)


def test_a_pair_has_one_key_whichever_side_came_first() -> None:
    assert found("r1", "r2").key == found("r2", "r1").key != found("r1", "r3").key


def test_every_kind_has_a_label_and_a_severity() -> None:
    assert [kind.value for kind in ConflictKind] == [f"C{n}" for n in range(1, 9)]
    assert ConflictKind.RESELLER_DISTRIBUTOR.severity is Severity.NONE
    assert all(kind.label for kind in ConflictKind)


def test_codes_are_stored_sorted() -> None:
    assert joined(codes(" firewall;backup; ")) == "backup;firewall"
    assert joined(codes(None)) is None


def test_a_period_ends_with_its_last_local_day() -> None:
    assert ReviewSettings().end_after(AT, 0) == datetime(2026, 11, 22, 23, 59, 59, tzinfo=UTC)
