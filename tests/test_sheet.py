"""The page to choose in: one file, every text escaped, and what it saves is taken in again."""

import html
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser

import pytest
from choosers import Project

from wanflow import api, picking
from wanflow.errors import UsageError
from wanflow.telling.sheet import page, write_sheet

ODD = "<img src=x onerror=alert(1)> \"&' </script>"


@pytest.fixture
def project(tmp_path):
    project = Project(tmp_path)
    project.run()
    return project


def looked(project, work):
    with api.looking(project.write(), picking.everything(project.options())) as planner:
        return work(picking.picking(planner))


def made(project):
    return looked(project, lambda found: page(found, "r.yaml"))


class Reader(HTMLParser):
    """Every element, and every address that a page refers to."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.addresses = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.elements.append((tag, attributes))
        self.addresses += [attributes[name] for name in ("src", "href", "action") if attributes.get(name)]

    def of(self, kind):
        return [attributes for tag, attributes in self.elements if kind in (attributes.get("class") or "").split()]


def test_the_page_shows_every_candidate_beside_the_picture_before(project):
    found = Reader(made(project))
    assert [pick["data-sha256"] for pick in found.of("pick")] == [
        digest for row in ("0001", "0002", "0003") for digest in project.blobs(f"{row}/clean")
    ]
    assert len(found.of("before")) == 3


def test_the_page_needs_nothing_else(project):
    text = made(project)
    assert all(address.startswith("data:") for address in Reader(text).addresses)
    assert "default-src 'none'" in text
    assert not re.search(r"https?://|url\(|@import|fetch\(|XMLHttpRequest", text)


def test_every_candidate_has_a_name_for_screen_readers(project):
    named = [pick["aria-label"] for pick in Reader(made(project)).of("pick")]
    assert named[:2] == ["0001 clean, candidate 1 of 3", "0001 clean, candidate 2 of 3"]


def test_what_is_open_comes_first(project):
    picking.pick(project.write(), ["0001/clean#2"], project.options())
    sections = [attributes for tag, attributes in Reader(made(project)).elements if tag == "section"]
    assert [one["data-row"] for one in sections] == ["0002", "0003", "0001"]
    assert [bool(one["data-chosen"]) for one in sections] == [False, False, True]


def test_texts_of_rows_do_nothing_but_stand(tmp_path):
    project = Project(tmp_path, rows=0)
    # What may be a row's key is safe in file names; its other texts are not shown.
    project.rows = ["a & b'c,0.png,w"]
    project.recipe["name"] = "archive"
    project.run()
    text = made(project)
    assert "a & b'c" not in text
    assert html.unescape(re.search(r'data-row="([^"]*)"', text)[1]) == "a & b'c"
    assert ODD not in text


def test_other_files_are_not_written_over(project, tmp_path):
    mine = tmp_path / "mine.html"
    mine.write_text("mine")
    with pytest.raises(UsageError, match=r"mine\.html is there already, and no page of picks; give another name"):
        looked(project, lambda found: write_sheet(found, mine, "r.yaml"))
    sheet = tmp_path / "picks.html"
    for _ in range(2):
        assert looked(project, lambda found: write_sheet(found, sheet, "r.yaml"))


CHROMIUM = shutil.which("chromium")
KEYS = """<script>
for (const key of KEYS) document.activeElement.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true}));
document.title = JSON.stringify([document.getElementById("count").textContent, text()]);
</script></body>"""


def in_a_browser(project, tmp_path, *keys):
    """What the page says, and would save, after these keys."""
    file = tmp_path / "driven.html"
    file.write_text(made(project).replace("</body>", KEYS.replace("of KEYS", f"of {json.dumps(keys)}")))
    command = [CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'browser'}"]
    done = subprocess.run([*command, "--dump-dom", file.as_uri()], capture_output=True, text=True, timeout=120)
    return json.loads(html.unescape(re.search("<title>(.*?)</title>", done.stdout, re.DOTALL)[1]))


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium here")
def test_keys_choose_and_what_is_saved_is_taken_in(project, tmp_path):
    said, saved = in_a_browser(project, tmp_path, "2", "j", "ArrowRight", "Enter", "3", "u", "k", "j", "j", "1")
    assert said == "3 of 3 chosen"
    file = tmp_path / "saved.yaml"
    file.write_text(saved)
    found = looked(project, lambda found: found.take_in(file))
    assert (found.problems, len(found.taken)) == ((), 3)
    assert [one.numbers for one in looked(project, lambda found: found.candidates)] == [[2], [2], [1]]
