from __future__ import annotations

import pytest

from prmsync.domain.counted import counted


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 calls"), (1, "1 call"), (2, "2 calls"), (2000, "2,000 calls")]
)
def test_one_is_singular_and_everything_else_plural(number: int, text: str) -> None:
    assert counted(number, "call") == text


def test_words_whose_plural_is_their_own_say_it() -> None:
    assert [counted(one, "registry", "registries") for one in (1, 3)] == [
        "1 registry",
        "3 registries",
    ]
