"""Matrices, and steps that run once for the whole run: what they take, when they run again, and what blocks them."""

import json
import os

import pytest
from fakes import Fakery, picture

from wanflow import api
from wanflow.errors import EditError
from wanflow.language.matrix import instances
from wanflow.model import Action, Reason
from wanflow.planning.planned import Unchanged

RECIPE = {
    "wanflow": 1,
    "manifest": {"from": "rows.csv"},
    "steps": {
        "look": {
            "uses": "wan/stylization_all",
            "image": "row.photo",
            "when": "row.show == '1'",
            "with": {"prompt": "like ${{ row.words }}"},
        },
        "sheet": {"uses": "wan/i2i", "images": "steps.look.all", "per": "run", "with": {"prompt": "all"}},
    },
    "outputs": {
        "look": {"image": "steps.look", "to": "out/${{ row.id }}.png"},
        "sheet": {"image": "steps.sheet", "to": "out/sheet.png"},
    },
}
MATRIX = {"style": {"book": "picture book", "gold": "foil"}, "strength": [0.4, 0.7]}


class Project:
    """A folder with a recipe over rows of id, photo, words and show."""

    def __init__(self, folder):
        self.folder, self.fakery = folder, Fakery()
        self.recipe = json.loads(json.dumps(RECIPE))
        self.rows = ["a,a.png,x,1", "b,b.png,y,0", "c,c.png,z,1"]
        for name in "abcd":
            (folder / f"{name}.png").write_bytes(picture(name))
            os.utime(folder / f"{name}.png", (1_700_000_000, 1_700_000_000))  # a file just written is read again

    @property
    def steps(self):
        return self.recipe["steps"]

    def write(self):
        (self.folder / "r.yaml").write_text(json.dumps(self.recipe))
        (self.folder / "rows.csv").write_text("\n".join(["id,photo,words,show", *self.rows]) + "\n")

    def plan(self, **options):
        self.write()
        return api.plan(self.folder / "r.yaml", self.fakery.options(**options))

    def run(self, **options):
        """Runs it; gives the jobs that were done and what became of the others."""
        self.write()
        self.fakery.asked.clear()
        _, record = api.run(self.folder / "r.yaml", self.fakery.options(**options))
        self.outcomes = {outcome.job: outcome for outcome in record.outcomes}
        return sorted(job for job, outcome in self.outcomes.items() if outcome.status == "done")

    def decision(self, job):
        return {f"{row}/{decision.step}": decision for row, decision in self.plan().decisions()}[job]

    def error(self, job):
        outcome = self.outcomes[job]
        return outcome.status, outcome.error_code, outcome.error_message


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path)


# -- the whole run


def test_a_sheet_shows_all_rows_in_their_order_and_leaves_skipped_ones_out(project):
    assert project.run() == ["a/look", "c/look", "run/sheet"]
    sheet = project.fakery.asked[-1]
    made = [project.outcomes[job].outputs[0].sha256 for job in ("a/look", "c/look")]
    assert [(slot, sha256) for slot, (_, sha256) in sheet.inputs.items()] == [
        ("images.0", made[0]),
        ("images.1", made[1]),
    ]
    assert (project.folder / "out" / "sheet.png").is_file()


def test_a_rerun_looks_at_no_row_and_not_at_the_sheet(project):
    project.run()
    assert [type(entry) for entry in project.plan().entries] == [Unchanged] * 4
    assert project.plan().nothing_to_do
    assert project.run() == []


def test_a_new_row_runs_with_the_sheet_alone(project):
    project.run()
    project.rows.insert(1, "d,d.png,w,1")
    assert project.run() == ["d/look", "run/sheet"]
    assert len(project.fakery.asked[-1].inputs) == 3
    assert project.run() == []


def test_the_plan_says_that_a_picture_came_or_went(project):
    project.run()
    project.rows.pop()
    sheet = project.decision("run/sheet")
    assert (sheet.action, sheet.reason) == (Action.RUN, Reason.INPUT_CHANGED)
    assert [change.field for change in sheet.changes] == ["images.1"]
    assert project.run() == ["run/sheet"]


def test_a_row_that_is_skipped_makes_no_difference(project):
    project.run()
    project.rows[1] = "b,b.png,other,0"
    assert project.plan().nothing_to_do
    project.rows.append("d,d.png,w,0")
    assert project.run() == []


def test_a_changed_photograph_reruns_the_sheet_and_an_equal_picture_stops_it(project):
    project.run()
    (project.folder / "c.png").write_bytes(picture("other"))
    assert project.decision("run/sheet").action is Action.LATER
    project.fakery.paint = lambda call: call.function  # every look is the same from here on
    assert project.run() == ["c/look", "run/sheet"]
    (project.folder / "c.png").write_bytes(picture("third"))
    assert project.run() == ["c/look"]


def test_a_sheet_without_pictures_is_skipped(project):
    project.rows = ["b,b.png,y,0"]
    assert project.run() == []
    assert project.outcomes["run/sheet"].status == "skipped"
    assert project.plan().nothing_to_do


def test_a_failed_row_blocks_the_sheet_and_nothing_else(project):
    project.fakery.faults = {"wan/stylization_all": [EditError("Broken", "no luck")]}
    project.run(jobs=1)
    failed = next(job for job, outcome in project.outcomes.items() if outcome.status == "failed")
    assert project.error("run/sheet") == ("blocked", "Blocked", f"needs {failed}, which failed")
    project.fakery.faults.clear()
    assert project.run() == [failed, "run/sheet"]


def test_a_refused_row_refuses_the_sheet(project):
    (project.folder / "c.png").unlink()
    assert project.run() == ["a/look"]
    assert project.error("run/sheet") == ("refused", "Refused", "needs c/look, which is refused")
    assert project.decision("run/sheet").note == "needs c/look, which is refused"


def test_a_line_that_is_no_row_refuses_the_sheet(project):
    project.rows.append("d,d.png")
    assert project.run() == ["a/look", "c/look"]
    assert project.error("run/sheet")[2] == "needs every row, and 1 of the manifest can't be read"


def test_a_deleted_sheet_is_put_back_without_work(project):
    project.run()
    (project.folder / "out" / "sheet.png").unlink()
    assert project.decision("run/sheet").reason is Reason.OUTPUT_MISSING
    assert project.run() == []
    assert (project.folder / "out" / "sheet.png").is_file()
    assert [type(entry) for entry in project.plan().entries] == [Unchanged] * 4


def test_a_lost_picture_of_a_row_is_made_again_when_the_sheet_needs_it(project):
    project.run()
    sha256 = project.outcomes["c/look"].outputs[0].sha256
    (project.folder / ".wanflow" / "objects" / sha256[:2] / sha256).unlink()
    project.steps["sheet"]["with"]["prompt"] = "other"
    assert project.decision("c/look").action is Action.RUN
    assert project.run() == ["c/look", "run/sheet"]


def test_what_follows_a_sheet_runs_once_too(project):
    project.steps["big"] = {"uses": "wan/super_resolution", "image": "steps.sheet", "per": "run"}
    project.recipe["outputs"]["sheet"]["image"] = "steps.big"
    assert project.run() == ["a/look", "c/look", "run/big", "run/sheet"]
    assert project.plan().nothing_to_do


def test_a_bypassed_step_hands_on_its_image(project):
    project.steps["look"]["otherwise"] = "bypass"
    project.run()
    photo = project.fakery.asked[-1].inputs["images.1"]
    assert photo[0].endswith("b.png")


def test_the_path_of_a_sheet_is_nobody_elses(project):
    project.recipe["outputs"]["sheet"]["to"] = "out/c.png"
    project.run()
    assert [problem.message for problem in project.plan().problems] == ['"out/c.png" is also written by row c']
    assert project.outcomes["run/sheet"].status == "refused"


# -- a matrix


def test_every_instance_has_an_address_and_a_file(project):
    project.steps["look"] |= {"matrix": MATRIX, "exclude": [{"style": "gold", "strength": 0.7}]}
    project.steps["look"]["with"] = {"prompt": "${{ matrix.style }}", "strength": "${{ matrix.strength }}"}
    del project.steps["sheet"], project.recipe["outputs"]["sheet"]
    project.rows = project.rows[:1]
    project.recipe["outputs"]["look"]["to"] = "out/${{ row.id }}-${{ matrix.style }}-${{ matrix.strength }}.png"
    assert project.run() == ["a/look@book-0.4", "a/look@book-0.7", "a/look@gold-0.4"]
    files = sorted(path.name for path in (project.folder / "out").iterdir())
    assert files == ["a-book-0.4.png", "a-book-0.7.png", "a-gold-0.4.png"]
    asked = sorted((call.parameters["prompt"], call.parameters["strength"]) for call in project.fakery.asked)
    assert asked == [("foil", 0.4), ("picture book", 0.4), ("picture book", 0.7)]


def test_renaming_a_value_runs_nothing_and_equal_values_are_done_once(project):
    project.steps["look"] |= {"matrix": {"style": {"a": "x", "b": "y"}}, "with": {"prompt": "${{ matrix.style }}"}}
    project.recipe["outputs"]["look"]["to"] = "out/${{ row.id }}-${{ matrix.style }}.png"
    project.rows = project.rows[:1]
    assert project.run() == ["a/look@a", "a/look@b", "run/sheet"]
    project.steps["look"]["matrix"] = {"style": {"a": "x", "c": "y", "d": "y"}}
    assert project.run() == ["run/sheet"]  # which now takes three pictures


def test_a_condition_may_read_the_matrix(project):
    project.steps["look"] |= {"matrix": {"style": ["x", "y"]}, "when": "matrix.style == 'x'"}
    project.recipe["outputs"]["look"]["to"] = "out/${{ row.id }}-${{ matrix.style }}.png"
    assert project.run() == ["a/look@x", "b/look@x", "c/look@x", "run/sheet"]


def test_all_pictures_of_a_row_leave_out_what_is_skipped(project):
    project.steps["look"] |= {"matrix": {"style": ["x", "y"]}, "when": "matrix.style == 'x' and row.show == '1'"}
    project.steps["both"] = {"uses": "wan/i2i", "images": ["row.photo", "steps.look.all"], "with": {"prompt": "both"}}
    project.steps["alone"] = {"uses": "wan/i2i", "images": "steps.look.all", "with": {"prompt": "alone"}}
    del project.steps["sheet"], project.recipe["outputs"]
    project.run()
    taken = {call.parameters["prompt"]: [] for call in project.fakery.asked}
    for call in project.fakery.asked:
        taken[call.parameters["prompt"]].append(len(call.inputs))
    assert (sorted(taken["both"]), taken["alone"]) == ([1, 2, 2], [1, 1])
    assert project.outcomes["b/alone"].status == "skipped"


def test_instances_are_called_by_maps_first_and_then_by_key():
    matrix = {"b": [1, 2], "c": {"named": 3}, "a": [True]}
    assert [one.name for one in instances(matrix, [])[0]] == ["named-true-1", "named-true-2"]
    assert [one.name for one in instances(dict(reversed(matrix.items())), [{"b": "1"}])[0]] == ["named-true-2"]
