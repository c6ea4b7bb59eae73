"""Picks by hand: candidates park what takes them, a choice is text by content, and only what hangs on it runs again."""

import multiprocessing
import re
from datetime import UTC, datetime

import pytest
from choosers import Project
from fakes import PRICE, Fakery

from wanflow import api, picking
from wanflow.choosing.picks import Choice, Picks, picks_of, text_of
from wanflow.documents.source import parse
from wanflow.errors import RecipeError, StoreError, UsageError
from wanflow.model import Action, Reason
from wanflow.opening import looking
from wanflow.planning.planned import Unchanged
from wanflow.telling import console, picktext, plantext

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
DOWNSTREAM = ["detail", "wide"]


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path)


def choose(project, *addresses, **more):
    return picking.pick(project.write(), addresses, project.options(), now=lambda: NOON, **more)


def looked(project, work, **options):
    with looking(project.write(), picking.everything(project.options(**options))) as planner:
        return work(picking.Picking(planner, lambda: NOON))


def of(row, *steps):
    return [f"{row}/{step}" for step in steps]


# -- parking


def test_candidates_park_what_takes_them(project):
    assert project.run() == ["0001/clean", "0002/clean", "0003/clean"]
    assert {project.statuses[job] for row in ("0001", "0003") for job in of(row, *DOWNSTREAM)} == {"parked"}
    assert project.record.exit_code == 4
    assert project.record.open_picks == {"clean": 3}
    assert console.picks_text(project.record, "r.yaml") == "3 rows of clean wait for a pick: wanflow pick r.yaml"
    assert project.run() == []
    assert project.record.exit_code == 4


def test_the_plan_says_beforehand_what_will_be_parked(project):
    before = project.plan(paid=True)
    assert (before.totals.run, before.totals.later, before.totals.parked, before.totals.picks) == (3, 0, 6, 0)
    assert (before.totals.usd_worst, before.totals.usd_after) == (9 * PRICE, 6 * PRICE)
    project.run(paid=True)
    assert project.record.usd == 9 * PRICE
    after = project.plan(paid=True)
    assert (after.totals.parked, after.totals.picks, after.totals.usd_worst) == (6, 3, 0)
    assert "  3 picks open (clean 3): wanflow pick shows the candidates" in plantext.plan_text(after)
    assert "  after picks: up to 6 jobs more, at most $0.1205 for 6 images" in plantext.plan_text(after)


def test_rows_that_are_picked_go_on_alone(project):
    project.run()
    choose(project, "0002/clean#3")
    assert {job for job, decision in project.jobs().items() if decision.action in (Action.RUN, Action.LATER)} == set(
        of("0002", *DOWNSTREAM)
    )
    assert project.run() == of("0002", *DOWNSTREAM)
    [detail] = [call for call in project.fakery.asked if call.function == "wan/super_resolution"]
    assert detail.inputs["image"][1] == project.blobs("0002/clean")[2]
    assert project.record.open_picks == {"clean": 2}


def test_all_picked_is_all_done(project):
    project.run()
    choose(project, "0001/clean#1", "0002/clean#2", "0003/clean#3")
    assert len(project.run()) == 6
    assert project.record.exit_code == 0
    assert all(isinstance(entry, Unchanged) for entry in project.plan().entries)


def test_what_takes_all_candidates_does_not_wait(project):
    project.recipe["steps"]["sheet"] = {"uses": "local/contact_sheet", "images": "steps.clean.all"}
    assert project.run() == sorted(
        [*(f"{row}/{step}" for row in ("0001", "0002", "0003") for step in ("clean", "sheet"))]
    )
    project.recipe["steps"]["sheet"]["with"] = {"columns": 2}
    assert project.run() == ["0001/sheet", "0002/sheet", "0003/sheet"]  # now that the candidates are there already


def test_with_top_even_all_waits(project):
    project.clean["pick"] = {"by": "hand", "top": 2}
    project.recipe["steps"]["sheet"] = {"uses": "local/contact_sheet", "images": "steps.clean.all"}
    assert project.run() == ["0001/clean", "0002/clean", "0003/clean"]
    choose(project, "0001/clean#3", "0001/clean#1")
    assert project.run() == ["0001/detail", "0001/sheet", "0001/wide"]
    [sheet] = [call for call in project.fakery.asked if call.function == "local/contact_sheet"]
    made = project.blobs("0001/clean")
    assert [sheet.inputs[f"images.{place}"][1] for place in range(2)] == [made[2], made[0]]


def test_a_sheet_of_the_whole_run_waits_for_every_pick(project):
    project.recipe["steps"]["sheet"] = {"uses": "local/contact_sheet", "images": "steps.detail.all", "per": "run"}
    project.run()
    assert project.statuses["run/sheet"] == "parked"
    choose(project, by="first")
    assert "run/sheet" in project.run()
    assert project.run() == []


def test_failures_count_more_than_open_picks(project):
    project.rows.append("0009,none.png,x")
    project.run()
    assert project.record.exit_code == 1


def test_parked_jobs_can_be_selected(project):
    project.run()
    plan = project.plan(wish=api.Wish(select=("state:parked",)))
    assert {f"{row}/{d.step}" for row, d in plan.decisions() if d.reason is Reason.PARKED} == {
        f"{row}/{step}" for row in ("0001", "0002", "0003") for step in DOWNSTREAM
    }
    assert plan.totals.parked == 6


def test_the_same_picks_hold_where_the_same_candidates_are_made(project, tmp_path):
    project.run()
    choose(project, "0001/clean#2", "0002/clean#2", "0003/clean#2")
    project.run()
    for path in sorted((tmp_path / ".wanflow").rglob("*"), reverse=True):
        path.unlink() if not path.is_dir() else path.rmdir()
    plan = project.plan()
    assert (plan.totals.run, plan.totals.later, plan.totals.parked) == (3, 6, 0)
    assert len(project.run()) == 9
    assert project.record.exit_code == 0


# -- picking anew


def test_another_pick_reruns_only_what_hangs_on_it(project):
    project.run()
    choose(project, "0001/clean#1", "0002/clean#1", "0003/clean#1")
    project.run()
    choose(project, "0002/clean#2")
    decisions = {job: decision for job, decision in project.jobs().items() if decision.action is not Action.REUSE}
    assert {job: decision.reason for job, decision in decisions.items()} == {
        "0002/detail": Reason.PICK_CHANGED,
        "0002/wide": Reason.UPSTREAM,
    }
    assert project.run() == of("0002", *DOWNSTREAM)
    choose(project, "0002/clean#1")
    assert project.run() == []  # back again: all of it is stored
    assert project.record.written == 1


def test_choices_whose_candidates_changed_are_stale(project):
    project.run()
    choose(project, "0001/clean#1", "0002/clean#1", "0003/clean#1")
    project.run()
    project.rows[1] = "0002,1.png,other"
    assert project.run() == ["0002/clean"]
    assert project.statuses["0002/detail"] == "parked"
    assert project.record.exit_code == 4
    plan = project.plan()
    assert "what was picked is no candidate any more: 0002/clean; pick again, or --undo it" in plan.notes
    assert project.jobs()["0002/clean"].note == "what was picked is no candidate any more; waits for a pick"
    [stale] = [one for one in looked(project, lambda found: found.candidates) if one.state == "stale"]
    assert stale.job == "0002/clean"


def test_a_choice_goes_before_a_rule(project):
    project.clean["pick"] = {"by": "first"}
    project.run()
    choose(project, "0001/clean#3")
    assert project.run() == of("0001", *DOWNSTREAM)
    looked(project, lambda found: found.undo(["0001/clean"]))
    assert project.run() == []


def test_undoing_opens_a_pick_again(project):
    project.run()
    choose(project, by="first")
    project.run()
    assert looked(project, lambda found: found.undo(["0003/clean"])) == ["0003/clean"]
    assert project.run() == []
    assert project.record.open_picks == {"clean": 1}


def test_choices_for_what_is_not_here_are_kept_and_told(project):
    project.run()
    choose(project, by="first")
    gone = project.rows.pop()
    assert "picks/archive.yaml also has choices for what isn't here, which are kept: 0003/clean" in project.plan().notes
    choose(project, "0001/clean#2")
    project.rows.append(gone)
    assert project.run() == [*of("0001", *DOWNSTREAM), *of("0002", *DOWNSTREAM), *of("0003", *DOWNSTREAM)]


# -- the file


def test_the_file_is_text_for_git(project):
    project.run()
    choose(project, "0003/clean#1", "0001/clean#2")
    before = project.picks.read_text()
    digests = {row: project.blobs(f"{row}/clean") for row in ("0001", "0002", "0003")}
    assert (
        before
        == f"""\
# What was chosen of the results of r.yaml: text for git.
# wanflow writes a line for each choice, in order of row and step, and keeps no other comments than these.
wanflow: 1
recipe: "r.yaml"
picks:
- {{row: "0001", step: "clean", sha256: {digests["0001"][1]}, when: "2026-11-21T12:00:00Z"}}
- {{row: "0003", step: "clean", sha256: {digests["0003"][0]}, when: "2026-11-21T12:00:00Z"}}
"""
    )
    choose(project, "0002/clean#3")
    more = [line for line in project.picks.read_text().splitlines() if line not in before.splitlines()]
    assert more == [f'- {{row: "0002", step: "clean", sha256: {digests["0002"][2]}, when: "2026-11-21T12:00:00Z"}}']


def test_what_is_written_is_read_again():
    picks = Picks().with_choices(
        Choice('a "b"\\ü', "clean@x-0.4", ("0" * 64,), "2026-11-21T12:00:00Z"),
        Choice("007", "clean", ("1" * 64, "a" * 64)),
    )
    text = text_of(picks, "r.yaml")
    again = picks_of(parse(text, "p.yaml"))
    assert text_of(again, "r.yaml") == text
    assert again.choice('a "b"\\ü', "clean@x-0.4") == ("0" * 64,)
    assert again.choice("007", "clean") == ("1" * 64, "a" * 64)


def test_a_faulty_file_is_told_with_its_lines(project):
    project.run()
    choose(project, "0001/clean#1")
    faulty = '- {row: "0002", stap: clean, sha256: abc}\n- {row: 7, step: clean, sha256: aa}\n'
    project.picks.write_text(project.picks.read_text() + faulty)
    with pytest.raises(RecipeError) as caught:
        project.plan()
    assert (
        f"{caught.value}\n"
        == """\
picks/archive.yaml:7:3: step is missing in picks [required]
    - {row: "0002", stap: clean, sha256: abc}
      ^
picks/archive.yaml:7:17: stap is not known in picks.1 [unknown-key]
    - {row: "0002", stap: clean, sha256: abc}
                    ^
    Did you mean step?
picks/archive.yaml:7:38: sha256 must be like the 64 digits of a sha256, got "abc" [pattern]
    - {row: "0002", stap: clean, sha256: abc}
                                         ^
picks/archive.yaml:8:9: row must be text, got 7 [type]
    - {row: 7, step: clean, sha256: aa}
            ^
    Put it in quotes to make it text: "7".
picks/archive.yaml:8:33: sha256 must be like the 64 digits of a sha256, got "aa" [pattern]
    - {row: 7, step: clean, sha256: aa}
                                    ^
"""
    )


def test_the_picks_of_another_recipe_are_refused(project):
    project.run()
    choose(project, "0001/clean#1")
    (project.folder / "other.yaml").write_text("wanflow: 1\n")
    project.picks.write_text(project.picks.read_text().replace("r.yaml", "other.yaml"))
    with pytest.raises(RecipeError, match=re.escape("these are the picks of other.yaml, not of r.yaml")):
        project.plan()


def test_a_recipe_that_moved_keeps_its_picks(project):
    project.run()
    choose(project, by="first")
    project.picks.write_text(project.picks.read_text().replace("r.yaml", "before/r.yaml"))
    assert len(project.run()) == 6


def _choose_one(recipe, row):
    picking.pick(recipe, [f"{row}/clean#1"], Fakery().options())


def test_two_that_choose_at_once_lose_nothing(tmp_path):
    project = Project(tmp_path, rows=8)
    project.run()
    rows = [f"{number:04}" for number in range(1, 9)]
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        pool.starmap(_choose_one, [(tmp_path / "r.yaml", row) for row in rows], chunksize=1)
    assert [line.split('"')[1] for line in project.picks.read_text().splitlines() if "row:" in line] == rows


# -- addresses


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("0001/clean", "0001/clean: say which of its candidates: 0001/clean#1 to #3"),
        ("0001/clean#4", "0001/clean#4: 0001/clean has the candidates #1 to #3"),
        ("0001/clean#x", "0001/clean#x: 0001/clean has the candidates #1 to #3"),
        ("0005/clean#1", "0005/clean: there is no row 0005. Did you mean 0004 or 0003 or 0002?"),
        ("0001/clena#1", "0001/clena: there is no step clena. Did you mean clean?"),
        (
            "0001/detail#1",
            "0001/detail has no candidates. Say candidates: 3 at the step detail, or choose where they are made.",
        ),
        ("0004/clean#1", "0004/clean has no candidates yet. Run the recipe first."),
    ],
)
def test_an_address_that_means_no_candidate_is_told(project, address, said):
    project.run()
    project.rows.append("0004,1.png,new")
    with pytest.raises(UsageError) as caught:
        choose(project, address)
    assert str(caught.value) == said
    assert not project.picks.exists()


def test_more_than_go_on_are_refused(project):
    project.run()
    with pytest.raises(UsageError, match="0001/clean: one candidate goes on, and 2 are named"):
        choose(project, "0001/clean#1", "0001/clean#2")


# -- files from elsewhere


def saved(project, *entries):
    """A file as a page saves it."""
    file = project.folder / "picks.yaml"
    lines = [
        f'- {{row: "{row}", step: {step}, sha256: {digest}, when: "{when}"}}' for row, step, digest, when in entries
    ]
    file.write_text("\n".join(["wanflow: 1", "recipe: r.yaml", "picks:", *lines]) + "\n")
    return file


def test_a_saved_file_is_merged_and_conflicts_are_told(project):
    project.run()
    choose(project, "0001/clean#1", "0002/clean#1")
    first, second, third = (project.blobs(f"000{number}/clean") for number in (1, 2, 3))
    earlier, later = "2026-11-20T00:00:00Z", "2026-11-22T00:00:00Z"
    file = saved(
        project,
        ("0001", "clean", first[2], earlier),
        ("0002", "clean", second[2], later),
        ("0003", "clean", third[0], earlier),
        ("0003", "detail", third[0], earlier),
    )
    found = looked(project, lambda found: found.take_in(file))
    assert (found.taken, found.same) == (("0003/clean",), ())
    assert (found.kept, found.replaced) == (("0001/clean",), ("0002/clean",))
    [problem] = found.problems
    assert problem.mark.line == 7
    assert (problem.message, problem.hint) == (
        "0003/detail has no candidates",
        "Say candidates: 3 at the step detail, or choose where they are made.",
    )
    numbers = {one.job: one.numbers for one in looked(project, lambda found: found.candidates)}
    assert numbers == {"0001/clean": [1], "0002/clean": [3], "0003/clean": [1]}


def test_a_saved_choice_of_what_is_no_candidate_is_a_problem(project):
    project.run()
    file = saved(project, ("0001", "clean", "f" * 64, ""))
    found = looked(project, lambda found: found.take_in(file))
    assert [problem.message for problem in found.problems] == ["0001/clean: ffffffffffff is none of its candidates"]
    assert not found.taken


def test_candidates_are_not_shown_where_a_link_leads(project, tmp_path):
    project.run()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / ".wanflow" / "candidates").mkdir()
    (tmp_path / ".wanflow" / "candidates" / "archive").symlink_to(elsewhere)
    with pytest.raises(StoreError, match="this is a link"):
        looked(project, lambda found: found.hang(found.candidates))
    assert not list(elsewhere.iterdir())


def test_picks_are_not_read_from_elsewhere(project, tmp_path_factory):
    project.run()
    (project.folder / "picks").symlink_to(tmp_path_factory.mktemp("elsewhere"))
    with pytest.raises(UsageError, match=r"picks/archive.yaml can't be used"):
        project.plan()


def test_of_two_lines_for_one_job_the_later_counts_wherever_it_stands(project):
    project.run()
    first, second, third = project.blobs("0001/clean")
    lines = [(second, "2026-11-21T12:00:02Z"), (third, "2026-11-21T12:00:03Z"), (first, "2026-11-21T12:00:01Z")]
    file = saved(project, *(("0001", "clean", digest, when) for digest, when in lines))
    project.picks.parent.mkdir(exist_ok=True)
    project.picks.write_text(file.read_text())
    assert [one.numbers for one in looked(project, lambda found: found.candidates)] == [[3], [], []]
    project.picks.unlink()
    assert looked(project, lambda found: found.take_in(file)).taken == ("0001/clean",)
    assert project.picks.read_text().count(third) == 1


def test_takes_and_frozen_results_of_a_file_that_is_taken_in_are_said_to_be_left(project):
    project.run()
    file = saved(project, ("0001", "clean", project.blobs("0001/clean")[1], "2026-11-21T12:00:01Z"))
    with file.open("a") as more:
        more.write("takes:\n- {row: '0001', step: clean, name: bold, ahead: 3, used: true}\n")
    found = looked(project, lambda found: found.take_in(file))
    assert picktext.imported_text(found, "saved.yaml") == (
        "1 choice taken from saved.yaml\n  1 line of takes or frozen results left there: only choices are taken in"
    )
    assert "takes" not in project.picks.read_text()


def test_a_conflict_of_a_merge_is_told_where_it_begins(project):
    project.run()
    choose(project, "0001/clean#2")
    lines = project.picks.read_text().splitlines()
    project.picks.write_text("\n".join([*lines[:-1], "<<<<<<< HEAD", lines[-1], "=======", ">>>>>>> theirs"]))
    with pytest.raises(RecipeError) as told:
        project.plan()
    [problem] = told.value.problems
    assert problem.hint == (
        "Line 6 begins a conflict of a merge: keep what counts of it, and remove the lines of <, = and >."
    )


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("recipe: r.yaml\nname: x", "name is not known at the top of this file"),
        ("picks:", "recipe is missing in this file"),
        (
            f"recipe: r.yaml\npicks: [{{row: a, step: clean, sha256: {'0' * 63}a, when: later}}]",
            'when must be like 2026-11-21T20:15:34Z, got "later"',
        ),
    ],
)
def test_what_is_wrong_in_a_file_of_picks_is_told_of_that_file(project, line, message):
    project.run()
    project.picks.parent.mkdir(exist_ok=True)
    project.picks.write_text(f"wanflow: 1\n{line}\n")
    with pytest.raises(RecipeError) as told:
        project.plan()
    assert [problem.message for problem in told.value.problems] == [message]
