"""A project at the provider, planned by its real prices and limits, and done by a fake that charges nothing."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fakes import FakeBackend, Fakery, PaidService, picture
from projects import Heard

from wanflow import api
from wanflow.backends.provider import ProviderBackend
from wanflow.backends.services import Services
from wanflow.model import Account, Call, Result
from wanflow.planning.planned import Plan
from wanflow.record import RunRecord

RECIPE = """\
wanflow: 1
name: archive
manifest: {from: photos.csv}
steps:
  colour: {uses: wan/colorization, image: row.photo, with: {prompt: "${{ row.colours }}"}}
  fused:
    uses: wan/i2i
    model: wan2.5-i2i-preview
    images: [steps.colour]
    with: {prompt: "An old postcard of this scene, with worn edges and faded ink, seen from above on a wooden table"}
  small: {uses: local/resize, image: steps.fused, with: {width: 300}}
outputs:
  card: {image: steps.fused, to: "out/${{ row.id }}.png"}
"""
ROWS = "id,photo,colours\n0001,a.png,blue sky and a brown coat\n0002,b.png,green hills\n0003,c.png,a red house\n"


class PretendProvider(ProviderBackend):
    """The provider as a plan knows it; whoever sends something gets a fake's picture at once."""

    def __init__(self, services: Services, fakery: Fakery) -> None:
        super().__init__(services)
        self._fake = FakeBackend(services.workers, fakery)

    def account(self) -> Account:
        return Account("fake", "a fake account")

    def service(self, uploads: object) -> PaidService:  # type: ignore[override]
        return PaidService(self._fake.perform)

    async def perform(self, call: Call) -> Result:
        return await self._fake.perform(call)


@dataclass(frozen=True)
class Reviewed:
    """A project folder with the recipe r.yaml."""

    folder: Path
    fakery: Fakery = field(default_factory=Fakery)

    @property
    def recipe(self) -> Path:
        return self.folder / "r.yaml"

    def options(self, **more: object) -> api.Options:
        return api.Options(
            backend="dashscope",
            backends={"dashscope": lambda services: PretendProvider(services, self.fakery)},
            **more,  # type: ignore[arg-type]
        )

    def plan(self, **more: object) -> Plan:
        return api.plan(self.recipe, self.options(**more))

    def run(self, **more: object) -> RunRecord:
        _, record = api.run(self.recipe, self.options(**more), listener=Heard())
        assert record
        return record

    def change(self, old: str, new: str, file: str = "r.yaml") -> None:
        text = (self.folder / file).read_text(encoding="utf-8")
        assert old in text
        (self.folder / file).write_text(text.replace(old, new), encoding="utf-8")


def reviewed_project(folder: Path, recipe: str = RECIPE, files: Mapping[str, bytes] | None = None) -> Reviewed:
    folder.mkdir(exist_ok=True)
    for name, raw in (files or {f"{name}.png": picture(name) for name in "abc"}).items():
        (folder / name).write_bytes(raw)
        os.utime(folder / name, (1_700_000_000, 1_700_000_000))  # a file just written is read again
    (folder / "photos.csv").write_text(ROWS, encoding="utf-8")
    (folder / "wanflow.toml").write_text("jobs = 2\n", encoding="utf-8")
    (folder / "r.yaml").write_text(recipe, encoding="utf-8")
    return Reviewed(folder)
