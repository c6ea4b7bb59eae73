"""Every rule of the recipe language by example: tests/grammar/RULE.txt has a recipe that keeps it, and one that breaks
it with all that wanflow says then. And every key that a recipe may have stands in a good one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, get_args

import pytest
from click.testing import CliRunner
from PIL import Image, PngImagePlugin
from projects import ROWS, coded, png_that_claims

from wanflow.cli import main
from wanflow.errors import Rule

FOLDER = Path(__file__).parent / "grammar"
RULES = get_args(Rule)


class Example(NamedTuple):
    """What is typed in a folder with these files, and what the error stream then says."""

    words: list[str]
    files: Mapping[str, str]
    says: str = ""


def examples(text: str) -> tuple[Example, Example]:
    """The good and the bad one; the bad one has the good one's files, but for those that it gives itself."""
    _, *parts = re.split(r"^=== (?:good|bad): wanflow (.+)\n", text, flags=re.MULTILINE)
    good, bad = (dict(_sections(part)) for part in parts[1::2])
    says = bad.pop("says")
    return Example(parts[0].split(), good), Example(parts[2].split(), {**good, **bad}, says)


def _sections(part: str) -> Iterator[tuple[str, str]]:
    part = part.removesuffix("\n") if part.endswith("\n\n") else part  # a blank line between the two examples
    _, *sections = re.split(r"^--- (.+)\n", part, flags=re.MULTILINE)
    yield from zip(sections[::2], sections[1::2], strict=True)


@cache
def pictures() -> Mapping[str, bytes]:
    """What manifests of the examples name, by file name."""
    grey, half = Image.new("L", (600, 600), 90), Image.new("L", (600, 600), 0)
    half.paste(255, (0, 0, 300, 600))
    clear = Image.new("RGBA", (600, 600), "white")
    clear.putalpha(half)
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Comment", "0" * 3_000_000, zip=True)
    return {
        "a.png": coded(grey),
        "small.png": coded(grey.resize((100, 100))),
        "huge.png": png_that_claims(30_000, 30_000),
        "packed.png": coded(grey, pnginfo=texts),
        "moving.gif": coded(grey, "GIF"),
        "text.png": b"not a picture\n",
        "half.png": coded(half),
        "low.png": coded(half.resize((600, 512))),
        "black.png": coded(Image.new("L", (600, 600), 0)),
        "white.png": coded(Image.new("L", (600, 600), 255)),
        "grey.png": coded(Image.linear_gradient("L").resize((600, 600))),
        "clear.png": coded(clear),
    }


def lay_out(folder: Path, files: Mapping[str, str]) -> None:
    """A project of these texts and all pictures. A name may say the encoding: "rows.csv latin-1"."""
    (folder / "wanflow.toml").touch()
    for name, raw in pictures().items():
        (folder / name).write_bytes(raw)
    for name, text in {"rows.csv": ROWS, **files}.items():
        file, _, encoding = name.partition(" ")
        (folder / file).parent.mkdir(exist_ok=True)
        (folder / file).write_bytes(text.encode(encoding or "utf-8"))


def wanflow(words: list[str]) -> tuple[int, str]:
    """Exit code and error stream of a command in this folder, which the examples call /home/me/project."""
    done = CliRunner().invoke(main, words)
    return done.exit_code, done.stderr.replace(str(Path.cwd().parent), "/home/me")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


def test_every_rule_has_examples_and_every_example_a_rule() -> None:
    assert sorted(file.stem for file in FOLDER.iterdir()) == sorted(RULES)


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_is_kept_and_broken_by_its_examples(rule: str, project: Path) -> None:
    good, bad = examples((FOLDER / f"{rule}.txt").read_text(encoding="utf-8"))
    lay_out(project, good.files)
    assert wanflow(good.words) == (0, "")
    lay_out(project, bad.files)
    assert wanflow(bad.words) == (65, bad.says)
    assert f" [{rule}]\n" in bad.says

