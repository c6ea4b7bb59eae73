"""Images that rows name -> content: a file is read once per (path, size, mtime, inode), and never while unchanged.

What came from a URL or a data URI is a file of the store. Of a mask the pixels are counted as well, once per content.
"""

from __future__ import annotations

import copy
import difflib
import os
import posixpath
import re
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from itertools import islice
from pathlib import Path

from wanflow.errors import EditError
from wanflow.functions.maskrules import MaskFacts
from wanflow.links import datauris, urls
from wanflow.links.urls import Hosts, Url
from wanflow.manifests.reach import Reach, everywhere
from wanflow.model import Blob, FileStat, Source
from wanflow.pictures.images import describe, identify
from wanflow.settings import STORE
from wanflow.store.blobs import Blobs, read_checked, stat_of
from wanflow.store.index import Index

# A file may change twice within one tick of the file system's clock; one this young is read again next time.
RACY_NS = 20_000_000
# Of a folder so much is looked at for a name that may be meant.
MOST_LISTED, MOST_COMPARED = 10_000, 50


def counted(path: Path, sha256: str) -> MaskFacts:
    """What is in the mask in a file that must have this digest; takes a while. Raises EditError."""
    return facts_in(read_checked(path, sha256))


def facts_in(raw: bytes) -> MaskFacts:
    """The same for the bytes of a file. Raises EditError."""
    from wanflow.pixels import codec, edit_mask  # late: they load numpy and OpenCV

    return edit_mask.facts(codec.decode(raw))


def _digits(name: str) -> str:
    return re.sub(r"\D", "", name)


class Inputs:
    """Looks up what image files contain, and keeps what it read until `save`."""

    def __init__(
        self,
        root: Path,
        index: Index,
        reach: Reach | None = None,
        blobs: Blobs | None = None,
        hosts: Hosts | None = None,
        *,
        assumes: bool = False,
    ) -> None:
        """One that `assumes` takes a file that is not here as it was when it was last read, which `assumed` tells."""
        self.root, self.reach, self.hosts = root, reach or everywhere(), hosts or Hosts()
        self._index, self._blobs = index, blobs or Blobs(root / STORE)
        self._assumes = assumes
        self.assumed: list[str] = []
        self._seen: dict[str, Source] = {}
        self._failed: dict[str, EditError] = {}
        self._fresh: dict[str, tuple[FileStat, Blob]] = {}
        self._masks: dict[str, MaskFacts] = {}
        self._fresh_masks: dict[str, MaskFacts] = {}
        self._kept: dict[str, Source] = {}
        self._listed: dict[str, dict[str, list[str]]] = {}
        self._data: dict[str, str] = {}
        self._fetched: dict[Url, Source | EditError] = {}
        self._unknown: frozenset[str] = frozenset()

    def without(self, urls: Iterable[str]) -> Inputs:
        """The same, as long as the pictures at these URLs, by digest, were not known."""
        found = copy.copy(self)
        found._unknown = frozenset(urls)
        return found

    def relative(self, path: Path) -> str:
        """A path as it is recorded: relative to the project, so that the folder may be moved."""
        return os.path.relpath(path, self.root).replace(os.sep, "/")

    def name(self, folder: str, path: str) -> str:
        """The recorded name of a path that starts from a folder, itself named so."""
        if path.startswith("/") or (os.sep != "/" and Path(path).is_absolute()):
            return self.relative(Path(path))
        if ".." in path:  # behind a link, .. is not the folder that the text says
            head, tail = posixpath.split(path)
            return posixpath.join(self.relative(Path(os.path.realpath(self.root / folder / head))), tail)
        return posixpath.normpath(f"{folder}/{path}")

    def source(self, name: str) -> Source:
        """The content of an image file. Raises EditError."""
        if known := self._seen.get(name):
            return known
        if failure := self._failed.get(name):
            raise failure
        try:
            found = self._look(name)
        except EditError as error:
            self._failed[name] = error
            raise
        self._seen[name] = found
        return found

    def nearest(self, name: str) -> str:
        """What helps when there is no image of this name: one in its folder that differs by more than a number."""
        folder, missing = posixpath.split(name)
        if folder not in self._listed:
            self._listed[folder] = {}
            with suppress(OSError, ValueError), os.scandir(self.root / folder) as entries:
                for entry in islice(entries, MOST_LISTED):
                    self._listed[folder].setdefault(_digits(entry.name), []).append(entry.name)
        alike = sorted(self._listed[folder].get(_digits(missing), ()))[:MOST_COMPARED]
        near = difflib.get_close_matches(missing, alike, n=1, cutoff=0.8)
        return f"Did you mean {near[0]}?" if near else "Paths start at the folder of the file that names them."

    def _look(self, name: str) -> Source:
        if complaint := self.reach.complaint(self.root / name):
            raise EditError("OutOfReach", complaint)
        return self._identified(name)

    def _identified(self, name: str) -> Source:
        path = self.root / name
        stat = stat_of(path)
        if stat and (remembered := self._index.file(name)) and remembered[0] == stat:
            return Source(name, remembered[1], stat)
        if stat is None and self._assumes and (remembered := self._index.file(name)):
            self.assumed.append(name)
            return Source(name, remembered[1])
        now = time.time_ns()
        blob = identify(path)
        if stat is None or now - stat.mtime_ns <= RACY_NS or stat_of(path) != stat:
            return Source(name, blob)
        self._fresh[name] = (stat, blob)
        return Source(name, blob, stat)

    # -- what does not lie in a file of the user's

    def data(self, text: str) -> Source:
        """The picture that a data URI is, which lies in the store from `keep` on. Raises EditError."""
        if not (known := self._kept.get(text)):
            blob = describe(datauris.decode(text))
            path = self._blobs.path(blob.sha256)
            known = self._kept[text] = Source(self.relative(path), blob, stat_of(path), datauris.shown(text))
            self._data[blob.sha256] = text
        return known

    def keep(self) -> None:
        """Put the pictures of data URIs into the store. Raises OSError."""
        for text in self._data.values():
            self._blobs.put(datauris.decode(text))

    def url(self, text: str, *, afresh: bool = False) -> Source | Url:
        """The picture at a URL, or the URL itself when it has to be fetched first. Raises EditError.

        It has to be when it never was, or its picture is gone, or `afresh` and not in this run yet.
        """
        url = urls.read(text)
        if url.digest in self._unknown:
            return url
        if (fetched := self._fetched.get(url)) is None:
            if not afresh and (known := self._stored(url)):
                return known
            self.hosts.require(url)
            return url
        if isinstance(fetched, EditError):
            raise fetched
        return fetched

    def etag(self, url: Url) -> str:
        """What the server called the version of a picture that is stored; "" when none is, or it has no name."""
        known = self._index.url(url.digest)
        return known[1] if known and not self._blobs.fault(known[0]) else ""

    def _stored(self, url: Url) -> Source | None:
        if known := self._kept.get(url.text):
            return known
        if not (entry := self._index.url(url.digest)):
            return None
        try:
            found = self._identified(self.relative(self._blobs.path(entry[0])))
        except EditError:
            return None
        if found.blob.sha256 != entry[0]:
            return None
        self._kept[url.text] = replace(found, shown=str(url))
        return self._kept[url.text]

    def note_fetched(self, url: Url, etag: str, blob: Blob | None, now: datetime) -> None:
        """A picture was fetched into the store; None: the one that was there still is right. Raises StoreError."""
        sha256 = blob.sha256 if blob else (self._index.url(url.digest) or ("",))[0]
        with self._index.transaction():
            self._index.note_url(url.digest, str(url), sha256, etag, now)
        self._kept.pop(url.text, None)
        self._fetched[url] = self._stored(url) or EditError("InputMissing", "its stored picture is gone; run again")

    def note_unfetched(self, url: Url, error: EditError) -> None:
        """A picture can't be had in this run."""
        self._fetched[url] = error

    def settled(self, source: Source | Url) -> tuple[str, FileStat | None]:
        """The file that a picture turned out to be, and its stat; None where that is not to be trusted."""
        if isinstance(source, Url):
            fetched = self._fetched.get(source)
            if not isinstance(fetched, Source):
                return "", None
            source = fetched
        # Nothing changes in the store, so that no file there is too young.
        return source.path, stat_of(self.root / source.path) if source.shown else source.stat

    # -- masks

    def mask(self, path: Path, sha256: str) -> MaskFacts:
        """What is counted in the mask in a file that has this digest. Raises EditError."""
        if known := self.known_mask(sha256):
            return known
        data = self._data.get(sha256)
        return self.note_mask(sha256, facts_in(datauris.decode(data)) if data else counted(path, sha256))

    def known_mask(self, sha256: str) -> MaskFacts | None:
        """What was counted in this mask before."""
        if sha256 not in self._masks and (known := self._index.mask(sha256)):
            self._masks[sha256] = known
        return self._masks.get(sha256)

    def note_mask(self, sha256: str, found: MaskFacts) -> MaskFacts:
        """Remember what was counted."""
        self._masks[sha256] = self._fresh_masks[sha256] = found
        return found

    def save(self) -> None:
        """Keep what was read in the index."""
        if (self._fresh or self._fresh_masks) and not self._index.read_only:
            with self._index.transaction():
                self._index.note_files(self._fresh)
                self._index.note_masks(self._fresh_masks)
            self._fresh.clear()
            self._fresh_masks.clear()
