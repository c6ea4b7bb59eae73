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


def recipes_below(folder: Path) -> list[Path]:
    """Recipes that can run by themselves, sorted. Parts of others are left to those: there they have their pictures.

    Links to folders are not followed. Raises OSError.
    """
    found = []
    for here, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(here) / name for name in names if name.endswith((".yaml", ".yml"))]
    return sorted(file for file in found if _runs_by_itself(file))


def is_part(file: Path) -> bool:
    """Whether only other recipes can use a file, which have the pictures for it. Raises OSError."""
    return _kind(file) == "part"


def _runs_by_itself(file: Path) -> bool:
    return _kind(file) == "recipe"


def _kind(file: Path) -> str:
    """What a file is: a recipe, a part of others, or nothing of ours."""
    if not file.is_file():
        return ""
    with file.open("rb") as opened:
        raw = opened.read(MAX_BYTES)
    if not _FIRST_KEY.search(raw):
        return ""
    try:
        data = parse(raw.decode(errors="replace"), str(file)).data
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
