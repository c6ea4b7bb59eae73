"""The upkeep of a project's store: whether its pictures are whole, what nobody needs any more, what there is.

Removing has the store for itself: it does not begin while a run is in progress, and a run that begins meanwhile waits.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from wanflow.errors import StoreError, describe_os_error
from wanflow.model import Blob, Result
from wanflow.store import locks
from wanflow.store.blobs import DIGEST, Blobs, fault_of
from wanflow.store.index import Index
from wanflow.store.ledger import FILE as LEDGER
from wanflow.store.receipts import Receipts

DAY_S = 86_400.0
AGAIN = "the next run that needs it makes it again"
PAID_AGAIN = "the next run that needs it fetches it while the provider keeps it, 24 hours; after that it is paid again"
NOBODY = "no result needs it; wanflow cache gc removes it"


@dataclass(frozen=True, slots=True)
class Fault:
    """A stored picture that is missing, damaged or unreadable: what it was made by, for which jobs, and what a run
    will do about it. `billed` images were paid for with it.
    """

    sha256: str
    fault: str
    remedy: str
    function: str = ""
    jobs: tuple[str, ...] = ()
    billed: int = 0


@dataclass(slots=True)
class Verified:
    """What a look at every stored picture found; `mended` are those that an equal output file gave back."""

    pictures: int = 0
    size_bytes: int = 0
    faults: list[Fault] = field(default_factory=list)
    mended: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Item:
    """A file below the project that nobody needs; `kind` is picture, part or lock."""

    kind: str
    path: Path
    size_bytes: int


@dataclass(slots=True)
class Collected:
    """What was removed, or would be; `results` counts what the index forgets, `kept_paid` what only --paid removes."""

    items: list[Item] = field(default_factory=list)
    results: int = 0
    kept_paid: int = 0
    dry_run: bool = False

    @property
    def size_bytes(self) -> int:
        """How much room that is."""
        return sum(item.size_bytes for item in self.items)


@dataclass(slots=True)
class Share:
    """What belongs to one recipe and backend: pictures, their size, images paid, and what for as far as is known."""

    pictures: int = 0
    size_bytes: int = 0
    billed: int = 0
    usd: Decimal = Decimal(0)
    unpriced: int = 0

    def add(self, blobs: Iterable[Blob], billed: int, usd: Decimal | None) -> None:
        """Count a result."""
        for blob in blobs:
            self.pictures += 1
            self.size_bytes += blob.size_bytes
        self.billed += billed
        self.usd += usd or 0
        self.unpriced += billed if usd is None else 0


@dataclass(slots=True)
class Stats:
    """What is stored, by (recipe, backend), and in all; a picture of several recipes counts once in `total`."""

    shares: dict[tuple[str, str], Share] = field(default_factory=lambda: defaultdict(Share))
    total: Share = field(default_factory=Share)
    unneeded: Share = field(default_factory=Share)


class Upkeep:
    """The store of one project."""

    def __init__(self, root: Path, store: Path, index: Index) -> None:
        self._root, self._store, self._index, self._blobs = root, store, index, Blobs(store)

    # -- whether all is whole

    def verify(self, *, mend: bool = False) -> Verified:
        """Read every stored picture and compare its digest; `mend` restores from equal output files."""
        found, named = Verified(), self._named()
        for sha256, (result, function, keys) in self._wanted().items():
            found.pictures += 1
            if not (fault := self._blobs.fault(sha256)):
                found.size_bytes += self._blobs.path(sha256).stat().st_size
                continue
            twin = self._twin(sha256)
            if twin and mend:
                self._blobs.discard(sha256)
                self._blobs.put((self._root / twin).read_bytes())
                found.mended[sha256] = twin
                continue
            jobs = tuple(f"{recipe}: {job}" for key in keys for recipe, job in named.get(key, ()))
            remedy = f"{twin} is equal; --mend takes it from there" if twin else PAID_AGAIN if result.task_id else AGAIN
            found.faults.append(Fault(sha256, fault, remedy, function, jobs, result.billed))
        for path in self._strays():
            found.pictures += 1
            if fault := self._blobs.fault(path.name):
                found.faults.append(Fault(path.name, fault, NOBODY))
            else:
                found.size_bytes += path.stat().st_size
        return found

    def _wanted(self) -> dict[str, tuple[Result, str, list[str]]]:
        """Every picture that a result needs: by digest, the result, its function and the keys."""
        wanted: dict[str, tuple[Result, str, list[str]]] = {}
        for key, result, components in self._index.results():
            for blob in result.blobs:
                wanted.setdefault(blob.sha256, (result, str(components[1]), []))[2].append(key)
        return wanted

    def _strays(self) -> Iterator[Path]:
        wanted = self._wanted()
        yield from (path for path in self._objects() if path.name not in wanted)

    def _objects(self) -> Iterator[Path]:
        folder = self._store / "objects"
        yield from (path for path in sorted(folder.glob("??/*")) if DIGEST.fullmatch(path.name))

    def _named(self) -> dict[str, list[tuple[str, str]]]:
        """The jobs that had each key when they were last done."""
        named = defaultdict(list)
        for recipe, job, key in self._index.jobs():
            named[key].append((_name(recipe), job))
        return named

    def _twin(self, sha256: str) -> str:
        """An output file that has the same bytes, if there is one."""
        for path, written in self._index.outputs():
            if written == sha256 and not fault_of(self._root / path, sha256):
                return path
        return ""

    # -- what nobody needs

    def collect(self, now: float, older_than_s: float, *, paid: bool = False, dry_run: bool = False) -> Collected:
        """Remove, or only list, results that no recipe's jobs had when they were last done, with pictures stored longer
        ago than that and needed by no other; what died runs left behind; never what was paid for, unless `paid`.

        Raises StoreError, also while a run is in progress.
        """
        try:
            with locks.alone(self._store / locks.IN_USE) as free:
                if not free and not dry_run:
                    raise StoreError("a run of this project is in progress; nothing was removed. Try again after it")
                found, keys = self._unneeded(now - older_than_s, now - DAY_S, paid=paid)
                found.dry_run = dry_run
                if not dry_run:
                    # First the results, so that no crash leaves one whose picture is gone.
                    with self._index.transaction():
                        for key in keys:
                            self._index.forget(key)
                    for item in found.items:
                        _remove(item)
                return found
        except OSError as error:
            raise StoreError(f"the store can't be tidied up: {describe_os_error(error)}") from error

    def _unneeded(self, before: float, dead_before: float, *, paid: bool) -> tuple[Collected, list[str]]:
        found, keys, named = Collected(), [], self._named()
        needed = set() if paid else {blob[0] for receipt, _ in Receipts(self._store).read() for blob in receipt.made[0]}
        for key, result, _ in self._index.results():
            blobs = {blob.sha256 for blob in result.blobs}
            old = all(self._stored_before(sha256, before) for sha256 in blobs)
            bought = bool(result.task_id)
            if key in named or not old or (bought and not paid):
                needed |= blobs
                found.kept_paid += old and key not in named
            else:
                keys.append(key)
        found.results = len(keys)
        objects = (path for path in self._objects() if path.name not in needed)
        found.items = [_item("picture", path) for path in objects if path.stat().st_mtime < before]
        found.items += [_item("part", path) for path in self._parts() if path.stat().st_mtime < dead_before]
        found.items += [_item("lock", path) for path in sorted((self._store / "locks").glob("*"))]
        return found, keys

    def _stored_before(self, sha256: str, moment: float) -> bool:
        try:
            return self._blobs.path(sha256).stat().st_mtime < moment
        except FileNotFoundError:
            return True

    def _parts(self) -> Iterator[Path]:
        """Files that died runs were writing, in the store and beside output files."""
        for pattern in ("objects", "objects/??", "runs/*"):
            yield from self._store.glob(f"{pattern}/.wanflow-*.part")
        for folder in sorted({(self._root / path).parent for path, _ in self._index.outputs()}):
            yield from folder.glob(".wanflow-*.part")

    # -- what there is

    def stats(self, prices: Mapping[str, Decimal]) -> Stats:
        """Pictures, room and money by recipe and backend; `prices` are what tasks cost, by id."""
        found, named = Stats(), self._named()
        seen: set[str] = set()
        for key, result, components in self._index.results():
            usd = prices.get(result.task_id or "") if result.billed else Decimal(0)
            backend = str(components[2]).partition(":")[0]
            for recipe in sorted({recipe for recipe, _ in named.get(key, [("", "")])}):
                found.shares[recipe, backend].add(result.blobs, result.billed, usd)
            found.total.add((blob for blob in result.blobs if blob.sha256 not in seen), result.billed, usd)
            seen |= {blob.sha256 for blob in result.blobs}
        for path in self._strays():
            found.unneeded.pictures += 1
            found.unneeded.size_bytes += path.stat().st_size
        return found


def prices(accounts: Path) -> dict[str, Decimal]:
    """What each paid task cost in USD, by its id, as far as this user's ledgers tell."""
    found: dict[str, Decimal] = {}
    asked = "SELECT task_id, usd_image, billed FROM tasks WHERE task_id IS NOT NULL AND usd_image IS NOT NULL"
    for file in sorted(accounts.glob(f"*/{LEDGER}")):
        try:
            with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as ledger:
                found |= {task_id: Decimal(usd) * billed for task_id, usd, billed in ledger.execute(asked)}
        except sqlite3.Error:
            continue  # a ledger that can't be read leaves its tasks without a known price
    return found


def _name(recipe: str) -> str:
    return recipe.partition("|")[0]  # an identity is name, file and manifest


def _item(kind: str, path: Path) -> Item:
    return Item(kind, path, path.stat().st_size)


def _remove(item: Item) -> None:
    if item.kind != "lock":
        item.path.unlink(missing_ok=True)
    elif (lock := locks.take(item.path)) is not None:
        locks.free(item.path, lock)
