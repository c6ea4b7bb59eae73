"""A provider that charges and paints by seed, and a project whose one paid step has a gate."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np
from fakes import PRICE, Fakery, FakeTicket, PaidBackend, PaidService
from projects import Heard, coded, gradient

from wanflow import api
from wanflow.model import Call, Result
from wanflow.pictures.images import describe
from wanflow.planning.planned import Plan
from wanflow.record import RunRecord
from wanflow.store.blobs import Blobs

SIZE = (520, 520)
GOOD = coded(gradient(*SIZE, seed=5))
OTHER = coded(gradient(*SIZE, seed=8))
BLANK = coded(np.full((*SIZE, 3), 90, np.uint8))

Painted = Callable[[Call], bytes | list[bytes]]


class Studio(PaidBackend):
    """Charges for every image, and paints what it is told to."""

    paint: Painted

    async def perform(self, call: Call) -> Result:
        """As `paint` has it."""
        made = self.paint(call) if call.function.startswith("wan/") else GOOD
        every = made if isinstance(made, list) else [made]
        for raw in every:
            Blobs(self.workers.store).put(raw)
        return Result(tuple(map(describe, every)), "real")

    def service(self, uploads: object) -> PaidService:
        """Lists what is sent."""
        return Counter(self.perform, self.fakery)


class Counter(PaidService):
    """Keeps what was sent, which is what is paid for."""

    def __init__(self, perform: Callable[[Call], Awaitable[Result]], fakery: Fakery) -> None:
        super().__init__(perform)
        self.fakery = fakery

    async def submit(self, prepared: Call) -> FakeTicket:
        """As any."""
        self.fakery.asked.append(prepared)
        return await super().submit(prepared)


def blank_for(*seeds: object) -> Painted:
    """A blank picture for these seeds (None: no seed was sent), else a good one."""
    return lambda call: BLANK if call.parameters.get("seed") in seeds else GOOD


class Gated:
    """A project with a paid step `paint` over rows a, b, …, and what its provider was asked."""

    def __init__(
        self, folder: Path, gate: str, *, rows: int = 1, more: str = "", painted: Painted = lambda call: GOOD
    ) -> None:
        self.folder, self.fakery, self.painted = folder, Fakery(), painted
        folder.mkdir(exist_ok=True)
        names = "abcdefgh"[:rows]
        for number, name in enumerate(names):
            (folder / f"{name}.png").write_bytes(coded(gradient(*SIZE, seed=number)))
            os.utime(folder / f"{name}.png", (1_700_000_000, 1_700_000_000))  # long ago, as photographs are
        (folder / "rows.csv").write_text("id,photo\n" + "".join(f"{name},{name}.png\n" for name in names))
        self.more = more
        self.write(gate)

    def write(self, gate: str) -> None:
        """The recipe, with this gate."""
        step = f"  paint: {{uses: wan/description_edit, image: row.photo, with: {{prompt: x}}, {gate}}}\n"
        head = "wanflow: 1\nname: gated\nmanifest: {from: rows.csv}\nsteps:\n"
        outputs = 'outputs:\n  made: {image: steps.paint, to: "out/${{ row.id }}.png"}\n'
        (self.folder / "r.yaml").write_text(head + step + (self.more or outputs))

    def options(self, **more: object) -> api.Options:
        """Those of a run at this provider."""
        backend = type("Painter", (Studio,), {"paint": staticmethod(self.painted)})
        return api.Options(backends={"draft": lambda services: backend(services.workers, self.fakery)}, **more)  # type: ignore[arg-type]

    def plan(self, **more: object) -> Plan:
        """What a run would do."""
        return api.plan(self.folder / "r.yaml", self.options(**more))

    def run(self, **more: object) -> RunRecord:
        """Do it."""
        self.heard = Heard()
        _, record = api.run(self.folder / "r.yaml", self.options(**more), listener=self.heard)
        assert record
        return record

    def seeds(self) -> list[object]:
        """The seeds of what was sent since the last call of this."""
        found = [call.parameters.get("seed") for call in self.fakery.asked]
        self.fakery.asked.clear()
        return found

    def out(self, name: str) -> bytes:
        """An output file."""
        return (self.folder / "out" / f"{name}.png").read_bytes()


def images(usd: object) -> float:
    """An amount in pictures."""
    return float(usd / PRICE)  # type: ignore[operator]
