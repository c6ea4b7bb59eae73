"""A step that uses a recipe: its entry -> what it gives that recipe, for each instance of its matrix."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from wanflow.documents.source import NodePath
from wanflow.errors import Rule, did_you_mean
from wanflow.language import params
from wanflow.language.expressions import Sight
from wanflow.language.functionstep import condition
from wanflow.language.inline import Use
from wanflow.language.library import Part
from wanflow.language.matrix import ROOT, Instance
from wanflow.language.recipe import Guard
from wanflow.language.references import id_of
from wanflow.language.templates import Template, bound
from wanflow.language.text import Text
from wanflow.model import Ref

Inputs = Mapping[str, tuple[Ref, NodePath]]


def is_recipe(uses: object) -> bool:
    """Whether what a step uses is a recipe, not a function."""
    return isinstance(uses, str) and uses.startswith(("./", "../"))


def uses_of(text: Text, name: str, entry: Mapping[str, Any], part: Part) -> list[tuple[Instance | None, Use]]:
    """What each instance of the step gives the recipe; none when that can't be, which is told."""
    return list(_Entry(text, name, entry, part).uses())


class _Entry:
    def __init__(self, text: Text, name: str, entry: Mapping[str, Any], part: Part) -> None:
        self.text, self.name, self.entry, self.part = text, name, entry, part
        self.file = entry["uses"]
        self.sees = Sight(matrix=text.references.keys(name))

    def uses(self) -> Iterator[tuple[Instance | None, Use]]:
        before = len(self.text.problems)
        inputs = self._inputs() if self._is_image_clear() else {}
        values = self._values()
        when = condition(self.text, self.name, self.entry, self.sees)
        guard = self._guard(when, inputs) if when is not True else None
        known = self.text.has_values([*values.values(), when])
        if len(self.text.problems) > before or not known or inputs.keys() != self.part.inputs.keys():
            return
        tags, own = tuple(self.entry.get("tags", ())), frozenset(values)
        defaults = {key: spec["default"] for key, spec in self.part.params.items() if "default" in spec}
        for one in self.text.references.of(self.name):
            seen = one.values if one else {}
            given = defaults | {key: bound(value, ROOT, seen) for key, value in values.items()}
            taken = {
                key: (self.text.references.own(self.name, key, ref, one), where) for key, (ref, where) in inputs.items()
            }
            own_guard = guard and replace(guard, when=bound(guard.when, ROOT, seen), instead=_instead(guard, taken))
            id_ = id_of(self.name, one)
            recipe = (self.file, self.part, self.text.file.parent)
            yield one, Use(self.name, id_, *recipe, taken, given, own, own_guard, tags)

    def _note(self, where: NodePath, rule: Rule, message: str, hint: str = "", *, key: bool = False) -> None:
        self.text.note(("steps", self.name, *where), rule, message, hint, key=key)

    # -- inputs

    def _inputs(self) -> dict[str, tuple[Ref, NodePath]]:
        known, written_all, found = self.part.inputs, self._written(), {}
        for name, (written, where) in written_all.items():
            if name not in known:
                message, hint = f"{self.file} has no input {name}", did_you_mean(name, known) or "It declares none."
                self.text.note(where, "reference", message, hint, key=True)
            elif (ref := self._reference(name, written, where)) is not None:
                found[name] = (ref, where)
        missing = [name for name in known if name not in written_all]
        if missing and written_all.keys() <= known.keys():
            message = f"{self.file} needs {' and '.join(missing)}, which this step does not give"
            hint = f"Add inputs: {{{', '.join(f'{name}: …' for name in missing)}}}."
            if len(known) == 1:
                hint = f"Add image: with the picture that becomes {missing[0]}."
            self._note(("uses",), "required", message, hint)
        return found

    def _written(self) -> dict[str, tuple[str, NodePath]]:
        """The texts that stand for inputs, and their places; image: is for the only one."""
        where: NodePath = ("steps", self.name)
        written = {name: (text, (*where, "inputs", name)) for name, text in self.entry.get("inputs", {}).items()}
        if "image" in self.entry and len(self.part.inputs) == 1:
            written[next(iter(self.part.inputs))] = (self.entry["image"], (*where, "image"))
        return written

    def _reference(self, key: str, written: str, where: NodePath) -> Ref | None:
        found = self.text.reference(written, where)
        if found is None or not self.text.references.is_one(self.name, key, found, where):
            return None
        return found.ref

    def _is_image_clear(self) -> bool:
        """Whether image: says which input is meant, if it is there; that it doesn't is told."""
        inputs = self.part.inputs
        if "image" not in self.entry or (len(inputs) == 1 and "inputs" not in self.entry):
            return True
        if len(inputs) == 1:
            message = f"image: and inputs: both give {next(iter(inputs))}"
            self._note(("image",), "reference", message, "Keep one.", key=True)
            return False
        message = f"image: is for a recipe with one input, and {self.file} has {len(inputs) or 'none'}"
        hint = f"Write inputs: {{{', '.join(f'{name}: …' for name in inputs)}}}." if inputs else "Leave it out."
        self._note(("image",), "reference", message, hint, key=True)
        return False

    # -- parameters

    def _values(self) -> dict[str, Any]:
        """The values and expressions that the step gives; those that can't be are told."""
        declared, given = self.part.params, self.entry.get("with", {})
        for name in (name for name in given if name not in declared):
            hint = did_you_mean(name, declared) or "It declares none."
            self._note(("with", name), "unknown-key", f"{self.file} has no parameter {name}", hint, key=True)
        missing = [name for name, spec in declared.items() if "default" not in spec and name not in given]
        if missing:
            message = f"{self.file} needs {' and '.join(missing)}, which this step does not give"
            hint = f"Add with: {{{', '.join(f'{name}: …' for name in missing)}}}."
            self._note(("with",) if given else ("uses",), "required", message, hint)
        return {name: self._value(name, value) for name, value in given.items() if name in declared}

    def _value(self, name: str, value: Any) -> Any:
        spec, where = self.part.params[name], ("steps", self.name, "with", name)
        value = self.text.expressions.value(value, where, self.sees)
        if isinstance(value, Template):
            return params.judged(value, name, spec, where)
        for message, hint in params.faults(name, spec, value):
            self.text.note(where, "param", message, hint)
        return value

    # -- when

    def _guard(self, when: Template | bool, inputs: Inputs) -> Guard | None:
        """What decides whether the recipe's steps run."""
        otherwise, instead = self.entry.get("otherwise", "skip"), None
        if otherwise == "bypass":
            if len(self.part.inputs) != 1:
                message = f"{self.file} has {len(self.part.inputs) or 'no'} inputs, so it isn't clear what goes on"
                self._note(("otherwise",), "bypass", message, "Only a recipe with one input can be bypassed.")
            elif inputs:
                instead = next(iter(inputs.values()))[0]  # each instance's own is set later
        return Guard(when, otherwise, self.name, ("steps", self.name), instead)


def _instead(guard: Guard, taken: Inputs) -> Ref | None:
    """What goes on when the recipe is bypassed: its only input."""
    return guard.instead and next(iter(taken.values()))[0]
