"""Two versions of a recipe, its manifest and its picks, held against each other by what they ask for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from wanflow.errors import EditError, Problem
from wanflow.functions.maskrules import MaskFacts
from wanflow.model import Action, Change, Reason, Source
from wanflow.pictures.images import describe
from wanflow.planning.inputs import Inputs, facts_in
from wanflow.planning.planned import Plan
from wanflow.planning.resolved import Request

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
    made by one that changed). `usd` is what it costs now (None: not known), 0 for what is stored or gone.
    """

    job: str
    kind: str
    changes: tuple[Change, ...] = ()
    usd: Decimal | None = Decimal(0)
    stored: bool = False


@dataclass(frozen=True, slots=True)
class Comparison:
    """What differs, in the order of the plan, what is gone last; `renamed` jobs ask for the same under another name.

    `problems` keep jobs of now from asking for anything, so that they look the same, or gone; a recipe
    that `recipe_is_new` has no file of this name in the other version.
    """

    recipe: str
    against: str
    differences: tuple[Difference, ...]
    same: int
    renamed: int
    problems: tuple[Problem, ...] = ()
    recipe_is_new: bool = False

    def of(self, kind: str) -> list[Difference]:
        """Those of a kind."""
        return [one for one in self.differences if one.kind == kind]

    @property
    def usd(self) -> Decimal:
        """What all of it costs, but for what has no known price."""
        return sum((one.usd for one in self.differences if one.usd), Decimal(0))

    @property
    def unpriced(self) -> int:
        """How many jobs have no known price."""
        return sum(one.usd is None for one in self.differences)


def compare(before: Mapping[str, Request], now: Mapping[str, Request], plan: Plan, against: str) -> Comparison:
    """Hold two versions' requests against each other; `plan` is that of now, with what is stored and what it costs."""
    gone = [job for job in before if job not in now]
    moved = _moved({job: before[job] for job in gone}, {job: now[job] for job in now if job not in before})
    prices, waiting = _prices(plan), _waiting(plan)
    found: list[Difference] = []
    same = 0
    for job, request in now.items():
        if job in moved:
            continue
        old = before.get(job)
        if old and old.identity == request.identity:
            same += 1
            continue
        changes = request.changes(old) if old else ()
        kind = "new" if old is None else "changed" if changes else "follows"
        stored = job not in prices and job not in waiting
        found.append(Difference(job, kind, changes, prices.get(job, Decimal(0)), stored))
    found += [Difference(job, "gone") for job in gone if job not in moved.values()]
    return Comparison(plan.recipe.name, against, tuple(found), same, len(moved), tuple(plan.problems))


def _moved(gone: Mapping[str, Request], new: Mapping[str, Request]) -> dict[str, str]:
    """The new names of jobs that ask for what one that is gone did, with the old one."""
    known: defaultdict[str, list[str]] = defaultdict(list)
    for job, request in gone.items():
        known[request.identity].append(job)
    return {job: known[request.identity].pop() for job, request in new.items() if known.get(request.identity)}


def _prices(plan: Plan) -> dict[str, Decimal | None]:
    """What each job costs that is to be done, by address."""
    found: dict[str, Decimal | None] = {}
    for row, decision in plan.looked_at():
        if decision.action in (Action.RUN, Action.LATER):
            usd = plan.terms[decision.step].usd
            free = not plan.costs(decision) or not plan.is_paid(decision.step)
            found[f"{row}/{decision.step}"] = Decimal(0) if free else None if usd is None else usd * decision.images
    return found


def _waiting(plan: Plan) -> set[str]:
    """The jobs that can't be known before somebody picks, by address."""
    return {f"{row}/{one.step}" for row, one in plan.looked_at() if one.reason is Reason.PARKED}
