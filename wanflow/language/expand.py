"""Recipe + rows -> jobs, one row at a time: parameters rendered and judged, sizes followed, keys made.

What is the same for every row is done once: templates that read only params are folded into constants, and constants
are judged when the expansion is made.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from wanflow.canon import canonical
from wanflow.documents import schemas
from wanflow.documents.source import NodePath
from wanflow.errors import Problem, Rule, quoted
from wanflow.functions import sizes
from wanflow.language import hints
from wanflow.language.recipe import Guard, Output, Recipe, Step, normal
from wanflow.language.sandbox import TemplateError
from wanflow.language.templates import Template
from wanflow.model import FIRST, RUN, Row, Take
from wanflow.pictures.images import MAX_PIXELS

KEY_VERSION = 1


class RowError(Exception):
    """A row can't be used as it is; carries every problem found."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("; ".join(problem.message for problem in problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Job:
    """One step for one row, resolved except for its inputs' contents."""

    row: Row
    step: Step
    parameters: Mapping[str, Any]
    parameters_text: str

    @property
    def address(self) -> str:
        """How people and records name it."""
        return f"{self.row.key}/{self.step.id}"


def key_head(function: str, fingerprint: str) -> str:
    """The part of a key that all jobs of a step share."""
    return f"[{KEY_VERSION},{canonical(function)},{canonical(fingerprint)}"


def key_parts(head: str, parameters_text: str, inputs: Mapping[str, str], take: Take = FIRST) -> str:
    """Everything that decides a job's result, as canonical JSON; its sha256 is the key.

    A list of key version, function, backend fingerprint, parameters, input digests by slot, and take (null of the first
    one, else its name and how many seeds it is ahead).
    """
    # Slots and digests need no escaping, so this is what `canonical` would write, at a tenth of its cost.
    digests = ",".join([f'"{slot}":"{inputs[slot]}"' for slot in sorted(inputs)])
    further = "null" if take == FIRST else canonical([take.name, take.ahead])
    return f"{head},{parameters_text},{{{digests}}},{further}]"


def key_of(parts: str) -> str:
    """The key of key parts."""
    return hashlib.sha256(parts.encode()).hexdigest()


class Expansion:
    """Turns rows into jobs for one recipe."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.problems: list[Problem] = []
        self.broken: set[str] = set()
        self.steps = tuple(self._folded(step) for step in recipe.steps)
        self._constant_texts = {step.id: canonical({**step.constants, **_number(step)}) for step in self.steps}
        self._conditions = {step.id: step.conditions for step in self.steps}
        self._judged: dict[str, list[Problem]] = {}
        self._rules: dict[tuple[str, str], Any] = {}

    def _folded(self, step: Step) -> Step:
        constants, templates = dict(step.constants), {}
        for name, template in step.templates.items():
            if "row" in template.roots:
                templates[name] = template
                continue
            try:
                value = self._rendered(template, {}, step.place(name))
                constants[name] = normal(value, step.function.properties.get(name, {}))
            except RowError as error:
                self.problems += error.problems
                self.broken.add(step.id)
        return replace(step, constants=constants, templates=templates)

    def scope(self, row_values: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
        """What expressions see."""
        return {"row": row_values, "params": self.recipe.params}

    def keeps(self, row: Row) -> bool:
        """Whether the manifest's `where` keeps a row. Raises RowError."""
        spec = self.recipe.manifest
        if spec is None or spec.where is None:
            return True
        return self._truth(spec.where, row, ("manifest", "where"))

    def stopped(self, step: Step, row: Row) -> Guard | None:
        """The first condition of a step that is false for a row; None when it runs. Raises RowError."""
        if step.when is True and not step.guards:
            return None
        return next((guard for guard in self._conditions[step.id] if not self._holds(guard, row)), None)

    def _holds(self, guard: Guard, row: Row) -> bool:
        if isinstance(guard.when, bool):
            return guard.when
        return self._truth(guard.when, row, (*guard.where, "when"))

    def _truth(self, template: Template, row: Row, where: NodePath) -> bool:
        value = self._rendered(template, row.values, where, row)
        if not isinstance(value, bool):
            message = f"{where[-1]} must be true or false, got {quoted(value)}"
            hint = 'Compare: row.flag == "yes", or give the column a type: types: {flag: boolean}.'
            raise RowError(self._problem(where, "when", message, hint, row, template))
        return value

    def job(self, step: Step, row: Row) -> Job:
        """The job of a step for a row, parameters judged by the exact schema. Raises RowError."""
        faults = [about_row(problem, row) for problem in self._shared_faults(step)]
        parameters = dict(step.constants)
        for name, template in step.templates.items():
            try:
                value = self._rendered(template, row.values, step.place(name), row)
                parameters[name] = normal(value, step.function.properties.get(name, {}))
            except RowError as error:
                faults += error.problems
            else:
                wrong = self._faults(step, name, parameters[name])
                faults += [about_row(problem, row, template) for problem in wrong]
        if faults:
            raise RowError(*faults)
        parameters |= _number(step)
        text = canonical(parameters) if step.templates else self._constant_texts[step.id]
        return Job(row, step, parameters, text)

    def another(self, job: Job, attempt: int) -> Job:
        """A further try of a job, with the first seed that no image of those before has; one not given counts as 0."""
        if not attempt:
            return job
        ahead = attempt * job.step.candidates
        rule = job.step.function.properties["seed"]
        least, seeds = rule["minimum"], rule["maximum"] - rule["minimum"] + 1
        parameters = {**job.parameters, "seed": least + (job.parameters.get("seed", 0) - least + ahead) % seeds}
        return replace(job, parameters=parameters, parameters_text=canonical(parameters))

    def _faults(self, step: Step, name: str, value: Any) -> Iterator[Problem]:
        """What is wrong with one parameter's value, by its exact schema."""
        if (checker := self._rules.get((step.function.name, name))) is None:
            checker = self._rules[step.function.name, name] = schemas.validator(step.function.properties[name])
        for error in checker.iter_errors(value):
            part = "".join(f"[{number}]" for number in error.absolute_path)
            place = (*step.place(name), *error.absolute_path)
            yield self.recipe.document.problem(place, *schemas.said(error, name + part))

    def _shared_faults(self, step: Step) -> list[Problem]:
        """What is wrong with what all rows share: constants, and which parameters there are. Judged once."""
        if step.id not in self._judged:
            rules = step.function.parameters["properties"]
            schema = {**step.function.parameters, "properties": dict.fromkeys(rules, True)}
            names = {**step.constants, **step.templates}
            missing = [
                self.recipe.document.problem(step.where("with"), *schemas.said(error, "with"))
                for error in schemas.validator(schema).iter_errors(dict.fromkeys(names))
            ]
            wrong = [fault for name, value in step.constants.items() for fault in self._faults(step, name, value)]
            self._judged[step.id] = missing + wrong
        return self._judged[step.id]

    def path(self, output: Output, row: Row) -> str:
        """An output's rendered path, not yet checked. Raises RowError."""
        path = output.to
        if isinstance(path, Template):
            path = str(self._rendered(path, row.values, output.where("to"), row))
        return f"{path}.json" if output.is_sidecar else path

    def size(self, job: Job, among: sizes.Sizes) -> tuple[int, int] | None:
        """The size of a job's picture, from its inputs' by slot; None while that isn't known. Raises RowError."""
        size = sizes.base(among)
        where, templates = job.step.where("with"), job.step.templates.values()
        try:
            made = sizes.resulting(job.step.function.size, size, job.parameters, among)
        except sizes.SizeError as error:
            raise self.misfit(job, error) from error
        if made and made[0] * made[1] > MAX_PIXELS:
            before = f"{size[0]}x{size[1]} px" if size else "the picture"
            message = f"{before} would become {made[0]}x{made[1]}, {made[0] * made[1] / 1e6:.0f} million"
            message += f" pixels; at most {MAX_PIXELS // 10**6} million are made"
            fitting = int(max(size or made) * (MAX_PIXELS / (made[0] * made[1])) ** 0.5)
            hint = f"Ask for less, or put a local/fit step before it, with: {{max_side: {fitting}}}."
            raise RowError(self._problem(where, "size", message, hint, job.row, *templates))
        return made

    def misfit(self, job: Job, error: sizes.SizeError) -> RowError:
        """That a job's parameters don't fit its pictures, at the parameter that is to blame."""
        place, read = job.step.where("with"), job.step.templates
        if error.parameter:
            place = job.step.place(error.parameter)
            read = {name: template for name, template in read.items() if name == error.parameter}
        return RowError(self._problem(place, error.rule, str(error), error.hint, job.row, *read.values()))

    def region(self, step: Step, row: Row, size: tuple[int, int] | None) -> hints.Region | None:
        """The box around the subject that a step's hint gives, judged by the image's size if known. Raises RowError."""
        if not step.region:
            return None
        where = step.where("hint", "region")
        values = [
            self._rendered(value, row.values, (*where, place), row) if isinstance(value, Template) else value
            for place, value in enumerate(step.region)
        ]
        values = [normal(value, {"type": "integer"}) for value in values]
        if faults := list(hints.faults(values, size)):
            read = [value for value in step.region if isinstance(value, Template)]
            raise RowError(*(self._problem((*where, place), *said, row, *read) for place, said in faults))
        x, y, width, height = values
        return x, y, width, height

    def _rendered(self, template: Template, values: Mapping[str, Any], where: NodePath, row: Row | None = None) -> Any:
        try:
            return template.render(self.scope(values))
        except TemplateError as error:
            place = error.place or where
            raise RowError(self._problem(place, "expression", str(error), error.hint, row, template)) from error

    def _problem(
        self, where: NodePath, rule: Rule, message: str, hint: str, row: Row | None, *read: Template
    ) -> Problem:
        problem = self.recipe.document.problem(where, rule, message, hint)
        return about_row(problem, row, *read) if row else problem


def _number(step: Step) -> dict[str, int]:
    """The parameter that says how many candidates are made; one is what every request without it makes."""
    return {"n": step.candidates} if step.candidates > 1 else {}


def about_row(problem: Problem, row: Row, *read: Template) -> Problem:
    """The same problem, for one row; where its values stand, if templates that read the row made them."""
    if row.key == RUN:
        return problem
    return replace(problem, rows=(row.key,), row_count=1, origin=_origin(row, read))


def _origin(row: Row, read: Iterable[Template]) -> str:
    columns = sorted({field for template in read for root, field in template.names if root == "row" and field})
    if not columns or not row.place:
        return ""
    return f"{row.place}, {'column' if len(columns) == 1 else 'columns'} {', '.join(columns)}"


def used_columns(recipe: Recipe) -> Iterator[tuple[NodePath, str]]:
    """Every (place, column) that a recipe must find in its manifest."""
    for step in recipe.steps:
        for slot, ref in step.inputs.items():
            if ref.kind.value == "row":
                yield step.named_at(slot), ref.name
        for name, template in step.templates.items():
            yield from _columns(template, step.place(name))
        for place, value in enumerate(step.region):
            if isinstance(value, Template):
                yield from _columns(value, step.where("hint", "region", place))
        for guard in step.conditions:
            if isinstance(guard.when, Template):
                yield from _columns(guard.when, (*guard.where, "when"))
    for output in recipe.outputs:
        if isinstance(output.to, Template):
            yield from _columns(output.to, output.where("to"))
        if output.ref.kind.value == "row":
            yield output.where("image"), output.ref.name
    if recipe.manifest and recipe.manifest.where:
        yield from _columns(recipe.manifest.where, ("manifest", "where"))


def _columns(template: Template, where: NodePath) -> Iterator[tuple[NodePath, str]]:
    for root, field in sorted(template.names):
        if root == "row" and field:
            yield where, field
