"""Small fakes: a backend that makes no pictures and keeps a list of what it was asked."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from io import BytesIO
from itertools import count
from pathlib import Path

from PIL import Image

from wanflow.api import Options
from wanflow.backends.draft import DraftBackend
from wanflow.backends.workers import Workers
from wanflow.errors import EditError
from wanflow.functions import sizes
from wanflow.functions.catalog import functions
from wanflow.language.recipe import Step
from wanflow.model import Account, Blob, Call, Ending, Limits, Listed, Result, Terms
from wanflow.pictures.images import describe
from wanflow.store.blobs import Blobs


def picture(colour: object, size: tuple[int, int] = (520, 520), **save: object) -> bytes:
    """A one-colour PNG; the colour is drawn from any value."""
    rgb = tuple(hashlib.sha256(repr(colour).encode()).digest()[:3])
    buffer = BytesIO()
    Image.new("RGB", size, rgb).save(buffer, "PNG", **save)
    return buffer.getvalue()


PRICE = Decimal("0.020070")


@dataclass
class Fakery:
    """What the fake backend was asked, and how it answers."""

    asked: list[Call] = field(default_factory=list)
    faults: dict[str, list[EditError]] = field(default_factory=dict)
    lost: dict[str, int] = field(default_factory=dict)  # images of the next call that don't come, by function
    fidelity: str = "real"
    warnings: tuple[str, ...] = ()
    sized: Callable[[str, tuple[int, int]], tuple[int, int]] = lambda function, ruled: ruled  # as the provider pleases
    paint: Callable[[Call], object] = lambda call: (
        call.function,
        sorted(call.parameters.items()),
        sorted((slot, sha256) for slot, (_, sha256) in call.inputs.items()),
    )

    def options(self, **more: object) -> Options:
        return Options(backends={"draft": lambda services: FakeBackend(services.workers, self)}, **more)  # type: ignore[arg-type]

    def paid(self, usd: Decimal | None = PRICE, **more: object) -> Options:
        """A backend that charges."""
        return Options(backends={"draft": lambda services: PaidBackend(services.workers, self, usd)}, **more)  # type: ignore[arg-type]

    def steps(self) -> list[str]:
        """The functions asked for since the last call of this, in order."""
        names = [call.function for call in self.asked]
        self.asked.clear()
        return names


class FakeBackend(DraftBackend):
    """Like draft, but what it makes is a line of JSON: the picture's size, and what it was made from."""

    def __init__(self, workers: Workers, fakery: Fakery) -> None:
        super().__init__(workers)
        self.fakery = fakery

    async def perform(self, call: Call) -> Result:
        self.fakery.asked.append(call)
        if faults := self.fakery.faults.get(call.function):
            raise faults.pop(0)
        wanted = call.parameters.get("n", 1)
        made = [self._made(call, place) for place in range(wanted - self.fakery.lost.pop(call.function, 0))]
        return Result(tuple(made), self.fakery.fidelity, self.fakery.warnings)

    def _made(self, call: Call, place: int) -> Blob:
        """One of the call's images: by its own seed, the next, …"""
        parameters = {name: value for name, value in call.parameters.items() if name != "n"}
        if place:
            parameters["seed"] = parameters.get("seed", 0) + place
        data = json.dumps([self._size(call), self.fakery.paint(replace(call, parameters=parameters))]).encode()
        return Blob(Blobs(self.workers.store).put(data), *self._size(call), "PNG", len(data))

    def _size(self, call: Call) -> tuple[int, int]:
        path, _ = call.inputs.get("image") or list(call.inputs.values())[-1]
        raw = Path(path).read_bytes()
        before = describe(raw).size if raw.startswith(b"\x89PNG") else json.loads(raw)[0]
        return self.fakery.sized(
            call.function, sizes.resulting(functions()[call.function].size, before, call.parameters)
        )


class PaidBackend(FakeBackend):
    """A provider that charges for every image, two tasks at once, and finds subjects by itself."""

    place = "Somewhere"
    takes_hints = False

    def __init__(self, workers: Workers, fakery: Fakery, usd: Decimal | None = PRICE) -> None:
        super().__init__(workers, fakery)
        self.usd = usd

    def terms(self, step: Step) -> Terms:
        if step.function.is_local:
            return super().terms(step)
        return Terms("real", self.usd, 10.0, "paid", Limits(2))

    def account(self) -> Account:
        return Account("fake", "a fake account")

    def named_account(self) -> Account | None:
        return Account("fake", "a fake account")

    def service(self, uploads: object) -> PaidService:
        return PaidService(super().perform)


@dataclass(frozen=True)
class FakeTicket:
    """A call that was sent."""

    task_id: str
    call: Call


class PaidService:
    """Gives each call an id of its own; its pictures are made when it is waited for."""

    offset_s = 0.0
    waiting = 0
    _numbers = count(1)  # the provider gives no id twice

    def __init__(self, perform: Callable[[Call], Awaitable[Result]]) -> None:
        self._perform = perform

    async def prepare(self, call: Call) -> Call:
        return call

    async def submit(self, prepared: Call) -> FakeTicket:
        return FakeTicket(f"task-{prepared.key[:6]}-{next(self._numbers)}", prepared)

    def lists(self, call: Call) -> bool:
        return True

    def ticket(self, call: Call, task_id: str, submitted_at: datetime) -> FakeTicket:
        return FakeTicket(task_id, call)

    async def wait(self, ticket: FakeTicket) -> Ending:
        try:
            made = await self._perform(ticket.call)
            return Ending(None, len(made.blobs), made)
        except EditError as error:
            return Ending(error, 0)

    async def fetch(self, ticket: FakeTicket, ending: Ending) -> Result:
        made: Result = ending.state
        return replace(made, task_id=ticket.task_id, billed=ending.billed)

    async def tasks(self, since: datetime, until: datetime, model: str) -> list[Listed]:
        return []

    async def aclose(self) -> None: ...
