"""The page to choose in: one file, every text escaped, and what it saves is taken in again."""

import html
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser

import pytest
from choosers import Project

from wanflow import picking
from wanflow.errors import UsageError
from wanflow.opening import looking
from wanflow.telling import sheet
from wanflow.telling.sheet import page, write_sheet

ODD = "<img src=x onerror=alert(1)> \"&' </script>"


@pytest.fixture
def project(tmp_path):
    project = Project(tmp_path)
    project.run()
    return project


def looked(project, work):
    with looking(project.write(), picking.everything(project.options())) as planner:
        return work(picking.Picking(planner))


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


def in_a_browser(project, tmp_path, *keys, first=""):
    """What the page says, and would save, after these keys; `first` runs before the page's own script."""
    file = tmp_path / "driven.html"
    text = made(project).replace("<main>", f"<script>{first}</script><main>")
    file.write_text(text.replace("</body>", KEYS.replace("of KEYS", f"of {json.dumps(keys)}")))
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


def test_a_page_holds_what_a_browser_can_show_and_says_what_is_left(project, tmp_path, monkeypatch):
    monkeypatch.setattr(sheet, "MOST", 8)  # a job has four pictures: three candidates, and the one before
    assert len(Reader(made(project)).of("before")) == 2
    assert "1 more job has candidates than this page holds" in made(project)
    told = looked(project, lambda found: write_sheet(found, tmp_path / "picks.html", "r.yaml"))
    assert "3 jobs with candidates, 3 open; the page has the first 2: take in what is chosen of them" in told
    picking.pick(project.write(), ["0001/clean#1", "0002/clean#1"], project.options())
    assert [pick["aria-label"][:10] for pick in Reader(made(project)).of("pick")][::3] == ["0003 clean", "0001 clean"]


def test_a_page_shows_one_job_at_least(project, monkeypatch):
    monkeypatch.setattr(sheet, "MOST", 1)
    assert len(Reader(made(project)).of("before")) == 1


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium here")
def test_a_page_remembers_only_what_still_is_a_candidate_and_was_not_chosen_later_elsewhere(project, tmp_path):
    picking.pick(project.write(), ["0003/clean#1"], project.options())
    about = json.loads(re.search('id="about">(.*?)</script>', made(project))[1])
    kept = [
        ['["0001","clean"]', {"digests": ["f" * 64], "when": "2026-11-21T12:00:00Z", "made": True}],
        ['["0002","clean"]', {"digests": project.blobs("0002/clean")[1:2], "when": "2026-11-21T12:00:00Z"}],
        ['["0003","clean"]', {"digests": project.blobs("0003/clean")[1:2], "when": "2020-11-21T12:00:00Z"}],
    ]
    first = f"localStorage.setItem({json.dumps('wanflow ' + about['sheet'])}, {json.dumps(json.dumps(kept))})"
    said, saved = in_a_browser(project, tmp_path, first=first)
    assert said == "2 of 3 chosen"
    assert [row for row in ("0001", "0002", "0003") if f'row: "{row}"' in saved] == ["0002"]


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium here")
def test_more_candidates_than_go_on_are_told_and_not_chosen(project, tmp_path):
    project.clean["pick"] = {"by": "hand", "top": 2}
    said, saved = in_a_browser(project, tmp_path, "1", "3", "2")
    assert said == "2 go on at most: take one of them back first"
    first, _, third = project.blobs("0001/clean")
    assert f"[{first}, {third}]" in saved
