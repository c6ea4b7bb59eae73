from decimal import Decimal

import pytest

from wanflow.telling.words import count, dollars, duration


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0.0 s"), (9.94, "9.9 s"), (12.4, "12 s"), (119.4, "119 s"), (185, "3 min 5 s"), (7440, "2 h 4 min")],
)
def test_durations_are_said_as_people_do(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_counts_have_commas_and_plurals() -> None:
    assert [count(n, "job") for n in (0, 1, 2000)] == ["0 jobs", "1 job", "2,000 jobs"]


@pytest.mark.parametrize(
    ("usd", "said"),
    [
        ("0", "$0.00"),
        ("0.02", "$0.02"),
        ("0.025", "$0.025"),
        ("0.005734", "$0.0058"),
        ("0.00001", "$0.0001"),
        ("0.120420", "$0.1205"),
        ("0.99999", "$1.00"),
        ("1.001", "$1.01"),
        ("1234.5", "$1,234.50"),
    ],
)
def test_an_amount_is_never_told_as_less_than_it_is(usd: str, said: str) -> None:
    assert dollars(Decimal(usd)) == said
