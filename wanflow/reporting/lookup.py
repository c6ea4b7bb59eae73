"""What became of each job of a run: its outcome, or of a row recognised whole the one that an earlier run recorded, and
what the index knows of its key.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from wanflow.model import Status
from wanflow.reporting.records import Entry, Record, RowEntry, Runs
from wanflow.store.blobs import DIGEST
from wanflow.store.history import Made
from wanflow.store.index import Index

_LETTERS = {"r": Status.REUSED, "b": Status.SKIPPED, "s": Status.SKIPPED}
_HAVE = (Status.DONE, Status.REUSED)


class Seen(NamedTuple):
    """A picture: digest, width, height."""

    sha256: str
    width: int = 0
    height: int = 0


@dataclass(frozen=True, slots=True)
class Found:
    """A job of a run, with all that is known of it. `pictures` are its candidates, of which the `picked` (from 1) go
    on; `inputs` are digests by slot; `of` the run whose record tells it, where that is an earlier one.
    """

    status: str
    outcome: Entry
    made: Made | None
    parameters: Mapping[str, Any]
    inputs: Mapping[str, str]
    pictures: tuple[Seen, ...] = ()
    picked: tuple[int, ...] = ()
    of: str = ""

    @property
    def gone_on(self) -> tuple[Seen, ...]:
        """The pictures that went on; of one that waits for a pick none did."""
        return tuple(self.pictures[number - 1] for number in self.picked)

    @property
    def shown(self) -> tuple[Seen, ...]:
        """The same, or while nobody has picked, all that may go on."""
        return self.gone_on or self.pictures

    @property
    def base(self) -> str:
        """The digest of the picture that it was made from; empty where there is none."""
        return self.inputs.get("image") or self.inputs.get("images.0") or ""


class Lookup:
    """The jobs of one run. `lost` counts rows recognised whole that no record has."""

    def __init__(self, record: Record, runs: Runs, index: Index) -> None:
        self.record, self._index = record, index
        self._earlier: dict[tuple[str, str], tuple[str, Entry]] = {}
        self._rows: dict[str, RowEntry] = {}
        self._look_back(runs)
        self.lost = sum(1 for row in record.rows.values() if row.shape.strip("x") and row.key not in self._rows)

    def _look_back(self, runs: Runs) -> None:
        """Find the outcomes of rows recognised whole, the newest first, until all are there."""
        wanted = {(row.key, step): letter for row in self.record.rows.values() for step, letter in self._letters(row)}
        rows = {row for row, _ in wanted}
        if not wanted:
            return
        for earlier in runs.before(self.record):
            for key in rows & earlier.rows.keys():
                row = earlier.rows[key]
                for step, outcome in row.outcomes.items():
                    letter = wanted.get((key, step))
                    if letter and (letter != "r" or outcome["status"] in _HAVE):
                        self._earlier[key, step] = earlier.run_id, outcome
                        del wanted[key, step]
                        self._rows.setdefault(key, row)
            rows = {row for row, _ in wanted}
            if not wanted:
                return

    def _letters(self, row: RowEntry) -> Iterator[tuple[str, str]]:
        steps = self.record.steps_of(row.key) if row.shape else ()
        yield from (
            (str(step["id"]), letter) for step, letter in zip(steps, row.shape, strict=False) if letter in _LETTERS
        )

    def told(self, row: RowEntry) -> RowEntry:
        """The entry that tells a row's place and pictures: its own, or an earlier one."""
        return self._rows.get(row.key, row) if row.shape else row

    def jobs(self, row: RowEntry) -> Iterator[tuple[Entry, Found]]:
        """Every step of a row with what became of it."""
        letters = dict(self._letters(row))
        for step in self.record.steps_of(row.key):
            name = str(step["id"])
            if outcome := row.outcomes.get(name):
                yield step, self._found(str(outcome["status"]), outcome, step)
            elif letter := letters.get(name):
                run, outcome = self._earlier.get((row.key, name), ("", {}))
                yield step, self._found(_LETTERS[letter], outcome, step, run)
            elif row.shape:
                yield step, Found(Status.EXCLUDED, {}, None, {}, {})

    def _found(self, status: str, outcome: Entry, step: Entry, of: str = "") -> Found:
        made = self._made(outcome.get("key"))
        request: Entry = outcome.get("request") or {}
        parameters, inputs = request.get("parameters") or {}, request.get("inputs") or {}
        if made:
            parameters, inputs = made.components[3], made.components[4]
        pictures, picked = _pictures(status, outcome, made, step)
        slots = {slot: sha256 for slot, sha256 in inputs.items() if DIGEST.fullmatch(str(sha256))} if inputs else {}
        return Found(
            status, outcome, made, parameters if isinstance(parameters, dict) else {}, slots, pictures, picked, of
        )

    def made_by(self, key: object) -> tuple[Seen, ...]:
        """The pictures that a key made, as far as the index knows."""
        made = self._made(key)
        return tuple(Seen(blob.sha256, blob.width, blob.height) for blob in made.result.blobs) if made else ()

    def _made(self, key: object) -> Made | None:
        """What the index knows of a key; an entry that makes no sense counts as missing."""
        if not isinstance(key, str):
            return None
        try:
            return self._index.remembered(key)
        except sqlite3.DataError:
            return None


def _pictures(status: str, outcome: Entry, made: Made | None, step: Entry) -> tuple[tuple[Seen, ...], tuple[int, ...]]:
    """A job's candidates, and which of them go on."""
    shown = tuple(Seen(file["sha256"], file["width"], file["height"]) for file in outcome.get("outputs", ()))
    if told := outcome.get("candidates"):
        candidates = tuple(Seen(blob["sha256"], blob["width"], blob["height"]) for blob in told)
        return candidates, tuple(number for number in outcome["picked"] if 1 <= number <= len(candidates))
    if not (status in _HAVE or shown):
        return (), ()
    blobs = tuple(Seen(blob.sha256, blob.width, blob.height) for blob in made.result.blobs) if made else ()
    if (
        "candidates" not in outcome and len(blobs) > 1
    ):  # a record of an older version, which doesn't tell what was picked
        stored = {seen.sha256 for seen in shown}
        picked = tuple(number for number, blob in enumerate(blobs, 1) if blob.sha256 in stored)
        return blobs, picked if len(picked) < len(blobs) else ()  # all of them: a person had to choose
    pictures = blobs[:1] or shown[:1]
    return pictures, (1,) * len(pictures)
