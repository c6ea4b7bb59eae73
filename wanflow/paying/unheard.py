"""Finds out whether a request that was not answered made a task: looks for it in the account's list until that is sure.

What can't be told is left *uncertain*, and never sent again by itself.
"""

from __future__ import annotations

import shlex
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from math import inf

from wanflow.backends import Service
from wanflow.errors import Again, EditError, sentence
from wanflow.model import Listed, Result
from wanflow.paying.attempts import PATIENCE_S, Left, News, Retries
from wanflow.paying.reconcile import Sent, Verdict, verdict
from wanflow.store.ledger import Ledger
from wanflow.store.tasks import State, Task

LOOK_S, LONGEST_LOOK_S = 2.0, 20.0
AGAIN = "It is not sent again by itself, since that might be paid twice; --resubmit-uncertain sends it again"


class Search:
    """One run's search; `failed` is told of a request that is proven to have made no task, and settles its price."""

    def __init__(
        self,
        service: Service,
        ledger: Ledger,
        retries: Retries,
        news: News,
        failed: Callable[[Task, str], Awaitable[None]],
    ) -> None:
        self._service, self._ledger, self._retries = service, ledger, retries
        self._clock, self._news, self._failed = retries.clock, news, failed

    async def settle(self, task: Task) -> Task:
        """The task as it stands once it is known whether it was taken. Raises EditError while that can't be told, Left
        where the run stops first.
        """
        if not self._service.lists(task.call):
            why = f"no answer came, and {task.model}, which answers at once, makes no task that could be looked for"
            raise await self._uncertain(task, why)
        began, look_s = self._clock.monotonic(), LOOK_S
        # A job and whoever takes up what dead runs left may look for the same request; the first settles it for both.
        while (task := await self._ledger.write(self._ledger.again, task)).state is State.SENDING:
            # The list tells of the moment it was asked for, however long it took.
            watched_s, offset_s = self._clock.monotonic() - began, self._service.offset_s
            sent = Sent.of(task, None if offset_s is None else self._now() + offset_s, watched_s)
            found = await self._looked_for(task, sent, watched_s)
            if found.task_id:
                await self._adopt(task, found.task_id)
                continue
            if found.not_taken:
                await self._failed(task, "the service never got the request")
                continue
            if found.doubt:
                raise await self._uncertain(task, found.doubt)
            if self._retries.stopping():
                raise Left
            await self._clock.sleep(look_s)
            look_s = min(LONGEST_LOOK_S, look_s * 2)
        return task

    def _now(self) -> float:
        return self._clock.now().timestamp()

    async def _looked_for(self, task: Task, sent: Sent, watched_s: float) -> Verdict:
        if (listed := await self._listed(task, watched_s)) is None:
            return Verdict()
        ledger = self._ledger
        others = await ledger.write(ledger.rivals, task)
        rivals = [Sent.of(other, is_awaited=await ledger.write(ledger.is_awaited, other)) for other in others]
        known = await ledger.write(ledger.known, [entry.task_id for entry in listed])
        found = verdict(sent, rivals, [entry for entry in listed if entry.task_id not in known])
        # Whoever is still to be answered will tell which is its own.
        awaited = any(rival.latest == inf for rival in rivals) and watched_s < PATIENCE_S
        return Verdict() if found.doubt and awaited else found

    async def _listed(self, task: Task, watched_s: float) -> Sequence[Listed] | None:
        """The account's tasks of that time; None when they can't be listed just now."""
        since, until = Sent.of(task).window
        try:
            return await self._service.tasks(since, until, task.model)
        except EditError as error:
            passing = error.again in (Again.SOON, Again.THROTTLED, Again.UNSURE)
            if passing and watched_s < PATIENCE_S:
                if self._news.is_due(f"the list of {task.lane}", PATIENCE_S):
                    self._retries.note(f"{task.job}: the account's tasks can't be listed ({error}); looking on")
                return None
            message = f"no answer came, and the account's tasks can't be listed ({error}); the next run asks again"
            raise EditError("NoAnswer", message, Again.UNSURE) from error

    async def _adopt(self, task: Task, task_id: str) -> None:
        moment = task.sent_at or self._now()
        detail = f"no answer came to its request, and the account's only task of that time, {task_id}, was taken for it"
        move = partial(self._ledger.move, task_id=task_id, submitted_at=moment)
        await self._ledger.write(move, task, State.SUBMITTED, self._now(), detail)

    async def _uncertain(self, task: Task, why: str) -> EditError:
        await self._ledger.write(self._ledger.move, task, State.UNCERTAIN, self._now(), why)
        return EditError("Uncertain", f"{sentence(why)} {AGAIN}", Again.UNSURE)


def look_at(task: Task, result: Result) -> str:
    """What the user has to do about a picture whose task was found by its time alone."""
    where = "".join(f" (.wanflow/objects/{blob.sha256[:2]}/{blob.sha256})" for blob in result.blobs[:1])
    remedy = shlex.join(["wanflow", "run", task.recipe, "-B", "-s", task.job])
    foreign = f"If it shows something else, that task is another program's: `{remedy}` makes it anew, and pays for it"
    return f"{sentence(task.detail)} Look at the picture of {task.job}{where}. {foreign}"
