"""Document -> Recipe: every reference, expression and parameter checked, collecting all problems before failing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

from wanflow.documents import schemas
from wanflow.documents.source import MAX_PROBLEMS, Document
from wanflow.errors import Problem, did_you_mean
from wanflow.language import graph, params, picks
from wanflow.language.expressions import Sight
from wanflow.language.functionstep import function_step, reference_texts
from wanflow.language.inline import Inlining, Use
from wanflow.language.library import Library, Part, Refusal
from wanflow.language.matrix import ROOT, Instance, instance_of, told_apart
from wanflow.language.recipe import SIDECAR, ManifestSpec, Output, Recipe, Step
from wanflow.language.references import ALL, Found, Picture, step_named
from wanflow.language.templates import Template, bound
from wanflow.language.text import Text
from wanflow.language.usingstep import is_recipe, uses_of

MAX_OUTPUTS = 20_000
_WHOLES = (("params",), ("steps",), ("outputs",))


def build(
    document: Document, file: Path, overrides: Mapping[str, str], library: Library | None = None
) -> tuple[Recipe, list[Problem]]:
    """The recipe of a document and everything that is wrong with it; what is wrong is left out of the recipe.

    `overrides` are the -p values, as text; `library` has the recipes that it uses. Raises UsageError for a parameter
    that the recipe doesn't have.
    """
    builder = _Builder(document, file, library or Library(), alone=True)
    return builder.recipe(overrides), builder.text.problems


def build_part(document: Document, file: Path, library: Library) -> tuple[Part, list[Problem]]:
    """The recipe of a document as another one uses it, and everything that is wrong with it."""
    builder = _Builder(document, file, library, alone=False)
    return builder.part(), builder.text.problems


class _Builder:
    def __init__(self, document: Document, file: Path, library: Library, *, alone: bool) -> None:
        self.text = Text(document, file, library.allowance, alone=alone)
        self.library = library
        self.parts: dict[str, Part] = {}
        self.deep = 1

    def recipe(self, overrides: Mapping[str, str]) -> Recipe:
        """The recipe that runs by itself."""
        if not self._is_readable():
            return self._whole(None, (), ())
        self._params(overrides)
        self._require_defaults()
        manifest = self._manifest() if self.text.is_sound("manifest") else None
        steps = self._steps()
        outputs = tuple(self._outputs({step.id for step in steps}))
        return self._whole(manifest, steps, outputs)

    def part(self) -> Part:
        """The recipe as another one uses it; its manifest, its budget, and where its outputs go, are for it alone."""
        text = self.text
        steps: tuple[Step, ...] = ()
        outputs: dict[str, Sequence[Picture]] = {}
        if self._is_readable():
            for name, spec in text.declared("params").items():
                for message, hint in params.faults(name, spec, spec["default"]) if "default" in spec else ():
                    text.note(("params", name, "default"), "param", message, hint)
            steps = self._steps()
            for name, entry in text.map("outputs").items():
                if text.is_sound("outputs", name) and (found := self._shown(name, entry)):
                    outputs[name] = found.pictures
        declared = text.declared("params"), text.declared("inputs")
        return Part(text.file, text.document, *declared, steps, outputs, self.deep, not text.problems)

    def _is_readable(self) -> bool:
        """Whether the document is a recipe at all; all that breaks its schema is told."""
        text = self.text
        if not isinstance(text.document.data, dict):
            text.note((), "type", "a recipe is a map (wanflow: 1, steps: …)", "See wanflow init for a working one.")
            return False
        for where, problem in schemas.document_problems(text.document, schemas.recipe_validator()):
            is_n = where[:1] == ("steps",) and where[2:] == ("with", "n")
            text.problems.append(replace(problem, hint=picks.WITH_N) if is_n else problem)
            # A fault of a whole part (something is missing in it) counts for that part, not for all below.
            text.faulty.update(where[: length + 1] for length in range(len(where)))
            if (where in _WHOLES and problem.rule == "length") or len(text.problems) >= MAX_PROBLEMS:  # no end of it
                return False
        return True

    def _whole(self, manifest: ManifestSpec | None, steps: tuple[Step, ...], outputs: tuple[Output, ...]) -> Recipe:
        text = self.text
        data = text.document.data if isinstance(text.document.data, dict) else {}
        name = data.get("name")
        named = name if isinstance(name, str) else re.sub(r"\W", "_", text.file.stem)
        budget = data.get("budget")
        cap = Decimal(str(budget)) if isinstance(budget, int | float) else None
        used = self.library.contents(text.file.parent)
        return Recipe(named, text.file, text.document, text.values or {}, manifest, steps, outputs, cap, used)

    # -- what is given when it runs alone

    def _params(self, overrides: Mapping[str, str]) -> None:
        declared = {name: spec for name, spec in self.text.map("params").items() if isinstance(spec, dict)}
        params.require_known(overrides, declared)
        for name, spec in declared.items():
            if self.text.is_sound("params", name):
                self._param(name, spec, overrides.get(name))

    def _param(self, name: str, spec: Mapping[str, Any], override: str | None) -> None:
        note, values = self.text.note, self.text.values
        if values is None:
            return
        if override is not None:
            values[name] = params.overridden(name, spec, override)
        elif "default" not in spec:
            hint = f"Give it with -p {name}=…"
            note(("params", name), "param", f"{name} has no default and was not given", hint)
        elif faults := list(params.faults(name, spec, spec["default"])):
            for message, hint in faults:
                note(("params", name, "default"), "param", message, hint)
        else:
            values[name] = spec["default"]

    def _require_defaults(self) -> None:
        """Tell which inputs have no picture, and which outputs no path, when no other recipe uses this one."""
        for name, spec in self.text.declared("inputs").items():
            if "default" not in spec:
                hint = "Give it a default, such as row.photo, or use this recipe in another one: uses: ./…"
                message = f"{name} has no default, so this recipe can't run by itself"
                self.text.note(("inputs", name), "input", message, hint, key=True)
        for name, entry in self.text.declared("outputs").items():
            if "to" not in entry:
                hint = "Only a recipe that others use can do without."
                self.text.note(("outputs", name), "required", f"to is missing in {name}", hint)

    def _manifest(self) -> ManifestSpec | None:
        spec = self.text.map("manifest")
        if not spec:
            return None
        where = spec.get("where")
        source = spec["from"]
        key = spec.get("key") or ("stem" if any(char in source for char in "*?[") else "id")
        compiled = self.text.expressions.condition(where, ("manifest", "where")) if where else None
        return ManifestSpec(source, key, spec.get("types", {}), spec.get("schema"), compiled)

    # -- steps

    def _steps(self) -> tuple[Step, ...]:
        text = self.text
        entries = {name: entry for name, entry in text.map("steps").items() if isinstance(entry, dict)}
        sound = {name: entry for name, entry in entries.items() if text.is_sound("steps", name)}
        for name, entry in sound.items():
            if is_recipe(entry["uses"]):
                self._open(name, entry["uses"])
        text.references.read(sound, {name: len(part.steps) for name, part in self.parts.items()})
        needs = {name: self._needs(name, entry) for name, entry in entries.items()}
        loop = graph.cycle(needs)
        built: dict[str, Sequence[Step] | None] = {}
        for name in entries if loop else graph.order(needs):
            if name in sound:
                built[name] = self._used(name, sound[name]) if is_recipe(sound[name]["uses"]) else self._own(name)
        if loop:
            message = f"steps need each other in a circle: {' -> '.join(reversed(loop))}"
            text.note(("steps", loop[0]), "cycle", message, "One of them must take row.… instead.", key=True)
            return ()
        broken = [name for name in entries if built.get(name) is None or not entries.keys() >= set(needs[name])]
        left_out = graph.with_descendants(needs, broken) | set(broken) if broken else set()
        made = [step for name, steps in built.items() if name not in left_out for step in steps or ()]
        # What is made once for the whole run comes after all rows.
        return tuple(sorted(made, key=lambda step: step.per_run))

    def _needs(self, name: str, entry: Mapping[str, Any]) -> list[str]:
        known, found = self.text.map("steps"), []
        for slot, where, text in reference_texts(name, entry):
            if upstream := step_named(text):
                found.append(upstream)
                if upstream not in known:
                    hint = did_you_mean(upstream, known)
                    self.text.note(where, "reference", f"{slot}: there is no step {upstream}", hint)
        return found

    def _own(self, name: str) -> list[Step] | None:
        """A step with a function, as many times as its matrix says."""
        self.text.references.note_step(name)
        if self.text.references.is_unknown(name):
            return None  # why it can't take over a matrix is told
        step = function_step(self.text, name, self.text.map("steps")[name])
        if step is None:
            return None
        references = self.text.references

        def of(one: Instance) -> Step:
            inputs = {slot: references.own(name, slot, ref, one) for slot, ref in step.inputs.items()}
            return instance_of(step, one, inputs)

        return [of(one) if one else step for one in references.of(name)]

    # -- recipes that are used

    def _open(self, name: str, source: str) -> None:
        """Read the recipe that a step uses; that it can't be used is told, and what is wrong in it."""
        text, where = self.text, ("steps", name, "uses")
        found, problems = self.library.take(text.file, source, self._build)
        text.problems += [text.document.in_use(where, problem) for problem in problems]
        if isinstance(found, Refusal):
            text.note(where, found.rule, found.message, found.hint)
        elif found:
            text.used[where] = found.document
            self.deep = max(self.deep, found.deep + 1)
            if found.is_sound:
                self.parts[name] = found

    def _build(self, document: Document, file: Path) -> tuple[Part, list[Problem]]:
        return build_part(document, file, self.library)

    def _used(self, name: str, entry: Mapping[str, Any]) -> list[Step] | None:
        """The steps of a recipe that a step uses, as many times as its matrix says."""
        if (part := self.parts.get(name)) is None:
            return None
        text, before = self.text, len(self.text.problems)
        if not (uses := uses_of(text, name, entry, part)):
            return None
        inlining = Inlining(text.references, text.map("params"), text.note)
        outputs = {output: partial(_pictures, inlining, uses, output) for output in part.outputs}
        text.references.note_used(name, outputs, {step for _, use in uses for step in inlining.once(use)})
        steps = [step for _, use in uses for step in inlining.steps(use)]
        return steps if len(text.problems) == before else None

    # -- outputs

    def _outputs(self, usable: set[str]) -> Iterator[Output]:
        count = 0
        for name, entry in self.text.map("outputs").items():
            for output in self._output(name, entry, usable) if self.text.is_sound("outputs", name) else ():
                yield output
                if output.provenance == "sidecar":
                    yield replace(output, name=f"{output.name}{SIDECAR}")
                count += 1
            if count > MAX_OUTPUTS:
                message = f"with every instance of every matrix there are over {MAX_OUTPUTS:,} outputs"
                self.text.note(("outputs",), "size", message, "Show fewer of them.", key=True)
                return

    def _shown(self, name: str, entry: Mapping[str, Any]) -> Found | None:
        """The pictures of an output; None, and told, when there are none."""
        text, where, image = self.text, ("outputs", name, "image"), entry["image"]
        step, steps = step_named(image), text.map("steps")
        if step and step not in steps:
            text.note(where, "reference", f"image: there is no step {step}", did_you_mean(step, steps))
        found = text.reference(image, where)
        if found and (found.every or found.ref.every):
            one = image.removesuffix(ALL)
            hint = f"Take {one}: every instance of a matrix then has a file of its own."
            text.note(where, "reference", f"{image} is several pictures, and image takes one", hint)
            return None
        return found

    def _output(self, name: str, entry: Mapping[str, Any], usable: set[str]) -> Iterator[Output]:
        text = self.text
        before, where = len(text.problems), ("outputs", name)
        if "to" not in entry:
            return
        found = self._shown(name, entry)
        if text.references.is_faulty(step_named(entry["image"]) or ""):
            return  # what is wrong with its matrix is told
        pictures = found.pictures if found else []
        per_run = bool(pictures) and text.references.is_once(pictures[0].ref)
        matrix = tuple(pictures[0].names) if pictures else ()
        to = text.expressions.value(entry["to"], (*where, "to"), Sight(not per_run, matrix))
        if found is None or len(text.problems) > before or not text.has_values([to]):
            return
        there = [picture for picture in pictures if set(picture.ref.steps) <= usable]
        if found.several and there and not self._is_telling(name, found, to):
            return
        for picture in there:
            named = f"{name}@{picture.instance}" if found.several else name
            # In to:, a value of the matrix is its name, which is safe there.
            bound_to = bound(to, ROOT, picture.names)
            yield Output(named, picture.ref, bound_to, entry.get("quality"), per_run, entry.get("provenance"))

    def _is_telling(self, name: str, found: Found, to: Template | str) -> bool:
        """Whether a path tells the instances of a matrix apart; that it doesn't is told."""
        read = to.names if isinstance(to, Template) else ()
        alike = told_apart(found.pictures, {field for root, field in read if root == ROOT and field})
        if alike:
            one, other, keys = alike
            shown = [self.text.references.called(found, picture) for picture in (one, other)]
            message = f"to: gives {shown[0]} and {shown[1]} the same path"
            hint = f"Put {' or '.join(f'${{{{ matrix.{key} }}}}' for key in keys)} into it."
            self.text.note(("outputs", name, "to"), "output-path", message, hint)
        return alike is None


def _pictures(
    inlining: Inlining, uses: Sequence[tuple[Instance | None, Use]], output: str
) -> Iterator[tuple[Instance | None, Picture]]:
    """The pictures of an output of a recipe that is used, instance by instance."""
    for one, use in uses:
        for picture in inlining.pictures(use, output):
            yield one, picture
