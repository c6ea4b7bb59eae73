"""One process at a time works on a key. Locks of the operating system, which it frees when their holder dies."""

from __future__ import annotations

import os
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: equal work of two runs at once is then done by both, as two machines would
    fcntl = None  # type: ignore[assignment]


class Claims:
    """The claims of one process on keys of a project; a claim is a file descriptor."""

    def __init__(self, store: Path) -> None:
        self._folder = store / "locks"

    def take(self, key: str) -> int | None:
        """Claim a key; None when another process has it. Raises OSError."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / key
        while True:
            descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o666)
            if not _locked(descriptor):
                os.close(descriptor)
                return None
            if path.exists() and os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
            os.close(descriptor)  # its holder removed the file between our open and our lock

    def free(self, key: str, descriptor: int) -> None:
        """Give a key back."""
        (self._folder / key).unlink(missing_ok=True)
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    if fcntl is None:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
