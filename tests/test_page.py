"""The page of a plan needs nothing else, shows pictures as copies of its own, and lets no text out of its place."""

from __future__ import annotations

import base64
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from fakes import picture
from PIL import Image
from projects import gradient
from reviewed import RECIPE, reviewed_project
from test_markdown import HOSTILE, plan_of

from wanflow.errors import EditError
from wanflow.pictures.thumbnails import thumbnail
from wanflow.telling import page
from wanflow.telling.page import plan_html


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def tags(text: str) -> list[tuple[str, dict[str, str | None]]]:
    parser = Tags()
    parser.feed(text)
    return parser.found


def test_a_page_needs_nothing_but_itself(tmp_path: Path) -> None:
    project = reviewed_project(tmp_path / "p")
    made = "".join(plan_html(project.plan(), project.folder))
    assert {tag for tag, _ in tags(made)}.isdisjoint({"script", "link", "iframe", "object", "form", "base", "a"})
    sources = [values["src"] for tag, values in tags(made) if tag == "img"]
    assert len(sources) == 3
    for source in sources:
        head, _, body = str(source).partition(",")
        assert head == "data:image/jpeg;base64"
        assert Image.open(io.BytesIO(base64.b64decode(body))).size == (page.SIDE, page.SIDE)
    assert not re.search(r"https?://|@import|url\(", made)
    assert str(tmp_path) not in made


@pytest.mark.parametrize("text", HOSTILE)
def test_texts_of_strangers_make_no_tags(text: str, tmp_path: Path) -> None:
    harmless = [tag for tag, _ in tags("".join(plan_html(plan_of(tmp_path, 2, "x", "x"), tmp_path, detail=True)))]
    hostile = "".join(plan_html(plan_of(tmp_path / "h", 2, text, text), tmp_path, detail=True))
    assert [tag for tag, _ in tags(hostile)] == harmless
    assert "\x1b" not in hostile
    assert "\u202e" not in hostile


def test_pictures_are_few_and_the_rest_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = reviewed_project(tmp_path / "p")
    monkeypatch.setattr(page, "MOST_PICTURES", 2)
    made = "".join(plan_html(project.plan(), project.folder))
    assert made.count("<img") == 2
    assert "… and 1 more row<" in made


def test_a_picture_that_is_another_by_now_is_not_shown(tmp_path: Path) -> None:
    project = reviewed_project(tmp_path / "p")
    plan = project.plan()
    (project.folder / "b.png").write_bytes(picture("other"))
    (project.folder / "c.png").unlink()
    made = "".join(plan_html(plan, project.folder))
    assert (made.count("<img"), made.count("no picture here")) == (1, 2)


def test_a_page_of_nothing_to_do_shows_no_pictures(tmp_path: Path) -> None:
    project = reviewed_project(tmp_path / "p", RECIPE)
    project.run()
    made = "".join(plan_html(project.plan(), project.folder))
    assert "nothing to do; 9 reused" in made
    assert "<img" not in made


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "1", "CMYK", "I;16"])
def test_a_small_copy_keeps_the_ratio(mode: str) -> None:
    kind = "TIFF" if mode in ("CMYK", "I;16") else "PNG"
    buffer = io.BytesIO()
    source = Image.fromarray(gradient(640, 320))
    source = source.convert("I").convert("I;16") if mode == "I;16" else source.convert(mode)
    source.save(buffer, kind)
    with Image.open(io.BytesIO(thumbnail(buffer.getvalue(), 100))) as small:
        assert (small.size, small.format) == ((100, 50), "JPEG")


def test_a_small_copy_stands_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    Image.fromarray(gradient(640, 320)).save(buffer, "JPEG", exif=exif)
    with Image.open(io.BytesIO(thumbnail(buffer.getvalue(), 100))) as small:
        assert small.size == (50, 100)


def test_what_is_no_picture_has_no_small_copy() -> None:
    with pytest.raises(EditError):
        thumbnail(b"<svg onload=alert(1)>", 100)


def test_a_very_large_file_is_not_read_for_a_small_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = reviewed_project(tmp_path / "p")
    monkeypatch.setattr(page, "MOST_BYTES", 100)
    made = "".join(plan_html(project.plan(), project.folder))
    assert (made.count("<img"), made.count("no picture here")) == (0, 3)
