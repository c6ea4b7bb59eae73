"""Which files a recipe may read and write: those below the folders that its user named, wherever links lead."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

FLAG = "--allow-path"


class Reach:
    """Folders, and single files, of this machine. Links are followed before a path is judged."""

    def __init__(self, places: Iterable[Path], asked: set[str] | None = None) -> None:
        """`asked` collects what is asked for, whatever the answer: all that a recipe reads."""
        self._asked = asked
        self._places = [os.path.realpath(place) for place in places]
        self._folders: dict[str, bool] = {}

    def allow(self, place: Path) -> None:
        """Add a folder or a file."""
        self._places.append(os.path.realpath(place))
        self._folders.clear()

    def has(self, path: Path | str) -> bool:
        """Whether a file lies within reach; nothing of it is read."""
        if self._asked is not None:
            self._asked.add(str(path))
        folder = os.path.dirname(path)  # noqa: PTH120 - half the cost of Path.parent, and called for every row
        try:
            if folder not in self._folders:
                self._folders[folder] = self._below(os.path.realpath(folder))
            # Of a file that is no link, its folder decides; only one that was allowed by itself lies elsewhere.
            if self._folders[folder] and not (str(path).endswith("..") or os.path.islink(path)):  # noqa: PTH114 - as above
                return True
            return self._below(os.path.realpath(path))
        except ValueError:  # NUL: what no file system can hold
            return True

    def complaint(self, path: Path | str) -> str:
        """Why a file can't be used, and what helps; empty when it can."""
        if self.has(path):
            return ""
        real = os.path.realpath(path)
        leads = "lies" if real == os.path.abspath(path) else f"leads to {real}, which lies"  # noqa: PTH100 - keeps links
        is_folder = str(path).endswith(os.sep) or os.path.isdir(real)  # noqa: PTH112 - as below
        folder = real if is_folder else os.path.dirname(real)  # noqa: PTH120
        return f"it {leads} outside the project's folder; if that is meant, say {FLAG} {folder}"

    def _below(self, real: str) -> bool:
        return any(real == place or real.startswith(place.rstrip(os.sep) + os.sep) for place in self._places)


def everywhere() -> Reach:
    """No bounds: for what the user names himself."""
    return Reach([Path(Path.cwd().anchor)])


def strays(store: Path, reach: Reach) -> Iterable[Path]:
    """Links in a store that lead out of reach: who writes or tidies up there would do so elsewhere."""
    folders = [store, store / "objects"]
    if store.is_symlink() and not reach.has(store):
        yield store
        return
    for folder in folders:
        try:
            with os.scandir(folder) as entries:
                yield from (folder / each.name for each in entries if each.is_symlink() and not reach.has(each.path))
        except OSError:
            continue
