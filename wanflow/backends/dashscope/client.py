"""The client of the provider's API: submits calls, waits for tasks, brings their pictures into the store.

It labels every failure and repeats nothing that is paid; when to send again is decided elsewhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from wanflow.backends.dashscope.cadence import QUERIES_PER_S, Kind
from wanflow.backends.dashscope.connection import QUERY_S, SUBMIT_S, SYNC_S, Connection
from wanflow.backends.dashscope.download import Downloads, Fresh, UnusableError
from wanflow.backends.dashscope.pictures import Pictures
from wanflow.backends.dashscope.poller import LIFE, Poller
from wanflow.backends.dashscope.secret import Secret
from wanflow.backends.dashscope.ticket import Prepared, Ticket
from wanflow.clock import Clock
from wanflow.errors import Again, EditError, StoreError
from wanflow.functions import catalog
from wanflow.functions.catalog import Model, Offer, Protocol
from wanflow.model import Blob, Call, Ending, Result
from wanflow.store.uploads import Uploads
from wanflow.wire import answers, requests
from wanflow.wire.answers import Item, ListedTask, TaskState, TaskStatus
from wanflow.wire.verdicts import Phase, judged

if TYPE_CHECKING:
    import httpx

PAGE_SIZE = 50
MAX_PAGES = 200


class DashScope:
    """One account in one region. Use it in one event loop, and close it with `aclose`.

    `concurrent` says how many tasks of a model the account may run where that differs from the catalogue; `note` is
    told what a user should know while waiting; `uploads` remembers uploads, else they are forgotten with it.
    """

    def __init__(
        self,
        *,
        base_url: str,
        key: Secret | str,
        region: str,
        workspace: str | None,
        store: Path,
        clock: Clock,
        transport: httpx.AsyncBaseTransport | None = None,
        seed: int = 0,
        concurrent: Mapping[str, int] | None = None,
        note: Callable[[str], None] = lambda text: None,
        uploads: Uploads | None = None,
    ) -> None:
        secret = key if isinstance(key, Secret) else Secret(key)
        self.base_url, self.region, self._clock = base_url, catalog.region_named(region).name, clock
        self._concurrent = concurrent or {}
        self._connection = Connection(base_url, secret, workspace, clock, transport)
        self._pictures = Pictures(self._connection, clock, uploads)
        self._downloads = Downloads(self._connection, store, clock, Random(seed))
        self._poller = Poller(self._state, clock, note)

    def __repr__(self) -> str:
        return f"DashScope(base_url={self.base_url!r}, region={self.region!r})"

    @property
    def waiting(self) -> int:
        """How many tasks are waited for."""
        return self._poller.waiting

    def open(self) -> None:
        """Make ready to send. Raises UsageError when proxies or certificates are set that can't be used."""
        self._connection.open()

    async def prepare(self, call: Call) -> Prepared:
        """Everything of a submission but its sending; costs nothing, and may upload pictures. Raises EditError."""
        model = str(call.model)
        entry, offer = self._offered(model)
        protocol = preferred(entry)
        urls = await self._pictures.urls(call, requests.slots(entry, call), offer.name, entry.images or {})
        return Prepared(call, requests.submission(entry, protocol, offer.name, call, urls), protocol.is_async)

    async def submit(self, prepared: Prepared) -> Ticket:
        """Send it; costs money. Raises EditError."""
        call, model = prepared.call, str(prepared.call.model)
        deadline_s = SUBMIT_S if prepared.is_async else SYNC_S
        try:
            data = await self._connection.ask(prepared.request, Phase.SUBMIT, deadline_s)
        except EditError as error:
            await self._reconsider(call, error)
            if error.again is Again.NEVER:
                asked = f"It was asked of {self._offered(model)[1].name} in {self.region}."
                raise EditError(error.code, f"{error.message} {asked}") from error
            raise
        # Not before the request: its pictures may have taken long to get there.
        submitted_at = self._clock.now()
        if prepared.is_async:
            return Ticket(answers.accepted(data), call, model, submitted_at)
        return Ticket("", call, model, submitted_at, answers.finished(data))

    def lists(self, call: Call) -> bool:
        """Whether what a call makes is a task of the account; a synchronous protocol's is not."""
        entry = catalog.models().get(str(call.model))
        return entry is None or preferred(entry).is_async

    def ticket(self, call: Call, task_id: str, submitted_at: datetime) -> Ticket:
        """The ticket of a task that was sent before, by whomever."""
        return Ticket(task_id, call, str(call.model), submitted_at)

    async def wait(self, ticket: Ticket) -> Ending:
        """How a task ends; may be called again. Raises EditError when that can't be learnt: ACCOUNT or UNSURE."""
        try:
            state = ticket.answer or await self._poller.wait(ticket.task_id, self._kind(ticket), ticket.submitted_at)
        except EditError as error:  # of a query; what became of the task, another may still tell
            if error.again in (Again.ACCOUNT, Again.UNSURE):
                raise
            return Ending(error, 0)
        try:
            self._require_success(ticket, state)
        except EditError as error:
            await self._reconsider(ticket.call, error)
            if error.code == answers.BAD:  # it may have succeeded
                raise
            return Ending(error, 0)
        made = sum(1 for item in state.items if item.url)
        billed = made if state.image_count is None else state.image_count
        worked = (state.ended_at - state.scheduled_at) if state.ended_at and state.scheduled_at else None
        return Ending(None, billed, state, worked.total_seconds() if worked else None)

    async def fetch(self, ticket: Ticket, ending: Ending) -> Result:
        """Store the pictures of a task that succeeded; may be called again. Raises EditError: UNSURE or LOST."""
        state: TaskState = ending.state
        made = [(place, item) for place, item in enumerate(state.items) if item.url]
        try:
            fetched = await self._fetched(ticket, made)
        except EditError as error:
            if error.again in (Again.SOON, Again.THROTTLED):  # of a query; the task itself is done and billed
                raise EditError(error.code, error.message, Again.UNSURE) from error
            raise
        blobs, texts, warnings = [], [], _warnings(ticket, state)
        for (place, item), end in zip(made, fetched, strict=True):
            if isinstance(end, Blob):
                blobs.append(end)
                texts.append(item.actual_prompt)
            else:
                warnings.append(f"image {place + 1} of {ticket.images} is missing, and billed all the same: {end}")
        prompts = tuple(texts) if any(texts) else ()
        return Result(tuple(blobs), "real", tuple(warnings), ticket.task_id or None, ending.billed, prompts)

    @property
    def offset_s(self) -> float | None:
        """How many seconds the provider's clock is ahead of ours; None while that is not known."""
        return self._connection.offset_s

    async def cancel(self, ticket: Ticket) -> bool:
        """Stop a task that still waits; False when it is too late for that. Raises EditError."""
        try:
            await self._connection.ask(requests.cancel(ticket.task_id), Phase.QUERY)
        except EditError as error:
            if error.code == "UnsupportedOperation":
                return False
            raise
        return True

    async def tasks(self, since: datetime, until: datetime, model: str | None = None) -> list[ListedTask]:
        """The account's tasks submitted from `since` to `until`, newest knowledge of each. Raises EditError."""
        name = self._offered(model)[1].name if model else None
        found: dict[str, ListedTask] = {}
        while since < until:
            end = min(since + requests.WINDOW, until)
            found |= {task.task_id: task for task in await self._listed(since, end, name)}
            since = end
        return list(found.values())

    async def aclose(self) -> None:
        """Stop asking and let go of connections; tasks go on at the provider."""
        await self._poller.aclose()
        await self._connection.aclose()

    # -- parts

    def _offered(self, model: str) -> tuple[Model, Offer]:
        entry = catalog.models().get(model)
        if entry is None or self.region not in entry.offers:
            raise EditError("ModelNotOffered", f"{model} is not offered in the region {self.region}")
        return entry, entry.offers[self.region]

    def _kind(self, ticket: Ticket) -> Kind:
        entry, offer = self._offered(ticket.model)
        slots = self._concurrent.get(ticket.model, offer.concurrent_tasks)
        return Kind(ticket.model, ticket.call.function, ticket.images, slots, entry.typical_seconds)

    async def _state(self, task_id: str) -> TaskState:
        return answers.task(await self._connection.ask(requests.poll(task_id), Phase.QUERY, QUERY_S))

    def _require_success(self, ticket: Ticket, state: TaskState) -> None:
        if state.status is TaskStatus.UNKNOWN:
            raise self._vanished(ticket)
        if state.status is TaskStatus.CANCELED:
            raise EditError("Canceled", "the task was canceled before it began; nothing is billed")
        if state.status is TaskStatus.FAILED:
            raise judged(state.code or "TaskFailed", state.message, Phase.TASK)
        if not any(item.url for item in state.items):
            raise _without_pictures(state)

    def _vanished(self, ticket: Ticket) -> EditError:
        if self._clock.now() - ticket.submitted_at >= LIFE:
            return EditError("TaskExpired", "the service keeps tasks for 24 hours, and this one is older", Again.LOST)
        message = (
            "the service does not know the task any more, although it is not 24 hours old; it may have been billed"
        )
        return EditError("TaskLost", message, Again.LOST)

    async def _reconsider(self, call: Call, error: EditError) -> None:
        # The fault may lie with the pictures as they were uploaded, so another try does not rely on them.
        if error.again in (Again.SOON, Again.NEVER):
            with suppress(StoreError):  # what the service said is what counts, and the next write tells the same
                await self._pictures.forget(call, self._offered(str(call.model))[1].name)

    async def _fetched(self, ticket: Ticket, made: list[tuple[int, Item]]) -> list[Blob | EditError]:
        """What came of each picture: an error only for one that can't be had next time either, and never for all."""
        fetches = (self._downloads.fetch(item.url, self._fresh(ticket, place)) for place, item in made)
        # All are waited for: what one can't have, the next collect finds stored for the others.
        ends = await asyncio.gather(*fetches, return_exceptions=True)
        some = any(isinstance(end, Blob) for end in ends)
        for end in ends:
            if isinstance(end, BaseException) and not (some and _is_for_good(end)):
                raise end
        return [end for end in ends if isinstance(end, Blob | EditError)]

    def _fresh(self, ticket: Ticket, place: int) -> Fresh | None:
        return partial(self._fresh_url, ticket, place) if ticket.task_id else None

    async def _fresh_url(self, ticket: Ticket, place: int) -> str:
        state = await self._state(ticket.task_id)
        if state.status is TaskStatus.UNKNOWN:
            raise self._vanished(ticket)
        if place >= len(state.items) or not state.items[place].url:
            raise EditError("ResultGone", "the service does not name the picture any more", Again.UNSURE)
        return state.items[place].url

    async def _listed(self, since: datetime, until: datetime, name: str | None) -> list[ListedTask]:
        found: list[ListedTask] = []
        for number in range(1, MAX_PAGES + 1):
            request = requests.listing(since, until, name, page=number, size=PAGE_SIZE)
            page = answers.page(await self._connection.ask(request, Phase.QUERY))
            found += page.tasks
            if number >= page.pages:
                return found
            await self._clock.sleep(1 / QUERIES_PER_S)
        message = f"the account has more than {MAX_PAGES * PAGE_SIZE} tasks in a day, too many to look through"
        raise EditError("TooManyTasks", message)


def preferred(model: Model) -> Protocol:
    """How a model is asked: with a task, whose id survives a crash, before a call that is held until it is done."""
    return next((protocol for protocol in model.protocols if protocol.is_async), model.protocols[0])


def _is_for_good(error: BaseException) -> bool:
    return isinstance(error, UnusableError) or (isinstance(error, EditError) and error.code == "ResultGone")


def _warnings(ticket: Ticket, state: TaskState) -> list[str]:
    total = max(ticket.images, len(state.items))
    failed = [
        f"image {place} of {total} failed: {_told(item)}" for place, item in enumerate(state.items, 1) if not item.url
    ]
    # Protocols with choices leave failed images out.
    missing = ticket.images - len(state.items)
    return [*failed, f"{missing} of {total} images are missing in the answer"] if missing > 0 else failed


def _told(item: Item) -> EditError:
    if item.code == answers.BAD:
        return EditError(item.code, f"the service's answer makes no sense: {item.message}", Again.UNSURE)
    return judged(item.code, item.message, Phase.TASK)


def _without_pictures(state: TaskState) -> EditError:
    # What can't be read may have been made, and billed.
    if odd := next((item for item in state.items if item.code == answers.BAD), None):
        return _told(odd)
    if state.items:
        return _told(state.items[0])
    return EditError(answers.BAD, "the task succeeded, and its answer names no picture", Again.UNSURE)
