"""Where pictures appear: output paths that are safe everywhere, files that appear whole, and records of runs."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from wanflow.errors import EditError, is_full, quoted, unwritable
from wanflow.model import Publication
from wanflow.pictures.notes import MOST_BYTES, noted
from wanflow.planning.ancestry import Ancestry
from wanflow.store.blobs import Blobs, make_folder, read_checked, stat_of, sync_folder, write_whole
from wanflow.store.sightings import Published

FORMATS: Mapping[str, str] = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".bmp": "BMP",
}
MAX_PATH_BYTES = 1_000  # file systems end at 4,096, some at 1,024, and the output folder comes before it
# The code of the one failure to write a file that the next file would meet as well.
DISK_FULL = "DiskFull"
_RESERVED = re.compile(r"(con|prn|aux|nul|com[1-9]|lpt[1-9])(\..*)?\Z", re.IGNORECASE)
_UNSAFE = re.compile(r'[\\:*?"<>|\x00-\x1f\x7f]')


# What tells where a picture comes from is a file of this ending, beside the picture's.
SIDECAR = ".json"


def path_problem(path: str, endings: Collection[str] = FORMATS) -> str:
    """Why a rendered output path can't be used, or empty text."""
    if not path.strip():
        return "the path is empty"
    if path.startswith(("/", "~")) or re.match(r"[A-Za-z]:", path):
        return f"{quoted(path)} must be relative to the output folder"
    if match := _UNSAFE.search(path):
        return f"{quoted(path)} holds {quoted(match.group())}, which is not safe in a file name"
    if len(path.encode("utf-8", "surrogatepass")) > MAX_PATH_BYTES:
        return f"the path has over {MAX_PATH_BYTES} bytes"
    parts = path.split("/")
    if ".." in parts:
        return f"{quoted(path)} leaves the output folder"
    if "" in parts or "." in parts:
        return f"{quoted(path)} has an empty part"
    if parts[0].casefold() == ".wanflow":
        return f"{quoted(path)} lies in wanflow's own folder"
    for part in parts:
        if complaint := _part_problem(part):
            return complaint if part == path else f"{quoted(path)}: {complaint}"
    if Path(path).suffix.lower() not in endings:
        return f"{quoted(path)} must end with {', '.join(endings)}"
    return ""


def _part_problem(part: str) -> str:
    if _RESERVED.match(part):
        return f"{quoted(part)} is a reserved name"
    if part != part.strip(" ") or part.endswith("."):
        return f"{quoted(part)} begins or ends with a space, or ends with a dot"
    try:
        length = len(part.encode("utf-8"))
    except UnicodeEncodeError:
        return "this is not valid text"
    return f"a name has {length} bytes, at most 200 are safe" if length > 200 else ""


def folded(path: str) -> str:
    """Equal for paths that one file system or another takes for the same file."""
    return path.lower() if path.isascii() else unicodedata.normalize("NFC", path).casefold()


def made_from(publication: Publication, ancestry: Ancestry | None = None) -> str:
    """What decides the bytes of an output file; it begins with the digest of the picture that the file shows, or tells
    the ancestry of.
    """
    kind = _kind(publication)
    told = f":{ancestry.digest()}" if ancestry else ""
    return f"{publication.source.sha256}:{kind}:{publication.quality or ''}{told}"


def _kind(publication: Publication) -> str:
    """The format of an output file; empty for what tells of a picture."""
    return FORMATS.get(Path(publication.path).suffix.lower(), "")


def source_of(recipe_of: str) -> str:
    """The digest of the picture that a file was made from, out of what `made_from` says."""
    return recipe_of.partition(":")[0]


def file_digest(path: Path) -> str | None:
    """The sha256 of a file, or None when it can't be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def format_of(recipe_of: str) -> str:
    """The format of a file, out of the same; empty for what tells of a picture."""
    return recipe_of.partition(":")[2].partition(":")[0]


@dataclass(frozen=True, slots=True)
class Written:
    """A file that was put in place, and where an edited one that stood there was kept."""

    published: Published
    kept: str = ""


class Publisher:
    """Puts pictures where the user wants them, for the recipe in the file `writer`."""

    def __init__(self, root: Path, blobs: Blobs, keep_folder: Path, writer: str = "") -> None:
        self.root, self.writer = root, writer
        self.blobs = blobs
        self.keep_folder = keep_folder

    def publish(
        self,
        publication: Publication,
        known: Published | None,
        source_file: Path | None,
        ancestry: Ancestry | None = None,
    ) -> Written:
        """Write one output file, with its ancestry or nothing but that where it is given; a file there that isn't ours
        is kept aside first. Raises EditError.
        """
        target = self.root / publication.path
        data = self._data(publication, source_file, ancestry)
        sha256 = hashlib.sha256(data).hexdigest()
        try:
            kept = self._keep(target, {sha256, known.sha256 if known else sha256})
            write_whole(target, [data])
            stat = stat_of(target)
        except OSError as error:
            if is_full(error):
                why = f"{publication.path} can't be written: {unwritable(target.parent, error)}"
                raise EditError(DISK_FULL, why) from error
            message = f"{publication.path} can't be written: {_obstacle(target, error)}"
            raise EditError("OutputNotWritten", message) from error
        if stat is None:
            raise EditError("OutputNotWritten", f"{publication.path} vanished after it was written")
        return Written(Published(stat, sha256, made_from(publication, ancestry), self.writer), kept)

    def _data(self, publication: Publication, source_file: Path | None, ancestry: Ancestry | None) -> bytes:
        kind = _kind(publication)
        if ancestry and not kind:
            return ancestry.text().encode()
        sha256 = publication.source.sha256
        raw = read_checked(source_file, sha256) if source_file else self.blobs.read(sha256)
        data = raw if kind == publication.source.format else _encoded(raw, kind, publication.quality)
        return noted(data, kind, ancestry.short(MOST_BYTES[kind])) if ancestry else data

    def _keep(self, target: Path, ours: set[str]) -> str:
        # Whatever a person put or changed there is theirs; it is moved, never overwritten.
        if not target.is_file() or file_digest(target) in ours:
            return ""
        inside = os.path.relpath(target, self.root).replace("..", "up")
        aside = self.keep_folder / inside
        make_folder(aside.parent)
        try:
            target.rename(aside)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            with target.open("rb") as file:  # the output folder is on another disk; what stands there is replaced next
                write_whole(aside, iter(lambda: file.read(1 << 20), b""))
        sync_folder(aside.parent)
        return os.path.relpath(aside, self.root)


def _obstacle(target: Path, error: OSError) -> str:
    with contextlib.suppress(OSError):  # a path that is too long can't even be looked at
        if target.is_dir():
            return "a folder stands there"
        if blocker := next((folder for folder in target.parents if folder.is_file()), None):
            return f"{blocker.name} is a file, and a folder is needed there"
    return error.strerror or type(error).__name__


def _encoded(raw: bytes, kind: str, quality: int | None) -> bytes:
    from wanflow.pixels import codec

    return codec.transcode(raw, kind, quality)
