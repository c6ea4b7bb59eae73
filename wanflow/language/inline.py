"""A recipe that another one uses -> steps of that one, as if they were written there: `restore.colorize`.

Its inputs become what the using step gives it, its parameters what stands in `with`; so nothing that follows knows of
the reuse, and the keys of results don't either.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from wanflow.documents.source import NodePath
from wanflow.language import params
from wanflow.language.library import Part
from wanflow.language.recipe import Guard, Step
from wanflow.language.references import Note, Picture, References
from wanflow.language.sandbox import TemplateError
from wanflow.language.templates import Template
from wanflow.links import datauris, urls
from wanflow.model import Ref, RefKind

# Values may hand on values; a hundred parameters that each read a hundred would be evaluated ten thousand times.
MAX_WEIGHT = 200


@dataclass(frozen=True, slots=True)
class Use:
    """One instance of a step that uses a recipe: what it is called, what it calls the recipe, and what it gives.

    `inputs` are pictures with the places where they are named. `params` are values and expressions, `own` the names of
    those that the step gives itself, the others being the used recipe's defaults.
    """

    step: str
    id: str
    file: str
    part: Part
    folder: Path
    inputs: Mapping[str, tuple[Ref, NodePath]]
    params: Mapping[str, Any]
    own: frozenset[str]
    guard: Guard | None
    tags: tuple[str, ...] = ()

    def where(self, *parts: str | int) -> NodePath:
        """A place in the step."""
        return ("steps", self.step, *parts)

    def below(self, where: NodePath) -> NodePath:
        """A place in the used recipe."""
        return (*self.where("uses"), *where)


class Inlining:
    """Puts the steps of used recipes into one recipe."""

    def __init__(self, references: References, declared: Mapping[str, Any], note: Note) -> None:
        self._references, self._declared, self._note = references, declared, note

    def once(self, use: Use) -> set[str]:
        """The ids of the steps in it that are made once for the whole run."""
        return {f"{use.id}.{step.id}" for step in use.part.steps if step.per_run}

    def pictures(self, use: Use, output: str) -> Iterator[Picture]:
        """The pictures of an output."""
        for picture in use.part.outputs[output]:
            if ref := self._ref(use, picture.ref):
                yield replace(picture, ref=ref)

    def steps(self, use: Use) -> Iterator[Step]:
        """Its steps; what doesn't fit into them is told, and left out."""
        for step in use.part.steps:
            if inlined := self._step(use, step):
                yield inlined

    def _step(self, use: Use, step: Step) -> Step | None:
        inputs: dict[str, Ref] = {}
        slots: dict[str, NodePath] = {}
        for slot, taken in step.inputs.items():
            slots[slot] = use.below(step.named_at(slot))
            ref = self._ref(use, taken)
            if taken.kind is RefKind.INPUT:
                slots[slot] = use.inputs[taken.name][1]
                if ref and not self._fits(use, step, slot, taken, ref):
                    return None
            if ref is None:
                return None
            inputs[slot] = ref
        read = [*step.templates.values(), *step.region, *(guard.when for guard in step.conditions)]
        if not self._values_fit(use, step, [value for value in read if isinstance(value, Template)]):
            return None
        guards = [*([use.guard] if use.guard else []), *(self._guard(use, guard) for guard in step.guards)]
        if not all(self._guard_fits(use, guard, step) for guard in guards):
            return None
        return replace(
            step,
            id=f"{use.id}.{step.id}",
            inputs=inputs,
            templates={name: self._bound(use, template) for name, template in step.templates.items()},
            when=self._bound(use, step.when),
            region=tuple(self._bound(use, value) for value in step.region),
            places={name: use.below(where) for name, where in step.places.items()},
            tags=tuple(dict.fromkeys((*step.tags, *use.tags))),
            within=(use.id, *step.within),
            guards=tuple(guards),
            slots=slots,
        )

    def _bound(self, use: Use, value: Any) -> Any:
        return params.bound(value, use.params, use.below(())) if isinstance(value, Template) else value

    def _guard(self, use: Use, guard: Guard) -> Guard:
        instead = self._ref(use, guard.instead) if guard.instead else None
        when, where = self._bound(use, guard.when), use.below(guard.where)
        return Guard(when, guard.otherwise, f"{use.id}.{guard.step}", where, instead)

    def _ref(self, use: Use, ref: Ref) -> Ref | None:
        """What a reference in the used recipe means in this one; None, and told, when it can't be had."""
        if ref.kind is RefKind.STEP:
            return Ref(RefKind.STEP, f"{use.id}.{ref.name}", tuple(f"{use.id}.{one}" for one in ref.every))
        if ref.kind is RefKind.INPUT:
            return use.inputs[ref.name][0]
        if ref.kind is RefKind.FILE:
            return self._file(use, ref.name)
        return self._parameter(use, ref.name) if ref.kind is RefKind.PARAM else ref

    def _file(self, use: Use, path: str) -> Ref:
        """A file that the used recipe names from its own folder, named from that of this one."""
        if posixpath.isabs(path) or Path(path).is_absolute():
            return Ref(RefKind.FILE, path)
        folder = os.path.relpath(use.part.file.parent, use.folder).replace(os.sep, "/")
        return Ref(RefKind.FILE, path if folder == "." else f"{folder}/{path}")

    def _parameter(self, use: Use, name: str) -> Ref | None:
        """A picture that a parameter names: a path from the folder of the recipe in which it stands."""
        value = use.params[name]
        if isinstance(value, Template) and not value.names:  # of values of a matrix, which are known
            try:
                value = value.render({})
            except TemplateError as error:
                self._note(error.place or use.where("with", name), "expression", str(error), error.hint)
                return None
        if not isinstance(value, Template):
            if urls.scheme_of(value) or datauris.is_data(value):
                return Ref(RefKind.URL, value)
            return Ref(RefKind.FILE, value) if name in use.own else self._file(use, value)
        outer = value.source.strip().removeprefix("params.")
        if f"params.{outer}" == value.source.strip() and self._declared.get(outer, {}).get("type") == "string":
            return Ref(RefKind.PARAM, outer)
        message = f"{name} names a picture in {use.file}, so it can't be made by an expression"
        hint = f"Give a path, or ${{{{ params.NAME }}}}; {use.file} may declare an input for pictures of rows."
        self._note(use.where("with", name), "reference", message, hint)
        return None

    # -- what fits

    def _fits(self, use: Use, step: Step, slot: str, taken: Ref, ref: Ref) -> bool:
        where = use.inputs[taken.name][1]
        if ref.every and not taken.every:
            message = f"{ref} is several pictures, and {taken} of {use.file} takes one"
            self._note(where, "reference", message, "Name one of them.")
            return False
        if ref.kind is RefKind.INPUT:  # judged where it is given
            return True
        return self._references.fits(f"{use.id}.{step.id}", slot, ref, where, once=step.per_run)

    def _guard_fits(self, use: Use, guard: Guard, step: Step) -> bool:
        if step.per_run and isinstance(guard.when, Template) and "row" in guard.when.roots:
            message = f"when: reads a row, but {step.id} of {use.file} is made once for the whole run"
            hint = "Leave rows out with where:, or with when: of other steps."
            self._note((*guard.where, "when"), "when", message, hint)
            return False
        if guard.instead is None or guard.instead.kind is RefKind.INPUT:
            return True
        inner = f"{use.id}.{step.id}"
        return self._references.fits(inner, "image", guard.instead, guard.where, once=step.per_run)

    def _values_fit(self, use: Use, step: Step, read: list[Template]) -> bool:
        names = {name for template in read for root, name in template.names if root == "params" and name}
        if step.per_run:
            for name in sorted(names):
                value = use.params.get(name)
                if isinstance(value, Template) and "row" in value.roots:
                    message = f"{name} reads a row, but {step.id} of {use.file} is made once for the whole run"
                    self._note(use.where("with", name), "expression", message, "Give it one value for all rows.")
                    return False
        if any(self._bound(use, template).weight > MAX_WEIGHT for template in read):
            message = f"a value of {step.id} in {use.file} hands on over {MAX_WEIGHT} expressions"
            self._note(use.where("with"), "size", message, "Let fewer parameters read others.")
            return False
        return True
