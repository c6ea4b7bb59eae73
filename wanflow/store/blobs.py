"""Image bytes by sha256: .wanflow/objects/ab/<sha256>. A blob appears whole or not at all and never changes."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from wanflow.errors import EditError
from wanflow.model import FileStat

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

DIGEST = re.compile(r"[0-9a-f]{64}")


class Blobs:
    """The blob folder of one project; safe for many processes, since every write is a rename of equal content."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, sha256: str) -> Path:
        """Where a blob lies, whether or not it exists."""
        if not DIGEST.fullmatch(sha256):  # an index that somebody else wrote may name any path
            return self.root / "objects" / "none"
        return self.root / "objects" / sha256[:2] / sha256

    def put(self, data: bytes) -> str:
        """Store bytes durably; returns their sha256. Raises OSError (disk full, read-only)."""
        sha256 = hashlib.sha256(data).hexdigest()
        if self.fault(sha256):
            write_whole(self.path(sha256), [data])
        return sha256

    def part(self) -> Path:
        """A new name below the store for a file that grows there until `adopt`. Raises OSError."""
        folder = self.root / "objects"
        make_folder(folder)
        return folder / f".wanflow-{secrets.token_hex(8)}.part"

    def adopt(self, part: Path, sha256: str) -> None:
        """Make a whole file of this digest a blob, durably; the file is gone afterwards. Raises OSError."""
        target = self.path(sha256)
        if not self.fault(sha256):
            part.unlink()
        else:
            with part.open("rb+") as file:
                sync(file.fileno())
            make_folder(target.parent)
            part.replace(target)
        sync_folder(target.parent)  # also of one that was there: whoever put it may have died before this

    def read(self, sha256: str) -> bytes:
        """The bytes of a blob. Raises EditError when it is missing or damaged."""
        return read_checked(self.path(sha256), sha256)

    def fault(self, sha256: str) -> str:
        """What is wrong with a stored blob, in a word; empty when it is whole."""
        return fault_of(self.path(sha256), sha256)

    def discard(self, sha256: str) -> None:
        """Remove a blob that was found damaged, so that it can be stored anew."""
        self.path(sha256).unlink(missing_ok=True)


def stat_of(path: Path | str) -> FileStat | None:
    """The stat of a file, or None when there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116 - half the cost of Path.stat, and called for every row
    except (OSError, ValueError):  # ValueError: a path that no file system can hold
        return None
    return FileStat(found.st_size, found.st_mtime_ns, found.st_ino)


def fault_of(path: Path, sha256: str) -> str:
    """What is wrong with a file that should have this digest, in a word; empty when it has."""
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return "missing"
    except OSError:
        return "unreadable"
    return "" if found == sha256 else "damaged"


def read_checked(path: Path, sha256: str) -> bytes:
    """The bytes of a file that must have this digest. Raises EditError when it is missing or differs."""
    name = "a stored picture" if path.name == sha256 else path.name
    try:
        data = path.read_bytes()
    except OSError as error:
        raise EditError("InputMissing", f"{name} can't be read: {error.strerror}; run again") from error
    if hashlib.sha256(data).hexdigest() != sha256:
        raise EditError("InputChanged", f"{name} changed while wanflow was running; run again")
    return data


def write_whole(target: Path, pieces: Iterable[bytes]) -> None:
    """Write a file so that it is there whole or not at all, also after a power cut. Raises OSError."""
    make_folder(target.parent)
    part = target.parent / f".wanflow-{secrets.token_hex(8)}.part"
    try:
        with part.open("xb") as file:
            file.writelines(pieces)
            file.flush()
            sync(file.fileno())
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    sync_folder(target.parent)


def make_folder(folder: Path, mode: int = 0o777) -> None:
    """Make a folder and those above it, durably. Raises OSError."""
    if folder.is_dir():
        return
    if not folder.parent.exists():
        make_folder(folder.parent, mode)
    folder.mkdir(mode, exist_ok=True)
    sync_folder(folder.parent)


def sync(descriptor: int) -> None:
    """Have a file on the disk itself. Raises OSError."""
    full = getattr(fcntl, "F_FULLFSYNC", None)
    if full is not None:
        # macOS leaves to its disks what fsync hands them; some file systems there know no more than fsync.
        with suppress(OSError):
            fcntl.fcntl(descriptor, full)
            return
    os.fsync(descriptor)


def sync_folder(folder: Path) -> None:
    """Make what was created, renamed or removed in a folder durable: a rename is so only when its folder is."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            sync(descriptor)
        finally:
            os.close(descriptor)
