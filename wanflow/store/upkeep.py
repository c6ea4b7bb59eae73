"""The upkeep of a project's store: whether its pictures are whole, what nobody needs any more, what there is.

Removing has the store for itself: it does not begin while a run is in progress, and a run that begins meanwhile waits.
"""

from __future__ import annotations

import math
import sqlite3
import stat
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from wanflow.errors import StoreError, unwritable
from wanflow.model import Blob, Result
from wanflow.store import locks
from wanflow.store.blobs import DIGEST, Blobs, fault_of
from wanflow.store.books import FILE as LEDGER
from wanflow.store.books import Books
from wanflow.store.index import Index
from wanflow.store.receipts import Receipts
from wanflow.store.tasks import RESERVED, State

DAY_S = 86_400.0
AGAIN = "the next run that needs it makes it again"
PAID_AGAIN = "the next run that needs it fetches it while the provider keeps it, 24 hours; after that it is paid again"
PAID_ONCE = "the next run that needs it pays for it again: its model answered at once, and keeps no task"
FETCHED = "the next run that needs it fetches it again from {}"
# Where small copies of pictures are kept, by the content of these; what is missing is made again by the next report.
THUMBNAILS = "thumbnails"
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
    """What a look at every stored picture found; `mended` are those that an equal output file gave back.

    `index_fault` says what is wrong with the index, `index_mended` what was done about it; `unreceipted` results were
    paid for and have no receipt, from which they would be known if the index were lost.
    """

    pictures: int = 0
    size_bytes: int = 0
    faults: list[Fault] = field(default_factory=list)
    mended: dict[str, str] = field(default_factory=dict)
    index_fault: str = ""
    index_mended: str = ""
    unreceipted: int = 0

    @property
    def whole(self) -> bool:
        """Whether nothing is wrong, or nothing any more."""
        return not (self.faults or self.index_fault or self.unreceipted)


@dataclass(frozen=True, slots=True)
class Item:
    """A file below the project that nobody needs; `kind` is picture, part, view (a small copy for reports) or lock."""

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


@dataclass(frozen=True, slots=True)
class Spared:
    """Results, by key, and pictures, by digest, that somebody outside of the store still needs."""

    keys: Collection[str] = ()
    pictures: Collection[str] = ()


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
        self._outputs: dict[str, list[str]] | None = None
        self.read_only = index.read_only

    # -- whether all is whole

    def verify(self, *, mend: bool = False) -> Verified:
        """Read every stored picture and compare its digest; `mend` restores from equal output files, removes
        what can be fetched again, and writes receipts anew. Raises StoreError.
        """
        found, named, wanted = Verified(), self._named(), self._wanted()
        try:
            for sha256, (result, function, keys) in wanted.items():
                found.pictures += 1
                if not (fault := self._blobs.fault(sha256)):
                    found.size_bytes += _size(self._blobs.path(sha256))
                elif (twin := self._twin(sha256)) and mend:
                    self._blobs.put((self._root / twin).read_bytes())
                    found.mended[sha256] = twin
                else:
                    jobs = tuple(f"{recipe}: {job}" for key in keys for recipe, job in named.get(key, ()))
                    made = PAID_AGAIN if result.task_id else PAID_ONCE if result.billed else AGAIN
                    remedy = f"{twin} is equal; --mend takes it from there" if twin else made
                    found.faults.append(Fault(sha256, fault, remedy, function, jobs, result.billed))
            fetched = self._index.urls()
            for sha256 in fetched.keys() - wanted.keys():
                self._verify_fetched(found, sha256, FETCHED.format(fetched[sha256]), mend=mend)
            for path in self._strays({*wanted, *fetched}):
                found.pictures += 1
                if fault := self._blobs.fault(path.name):
                    found.faults.append(Fault(path.name, fault, NOBODY))
                else:
                    found.size_bytes += _size(path)
        except OSError as error:
            raise StoreError(unwritable(self._store, error)) from error
        if mend:
            self._index.write_receipts()
        found.unreceipted = len(self._index.unreceipted())
        return found

    def _verify_fetched(self, found: Verified, sha256: str, remedy: str, *, mend: bool) -> None:
        found.pictures += 1
        if not (fault := self._blobs.fault(sha256)):
            found.size_bytes += _size(self._blobs.path(sha256))
            return
        if mend:
            self._blobs.discard(sha256)
        elif fault != "missing":
            remedy = f"--mend removes it, and {remedy}"
        found.faults.append(Fault(sha256, fault, remedy))

    def _wanted(self) -> dict[str, tuple[Result, str, list[str]]]:
        """Every picture that a result needs: by digest, the result, its function and the keys."""
        wanted: dict[str, tuple[Result, str, list[str]]] = {}
        for key, result, components in self._index.results():
            for blob in result.blobs:
                wanted.setdefault(blob.sha256, (result, str(components[1]), []))[2].append(key)
        return wanted

    def _strays(self, wanted: Collection[str]) -> Iterator[Path]:
        yield from (path for path in self._objects() if path.name not in wanted)

    def _objects(self) -> Iterator[Path]:
        """Stored pictures; what else lies there is somebody else's."""
        for folder in self._folders():
            yield from (path for path in sorted(folder.glob(f"{folder.name}*")) if DIGEST.fullmatch(path.name))

    def _folders(self) -> list[Path]:
        return [folder for folder in sorted((self._store / "objects").glob("??")) if not folder.is_symlink()]

    def _named(self) -> dict[str, list[tuple[str, str]]]:
        """The jobs that had each key when they were last done."""
        named = defaultdict(list)
        for recipe, job, key in self._index.jobs():
            named[key].append((_name(recipe), job))
        return named

    def _twin(self, sha256: str) -> str:
        """An output file that has the same bytes, if there is one."""
        if self._outputs is None:
            self._outputs = defaultdict(list)
            for path, written in self._index.outputs():
                self._outputs[written].append(path)
        return next((path for path in self._outputs[sha256] if not fault_of(self._root / path, sha256)), "")

    # -- what nobody needs

    def collect(
        self, now: float, older_than_s: float, spared: Spared, *, paid: bool = False, dry_run: bool = False
    ) -> Collected:
        """Remove, or only list, results that no recipe's jobs had when they were last done, with pictures stored longer
        ago than that and needed by no other; what died runs left behind; never what was paid for, unless `paid`, and
        never what was fetched or is `spared`.

        Raises StoreError, also while a run is in progress.
        """
        objects = self._store / "objects"
        if objects.is_symlink():
            shared = f"{objects} is a link to {objects.readlink()}, which others may use, too"
            raise StoreError(f"{shared}; nothing was removed. Move that folder here first")
        try:
            with nullcontext() if dry_run else alone(self._store):
                found, keys = self._unneeded(now - older_than_s, now - DAY_S, spared, paid=paid)
                found.dry_run = dry_run
                if not dry_run:
                    self._remove(found.items, keys)
                return found
        except OSError as error:
            raise StoreError(f"the store can't be tidied up: {unwritable(self._store, error)}") from error

    def _remove(self, items: Iterable[Item], keys: Iterable[str]) -> None:
        # First the results, so that no crash leaves one whose picture is gone; but before them what none of them has,
        # since a disk may be so full that nothing can be written until something is gone.
        wanted = self._wanted()
        for item in items:
            if item.path.name not in wanted:
                _remove(item)
        with self._index.transaction():
            for key in keys:
                self._index.forget(key)
        for item in items:
            if item.path.name in wanted:
                _remove(item)

    def _unneeded(
        self, before: float, dead_before: float, spared: Spared, *, paid: bool
    ) -> tuple[Collected, list[str]]:
        found, keys, named = Collected(), [], self._named()
        needed = {*spared.pictures, *self._index.urls()}
        needed |= (
            set() if paid else {blob[0] for receipt, _ in Receipts(self._store).read() for blob in receipt.made[0]}
        )
        for key, result, _ in self._index.results():
            blobs = {blob.sha256 for blob in result.blobs}
            old = all(self._stored_before(sha256, before) for sha256 in blobs)
            bought = result.is_paid
            if key in named or key in spared.keys or not old or (bought and not paid):
                needed |= blobs
                found.kept_paid += old and key not in named
            else:
                keys.append(key)
        found.results = len(keys)
        pictures = (path for path in self._objects() if path.name not in needed)
        found.items = [*_items("picture", pictures, before), *_items("part", self._parts(), dead_before)]
        found.items += _items("view", sorted((self._store / THUMBNAILS).glob("??/*.webp")), before)
        found.items += _items("lock", sorted((self._store / "locks").glob("*")), math.inf)
        return found, keys

    def _stored_before(self, sha256: str, moment: float) -> bool:
        try:
            return self._blobs.path(sha256).lstat().st_mtime < moment
        except FileNotFoundError:
            return True

    def _parts(self) -> Iterator[Path]:
        """Files that died runs were writing, in the store and beside output files."""
        beside = {(self._root / path).parent for path, _ in self._index.outputs()}
        runs = sorted((self._store / "runs").glob("*"))
        small = sorted((self._store / THUMBNAILS).glob("??"))
        for folder in (self._store / "objects", *self._folders(), *small, *runs, *sorted(beside)):
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
        for path in self._strays({*seen, *self._index.urls()}):
            found.unneeded.pictures += 1
            found.unneeded.size_bytes += _size(path)
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


@contextmanager
def alone(store: Path) -> Iterator[None]:
    """Have a project's store for oneself. Raises StoreError while a run is in progress, OSError."""
    with locks.alone(store / locks.IN_USE) as free:
        if not free:
            raise StoreError("a run of this project is in progress; nothing was changed. Try again after it")
        yield


def spared(accounts: Path, project: Path) -> Spared:
    """What tasks that this user's ledgers have in flight, or in doubt, were made from. Raises StoreError."""
    keys, pictures = set[str](), set[str]()
    for file in sorted(accounts.glob(f"*/{LEDGER}")):
        ledger = Books.look(file.parent)
        try:
            for task in ledger.tasks(*RESERVED, State.DONE):
                if task.project == str(project):
                    keys.add(task.key)
                    pictures |= {sha256 for _, sha256 in task.call.inputs.values()}
        finally:
            ledger.close()
    return Spared(keys, pictures)


def holders(accounts: Path, project: Path) -> set[str]:
    """This user's accounts that have something of a project in flight, or done and not stored; those whose ledger
    can't be read are among them, since nobody can tell.
    """
    found = set[str]()
    for file in sorted(accounts.glob(f"*/{LEDGER}")):
        try:
            with closing(Books.look(file.parent)) as ledger:
                left = ledger.tasks(State.SENDING, State.SUBMITTED, State.DONE)
                held = any(task.project == str(project) for task in left)
        except StoreError:
            held = True
        found |= {file.parent.name} if held else set()
    return found


def _name(recipe: str) -> str:
    return recipe.partition("|")[0]  # an identity is name, file and manifest


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # another process removed it meanwhile
        return 0


def _items(kind: str, paths: Iterable[Path], before: float) -> Iterator[Item]:
    """Those of these files that were last written before a moment; what is no file, or no more, is not ours."""
    for path in paths:
        try:
            entry = path.lstat()
        except FileNotFoundError:
            continue
        if stat.S_ISREG(entry.st_mode) and entry.st_mtime < before:
            yield Item(kind, path, entry.st_size)


def _remove(item: Item) -> None:
    if item.kind != "lock":
        item.path.unlink(missing_ok=True)
    elif (lock := locks.take(item.path)) is not None:
        locks.free(item.path, lock)
