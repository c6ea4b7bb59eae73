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
from jsonschema import Draft202012Validator
from PIL import Image, PngImagePlugin
from projects import ROWS, coded, png_that_claims

from wanflow.cli import main
from wanflow.documents import schemas
from wanflow.documents.source import parse
from wanflow.errors import Rule

FOLDER = Path(__file__).parent / "grammar"
KEYS = sorted(FOLDER.glob("keys/*.yaml"))
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
    assert sorted(file.stem for file in FOLDER.glob("*.txt")) == sorted(RULES)


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_is_kept_and_broken_by_its_examples(rule: str, project: Path) -> None:
    good, bad = examples((FOLDER / f"{rule}.txt").read_text(encoding="utf-8"))
    lay_out(project, good.files)
    assert wanflow(good.words) == (0, "")
    lay_out(project, bad.files)
    assert wanflow(bad.words) == (65, bad.says)
    assert f" [{rule}]\n" in bad.says


# -- keys


def keys(whole: Mapping[str, Any]) -> set[str]:
    """Every key that the schema of recipes knows, with the part of a recipe that it stands in: step.image."""
    parts = {"": whole, **whole["$defs"]}
    return {f"{name}.{key}" for name, part in parts.items() for key in part.get("properties", ())}


def used(part: Any, value: Any, whole: Mapping[str, Any], name: str = "") -> Iterator[str]:
    """The same, of those that a part of a recipe has."""
    if "$ref" in part:
        name = part["$ref"].removeprefix("#/$defs/").replace("~1", "/")
        part = whole["$defs"][name]
    for case in part.get("allOf", ()):
        if Draft202012Validator(case.get("if", {})).is_valid(value):
            yield from used(case.get("then", case), value, whole, name)
    for form in part.get("anyOf", ()):
        yield from used(form, value, whole, name)
    if isinstance(value, dict):
        known = part.get("properties", {})
        for key, held in value.items():
            if key in known:
                yield f"{name}.{key}"
            yield from used(known.get(key, part.get("additionalProperties")) or {}, held, whole, name)
    for held in value if isinstance(value, list) else ():
        yield from used(part.get("items") or {}, held, whole, name)


def good_recipes() -> Iterator[Any]:
    """Recipes that a test checks: those that ship, the good examples of rules, and those made for this."""
    shipped = Path(__file__).parent.parent / "recipes"
    texts = [file.read_text(encoding="utf-8") for file in [*shipped.rglob("*.yaml"), *KEYS]]
    texts += [examples(file.read_text(encoding="utf-8"))[0].files.get("r.yaml", "") for file in FOLDER.glob("*.txt")]
    return (parse(text, "").data for text in texts)


@pytest.mark.parametrize("file", KEYS, ids=lambda file: file.stem)
def test_keys_are_taken(file: Path, project: Path) -> None:
    texts = {each.name: each.read_text(encoding="utf-8") for each in KEYS}
    lay_out(project, {**texts, "rows.csv": "id,photo,year\n0001,a.png,1950\n"})
    assert wanflow(["check", file.name]) == (0, "")


def test_every_key_stands_in_a_good_recipe() -> None:
    whole = schemas.load("recipe.schema.json")
    seen = {key for recipe in good_recipes() for key in used(whole, recipe, whole)}
    # A check is a package of its own; tests/test_gates.py installs one.
    assert sorted(keys(whole) - seen - {"expect.checks"}) == []
