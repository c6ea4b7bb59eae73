"""The text of a report's page: what stands in it, and what could never get out of its place."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from typing import Any

import paged
import pytest
from test_markdown import HOSTILE

from wanflow.reporting.page import Embedded, html


class Read(HTMLParser):
    """The elements of a page, and the texts of its scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.code: list[tuple[dict[str, str | None], str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.elements and self.elements[-1][0] in ("script", "style") and data.strip():
            self.code.append((self.elements[-1][1], data))

    def sources(self) -> list[str]:
        return [str(values["src"]) for tag, values in self.elements if tag == "img" and values.get("src")]

    def named(self, id_: str) -> Any:
        return next(json.loads(text) for values, text in self.code if values.get("id") == id_)


def made(rows: int = 3, embedded: Embedded | None = None, **head: object) -> str:
    found: Any = {**paged.head(rows), **head}
    return "".join(html(found, [paged.row(place) for place in range(rows)], embedded))


def alone(rows: int = 3) -> tuple[str, Embedded]:
    pages = [[paged.row(place) for place in range(rows)]]
    addresses = [f"pictures/{number:064x}-{side}.webp" for number in range(24) for side in (320, 1280)]
    pictures = {address: f"data:image/webp;base64,{address}" for address in addresses}
    embedded = Embedded([paged.entry(place, row) for place, row in enumerate(pages[0])], pages, pictures)
    return made(rows, embedded), embedded


def test_only_the_pages_own_script_and_style_are_allowed() -> None:
    text = made()
    policy = next(str(values["content"]) for tag, values in Read(text).elements if "Policy" in str(values))
    assert policy.startswith("default-src 'none'; ")
    assert not re.search(r"unsafe|https?:|\*", policy)
    for values, code in Read(text).code:
        if values.get("type") != "application/json":
            digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
            assert f"'sha256-{digest}'" in policy


def test_a_page_has_no_handlers_and_no_styles_that_its_policy_refuses() -> None:
    elements = Read(made()).elements
    assert [name for _, values in elements for name in values if name == "style" or name.startswith("on")] == []


def test_a_page_asks_for_nothing_that_is_not_beside_it() -> None:
    assert not re.search(r"https?://|@import|url\(|fetch\(|XMLHttpRequest|innerHTML|eval\(", made())
    assert all(source.startswith("pictures/") for source in Read(made()).sources())


def test_a_folder_is_known_as_a_report_by_the_beginning_of_its_page() -> None:
    assert '<meta name="generator" content="wanflow report">' in made()[:4096]


@pytest.mark.parametrize("text", HOSTILE)
def test_texts_of_strangers_make_no_elements(text: str) -> None:
    row: Any = paged.row(0)
    row.update(key=text, place=text, note=text)
    row["inputs"][0].update(name=text, slot=text)
    row["jobs"][0].update(label=text, prompt=text, params=[[text, text]], by=text, warnings=[text], task_id=text)
    row["jobs"][0]["error"] = {"code": text, "message": text, "remedy": text}
    row["jobs"][0]["outputs"] = [{"path": text, "href": ""}]
    row["jobs"][0]["compare"] = {"change": "changed", "pictures": [], "params": [[text, [["new", text]]]]}
    harmless = json.loads(json.dumps(row).replace(json.dumps(text), '"x"'))
    head: Any = paged.head(1)
    for embedded in (None, Embedded([], [[row]], {})):
        page = "".join(html({**head, "title": text, "notes": [text]}, [row], embedded))
        same = "".join(html({**head, "title": "x", "notes": ["x"]}, [harmless], embedded and Embedded([], [[row]], {})))
        assert [tag for tag, _ in Read(page).elements] == [tag for tag, _ in Read(same).elements]


def test_a_page_that_stands_alone_has_every_picture_once() -> None:
    text, embedded = alone()
    shown = {str(values["data-at"]) for tag, values in Read(text).elements if "data-at" in values}
    assert set(Read(text).named("pictures")) == set(embedded.pictures) - shown
    assert Read(text).named("index") == json.loads(json.dumps(embedded.index))
    assert Read(text).named("rows-1") == embedded.pages[0]


def test_bars_that_overlap_lie_in_slots_of_their_own() -> None:
    bar: Any = {"job": "a/x", "row": "a", "page": 1, "step": "prep", "status": "done", "time": "2 s", "jobs": 1}
    bars = [{**bar, "from": start, "to": start + 2.0} for start in (0.0, 1.0, 2.0, 2.5)]
    lanes = [{"name": "one", "slots": 2, "bars": bars, "folded": 0}]
    text = made(timeline={"seconds": 4.5, "lanes": lanes})
    rects = [values for tag, values in Read(text).elements if tag == "rect"]
    assert [(values["x"], values["y"]) for values in rects] == [
        ("0.0", "0.1"),
        ("1.0", "1.1"),
        ("2.0", "0.1"),
        ("2.5", "2.1"),
    ]


def test_failures_come_before_what_only_waited_for_them() -> None:
    failure = {"code": "X", "message": "m", "remedy": "r", "count": 1, "rows": [["00001", 1]], "step": "prep"}
    failures = [{**failure, "status": "blocked", "code": "Blocked"}, {**failure, "status": "failed", "code": "Broken"}]
    text = made(failures=failures)
    assert text.index("Broken") < text.index("1 job that needed them") < text.index("Blocked")
    assert "2 jobs did not succeed" in text
