"""The upkeep of a project's store, as functions: verify, gc, stats. `folder` is in the project; where one stands unless
it is given. All raise UsageError where there is no store, and StoreError.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wanflow.clock import Clock, RealClock
from wanflow.errors import StoreError, UsageError
from wanflow.project import require_own_store
from wanflow.reach import Reach
from wanflow.settings import STORE, find_root, state_folder
from wanflow.store.index import Index
from wanflow.store.upkeep import DAY_S, Collected, Stats, Upkeep, Verified, prices

__all__ = ["gc", "stats", "verify"]

OLDER_THAN_S = 30 * DAY_S


def verify(folder: Path | None = None, *, mend: bool = False) -> Verified:
    """Whether every stored picture is whole; `mend` puts back what an equal output file can give."""
    with _upkeep(folder) as upkeep:
        return upkeep.verify(mend=mend)


def gc(
    folder: Path | None = None,
    *,
    older_than_s: float = OLDER_THAN_S,
    paid: bool = False,
    dry_run: bool = False,
    clock: Clock | None = None,
) -> Collected:
    """Remove what no recipe needs any more (see Upkeep.collect)."""
    with _upkeep(folder) as upkeep:
        now = (clock or RealClock()).now().timestamp()
        return upkeep.collect(now, older_than_s, paid=paid, dry_run=dry_run)


def stats(folder: Path | None = None) -> Stats:
    """How many pictures are stored, how large they are, and what was paid for them."""
    with _upkeep(folder) as upkeep:
        return upkeep.stats(prices(state_folder() / "accounts"))


@contextmanager
def _upkeep(folder: Path | None) -> Iterator[Upkeep]:
    here = (folder or Path.cwd()).resolve()
    root = find_root(here / "recipe", here)
    store = root / STORE
    if not store.is_dir():
        raise UsageError(f"nothing is stored here: there is no {STORE} in {here} or above it")
    require_own_store(store, Reach([root]))
    with Index.open(store, repair=False).in_use() as index:
        if index.notice:
            raise StoreError(f"{index.notice}. Run a recipe, or mend that, first")
        yield Upkeep(root, store, index)
