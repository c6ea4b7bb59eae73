"""Rows + what the store knows -> Plan: what happens to every job of every row, and why.

Rows stream. A row whose text, inputs and outputs are as they were when it was last fully done is recognised whole and
its steps are not looked at; nor is a row of which nothing is selected.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from wanflow.backends import Backend
from wanflow.canon import canonical, digest
from wanflow.choosing.chooser import Chooser
from wanflow.choosing.picksfile import PicksFile
from wanflow.errors import EditError, Problem, UsageError, merge
from wanflow.judging.gates import Gates
from wanflow.judging.measures import Measures
from wanflow.judging.pickers import Pickers
from wanflow.language.expand import KEY_VERSION, Expansion, RowError, about_row
from wanflow.language.hints import unhinted
from wanflow.language.recipe import Recipe, Step
from wanflow.language.selection import Selection, States, Wish
from wanflow.links.urls import Url
from wanflow.manifests.rows import Manifest
from wanflow.manifests.tables import is_glob
from wanflow.model import RUN, Action, Blob, Decision, Publication, Reason, Ref, RefKind, Row, Terms
from wanflow.planning import pilot
from wanflow.planning.decide import Decider, idling, left_out
from wanflow.planning.fanin import FanIn
from wanflow.planning.inputs import Inputs
from wanflow.planning.kept import Kept
from wanflow.planning.planned import EXCLUDED, Plan, RowPlan, Unchanged, origin
from wanflow.planning.rowmemory import RowMemory, file_names
from wanflow.planning.supply import Supplier, Supply
from wanflow.planning.targets import Targets
from wanflow.planning.underway import Underway
from wanflow.project import Project
from wanflow.store.blobs import Blobs
from wanflow.store.index import Index
from wanflow.store.sightings import RowRecord


class Planner:
    """Decides, row by row. Reads files and the store; writes nothing."""

    def __init__(
        self,
        project: Project,
        recipe: Recipe,
        manifest: Manifest | None,
        index: Index,
        backend: Backend,
        states: States | None = None,
        underway: Underway | None = None,
        explained: Wish | None = None,
        inputs: Inputs | None = None,
    ) -> None:
        """`states` are those of an earlier plan of everything, for selections that read them; `underway` what was sent
        before; jobs that are to be `explained` are looked at though their rows are as they were. Raises UsageError.
        """
        self.project = project
        self.recipe = recipe if backend.takes_hints else unhinted(recipe)
        self.manifest, self.index, self.backend = manifest, index, backend
        self.blobs, self.inputs = (
            Blobs(project.store),
            inputs or Inputs(project.root, index, project.reach, Blobs(project.store), project.hosts),
        )
        self.measures = Measures(index, self.blobs)
        self.gates = Gates(index, self.measures)
        self.expansion = Expansion(self.recipe)
        self.supplier = Supplier(self.recipe, self.inputs, manifest)
        self.plan = Plan(self.recipe, self._identity(project), backend.name, backend.place, self.expansion.steps)
        self._refuse_steps()
        self.plan.terms = {step.id: backend.terms(step) for step in self.plan.steps}
        self.plan.by_step = {step.id: Counter() for step in self.plan.steps}
        self.targets = Targets(project, self.expansion, self.supplier, index)
        self._fan_in = FanIn(self.plan)
        self.picks_file = PicksFile.of(project.root, project.store, recipe.name, self.inputs.relative(recipe.file))
        if complaint := project.writable.complaint(self.picks_file.path):
            raise UsageError(f"{self.picks_file.shown} can't be used: {complaint}")
        self.picks = self.picks_file.load()
        self.chooser = Chooser(self.picks, Pickers(index, self.measures))
        self.kept = Kept(project.root, self.blobs, self.measures, self.picks_file)
        self._refuse_scorers()
        self._refuse_checks()
        parts = (self.plan, self.expansion, self.supplier, self._fan_in)
        self._underway = underway or Underway()
        self.plan.resubmits, self.plan.flags = project.options.resubmit_uncertain, project.flags()
        judging = (self.chooser, self.kept, self.gates)
        self.decider = Decider(project.options, *parts, manifest, index, backend, self._underway, *judging)
        self.plan.terms = {step.id: self._learnt(step) for step in self.plan.steps}
        gathers = bool(self.plan.run_level.steps)
        recorded = (index, self.inputs, self.plan.identity, self._scope(), self.picks.of_row)
        self.memory = RowMemory(*recorded, whole=gathers)
        self._every_row = project.options.every_row or project.options.top_up
        wish = project.options.wish
        self._selection = None if wish.is_everything else Selection(self.plan.steps, wish, states)
        self._pilot = wish.pilot
        self.explained = Selection(self.plan.steps, explained, states) if explained else None
        self.decider.explained = self.explained
        self._whole: dict[str, str] = {}

    def _learnt(self, step: Step) -> Terms:
        """What the backend says of a step, with the time that such jobs took so far, if that is known."""
        terms, known = self.plan.terms[step.id], self.index.duration(self.decider.requests.kind(step))
        return replace(terms, seconds=known[0], learnt=known[1]) if known else terms

    def _identity(self, project: Project) -> str:
        """The name of this recipe over this manifest in the store: the same wherever wanflow is started."""
        spec = self.recipe.manifest
        manifest = spec.source if spec else ""
        if spec and not is_glob(spec.source):
            manifest = os.path.relpath(self.recipe.folder / spec.source, project.root)
        return f"{self.recipe.name}|{self.inputs.relative(self.recipe.file)}|{manifest}"

    def _refuse_steps(self) -> None:
        """Note every step that the backend can't do, for whatever row."""
        for step in self.expansion.steps:
            if why := self.backend.refuses(step):
                where = step.where("model")
                hint = "Take another model, or another region with --region or [dashscope] in wanflow.toml."
                self.expansion.problems.append(self.recipe.document.problem(where, "model", why, hint))
                self.expansion.broken.add(step.id)

    def _refuse_scorers(self) -> None:
        """Note every step whose scorer can't be had."""
        self._judges: dict[str, list[str]] = {step.id: [] for step in self.expansion.steps}
        for step in self.expansion.steps:
            try:
                self._judges[step.id].append(self.chooser.pickers.version(step.pick.by))
            except EditError as error:
                where = step.where("pick", "by")
                problem = self.recipe.document.problem(
                    where, "pick", error.message, "Install it anew, or pick by hand."
                )
                self.expansion.problems.append(problem)
                self.expansion.broken.add(step.id)

    def _refuse_checks(self) -> None:
        """Note every step with an installed check that can't be had."""
        for step in self.expansion.steps:
            try:
                self._judges[step.id] += self.gates.versions(step)
            except EditError as error:
                problem = self.recipe.document.problem(step.where("expect", "checks"), "expect", error.message)
                self.expansion.problems.append(problem)
                self.expansion.broken.add(step.id)

    def _scope(self) -> bytes:
        """What every row's result depends on beside the row itself."""
        fingerprints = self.decider.requests.fingerprints
        steps = [
            [step.id, fingerprints[step.id], digest(step.function.rules()), *self._judges[step.id]]
            for step in self.expansion.steps
        ]
        columns = self.manifest.columns if self.manifest else None
        texts = [self.recipe.document.data, dict(self.recipe.used)]
        recipe = [*texts, dict(self.recipe.params), self.targets.prefix, columns]
        return canonical([KEY_VERSION, steps, recipe]).encode()

    def decide(self) -> Plan:
        """The plan of all rows. `plan.fatal` then holds what makes the recipe as a whole unusable."""
        seen = 0
        # A row that is recognised whole does not say how its pictures were made.
        with self.memory.open(recall=not (self.decider.force or self.decider.no_proxy or self._every_row)):
            for row, problems in self._rows():
                seen += 1
                if self._selection and not self._selection.needed(row.key):
                    self._leave_out(row, problems)
                    continue
                record = None if problems or self._is_explained(row) else self.memory.recall(row)
                if record is None or not self._take_unchanged(row, record):
                    self._take(row, problems)
            if seen and not self.plan.entries:
                self.plan.notes.append(f"where: keeps none of the manifest's {seen:,} rows")
            if self.plan.run_level.steps and self.plan.entries:
                self._take_run()
        if self.explained:
            self.explained.require_rows()
        if self._selection:
            self._selection.require_rows()
            if not any(self._selection.of(entry.key) for entry in self.plan.entries):
                self.plan.notes.append("no job is selected")
        self.plan.notes += self.decider.sizing.notes()
        if fetches := len(self.plan.fetches):
            number = "1 picture is" if fetches == 1 else f"{fetches:,} pictures are"
            self.plan.notes.append(f"{number} fetched first")
        self.plan.notes += self._underway.notes()
        self.plan.notes += self._picks_told()
        self.plan.fatal += self.targets.overwritten()
        self.plan.tally()
        self.plan.problems = merge(self.plan.problems)
        return self.plan

    def save(self) -> None:
        """Keep what was measured and judged. Raises StoreError."""
        self.measures.save()
        self.chooser.pickers.save()
        self.gates.save()

    def _picks_told(self) -> Iterator[str]:
        """Choices that hold no more, or are about what isn't here."""
        stale = [f"{row}/{made.step}" for row, made in self.plan.decisions() if made.chosen and made.chosen.stale]
        if stale:
            yield f"what was picked is no candidate any more: {_several(stale)}; pick again, or --undo it"
        known = {entry.key for entry in self.plan.entries}
        levels = {True: self.plan.run_level.numbers, False: self.plan.row_level.numbers}
        strange = [
            f"{row}/{step}" for row, step in self.picks.places() if row not in known or step not in levels[row == RUN]
        ]
        if strange:
            file = self.picks_file.shown
            yield f"{file} also has choices for what isn't here, which are kept: {_several(strange)}"
            yield f"where a row or a step was renamed, rename it in {file}, too, and its choices hold again"

    def _rows(self) -> Iterable[tuple[Row, list[Problem]]]:
        if not self.manifest:
            return ()
        return self._selected_rows(self._selection) if self._selection else self.manifest.rows()

    def _is_explained(self, row: Row) -> bool:
        if self.explained:
            self.explained.note_row(row.key)
        return bool(self.explained and self.explained.of(row.key))

    def _selected_rows(self, selection: Selection) -> Iterator[tuple[Row, list[Problem]]]:
        rows: Iterable[tuple[Row, list[Problem]]] = self.manifest.rows() if self.manifest else ()
        if self._pilot:
            rows = list(rows)
            selection.only_rows(pilot.sample(self._facts(rows), self._pilot))
        for row, problems in rows:
            selection.note_row(row.key)
            yield row, problems

    def _facts(self, rows: Iterable[tuple[Row, list[Problem]]]) -> Iterator[pilot.Facts]:
        """What a sample is drawn by, of every row that could run."""
        for row, problems in rows:
            chosen = self._chosen(row)
            try:
                if problems or not chosen or not self.expansion.keeps(row):
                    continue
                jobs = [self.expansion.job(step, row) for step in self.plan.row_level.steps if step.id in chosen]
                files = [self.inputs.source(name) for name in self.supplier.named(row)]
            except (RowError, EditError):
                continue
            words = max((len(str(job.parameters.get("prompt", ""))) for job in jobs), default=0)
            yield pilot.Facts(row.key, *(files[0].blob.size if files else (1, 1)), words)

    # -- what is selected

    def _chosen(self, row: Row) -> Collection[str]:
        """The steps of a row that are selected."""
        return self._selection.of(row.key) if self._selection else self.plan.level(row).numbers

    def _leave_out(self, row: Row, problems: list[Problem]) -> None:
        """A row of which nothing is selected; what it reads and writes stays its own all the same."""
        with suppress(RowError):
            if not problems and not self.expansion.keeps(row):
                return
            self.targets.paths(row)
        self.targets.owners.note_inputs(self.supplier.named(row))
        self.plan.entries.append(Unchanged(row.key, EXCLUDED * len(self.plan.level(row).steps)))

    # -- rows that are recognised whole

    def _take_unchanged(self, row: Row, record: RowRecord) -> bool:
        """Take a row as it was; false when another row now claims one of its paths, so that it must be looked at."""
        inputs, outputs = file_names(record)
        owners = self.targets.owners
        if not owners.is_free(outputs, row.key):
            return False
        owners.note_inputs(inputs, follow=False)
        for number, name in enumerate(outputs):
            owners.claim(name, row.key, str(number))
        if self.plan.run_level.steps:
            self._fan_in.note_unchanged(row)
        shape = record.shape
        if self._selection:
            chosen = self._chosen(row)
            letters = zip(self.plan.level(row).steps, shape, strict=True)
            shape = "".join(letter if step.id in chosen else EXCLUDED for step, letter in letters)
        self.plan.entries.append(Unchanged(row.key, shape))
        return True

    # -- rows that are looked at

    def _take(self, row: Row, problems: list[Problem]) -> None:
        """Decide one row; whatever is wrong with it as a whole refuses all its jobs."""
        try:
            if problems:
                raise RowError(*(about_row(problem, row) for problem in problems))
            if not self.expansion.keeps(row):
                return
        except RowError as error:
            self._refuse(row, error)
            return
        try:
            paths = self.targets.paths(row)
        except RowError as error:
            self._row(row, {})  # for what else is wrong with it
            self._refuse(row, error)
            return
        self.plan.entries.append(self._sound_row(row, paths))

    def _sound_row(self, row: Row, paths: Mapping[str, str]) -> RowPlan:
        entry = self._row(row, paths)
        while self._unsound(entry):
            entry = self._row(row, paths)
        self.decider.repeats.end(entry)
        return entry

    def _refuse(self, row: Row, error: RowError) -> None:
        self.plan.problems += error.problems
        self._fan_in.note(row, {})
        chosen = self._chosen(row)
        reasons = {
            step.id: Reason.REFUSED if step.id in chosen else Reason.EXCLUDED for step in self.plan.level(row).steps
        }
        note = "; ".join(problem.message for problem in error.problems)
        refused = tuple(
            Decision(step, Action.SKIP, reason, note=note if reason is Reason.REFUSED else "")
            for step, reason in reasons.items()
        )
        self.plan.entries.append(RowPlan(row, refused, {}))

    # -- what is made once for the whole run

    def _take_run(self) -> None:
        """Decide what depends on all rows, which takes no look at any when all are as they were."""
        unchanged = all(isinstance(entry, Unchanged) for entry in self.plan.entries)
        text = self.memory.digest_of(entry.key for entry in self.plan.entries) if unchanged else ""
        row = Row(RUN, {}, 0, text)
        if self._selection and not self._selection.needed(RUN):
            self._leave_out(row, [])
            return
        record = self.memory.recall(row) if text and not self._is_explained(row) else None
        if record and self._take_unchanged(row, record):
            return
        for place, other in self._fan_in.unlooked():
            self._look_again(place, other)
        try:
            paths = self.targets.paths(row)
        except RowError as error:
            self._refuse(row, error)
            return
        self.plan.entries.append(self._sound_row(row, paths))

    def _look_again(self, place: int, row: Row) -> None:
        entry = self.plan.entries[place]
        if isinstance(entry, RowPlan):
            self.decider.repeats.forget(entry)
        self.plan.entries[place] = self._sound_row(row, self.targets.paths(row, claim=False))

    def _row(self, row: Row, paths: Mapping[str, str]) -> RowPlan:
        supplies: dict[str, Supply] = {}
        decisions: list[Decision] = []
        self.decider.repeats.begin()
        files = self.supplier.start_row()
        chosen = self._chosen(row)
        needed = self._selection.needed(row.key) if self._selection else chosen
        idle = self._idle(row)
        for step in self.plan.level(row).steps:
            try:
                if step.id in idle and step.id in chosen:
                    decision, supply = idling(*self.decider.decide(step, row, supplies, selected=False))
                elif step.id in needed:
                    decision, supply = self.decider.decide(step, row, supplies, selected=step.id in chosen)
                else:
                    decision, supply = left_out(step)
            except RowError as error:
                self._note_once(error)
                note = "; ".join(problem.message for problem in error.problems)
                decision = Decision(step.id, Action.SKIP, Reason.REFUSED, note=note)
                supply = Supply(absent=Reason.REFUSED)
            decisions.append(decision)
            supplies[step.id] = supply
        shown = {
            output.name: paths[output.name]
            for output in self.targets.of(row)
            if output.name in paths and (chosen if not output.ref.steps else output.ref.name in chosen)
        }
        restores: list[Publication] = []
        keys = frozenset(made.key for made in decisions if made.key and made.result)
        for restore in self.targets.restores(row, shown, supplies, keys):
            if isinstance(restore, RowError):
                self._note_once(restore)
                continue
            if isinstance(restore, Url):
                self.plan.fetches.add(restore)
                continue
            restores.append(restore[0])
            _mark(decisions, *restore)
        self.targets.owners.note_inputs(files)
        self._fan_in.note(row, supplies)
        return RowPlan(row, tuple(decisions), shown, tuple(restores), tuple(files.values()))

    def _idle(self, row: Row) -> set[str]:
        """The steps of a row whose pictures only frozen results are made of, so that nobody needs them."""
        if not (frozen := set(self.picks.frozen_of(row.key))):
            return set()
        takers: dict[str, set[str]] = {step.id: set() for step in self.plan.steps}
        for step in self.plan.steps:
            for need in step.needs:
                takers[need].add(step.id)
        for output in self.recipe.outputs:
            for need in output.ref.steps:
                takers[need].add("")
        idle: set[str] = set()
        for step in reversed(self.plan.steps):
            if step.id not in frozen and takers[step.id] and takers[step.id] <= frozen | idle:
                idle.add(step.id)
        return idle

    def _note_once(self, error: RowError) -> None:
        # The same photograph may be missing for several steps of a row, which is one problem.
        self.plan.problems += [problem for problem in error.problems if problem not in self.plan.problems[-8:]]

    def _unsound(self, entry: RowPlan) -> bool:
        """True when a stored picture that this row needs is gone or damaged: it becomes a miss, said once."""
        level = self.plan.level(entry)
        taken = [
            ref
            for step, decision in zip(level.steps, entry.decisions, strict=True)
            if decision.action in (Action.RUN, Action.LATER)
            for several in step.inputs.values()
            for ref in several.each
        ]
        unsound = self._lacks(entry, taken, *(publication.step for publication in entry.restores))
        gathered = [ref for ref in taken if ref.name in self.plan.row_level.numbers] if entry.key == RUN else []
        for place, other in enumerate(self.plan.rows if gathered else ()):
            if isinstance(other, RowPlan) and self._lacks(other, gathered):
                self._look_again(place, other.row)
                unsound = True
        return unsound

    def _lacks(self, entry: RowPlan, refs: Iterable[Ref], *steps: str | None) -> bool:
        """Whether a stored picture of a row that these mean is gone or damaged."""
        level = self.plan.level(entry)
        known = [ref for ref in refs if ref.kind is RefKind.STEP and ref.name in level.numbers]
        origins = [origin(ref, entry.decisions, level) for ref in known]
        needed = {*steps, *(ref.name for ref in origins if ref.kind is RefKind.STEP)}
        whole = {ref.name for ref in origins if ref.every}
        stored = [made for made in entry.decisions if made.step in needed and made.result]
        faulty = [self._faulty(entry.row, made, whole=made.step in whole) for made in stored]  # each of them is said
        return any(faulty)

    def _faulty(self, row: Row, made: Decision, *, whole: bool) -> bool:
        key, taken = str(made.key), _taken(made, whole=whole)
        fault = next((fault for blob in taken if (fault := self._fault(blob.sha256))), "")
        if not fault or key in self.decider.requests.bad_keys:
            return False
        self.decider.requests.bad_keys.add(key)
        self.plan.damaged[key] = next(blob.sha256 for blob in taken if self._fault(blob.sha256))
        self.plan.notes.append(f"the stored picture of {row.key}/{made.step} is {fault}; it is made again")
        return True

    def _fault(self, sha256: str) -> str:
        if sha256 not in self._whole:
            self._whole[sha256] = self.blobs.fault(sha256)
        return self._whole[sha256]


def _taken(made: Decision, *, whole: bool) -> tuple[Blob, ...]:
    """The pictures of a job that others take: what goes on of it, and of steps.ID.all (`whole`) every one."""
    if not made.chosen:
        return made.result.blobs[:1] if made.result else ()
    return (*made.chosen.pictures[:1], *(made.chosen.every if whole else ()))


def _several(names: Sequence[str], most: int = 5) -> str:
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more}"


def _mark(decisions: list[Decision], publication: Publication, reason: Reason) -> None:
    """A job that is done already has a file to put in place."""
    for index, decision in enumerate(decisions):
        if decision.step == publication.step and decision.action is Action.REUSE:
            decisions[index] = replace(decision, reason=reason)
