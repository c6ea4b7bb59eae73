"""When a call is sent again, how long that takes, and when it never is."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Sequence
from typing import Any

import pytest
from clocks import Stopwatch

from wanflow.attempts import MAX_ATTEMPTS, NotStarted, Performer
from wanflow.errors import Again, EditError
from wanflow.lanes import Lanes
from wanflow.model import Call, Limits, Result

CALL = Call("k", "wan/expand", {}, {})
DONE = Result((), "real", task_id="t")


class Provider:
    """Answers with what it is given, in order; then with success."""

    def __init__(self, submits: Sequence[EditError] = (), collects: Sequence[EditError] = ()) -> None:
        self.submits, self.collects = list(submits), list(collects)
        self.sent: list[float] = []
        self.clock = Stopwatch()

    async def submit(self, call: Call) -> Call:
        self.sent.append(self.clock.seconds)
        if self.submits:
            raise self.submits.pop(0)
        return call

    async def collect(self, ticket: Call) -> Result:
        if self.collects:
            raise self.collects.pop(0)
        return DONE


def perform(provider: Any, stopping: bool = False) -> tuple[Result, int]:
    lanes = Lanes({"paid": Limits(2, per_second=2)}, provider.clock)
    performer = Performer(provider, lanes, provider.clock, lambda: stopping, lambda text: None)
    return asyncio.run(performer.perform("1/wide", "paid", CALL))


def error(again: Again, code: str = "InternalError", **more: Any) -> EditError:
    return EditError(code, "it failed", again, **more)


def test_success_at_once() -> None:
    assert perform(Provider()) == (DONE, 1)


@pytest.mark.parametrize("where", ["submits", "collects"])
def test_what_costs_nothing_is_tried_again_a_few_times(where: str) -> None:
    provider = Provider(**{where: [error(Again.SOON)] * (MAX_ATTEMPTS - 1)})
    assert perform(provider) == (DONE, MAX_ATTEMPTS)
    assert provider.sent == pytest.approx([0, 1, 3])


def test_after_the_last_attempt_it_fails_and_says_how_many() -> None:
    with pytest.raises(EditError) as caught:
        perform(Provider(collects=[error(Again.SOON)] * 9))
    assert caught.value.attempts == MAX_ATTEMPTS


@pytest.mark.parametrize("again", [Again.NEVER, Again.UNSURE, Again.REFUSED, Again.ACCOUNT, Again.LOST])
@pytest.mark.parametrize("where", ["submits", "collects"])
def test_what_may_have_been_accepted_or_can_not_help_is_never_sent_again(again: Again, where: str) -> None:
    provider = Provider(**{where: [error(again)]})
    with pytest.raises(EditError):
        perform(provider)
    assert len(provider.sent) == 1


def test_throttling_is_no_attempt_and_waits_as_told() -> None:
    provider = Provider([error(Again.THROTTLED, "Throttling.RateQuota", retry_after_s=4.0)] * 5)
    assert perform(provider) == (DONE, 1)
    assert provider.sent == pytest.approx([0, 4, 8, 12, 16, 20])


def test_throttling_is_not_suffered_for_ever() -> None:
    provider = Provider([error(Again.THROTTLED)] * 100_000)
    with pytest.raises(EditError):
        perform(provider)
    assert 1800 < provider.clock.seconds < 2000


def test_a_task_that_failed_of_throttling_is_an_attempt() -> None:
    with pytest.raises(EditError):
        perform(Provider(collects=[error(Again.THROTTLED)] * 9))
    provider = Provider(collects=[error(Again.THROTTLED)] * (MAX_ATTEMPTS - 1))
    assert perform(provider) == (DONE, MAX_ATTEMPTS)


def test_a_stopping_run_sends_nothing_more() -> None:
    provider = Provider()
    with pytest.raises(NotStarted):
        perform(provider, stopping=True)
    assert provider.sent == []


def test_labels_cross_a_process_border() -> None:
    before = error(Again.THROTTLED, retry_after_s=2.5)
    after = pickle.loads(pickle.dumps(before))  # noqa: S301 - made in this line
    assert (after.code, after.message, after.again, after.retry_after_s) == (
        before.code,
        before.message,
        before.again,
        before.retry_after_s,
    )
