"""What dead runs left at the provider, and what nobody waits for any more, is seen to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from paydesk import ORDER, Desk, Line, Provider, error, order

from wanflow.errors import Again, EditError, StoreError
from wanflow.model import Ending, Limits, Result
from wanflow.paying.attempts import Performed
from wanflow.paying.payments import Payments
from wanflow.paying.reconcile import SETTLED_S
from wanflow.paying.salvage import Salvage
from wanflow.store.tasks import State, Task

DAY_S = 86_400


class Rescue:
    """A run that does nothing but salvage, and what it kept and told."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.kept: list[str | None] = []
        self.notes: list[str] = []
        self.broken: list[StoreError] = []

    def work(self, task: Callable[[Payments, Salvage], Awaitable[Any]], **more: Any) -> Any:
        async def main(payments: Payments) -> Any:
            salvage = Salvage(payments, self.desk.provider.clock, self._keep, self.notes.append, self.broken.append)
            await salvage.start()
            try:
                return await task(payments, salvage)
            finally:
                await salvage.stop()

        return self.desk.work(main, **more)

    def finish(self) -> None:
        """Bring everything home."""
        self.work(lambda _, salvage: salvage.finish())

    def _keep(self, task: Task, performed: Performed) -> bool:
        self.kept.append(performed.result.task_id)
        return True


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "account", Provider())


@pytest.fixture
def rescue(desk: Desk) -> Rescue:
    return Rescue(desk)


def leave_submitted(desk: Desk) -> None:
    """A run that ends while its task is at work."""
    desk.provider.clock.seconds = 60.0
    desk.provider.waits = [error(Again.ACCOUNT, "InvalidApiKey")]
    with pytest.raises(EditError):
        desk.perform()
    assert desk.states() == [State.SUBMITTED]


def test_what_a_dead_run_left_is_brought_home(desk: Desk, rescue: Rescue) -> None:
    leave_submitted(desk)
    rescue.finish()
    assert (rescue.kept, desk.states()) == (["task-1"], [State.STORED])


@pytest.mark.parametrize("state", [State.SUBMITTED, State.DONE])
def test_a_clock_that_was_set_forward_does_not_make_a_left_task_too_old(
    desk: Desk, rescue: Rescue, state: State
) -> None:
    leave_submitted(desk)
    if state is State.DONE:
        desk.provider.fetches = [error(Again.UNSURE, "DownloadFailed")]
        with pytest.raises(EditError):
            desk.perform()
    desk.provider.clock.seconds += 26 * 3600
    desk.provider.offset_s, desk.provider.ahead_s = None, -26 * 3600
    rescue.finish()
    assert (rescue.kept, desk.states()) == (["task-1"], [State.STORED])


def test_while_nobody_tells_the_time_no_task_is_given_up(desk: Desk, rescue: Rescue) -> None:
    leave_submitted(desk)
    desk.provider.clock.seconds += 26 * 3600
    desk.provider.offset_s, desk.provider.ahead_s = None, -26 * 3600
    desk.provider.listings = [error(Again.SOON, "Unreachable")]
    rescue.finish()
    assert (rescue.kept, desk.states()) == ([], [State.SUBMITTED])
    rescue.finish()
    assert (rescue.kept, desk.states()) == (["task-1"], [State.STORED])


def test_a_slot_whose_job_gave_up_waiting_is_freed_in_the_same_run(desk: Desk, rescue: Rescue) -> None:
    desk.provider.waits = [error(Again.UNSURE, "BadAnswer")]

    async def both(payments: Payments, salvage: Salvage) -> None:
        with pytest.raises(EditError, match="BadAnswer"):
            await payments.perform(order("one", limits=Limits(1)))
        await payments.stored((await payments.perform(order("two", limits=Limits(1)))).task)
        await salvage.finish()

    rescue.work(both)
    assert (rescue.kept, desk.states()) == (["task-1"], [State.STORED, State.STORED])


def test_a_request_whose_job_gave_up_looking_is_looked_for_in_the_same_run(desk: Desk, rescue: Rescue) -> None:
    desk.provider.submits, desk.provider.takes_unheard = [error(Again.UNSURE, "NoAnswer")], True
    desk.provider.listings = [error(Again.ACCOUNT, "InvalidApiKey")]

    async def both(payments: Payments, salvage: Salvage) -> None:
        with pytest.raises(EditError, match="can't be listed"):
            await payments.perform(order("one", limits=Limits(1)))
        await payments.stored((await payments.perform(order("two", limits=Limits(1)))).task)
        await salvage.finish()

    rescue.work(both)
    assert (rescue.kept, desk.states()) == (["task-1"], [State.STORED, State.STORED])
    assert desk.provider.sent[1] < SETTLED_S


def test_what_a_job_waits_for_is_left_to_it(desk: Desk, rescue: Rescue) -> None:
    waiting, plain = [0], desk.provider.wait

    async def slow(ticket: Line) -> Ending:
        waiting[0] += 1
        await desk.provider.clock.sleep(600)
        return await plain(ticket)

    desk.provider.wait = slow  # type: ignore[method-assign]
    rescue.work(lambda payments, _: payments.perform(ORDER))
    assert waiting == [1]


def test_what_can_not_be_learnt_is_asked_for_now_and_then_and_told_once(desk: Desk, rescue: Rescue) -> None:
    leave_submitted(desk)
    desk.provider.waits = [error(Again.UNSURE, "BadAnswer") for _ in range(99)]

    async def ten_minutes(payments: Payments, salvage: Salvage) -> None:
        until = desk.provider.clock.seconds + 600
        while desk.provider.clock.seconds < until:
            await payments.write(int)

    rescue.work(ten_minutes)
    assert 89 <= len(desk.provider.waits) <= 91
    assert rescue.notes == ["1/wide of an earlier run: BadAnswer: it failed"]


def test_a_ledger_that_can_not_be_written_is_told_and_ends_the_salvage(desk: Desk, rescue: Rescue) -> None:
    leave_submitted(desk)

    def full(*_: Any, **__: Any) -> None:
        raise StoreError("no room")

    async def finish(payments: Payments, salvage: Salvage) -> None:
        payments.ledger.move = full  # type: ignore[method-assign]
        with pytest.raises(StoreError, match="no room"):
            await salvage.finish()

    rescue.work(finish)
    assert [str(error) for error in rescue.broken] == ["no room"]


def test_a_ledger_that_can_not_be_read_ends_the_looking_and_is_told(desk: Desk, rescue: Rescue) -> None:
    def gone(_: float) -> list[Task]:
        raise StoreError("disk I/O error")

    async def wait(payments: Payments, salvage: Salvage) -> None:
        payments.ledger.orphans = gone  # type: ignore[method-assign]
        while not rescue.broken:
            await payments.write(int)
        with pytest.raises(StoreError, match="disk I/O error"):
            await salvage.finish()

    rescue.work(wait)
    assert len(rescue.broken) == 1


def test_who_is_told_to_stop_waits_for_nothing_and_keeps_what_is_being_fetched(desk: Desk, rescue: Rescue) -> None:
    for key in ("one", "two"):
        desk.provider.fetches = [error(Again.UNSURE, "DownloadFailed")]
        with pytest.raises(EditError):
            desk.perform(order(key))
    desk.provider.waits = [error(Again.ACCOUNT, "InvalidApiKey")]
    with pytest.raises(EditError):
        desk.perform(order("three"))
    assert desk.states() == [State.DONE, State.DONE, State.SUBMITTED]
    fetching, go_on, plain = asyncio.Event(), asyncio.Event(), desk.provider.fetch

    async def slow(ticket: Line, ending: Ending) -> Result:
        fetching.set()
        await go_on.wait()
        return await plain(ticket, ending)

    desk.provider.fetch = slow  # type: ignore[method-assign]

    async def leave(_: Payments, salvage: Salvage) -> None:
        finishing = asyncio.create_task(salvage.finish())
        await fetching.wait()
        salvage.leave()
        go_on.set()
        await finishing

    rescue.work(leave)
    assert rescue.kept == ["task-1"]


def test_who_is_told_to_stop_does_not_wait_for_the_tasks_of_earlier_runs(desk: Desk, rescue: Rescue) -> None:
    leave_submitted(desk)
    asked = asyncio.Event()

    async def never(_: Line) -> Ending:
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError

    desk.provider.wait = never  # type: ignore[method-assign]

    async def leave(_: Payments, salvage: Salvage) -> None:
        finishing = asyncio.create_task(salvage.finish())
        await asked.wait()
        salvage.leave()
        await finishing

    rescue.work(leave)
    assert (rescue.kept, desk.states()) == ([], [State.SUBMITTED])
