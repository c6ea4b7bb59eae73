"""Whether there is room for what is about to be paid for: the time to find a disk full is before, not after."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

# For the ledger, the index, receipts and records, and for what other programs write meanwhile.
LEAST_BYTES = 50_000_000
# Of a picture of noise, which no format makes smaller.
BYTES_A_PIXEL = 3


def free_bytes(folder: Path) -> int:
    """How much a user may still write to the file system of a folder. Raises OSError."""
    return shutil.disk_usage(folder).free


class Room:
    """The file systems of folders that are written while paid tasks are under way."""

    def __init__(self, folders: Iterable[Path], free: Callable[[Path], int] | None = None) -> None:
        self._folders, self._free = tuple(folders), free or free_bytes

    def complaint(self, pixels: int) -> str:
        """Why pictures of so many pixels should not be paid for now; empty when there is room for them."""
        wanted = LEAST_BYTES + BYTES_A_PIXEL * pixels
        for folder in self._folders:
            try:
                free = self._free(folder)
            except OSError:
                continue  # where that isn't told, whoever writes finds out
            if free < wanted:
                lack = f"{folder} has {free / 1e6:,.0f} MB of room left, and {wanted / 1e6:,.0f} are wanted"
                return f"{lack} before anything more is paid for; make room there"
        return ""
