"""A project: the folder that holds a recipe and what was made by it, and what is set for one command."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path

from wanflow.backends import BACKENDS, Backend, Backends
from wanflow.backends.services import Services, silent
from wanflow.backends.workers import Workers
from wanflow.clock import Clock
from wanflow.errors import UsageError, did_you_mean, is_text, quoted
from wanflow.language.selection import Wish
from wanflow.links.urls import Hosts
from wanflow.manifests.reach import Reach, strays
from wanflow.manifests.tables import fixed_part
from wanflow.settings import (
    BASE_URL,
    FILE,
    FLAG,
    STORE,
    Settings,
    base_url,
    cores,
    find_root,
    read_settings,
    secret,
    shown,
)


@dataclass(frozen=True, slots=True)
class Options:
    """What a caller may set: parameter values as text, another manifest or output folder, backend, workers.

    A recipe reads and writes below its project's folder, the caller's manifest and output folder, and `allow_paths`;
    URLs of pictures lead to public hosts, and to `allow_hosts`. With `every_row`, rows that are as they were are looked
    at all the same. Paths in `params` are the caller's own word, unless they come from a file (`trusts_params`).
    `asked` collects the paths of all that the recipe reads, those of folders that are looked through with a slash.
    """

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
    top_up: bool = False
    every_row: bool = False
    wish: Wish = field(default_factory=Wish)
    allow_paths: Sequence[Path] = ()
    allow_hosts: Sequence[str] = ()
    trusts_params: bool = True
    backends: Backends = field(default_factory=lambda: BACKENDS)
    asked: set[str] | None = None


# The flags of what decides what is done, and of what gives leave.
_FLAGS = {
    "params": "-p",
    "manifest": "-m",
    "out": "--out",
    "backend": "--backend",
    "region": "--region",
    "base_url": "--base-url",
    "select": "-s",
    "exclude": "-x",
    "until": "--until",
    "pilot": "--pilot",
    "no_proxy": "--no-proxy",
    "force": "--force",
    "retry_refused": "--retry-refused",
    "top_up": "--top-up",
    "resubmit_uncertain": "--resubmit-uncertain",
    "allow_paths": "--allow-path",
    "allow_hosts": "--allow-host",
}
# Told by a plan's first line, or meant for one machine.
_ELSEWHERE = ("backend", "region", "base_url", "allow_paths", "allow_hosts")
# What pays for what may be paid for already.
PAYS_AGAIN = ("force", "resubmit_uncertain")


@dataclass(frozen=True, slots=True)
class Project:
    """Where a recipe lives and what is set for it."""

    root: Path
    recipe: Path
    here: Path
    settings: Settings
    options: Options
    reach: Reach  # of what is read
    writable: Reach
    hosts: Hosts  # that may be asked for pictures beside public ones

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
        # Who sent the SDK to an emulator must not find that wanflow went to the provider all the same.
        for by, url in ((FLAG, self.options.base_url), (BASE_URL, base_url())):
            if url:
                provider = replace(provider, base_url=url, base_url_by=by)
                break
        return self.options.backends[self.backend](Services(workers, provider, secret, clock, note))

    def flags(self, besides: Collection[str] = _ELSEWHERE) -> list[str]:
        """What was said beside the recipe, as a shell takes it, a flag with its value each; `besides` is left out."""
        return [
            shlex.join([flag, text] if text else [flag])
            for name, flag in _FLAGS.items()
            if name not in besides
            for text in self._said(getattr(self.options if hasattr(self.options, name) else self.options.wish, name))
        ]

    def _said(self, value: object) -> Iterator[str]:
        """The words after a flag, for each time that it is said; empty for one that stands alone."""
        if value is True:
            yield ""
        elif isinstance(value, Mapping):
            yield from (f"{name}={text}" for name, text in value.items())
        elif isinstance(value, tuple | list):
            yield from map(str, value)
        elif value:
            yield shown(value, self.here) if isinstance(value, Path) else str(value)

    @property
    def rerun(self) -> str:
        """The command that goes on with what a run began, and pays for nothing again."""
        recipe = shlex.quote(shown(self.recipe, self.here))
        return " ".join(["wanflow run", recipe, *self.flags(besides=PAYS_AGAIN)])

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
        reach, writable = _reach(root, file, here, options)
    except (OSError, RuntimeError) as error:  # RuntimeError: links that lead in a circle
        raise UsageError(f"{quoted(str(recipe))} can't be used: {error.args[-1]}") from error
    if complaint := writable.complaint(root / FILE):
        raise UsageError(f"{FILE} can't be used: {complaint}")
    require_own_store(root / STORE, writable)
    return Project(root, file, here, read_settings(root), options, reach, writable, Hosts(options.allow_hosts))


def _reach(root: Path, recipe: Path, here: Path, options: Options) -> tuple[Reach, Reach]:
    """What the recipe may read, and where it may write. A home folder that is no project holds many others' files."""
    project = recipe.parent if root in (home := Path.home().resolve(), *home.parents) else root
    said = [here / folder for folder in (*options.allow_paths, *([options.out] if options.out else []))]
    if options.manifest:
        said.append((here / fixed_part(str(options.manifest))).parent)
    return Reach([project, *said], options.asked), Reach([root, *said])


def require_own_store(store: Path, reach: Reach) -> None:
    """Refuse a store that is elsewhere, or whose parts are. Raises UsageError."""
    if stray := next(iter(strays(store, reach)), None):
        raise UsageError(f"{stray} can't be used: {reach.complaint(stray)}")
