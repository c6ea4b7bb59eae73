"""What dead runs left at the provider, and what nobody waits for any more, is seen to its end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from paydesk import Desk, Provider, error

from wanflow.attempts import Performed
from wanflow.errors import Again, EditError
from wanflow.payments import Payments
from wanflow.salvage import Salvage
from wanflow.store.tasks import State, Task

DAY_S = 86_400


class Rescue:
    """A run that does nothing but salvage, and what it kept and told."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.kept: list[str | None] = []
        self.notes: list[str] = []

    def work(self, task: Callable[[Payments, Salvage], Awaitable[Any]], **more: Any) -> Any:
        async def main(payments: Payments) -> Any:
            salvage = Salvage(payments, self.desk.provider.clock, self._keep, self.notes.append)
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
