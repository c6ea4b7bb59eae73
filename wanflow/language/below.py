"""The recipes below a folder, found by what stands in them; hidden folders are passed over."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from wanflow.documents.source import parse
from wanflow.errors import RecipeError

MAX_BYTES = 1_000_000
_FIRST_KEY = re.compile(rb"""^(?:\xef\xbb\xbf)?["']?wanflow["']?[ \t]*:""", re.MULTILINE)
# A file of picks is of the same version, and names its recipe.
_OF_PICKS = re.compile(rb"^recipe[ \t]*:", re.MULTILINE)


def recipes_below(folder: Path) -> list[Path]:
    """Recipes that can run by themselves, sorted. Parts of others are left to those: there they have their pictures.

    Links to folders are not followed. Raises OSError.
    """
    return [file for file in every_recipe(folder) if _kind(file) == "recipe"]


def every_recipe(folder: Path) -> list[Path]:
    """These, and parts of others."""
    found = []
    for here, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(here) / name for name in names if name.endswith((".yaml", ".yml"))]
    return sorted(file for file in found if is_recipe(file))


def is_recipe(file: Path) -> bool:
    """Whether a file says that it is a recipe, sound or not, whole or a part of others. Raises OSError."""
    raw = _start(file)
    return bool(_FIRST_KEY.search(raw)) and not _OF_PICKS.search(raw)


def is_part(file: Path) -> bool:
    """Whether only other recipes can use a file, which have the pictures for it. Raises OSError."""
    return _kind(file) == "part"


def _start(file: Path) -> bytes:
    if not file.is_file():
        return b""
    with file.open("rb") as opened:
        return opened.read(MAX_BYTES)


def _kind(file: Path) -> str:
    """What a file is: a recipe, a part of others, or nothing of ours."""
    if not is_recipe(file):
        return ""
    try:
        data = parse(_start(file).decode(errors="replace"), str(file)).data
    except RecipeError:
        return "recipe"  # to be mended
    return "part" if isinstance(data, dict) and _lacks(data) else "recipe"


def _lacks(data: dict[str, Any]) -> bool:
    """Whether an input has no default, or an output no path: only a recipe that others use can do without."""
    lacking = (("inputs", "default"), ("outputs", "to"))
    kept = ((data.get(key), need) for key, need in lacking)
    return any(
        isinstance(entry, dict) and need not in entry
        for entries, need in kept
        if isinstance(entries, dict)
        for entry in entries.values()
    )
