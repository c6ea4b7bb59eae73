"""What a reviewer reads of a plan, whole, in every format and five situations (GOLDEN=write writes them anew)."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from reviewed import Reviewed, reviewed_project

from wanflow.documents.schemas import load
from wanflow.planning.planjson import plan_json
from wanflow.planning.planned import Plan
from wanflow.telling.markdown import plan_markdown
from wanflow.telling.page import plan_html
from wanflow.telling.plantext import detail_text, plan_text, reasons_text

GOLDEN = Path(__file__).parent / "golden" / "plans"
DOCS = Path(__file__).parent.parent / "docs" / "review.md"


def text(plan: Plan, root: Path) -> str:
    return "\n".join([plan_text(plan), "", reasons_text(plan), "", *detail_text(plan), ""])


def page(plan: Plan, root: Path) -> str:
    """The page without its style, which is looked at, not read; and without the bytes of pictures."""
    whole = "".join(plan_html(plan, root, detail=True))
    return re.sub(r"data:image/jpeg;base64,[\w+/=]+", "data:…", whole[whole.index("<body>") :])


FORMATS: Mapping[str, Callable[[Plan, Path], str]] = {
    "txt": text,
    "json": lambda plan, root: "".join(plan_json(plan)),
    "md": lambda plan, root: plan_markdown(plan, detail=True),
    "html": page,
}


def fresh(project: Reviewed) -> None:
    pass


def done(project: Reviewed) -> None:
    project.run()


def prompt_changed(project: Reviewed) -> None:
    project.run()
    project.change("a brown coat", "a black hat", "photos.csv")
    project.change("seen from above", "seen from the side")


def model_changed(project: Reviewed) -> None:
    project.run()
    project.change("wan2.5-i2i-preview", "wan2.6-image")


def budget_exceeded(project: Reviewed) -> None:
    project.change("name: archive\n", "name: archive\nbudget: 0.05\n")


SITUATIONS = {work.__name__: work for work in (fresh, done, prompt_changed, model_changed, budget_exceeded)}


@pytest.mark.parametrize("situation", SITUATIONS)
def test_a_plan_reads_as_it_was_approved(situation: str, tmp_path: Path) -> None:
    project = reviewed_project(tmp_path / "p")
    SITUATIONS[situation](project)
    plan = project.plan()
    for ending, drawn in FORMATS.items():
        found, file = drawn(plan, project.folder), GOLDEN / f"{situation}.{ending}"
        if os.environ.get("GOLDEN") == "write":
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(found, encoding="utf-8")
        assert found == file.read_text(encoding="utf-8"), file.name


def test_plans_meet_their_schema(tmp_path: Path) -> None:
    project = reviewed_project(tmp_path / "p")
    Draft202012Validator(load("plan.schema.json")).validate(json.loads("".join(plan_json(project.plan()))))


def test_the_page_on_reviews_shows_real_plans() -> None:
    told = "\n".join(file.read_text(encoding="utf-8") for file in sorted(GOLDEN.glob("*.txt")))
    blocks = re.findall(r"```text\n(archive .*?)```", DOCS.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert blocks
    for block in blocks:
        assert block in told
