"""The documentation as a site: it builds without a warning, leads nowhere that is not, and leaves nothing out."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import get_args

import click
import pytest
from consoles import PAGES, ROOT
from reference import pages

from wanflow import errors
from wanflow.cli import main
from wanflow.documents.schemas import load
from wanflow.functions.catalog import functions, models

DOCS = ROOT / "docs"
MOST_ELSEWHERE = 12


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


class Addresses(HTMLParser):
    """What a page loads, and where it leads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.leads: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("src", "srcset", "href") and value:
                (self.leads if tag == "a" else self.loads).append(value)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site; mkdocs says nothing but what is wrong."""
    pytest.importorskip("mkdocs", reason="what builds the site is not installed (make test-oldest)")
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", folder],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    return folder


@pytest.mark.slow
def test_the_site_has_every_page_and_loads_nothing_from_elsewhere(site: Path) -> None:
    html = sorted(site.rglob("*.html"))
    assert len(html) == len(list(DOCS.rglob("*.md"))) + 1  # and 404.html
    elsewhere = set()
    for file in html:
        found = Addresses(file.read_text(encoding="utf-8"))
        assert not [each for each in found.loads if re.match(r"(https?:)?//", each)], file
        elsewhere |= {each for each in found.leads if "//" in each}
    assert all(re.fullmatch(r"https://[\w.-]+(/[\w./#?=-]*)?", each) for each in elsewhere)
    assert len(elsewhere) <= MOST_ELSEWHERE
    loading = re.compile(r"url\(.?(https?:)?//|@import")
    assert not [sheet for sheet in site.rglob("*.css") if loading.search(sheet.read_text("utf-8"))]


@pytest.mark.slow
def test_the_site_can_be_searched_from_the_disk(site: Path) -> None:
    """Pages of the disk may neither fetch what is searched nor start workers."""
    assert (site / "search" / "search_index.js").is_file()
    assert "iframe-worker.js" in Addresses((site / "index.html").read_text(encoding="utf-8")).loads
    assert (site / "iframe-worker.js").is_file()


@pytest.mark.slow
def test_what_pages_link_to_beyond_docs_is_in_the_site(site: Path) -> None:
    linked = [
        (file, each)
        for file in site.glob("*.html")
        for each in Addresses(file.read_text("utf-8")).leads
        if not re.match(r"\w+:|#|/", each)  # / leads home from 404.html
    ]
    assert any("source/recipes/" in each for _, each in linked)
    assert not [(file.name, each) for file, each in linked if not (file.parent / each.partition("#")[0]).exists()]


@pytest.mark.parametrize("page", [ROOT / "README.md", ROOT / "CONTRIBUTING.md"], ids=lambda page: page.stem)
def test_links_of_the_pages_outside_of_the_site_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        path, _, anchor = target.partition("#")
        assert "//" not in target
        assert (ROOT / path).exists(), target
        assert not anchor or anchor in anchors((ROOT / path).read_text(encoding="utf-8")), target


def anchors(text: str) -> set[str]:
    heads = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\s-]", "", head).strip().lower().replace(" ", "-") for head in heads}


@pytest.mark.parametrize("path", [path for path in PAGES if path.parent == DOCS], ids=lambda path: path.stem)
def test_a_page_begins_with_what_it_is_for(path: Path) -> None:
    title, first, *_ = path.read_text(encoding="utf-8").splitlines()
    assert re.match(r"# \S", title)
    assert re.match(r"[*`\w]", first)


def test_the_reference_pages_are_fresh() -> None:
    stale = [name for name, text in pages().items() if text != page(name)]
    assert not stale, "run make schemas"


def commands(group: click.Group, name: str) -> Iterator[tuple[str, click.Command]]:
    for each, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, f"{name} {each}")
        else:
            yield f"{name} {each}", command


@pytest.mark.parametrize("name", dict(commands(main, "wanflow")))
def test_every_command_and_flag_is_told(name: str) -> None:
    command = dict(commands(main, "wanflow"))[name]
    told = page("commands.md").partition(f"\n## {name}\n")[2].partition("\n## ")[0]
    assert told
    for option in command.params:
        if isinstance(option, click.Option):
            assert option.help, option
            assert [flag for flag in (*option.opts, *option.secondary_opts) if f"`{flag}" not in told] == []
        else:
            assert option.make_metavar(click.Context(command)).strip("[].") in told


def test_every_function_and_model_is_told() -> None:
    told = set(re.findall(r"^## (\S+)$", page("functions.md"), flags=re.MULTILINE))
    assert told == set(functions())
    assert set(re.findall(r"^## (\S+)$", page("models.md"), flags=re.MULTILINE)) == set(models())
    parts = page("functions.md").split("\n## ")
    for function in functions().values():
        (part,) = [part for part in parts if part.startswith(f"{function.name}\n")]
        assert all(f"| `{name}`" in part for name in function.properties)
    named = set(re.findall(r"`((?:wan|local)/\w+)`", page("draft-engine.md").partition("## What it does")[2]))
    assert named == set(functions())


def test_every_rule_exit_code_and_failure_is_told() -> None:
    text = page("errors.md")
    assert set(get_args(errors.Rule)) == set(re.findall(r"^### ([\w-]+)$", text.partition("## Rules")[2], re.MULTILINE))
    tree = [errors.WanflowError, *errors.WanflowError.__subclasses__()]
    assert all(f"| {error.exit_code} |" in text for error in tree)
    source = "".join(path.read_text("utf-8") for path in (ROOT / "wanflow").rglob("*.py"))
    codes = set(re.findall(r'EditError\(\s*"(\w+)"', source)) | set(load("errors.json")["codes"])
    assert sorted(code for code in codes if f"| `{code}` |" not in text) == []
