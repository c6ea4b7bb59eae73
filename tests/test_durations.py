"""How long jobs take is learnt from those that were done, and plans go by that."""

from __future__ import annotations

from pathlib import Path

import pytest
from reviewed import reviewed_project

from wanflow.store.durations import ENOUGH, REMEMBERED
from wanflow.store.index import Index
from wanflow.telling.review import times


@pytest.fixture
def index() -> Index:
    return Index.memory()


def test_a_few_jobs_are_no_mean(index: Index) -> None:
    for seconds in range(ENOUGH - 1):
        index.note_duration("draft:1 wan/expand", seconds)
    assert index.duration("draft:1 wan/expand") is None
    index.note_duration("draft:1 wan/expand", ENOUGH - 1)
    assert index.duration("draft:1 wan/expand") == ((ENOUGH - 1) / 2, ENOUGH)
    assert index.duration("draft:2 wan/expand") is None


def test_what_changes_is_followed(index: Index) -> None:
    for seconds in [1.0] * 1000 + [3.0] * 3 * REMEMBERED:
        index.note_duration("x", seconds)
    found = index.duration("x")
    assert found
    assert found[0] == pytest.approx(3.0, abs=0.15)


@pytest.mark.parametrize("seconds", ["many", float("inf"), -1.0, None])
def test_what_no_wanflow_wrote_counts_for_nothing(index: Index, seconds: object) -> None:
    index._db.execute("INSERT OR REPLACE INTO durations VALUES ('x', ifnull(?, ''), 9)", (seconds,))
    assert index.duration("x") is None


def test_a_plan_goes_by_what_was_learnt_and_says_so(tmp_path: Path) -> None:
    project = reviewed_project(tmp_path / "p")
    before = project.plan().terms["colour"]
    project.run()
    with Index.open(project.folder / ".wanflow").in_use() as index:
        for _ in range(ENOUGH):
            index.note_duration("dashscope:wanx2.1-imageedit wan/colorization", 4.0)
    project.change("green hills", "red hills", "photos.csv")
    after = project.plan().terms["colour"]
    assert (before.seconds, before.learnt, after.seconds, after.learnt) == (10.0, 0, 4.0, ENOUGH)


def test_jobs_of_this_machine_are_learnt_as_they_are_done(tmp_path: Path) -> None:
    project = reviewed_project(tmp_path / "p")
    project.run()
    with Index.open(project.folder / ".wanflow").in_use() as index:
        known = dict(index._db.execute("SELECT what, jobs FROM durations"))
    assert known == {"local:1 local/resize": 3}  # the fake provider does not tell how long it worked


def test_a_plan_says_by_what_it_reckons(tmp_path: Path) -> None:
    project = reviewed_project(tmp_path / "p")
    project.change("steps:\n", "steps:\n  large: {uses: wan/super_resolution, image: row.photo}\n")
    (project.folder / ".wanflow").mkdir()

    def learn(function: str) -> str:
        with Index.open(project.folder / ".wanflow").in_use() as index:
            for _ in range(ENOUGH):
                index.note_duration(f"dashscope:wanx2.1-imageedit wan/{function}", 60.0)
        return next(line for line in times(project.plan()) if "imageedit" in line)

    assert "as documented)" in times(project.plan())[0]
    assert "a second, partly as learnt)" in learn("colorization")
    assert "a second, as learnt)" in learn("super_resolution")
