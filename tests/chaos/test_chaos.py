"""Nothing is paid twice and nothing is lost, whatever happens to wanflow; `make chaos` tries it far more often."""

import os

import pytest
import scenarios

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name != "posix", reason="kills and stops processes by signals")]
ONES = {
    "boundaries": lambda: scenarios.boundaries(1, 17, 6),
    "moments": lambda: scenarios.moments(1, 3, 6),
    "provider": lambda: scenarios.provider(1, 2, 6),
    "full": lambda: scenarios.full(1, 4, 4),
    "clocks": lambda: scenarios.clocks(1, 5, 4),
    "pauses": lambda: scenarios.pauses(1, 2, 4),
    "killed crowd": lambda: scenarios.crowd(1, 4, 8, scenarios.TWO),
    "faults": lambda: scenarios.faults(1, 3, 4),
}


@pytest.mark.parametrize("name", ONES)
def test_nothing_is_paid_twice_and_nothing_is_lost(name: str) -> None:
    found = ONES[name]()
    assert found.count
    assert (found.lost, found.paid_twice) == (0, 0), found.evidence


@pytest.mark.parametrize("crew", [scenarios.LONE, scenarios.PAIR])
def test_two_processes_keep_the_rate_of_one_account(crew: tuple[str, ...]) -> None:
    found = scenarios.crowd(1, 0, 8, crew)
    assert (found.lost, found.paid_twice) == (0, 0), found.evidence
    assert 1 <= found.fastest <= 2
