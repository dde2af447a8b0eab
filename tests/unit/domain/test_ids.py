"""Record ids are UUIDs of version 7: of the moment they were made in, and random beside it."""

from __future__ import annotations

import uuid

from hypothesis import given
from hypothesis import strategies as st

from prmsync.domain.ids import ordered_uuid

TIMES = st.integers(0, 2**48 - 1)
CHANCE = st.binary(min_size=10, max_size=10)


@given(TIMES, CHANCE)
def test_an_id_is_a_uuid_of_version_7_that_tells_its_time(when: int, chance: bytes) -> None:
    text = ordered_uuid(when, chance)
    read = uuid.UUID(text)
    assert str(read) == text
    assert (read.version, read.variant) == (7, uuid.RFC_4122)
    assert read.int >> 80 == when


@given(TIMES, TIMES, CHANCE, CHANCE)
def test_ids_sort_by_the_time_they_were_made_in(a: int, b: int, c: bytes, d: bytes) -> None:
    if a != b:
        assert (ordered_uuid(a, c) < ordered_uuid(b, d)) == (a < b)


@given(TIMES, st.sets(st.binary(min_size=9, max_size=9), min_size=2, max_size=2))
def test_ids_of_one_moment_differ_by_chance(when: int, chances: set[bytes]) -> None:
    assert len({ordered_uuid(when, chance + b"\0") for chance in chances}) == 2
