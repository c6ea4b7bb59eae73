"""Document -> Recipe: every reference, expression and parameter checked, collecting all problems before failing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from wanflow.documents import schemas
from wanflow.documents.foreign import Judge, TooMuchWorkError
from wanflow.documents.kinds import TYPE_WORDS, typed
from wanflow.documents.source import MAX_PROBLEMS, Document, NodePath
from wanflow.errors import Problem, UsageError, did_you_mean, quoted
from wanflow.functions import catalog
from wanflow.functions.catalog import Function
from wanflow.functions.narrow import models_with, narrowed
from wanflow.language import graph, picks
from wanflow.language.matrix import ROOT, Instance, told_apart
from wanflow.language.recipe import SIDECAR, ManifestSpec, Output, Recipe, Step, normal, plain
from wanflow.language.references import References, step_named
from wanflow.language.templates import Template, TemplateError, bound, compile_expression, compile_value, listed
from wanflow.links import datauris, urls
from wanflow.model import Ref, RefKind

MAX_EXPRESSIONS = 50_000
_WHOLES = (("params",), ("steps",), ("outputs",))
# What a recipe lists beyond is refused by its schema, and not looked at.
MAX_IMAGES = 200


@dataclass(frozen=True, slots=True)
class _Sight:
    """What the expressions of a part of the recipe see beside params: a row, and the keys of a matrix."""

    row: bool = True
    matrix: tuple[str, ...] = ()

    @property
    def roots(self) -> tuple[str, ...]:
        return ("params", *(["row"] if self.row else []), *([ROOT] if self.matrix else []))


ROW = _Sight()


def build(document: Document, file: Path, overrides: Mapping[str, str]) -> tuple[Recipe, list[Problem]]:
    """The recipe of a document and everything that is wrong with it; what is wrong is left out of the recipe.

    `overrides` are the -p values, as text. Raises UsageError for one that the recipe doesn't have.
    """
    return _Builder(document, file).build(overrides)


class _Builder:
    def __init__(self, document: Document, file: Path) -> None:
        self.document = document
        self.file = file
        self.problems: list[Problem] = []
        self.faulty: set[NodePath] = set()
        self.params: dict[str, Any] = {}
        self.references = References(self._map("steps"), self._note)
        self.expressions: set[str] = set()
        self.characters = 0

    def build(self, overrides: Mapping[str, str]) -> tuple[Recipe, list[Problem]]:
        if not isinstance(self.document.data, dict):
            self._note((), "type", "a recipe is a map (wanflow: 1, steps: …)", "See wanflow init for a working one.")
            return self._recipe({}, None, (), ()), self.problems
        for where, problem in schemas.document_problems(self.document, schemas.recipe_validator()):
            is_n = where[:1] == ("steps",) and where[2:] == ("with", "n")
            self.problems.append(replace(problem, hint=picks.WITH_N) if is_n else problem)
            # A fault of a whole part (something is missing in it) counts for that part, not for all below.
            self.faulty.update(where[: length + 1] for length in range(len(where)))
            if (where in _WHOLES and problem.rule == "length") or len(self.problems) >= MAX_PROBLEMS:  # no end of it
                return self._recipe({}, None, (), ()), self.problems
        self._params(overrides)
        manifest = self._manifest() if self._sound("manifest") else None
        steps = self._steps()
        outputs = tuple(self._outputs({step.id for step in steps}))
        return self._recipe(self.params, manifest, steps, outputs), self.problems

    def _recipe(
        self,
        params: Mapping[str, Any],
        manifest: ManifestSpec | None,
        steps: tuple[Step, ...],
        outputs: tuple[Output, ...],
    ) -> Recipe:
        data = self.document.data if isinstance(self.document.data, dict) else {}
        name = data.get("name")
        named = name if isinstance(name, str) else re.sub(r"\W", "_", self.file.stem)
        budget = data.get("budget")
        cap = Decimal(str(budget)) if isinstance(budget, int | float) else None
        return Recipe(named, self.file, self.document, params, manifest, steps, outputs, cap)

    def _note(self, where: NodePath, rule: str, message: str, hint: str = "", *, key: bool = False) -> None:
        self.problems.append(self.document.problem(where, rule, message, hint, key=key))

    def _map(self, name: str) -> Mapping[str, Any]:
        value = self.document.data.get(name) if isinstance(self.document.data, dict) else None
        return value if isinstance(value, dict) else {}

    def _sound(self, *where: str) -> bool:
        """True when the schema found nothing wrong at or below a node."""
        return where not in self.faulty

    # -- params

    def _params(self, overrides: Mapping[str, str]) -> None:
        declared = {name: spec for name, spec in self._map("params").items() if isinstance(spec, dict)}
        for name in overrides:
            if name not in declared:
                raise UsageError(
                    f"-p {name}: the recipe has no parameter {name}. {did_you_mean(name, declared)}".rstrip()
                )
        for name, spec in declared.items():
            if self._sound("params", name):
                self._param(name, spec, overrides.get(name))

    def _param(self, name: str, spec: Mapping[str, Any], override: str | None) -> None:
        where: NodePath = ("params", name)
        if override is not None:
            self.params[name] = _overridden(name, spec, override)
        elif "default" not in spec:
            self._note(where, "param", f"{name} has no default and was not given", f"Give it with -p {name}=…")
        elif faults := list(_param_faults(name, spec, spec["default"])):
            for message, hint in faults:
                self._note((*where, "default"), "param", message, hint)
        else:
            self.params[name] = spec["default"]

    # -- manifest

    def _manifest(self) -> ManifestSpec | None:
        spec = self._map("manifest")
        if not spec:
            return None
        where = spec.get("where")
        source = spec["from"]
        key = spec.get("key") or ("stem" if any(char in source for char in "*?[") else "id")
        compiled = self._expression(where, ("manifest", "where")) if where else None
        return ManifestSpec(source, key, spec.get("types", {}), spec.get("schema"), compiled)

    # -- steps

    def _steps(self) -> tuple[Step, ...]:
        entries = {name: entry for name, entry in self._map("steps").items() if isinstance(entry, dict)}
        self.references.read({name: entry for name, entry in entries.items() if self._sound("steps", name)})
        needs = {name: self._needs(name, entry) for name, entry in entries.items()}
        built = {name: self._step(name, entries[name]) for name in entries if self._sound("steps", name)}
        if loop := graph.cycle(needs):
            message = f"steps need each other in a circle: {' -> '.join(reversed(loop))}"
            self._note(("steps", loop[0]), "cycle", message, "One of them must take row.… instead.", key=True)
            return ()
        broken = [name for name in entries if built.get(name) is None or not entries.keys() >= set(needs[name])]
        left_out = graph.with_descendants(needs, broken) | set(broken) if broken else set()
        # What is made once for the whole run comes after all rows.
        order = sorted(graph.order(needs), key=lambda name: bool(built.get(name) and self.references.is_per_run(name)))
        made = [
            instance
            for name in order
            if name not in left_out and (step := built[name])
            for instance in self.references.each(step)
        ]
        return tuple(made)

    def _needs(self, name: str, entry: Mapping[str, Any]) -> list[str]:
        known, found = self._map("steps"), []
        for slot, where, text in _reference_texts(name, entry):
            if upstream := step_named(text):
                found.append(upstream)
                if upstream not in known:
                    hint = did_you_mean(upstream, known)
                    self._note(where, "reference", f"{slot}: there is no step {upstream}", hint)
        return found

    def _step(self, name: str, entry: Mapping[str, Any]) -> Step | None:
        before = len(self.problems)
        model = self._model(name, entry, catalog.functions()[entry["uses"]])
        function = narrowed(entry["uses"], model)
        per_run = self.references.is_per_run(name)
        sees = _Sight(not per_run, tuple(entry.get("matrix", ())))
        inputs = {}
        for slot, where, text in _reference_texts(name, entry):
            ref = self._reference(text, where)
            if ref and self.references.is_takable(name, slot, ref, where):
                inputs[slot] = ref
        given = self._given(name, entry, function, model)
        values = self._values(given, function, sees)
        region = tuple(self._region(name, entry, sees))
        when = self._when(name, entry.get("when", True), sees)
        otherwise = entry.get("otherwise", "skip")
        if otherwise == "bypass" and "image" not in inputs:
            self._note(("steps", name, "otherwise"), "bypass", f"{name} has no image that could go on in its place")
        self._number_of_images(name, entry, function, model)
        for place, *said in picks.faults(name, entry, model):
            self._note(("steps", name, *place), *said)
        whole = len(inputs) == len(list(_reference_texts(name, entry))) and self._evaluable(
            [*values.values(), *region, when]
        )
        if len(self.problems) > before or not whole or self.references.instances.get(name) == []:
            return None
        constants = {key: value for key, value in values.items() if not isinstance(value, Template)}
        templates = {key: value for key, value in values.items() if isinstance(value, Template)}
        places = {key: where for key, (_, where) in given.items()}
        more = (model, places, region, tuple(entry.get("tags", ())), per_run, *picks.pick_of(entry))
        return Step(name, function, inputs, constants, templates, when, otherwise, *more)

    def _region(self, name: str, entry: Mapping[str, Any], sees: _Sight) -> Iterator[Any]:
        """x, y, width and height of the step's hint, as numbers or templates."""
        for place, value in enumerate(entry.get("hint", {}).get("region", ())):
            yield self._value(value, ("steps", name, "hint", "region", place), sees)

    def _given(
        self, name: str, entry: Mapping[str, Any], function: Function, model: str | None
    ) -> dict[str, tuple[Any, NodePath]]:
        """The values that the recipe gives a step's parameters, each with its place."""
        given: dict[str, tuple[Any, NodePath]] = {
            key: (value, ("steps", name, "with", key)) for key, value in entry.get("with", {}).items()
        }
        given = {key: found for key, found in given.items() if self._has(function, model, key, found[1])}
        if not function.is_local:
            for key, value in self._map("defaults").items():
                if key in function.properties and self._sound("defaults", key):
                    given.setdefault(key, (value, ("defaults", key)))
        return given

    def _has(self, function: Function, model: str | None, key: str, where: NodePath) -> bool:
        """Whether the step's model has a parameter; one that only other models of the function have is told."""
        whole = catalog.functions()[function.name]
        if key in function.properties or key not in whole.properties:
            return True
        hint = f"Known to have it: {', '.join(models_with(whole, key))}."
        self._note(where, "model", f"{model} has no {key}", hint, key=True)
        return False

    def _number_of_images(self, name: str, entry: Mapping[str, Any], function: Function, model: str | None) -> None:
        most = function.inputs.get("images", {}).get("max")
        if most is not None and isinstance(entry["images"], list) and len(entry["images"]) > most:
            message = f"images: {model} takes at most {most}, got {len(entry['images'])}"
            self._note(("steps", name, "images"), "length", message)

    def _values(self, given: Mapping[str, tuple[Any, NodePath]], function: Function, sees: _Sight) -> dict[str, Any]:
        values: dict[str, Any] = {
            key: rule["default"] for key, rule in function.properties.items() if "default" in rule
        }
        for key, (value, where) in given.items():
            values[key] = self._value(value, where, sees)
        return {key: normal(value, function.properties.get(key, {})) for key, value in values.items()}

    def _value(self, value: Any, where: NodePath, sees: _Sight) -> Any:
        if isinstance(value, list):
            parts = [self._value(part, (*where, place), sees) for place, part in enumerate(value)]
            return listed(parts) or parts
        if not isinstance(value, str):
            return value
        if "${{" in value and not self._affordable(value, where):
            return value
        try:
            template = compile_value(value, sees.roots)
        except TemplateError as error:
            self._note(where, "expression", str(error), error.hint)
            self.expressions.discard(value)  # another like it takes as long again
            return value
        return self._checked(template, where, sees) if template else value

    def _checked(self, template: Template, where: NodePath, sees: _Sight) -> Template:
        declared = self._map("params")
        for root, name in sorted(template.names):
            if root == "params" and name and name not in declared:
                self._note(where, "expression", f"there is no parameter {name}", did_you_mean(name, declared))
            if root == ROOT and name and name not in sees.matrix:
                self._note(where, "expression", f"the matrix has no {name}", did_you_mean(name, sees.matrix))
        return template

    def _affordable(self, source: str, where: NodePath) -> bool:
        """Whether an expression may still be compiled, which takes some 20 µs a character."""
        if source not in self.expressions:
            self.expressions.add(source)
            self.characters += len(source)
        if self.characters <= MAX_EXPRESSIONS:
            return True
        if not any(problem.rule == "size" for problem in self.problems):
            message = f"the recipe's different expressions have over {MAX_EXPRESSIONS:,} characters"
            self._note(where, "size", message, "Make columns of the manifest of them.")
        return False

    def _evaluable(self, values: Iterable[Any]) -> bool:
        """Whether the parameters that these templates read have values; why one has none is told where it stands."""
        read = {name for value in values if isinstance(value, Template) for name in value.names}
        return all(field in self.params for root, field in read if root == "params" and field)

    def _when(self, name: str, when: Any, sees: _Sight) -> Template | bool:
        if isinstance(when, bool):
            return when
        return self._expression(when, ("steps", name, "when"), sees) or True

    def _model(self, name: str, entry: Mapping[str, Any], function: Function) -> str | None:
        if function.is_local:
            return None
        model = entry.get("model") or self._map("defaults").get("model")
        if model is None or model in function.models:
            return model or function.models[0]
        if "model" in entry:
            message = f"{model} can't do {function.name}"
            self._note(("steps", name, "model"), "model", message, f"It runs on {', '.join(function.models)}.")
        # A default model is for the steps that it fits.
        return function.models[0]

    def _reference(self, text: str, where: NodePath) -> Ref | None:
        if text.startswith("file:"):
            return Ref(RefKind.FILE, text.removeprefix("file:"))
        if step_named(text):
            return self.references.step(text, where)
        if urls.scheme_of(text) or datauris.is_data(text):
            return Ref(RefKind.URL, text)
        kind, _, name = text.partition(".")
        ref = Ref(RefKind(kind), name)
        if ref.kind is RefKind.PARAM:
            declared = self._map("params")
            if name not in declared:
                self._note(where, "reference", f"there is no parameter {name}", did_you_mean(name, declared))
                return None
            if name not in self.params:
                return None
            if declared[name]["type"] != "string":
                self._note(where, "reference", f"params.{name} is no text, so it can't be an image's path")
                return None
        return ref

    def _expression(self, source: str, where: NodePath, sees: _Sight = ROW) -> Template | None:
        hint = "A when: or where: is an expression already; write it without ${{ }}." if "${{" in source else ""
        if not self._affordable(source, where):
            return None
        try:
            return self._checked(compile_expression(source, sees.roots), where, sees)
        except TemplateError as error:
            self._note(where, "expression", str(error), hint or error.hint)
            self.expressions.discard(source)
            return None

    # -- outputs

    def _outputs(self, usable: set[str]) -> Iterator[Output]:
        for name, entry in self._map("outputs").items():
            if self._sound("outputs", name):
                for output in self._output(name, entry, usable):
                    yield output
                    if output.provenance == "sidecar":
                        yield replace(output, name=f"{output.name}{SIDECAR}")

    def _output(self, name: str, entry: Mapping[str, Any], usable: set[str]) -> Iterator[Output]:
        before, where = len(self.problems), ("outputs", name)
        steps = self._map("steps")
        ref = self._reference(entry["image"], (*where, "image"))
        shown = plain(ref.name) if ref and ref.steps else None
        if shown and shown not in steps:
            message, hint = f"image: there is no step {shown}", did_you_mean(shown, steps)
            self._note((*where, "image"), "reference", message, hint)
        if ref and ref.every:
            hint = f"Take steps.{shown}: every instance of a matrix then has a file of its own."
            self._note((*where, "image"), "reference", f"{ref} is several pictures, and image takes one", hint)
        per_run = shown is not None and self.references.is_per_run(shown)
        own = self.references.instances.get(shown or "", [])
        matrix = tuple(own[0].names) if own else ()
        to = self._value(entry["to"], (*where, "to"), _Sight(not per_run, matrix))
        if ref is None or len(self.problems) > before or not self._evaluable([to]):
            return
        output = Output(name, ref, to, entry.get("quality"), per_run, entry.get("provenance"))
        if ref.kind is not RefKind.STEP or ref.name in usable:
            yield self._of_instance(output, ref.name, own)
        elif ref.name in self.references.instances and not usable.isdisjoint(self.references.ids(ref.name)):
            for one in own if self._is_telling(output, own) else ():
                yield self._of_instance(replace(output, name=f"{name}@{one.name}"), f"{ref.name}@{one.name}", own)

    def _of_instance(self, output: Output, step: str, own: Sequence[Instance]) -> Output:
        """The output of one instance: in to:, a value of the matrix is its name, which is safe there."""
        names = next((one.names for one in own if step.endswith(f"@{one.name}")), {})
        return replace(output, ref=replace(output.ref, name=step), to=bound(output.to, ROOT, names))

    def _is_telling(self, output: Output, own: Sequence[Instance]) -> bool:
        """Whether a path tells the instances of a matrix apart; that it doesn't is told."""
        read = output.to.names if isinstance(output.to, Template) else ()
        alike = told_apart(own, {field for root, field in read if root == ROOT and field})
        if alike:
            one, other, keys = alike
            message = f"to: gives {output.ref.name}@{one.name} and {output.ref.name}@{other.name} the same path"
            hint = f"Put {' or '.join(f'${{{{ matrix.{key} }}}}' for key in keys)} into it."
            self._note(output.where("to"), "output-path", message, hint)
        return alike is None


def _reference_texts(name: str, entry: Mapping[str, Any]) -> Iterator[tuple[str, NodePath, Any]]:
    for slot in ("image", "mask"):
        if slot in entry:
            yield slot, ("steps", name, slot), entry[slot]
    if isinstance(hint := entry.get("hint"), dict) and "mask" in hint:
        yield "hint.mask", ("steps", name, "hint", "mask"), hint["mask"]
    images = entry.get("images", [])
    if isinstance(images, str):
        yield "images.0", ("steps", name, "images"), images
    for index, text in enumerate(images[:MAX_IMAGES] if isinstance(images, list) else []):
        yield f"images.{index}", ("steps", name, "images", index), text


def _overridden(name: str, spec: Mapping[str, Any], text: str) -> Any:
    try:
        value = typed(text, spec["type"])
    except ValueError as error:
        raise UsageError(f"-p {name}: must be {TYPE_WORDS[spec['type']]}, got {quoted(text)}") from error
    for message, hint in _param_faults(name, spec, value):
        raise UsageError(f"-p {message}. {hint}" if hint else f"-p {message}")
    return value


def _param_faults(name: str, spec: Mapping[str, Any], value: Any) -> Iterator[tuple[str, str]]:
    rules = {key: rule for key, rule in spec.items() if key not in ("default", "description")}
    try:
        for error in Judge(rules).faults(value):
            _, message, hint = schemas.said(error, name)
            yield message, hint
    except TooMuchWorkError:
        yield f"{name}: its pattern takes too long for so long a text", "Make one of them shorter."
