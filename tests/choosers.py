"""A project whose step makes candidates, on a fake backend, for tests of picks, takes and frozen results."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from fakes import Fakery, picture

from wanflow import api
from wanflow.model import Decision
from wanflow.planning.planned import Plan
from wanflow.record import RunRecord

RECIPE: dict[str, Any] = {
    "wanflow": 1,
    "name": "archive",
    "manifest": {"from": "rows.csv"},
    "steps": {
        "clean": {
            "uses": "wan/description_edit",
            "image": "row.photo",
            "candidates": 3,
            "with": {"prompt": "clean ${{ row.words }}", "seed": 7},
            "pick": {"by": "hand"},
        },
        "detail": {"uses": "wan/super_resolution", "image": "steps.clean", "with": {"upscale_factor": 2}},
        "wide": {"uses": "wan/expand", "image": "steps.detail", "with": {"left_scale": 1.5}},
    },
    "outputs": {"master": {"image": "steps.wide", "to": "out/${{ row.id }}.png"}},
}


class Project:
    """A folder with such a recipe over rows of id, photo and words."""

    def __init__(self, folder: Path, rows: int = 3) -> None:
        self.folder, self.fakery = folder, Fakery()
        self.recipe: dict[str, Any] = json.loads(json.dumps(RECIPE))
        self.rows = [f"{number:04},{number % 3}.png,w{number}" for number in range(1, rows + 1)]
        for number in range(3):
            (folder / f"{number}.png").write_bytes(picture(number))
            os.utime(folder / f"{number}.png", (1_700_000_000, 1_700_000_000))  # a file just written is read again
        self.record: RunRecord | None = None

    @property
    def clean(self) -> dict[str, Any]:
        step: dict[str, Any] = self.recipe["steps"]["clean"]
        return step

    @property
    def picks(self) -> Path:
        return self.folder / "picks" / "archive.yaml"

    def write(self) -> Path:
        (self.folder / "r.yaml").write_text(json.dumps(self.recipe))
        (self.folder / "rows.csv").write_text("\n".join(["id,photo,words", *self.rows]) + "\n")
        return self.folder / "r.yaml"

    def options(self, paid: bool = False, **more: Any) -> api.Options:
        return self.fakery.paid(**more) if paid else self.fakery.options(**more)

    def plan(self, **options: Any) -> Plan:
        return api.plan(self.write(), self.options(**options))

    def run(self, **options: Any) -> list[str]:
        """Runs it; gives the jobs that were done."""
        self.fakery.asked.clear()
        _, self.record = api.run(self.write(), self.options(**options))
        assert self.record
        self.statuses = {outcome.job: outcome.status.value for outcome in self.record.outcomes}
        return sorted(job for job, status in self.statuses.items() if status == "done")

    def jobs(self, **options: Any) -> dict[str, Decision]:
        return {f"{row}/{decision.step}": decision for row, decision in self.plan(**options).decisions()}

    def blobs(self, job: str) -> list[str]:
        """The digests of a job's candidates."""
        chosen = self.jobs(every_row=True)[job].chosen
        return [blob.sha256 for blob in chosen.candidates] if chosen else []

    def images(self) -> list[int]:
        """How many images each call asked for."""
        return [call.parameters.get("n", 1) for call in self.fakery.asked]
