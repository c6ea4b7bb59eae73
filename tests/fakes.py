"""Small fakes: a backend that makes no pictures and keeps a list of what it was asked."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from io import BytesIO
from pathlib import Path

from PIL import Image

from wanflow import sizes
from wanflow.api import Options
from wanflow.backends.draft import DraftBackend
from wanflow.catalog import functions
from wanflow.errors import EditError
from wanflow.images import describe
from wanflow.model import Blob, Call, Limits, Result, Terms
from wanflow.recipe import Step
from wanflow.store.blobs import Blobs
from wanflow.workers import Workers


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
    fidelity: str = "real"
    warnings: tuple[str, ...] = ()
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

    async def collect(self, ticket: Call) -> Result:
        self.fakery.asked.append(ticket)
        if faults := self.fakery.faults.get(ticket.function):
            raise faults.pop(0)
        data = json.dumps([self._size(ticket), self.fakery.paint(ticket)]).encode()
        sha256 = Blobs(self.workers.store).put(data)
        return Result(
            (Blob(sha256, *self._size(ticket), "PNG", len(data)),), self.fakery.fidelity, self.fakery.warnings
        )

    def _size(self, ticket: Call) -> tuple[int, int]:
        path, _ = ticket.inputs["image"]
        raw = Path(path).read_bytes()
        before = describe(raw).size if raw.startswith(b"\x89PNG") else json.loads(raw)[0]
        return sizes.resulting(functions()[ticket.function].size, before, ticket.parameters)


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

    async def collect(self, ticket: Call) -> Result:
        return replace(await super().collect(ticket), task_id=f"task-{ticket.key[:6]}", billed=1)
