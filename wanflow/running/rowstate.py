"""What is known of one row while it runs: its pictures so far, how its jobs ended, and what is still open."""

from __future__ import annotations

from decimal import Decimal

from wanflow.backends.draft import FREE
from wanflow.model import Blob, Chosen, Outcome, OutputFile, Publication, Ref, Result, Status, Try
from wanflow.planning.planned import Level, RowPlan, origin


class RowState:
    """One row of a run. `open_ends` counts its jobs and files that are still to come; `sound`, that nothing failed."""

    def __init__(self, entry: RowPlan, level: Level) -> None:
        self.entry, self.level = entry, level
        self.blobs: dict[str, Blob] = {}
        self.chosen: dict[str, Chosen] = {}
        self.outcomes: dict[str, Outcome] = {}
        self.tries: dict[str, list[Try]] = {}
        self.worked: dict[str, list[list[float]]] = {}
        self.requests: dict[str, str] = {}
        self.open_ends = 0
        self.sound = True

    def origin(self, ref: Ref) -> Ref:
        """What a reference means once bypassed steps are seen through."""
        return origin(ref, self.entry.decisions, self.level)

    @property
    def keys(self) -> frozenset[str]:
        """The keys of its jobs that have a picture."""
        made = [(decision.key, decision.result) for decision in self.entry.decisions]
        ended = [(outcome.key, self.blobs.get(step)) for step, outcome in self.outcomes.items()]
        return frozenset(key for key, picture in [*made, *ended] if key and picture)

    def address(self, step: str) -> str:
        """A job's name."""
        return f"{self.entry.row.key}/{step}"

    def end(
        self,
        step: str,
        status: Status,
        result: Result | None = None,
        key: str | None = None,
        chosen: Chosen | None = None,
    ) -> Outcome:
        """A job ended so; with what goes on of its result, if it has one."""
        function = self.level.steps[self.level.numbers[step]].function.name
        tries = self.tries.get(step, [])
        outcome = self.outcomes[step] = Outcome(self.address(step), function, status, key, tries=tuple(tries))
        outcome.worked = self.worked.get(step, [])
        self.charge(outcome, FREE)
        request = self.requests.pop(step, "")
        outcome.request = "" if result else request
        if result:
            chosen = self.chosen[step] = chosen or Chosen(result.blobs[:1], result.blobs[:1])
            if chosen.pictures:
                self.blobs[step] = chosen.pictures[0]
            if chosen.is_open or chosen.stale:
                self.sound = False
            outcome.outputs = [_stored(blob) for blob in chosen.pictures or chosen.candidates]
            outcome.fidelity, outcome.warnings = result.fidelity, result.warnings
            outcome.images = len(result.blobs)
            outcome.chosen = chosen if chosen.candidates else None
        return outcome

    def begin(self, step: str, at: float) -> list[float]:
        """A job is at work from this second of the run on; gives the span, whose length is to be filled in."""
        span = [at, 0.0]
        self.worked.setdefault(step, []).append(span)
        return span

    def charge(self, outcome: Outcome, usd: Decimal | None) -> None:
        """Note what a job cost beside what its tries did; None when that is not known."""
        paid = [usd, *(made.usd for made in outcome.tries)]
        outcome.usd = None if None in paid else sum((each for each in paid if each), FREE)

    def fail(self, step: str, code: str, message: str, status: Status = Status.FAILED) -> Outcome:
        """A job has no picture, and why."""
        self.sound = False
        outcome = self.end(step, status)
        outcome.error_code, outcome.error_message = code, message
        return outcome

    def show(self, publication: Publication, sha256: str) -> None:
        """A job's picture stands in a file; visible files are listed instead of the stored one."""
        if publication.provenance == "sidecar":
            return
        if publication.step and (outcome := self.outcomes.get(publication.step)):
            file = OutputFile(publication.path, sha256, publication.source.width, publication.source.height)
            outcome.outputs = [*(known for known in outcome.outputs if not _is_stored(known)), file]


def _stored(blob: Blob) -> OutputFile:
    return OutputFile(f".wanflow/objects/{blob.sha256[:2]}/{blob.sha256}", blob.sha256, blob.width, blob.height)


def _is_stored(file: OutputFile) -> bool:
    return file.path.startswith(".wanflow/objects/")
