"""Installed checks: functions of others that say what is wrong with a picture, asked once per version and content.

A check is an entry point of the group wanflow.checks: a function of the picture's path and that of the picture it was
made from (None where there is none), to None where all is well, else to what is wrong, in a few words.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from wanflow.errors import EditError, inline
from wanflow.language.expect import CHECKS
from wanflow.language.extensions import loaded

Check = Callable[[Path, Path | None], object]
MOST = 200


class Checks:
    """The installed checks, each loaded when it is first asked for. Methods raise EditError for one that fails."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, Check]] = {}

    def version(self, name: str) -> str:
        """What tells a check from others, and from older ones of its name."""
        return self._loaded(name)[0]

    def ask(self, name: str, picture: Path, base: Path | None) -> str:
        """What a check says is wrong with a picture; empty when all is well."""
        check = self._loaded(name)[1]
        try:
            said = check(picture, base)
        except Exception as error:  # somebody else's function may raise anything
            raise EditError(
                "CheckBroken", f"the check {name} failed: {inline(f'{type(error).__name__}: {error}')}"
            ) from error
        if said is None:
            return ""
        if not isinstance(said, str):
            raise EditError("CheckBroken", f"the check {name} gave {inline(repr(said))[:80]} instead of a text or None")
        return inline(said if len(said) <= MOST else f"{said[: MOST - 1]}…")

    def _loaded(self, name: str) -> tuple[str, Check]:
        if name not in self._known:
            self._known[name] = loaded(CHECKS, "check", name, "CheckBroken")
        return self._known[name]
