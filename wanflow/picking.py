"""Choosing among candidates, further takes and frozen results, as functions; each changes the recipe's file of picks.

All raise RecipeError, UsageError and StoreError as `api.plan` does, and UsageError for an address that can't be meant.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from wanflow.api import Options
from wanflow.choosing.gallery import Gallery
from wanflow.choosing.picks import FIRST_TAKE, Choice, Frozen, NamedTake, Picks, picks_of, stamp
from wanflow.choosing.picksfile import read
from wanflow.errors import EditError, Mark, Problem, StoreError, UsageError, did_you_mean, quoted, unwritable
from wanflow.judging.measures import LOOK
from wanflow.language.extensions import installed
from wanflow.language.picks import SCORERS
from wanflow.language.recipe import PICKERS
from wanflow.model import Action, Blob, Decision, Reason
from wanflow.opening import looking
from wanflow.planning.candidates import Candidates, candidates
from wanflow.planning.plan import Planner
from wanflow.settings import shown

_NAME = re.compile("[a-z][a-z0-9_-]{0,63}")
Now = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of a file of picks: choices taken, those that were as here already, later ones that were kept here, and
    what fits nothing here. `left` are the takes and frozen results of that file, of which nothing is taken.
    """

    problems: tuple[Problem, ...]
    taken: tuple[str, ...] = ()
    same: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()
    left: int = 0


class Picking:
    """The results of a recipe, as a plan finds them, to choose among."""

    def __init__(self, planner: Planner, now: Now = lambda: datetime.now(UTC)) -> None:
        self.planner, self._now = planner, now
        self.candidates = list(candidates(planner))
        self._by_job = {one.job: one for one in self.candidates}
        self.file = planner.picks_file

    @property
    def open(self) -> list[Candidates]:
        """Those that wait for a person."""
        return [one for one in self.candidates if one.is_open]

    @cached_property
    def _decisions(self) -> dict[str, dict[str, Decision]]:
        """What is decided of every row's jobs, by row and step."""
        found: dict[str, dict[str, Decision]] = {}
        for row, decision in self.planner.plan.decisions():
            found.setdefault(row, {})[decision.step] = decision
        return found

    def sharpness(self, blob: Blob) -> float:
        """How sharp a candidate is; 0 for one that can't be read."""
        try:
            return self.planner.measures.sharpness(blob)
        except EditError:
            return 0.0

    def known_sharpness(self, blob: Blob) -> float | None:
        """The same, if it was measured before."""
        found = self.planner.index.measure(*LOOK, blob.sha256)
        return found[0] if found else None

    # -- choosing

    def choose(self, addresses: Sequence[str]) -> list[Choice]:
        """Choose candidates: 0001/clean#2; of a step that picks several, all of them in order."""
        wanted: dict[str, list[Blob]] = {}
        for address in addresses:
            one, number = self._candidate(address)
            blobs = wanted.setdefault(one.job, [])
            if (blob := one.chosen.candidates[number - 1]) not in blobs:
                blobs.append(blob)
        for job, blobs in wanted.items():
            if len(blobs) > (top := self._by_job[job].top):
                several = "one candidate goes" if top == 1 else f"at most {top} candidates go"
                raise UsageError(f"{job}: {several} on, and {len(blobs)} are named")
        return self._keep([self._choice(self._by_job[job], blobs) for job, blobs in wanted.items()])

    def choose_by(self, rule: str) -> list[Choice]:
        """Choose of all that are open by a rule."""
        rules = [name for name in (*PICKERS, *installed(SCORERS)) if name != "hand"]
        if rule not in rules:
            raise UsageError(f"--by {rule}: there is no such rule. {did_you_mean(rule, rules)}")
        chosen = []
        for one in self.open:
            if one.before:
                self.planner.measures.lies_at(*one.before)
            ordered = self._ordered(rule, one)
            chosen.append(self._choice(one, ordered[: one.top]))
        with suppress(StoreError):  # what was measured is measured again next time
            self.planner.save()
        return self._keep(chosen)

    def _ordered(self, rule: str, one: Candidates) -> list[Blob]:
        try:
            return self.planner.chooser.pickers.ordered(rule, one.chosen.candidates, one.before and one.before[0])
        except EditError as error:
            raise UsageError(f"{one.job}: {error.message}") from error

    def _choice(self, one: Candidates, blobs: Iterable[Blob]) -> Choice:
        return Choice(one.row, one.step, tuple(blob.sha256 for blob in blobs), stamp(self._now()))

    def _keep(self, made: Sequence[Choice]) -> list[Choice]:
        """Write choices down; those that were made just so before keep their time."""
        self.file.change(lambda picks: picks.with_choices(*(one for one in made if not _is_said(picks, one))))
        return list(made)

    def undo(self, addresses: Sequence[str]) -> list[str]:
        """Take choices back; gives the jobs that had one."""
        jobs = [address.partition("#")[0] if "#" in address.rpartition("/")[2] else address for address in addresses]
        places = {(row, step): job for job in jobs for row, _, step in [job.rpartition("/")]}
        if unknown := [job for place, job in places.items() if place not in self.planner.picks.choices]:
            known = [f"{row}/{step}" for row, step in self.planner.picks.choices]
            raise UsageError(f"{unknown[0]}: nothing was chosen for it. {did_you_mean(unknown[0], known)}".rstrip())

        self.file.change(lambda picks: picks.without_choices(places))
        return jobs

    def take_in(self, path: Path) -> Imported:
        """Merge the choices of another file of picks. Of two for one job, the later counts."""
        document = read(path, shown(path.resolve(), Path.cwd()))
        fits, problems = [], []
        saved = picks_of(document)
        for choice in saved.choices.values():
            if complaint := self._complaint(choice):
                problems.append(Problem("picks", complaint[0], document.path, Mark(choice.line, 3), hint=complaint[1]))
            else:
                fits.append(choice)
        before = self.planner.picks

        def merged(picks: Picks) -> Picks:
            nonlocal before
            before = picks
            return picks.with_choices(*(one for one in fits if _is_later(picks, one)))

        self.file.change(merged)
        left = len(saved.takes) + len(saved.frozen)
        return Imported(**_sorted_out(before, fits), problems=tuple(problems), left=left)

    def _complaint(self, choice: Choice) -> tuple[str, str] | None:
        job = f"{choice.row}/{choice.step}"
        if not (one := self._by_job.get(job)):
            return self._no_candidates(job)
        strange = [sha256 for sha256 in choice.digests if sha256 not in {blob.sha256 for blob in one.chosen.candidates}]
        if strange:
            return f"{job}: {strange[0][:12]} is none of its candidates", "They were made anew since; choose again."
        if len(choice.digests) > one.top:
            return f"{job}: {len(choice.digests)} are chosen, and at most {one.top} go on", ""
        return None

    # -- takes and frozen results

    def take(self, address: str, name: str) -> NamedTake:
        """A further result of a job beside those that it has; the next run makes it."""
        row, step, decision = self._job(address)
        function = self.planner.plan.recipe.step(step).function
        if function.is_local:
            raise UsageError(f"{address}: {function.name} makes the same picture each time, so it has one take")
        if name == FIRST_TAKE or not _is_name(name):
            hint = "Small letters, digits, _ and - are allowed, a letter first."
            raise UsageError(f"{quoted(name)} can't be the name of a take. {hint}")
        if decision.reason is Reason.FROZEN:
            raise UsageError(f"{address} is frozen, so that no other take would go on; wanflow thaw it first")
        made = NamedTake(row, step, name, 0, used=True, when=stamp(self._now()))

        def added(picks: Picks) -> Picks:
            nonlocal made
            known = picks.takes_of(row, step)
            if name in (take.name for take in known):
                raise UsageError(f"{address} has a take {name} already; --use {name} lets it go on")
            of = self.planner.plan.recipe.step(step)
            ahead = max([0, *(take.ahead for take in known)]) + of.candidates * (1 + of.reroll)
            made = replace(made, ahead=ahead)
            return picks.with_take(made)

        self._protect(row, step)
        self.file.change(added)
        return made

    def use(self, address: str, name: str) -> None:
        """Let another take of a job go on."""
        row, step, _ = self._job(address)
        known = [FIRST_TAKE, *(take.name for take in self.planner.picks.takes_of(row, step))]
        if name not in known:
            raise UsageError(f"{address} has no take {name}. {did_you_mean(name, known)}")
        self._protect(row, step)
        self.file.change(lambda picks: picks.using(row, step, None if name == FIRST_TAKE else name))

    def _protect(self, row: str, step: str) -> None:
        """Have what goes on now kept, also once another take does."""
        index, plan = self.planner.index, self.planner.plan
        name = self.planner.picks.take(row, step).name or FIRST_TAKE
        if not index.read_only and (key := index.last_key(plan.identity, f"{row}/{step}")):
            with index.transaction():
                index.note_jobs(plan.identity, [(f"{row}/{step}~{name}", key)])

    def freeze(self, address: str) -> Frozen:
        """Keep what goes on of a job, or one of its candidates, whatever the recipe says."""
        if "#" in address.rpartition("/")[2]:
            one, number = self._candidate(address)
            row, step, decision = self._job(one.job)
            blob = one.chosen.candidates[number - 1]
        else:
            row, step, decision = self._job(address)
            if decision.result is None:
                raise UsageError(f"{address} has no result yet that could be frozen; run the recipe first")
            if decision.chosen and decision.chosen.is_open:
                raise UsageError(f"{address} waits for a pick; freeze one of its candidates: {address}#1")
            blob = decision.chosen.pictures[0] if decision.chosen else decision.result.blobs[0]
        made = Frozen(row, step, blob.sha256, decision.key or "", stamp(self._now()))
        self.file.change(lambda picks: picks.with_frozen(made))
        return made

    def thaw(self, address: str) -> None:
        """Let the recipe decide about a job again."""
        row, _, step = address.rpartition("/")
        if (row, step) not in self.planner.picks.frozen:
            known = [f"{row}/{step}" for row, step in self.planner.picks.frozen]
            raise UsageError(f"{address} is not frozen. {did_you_mean(address, known)}".rstrip())
        self.file.change(lambda picks: picks.without_frozen(row, step))

    # -- where they can be seen

    def hang(self, those: Iterable[Candidates]) -> dict[str, list[Path]]:
        """Files that show candidates, by job."""
        gallery = Gallery(self.planner.blobs, self.planner.recipe.name)
        try:
            return {
                one.job: [
                    gallery.hang(one.row, one.step, number, blob)
                    for number, blob in enumerate(one.chosen.candidates, start=1)
                ]
                for one in those
            }
        except OSError as error:
            raise StoreError(unwritable(self.planner.blobs.root, error)) from error

    # -- addresses

    def _candidate(self, address: str) -> tuple[Candidates, int]:
        job, hash_, number = address.rpartition("#")
        one = self._by_job.get(job if hash_ else address)
        if one is None:
            raise UsageError(". ".join(self._no_candidates(job if hash_ else address)).rstrip())
        count = len(one.chosen.candidates)
        if not hash_:
            raise UsageError(f"{address}: say which of its candidates: {address}#1 to #{count}")
        if not number.isascii() or not number.isdigit() or not 1 <= int(number) <= count:
            raise UsageError(f"{address}: {job} has the candidates #1 to #{count}")
        return one, int(number)

    def _no_candidates(self, job: str) -> tuple[str, str]:
        """Why there is nothing to choose for a job, and what helps."""
        row, slash, step = job.rpartition("/")
        if not (row and slash and step):
            return f"{quoted(job)} names no job", "Write ROW/STEP, as wanflow pick lists them."
        found = self._decisions.get(row, {})
        if not found:
            rows = [entry.key for entry in self.planner.plan.entries]
            return f"{job}: there is no row {row}", did_you_mean(row, rows) if len(rows) <= 2_000 else ""
        if step not in found:
            return f"{job}: there is no step {step}", did_you_mean(step, found)
        if self.planner.plan.recipe.step(step).candidates < 2:
            return f"{job} has no candidates", f"Say candidates: 3 at the step {step}, or choose where they are made."
        if found[step].action is Action.SKIP:
            return f"{job} is not made, so it has no candidates", "wanflow plan tells why."
        return f"{job} has no candidates yet", "Run the recipe first."

    def _job(self, address: str) -> tuple[str, str, Decision]:
        row, _, step = address.rpartition("/")
        found = self._decisions.get(row, {})
        if step not in found:
            raise UsageError(". ".join(self._no_candidates(address)).rstrip())
        return row, step, found[step]


def everything(options: Options | None) -> Options:
    """The options with which all results are looked at."""
    return replace(options or Options(), every_row=True)


def pick(
    recipe: str | Path,
    addresses: Sequence[str] = (),
    options: Options | None = None,
    *,
    by: str | None = None,
    now: Now = lambda: datetime.now(UTC),
) -> list[Choice]:
    """Choose candidates by their addresses, or (`by`) of all that are open by a rule."""
    with looking(recipe, everything(options)) as planner:
        found = Picking(planner, now)
        return found.choose_by(by) if by else found.choose(addresses)


def _is_said(picks: Picks, choice: Choice) -> bool:
    return picks.choice(choice.row, choice.step) == choice.digests


def _is_later(picks: Picks, choice: Choice) -> bool:
    known = picks.choices.get((choice.row, choice.step))
    return known is None or (known.digests != choice.digests and choice.when > known.when)


def _sorted_out(before: Picks, fits: Iterable[Choice]) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {"taken": [], "same": [], "kept": [], "replaced": []}
    for one in fits:
        is_new = (one.row, one.step) not in before.choices
        kind = "taken" if is_new else "same" if _is_said(before, one) else "kept"
        found["replaced" if kind == "kept" and _is_later(before, one) else kind].append(f"{one.row}/{one.step}")
    return {kind: tuple(jobs) for kind, jobs in found.items()}


def _is_name(name: str) -> bool:
    return bool(_NAME.fullmatch(name))
