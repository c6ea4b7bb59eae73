"""How fast a lane sends, and what refusals teach it."""

from __future__ import annotations

import pytest

from wanflow.limits.pace import FORGIVEN, LONGEST_S, MARGIN_S, Pace
from wanflow.model import Limits

LIMITS = Limits(2, per_second=2, ahead=3)
GAP = 0.5 + MARGIN_S
NOW = 1000.0


def refuse(pace: Pace, code: str, *, under_way: int = 0, sent: float = NOW, after: float | None = None) -> None:
    pace.refused(LIMITS, code, under_way=under_way, sent=sent, now=NOW, retry_after_s=after)


def test_requests_keep_the_rate() -> None:
    pace = Pace.of(LIMITS)
    assert pace.wait_s(NOW) == 0
    pace.started(NOW)
    assert pace.wait_s(NOW) == pytest.approx(GAP)
    assert pace.wait_s(NOW + 1) == 0


def test_a_lane_without_a_rate_never_waits() -> None:
    pace = Pace.of(Limits(2))
    pace.started(NOW)
    assert pace.wait_s(NOW) == 0


def test_tasks_wait_ahead_until_the_provider_refuses_that_and_again_after_a_while() -> None:
    pace = Pace.of(LIMITS)
    refuse(pace, "Throttling.Concurrency", under_way=1)  # within the slots: others use the account
    assert pace.ahead == 3
    refuse(pace, "Throttling.RateQuota", under_way=4)  # says nothing of the queue
    assert pace.ahead == 3
    refuse(pace, "Throttling.Concurrency", under_way=2)
    assert pace.ahead == 0
    for _ in range(FORGIVEN):
        assert pace.ahead == 0
        pace.accepted(LIMITS)
    assert pace.ahead == 3


def test_a_refused_request_waits_as_long_as_the_provider_says() -> None:
    pace = Pace.of(LIMITS)
    refuse(pace, "Throttling.RateQuota", after=7.0)
    assert pace.wait_s(NOW) == 7


def test_after_a_burst_a_lane_starts_slowly_once_and_recovers() -> None:
    pace = Pace.of(LIMITS)
    for _ in range(4):
        refuse(pace, "Throttling.BurstRate", sent=NOW - 1, after=0)
    assert pace.gap_s == pytest.approx(2 * GAP)
    for _ in range(9):
        pace.accepted(LIMITS)
    assert pace.gap_s == pytest.approx(GAP)


def test_a_request_that_was_long_on_its_way_does_not_bunch_up_with_the_next() -> None:
    pace = Pace.of(LIMITS)
    pace.started(NOW)
    pace.heard(NOW + 0.4)
    assert pace.wait_s(NOW + 0.4) == pytest.approx(GAP)
    refuse(pace, "Throttling.RateQuota", after=7.0)
    pace.heard(NOW + 0.5)
    assert pace.wait_s(NOW) == 7


def test_a_clock_that_was_set_back_does_not_stop_a_lane() -> None:
    pace = Pace.of(LIMITS)
    pace.started(NOW)
    assert pace.wait_s(NOW - 86_400) == 0
    refuse(pace, "Throttling.RateQuota", after=86_400.0)
    assert pace.wait_s(NOW) == LONGEST_S
