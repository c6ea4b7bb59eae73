"""The upkeep of a project's store, as functions: verify, gc, stats. `folder` is in the project; where one stands unless
it is given. All raise UsageError where there is no store, and StoreError.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

from wanflow.choosing.picksfile import everything_chosen
from wanflow.clock import Clock, RealClock
from wanflow.errors import RecipeError, StoreError, UsageError, unwritable
from wanflow.settings import STORE, find_root, state_folder
from wanflow.store.index import Index
from wanflow.store.upkeep import DAY_S, Collected, Stats, Upkeep, Verified, alone, prices, spared

__all__ = ["gc", "stats", "verify"]

OLDER_THAN_S = 30 * DAY_S


def verify(folder: Path | None = None, *, mend: bool = False) -> Verified:
    """Whether the index and every stored picture are whole; `mend` puts a damaged index aside, takes what was paid for
    from its receipts, and puts back what an equal output file can give.
    """
    root = _root(folder)
    with _held(root, mend), Index.open(root / STORE, repair=mend, thorough=True).in_use() as index:
        found = Upkeep(root, root / STORE, index).verify(mend=mend)
        if index.notice and not index.read_only:
            found.index_fault, found.index_mended = ("", index.notice) if mend else (index.notice, "")
        return found


def gc(
    folder: Path | None = None,
    *,
    older_than_s: float = OLDER_THAN_S,
    paid: bool = False,
    dry_run: bool = False,
    clock: Clock | None = None,
) -> Collected:
    """Remove what no recipe needs any more (see Upkeep.collect)."""
    root = _root(folder)
    needed = spared(state_folder() / "accounts", root)
    try:
        needed = replace(needed, pictures={*needed.pictures, *everything_chosen(root)})
    except RecipeError as error:  # what is frozen or was chosen there must not be lost
        raise StoreError(f"nothing was removed, since what was picked can't be read:\n{error}") from error
    now = (clock or RealClock()).now().timestamp()
    with _upkeep(root) as upkeep:
        found = upkeep.collect(now, older_than_s, needed, paid=paid, dry_run=dry_run)
    if upkeep.read_only and not dry_run:
        # The disk was full. Now that there is room, the index forgets what is gone.
        with _upkeep(root) as upkeep:
            upkeep.collect(now, older_than_s, needed, paid=paid)
    return found


def stats(folder: Path | None = None) -> Stats:
    """How many pictures are stored, how large they are, and what was paid for them."""
    with _upkeep(_root(folder)) as upkeep:
        return upkeep.stats(prices(state_folder() / "accounts"))


def _root(folder: Path | None) -> Path:
    here = (folder or Path.cwd()).resolve()
    root = find_root(here / "recipe", here)
    if not (root / STORE).is_dir():
        raise UsageError(f"nothing is stored here: there is no {STORE} in {here} or above it")
    return root


@contextmanager
def _held(root: Path, mend: bool) -> Iterator[None]:
    try:
        with alone(root / STORE) if mend else nullcontext():
            yield
    except OSError as error:
        raise StoreError(f"nothing was mended: {unwritable(root / STORE, error)}") from error


@contextmanager
def _upkeep(root: Path) -> Iterator[Upkeep]:
    with Index.open(root / STORE, repair=False).in_use() as index:
        # One that can't be written is read all the same: on a full disk, room must be made before anything is written.
        if index.notice and not index.read_only:
            raise StoreError(index.notice)
        yield Upkeep(root, root / STORE, index)
