"""What a run leaves behind: its outcomes, totals and exit code, as one value (schema: schemas/run.schema.json)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from wanflow.canon import JSON, lined
from wanflow.model import Chosen, Outcome, Status

FORMAT_VERSION = 1
_UNDONE = (Status.FAILED, Status.BLOCKED, Status.REFUSED, Status.NOT_STARTED, Status.LEFT)


@dataclass(slots=True)
class RunRecord:
    """One run. `unchanged_jobs` counts, by status, the jobs of rows recognised whole; those have no outcomes.

    `place` is where requests and money went, "" when nothing left this machine. `written_to` is the folder that
    holds all files written, as the user who started the run would call it. `fetched` counts tasks that another run paid
    for, `open_picks` the rows, by step, for which a person has to choose among candidates.

    `identity` is the recipe over this manifest, as the store knows it; what `steps`, `rows` and `unchanged` hold is
    told by the schema.
    """

    run_id: str
    recipe: str
    backend: str
    place: str
    started: datetime
    finished: datetime
    outcomes: list[Outcome] = field(default_factory=list)
    unchanged_rows: int = 0
    unchanged_jobs: Counter[Status] = field(default_factory=Counter)
    written: int = 0
    not_written: int = 0
    written_to: str = ""
    problems: int = 0
    interrupted: bool = False
    account_stopped: bool = False
    over_budget: bool = False
    fetched: int = 0
    open_picks: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    identity: str = ""
    told_problems: list[dict[str, JSON]] = field(default_factory=list)
    steps: list[JSON] = field(default_factory=list)
    rows: list[JSON] = field(default_factory=list)
    unchanged: list[JSON] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """0 done or nothing to do, 1 some jobs failed, 3 over budget, 4 picks are open, 5 the account can't go on,
        130 interrupted.
        """
        if self.interrupted:
            return 130
        if self.account_stopped:
            return 5
        if self.over_budget:
            return 3
        if self.not_written or self.problems or any(outcome.status in _UNDONE for outcome in self.outcomes):
            return 1
        return 4 if self.open_picks else 0

    def counts(self) -> Counter[Status]:
        """Jobs by how they ended."""
        return self.unchanged_jobs + Counter(outcome.status for outcome in self.outcomes)

    @property
    def usd(self) -> Decimal | None:
        """What this run's own submissions cost, or will where they are still at work; None when the price of an image
        was not known.
        """
        paid = [outcome.usd for outcome in self.outcomes if outcome.usd != 0]
        return None if None in paid else sum((usd for usd in paid if usd), Decimal(0))

    def json(self) -> Iterator[str]:
        """The record as JSON text, in pieces."""
        outcomes = map(_outcome, self.outcomes)
        return lined(self.head(), steps=self.steps, rows=self.rows, unchanged=self.unchanged, outcomes=outcomes)

    def head(self) -> dict[str, JSON]:
        """Everything of the record but its steps, rows and outcomes."""
        return {
            "format_version": FORMAT_VERSION,
            "run_id": self.run_id,
            "recipe": self.recipe,
            "identity": self.identity,
            "backend": self.backend,
            "place": self.place,
            "started": stamp(self.started),
            "finished": stamp(self.finished),
            "interrupted": self.interrupted,
            "exit_code": self.exit_code,
            "unchanged_rows": self.unchanged_rows,
            "totals": self._totals(),
            "open_picks": dict(self.open_picks),
            "notes": self.notes,
            "problems": self.told_problems,
        }

    def _totals(self) -> dict[str, JSON]:
        counts = self.counts()
        return {
            "jobs": counts.total(),
            "run": counts[Status.DONE],
            "reuse": counts[Status.REUSED],
            "failed": counts[Status.FAILED],
            "blocked": counts[Status.BLOCKED],
            "skip": counts[Status.SKIPPED],
            "refused": counts[Status.REFUSED],
            "not_started": counts[Status.NOT_STARTED],
            "left_in_flight": counts[Status.LEFT],
            "excluded": counts[Status.EXCLUDED],
            "parked": counts[Status.PARKED],
            "written": self.written,
            "not_written": self.not_written,
            "paid_tasks": sum(map(_paid_tasks, self.outcomes)),
            "fetched": self.fetched,
            "images": sum(outcome.images for outcome in self.outcomes if outcome.status is Status.DONE),
            "usd": money(self.usd),
            "seconds": round((self.finished - self.started).total_seconds(), 3),
        }


def money(usd: Decimal | None) -> float | None:
    """An amount as a JSON number, null where it is not known; prices have six decimals."""
    return None if usd is None else float(round(usd, 6))


def stamp(moment: datetime) -> str:
    """A moment as records tell it: 2026-11-20T12:00:00.000Z."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _paid_tasks(outcome: Outcome) -> int:
    tried = [made for made in outcome.tries if made.task_id or made.usd != 0]
    if tried:
        return len(tried) + (outcome.task_id not in (None, *(made.task_id for made in tried)))
    return int(outcome.task_id is not None or outcome.usd != 0)


def _outcome(outcome: Outcome) -> dict[str, Any]:
    error = {"code": outcome.error_code, "message": outcome.error_message} if outcome.error_code else None
    chosen = outcome.chosen or Chosen((), ())
    return {
        "job": outcome.job,
        "function": outcome.function,
        "status": outcome.status.value,
        "key": outcome.key,
        "outputs": [
            {"path": file.path, "sha256": file.sha256, "width": file.width, "height": file.height}
            for file in outcome.outputs
        ],
        "attempts": outcome.attempts,
        "task_id": outcome.task_id,
        "usd": money(outcome.usd),
        "seconds": round(outcome.seconds, 3),
        "fidelity": outcome.fidelity,
        "warnings": list(outcome.warnings),
        "tries": [
            {"key": made.key, "task_id": made.task_id, "usd": money(made.usd), "unfit": made.unfit}
            for made in outcome.tries
        ],
        "error": error,
        "worked": [[round(moment, 3) for moment in span] for span in outcome.worked if span],
        "candidates": [
            {"sha256": blob.sha256, "width": blob.width, "height": blob.height} for blob in chosen.candidates
        ],
        "picked": [chosen.candidates.index(blob) + 1 for blob in chosen.pictures],
        "picked_by": outcome.picked_by,
        "request": _request(outcome.request),
    }


def _request(parts: str) -> JSON:
    """What was asked for, of key parts (see language.expand.key_parts)."""
    if not parts:
        return None
    _, _, engine, parameters, inputs, *_ = json.loads(parts)
    return {"engine": engine, "parameters": parameters, "inputs": inputs}
