"""Candidates where people can look at them: below .wanflow/candidates/, with names and endings that viewers know."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

from wanflow.model import Blob
from wanflow.store.blobs import Blobs, make_folder

FOLDER = "candidates"
_ENDINGS = {"JPEG": "jpg", "MPO": "jpg", "TIFF": "tif"}


class Gallery:
    """The folder of one recipe's candidates. Links into the store, or copies where there are no links."""

    def __init__(self, blobs: Blobs, recipe: str) -> None:
        self._blobs, self._folder = blobs, blobs.root / FOLDER / recipe

    def hang(self, row: str, step: str, number: int, blob: Blob) -> Path:
        """The file that shows a candidate. Raises OSError."""
        ending = _ENDINGS.get(blob.format, blob.format.lower())
        shown = self._folder / row / f"{step}-{number}.{ending}"
        stored = self._blobs.path(blob.sha256)
        wanted = os.path.relpath(stored, shown.parent)
        if shown.is_symlink() and shown.readlink() == Path(wanted):
            return shown
        self._require_own(shown.parent)
        make_folder(shown.parent)
        shown.unlink(missing_ok=True)
        try:
            shown.symlink_to(wanted)
        except (OSError, NotImplementedError):
            shutil.copyfile(stored, shown)
        return shown

    def _require_own(self, folder: Path) -> None:
        """Refuse to write where a link leads, which somebody else may have put there. Raises OSError."""
        for part in (folder, *folder.parents):
            if part == self._blobs.root:
                return
            if part.is_symlink():
                raise OSError(errno.ELOOP, "this is a link", str(part))
