"""What installed packages add to the grammar: functions as entry points of a group, such as scorers."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any

from wanflow.errors import EditError, inline


def installed(group: str) -> list[str]:
    """The names that a group has; nothing is loaded."""
    return sorted({entry.name for entry in entry_points(group=group)})


def loaded(group: str, kind: str, name: str, code: str) -> tuple[str, Any]:
    """What tells a function from others, and from older ones of its name; and the function. Raises EditError of this
    code; `kind` is what messages call it.
    """
    try:
        entry = next(iter(entry_points(group=group, name=name)))
        release = entry.dist.version if entry.dist else ""
        return f"{kind}/{name}/{entry.value}/{release}", entry.load()
    except Exception as error:  # an installed package may fail in any way
        why = "it is not installed" if isinstance(error, StopIteration) else f"{type(error).__name__}: {error}"
        raise EditError(code, f"the {kind} {name} can't be loaded: {inline(why)}") from error
