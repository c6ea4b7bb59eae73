"""Jobs + what the store knows -> Plan: per job RUN, REUSE, LATER or SKIP, and why. The only place that decides.

Rows stream. A row whose text, inputs and outputs are as they were when it was last fully done is recognised whole and
its steps are not looked at.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from wanflow.canon import canonical, digest
from wanflow.errors import EditError, Mark, Problem, merge
from wanflow.expand import KEY_VERSION, Expansion, Job, RowError, about_row, key_head, key_of, key_parts
from wanflow.inputs import Inputs
from wanflow.model import (
    Action,
    Blob,
    Change,
    Decision,
    Publication,
    Reason,
    Ref,
    RefKind,
    Row,
)
from wanflow.outputs import file_digest, folded, made_from, path_problem, stat_of
from wanflow.planned import SHAPES, Plan, RowPlan, Unchanged
from wanflow.reasons import compare
from wanflow.recipe import Recipe, Step
from wanflow.store.blobs import Blobs
from wanflow.store.index import Index, RowRecord

Fingerprint = Callable[[Step], str]
_NOT_FILES = ("http://", "https://", "data:")


@dataclass(frozen=True, slots=True)
class Supply:
    """A picture as far as it is known: its content, or only who will make it, or that there will be none."""

    symbol: str = ""
    blob: Blob | None = None
    file: str | None = None
    step: str | None = None
    key: str | None = None
    size: tuple[int, int] | None = None
    absent: Reason | None = None


class Planner:
    """Decides, row by row. Reads files and the store; writes nothing."""

    def __init__(
        self,
        recipe: Recipe,
        folder: Path,
        manifest_shown: str,
        manifest_name: str,
        index: Index,
        blobs: Blobs,
        inputs: Inputs,
        out: Path,
        backend: str,
        fingerprint: Fingerprint,
        *,
        force: bool = False,
    ) -> None:
        self.recipe = recipe
        self.expansion = Expansion(recipe)
        self.index, self.blobs, self.inputs, self.out = index, blobs, inputs, out
        self.manifest_shown, self.force = manifest_shown, force
        self._folder, self._recipe_folder = inputs.relative(folder), inputs.relative(recipe.folder)
        self.identity = f"{recipe.name}|{inputs.relative(recipe.file)}|{manifest_name}"
        self.fingerprints = {step.id: fingerprint(step) for step in self.expansion.steps}
        self.key_heads = {
            step.id: key_head(step.function.name, self.fingerprints[step.id]) for step in self.expansion.steps
        }
        self.plan = Plan(recipe, self.identity, backend, self.expansion.steps)
        self.plan.by_step = {step.id: Counter() for step in self.expansion.steps}
        self._scope = self._scope_digest()
        self._known_recipe = index.knows_recipe(self.identity)
        self._planned: set[bytes] = set()
        self._owners: dict[str, str] = {}
        self._input_paths: set[str] = set()
        self._whole: dict[str, str] = {}
        self._bad_keys: set[str] = set()
        self._out_prefix = inputs.relative(out)

    def _scope_digest(self) -> bytes:
        functions = [[step.function.name, digest(dict(step.function.parameters))] for step in self.expansion.steps]
        fixed = [
            KEY_VERSION,
            functions,
            self.fingerprints,
            self.recipe.document.data,
            dict(self.recipe.params),
        ]
        return canonical([*fixed, self.inputs.relative(self.out)]).encode()

    def fingerprint_of(self, row: Row) -> bytes:
        """What an unchanged row is recognised by: everything of the recipe, and the row's text."""
        return hashlib.sha256(self._scope + row.text.encode("utf-8", "surrogatepass")).digest()[:16]

    def decide(self, rows: Iterator[tuple[Row, list[Problem]]]) -> Plan:
        """The plan of all rows."""
        remembered = {} if self.force else self.index.rows(self.identity)
        # Hashing the recipe's part once and copying the state is what makes a hundred thousand rows cheap.
        scope = hashlib.sha256(self._scope)
        with _folder_descriptor(self.inputs.root) as descriptor:
            for row, problems in rows:
                if (record := remembered.get(row.key)) and not problems:
                    state = scope.copy()
                    state.update(row.text.encode("utf-8", "surrogatepass"))
                    if record.fingerprint == state.digest()[:16] and _files_unchanged(record.files, descriptor):
                        self._take_unchanged(row.key, record)
                        continue
                self._take(row, problems)
        self._refuse_overwritten_inputs()
        self._count()
        self.plan.problems = merge(self.plan.problems)
        return self.plan

    # -- unchanged rows

    def _take_unchanged(self, key: str, record: RowRecord) -> None:
        inputs, _, outputs = record.files.partition("\n\n")
        self._input_paths.update(line.partition("\t")[0] for line in inputs.split("\n") if line)
        prefix = f"{self._out_prefix}/" if self._out_prefix != "." else ""
        for line in outputs.split("\n"):
            if line:
                self._owners[folded(line.partition("\t")[0].removeprefix(prefix))] = key
        self.plan.entries.append(Unchanged(key, record.shape))

    # -- rows that are looked at

    def _take(self, row: Row, problems: list[Problem]) -> None:
        try:
            if problems:
                self.plan.problems += [about_row(problem, row) for problem in problems[1:]]
                raise RowError(about_row(problems[0], row))
            if not self.expansion.keeps(row):
                return
            paths = self._paths(row)
        except RowError as error:
            self.plan.problems.append(error.problem)
            refused = tuple(Decision(step.id, Action.SKIP, Reason.REFUSED) for step in self.plan.steps)
            self.plan.entries.append(RowPlan(row, refused, {}))
            return
        entry = self._row(row, paths)
        while self._unsound(entry):
            entry = self._row(row, paths)
        self._planned.update(_symbol(decision.key) for decision in entry.decisions if decision.key)
        self.plan.entries.append(entry)

    def _paths(self, row: Row) -> dict[str, str]:
        paths: dict[str, str] = {}
        for output in self.recipe.outputs:
            path = self.expansion.path(output.to, output.name, row)
            complaint = path_problem(path)
            owner = self._owners.setdefault(folded(path), row.key)
            if not complaint and (owner != row.key or folded(path) in map(folded, paths.values())):
                other = f"row {owner}" if owner != row.key else "another output of the same row"
                complaint = f"{path!r} is also written by {other}"
            if complaint:
                where = ("outputs", output.name, "to")
                hint = "Use a path below the output folder that no other row shares, e.g. ${{ row.id }}/name.png."
                raise RowError(about_row(self.recipe.document.problem(where, "output-path", complaint, hint), row))
            paths[output.name] = path
        return paths

    def _row(self, row: Row, paths: Mapping[str, str]) -> RowPlan:
        supplies: dict[str, Supply] = {}
        decisions: list[Decision] = []
        fresh: set[bytes] = set()
        for step in self.plan.steps:
            try:
                decision, supply = self._step(step, row, supplies, fresh)
            except RowError as error:
                self._note_once(error.problem)
                decision, supply = (
                    Decision(step.id, Action.SKIP, Reason.REFUSED, note=error.problem.message),
                    Supply(absent=Reason.REFUSED),
                )
            decisions.append(decision)
            supplies[step.id] = supply
        restores = tuple(self._restores(row, paths, supplies, decisions))  # also marks decisions
        return RowPlan(row, tuple(decisions), paths, restores)

    def _note_once(self, problem: Problem) -> None:
        if problem not in self.plan.problems[-8:]:
            self.plan.problems.append(problem)

    def _step(self, step: Step, row: Row, supplies: Mapping[str, Supply], fresh: set[bytes]) -> tuple[Decision, Supply]:
        if not self.expansion.runs(step, row):
            return self._not_running(step, row, supplies)
        taken = {slot: self.supply(ref, row, supplies, step.id, slot) for slot, ref in step.inputs.items()}
        for supply in taken.values():
            if supply.absent:
                return Decision(step.id, Action.SKIP, supply.absent), Supply(absent=supply.absent)
        self._check_inputs(step, row, taken)
        job = self.expansion.job(step, row)
        size = self.expansion.size(job, _base_size(taken))
        return self._choose(job, {slot: supply.symbol for slot, supply in taken.items()}, taken, size, fresh)

    def _not_running(self, step: Step, row: Row, supplies: Mapping[str, Supply]) -> tuple[Decision, Supply]:
        if step.otherwise == "bypass":
            supply = self.supply(step.inputs["image"], row, supplies, step.id, "image")
            if supply.absent:
                return Decision(step.id, Action.SKIP, supply.absent), supply
            return Decision(step.id, Action.SKIP, Reason.BYPASSED), supply
        if step.otherwise == "fail":
            problem = self.recipe.document.problem(("steps", step.id, "when"), "when", f"{step.id}: when is false")
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
        unmade = Supply(f"?{key}", step=job.step.id, key=key, size=size)
        if _symbol(key) in self._planned or _symbol(key) in fresh:
            return Decision(job.step.id, Action.REUSE, Reason.CACHED, key=key, note="same work as another job"), unmade
        fresh.add(_symbol(key))
        if self.force:
            return Decision(job.step.id, Action.RUN, Reason.FORCED, key=key), unmade
        if not known:
            return Decision(job.step.id, Action.LATER, Reason.UPSTREAM, key=key), unmade
        result = None if key in self._bad_keys else self.index.result(key)
        if result is None:
            reason, changes = self._why(job, key, parts)
            return Decision(job.step.id, Action.RUN, reason, changes, key), unmade
        fresh.discard(_symbol(key))
        blob = result.blobs[0]
        supply = Supply(blob.sha256, blob, step=job.step.id, key=key, size=blob.size)
        return Decision(job.step.id, Action.REUSE, Reason.CACHED, key=key, result=result), supply

    # -- inputs

    def supply(self, ref: Ref, row: Row, supplies: Mapping[str, Supply], step: str, slot: str) -> Supply:
        """The picture that a reference stands for in a row, as far as it is known. Raises RowError."""
        if ref.kind is RefKind.STEP:
            return supplies[ref.name]
        where = ("outputs", slot, "image") if step == "" else ("steps", step, *slot.split("."))
        name = self._locate(ref, row, where)
        try:
            source = self.inputs.source(name)
        except EditError as error:
            problem = self._place(ref, row, where)
            message = f"{ref}: {name}: {error.message}"
            raise RowError(replace(problem, rule=_rule_name(error.code), message=message)) from error
        self._input_paths.add(source.path)
        return Supply(source.blob.sha256, source.blob, file=source.path, size=source.blob.size)

    def _locate(self, ref: Ref, row: Row, where: tuple[str, ...]) -> str:
        """The project's name of the file that a reference means."""
        if ref.kind is RefKind.FILE:
            return self.inputs.name(self._recipe_folder, ref.name)
        if ref.kind is RefKind.PARAM:
            return self.inputs.name(self._recipe_folder, str(self.recipe.params[ref.name]))
        value = row.values.get(ref.name)
        if isinstance(value, str) and value and not value.startswith(_NOT_FILES) and "\0" not in value:
            return self.inputs.name(self._folder, value)
        problem = self._place(ref, row, where)
        if not isinstance(value, str) or not value.strip():
            message = f"{ref}: there is no path in this row"
            raise RowError(replace(problem, message=message, hint="Fill the cell, or leave the row out with where:."))
        if "\0" in value:
            raise RowError(replace(problem, message=f"{ref}: the path holds a NUL character"))
        message = f"{ref}: {value[:60]} is not a file; wanflow edits local files"
        raise RowError(replace(problem, message=message, hint="Download the image and name its path here."))

    def _place(self, ref: Ref, row: Row, where: tuple[str, ...]) -> Problem:
        if ref.kind is RefKind.ROW and self.recipe.manifest:
            return Problem("image", "", self.manifest_shown, Mark(row.line, 1), rows=(row.key,), row_count=1)
        return about_row(self.recipe.document.problem(where, "image", ""), row)

    def _check_inputs(self, step: Step, row: Row, taken: Mapping[str, Supply]) -> None:
        for slot, supply in taken.items():
            rule = step.function.inputs.get(slot.partition(".")[0], {})
            if complaint := _unfit(rule, supply, step.function.name):
                message, hint = complaint
                what = f"{supply.file}: " if supply.file else f"the picture of {supply.step}: " if supply.step else ""
                where = ("steps", step.id, *slot.split("."))
                problem = self.recipe.document.problem(where, "image-size", f"{what}{message}", hint)
                raise RowError(about_row(problem, row))

    # -- why a job runs

    def _why(self, job: Job, key: str, parts: str) -> tuple[Reason, tuple[Change, ...]]:
        last = self.index.last_key(self.identity, job.address) if self._known_recipe else None
        if last is None:
            return Reason.NEW, ()
        if last == key:
            return Reason.OUTPUT_MISSING, ()
        old = self.index.components(last)
        return compare(old, parts) if old else (Reason.NEW, ())

    # -- output files and stored pictures

    def _restores(
        self, row: Row, paths: Mapping[str, str], supplies: Mapping[str, Supply], decisions: list[Decision]
    ) -> Iterator[Publication]:
        for output in self.recipe.outputs:
            try:
                supply = self.supply(output.ref, row, supplies, "", output.name)
            except RowError as error:
                self._note_once(error.problem)
                continue
            if supply.blob is None:
                continue
            publication = Publication(output.name, paths[output.name], supply.blob, supply.step, output.quality)
            if reason := out_of_place(publication, self.out, self.index):
                self._mark(decisions, supply.step, reason)
                yield publication

    def _mark(self, decisions: list[Decision], step: str | None, reason: Reason) -> None:
        for index, decision in enumerate(decisions):
            if decision.step == step and decision.action is Action.REUSE:
                decisions[index] = replace(decision, reason=reason)

    def _unsound(self, entry: RowPlan) -> bool:
        """True when a stored picture that this row needs is gone or damaged: it becomes a miss, said once."""
        made = {d.step: d for d in entry.decisions if d.action is Action.REUSE and d.result and d.key}
        needed = {
            ref.name
            for step, decision in zip(self.plan.steps, entry.decisions, strict=True)
            if decision.action in (Action.RUN, Action.LATER)
            for ref in step.inputs.values()
            if ref.kind is RefKind.STEP
        }
        needed |= {publication.step for publication in entry.restores if publication.step}
        found = False
        for step, decision in made.items():
            if step in needed or self._feeds_bypass(step, needed):
                found |= self._faulty(entry.row, step, decision)
        return found

    def _feeds_bypass(self, step: str, needed: set[str]) -> bool:
        # A bypassed step hands on what it was given, so its own image's maker is needed too.
        return any(s.id in needed and s.otherwise == "bypass" and step in s.needs for s in self.plan.steps)

    def _faulty(self, row: Row, step: str, decision: Decision) -> bool:
        assert decision.result and decision.key  # noqa: S101 - told to mypy; the caller filtered
        sha256 = decision.result.blobs[0].sha256
        if sha256 not in self._whole:
            self._whole[sha256] = self.blobs.fault(sha256)
        if not (fault := self._whole[sha256]) or decision.key in self._bad_keys:
            return False
        self._bad_keys.add(decision.key)
        self.plan.damaged[decision.key] = sha256
        self.plan.notes.append(f"the stored picture of {row.key}/{step} is {fault}; it is made again")
        return True

    # -- at the end

    def _refuse_overwritten_inputs(self) -> None:
        prefix = f"{self._out_prefix}/" if self._out_prefix != "." else ""
        inputs = {folded(path) for path in self._input_paths}
        for path, owner in self._owners.items():
            if folded(prefix) + path in inputs:
                message = f"row {owner} would write over {prefix}{path}, which is an input image"
                where = ("outputs",)
                hint = "Give outputs a folder of their own, e.g. out/."
                self.plan.problems.append(self.recipe.document.problem(where, "output-path", message, hint))
                self._refuse_row(owner)

    def _refuse_row(self, key: str) -> None:
        for index, entry in enumerate(self.plan.entries):
            if not isinstance(entry, Unchanged) and entry.row.key == key:
                refused = tuple(Decision(step.id, Action.SKIP, Reason.REFUSED) for step in self.plan.steps)
                self.plan.entries[index] = RowPlan(entry.row, refused, {})

    def _count(self) -> None:
        plan, totals = self.plan, self.plan.totals
        shapes = Counter(entry.shape for entry in plan.entries if isinstance(entry, Unchanged))
        for shape, count in shapes.items():
            for step, letter in zip(plan.steps, shape, strict=True):
                action, reason = SHAPES[letter]
                plan.by_step[step.id][action] += count
                plan.why[step.id, action, reason, ()] += count
        for entry in plan.entries:
            if isinstance(entry, RowPlan):
                totals.restore += len(entry.restores)
                for decision in entry.decisions:
                    plan.by_step[decision.step][decision.action] += 1
                    changes = tuple(change.field for change in decision.changes)
                    plan.why[decision.step, decision.action, decision.reason, changes] += 1
        for step in plan.steps:
            self._count_step(step)

    def _count_step(self, step: Step) -> None:
        totals, counts = self.plan.totals, self.plan.by_step[step.id]
        totals.jobs += counts.total()
        totals.run += counts[Action.RUN]
        totals.reuse += counts[Action.REUSE]
        totals.later += counts[Action.LATER]
        totals.skip += counts[Action.SKIP]
        totals.images += counts[Action.RUN] + counts[Action.LATER]
        totals.seconds += step.function.draft_seconds * (counts[Action.RUN] + counts[Action.LATER])


def out_of_place(publication: Publication, out: Path, index: Index) -> Reason | None:
    """Why an output file has to be written, or None when it stands there as it should."""
    target = out / publication.path
    published = index.published(publication.path)
    stat = stat_of(target)
    if stat is None or published is None or published.recipe_of != made_from(publication):
        return Reason.OUTPUT_MISSING
    if stat == published.stat or file_digest(target) == published.sha256:
        return None
    return Reason.OUTPUT_MODIFIED


def _unfit(rule: Mapping[str, object], supply: Supply, function: str) -> tuple[str, str] | None:
    """Why a picture can't go into an input, and what helps; None when it can, or its size isn't known yet."""
    low, high = rule.get("min_side"), rule.get("max_side")
    if (
        supply.size
        and isinstance(low, int)
        and isinstance(high, int)
        and not all(low <= s <= high for s in supply.size)
    ):
        width, height = supply.size
        limit = f"min_side: {low}" if min(supply.size) < low else f"max_side: {high}"
        hint = f"Put a local/fit step before it, with: {{{limit}}}."
        return f"{width}x{height} px; {function} takes {low} to {high} px a side", hint
    if supply.file and supply.blob:
        formats, most = rule.get("formats"), rule.get("max_bytes")
        kind = "JPEG" if supply.blob.format == "MPO" else supply.blob.format
        if isinstance(formats, list) and kind not in formats:
            return f"{kind}; {function} takes {', '.join(formats)}", "Save it in one of these formats."
        if isinstance(most, int) and supply.blob.size_bytes > most:
            size = f"{supply.blob.size_bytes / 1e6:.1f} MB"
            return f"{size}; {function} takes {most / 1e6:.0f} MB", "Put a local/fit step before it."
    return None


def _base_size(taken: Mapping[str, Supply]) -> tuple[int, int] | None:
    """The size of the picture that decides the result's: the image, or the last of several."""
    bases = [supply for slot, supply in taken.items() if slot == "image" or slot.startswith("images.")]
    return bases[-1].size if bases else None


def _rule_name(code: str) -> str:
    return "".join(f"-{char.lower()}" if char.isupper() else char for char in code).lstrip("-")


def _symbol(key: str) -> bytes:
    return bytes.fromhex(key)[:16]


class _folder_descriptor:  # noqa: N801 - reads as a with-statement
    """A folder's descriptor: stat relative to it costs a third of stat by full path."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __enter__(self) -> int:
        self.descriptor = os.open(self.folder, os.O_RDONLY)
        return self.descriptor

    def __exit__(self, *_: object) -> None:
        os.close(self.descriptor)


def _files_unchanged(files: str, descriptor: int) -> bool:
    try:
        for line in files.split("\n"):
            if line:
                path, expected = line.split("\t", 1)
                found = os.stat(path, dir_fd=descriptor)
                if f"{found.st_size}\t{found.st_mtime_ns}\t{found.st_ino}" != expected:
                    return False
    except OSError:
        return False
    return True
