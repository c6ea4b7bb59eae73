"""Locks of the operating system on files, which it frees when their holder dies, however it dies."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: equal work of two runs at once is then done by both, as two machines would
    fcntl = None  # type: ignore[assignment]

# Whether a lock says that its holder lives.
TELLING = fcntl is not None
# Held by all runs of a project together, or by one that removes what no run needs.
IN_USE = "in-use"


def take(path: Path) -> int | None:
    """Lock a file, which is made when it isn't there; a descriptor, or None when another holds it. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o666)
        held = None
        try:
            if not _locked(descriptor):
                return None
            # Its last holder may have removed the file between our open and our lock.
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                held = descriptor
                return held
        except FileNotFoundError:
            continue
        finally:
            if held is None:
                os.close(descriptor)


def free(path: Path, descriptor: int) -> None:
    """Unlock a file and remove it."""
    if not TELLING:  # Windows removes no file that is open
        os.close(descriptor)
        path.unlink(missing_ok=True)
        return
    path.unlink(missing_ok=True)
    os.close(descriptor)


@contextmanager
def shared(path: Path) -> Iterator[None]:
    """Hold a file's lock together with others; waits while somebody holds it alone. Raises OSError."""
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o666)
    try:
        if fcntl is not None:
            fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def alone(path: Path) -> Iterator[bool]:
    """Hold a file's lock with nobody else; false, without waiting, when others hold it. Raises OSError."""
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o666)
    try:
        yield _locked(descriptor)
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    if fcntl is None:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
