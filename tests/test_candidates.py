"""Candidates: one task makes several, a rule picks one, steps.ID.all is the list; only the missing are asked for."""

import pytest
from choosers import Project
from fakes import PRICE

from wanflow.model import Action, Reason


@pytest.fixture
def project(tmp_path):
    project = Project(tmp_path, rows=1)
    project.clean["pick"] = {"by": "first"}
    return project


def made(project):
    """What each call was asked, in words."""
    return [(call.function, call.parameters.get("n", 1), call.parameters.get("seed")) for call in project.fakery.asked]


def test_candidates_are_one_call(project):
    assert project.run() == ["0001/clean", "0001/detail", "0001/wide"]
    assert made(project) == [("wan/description_edit", 3, 7), ("wan/super_resolution", 1, None), ("wan/expand", 1, None)]
    assert len(set(project.blobs("0001/clean"))) == 3
    assert project.run() == []


def test_each_candidate_is_paid(project):
    plan = project.plan(paid=True)
    assert plan.totals.images == plan.totals.images_paid == 5
    assert plan.totals.paid_tasks == 3
    assert (plan.totals.usd, plan.totals.usd_worst) == (3 * PRICE, 5 * PRICE)
    project.run(paid=True)
    assert project.record.usd == 5 * PRICE
    assert project.record.head()["totals"]["images"] == 5


def test_the_first_one_goes_on_unless_told(project):
    del project.clean["pick"]
    project.run()
    [detail] = [call for call in project.fakery.asked if call.function == "wan/super_resolution"]
    assert detail.inputs["image"][1] == project.blobs("0001/clean")[0]


def test_more_candidates_ask_for_the_missing_only(project):
    project.run()
    before = project.blobs("0001/clean")
    project.clean["candidates"] = 4
    decision = project.jobs()["0001/clean"]
    assert (decision.action, decision.reason, decision.images) == (Action.RUN, Reason.PARAMS_CHANGED, 1)
    assert [str(change) for change in decision.changes] == ["n: 3 → 4"]
    assert project.run() == ["0001/clean"]
    assert made(project) == [("wan/description_edit", 1, 10)]
    assert project.blobs("0001/clean")[:3] == before
    assert len(set(project.blobs("0001/clean"))) == 4
    assert project.run() == []


def test_further_candidates_are_those_that_one_call_had_made(project, tmp_path):
    project.run()
    project.clean["candidates"] = 4
    project.run()
    other = Project(tmp_path / "other", rows=1) if (tmp_path / "other").mkdir() is None else None
    other.clean.update(project.clean)
    other.run()
    assert other.blobs("0001/clean") == project.blobs("0001/clean")


@pytest.mark.parametrize("count", [1, 2])
def test_fewer_candidates_are_there_already(project, count):
    project.run()
    before = project.blobs("0001/clean")
    project.clean["candidates"] = count
    if count == 1:
        del project.clean["pick"]
    assert project.run() == []
    assert project.run() == []
    if count == 2:
        assert project.blobs("0001/clean") == before[:2]


def test_a_partial_result_is_kept(project):
    project.fakery.lost["wan/description_edit"] = 1
    assert len(project.run()) == 3
    assert project.run() == []
    decision = project.jobs(every_row=True)["0001/clean"]
    assert (decision.action, decision.note) == (Action.REUSE, "only 2 of 3 candidates came")


def test_a_top_up_asks_for_what_is_missing(project):
    project.fakery.lost["wan/description_edit"] = 1
    project.run(paid=True)
    assert project.record.usd == 4 * PRICE
    plan = project.plan(paid=True, top_up=True)
    assert (plan.totals.run, plan.totals.images, plan.totals.usd) == (1, 3, PRICE)
    assert project.run(paid=True, top_up=True) == ["0001/clean"]
    assert made(project) == [("wan/description_edit", 1, 9)]
    assert project.record.usd == PRICE
    assert len(set(project.blobs("0001/clean"))) == 3
    assert project.run(paid=True, top_up=True) == []


def test_a_top_up_asks_once_for_what_a_run_found_missing_itself(project):
    project.rows = ["0001,1.png,same", "0002,2.png,other", "0003,1.png,same"]
    project.fakery.lost["wan/description_edit"] = 1
    plan = project.plan(paid=True, top_up=True)
    project.run(paid=True, top_up=True)  # two at a time, so that the third begins when the first has two of three
    assert [number for function, number, _ in made(project) if function == "wan/description_edit"] == [3, 3]
    assert project.record.usd <= plan.totals.usd_worst
    assert project.run(paid=True, top_up=True)[0] == "0001/clean"
    assert [number for function, number, _ in made(project) if function == "wan/description_edit"] == [1]


def test_all_is_every_candidate(project):
    project.recipe["steps"]["sheet"] = {"uses": "local/contact_sheet", "images": "steps.clean.all"}
    project.run()
    [sheet] = [call for call in project.fakery.asked if call.function == "local/contact_sheet"]
    assert [sheet.inputs[f"images.{place}"][1] for place in range(3)] == project.blobs("0001/clean")


def test_all_leaves_out_what_never_came(project):
    project.recipe["steps"]["sheet"] = {"uses": "local/contact_sheet", "images": "steps.clean.all"}
    project.fakery.lost["wan/description_edit"] = 2
    project.run()
    [sheet] = [call for call in project.fakery.asked if call.function == "local/contact_sheet"]
    assert len(sheet.inputs) == 1
    assert project.run() == []


def test_a_sheet_of_the_whole_run_takes_the_candidates_of_every_row(project):
    project.rows += ["0002,2.png,x"]
    sheet = {"uses": "local/contact_sheet", "images": "steps.clean.all", "per": "run"}
    project.recipe["steps"]["sheet"] = sheet
    project.run()
    [call] = [call for call in project.fakery.asked if call.function == "local/contact_sheet"]
    wanted = [*project.blobs("0001/clean"), *project.blobs("0002/clean")]
    assert [call.inputs[f"images.{place}"][1] for place in range(6)] == wanted
    assert project.run() == []


def test_top_is_how_many_go_on(project):
    project.recipe["steps"]["sheet"] = {"uses": "local/contact_sheet", "images": "steps.clean.all"}
    project.clean["pick"] = {"by": "first", "top": 2}
    project.run()
    [sheet] = [call for call in project.fakery.asked if call.function == "local/contact_sheet"]
    assert [sheet.inputs[f"images.{place}"][1] for place in range(2)] == project.blobs("0001/clean")[:2]
    assert len(sheet.inputs) == 2


def test_a_matrix_has_candidates_for_each_instance(project):
    project.clean["matrix"] = {"how": ["a", "b"]}
    project.clean["with"]["prompt"] = "clean ${{ matrix.how }}"
    project.recipe["steps"]["detail"]["image"] = "steps.clean@a"
    assert project.run() == ["0001/clean@a", "0001/clean@b", "0001/detail", "0001/wide"]
    assert sorted(project.images()) == [1, 1, 3, 3]


def test_a_candidate_that_is_lost_and_not_needed_is_not_made_again(project):
    project.run()
    lost = project.blobs("0001/clean")[2]
    (project.folder / ".wanflow" / "objects" / lost[:2] / lost).unlink()
    project.recipe["steps"]["detail"]["with"]["upscale_factor"] = 3
    assert project.run() == ["0001/detail", "0001/wide"]
