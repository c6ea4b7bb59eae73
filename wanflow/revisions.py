"""Files of a project as git has them at a revision, read by the `git` program without trusting the repository.

Only objects are read: no hook, filter, text conversion, pager or helper that a repository's settings name is run,
nothing is fetched, and nothing is checked out by git. Names from a tree are judged before a file is written.
"""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from wanflow.errors import UsageError, inline, quoted

TIMEOUT_S = 60
MAX_FILES, MAX_TEXTS, MAX_TEXT_BYTES, MAX_BLOB_BYTES = 200_000, 10_000, 300_000_000, 500_000_000
# What recipes, manifests, picks and settings are; all else is read only where it is named as a picture.
TEXTS = (".yaml", ".yml", ".json", ".jsonl", ".csv", ".tsv", ".toml", ".txt")
_SETTINGS = {"core.hooksPath": os.devnull, "core.fsmonitor": "false", "core.attributesFile": os.devnull}
_ENVIRONMENT = {
    "GIT_ALLOW_PROTOCOL": "none",  # nothing is fetched, whatever protocols the repository's settings allow
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_PAGER": "cat",
    "LC_ALL": "C",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of a tree: its object and size in bytes."""

    oid: str
    size: int


class Revision:
    """The files below a folder of a work tree at a revision; to be closed. Raises UsageError in words where there is
    none.
    """

    def __init__(self, folder: Path, ref: str) -> None:
        self.folder, self.ref = folder, ref
        self._objects: subprocess.Popen[bytes] | None = None
        try:
            self.prefix = os.fsdecode(_git(folder, "rev-parse", "--show-prefix").rstrip(b"\n"))
        except UsageError as error:
            if "not a git repository" not in str(error) or any(map(os.path.lexists, _repositories(folder))):
                raise  # one that git can't read, of which it says why
            nothing = f"there is no git repository here, and no folder {quoted(ref)}"
            raise UsageError(f"--diff: {nothing}; name a folder, or a revision from within a repository") from error
        commit = _git(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
        if not commit:
            shallow = _git(folder, "rev-parse", "--is-shallow-repository").strip() == b"true"
            remedy = "; this copy of it is shallow, so fetch it first (git fetch --unshallow)" if shallow else ""
            nowhere = f"{quoted(ref)} is neither a folder nor a revision of the git repository here"
            raise UsageError(f"--diff: {nowhere}{remedy}")
        self.files = self._listed(os.fsdecode(commit.strip()))

    def __enter__(self) -> Revision:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the git that files were read by."""
        if self._objects:
            self._objects.kill()  # it only reads, and may be stuck
            self._objects.communicate()
            self._objects = None

    def _listed(self, commit: str) -> Mapping[str, Entry]:
        told = _git(self.folder, "ls-tree", "-r", "-z", "-l", "--full-tree", commit, "--", self.prefix or ".")
        found: dict[str, Entry] = {}
        for line in told.split(b"\0"):
            head, _, name = line.partition(b"\t")
            mode, _, oid, size = (*head.split(), b"", b"", b"", b"")[:4]
            if mode not in (b"100644", b"100755"):  # links and modules are no files of the project
                continue
            if not size.isdigit():
                what = f"{inline(os.fsdecode(name))[:200]} of {self.ref} is not in this copy of the repository"
                raise UsageError(f"--diff: {what}; fetch it first (git fetch --unshallow, or --refetch)")
            with suppress(UnicodeDecodeError):
                path = name.decode().removeprefix(self.prefix)
                if is_plain(path):
                    found[path] = Entry(oid.decode(), int(size))
            if len(found) > MAX_FILES:
                raise UsageError(f"--diff: {self.ref} has over {MAX_FILES:,} files")
        return found

    def read(self, path: str) -> bytes:
        """The content of a file. Raises KeyError where there is none, UsageError for a very large one."""
        entry = self.files[path]
        if entry.size > MAX_BLOB_BYTES:
            raise UsageError(f"--diff: {inline(path)} has over {MAX_BLOB_BYTES // 1_000_000} MB at {self.ref}")
        content = self._next(entry)
        # What the one git for all files can't read, one of its own says why.
        return _git(self.folder, "cat-file", "blob", entry.oid) if content is None else content

    def _next(self, entry: Entry) -> bytes | None:
        """An object's content from one git that reads all files (git-cat-file(1)); None where it can't."""
        if not self._objects:
            command = _command(self.folder, "cat-file", "--batch")
            pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
            self._objects = subprocess.Popen(command, env=_environment(), **pipes)  # noqa: S603 - words of ours
        asked, told = self._objects.stdin, self._objects.stdout
        assert asked and told  # noqa: S101 - told to mypy
        ending = threading.Timer(TIMEOUT_S, self._objects.kill)
        ending.start()
        try:
            asked.write(f"{entry.oid}\n".encode())
            asked.flush()
            if told.readline() == f"{entry.oid} blob {entry.size}\n".encode():
                content = told.read(entry.size)
                if told.read(1):
                    return content
        except BrokenPipeError:
            pass
        finally:
            ending.cancel()
        self.close()
        return None

    def write_texts(self, target: Path) -> None:
        """Write recipes, manifests, picks and settings below a folder; of all other files only their names."""
        texts = {path for path in self.files if path.lower().endswith(TEXTS)}
        if len(texts) > MAX_TEXTS or sum(self.files[path].size for path in texts) > MAX_TEXT_BYTES:
            raise UsageError(f"--diff: {self.ref} has too many or too large texts to be compared")
        for path in self.files:
            text = self.read(path) if path in texts else b""
            try:
                (target / path).parent.mkdir(parents=True, exist_ok=True)
                (target / path).write_bytes(text)
            except OSError as error:  # no room, or a name that no folder here can have
                what = f"{inline(path)[:200]} of {self.ref}"
                raise UsageError(f"--diff: {what} can't be compared: {error.strerror}") from error

    def added(self, path: str) -> bool:
        """Whether git has a file of this name now; of a file that it never had, nobody knows what it was."""
        return path not in self.files and bool(_git(self.folder, "ls-files", "-z", "--", path))


def is_plain(path: str) -> bool:
    """Whether a name in a tree stays below the folder that it is written to."""
    parts = {part.lower() for part in PurePosixPath(path).parts}
    return bool(parts) and not path.startswith("/") and not {"..", ".git", ".wanflow"} & parts


def _repositories(folder: Path) -> Iterator[Path]:
    """Where git looks for the repository that a folder is in."""
    yield from (place / ".git" for place in (folder, *folder.parents))


def _command(folder: Path, *words: str) -> list[str]:
    settings = [word for name, value in _SETTINGS.items() for word in ("-c", f"{name}={value}")]
    return ["git", "--no-pager", *settings, "-C", str(folder), *words]


def _environment() -> dict[str, str]:
    # Variables of git lead to other repositories and programs.
    return {name: value for name, value in os.environ.items() if not name.startswith("GIT_")} | _ENVIRONMENT


def _git(folder: Path, *words: str) -> bytes:
    """What git prints; empty where it fails for a revision. Raises UsageError where there is no git or repository."""
    try:
        done = subprocess.run(  # noqa: S603 - words of ours, and a revision after --end-of-options
            _command(folder, *words), capture_output=True, env=_environment(), timeout=TIMEOUT_S, check=False
        )
    except FileNotFoundError as error:
        raise UsageError("--diff with a revision needs the git program") from error
    except subprocess.TimeoutExpired as error:
        raise UsageError(f"--diff: git gave no answer within {TIMEOUT_S} s") from error
    if done.returncode and "--verify" not in words:
        said = inline(os.fsdecode(done.stderr).strip())[:300]
        raise UsageError(f"--diff: git can't read the repository: {said}")
    return b"" if done.returncode else done.stdout
