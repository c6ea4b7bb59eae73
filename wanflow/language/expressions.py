"""The expressions of one recipe: compiled, with every name that they read held against what they may see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from wanflow.documents.source import NodePath
from wanflow.errors import did_you_mean
from wanflow.language.matrix import ROOT
from wanflow.language.references import Note
from wanflow.language.sandbox import TemplateError
from wanflow.language.templates import Template, compile_expression, compile_value, listed

MAX_EXPRESSIONS = 50_000


@dataclass(frozen=True, slots=True)
class Sight:
    """What the expressions of a part of the recipe see beside params: a row, and the keys of a matrix."""

    row: bool = True
    matrix: tuple[str, ...] = ()

    @property
    def roots(self) -> tuple[str, ...]:
        """The names that may stand at the left of a dot."""
        return ("params", *(["row"] if self.row else []), *([ROOT] if self.matrix else []))


ROW = Sight()


@dataclass(slots=True)
class Allowance:
    """The different expressions that a recipe and all that it uses may have: compiling takes some 20 µs a character."""

    seen: set[str] = field(default_factory=set)
    characters: int = 0
    is_told: bool = False

    def takes(self, source: str) -> bool:
        """Whether one more may be compiled."""
        if source not in self.seen:
            self.seen.add(source)
            self.characters += len(source)
        return self.characters <= MAX_EXPRESSIONS


class Expressions:
    """Compiles the expressions of one recipe, which has these parameters."""

    def __init__(self, params: Mapping[str, Any], note: Note, allowance: Allowance) -> None:
        self._params, self._note, self._allowance = params, note, allowance

    def value(self, value: Any, where: NodePath, sees: Sight) -> Any:
        """A value with its expressions as templates; what is wrong with one is told, and it stays as it is."""
        if isinstance(value, list):
            parts = [self.value(part, (*where, place), sees) for place, part in enumerate(value)]
            return listed(parts) or parts
        if not isinstance(value, str):
            return value
        if "${{" in value and not self._affordable(value, where):
            return value
        try:
            template = compile_value(value, sees.roots)
        except TemplateError as error:
            self._note(where, "expression", str(error), error.hint)
            self._allowance.seen.discard(value)  # another like it takes as long again
            return value
        return self._checked(template, where, sees) if template else value

    def condition(self, source: str, where: NodePath, sees: Sight = ROW) -> Template | None:
        """A bare expression; None, and told, when it is none."""
        hint = "A when: or where: is an expression already; write it without ${{ }}." if "${{" in source else ""
        if not self._affordable(source, where):
            return None
        try:
            return self._checked(compile_expression(source, sees.roots), where, sees)
        except TemplateError as error:
            self._note(where, "expression", str(error), hint or error.hint)
            self._allowance.seen.discard(source)
            return None

    def _checked(self, template: Template, where: NodePath, sees: Sight) -> Template:
        for root, name in sorted(template.names):
            if root == "params" and name and name not in self._params:
                self._note(where, "expression", f"there is no parameter {name}", did_you_mean(name, self._params))
            if root == ROOT and name and name not in sees.matrix:
                self._note(where, "expression", f"the matrix has no {name}", did_you_mean(name, sees.matrix))
        return template

    def _affordable(self, source: str, where: NodePath) -> bool:
        if self._allowance.takes(source):
            return True
        if not self._allowance.is_told:
            self._allowance.is_told = True
            message = f"the recipe's different expressions have over {MAX_EXPRESSIONS:,} characters"
            self._note(where, "size", message, "Make columns of the manifest of them.")
        return False
