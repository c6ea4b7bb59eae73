"""Plans and runs of a part of the jobs: what is selected is done, what isn't is neither run nor paid."""

import os
import tempfile
from pathlib import Path

import pytest
from fakes import Fakery, picture
from hypothesis import given, settings
from hypothesis import strategies as st
from test_random_recipes import PHOTOS, ROW, steps, with_outputs, write

from wanflow import api
from wanflow.errors import EditError, RecipeError, UsageError
from wanflow.language.selection import Selection, Wish
from wanflow.model import Action, Reason, Status
from wanflow.planning.pilot import Facts, sample

RECIPE = """\
wanflow: 1
name: part
manifest: {from: rows.csv}
steps:
  colour: {uses: wan/colorization, image: row.photo, tags: [paid], with: {prompt: "${{ row.words }}"}}
  detail: {uses: wan/super_resolution, image: steps.colour}
  wide: {uses: wan/expand, image: steps.detail, with: {left_scale: 1.5}}
  sheet: {uses: wan/i2i, images: steps.colour.all, per: run, with: {prompt: all}}
outputs:
  master: {image: steps.detail, to: "out/${{ row.id }}.png"}
  wide: {image: steps.wide, to: "out/wide/${{ row.id }}.png"}
  sheet: {image: steps.sheet, to: out/sheet.png}
"""


def wish(*select, exclude=(), until=None, pilot=None):
    return Wish(select, tuple(exclude), until, pilot)


class Project:
    """Three rows of three steps, and a sheet of all."""

    def __init__(self, folder):
        self.folder, self.fakery = folder, Fakery()
        self.words = ["x", "y", "z"]
        for name in "012":
            (folder / f"{name}.png").write_bytes(picture(name))
            os.utime(folder / f"{name}.png", (1_700_000_000, 1_700_000_000))  # a file just written is read again
        self.write(RECIPE)

    def write(self, recipe=RECIPE):
        (self.folder / "r.yaml").write_text(recipe)
        rows = [f"000{number},{number}.png,{words}" for number, words in enumerate(self.words)]
        (self.folder / "rows.csv").write_text("\n".join(["id,photo,words", *rows]) + "\n")

    def plan(self, *select, force=False, **more):
        return api.plan(self.folder / "r.yaml", self.fakery.options(wish=wish(*select, **more), force=force))

    def run(self, *select, force=False, **more):
        """The jobs that were done."""
        options = self.fakery.options(wish=wish(*select, **more), force=force)
        _, self.record = api.run(self.folder / "r.yaml", options)
        return sorted(outcome.job for outcome in self.record.outcomes if outcome.status is Status.DONE)

    def files(self):
        return sorted(str(path.relative_to(self.folder / "out")) for path in (self.folder / "out").rglob("*.png"))


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path)


def test_a_step_is_selected_with_what_it_needs(project):
    assert project.run("0001/,+detail") == ["0001/colour", "0001/detail"]
    assert project.files() == ["0001.png"]
    assert project.record.counts()[Status.EXCLUDED] == 8
    assert project.record.exit_code == 0


def test_what_is_not_selected_is_excluded_and_costs_nothing(project):
    plan = api.plan(project.folder / "r.yaml", project.fakery.paid(wish=wish("colour")))
    assert {decision.reason for _, decision in plan.decisions() if decision.step != "colour"} == {Reason.EXCLUDED}
    assert (plan.totals.run, plan.totals.later, plan.totals.skip, plan.totals.paid_tasks) == (3, 0, 7, 3)


def test_a_stored_picture_of_what_is_not_selected_is_taken(project):
    project.run(until="colour")
    assert project.run("0002/detail") == ["0002/detail"]
    assert project.run("sheet") == ["run/sheet"]


def test_a_picture_that_is_neither_selected_nor_stored_is_told_with_the_remedy(project, monkeypatch):
    monkeypatch.chdir(project.folder)
    with pytest.raises(RecipeError) as caught:
        project.run("detail")
    assert str(caught.value) == (
        """\
r.yaml:6:18: detail is selected; colour, whose picture it takes, is neither selected nor stored [selection]
      detail: {uses: wan/super_resolution, image: steps.colour}
                     ^ used by 3 rows, first 0000
    Select it, too: -s +detail"""
    )
    with pytest.raises(RecipeError, match="sheet is selected; colour, whose picture it takes, is neither"):
        project.run("sheet")
    assert project.fakery.asked == []


def test_everything_but_a_step(project):
    assert [job for job in project.run(exclude=["wide", "run/"]) if "wide" in job or "run" in job] == []
    assert project.run() == ["0000/wide", "0001/wide", "0002/wide", "run/sheet"]


def test_a_whole_run_after_parts_repeats_nothing(project):
    project.run(pilot=1)
    project.run("0002/")
    project.run()
    keys = [call.key for call in project.fakery.asked]
    assert len(keys) == len(set(keys)) == 10
    assert project.run() == []


def test_only_what_is_selected_is_made_anew(project):
    project.run()
    assert project.run("0001/colour", force=True) == ["0001/colour"]
    assert project.run("0001/detail+", force=True) == ["0001/detail", "0001/wide"]
    assert project.run() == []


def test_a_row_that_is_recognised_whole_stays_so(project):
    project.run()
    assert project.run("0001/detail") == []
    assert project.record.unchanged_rows == 1
    assert project.plan().nothing_to_do


def test_tags_select_steps(project):
    assert project.run("tag:paid") == ["0000/colour", "0001/colour", "0002/colour"]


def test_states_are_those_of_a_plan_of_everything(project):
    project.run(exclude=["0002/", "run/"])
    assert jobs(project.plan("state:new")) == ["0002/colour", "0002/detail", "0002/wide", "run/sheet"]
    project.run()
    project.words[1] = "other"
    project.write()
    assert jobs(project.plan("state:changed")) == ["0001/colour", "0001/detail", "0001/wide", "run/sheet"]
    project.run()
    (project.folder / "out" / "0000.png").unlink()
    plan = project.plan("state:missing")
    assert (jobs(plan), plan.totals.restore) == (["0000/detail"], 1)
    assert jobs(project.plan("state:new,state:changed")) == []
    assert "no job is selected" in project.plan("state:parked").notes


def test_what_failed_is_tried_again(project):
    project.fakery.faults = {"wan/super_resolution": [EditError("Broken", "no luck")]}
    project.run()
    failed = [outcome.job for outcome in project.record.outcomes if outcome.status is Status.FAILED]
    assert jobs(project.plan("state:failed")) == failed
    project.fakery.faults.clear()
    row = failed[0].partition("/")[0]
    assert project.run("state:failed+") == [f"{row}/detail", f"{row}/wide"]
    assert jobs(project.plan("state:failed")) == []


def test_a_bad_row_that_is_not_selected_is_no_matter(project):
    (project.folder / "2.png").unlink()
    assert project.run("0001/colour") == ["0001/colour"]
    assert (project.record.exit_code, project.plan("0001/").problems) == (0, [])


def test_files_of_rows_that_are_not_selected_are_not_written_over(project):
    project.write(RECIPE.replace("out/${{ row.id }}.png", "${{ 2 if row.id == '0001' else row.id }}.png"))
    with pytest.raises(RecipeError, match=r"row 0001 would write over 2\.png, which is an input image"):
        project.run("0001/")
    project.write(RECIPE.replace("out/${{ row.id }}.png", "out/${{ 'a' if row.id > '0000' else row.id }}.png"))
    assert [problem.message for problem in project.plan("0002/").problems] == [
        '"out/a.png" is also written by row 0001'
    ]


def test_a_row_that_is_not_there_is_told(project):
    with pytest.raises(UsageError, match=r"0009/: there is no row 0009\. Did you mean"):
        project.plan("0009/")


def test_a_broken_recipe_is_told_before_its_selection(project):
    project.write(RECIPE.replace("wan/expand", "wan/expnd"))
    with pytest.raises(RecipeError, match="Did you mean wan/expand"):
        project.plan("wide")


def test_flags_reach_the_selection(project, monkeypatch):
    from wanflow.cli import main

    monkeypatch.chdir(project.folder)
    project.run(until="colour")
    with pytest.raises(SystemExit) as ended:
        main(["plan", "r.yaml", "-s", "+0001/", "-x", "tag:paid", "--until", "detail", "--pilot", "3"])
    assert ended.value.code == 0


def jobs(plan):
    return [f"{row}/{d.step}" for row, d in plan.decisions() if d.reason is not Reason.EXCLUDED]


# -- pilots


def test_a_pilot_shows_the_extremes_first(project):
    rows = [Facts("plain", 100, 100, 5), Facts("large", 900, 900, 5), Facts("wide", 400, 100, 5)]
    rows += [
        Facts("tall", 100, 400, 5),
        Facts("small", 50, 50, 5),
        Facts("wordy", 100, 100, 90),
        Facts("mute", 99, 99, 0),
    ]
    rows += [Facts(f"more{number}", 100, 101, 5) for number in range(50)]
    assert sample(rows, 6) == {"large", "small", "wide", "tall", "wordy", "mute"}
    assert sample(rows, 1) == {"large"}
    assert sample(rows, 2) == {"large", "small"}


@given(
    st.lists(st.tuples(*[st.integers(1, 9)] * 3), max_size=30).map(
        lambda sizes: [Facts(str(number), *facts) for number, facts in enumerate(sizes)]
    ),
    st.integers(1, 12),
)
def test_a_pilot_has_as_many_rows_as_asked_and_is_always_the_same(rows, count):
    assert len(sample(rows, count)) == min(count, len(rows))
    assert sample(rows, count) == sample(list(rows), count) <= sample(rows, count + 1)


def test_a_pilot_is_drawn_from_what_is_selected(project):
    project.run("0001/ 0002/", pilot=1)
    assert {outcome.job for outcome in project.record.outcomes if outcome.status is Status.DONE} == {
        "0001/colour",
        "0001/detail",
        "0001/wide",
    }


# -- any recipe


@settings(max_examples=30)
@given(st.data())
def test_a_part_of_any_recipe_does_what_is_selected_and_the_rest_comes_later(data):
    recipe = with_outputs(data.draw(steps(), "steps"))
    rows = data.draw(st.lists(ROW, min_size=1, max_size=3), "rows")
    atoms = [*recipe["steps"], "r0/", *(f"r0/{name}" for name, step in recipe["steps"].items() if "per" not in step)]
    texts = data.draw(st.lists(st.sampled_from(atoms), min_size=1, max_size=2), "-s")
    part = Wish((" ".join(f"+{text}" for text in texts),), until=data.draw(st.sampled_from([None, *recipe["steps"]])))
    with tempfile.TemporaryDirectory() as name:
        folder, fakery = Path(name), Fakery()
        for photo, content in PHOTOS.items():
            (folder / photo).write_bytes(content)
        write(folder, recipe, rows)
        plan, record = api.run(folder / "recipe.yaml", fakery.options(wish=part))
        selection = Selection(plan.steps, part)
        done = [outcome.job.partition("/") for outcome in record.outcomes if outcome.status is Status.DONE]
        assert all(step in selection.of(row) for row, _, step in done)
        assert plan.totals.run <= len(done) <= plan.totals.run + plan.totals.later
        for row, decision in plan.decisions():
            if decision.step not in selection.of(row):
                assert decision.action is Action.SKIP
        api.run(folder / "recipe.yaml", fakery.options())
        keys = [call.key for call in fakery.asked]
        assert len(keys) == len(set(keys))
        assert api.plan(folder / "recipe.yaml", fakery.options()).nothing_to_do
