"""One process at a time works on a key of a project."""

from __future__ import annotations

from pathlib import Path

from wanflow.store import locks


class Claims:
    """The claims of one process on keys of a project; a claim is a file descriptor."""

    def __init__(self, store: Path) -> None:
        self._folder = store / "locks"

    def take(self, key: str) -> int | None:
        """Claim a key; None when another process has it. Raises OSError."""
        return locks.take(self._folder / key)

    def free(self, key: str, descriptor: int) -> None:
        """Give a key back."""
        locks.free(self._folder / key, descriptor)
