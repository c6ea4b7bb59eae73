"""A project whose runs have all that a report shows: twelve photographs, picks, gates, failures, prices, odd texts."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from fakes import Fakery, PaidBackend, PaidService
from PIL import Image
from projects import Small

from wanflow import api
from wanflow.errors import Again, EditError
from wanflow.model import Call, Limits, Result, Terms
from wanflow.record import RunRecord

PHOTOS = Path(__file__).parent / "photos"
# What a page, a file name or a terminal might take for more than text.
ODD = '</script><script>alert(1)</script> <b>&amp; "quoted" \u2028 \x07 \x1b[31m'
ODD_FILE = "we'ird <b> #1?100%.png"
RECIPE = """\
wanflow: 1
name: archive
params: {style: {type: string, default: French picture book}}
manifest: {from: photos.csv, key: id, types: {strength: number}}
defaults: {seed: 7}
steps:
  prep: {uses: local/fit, image: row.photo, with: {min_side: 512}, tags: [base]}
  colorize:
    uses: wan/colorization
    image: steps.prep
    when: row.kind == "old"
    otherwise: bypass
    with: {prompt: "${{ row.wish }}"}
  look:
    uses: wan/stylization_all
    image: steps.colorize
    candidates: 3
    pick: {by: hand}
    tags: [look]
    with: {prompt: "Convert to ${{ params.style }} style"}
  clean:
    uses: wan/description_edit
    image: steps.prep
    when: row.kind != "new"
    otherwise: skip
    with: {prompt: "Make it brighter. ${{ row.wish }}", strength: "${{ row.strength }}"}
    expect: {max_similarity: 0.985}
    reroll: 1
  best:
    uses: wan/stylization_all
    image: steps.prep
    candidates: 2
    pick: {by: sharpest}
    with: {prompt: gold foil art}
  web: {uses: local/crop, image: steps.look, with: {ratio: "16:9"}, tags: [web]}
  sheet: {uses: local/contact_sheet, images: steps.prep.all, per: run, with: {columns: 4}}
outputs:
  clean: {image: steps.clean, to: "out/${{ row.id }}-clean.png"}
  best: {image: steps.best, to: "out/best ${{ row.id }} #1.jpg"}
  web: {image: steps.web, to: "out/${{ row.id }}.webp"}
"""
ROWS = (
    ("r01", "astronaut.jpg", "old", "bright colours"),
    ("r02", "chelsea.jpg", "old", "a ginger cat"),
    ("r03", "coffee.jpg", "mid", "warm light"),
    ("r04", "rocket.jpg", "new", ""),
    ("r05", "camera.jpg", "old", "please refuse"),
    ("r06", "hubble_deep_field.jpg", "old", "please break"),
    ("r07", "coffee.jpg", "mid", ""),
    ("r08", "turned.jpg", "old", ODD),
    ("r09", ODD_FILE, "mid", "clear glass"),
    ("r10", "astronaut.jpg", "new", ""),
    ("r11", "rocket.jpg", "mid", "evening"),
    ("r12", "camera.jpg", "mid", "please break"),
)


def archive(folder: Path, rows: int = len(ROWS)) -> Small:
    """The project; its backend is `studio()`."""
    photos = folder / "photos"
    photos.mkdir(parents=True)
    for name in ("astronaut", "chelsea", "coffee", "rocket", "camera", "hubble_deep_field"):
        _small(PHOTOS / f"{name}.jpg").save(photos / f"{name}.jpg", quality=85)
    with Image.open(PHOTOS / "astronaut.jpg") as found:
        exif = Image.Exif()
        exif[0x0112] = 6  # lies on its side; upright it is 256 px wide
        found.resize((384, 256)).save(photos / "turned.jpg", exif=exif)
    with Image.open(PHOTOS / "coffee.jpg") as found:
        glass = found.convert("RGBA").resize((300, 200))
        glass.putalpha(Image.linear_gradient("L").resize((300, 200)))
        glass.save(photos / ODD_FILE)
    for path in photos.iterdir():
        os.utime(path, (1_700_000_000, 1_700_000_000))
    lines = [
        ",".join([key, _quoted(f"photos/{name}"), kind, "1.7" if key == "r07" else "0.4", _quoted(wish)])
        for key, name, kind, wish in ROWS[:rows]
    ]
    (folder / "photos.csv").write_text(
        "\n".join(["id,photo,kind,strength,wish", *lines]) + "\n", encoding="utf-8", newline=""
    )
    (folder / "wanflow.toml").write_text("jobs = 2\n", encoding="utf-8")
    (folder / "r.yaml").write_text(RECIPE, encoding="utf-8")
    return Small(folder)


def _small(path: Path) -> Image.Image:
    with Image.open(path) as found:
        found.thumbnail((400, 400))
        return found.convert("RGB")


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


class Studio(PaidBackend):
    """Charges, paints drafts, and refuses or breaks what it is asked to."""

    def terms(self, step: object) -> Terms:
        found = super().terms(step)  # type: ignore[arg-type]
        return Terms("proxy", found.usd, 1.0, "Somewhere, standard", Limits(2)) if found.paid or found.usd else found

    def service(self, uploads: object) -> PaidService:
        return PaidService(self._paint)

    async def perform(self, call: Call) -> Result:
        return await self.workers.perform(call)

    async def _paint(self, call: Call) -> Result:
        prompt = str(call.parameters.get("prompt"))
        if "refuse" in prompt:
            raise EditError("DataInspectionFailed", "Input data may contain inappropriate content.", Again.REFUSED)
        if "break" in prompt:
            raise EditError("InternalError.Algo", "Failed to run the algorithm.")
        return await self.workers.perform(call)


def studio(**more: object) -> api.Options:
    """The options of its runs."""
    return api.Options(backends={"draft": lambda services: Studio(services.workers, Fakery())}, **more)  # type: ignore[arg-type]


def run(project: Small, **more: object) -> RunRecord:
    """One run of it."""
    _, record = api.run(project.recipe, studio(**more))
    assert record
    return record


def runs(folder: Path) -> tuple[Small, Mapping[str, RunRecord]]:
    """The project after a first run, picks for four rows, a second run, and a third one with another style."""
    from wanflow import picking

    project = archive(folder)
    with pytest.MonkeyPatch.context() as patch:  # for fixtures of a session, which have no ledger of their own
        patch.setenv("XDG_STATE_HOME", str(folder.parent / "state"))
        first = run(project)
        chosen = ["r01/look#2", "r02/look#1", "r03/look#3", "r04/look#2"]
        picking.pick(project.recipe, chosen, studio())
        second = run(project)
        third = run(project, params={"style": "gold foil art"})
    return project, {"first": first, "second": second, "third": third}
