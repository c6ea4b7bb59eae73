"""Why a run starts nothing more: told to stop, nothing can be written, or an account can't go on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from wanflow.clock import Clock
from wanflow.errors import EditError, StoreError, sentence

REMIND_S = 30.0


class Halt:
    """Asked before anything is started; `aborted` also ends what is under way. `note` tells the user why."""

    def __init__(self, note: Callable[[str], None], *, keep_going: bool) -> None:
        self.stopping = self.aborted = self.interrupted = False
        self.store_error: StoreError | None = None
        self.account_error: EditError | None = None
        self._note, self._keep_going = note, keep_going

    def interrupt(self, *, at_once: bool) -> None:
        """Somebody outside wants an end."""
        self.stopping = self.interrupted = True
        self.aborted |= at_once

    def after_failure(self) -> None:
        """A job or a file failed."""
        self.stopping |= not self._keep_going

    @contextmanager
    def guard(self) -> Iterator[None]:
        """Let what can't be written within stop the run instead of raising."""
        try:
            yield
        except StoreError as error:
            self.for_store(error)

    def for_store(self, error: StoreError) -> None:
        """What is made could not be kept, or not be put where it is wanted."""
        if self.store_error is None:
            self.store_error = error
            self._note(f"{sentence(error)} Nothing more is started")
        self.stopping = True

    def for_account(self, error: EditError) -> None:
        """Every further request of this account would be refused alike; what is under way is finished and kept."""
        if self.account_error is None:
            self.account_error = error
            # The job that met it tells what the service said.
            self._note(f"{error.code}: the account can't go on. Nothing more is started")
        self.stopping = True


async def remind(waiting: Callable[[], int], clock: Clock, note: Callable[[str], None]) -> None:
    """Tell every REMIND_S, until it is cancelled, how many tasks a run that was told to stop still waits for."""
    while True:
        await clock.sleep(REMIND_S)
        if tasks := waiting():
            left = f"still waiting for {tasks} task{'s' * (tasks > 1)} at the provider"
            note(f"{left}; press Ctrl-C again to leave them to the next run")
