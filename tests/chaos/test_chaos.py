"""Nothing is paid twice and nothing is lost, whatever happens to wanflow; `make chaos` tries it far more often."""

import os

import pytest
import scenarios

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name != "posix", reason="kills and stops processes by signals")]
ONES = {
    "boundaries": lambda: scenarios.boundaries(1, 17, 4),
    "moments": lambda: scenarios.moments(1, 3, 4),
    "provider": lambda: scenarios.provider(1, 1, 4),
    "full": lambda: scenarios.full(1, 3, 4),
    "clocks": lambda: scenarios.clocks(1, 4, 4),
    "pauses": lambda: scenarios.pauses(1, 2, 4),
    "killed crowd": lambda: scenarios.crowd(1, 3, 4, scenarios.TWO),
    "faults": lambda: scenarios.faults(1, 2, 4),
    "late": lambda: scenarios.late(1, 2, 4),
    "interrupts": lambda: scenarios.interrupts(1, 3, 4),
    "budget": lambda: scenarios.budget(1, 2, 6),
}


@pytest.mark.parametrize("name", ONES)
def test_nothing_is_paid_twice_and_nothing_is_lost(name: str) -> None:
    found = ONES[name]()
    assert found.count
    assert (found.lost, found.paid_twice, found.overspent, found.hung) == (0, 0, 0, 0), found.evidence


def test_processes_of_two_projects_keep_the_rate_of_their_account_and_share_equal_work() -> None:
    # Tasks last far longer than requests are apart on a busy machine, and all may be sent before the first is done, so
    # that the rate alone holds them apart.
    found = scenarios.crowd(1, 0, 4, scenarios.FOUR, split=False, service="fixed:5")
    assert (found.lost, found.paid_twice, found.hung) == (0, 0, 0), found.evidence
    assert 1 <= found.fastest <= 2
    assert found.busiest == 2
