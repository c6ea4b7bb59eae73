"""Where a project is and how it is set: the only reader of the environment and of wanflow.toml."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from wanflow.errors import UsageError, describe_os_error, did_you_mean, quoted

FILE = "wanflow.toml"
STORE = ".wanflow"
_TYPES: Mapping[str, tuple[type, str]] = {
    "backend": (str, "text"),
    "out": (str, "a folder"),
    "jobs": (int, "a whole number"),
}


@dataclass(frozen=True, slots=True)
class Settings:
    """What wanflow.toml may say; flags go before it."""

    backend: str = "draft"
    out: str = "."
    jobs: int | None = None


def find_root(recipe: Path, here: Path) -> Path:
    """The project a recipe belongs to.

    The nearest folder at or above the recipe that has wanflow.toml or .wanflow; else the folder wanflow was started
    in, when the recipe lies below it; else the recipe's folder.
    """
    for folder in recipe.parents:
        if (folder / FILE).is_file() or (folder / STORE).is_dir():
            return folder
    return here if here in recipe.parents else recipe.parent


def read_settings(root: Path) -> Settings:
    """The settings of a project. Raises UsageError naming the file and the entry."""
    path = root / FILE
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        return Settings()
    except OSError as error:
        raise UsageError(f"{FILE} can't be read: {describe_os_error(error)}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{FILE}: not valid TOML: {error}") from error
    for name, value in entries.items():
        _check(name, value)
    return Settings(**entries)


def _check(name: str, value: Any) -> None:
    if name not in _TYPES:
        known = [field.name for field in fields(Settings)]
        raise UsageError(f"{FILE}: {name} is not known. {did_you_mean(name, known)}")
    kind, word = _TYPES[name]
    if not isinstance(value, kind) or isinstance(value, bool):
        raise UsageError(f"{FILE}: {name} must be {word}, got {quoted(value)}")
    if isinstance(value, int) and value < 1:
        raise UsageError(f"{FILE}: jobs must be at least 1, got {value}")


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def shown(path: Path, here: Path) -> str:
    """A path as messages name it: relative to where the user stands, when it lies below."""
    try:
        return str(path.relative_to(here))
    except ValueError:
        return str(path)
