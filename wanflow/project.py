"""A project: the folder that holds a recipe and what was made by it, and what is set for one command."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path

from wanflow.backends import BACKENDS, Backend, Backends
from wanflow.backends.services import Services, silent
from wanflow.clock import Clock
from wanflow.errors import UsageError, did_you_mean, is_text, quoted
from wanflow.settings import FLAG, STORE, Settings, cores, find_root, read_settings, secret
from wanflow.workers import Workers


@dataclass(frozen=True, slots=True)
class Options:
    """What a caller may set: parameter values as text, another manifest or output folder, backend, workers."""

    params: Mapping[str, str] = field(default_factory=dict)
    manifest: Path | None = None
    out: Path | None = None
    backend: str | None = None
    jobs: int | None = None
    force: bool = False
    keep_going: bool = True
    no_proxy: bool = False
    region: str | None = None
    base_url: str | None = None
    max_cost: Decimal | None = None
    resubmit_uncertain: bool = False
    retry_refused: bool = False
    backends: Backends = field(default_factory=lambda: BACKENDS)


@dataclass(frozen=True, slots=True)
class Project:
    """Where a recipe lives and what is set for it."""

    root: Path
    recipe: Path
    here: Path
    settings: Settings
    options: Options

    @property
    def store(self) -> Path:
        """The project's .wanflow folder."""
        return self.root / STORE

    @property
    def out(self) -> Path:
        """The folder that output paths start from."""
        return (self.here / self.options.out if self.options.out else self.root / self.settings.out).resolve()

    @property
    def backend(self) -> str:
        """The backend's name. Raises UsageError for one that is not known."""
        name = self.options.backend or self.settings.backend
        if name not in self.options.backends:
            raise UsageError(f"there is no backend {name}. {did_you_mean(name, self.options.backends)}")
        return name

    def open_backend(self, workers: Workers, clock: Clock, note: Callable[[str], None] = silent) -> Backend:
        """The backend, working in these workers."""
        said = self.settings.dashscope
        provider = replace(said, region=self.options.region or said.region)
        if self.options.base_url:
            provider = replace(provider, base_url=self.options.base_url, base_url_by=FLAG)
        return self.options.backends[self.backend](Services(workers, provider, secret, clock, note))

    def workers(self) -> Workers:
        """This machine's workers, as many as edits may run at once; none is started yet."""
        return Workers(self.jobs, self.store, seconds_per_megapixel=self.settings.seconds_per_megapixel)

    @property
    def jobs(self) -> int:
        """How many edits may run at once on this machine."""
        return self.options.jobs or self.settings.jobs or cores()


def open_project(recipe: str | Path, options: Options, here: Path | None = None) -> Project:
    """The project of a recipe file. Raises UsageError."""
    here = (here or Path.cwd()).resolve()
    for given in (recipe, options.manifest, options.out, *options.params.values()):
        if not is_text(str(given)):
            raise UsageError(f"{quoted(str(given))} is not valid UTF-8 text")
    try:
        file = (here / recipe).resolve()
        root = find_root(file, here)
    except (OSError, RuntimeError) as error:  # RuntimeError: links that lead in a circle
        raise UsageError(f"{quoted(str(recipe))} can't be used: {error.args[-1]}") from error
    return Project(root, file, here, read_settings(root), options)
