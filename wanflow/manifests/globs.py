"""Files by a pattern, with work that grows with folders and pattern only: `**`, and links in circles, end."""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path, PurePath

MAX_GLOB = 1_000
MAX_PARTS = 30
_MAGIC = re.compile(r"[*?\[]")


def find(base: Path, pattern: str, enter: Callable[[str], bool]) -> Iterator[str]:
    """Names of files, relative to `base`, in no order; as pathlib's glob on Linux does, `**` doesn't follow links.

    `enter` decides whether a folder is looked into. Raises ValueError, OSError.
    """
    parts = PurePath(pattern).parts
    if len(pattern) > MAX_GLOB or len(parts) > MAX_PARTS:
        raise ValueError(f"a pattern may have {MAX_GLOB:,} characters and {MAX_PARTS} parts")
    if not parts:
        return
    head = next((place for place, part in enumerate(parts) if _MAGIC.search(part)), len(parts) - 1)
    if ".." in parts[head:]:
        raise ValueError(".. can't stand behind * and ?")
    waiting = [("/".join(parts[:head]), head)]
    seen: set[tuple[str, int]] = set()
    while waiting:
        folder, place = waiting.pop()
        path = os.path.join(base, folder)  # noqa: PTH118 - called for every folder
        # The same folder may be reached by many links.
        if (state := (os.path.realpath(path), place)) in seen or not enter(path + os.sep):
            continue
        seen.add(state)
        last = place == len(parts) - 1
        if parts[place] == "**":
            if not last:
                waiting.append((folder, place + 1))
                waiting += [
                    (name, place) for name, entry in _entries(path, folder) if entry.is_dir(follow_symlinks=False)
                ]
            continue
        fits = re.compile(fnmatch.translate(parts[place]), re.IGNORECASE if os.name == "nt" else 0).match
        for name, entry in _entries(path, folder):
            if fits(entry.name):
                if last and entry.is_file():
                    yield name
                elif not last and entry.is_dir():
                    waiting.append((name, place + 1))


def _entries(path: str, folder: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                yield f"{folder}/{entry.name}" if folder else entry.name, entry
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return
