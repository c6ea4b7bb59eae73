"""A comment on a pull request is short, and texts of strangers do nothing in it but stand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from projects import photo, small_project

from wanflow.errors import Mark, Problem
from wanflow.model import Action, Change, Decision, Reason, Row
from wanflow.planning.planned import Plan, RowPlan
from wanflow.telling.markdown import LIMIT, code, plan_markdown, problem_line

HOSTILE = [
    "@everyone",
    "<img src=x onerror=alert(1)>",
    "</code></details><script>alert(1)</script>",
    "[click](http://evil.example/)",
    "![x](http://evil.example/x.png)",
    "http://evil.example/ and www.evil.example and me@evil.example",
    "| a | b |\n| --- | --- |",
    "`code` **bold** _soft_ ~~gone~~ #1 GH-1 :tada: $x^2$",
    "&lt;b&gt; &#60;b&#62;",
    "a\n\n# heading\n- list\n\n```\nfence",
    "\u202egnp.exe \x1b[2J",
]


def test_a_problem_keeps_its_rows_and_its_remedy() -> None:
    long = "colorize: {prompt: " + "x" * 300
    told = Problem(
        "image-size", "too small", "r.yaml", Mark(5, 8), long, "Put a local/fit\nstep before it.", ("r0",), 15
    )
    assert problem_line(told) == (
        "- <code>r.yaml&#58;5&#58;8&#58; too small &#91;image-size&#93;</code>\n"
        "  - <code>used by 15 rows, first r0</code>\n"
        "  - <code>Put a local/fit step before it.</code>"
    )


def plan_of(tmp_path: Path, rows: int, text: str, name: str = "0001") -> Plan:
    """A plan whose every word from outside is this text."""
    plan = small_project(tmp_path / "p", {"1.png": photo(1)}).plan()
    alike = Change("prompt", f'"{text} red"', f'"{text} blue"')
    plan.entries = [
        RowPlan(Row(f"{name}{number}", {}, number, ""), (decision(alike, number, text, rows),), {})
        for number in range(rows)
    ]
    plan.tally()
    plan.problems = [Problem("image", f"{text} {number}", f"{text}.csv") for number in range(rows)]
    plan.notes = [text] * rows
    return plan


def decision(alike: Change, number: int, text: str, rows: int) -> Decision:
    change = alike if rows < 100 else Change("seed", str(number), text)
    return Decision("small", Action.RUN, Reason.PARAMS_CHANGED, (change,), note=text)


OURS = {f"<{end}{tag}>" for tag in ("details", "summary", "del", "ins") for end in ("", "/")}


@pytest.mark.parametrize("text", HOSTILE)
def test_texts_of_strangers_do_nothing_but_stand(text: str, tmp_path: Path) -> None:
    made = plan_markdown(plan_of(tmp_path, 2, text, text), detail=True)
    inside = re.findall(r"<code>(.*?)</code>", made)
    outside = re.sub(r"<code>.*?</code>", "", made)
    assert set(re.findall(r"<[^>]*>", outside)) <= OURS
    plain = outside.replace("---:", "").replace("### ", "").replace("&#", "")
    assert not re.search(r"@|\bhttps?:|www\.|#\w|:\w+:|[`*\[\]\\]", plain)
    told = [re.sub(r"&#\d+;", "", words) for words in inside]
    assert not any(re.search(r"[<>&@`*\[\]|:!#$~_]|www\.", words) for words in told)
    assert "\x1b" not in made
    assert "\u202e" not in made


@pytest.mark.parametrize("text", HOSTILE)
def test_a_renderer_finds_no_markup_in_them(text: str) -> None:
    renderer = MarkdownIt("commonmark").enable("table").enable("strikethrough")
    tokens = renderer.parse(f"| {code(text)} | b |\n| --- | --- |\n")
    children = [child for token in tokens for child in token.children or ()]
    assert {child.type for child in children} <= {"text", "html_inline"}
    assert {child.content for child in children if child.type == "html_inline"} == {"<code>", "</code>"}
    assert sum(token.type == "th_open" for token in tokens) == 2


@pytest.mark.parametrize("text", ["short", "<" * 500, "a " * 5000])
def test_a_comment_fits_whatever_the_plans_size(text: str, tmp_path: Path) -> None:
    made = plan_markdown(plan_of(tmp_path, 3000, text), detail=True)
    assert len(made) <= LIMIT
    assert made.count("<details>") == made.count("</details>") >= 2
    assert re.search(r"… and [\d,]+ more (change|problem|job)s", made)


def test_what_is_left_out_is_counted(tmp_path: Path) -> None:
    made = plan_markdown(plan_of(tmp_path, 3000, "x"))
    (shown, rest) = made.count("<code>small"), re.search(r"and ([\d,]+) more changes", made)
    listed = len(re.findall(r"^- <code>0001\d+/small</code>$", made, flags=re.MULTILINE))
    assert rest
    assert listed + int(rest.group(1).replace(",", "")) == 3000
    assert "What changed (3,000)" in made
    assert shown


def test_a_text_with_very_many_changes_hides_no_other(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, 3, "x")
    same, *words = ("a" * 40, "b" * 40, "c" * 40)
    many = [" ".join(f"{same} {word}" for _ in range(120)) for word in words]
    first = Decision("small", Action.RUN, Reason.PARAMS_CHANGED, (Change("prompt", *many),))
    plan.entries = [RowPlan(Row("0000", {}, 0, ""), (first,), {}), *plan.entries]
    told = plan_markdown(plan)
    assert "<summary>What changed (2)</summary>" in told
    assert "more change" not in told
