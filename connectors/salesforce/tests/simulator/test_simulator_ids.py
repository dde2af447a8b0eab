from __future__ import annotations

import pytest

from prmsync_salesforce.simulator.ids import checksum, long_id, make_id


@pytest.mark.parametrize(
    "known",
    ["001ak00000OKNPHAA5", "006ak00000OQ4RxAAL", "0035500001H9ka4AAB", "003ak00000luKU1AAM"],
)
def test_the_checksum_is_the_one_salesforce_computes(known):
    assert checksum(known[:15]) == known[15:]


def test_both_forms_and_lost_case_lead_to_one_id():
    full = "006ak00000OQ4RxAAL"
    assert long_id(full[:15]) == full
    assert long_id(full) == full
    assert long_id(full.lower()) == full
    assert long_id(full.upper()) == full


def test_what_is_no_id_is_refused():
    for text in ("", "23foo", "006ak00000OQ4RxAAZ", "006ak00000OQ4R-", None, 7):
        assert long_id(text) is None


def test_made_ids_are_distinct_and_valid():
    made = [make_id("a00", number) for number in range(1, 5000)]
    assert len(set(made)) == len(made)
    assert all(long_id(item[:15]) == item for item in made)
