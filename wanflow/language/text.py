"""A recipe's text while it is built: what it declares, what its references and expressions mean, what is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from wanflow.documents.source import Document, NodePath
from wanflow.errors import Problem, Rule, did_you_mean
from wanflow.language.expressions import Allowance, Expressions
from wanflow.language.references import ALL, Found, Picture, References, step_named
from wanflow.language.templates import Template
from wanflow.links import datauris, urls
from wanflow.model import Ref, RefKind


class Text:
    """One recipe's document; `used` are those that it names, by their place.

    When it runs alone, its parameters have `values`, and its inputs are their defaults; when another recipe uses it,
    both are yet to be given, and `values` is None.
    """

    def __init__(self, document: Document, file: Path, allowance: Allowance, *, alone: bool) -> None:
        self.used: dict[NodePath, Document] = {}
        self.document = replace(document, used=self.used)
        self.file = file
        self.problems: list[Problem] = []
        self.faulty: set[NodePath] = set()
        self.values: dict[str, Any] | None = {} if alone else None
        self.references = References(self.map("steps"), self.note)
        self.expressions = Expressions(self.map("params"), self.note, allowance)

    def note(self, where: NodePath, rule: Rule, message: str, hint: str = "", *, key: bool = False) -> None:
        """Tell a problem at a place."""
        self.problems.append(self.document.problem(where, rule, message, hint, key=key))

    def map(self, name: str) -> Mapping[str, Any]:
        """A part of the recipe that is a map; empty where it isn't one."""
        value = self.document.data.get(name) if isinstance(self.document.data, dict) else None
        return value if isinstance(value, dict) else {}

    def is_sound(self, *where: str) -> bool:
        """True when the schema found nothing wrong at or below a node."""
        return where not in self.faulty

    def declared(self, name: str) -> dict[str, Any]:
        """The params or inputs that the schema found nothing wrong with."""
        return {key: spec for key, spec in self.map(name).items() if self.is_sound(name, key)}

    def has_values(self, values: Iterable[Any]) -> bool:
        """Whether the parameters that these templates read have values; why one has none is told where it stands."""
        read = {name for value in values if isinstance(value, Template) for name in value.names}
        known = self.declared("params") if self.values is None else self.values
        return all(field in known for root, field in read if root == "params" and field)

    # -- references

    def reference(self, text: str, where: NodePath) -> Found | None:
        """What an image's text means; None, and told, when that is nothing."""
        if step_named(text):
            return self.references.find(text, where)
        ref = self._outside(text, where)
        return Found(text, [Picture(ref)]) if ref else None

    def named_at(self, text: str) -> NodePath | None:
        """Where the picture of a reference is named, when that isn't where the reference stands."""
        kind, _, name = text.partition(".")
        return ("inputs", name.removesuffix(ALL), "default") if kind == "inputs" and self.values is not None else None

    def _outside(self, text: str, where: NodePath) -> Ref | None:
        if text.startswith("file:"):
            return Ref(RefKind.FILE, text.removeprefix("file:"))
        if urls.scheme_of(text) or datauris.is_data(text):
            return Ref(RefKind.URL, text)
        kind, _, name = text.partition(".")
        if kind == "inputs":
            return self._input(text, name.removesuffix(ALL), where)
        ref = Ref(RefKind(kind), name)
        return ref if ref.kind is not RefKind.PARAM or self._is_picture(name, where) else None

    def _input(self, text: str, name: str, where: NodePath) -> Ref | None:
        inputs = self.map("inputs")
        if name not in inputs:
            self.note(where, "reference", f"there is no input {name}", did_you_mean(name, inputs))
            return None
        if not self.is_sound("inputs", name):
            return None
        if self.values is None:
            return Ref(RefKind.INPUT, name, (name,) if text.endswith(ALL) else ())
        default = inputs[name].get("default")  # that there is none is told where it is declared
        return self._outside(default, ("inputs", name, "default")) if default else None

    def _is_picture(self, name: str, where: NodePath) -> bool:
        """Whether a parameter can name a picture; why not is told."""
        declared = self.map("params")
        if name not in declared:
            self.note(where, "reference", f"there is no parameter {name}", did_you_mean(name, declared))
            return False
        if name not in (self.declared("params") if self.values is None else self.values):
            return False
        if declared[name]["type"] != "string":
            self.note(where, "reference", f"params.{name} is no text, so it can't be an image's path")
            return False
        return True
