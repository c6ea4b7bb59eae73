"""Texts as paths, keys and patterns: judged without harm, shown without power over a terminal, found within bounds."""

from __future__ import annotations

import atexit
import contextlib
import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import Random

import mutations

from wanflow.errors import Problem, inline, quoted
from wanflow.links.networks import is_public
from wanflow.manifests import globs
from wanflow.manifests.reach import Reach
from wanflow.manifests.rows import key_problem
from wanflow.manifests.tables import fixed_part
from wanflow.planning.outputs import path_problem
from wanflow.wire.reading import is_url

SEEDS = (
    "out/0001/master.png",
    "photos/*.jpg",
    "../../etc/passwd.png",
    "a/**/b/*.[jp]ng",
    "http://127.0.0.1:80/x.png",
    "0001",
)
WORDS = (
    "**/",
    "*/",
    "../",
    "./",
    "loop/",
    "up/",
    "out/",
    "[a-z]",
    "?",
    ".png",
    "a",
    "//",
    "\\",
    "~",
    "C:",
    "http://",
    "@",
    ":",
    "::1",
    "0x7f.1",
    "[",
)


def _tree() -> Path:
    base = Path(tempfile.mkdtemp(prefix="wanflow-fuzz-"))
    project = base / "project"
    for folder in ("a/b", "b/a/c", "photos"):
        (project / folder).mkdir(parents=True)
        (project / folder / "a.png").touch()
    (base / "secret.png").touch()
    with contextlib.suppress(OSError):  # Windows lets few make links
        for name, target in itertools.product(("loop", "a/loop", "photos/up"), (".", "..")):
            (project / f"{name}{len(target)}").symlink_to(target, target_is_directory=True)
        (project / "out").symlink_to(base, target_is_directory=True)
    return project


PROJECT = _tree()
atexit.register(shutil.rmtree, PROJECT.parent, ignore_errors=True)
REACH = Reach([PROJECT])


def cases(random: Random) -> Iterator[str]:
    """Paths, mostly unfit."""
    while True:
        yield mutations.text(random, random.choice(SEEDS), WORDS)


def probe(text: str) -> None:
    """Raises AssertionError where a promise is broken."""
    complaint = path_problem(text)
    assert complaint or not {"..", "", "."} & set(text.split("/"))
    for shown in (
        inline(text),
        quoted(text),
        quoted(complaint),
        inline(key_problem(text)),
        Problem("x", text, text).text(),
    ):
        assert shown.isprintable()
    if is_url(text):
        is_public(text)
    REACH.complaint(PROJECT / text)
    if REACH.has(PROJECT / text) and "\0" not in text:
        with contextlib.suppress(OSError, ValueError):
            assert os.path.realpath(PROJECT / text).startswith(os.path.realpath(PROJECT))
    fixed_part(text)
    with contextlib.suppress(OSError, ValueError):
        for name in itertools.islice(globs.find(PROJECT, text, REACH.has), 200):
            assert "secret" not in name
