"""A step that uses a function: its entry in the recipe -> a Step, with all that is wrong with it told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from wanflow.documents.source import NodePath
from wanflow.errors import Rule
from wanflow.functions import catalog
from wanflow.functions.catalog import Function
from wanflow.functions.narrow import models_with, narrowed
from wanflow.language import expect, picks
from wanflow.language.expressions import Sight
from wanflow.language.recipe import Step, normal
from wanflow.language.templates import Template
from wanflow.language.text import Text
from wanflow.model import Ref

# What a recipe lists beyond is refused by its schema, and not looked at.
MAX_IMAGES = 200


def reference_texts(name: str, entry: Mapping[str, Any]) -> Iterator[tuple[str, NodePath, Any]]:
    """Every slot of a step, its place and the text that stands there."""
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
    inputs = entry.get("inputs")
    for key, text in inputs.items() if isinstance(inputs, dict) else ():
        yield f"inputs.{key}", ("steps", name, "inputs", key), text


def condition(text: Text, name: str, entry: Mapping[str, Any], sees: Sight) -> Template | bool:
    """What a step's when: says."""
    when = entry.get("when", True)
    if isinstance(when, bool):
        return when
    return text.expressions.condition(when, ("steps", name, "when"), sees) or True


def function_step(text: Text, name: str, entry: Mapping[str, Any]) -> Step | None:
    """The step, its matrix left open; None when it can't be used."""
    return _Entry(text, name, entry).step()


class _Entry:
    def __init__(self, text: Text, name: str, entry: Mapping[str, Any]) -> None:
        self.text, self.name, self.entry = text, name, entry
        self.model = self._model(catalog.functions()[entry["uses"]])
        self.function = narrowed(entry["uses"], self.model)
        self.per_run = entry.get("per") == "run"
        self.sees = Sight(not self.per_run, text.references.keys(name))

    def step(self) -> Step | None:
        name, entry = self.name, self.entry
        before = len(self.text.problems)
        inputs: dict[str, Ref] = {}
        slots: dict[str, NodePath] = {}
        texts = list(reference_texts(name, entry))
        for slot, where, written in texts:
            found = self.text.reference(written, where)
            if found and self.text.references.is_takable(name, slot, found, where):
                inputs[slot] = found.ref
                if elsewhere := self.text.named_at(written):
                    slots[slot] = elsewhere
        given = self._given()
        values = self._values(given)
        region = tuple(self._region())
        when = condition(self.text, name, entry, self.sees)
        otherwise = entry.get("otherwise", "")
        if otherwise == "bypass" and "image" not in inputs:
            message = f"{name} has no image that could go on in its place"
            self._note(("otherwise",), "bypass", message, "Say skip or fail.")
        self._number_of_images()
        faults = (*expect.faults(name, entry, self.function), *picks.faults(name, entry, self.model))
        for place, rule, message, hint in faults:
            self._note(place, rule, message, hint)
        whole = len(inputs) == len(texts) and self.text.has_values([*values.values(), *region, when])
        if len(self.text.problems) > before or not whole or self.text.references.is_faulty(name):
            return None
        constants = {key: value for key, value in values.items() if not isinstance(value, Template)}
        templates = {key: value for key, value in values.items() if isinstance(value, Template)}
        places = {key: where for key, (_, where) in given.items()}
        more = (self.model, places, region, tuple(entry.get("tags", ())), self.per_run, *picks.pick_of(entry))
        gate = (expect.expect_of(entry), entry.get("reroll", 0))
        return Step(name, self.function, inputs, constants, templates, when, otherwise, *more, *gate, slots=slots)

    def _note(self, where: NodePath, rule: Rule, message: str, hint: str = "", *, key: bool = False) -> None:
        self.text.note(("steps", self.name, *where), rule, message, hint, key=key)

    def _model(self, function: Function) -> str | None:
        if function.is_local:
            return None
        model = self.entry.get("model") or self.text.map("defaults").get("model")
        if model is None or model in function.models:
            return model or function.models[0]
        if "model" in self.entry:
            hint = f"It runs on {', '.join(function.models)}."
            self._note(("model",), "model", f"{model} can't do {function.name}", hint)
        # A default model is for the steps that it fits.
        return function.models[0]

    def _region(self) -> Iterator[Any]:
        """x, y, width and height of the step's hint, as numbers or templates."""
        for place, value in enumerate(self.entry.get("hint", {}).get("region", ())):
            where = ("steps", self.name, "hint", "region", place)
            yield self.text.expressions.value(value, where, self.sees)

    def _given(self) -> dict[str, tuple[Any, NodePath]]:
        """The values that the recipe gives the step's parameters, each with its place."""
        given: dict[str, tuple[Any, NodePath]] = {
            key: (value, ("steps", self.name, "with", key))
            for key, value in self.entry.get("with", {}).items()
            if self._has(key)
        }
        if not self.function.is_local:
            for key, value in self.text.map("defaults").items():
                if key in self.function.properties and self.text.is_sound("defaults", key):
                    given.setdefault(key, (value, ("defaults", key)))
        return given

    def _has(self, key: str) -> bool:
        """Whether the step's model has a parameter; one that only other models of the function have is told."""
        whole = catalog.functions()[self.function.name]
        if key in self.function.properties or key not in whole.properties:
            return True
        hint = f"Known to have it: {', '.join(models_with(whole, key))}."
        self._note(("with", key), "model", f"{self.model} has no {key}", hint, key=True)
        return False

    def _number_of_images(self) -> None:
        most, images = self.function.inputs.get("images", {}).get("max"), self.entry.get("images")
        if most is not None and isinstance(images, list) and len(images) > most:
            self._note(("images",), "length", f"images: {self.model} takes at most {most}, got {len(images)}")

    def _values(self, given: Mapping[str, tuple[Any, NodePath]]) -> dict[str, Any]:
        rules = self.function.properties
        values: dict[str, Any] = {key: rule["default"] for key, rule in rules.items() if "default" in rule}
        for key, (value, where) in given.items():
            values[key] = self.text.expressions.value(value, where, self.sees)
        return {key: normal(value, rules.get(key, {})) for key, value in values.items()}
