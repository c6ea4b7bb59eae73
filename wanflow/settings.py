"""Where a project is and how it is set: the only reader of the environment and of wanflow.toml."""

from __future__ import annotations

import math
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from wanflow.documents import schemas
from wanflow.documents.source import read_text
from wanflow.errors import RecipeError, UsageError

FILE = "wanflow.toml"
MAX_BYTES = 100_000
STORE = ".wanflow"
KEY = "DASHSCOPE_API_KEY"
BASE_URL = "DASHSCOPE_HTTP_BASE_URL"
FLAG = "--base-url"


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """What a project sets differently for one model: USD an image, submissions a second, tasks at once."""

    price_usd: float | None = None
    submissions_per_second: float | None = None
    concurrent_tasks: int | None = None
    submit_ahead: int | None = None


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """How to reach DashScope: a region's name or a base URL, the environment variable that holds the key, and a
    name for the account where several keys belong to it. `base_url_by` is who says the URL: the file, the
    environment or the flag.
    """

    region: str | None = None
    base_url: str | None = None
    base_url_by: str = f"{FILE}: dashscope.base_url"
    workspace: str | None = None
    key_variable: str = KEY
    account: str | None = None
    models: Mapping[str, ModelSettings] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Settings:
    """What wanflow.toml may say; flags go before it."""

    backend: str = "draft"
    out: str = "."
    jobs: int | None = None
    seconds_per_megapixel: float = 60.0
    dashscope: ProviderSettings = ProviderSettings()


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
        if not path.exists():
            return Settings()
        entries = tomllib.loads(read_text(path, FILE, MAX_BYTES), parse_float=_finite)
    except RecipeError as error:
        raise UsageError(str(error)) from error
    except (tomllib.TOMLDecodeError, ValueError, RecursionError) as error:  # ValueError: thousands of digits
        raise UsageError(f"{FILE}: not valid TOML: {error}") from error
    if faults := list(schemas.faults(entries, schemas.load("settings.schema.json"))):
        raise UsageError("\n".join(f"{FILE}: {fault}" for fault in faults))
    provider = dict(entries.pop("dashscope", {}))
    models = {name: ModelSettings(**values) for name, values in provider.pop("models", {}).items()}
    return Settings(**entries, dashscope=ProviderSettings(**provider, models=models))


def _finite(text: str) -> float | str:
    # TOML knows nan and inf, which are no limit and no price; as texts the schema refuses them by their names.
    number = float(text)
    return number if math.isfinite(number) else text


def secret(name: str) -> str | None:
    """A secret from the environment, or None; it must never be kept, shown or written."""
    return os.environ.get(name) or None


def base_url() -> str | None:
    """Where this user's environment sends what is meant for DashScope, as for the provider's SDK, or None."""
    return os.environ.get(BASE_URL) or None


def state_folder() -> Path:
    """Where this user's programs keep what must outlive projects (XDG base directory specification)."""
    given = os.environ.get("XDG_STATE_HOME")
    return (Path(given) if given and Path(given).is_absolute() else Path.home() / ".local" / "state") / "wanflow"


def wants_plain() -> bool:
    """Whether this user's environment asks for lines without colour and movement: NO_COLOR, TERM=dumb, or CI."""
    in_ci = os.environ.get("CI", "").lower() not in ("", "0", "false")
    return bool(in_ci or os.environ.get("NO_COLOR") or os.environ.get("TERM", "") in ("", "dumb", "unknown"))


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def shown(path: Path, here: Path) -> str:
    """A path as messages name it: relative to where the user stands, when it lies below."""
    try:
        return str(path.relative_to(here))
    except ValueError:
        return str(path)
