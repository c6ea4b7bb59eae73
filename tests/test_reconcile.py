"""Whether a request that was never answered made a task."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from wanflow.paying.reconcile import SETTLED_S, SLACK_S, UNKNOWN_S, Sent, Verdict, verdict

SENT = Sent(1000 - SLACK_S, 1000 + SETTLED_S)
SETTLED = Sent(SENT.earliest, SENT.latest, settled=True)


@dataclass(frozen=True)
class Line:
    task_id: str
    created_at: datetime | None


def listed(*moments: float | None) -> list[Line]:
    return [
        Line(f"t{number}", None if moment is None else datetime.fromtimestamp(moment, UTC))
        for number, moment in enumerate(moments)
    ]


def test_one_task_of_that_time_is_its() -> None:
    for sent in (SENT, SETTLED):
        assert verdict(sent, [], listed(500, 1000.4, 1000 + SETTLED_S + 50)) == Verdict(task_id="t1")


def test_none_is_a_proof_only_after_the_longest_time_that_the_service_may_take() -> None:
    assert verdict(SENT, [], listed(500)) == Verdict()
    assert verdict(SETTLED, [], listed(500)) == Verdict(not_taken=True)


@pytest.mark.parametrize("moments", [(1000.4, 1001), (None, 1000.4)])
def test_several_are_a_doubt(moments: tuple[float | None, ...]) -> None:
    found = verdict(SENT, [], listed(*moments))
    assert not found.task_id
    assert "t0, t1" in found.doubt


def test_one_that_may_be_another_request_s_is_waited_for_and_then_a_doubt() -> None:
    rival = Sent(1020 - SLACK_S, 1020 + SETTLED_S)
    assert verdict(SENT, [rival], listed(1020.3)) == Verdict()
    assert verdict(SETTLED, [rival], listed(1020.3)).doubt
    assert verdict(SENT, [rival], listed(1000.3)) == Verdict(task_id="t0")  # the rival was not sent yet


def test_what_is_another_s_for_sure_leaves_the_rest() -> None:
    """Three requests that hang, one after the other: the first task can only be the first one's, and so on."""
    requests = [Sent(start - SLACK_S, start + SETTLED_S) for start in (1000, 1020, 1040)]
    lines = listed(1000.3, 1020.3, 1040.3)
    for number, request in enumerate(requests):
        rivals = [other for other in requests if other is not request]
        assert verdict(request, rivals, lines) == Verdict(task_id=f"t{number}")
    assert verdict(requests[0], requests[1:], lines[1:]) == Verdict()  # the later ones may be any's


def task(offset_s: float | None, sent_at: float = 1000.0) -> object:
    @dataclass(frozen=True)
    class Task:
        sent_at: float
        offset_s: float | None
        at: float = 0.0

    return Task(sent_at, offset_s)


def test_the_provider_s_clock_counts_where_it_is_known() -> None:
    sent = Sent.of(task(7200.0), now=8200.0 + SETTLED_S + 1)  # type: ignore[arg-type]
    assert (sent.earliest, sent.settled) == (8200 - SLACK_S, True)
    assert not Sent.of(task(7200.0), now=8200.0, watched_s=9999).settled  # type: ignore[arg-type]


def test_a_clock_that_was_never_compared_may_be_wrong_by_an_hour_and_only_watching_proves() -> None:
    sent = Sent.of(task(None), now=9e9, watched_s=10)  # type: ignore[arg-type]
    assert (sent.earliest, sent.settled) == (1000 - UNKNOWN_S, False)
    assert Sent.of(task(None), now=None, watched_s=SETTLED_S + 1).settled  # type: ignore[arg-type]
    assert sent.window[0] < datetime.fromtimestamp(1000 - UNKNOWN_S, UTC) < sent.window[1]
