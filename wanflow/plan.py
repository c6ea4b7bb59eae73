"""Jobs + what the store knows -> Plan: per job RUN, REUSE, LATER or SKIP, and why. The only place that decides.

Rows stream. A row whose text, inputs and outputs are as they were when it was last fully done is recognised whole and
its steps are not looked at.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from wanflow import hints, pilot, sizes
from wanflow.backends import Backend
from wanflow.canon import canonical, digest
from wanflow.errors import EditError, Problem, merge
from wanflow.expand import KEY_VERSION, Expansion, Job, RowError, about_row, key_head, key_of, key_parts
from wanflow.fanin import FanIn
from wanflow.hints import unhinted
from wanflow.inputs import Inputs
from wanflow.manifests import Manifest, is_glob
from wanflow.model import (
    RUN,
    Action,
    Change,
    Decision,
    Publication,
    Reason,
    Ref,
    RefKind,
    Row,
)
from wanflow.outputs import file_digest, made_from, path_problem, stat_of
from wanflow.owners import Neighbours, Owners
from wanflow.planned import EXCLUDED, Plan, RowPlan, Unchanged, origin
from wanflow.project import Project
from wanflow.reasons import compare
from wanflow.recipe import Output, Recipe, Step, plain
from wanflow.rowmemory import RowMemory, file_names
from wanflow.selection import Selection, States
from wanflow.store.blobs import Blobs
from wanflow.store.index import Index, RowRecord
from wanflow.supply import Supplier, Supply
from wanflow.templates import Template

PROXY = "proxy"


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
    ) -> None:
        """`states` are those of an earlier plan of everything, for selections that read them. Raises UsageError."""
        self.recipe = recipe if backend.takes_hints else unhinted(recipe)
        self.manifest, self.index, self.backend = manifest, index, backend
        self.force, self.no_proxy = project.options.force, project.options.no_proxy
        self.retry_refused = project.options.retry_refused
        self.blobs, self.inputs = Blobs(project.store), Inputs(project.root, index, project.reach)
        self.expansion = Expansion(self.recipe)
        self.supplier = Supplier(self.recipe, self.inputs, manifest)
        self.plan = Plan(self.recipe, self._identity(project), backend.name, backend.place, self.expansion.steps)
        self._refuse_steps()
        self.plan.terms = {step.id: backend.terms(step) for step in self.plan.steps}
        self.plan.by_step = {step.id: Counter() for step in self.plan.steps}
        self.fingerprints = {step.id: backend.fingerprint(step) for step in self.plan.steps}
        self.key_heads = {step.id: key_head(step.function.name, self.fingerprints[step.id]) for step in self.plan.steps}
        prefix = self.inputs.relative(project.out)
        self._out_prefix = "" if prefix == "." else f"{prefix}/"
        gathers = bool(self.plan.run_level.steps)
        self.memory = RowMemory(index, self.inputs, self.plan.identity, self._scope(), whole=gathers)
        self._known_recipe = index.knows_recipe(self.plan.identity)
        self._planned: set[bytes] = set()
        self._owners = Owners(self.inputs.root)
        self._neighbours = Neighbours(self.inputs.root, index, self.inputs.relative(recipe.file))
        self._outputs = {run: [out for out in recipe.outputs if out.per_run is run] for run in (False, True)}
        self._fan_in = FanIn(self.plan)
        wish = project.options.wish
        self._selection = None if wish.is_everything else Selection(self.plan.steps, wish, states)
        self._pilot = wish.pilot
        self._room = project.room
        self._whole: dict[str, str] = {}
        self._bad_keys: set[str] = set()

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

    def _scope(self) -> bytes:
        """What every row's result depends on beside the row itself."""
        steps = [[step.id, self.fingerprints[step.id], digest(step.function.rules())] for step in self.expansion.steps]
        columns = self.manifest.columns if self.manifest else None
        recipe = [self.recipe.document.data, dict(self.recipe.params), self._out_prefix, columns]
        return canonical([KEY_VERSION, steps, recipe]).encode()

    def decide(self) -> Plan:
        """The plan of all rows. `plan.fatal` then holds what makes the recipe as a whole unusable."""
        seen = 0
        # A row that is recognised whole does not say how its pictures were made.
        with self.memory.open(recall=not self.force and not self.no_proxy):
            for row, problems in self._rows():
                seen += 1
                if not self._is_needed(row):
                    self._leave_out(row, problems)
                    continue
                record = None if problems else self.memory.recall(row)
                if record is None or not self._take_unchanged(row, record):
                    self._take(row, problems)
            if seen and not self.plan.entries:
                self.plan.notes.append(f"where: keeps none of the manifest's {seen:,} rows")
            if self.plan.run_level.steps and self.plan.entries:
                self._take_run()
        if self._selection:
            self._selection.require_rows()
            if not any(self._selection.of(entry.key) for entry in self.plan.entries):
                self.plan.notes.append("no job is selected")
        self.plan.fatal += [*self._overwritten_inputs(), *self._overwritten_outputs()]
        self.plan.tally()
        self.plan.problems = merge(self.plan.problems)
        return self.plan

    def outputs_of(self, row: Row) -> Sequence[Output]:
        """The outputs of a row, or those of the whole run."""
        return self._outputs[row.key == RUN]

    def _rows(self) -> Iterator[tuple[Row, list[Problem]]]:
        if not self.manifest:
            return
        rows: Iterable[tuple[Row, list[Problem]]] = self.manifest.rows()
        if self._selection and self._pilot:
            rows = list(rows)
            self._selection.only_rows(pilot.sample(self._facts(rows), self._pilot))
        for row, problems in rows:
            if self._selection:
                self._selection.note_row(row.key)
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

    def _is_needed(self, row: Row) -> bool:
        """Whether anything of a row is selected, or needed by what is."""
        return self._selection is None or bool(self._selection.needed(row.key))

    def _leave_out(self, row: Row, problems: list[Problem]) -> None:
        """A row of which nothing is selected; what it reads and writes stays its own all the same."""
        with suppress(RowError):
            if not problems and not self.expansion.keeps(row):
                return
            self._paths(row)
        self._owners.note_inputs(self.supplier.named(row))
        self.plan.entries.append(Unchanged(row.key, EXCLUDED * len(self.plan.level(row).steps)))

    # -- rows that are recognised whole

    def _take_unchanged(self, row: Row, record: RowRecord) -> bool:
        """Take a row as it was; false when another row now claims one of its paths, so that it must be looked at."""
        inputs, outputs = file_names(record)
        if not self._owners.is_free(outputs, row.key):
            return False
        self._owners.note_inputs(inputs, follow=False)
        for number, name in enumerate(outputs):
            self._owners.claim(name, row.key, str(number))
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
            paths = self._paths(row)
        except RowError as error:
            self._row(row, {})  # for what else is wrong with it
            self._refuse(row, error)
            return
        self.plan.entries.append(self._sound_row(row, paths))

    def _sound_row(self, row: Row, paths: Mapping[str, str]) -> RowPlan:
        entry = self._row(row, paths)
        while self._unsound(entry):
            entry = self._row(row, paths)
        # What is stored already is known by its content; only what is yet to be made is known by its key alone.
        self._planned.update(_symbol(made.key) for made in entry.decisions if made.key and not made.result)
        return entry

    def _refuse(self, row: Row, error: RowError) -> None:
        self.plan.problems += error.problems
        self._fan_in.note(row, {})
        chosen = self._chosen(row)
        reasons = {
            step.id: Reason.REFUSED if step.id in chosen else Reason.EXCLUDED for step in self.plan.level(row).steps
        }
        refused = tuple(Decision(step, Action.SKIP, reason) for step, reason in reasons.items())
        self.plan.entries.append(RowPlan(row, refused, {}))

    # -- what is made once for the whole run

    def _take_run(self) -> None:
        """Decide what depends on all rows, which takes no look at any when all are as they were."""
        unchanged = all(isinstance(entry, Unchanged) for entry in self.plan.entries)
        text = self.memory.digest_of(entry.key for entry in self.plan.entries) if unchanged else ""
        row = Row(RUN, {}, 0, text)
        if not self._is_needed(row):
            self._leave_out(row, [])
            return
        record = self.memory.recall(row) if text else None
        if record and self._take_unchanged(row, record):
            return
        for place, other in self._fan_in.unlooked():
            self._look_again(place, other)
        try:
            paths = self._paths(row)
        except RowError as error:
            self._refuse(row, error)
            return
        self.plan.entries.append(self._sound_row(row, paths))

    def _look_again(self, place: int, row: Row) -> None:
        entry = self.plan.entries[place]
        if isinstance(entry, RowPlan):
            self._planned.difference_update(_symbol(made.key) for made in entry.decisions if made.key)
        self.plan.entries[place] = self._sound_row(row, self._paths(row, claim=False))

    def _paths(self, row: Row, *, claim: bool = True) -> dict[str, str]:
        """Every output's path, relative to the project. Raises RowError with all that is wrong with them."""
        paths: dict[str, str] = {}
        faults: list[Problem] = []
        for output in self.outputs_of(row):
            try:
                path = self.expansion.path(output, row)
            except RowError as error:
                faults += error.problems
                continue
            whole = paths[output.name] = self._out_prefix + path
            complaint = path_problem(path) or self._beyond(whole)
            if claim and (complaint := complaint or self._owners.claim(whole, row.key, output.name)):
                hint = "Every row and output needs a path of its own, e.g. out/${{ row.id }}-name.png."
                read = [output.to] if isinstance(output.to, Template) else []
                problem = self.recipe.document.problem(output.where("to"), "output-path", complaint, hint)
                faults.append(about_row(problem, row, *read))
        if faults:
            raise RowError(*faults)
        return paths

    def _beyond(self, path: str) -> str:
        """Why an output's folder is out of reach, or empty text; a file that is a link is replaced, not followed."""
        complaint = self._room.complaint(f"{(self.inputs.root / path).parent}/")
        return f"{path} can't be written: {complaint}" if complaint else ""

    def _row(self, row: Row, paths: Mapping[str, str]) -> RowPlan:
        supplies: dict[str, Supply] = {}
        decisions: list[Decision] = []
        fresh: set[bytes] = set()
        files = self.supplier.start_row()
        chosen = self._chosen(row)
        needed = self._selection.needed(row.key) if self._selection else chosen
        for step in self.plan.level(row).steps:
            try:
                if step.id in needed:
                    decision, supply = self._step(step, row, supplies, fresh, selected=step.id in chosen)
                else:
                    decision, supply = _left_out(step)
            except RowError as error:
                self._note_once(error)
                note = "; ".join(problem.message for problem in error.problems)
                decision = Decision(step.id, Action.SKIP, Reason.REFUSED, note=note)
                supply = Supply(absent=Reason.REFUSED)
            decisions.append(decision)
            supplies[step.id] = supply
        shown = {
            output.name: paths[output.name]
            for output in self.outputs_of(row)
            if output.name in paths and (chosen if not output.ref.steps else output.ref.name in chosen)
        }
        restores = tuple(self._restores(row, shown, supplies, decisions))  # also marks decisions, and drops from shown
        self._owners.note_inputs(files)
        self._fan_in.note(row, supplies)
        return RowPlan(row, tuple(decisions), shown, restores, tuple(files.values()))

    def _note_once(self, error: RowError) -> None:
        # The same photograph may be missing for several steps of a row, which is one problem.
        self.plan.problems += [problem for problem in error.problems if problem not in self.plan.problems[-8:]]

    def _step(
        self, step: Step, row: Row, supplies: Mapping[str, Supply], fresh: set[bytes], *, selected: bool
    ) -> tuple[Decision, Supply]:
        if step.id in self.expansion.broken:
            return Decision(step.id, Action.SKIP, Reason.REFUSED), Supply(absent=Reason.REFUSED)
        if not self.expansion.runs(step, row):
            return self._not_running(step, row, supplies)
        taken = self._taken(step, row, supplies)
        for supply in taken.values():
            if supply.absent is Reason.EXCLUDED:
                return self._unselected(step, row, supply) if selected else _left_out(step)
            if supply.absent:
                return Decision(step.id, Action.SKIP, supply.absent, note=supply.why), Supply(absent=supply.absent)
        self.supplier.check(step, row, taken)
        job = self.expansion.job(step, row)
        if self.no_proxy and selected and self.backend.foresee(step, job.parameters) == PROXY:
            raise RowError(self._proxy_refused(job))
        among = {slot: supply.size for slot, supply in taken.items()}
        size = self.expansion.size(job, among)
        symbols = {slot: supply.symbol for slot, supply in taken.items()}
        if region := self.expansion.region(step, row, sizes.base(among)):
            symbols[hints.REGION] = hints.symbol(region)
        return self._choose(job, symbols, taken, size, fresh) if selected else self._stored(job, symbols, taken)

    def _unselected(self, step: Step, row: Row, supply: Supply) -> tuple[Decision, Supply]:
        """A selected job needs a picture that nobody makes, which is told."""
        message = f"{step.id} is selected; {supply.step}, whose picture it takes, is neither selected nor stored"
        problem = self.recipe.document.problem(
            step.where("uses"), "selection", message, f"Select it, too: -s +{step.id}"
        )
        self.plan.fatal.append(about_row(problem, row))
        return Decision(step.id, Action.SKIP, Reason.REFUSED), Supply(absent=Reason.REFUSED)

    def _stored(self, job: Job, symbols: Mapping[str, str], taken: Mapping[str, Supply]) -> tuple[Decision, Supply]:
        """What an earlier run made of a job that is not selected, for those that are."""
        key = key_of(key_parts(self.key_heads[job.step.id], job.parameters_text, symbols))
        known = all(supply.blob for supply in taken.values()) and key not in self._bad_keys
        if not known or (result := self.index.result(key)) is None:
            return _left_out(job.step)
        blob = result.blobs[0]
        decision = Decision(job.step.id, Action.SKIP, Reason.EXCLUDED, key=key, result=result)
        return decision, Supply(blob.sha256, blob, step=job.step.id, size=blob.size)

    def _taken(self, step: Step, row: Row, supplies: Mapping[str, Supply]) -> dict[str, Supply]:
        """What a step takes, by slot; of steps.ID.all what is skipped is left out, unless all is. Raises RowError."""
        taken: dict[str, Supply] = {}
        several: list[Supply] = []
        for slot, ref in step.inputs.items():
            if ref.every:
                found = self._gathered(ref) if self._fan_in.gathers(step, ref) else map(supplies.__getitem__, ref.every)
                several += [supply for supply in found if supply.absent is not Reason.SKIPPED]
            else:
                supply = self.supplier.supply(ref, row, supplies, step.slot_place(slot))
                if slot.startswith("images."):
                    several.append(supply)
                else:
                    taken[slot] = supply
        if not several and "images.0" in step.inputs:
            several = [Supply(absent=Reason.SKIPPED)]
        return taken | {f"images.{number}": supply for number, supply in enumerate(several)}

    def _gathered(self, ref: Ref) -> Iterator[Supply]:
        yield from self._fan_in.of(ref)
        if self.manifest and (lost := len(self.manifest.problems)):
            why = f"needs every row, and {lost:,} of the manifest can't be read"
            yield Supply(absent=Reason.REFUSED, why=why)

    def _not_running(self, step: Step, row: Row, supplies: Mapping[str, Supply]) -> tuple[Decision, Supply]:
        if step.otherwise == "bypass":
            supply = self.supplier.supply(step.inputs["image"], row, supplies, step.where("image"))
            if supply.absent:
                return Decision(step.id, Action.SKIP, supply.absent), supply
            return Decision(step.id, Action.SKIP, Reason.BYPASSED), supply
        if step.otherwise == "fail":
            problem = self.recipe.document.problem(step.where("when"), "when", f"{step.id}: when is false")
            raise RowError(about_row(problem, row))
        return Decision(step.id, Action.SKIP, Reason.SKIPPED), Supply(absent=Reason.SKIPPED)

    def _choose(
        self,
        job: Job,
        symbols: Mapping[str, str],
        taken: Mapping[str, Supply],
        size: tuple[int, int] | None,
        fresh: set[bytes],
    ) -> tuple[Decision, Supply]:
        parts = key_parts(self.key_heads[job.step.id], job.parameters_text, symbols)
        key = key_of(parts)
        known = all(supply.blob for supply in taken.values())
        unmade = Supply(f"?{key}", step=job.step.id, size=size)
        if _symbol(key) in self._planned or _symbol(key) in fresh:
            return Decision(job.step.id, Action.REUSE, Reason.CACHED, key=key, note="same work as another job"), unmade
        fresh.add(_symbol(key))
        if self.force:
            return Decision(job.step.id, Action.RUN, Reason.FORCED, key=key), unmade
        if not known:
            return Decision(job.step.id, Action.LATER, Reason.UPSTREAM, key=key), unmade
        result = None if key in self._bad_keys else self.index.result(key)
        if result is None and (refusal := self.refusal(key)):
            fresh.discard(_symbol(key))
            note = f"{refusal[0]}: {refusal[1]}"
            return Decision(job.step.id, Action.SKIP, Reason.MODERATED, key=key, note=note), Supply(
                absent=Reason.MODERATED
            )
        if result is None:
            reason, changes = self._why(job, key, parts)
            return Decision(job.step.id, Action.RUN, reason, changes, key), unmade
        if self.no_proxy and result.fidelity == PROXY:
            raise RowError(self._proxy_refused(job))
        fresh.discard(_symbol(key))
        blob = result.blobs[0]
        supply = Supply(blob.sha256, blob, step=job.step.id, size=blob.size)
        return Decision(job.step.id, Action.REUSE, Reason.CACHED, key=key, result=result), supply

    def refusal(self, key: str) -> tuple[str, str] | None:
        """Code and words with which the provider refused this very request before, unless it shall be asked again."""
        return None if self.retry_refused else self.index.refusal(key)

    def _proxy_refused(self, job: Job) -> Problem:
        name = job.step.function.name
        message = f"{name} needs a generative model here; the draft engine would return a picture stamped DRAFT"
        hint = "Leave out --no-proxy to preview it, or use another backend."
        return about_row(self.recipe.document.problem(job.step.where("uses"), "no-proxy", message, hint), job.row)

    # -- why a job runs

    def _why(self, job: Job, key: str, parts: str) -> tuple[Reason, tuple[Change, ...]]:
        last = self.index.last_key(self.plan.identity, job.address) if self._known_recipe else None
        if last is None:
            return Reason.NEW, ()
        if last == key:
            return Reason.OUTPUT_MISSING, ()
        old = self.index.components(last)
        return compare(old, parts) if old else (Reason.NEW, ())

    # -- output files and stored pictures

    def _restores(
        self, row: Row, paths: dict[str, str], supplies: Mapping[str, Supply], decisions: list[Decision]
    ) -> Iterator[Publication]:
        for output in (output for output in self.outputs_of(row) if output.name in paths):
            try:
                supply = self.supplier.supply(output.ref, row, supplies, output.where("image"))
            except RowError as error:
                self._note_once(error)
                del paths[output.name]  # there is no picture to show there
                continue
            path = paths[output.name]
            if supply.blob is None:
                if not supply.absent:
                    self._neighbours.note(output.name, path, None)
                continue
            publication = Publication(output.name, path, supply.blob, supply.step, output.quality)
            self._neighbours.note(output.name, path, made_from(publication))
            if reason := out_of_place(publication, self.inputs.root, self.index):
                self._mark(decisions, supply.step, reason)
                yield publication

    def _mark(self, decisions: list[Decision], step: str | None, reason: Reason) -> None:
        for index, decision in enumerate(decisions):
            if decision.step == step and decision.action is Action.REUSE:
                decisions[index] = replace(decision, reason=reason)

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
        gathered = [ref for ref in taken if ref.kind is RefKind.STEP and ref.name not in level.numbers]
        own = [ref for ref in taken if ref not in gathered]
        unsound = self._lacks(entry, own, *(publication.step for publication in entry.restores))
        for place, other in enumerate(self.plan.rows if gathered else ()):
            if isinstance(other, RowPlan) and self._lacks(other, gathered):
                self._look_again(place, other.row)
                unsound = True
        return unsound

    def _lacks(self, entry: RowPlan, refs: Iterable[Ref], *steps: str | None) -> bool:
        """Whether a stored picture of a row that these mean is gone or damaged."""
        origins = [origin(ref, entry.decisions, self.plan.level(entry)) for ref in refs]
        needed = {*steps, *(ref.name for ref in origins if ref.kind is RefKind.STEP)}
        stored = [made for made in entry.decisions if made.step in needed and made.result]
        faulty = [self._faulty(entry.row, made) for made in stored]  # all of them, since each is said
        return any(faulty)

    def _faulty(self, row: Row, made: Decision) -> bool:
        key, sha256 = str(made.key), made.result.blobs[0].sha256 if made.result else ""
        if sha256 not in self._whole:
            self._whole[sha256] = self.blobs.fault(sha256)
        if not (fault := self._whole[sha256]) or key in self._bad_keys:
            return False
        self._bad_keys.add(key)
        self.plan.damaged[key] = sha256
        self.plan.notes.append(f"the stored picture of {row.key}/{made.step} is {fault}; it is made again")
        return True

    # -- at the end

    def _overwritten_inputs(self) -> Iterator[Problem]:
        for (row, output), name in self._owners.overwritten():
            message = f"row {row} would write over {name}, which is an input image"
            yield self._output_problem(output, message, "Give outputs a folder of their own, e.g. out/.")

    def _overwritten_outputs(self) -> Iterator[Problem]:
        for writer, output, paths in self._neighbours.overwritten():
            files = paths[0] if len(paths) == 1 else f"{len(paths):,} files, first {paths[0]}"
            message = f"this would write over what {writer} made: {files}"
            hint = (
                f"Give one of the two recipes another folder, here or with --out; or move the files of {writer} away."
            )
            yield self._output_problem(output, message, hint)

    def _output_problem(self, output: str, message: str, hint: str) -> Problem:
        output = plain(output)
        where = ("outputs", output, "to") if output in self.recipe.document.data["outputs"] else ("outputs",)
        return self.recipe.document.problem(where, "output-path", message, hint)


def out_of_place(publication: Publication, root: Path, index: Index) -> Reason | None:
    """Why an output file has to be written, or None when it stands there as it should."""
    target = root / publication.path
    published = index.published(publication.path)
    stat = stat_of(target)
    if stat is None or published is None or published.recipe_of != made_from(publication):
        return Reason.OUTPUT_MISSING
    if stat == published.stat or file_digest(target) == published.sha256:
        return None
    return Reason.OUTPUT_MODIFIED


def _left_out(step: Step) -> tuple[Decision, Supply]:
    """What becomes of a job that is not selected and has no picture."""
    return Decision(step.id, Action.SKIP, Reason.EXCLUDED), Supply(absent=Reason.EXCLUDED, step=step.id)


def _symbol(key: str) -> bytes:
    return bytes.fromhex(key)[:16]
