"""Two versions of a recipe, its manifest and its picks, held against each other by what they ask for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from wanflow.errors import EditError, Problem
from wanflow.functions.maskrules import MaskFacts
from wanflow.model import Action, Change, Decision, Reason, Source
from wanflow.pictures.images import describe
from wanflow.planning.inputs import Inputs, facts_in
from wanflow.planning.plan import Planner
from wanflow.planning.planned import Plan, RowPlan
from wanflow.planning.resolved import Request, requests

# What git keeps of a file whose content lies elsewhere (git-lfs pointer files, version 1).
LFS = b"version https://git-lfs.github.com/spec/v1\n"


class VersionInputs(Inputs):
    """Pictures as a version has them; those that it doesn't have are taken as they are now."""

    _bytes: Callable[[str], bytes | None]
    _now: Inputs

    def read_by(self, read: Callable[[str], bytes | None], now: Inputs) -> None:
        """`read` gives a file of the version by its name in the project, or None."""
        self._bytes, self._now = read, now
        self._names: dict[str, str] = {}

    def _look(self, name: str) -> Source:
        raw = self._bytes(name)
        if raw is None:
            return self._now.source(name)
        if raw.startswith(LFS):
            return self._elsewhere(name, raw)
        blob = describe(raw)
        self._names[blob.sha256] = name
        return Source(name, blob)

    def _elsewhere(self, name: str, raw: bytes) -> Source:
        found = self._now.source(name)
        if f"oid sha256:{found.blob.sha256}".encode() in raw:
            return found
        raise EditError("ImageMissing", "what it was lies in git LFS, and not here")

    def mask(self, path: Path, sha256: str) -> MaskFacts:
        """What is counted in a mask. Raises EditError."""
        if not self.known_mask(sha256) and (raw := self._bytes(self._names.get(sha256, ""))):
            return self.note_mask(sha256, facts_in(raw))
        return super().mask(path, sha256)


@dataclass(frozen=True, slots=True)
class Difference:
    """One job that asks for something else than before: `kind` is new, gone, changed, or follows (what it takes is
    made by one that changed). `usd` is what it costs now (None: not known), 0 for what is not to be done now; `stored`
    where its picture is there already, `parked` while it waits for a pick.
    """

    job: str
    kind: str
    changes: tuple[Change, ...] = ()
    usd: Decimal | None = Decimal(0)
    stored: bool = False
    parked: bool = False


@dataclass(frozen=True, slots=True)
class Moved:
    """An output's file of a row that both versions have: where it was and is written; empty where it is not."""

    output: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What one version asks for: every job's request by address, and every file that it writes by row and output."""

    requests: Mapping[str, Request] = field(default_factory=dict)
    files: Mapping[tuple[str, str], str] = field(default_factory=dict)


def asked_of(planner: Planner) -> Asked:
    """What a planner that knows of no result found."""
    # Folders that a flag names are the same for both versions, but lie elsewhere as each sees it.
    prefix = planner.targets.prefix if planner.project.options.out else ""
    files = {
        (entry.key, output): path.removeprefix(prefix)
        for entry in planner.plan.entries
        if isinstance(entry, RowPlan)
        for output, path in entry.paths.items()
    }
    return Asked(requests(planner), files)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What differs, in the order of the plan, what is gone last; `renamed` jobs ask for the same under another name.

    `files` are written elsewhere. `problems` keep jobs of now from asking for anything, so that they look the same, or
    gone; a recipe that `recipe_is_new` has no file of this name in the other version.
    """

    recipe: str
    against: str
    differences: tuple[Difference, ...]
    same: int
    renamed: int
    files: tuple[Moved, ...] = ()
    problems: tuple[Problem, ...] = ()
    recipe_is_new: bool = False

    def of(self, kind: str) -> list[Difference]:
        """Those of a kind."""
        return [one for one in self.differences if one.kind == kind]

    @property
    def differs(self) -> bool:
        """Whether there is anything to review: other requests, other names of jobs, or other files."""
        return bool(self.differences or self.renamed or self.files or self.recipe_is_new)

    @property
    def usd(self) -> Decimal:
        """What all of it costs, but for what has no known price."""
        return sum((one.usd for one in self.differences if one.usd), Decimal(0))

    @property
    def unpriced(self) -> int:
        """How many jobs have no known price."""
        return sum(one.usd is None for one in self.differences)


def compare(before: Asked, now: Asked, plan: Plan, against: str) -> Comparison:
    """Hold two versions against each other; `plan` is that of now, with what is stored and what it costs. What is not
    selected in it is left out.
    """
    decisions = {f"{row}/{decision.step}": decision for row, decision in plan.decisions()}
    excluded = {job for job, decision in decisions.items() if decision.reason is Reason.EXCLUDED}
    asked = {job: request for job, request in now.requests.items() if job not in excluded}
    gone = {job: request for job, request in before.requests.items() if job not in now.requests}
    moved = _moved(gone, {job: asked[job] for job in asked if job not in before.requests})
    found: list[Difference] = []
    same = 0
    for job, request in asked.items():
        if job in moved:
            continue
        old = before.requests.get(job)
        if old and old.identity == request.identity:
            same += 1
            continue
        changes = request.changes(old) if old else ()
        kind = "new" if old is None else "changed" if changes else "follows"
        found.append(_difference(job, kind, changes, plan, decisions.get(job)))
    found += [Difference(job, "gone") for job in gone if job not in moved.values()]
    rows = {job.partition("/")[0]: old.partition("/")[0] for job, old in moved.items()}
    files = tuple(_elsewhere(before.files, now.files, rows))
    return Comparison(plan.recipe.name, against, tuple(found), same, len(moved), files, tuple(plan.problems))


def _difference(job: str, kind: str, changes: tuple[Change, ...], plan: Plan, decision: Decision | None) -> Difference:
    if decision is None:
        return Difference(job, kind, changes)
    # What is another job's work has a key, but no result yet; what is recognised whole has neither.
    stored = decision.action is Action.REUSE and bool(decision.result or not decision.key)
    usd: Decimal | None = Decimal(0)
    if plan.costs(decision) and plan.is_paid(decision.step):
        price = plan.terms[decision.step].usd
        usd = None if price is None else price * decision.images
    return Difference(job, kind, changes, usd, stored, decision.reason is Reason.PARKED)


def _moved(gone: Mapping[str, Request], new: Mapping[str, Request]) -> dict[str, str]:
    """The new names of jobs that ask for what one that is gone did, with the old one."""
    known: defaultdict[str, list[str]] = defaultdict(list)
    for job, request in gone.items():
        known[request.identity].append(job)
    return {job: known[request.identity].pop() for job, request in new.items() if known.get(request.identity)}


_Files = Mapping[tuple[str, str], str]


def _elsewhere(before: _Files, now: _Files, renamed: Mapping[str, str]) -> Iterator[Moved]:
    """Files of rows that both versions have; a row may have been renamed. An output that was is no other file."""
    here = {(renamed.get(row, row), output): path for (row, output), path in now.items()}
    rows = {row for row, _ in here} & {row for row, _ in before}
    kept = {*before.values()} & {*now.values()}
    for row, output in dict.fromkeys([*here, *before]):
        old, new = before.get((row, output), ""), here.get((row, output), "")
        is_renamed = not (old and new) and (old or new) in kept
        if row in rows and old != new and not is_renamed:
            yield Moved(output, old, new)
