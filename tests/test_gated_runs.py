"""Runs of steps with gates: what is paid in a plan, in a run and in the next one; what becomes of what is unfit."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
from pathlib import Path

import pytest
from fakes import PRICE
from gated import BLANK, GOOD, OTHER, SIZE, Gated, blank_for, images
from jsonschema import Draft202012Validator
from projects import coded, gradient, statuses

from wanflow import api
from wanflow.documents.schemas import load
from wanflow.errors import RecipeError
from wanflow.language.selection import Wish
from wanflow.model import Action, Outcome, Reason, Status
from wanflow.planning.explain import jobs_json
from wanflow.planning.planjson import plan_json
from wanflow.planning.planned import Plan
from wanflow.record import RunRecord
from wanflow.telling.explain import jobs_text
from wanflow.telling.plantext import plan_text, reasons_text

NOT_BLANK = "expect: {not: [blank]}"


def told(plan: Plan) -> list[tuple[Action, Reason, str, int]]:
    """What is decided of every job."""
    Draft202012Validator(load("plan.schema.json")).validate(json.loads("".join(plan_json(plan))))
    return [(made.action, made.reason, made.note, made.rerolls) for _, made in plan.decisions()]


def at_worst(plan: Plan) -> tuple[float, float]:
    """What a plan costs at least and at most, in pictures."""
    assert plan.totals.images_paid == images(plan.totals.usd_worst) == plan.totals.paid_tasks
    return images(plan.totals.usd), images(plan.totals.usd_worst)


def paid(record: RunRecord) -> float:
    """What a run cost, in pictures."""
    entry = json.loads("".join(record.json()))
    Draft202012Validator(load("run.schema.json")).validate(entry)
    assert record.usd is not None
    assert entry["totals"]["usd"] == float(record.usd)
    assert entry["totals"]["paid_tasks"] == images(record.usd)
    return images(record.usd)


def only(record: RunRecord) -> Outcome:
    (outcome,) = record.outcomes
    return outcome


def test_a_picture_that_is_as_expected_goes_on(tmp_path: Path) -> None:
    project = Gated(tmp_path, f"{NOT_BLANK}, reroll: 2")
    assert at_worst(project.plan()) == (1, 3)
    assert told(project.plan()) == [(Action.RUN, Reason.NEW, "", 2)]
    record = project.run()
    assert (record.exit_code, paid(record), project.seeds()) == (0, 1, [None])
    assert project.out("a") == GOOD
    again = project.run()
    assert (again.exit_code, paid(again), project.seeds()) == (0, 0, [])
    assert again.unchanged_rows == 1


def test_a_failed_gate_is_told_with_what_was_measured_and_paid_once(tmp_path: Path) -> None:
    project = Gated(tmp_path, "expect: {max_similarity: 0.1}")
    assert at_worst(project.plan()) == (1, 1)
    record = project.run()
    outcome = only(record)
    assert (record.exit_code, paid(record), outcome.status, outcome.error_code) == (1, 1, Status.FAILED, "GateFailed")
    assert str(outcome.error_message).startswith("similarity 0.")
    assert str(outcome.error_message).endswith(", expected at most 0.1")
    assert not (tmp_path / "out").exists()
    (decided,) = told(project.plan())
    assert decided == (Action.SKIP, Reason.UNFIT, outcome.error_message, 0)
    again = project.run()
    assert (again.exit_code, paid(again), project.seeds()) == (1, 0, [None])
    assert (only(again).error_code, only(again).error_message) == ("GateFailed", outcome.error_message)


def test_the_plan_shows_a_failed_gate(tmp_path: Path) -> None:
    project = Gated(tmp_path, NOT_BLANK, painted=blank_for(None))
    project.run()
    plan = project.plan()
    first, *_, line = plan_text(plan).splitlines()
    assert first == "gated at Somewhere: nothing to do; 0 reused"
    assert line.endswith("failed its gate, or what it needs did")
    assert reasons_text(plan) == "  a/paint: failed its gate: it is blank"
    explained = api.explain(tmp_path / "r.yaml", ["a/paint"], project.options())
    assert "It does not run: it failed its gate: it is blank." in jobs_text(*explained)
    Draft202012Validator(load("explain.schema.json")).validate(json.loads(json.dumps(jobs_json(*explained))))


def test_explain_tells_of_a_later_try_what_was_asked_first(tmp_path: Path) -> None:
    project = Gated(tmp_path, f"{NOT_BLANK}, reroll: 2", painted=blank_for(None))
    project.run()
    ((_, _, note, _),) = told(project.plan(every_row=True))
    assert note == "this is try 2 of 3; those before failed the gate"
    explained = jobs_text(*api.explain(tmp_path / "r.yaml", ["a/paint"], project.options()))
    assert f"It does not run: its result is stored. {note}" in explained
    assert ", as last time; it is made of" in explained


def test_an_unfit_picture_is_made_again_with_the_next_seed(tmp_path: Path) -> None:
    project = Gated(tmp_path, f"{NOT_BLANK}, reroll: 2", painted=blank_for(None))
    record = project.run()
    outcome = only(record)
    assert (record.exit_code, paid(record), project.seeds()) == (0, 2, [None, 1])
    assert (outcome.status, outcome.usd) == (Status.DONE, 2 * PRICE)
    assert [made.unfit for made in outcome.tries] == ["it is blank", ""]
    assert len({made.task_id for made in outcome.tries} - {None}) == 2
    assert project.out("a") == GOOD
    again = project.run()
    assert (again.exit_code, paid(again), project.seeds()) == (0, 0, [])


def test_a_given_seed_counts_on_and_wraps(tmp_path: Path) -> None:
    top = 2_147_483_647
    gate = f"{NOT_BLANK}, reroll: 3"
    project = Gated(tmp_path, gate, painted=blank_for(top - 1, top, 0))
    recipe = tmp_path / "r.yaml"
    recipe.write_text(recipe.read_text().replace("{prompt: x}", f"{{prompt: x, seed: {top - 1}}}"))
    assert paid(project.run()) == 4
    assert project.seeds() == [top - 1, top, 0, 1]


def test_when_no_try_is_fit_all_are_told_and_none_is_paid_again(tmp_path: Path) -> None:
    project = Gated(tmp_path, f"{NOT_BLANK}, reroll: 1", painted=lambda call: BLANK)
    assert at_worst(project.plan()) == (1, 2)
    record = project.run()
    assert (record.exit_code, paid(record), only(record).usd) == (1, 2, 2 * PRICE)
    assert only(record).error_message == "it is blank (2 of 2 tries)"
    assert told(project.plan()) == [(Action.SKIP, Reason.UNFIT, "it is blank (2 of 2 tries)", 0)]
    again = project.run()
    assert (again.exit_code, paid(again), only(again).error_message) == (1, 0, "it is blank (2 of 2 tries)")
    assert project.seeds() == [None, 1]


def test_another_gate_judges_what_is_stored_anew_for_nothing(tmp_path: Path) -> None:
    project = Gated(tmp_path, f"{NOT_BLANK}, reroll: 1", painted=blank_for(None))
    assert (paid(project.run()), project.seeds()) == (2, [None, 1])
    project.write("expect: {min_side: 500}, reroll: 1")  # now the first try is good, and it is what counts
    assert told(project.plan()) == [(Action.REUSE, Reason.OUTPUT_MISSING, "", 0)]
    assert (paid(project.run()), project.out("a")) == (0, BLANK)
    project.write(f"{NOT_BLANK}, reroll: 1")
    assert (paid(project.run()), project.out("a")) == (0, GOOD)
    project.write("expect: {max_bytes: 1KB, not: [blank]}, reroll: 1")
    plan = project.plan()
    ((action, reason, note, _),) = told(plan)
    assert (action, reason) == (Action.SKIP, Reason.UNFIT)
    assert note.endswith("expected at most 1KB (2 of 2 tries)")
    assert (paid(project.run()), project.seeds()) == (0, [])
    project.write("expect: {max_bytes: 1KB, not: [blank]}, reroll: 2")  # one more may be made now
    assert told(project.plan())[0][:2] == (Action.RUN, Reason.REROLLED)
    assert at_worst(project.plan()) == (1, 1)


def test_no_gate_any_more_takes_the_first_picture(tmp_path: Path) -> None:
    project = Gated(tmp_path, NOT_BLANK, painted=blank_for(None))
    project.run()
    project.write("tags: [x]")
    record = project.run()
    assert (record.exit_code, paid(record), project.out("a"), project.seeds()) == (0, 0, BLANK, [None])


def test_a_changed_request_is_told_as_such_although_another_seed_was_taken(tmp_path: Path) -> None:
    project = Gated(tmp_path, f"{NOT_BLANK}, reroll: 1", painted=blank_for(None))
    project.run()
    recipe = tmp_path / "r.yaml"
    recipe.write_text(recipe.read_text().replace("prompt: x", "prompt: y"))
    plan = project.plan()
    assert [made.reason for _, made in plan.decisions()] == [Reason.PARAMS_CHANGED]
    assert reasons_text(plan) == '  a/paint: prompt: "x" → "y"'


# -- what becomes of an unfit picture

AFTER = """\
  after: {uses: local/fit, image: steps.paint, with: {max_side: 100}}
outputs:
  made: {image: steps.paint, to: "out/${{ row.id }}.png"}
  small: {image: steps.after, to: "out/${{ row.id }}-small.png"}
"""


def test_by_itself_an_unfit_picture_fails_its_row_and_no_other(tmp_path: Path) -> None:
    first = coded(gradient(*SIZE, seed=0))
    is_first = lambda call: Path(call.inputs["image"][0]).read_bytes() == first  # noqa: E731 - said where it is used
    project = Gated(tmp_path, NOT_BLANK, rows=2, more=AFTER, painted=lambda call: BLANK if is_first(call) else GOOD)
    for cost in (2, 0):
        record = project.run()
        found = statuses(record)
        assert (record.exit_code, paid(record)) == (1, cost)
        assert (found["a/paint"], found["a/after"]) == ("failed", "blocked")
        assert found.get("b/after", "reused") in ("done", "reused")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["b-small.png", "b.png"]


def test_skip_leaves_out_the_step_and_what_needs_it(tmp_path: Path) -> None:
    project = Gated(tmp_path, f"{NOT_BLANK}, otherwise: skip", more=AFTER, painted=blank_for(None))
    for cost in (1, 0):
        record = project.run()
        assert (record.exit_code, paid(record)) == (0, cost)
        assert statuses(record) == {"a/paint": "skipped", "a/after": "skipped"}
        assert record.outcomes[0].error_message == "it is blank"
        assert not (tmp_path / "out").exists()


def test_bypass_lets_the_image_go_on(tmp_path: Path) -> None:
    project = Gated(tmp_path, f"{NOT_BLANK}, otherwise: bypass", more=AFTER, painted=blank_for(None))
    for cost in (1, 0):
        record = project.run()
        found = statuses(record)
        assert (record.exit_code, paid(record), found["a/paint"]) == (0, cost, "skipped")
        assert found["a/after"] == ("done" if cost else "reused")
        assert record.outcomes[0].error_message == "it is blank; its image goes on"
        assert project.out("a") == (tmp_path / "a.png").read_bytes()
        assert (tmp_path / "out" / "a-small.png").exists()
    assert project.run().written == 0


def test_otherwise_says_the_same_of_when_and_of_expect(tmp_path: Path) -> None:
    project = Gated(tmp_path, f"when: 'row.id == \"a\"', {NOT_BLANK}", rows=2, painted=lambda call: BLANK)
    assert statuses(project.run()) == {"a/paint": "failed", "b/paint": "skipped"}  # nobody foresaw the first
    project.write(f"when: 'row.id == \"a\"', {NOT_BLANK}, otherwise: bypass")
    assert statuses(project.run()) == {"a/paint": "skipped", "b/paint": "skipped"}
    assert [project.out(name) for name in "ab"] == [(tmp_path / f"{name}.png").read_bytes() for name in "ab"]


GATHERED = """\
  sheet: {uses: local/contact_sheet, images: steps.paint.all, per: run}
outputs:
  sheet: {image: steps.sheet, to: out/sheet.png}
"""


@pytest.mark.parametrize(("otherwise", "sheet"), [("skip", "done"), ("bypass", "done"), ("fail", "blocked")])
def test_a_sheet_of_all_rows_shows_those_that_are_left(tmp_path: Path, otherwise: str, sheet: str) -> None:
    first = (coded(gradient(*SIZE, seed=0)),)
    project = Gated(
        tmp_path,
        f"{NOT_BLANK}, otherwise: {otherwise}",
        rows=3,
        more=GATHERED,
        painted=lambda call: BLANK if Path(call.inputs["image"][0]).read_bytes() in first else GOOD,
    )
    record = project.run()
    assert (statuses(record)["run/sheet"], paid(record)) == (sheet, 3)
    again = project.run()
    assert (statuses(again)["run/sheet"], paid(again)) == (sheet.replace("done", "reused"), 0)
    first = tuple(coded(gradient(*SIZE, seed=seed)) for seed in range(3))  # now none is left
    project.write(f"{NOT_BLANK}, otherwise: {otherwise}, tags: [x]")
    recipe = tmp_path / "r.yaml"
    recipe.write_text(recipe.read_text().replace("prompt: x", "prompt: y"))
    ending = {"skip": "skipped", "bypass": "done", "fail": "blocked"}[otherwise]
    assert statuses(project.run())["run/sheet"] == ending
    assert statuses(project.run())["run/sheet"] == ending.replace("done", "reused")


# -- money


def test_the_budget_stops_between_tries_and_the_next_run_goes_on(tmp_path: Path) -> None:
    project = Gated(tmp_path, f"{NOT_BLANK}, reroll: 2", painted=blank_for(None, 1))
    record = project.run(max_cost=PRICE)
    assert (record.exit_code, paid(record), only(record).status) == (3, 1, Status.NOT_STARTED)
    assert told(project.plan()) == [(Action.RUN, Reason.REROLLED, "", 1)]
    assert at_worst(project.plan()) == (1, 2)
    record = project.run()
    assert (record.exit_code, paid(record), only(record).status) == (0, 2, Status.DONE)
    assert project.seeds() == [None, 1, 2]


def killed(folder: Path) -> None:
    def paint(call: object) -> bytes:
        if getattr(call, "parameters", {}).get("seed") == 1:
            os._exit(9)
        return BLANK

    Gated(folder, f"{NOT_BLANK}, reroll: 1", painted=paint).run()


def test_a_run_killed_between_tries_goes_on_where_it_was(tmp_path: Path) -> None:
    child = multiprocessing.get_context("spawn").Process(target=killed, args=(tmp_path,))
    child.start()
    child.join(60)
    assert child.exitcode == 9
    project = Gated(tmp_path, f"{NOT_BLANK}, reroll: 1", painted=blank_for(None))
    plan = project.plan()
    assert (told(plan)[0][1], at_worst(plan)) == (Reason.IN_FLIGHT, (0, 0))
    record = project.run()
    assert (record.exit_code, only(record).status) == (0, Status.DONE)
    assert project.seeds() == []  # one was stored, the other sent


def test_equal_work_of_one_gate_is_counted_and_paid_once(tmp_path: Path) -> None:
    more = "  twin: {uses: wan/description_edit, image: row.photo, with: {prompt: x}, %s}\noutputs:\n"
    more += '  made: {image: steps.paint, to: "out/${{ row.id }}.png"}\n'
    gate = f"{NOT_BLANK}, reroll: 2"
    project = Gated(tmp_path, gate, more=more % gate, painted=blank_for(None))
    assert at_worst(project.plan()) == (1, 3)
    record = project.run()
    assert (paid(record), sorted(statuses(record).values())) == (2, ["done", "reused"])


def test_equal_work_of_another_gate_may_cost_more(tmp_path: Path) -> None:
    more = "  twin: {uses: wan/description_edit, image: row.photo, with: {prompt: x}, %s}\noutputs:\n"
    more += '  made: {image: steps.paint, to: "out/${{ row.id }}.png"}\n'
    project = Gated(
        tmp_path,
        "expect: {min_side: 100}",
        more=more % f"{NOT_BLANK}, reroll: 1",
        painted=blank_for(None),
    )
    assert at_worst(project.plan()) == (1, 2)
    record = project.run()
    assert (paid(record), statuses(record)) == (2, {"a/paint": "done", "a/twin": "done"})
    assert paid(project.run()) == 0


def test_forced_everything_is_made_anew_with_every_try(tmp_path: Path) -> None:
    project = Gated(tmp_path, f"{NOT_BLANK}, reroll: 1", painted=blank_for(None))
    project.run()
    assert at_worst(project.plan(force=True)) == (1, 2)
    assert (paid(project.run(force=True)), project.seeds()) == (2, [None, 1, None, 1])


# -- sizes that are known before


def test_a_size_that_cant_be_as_expected_is_told_before_anything_is_paid(tmp_path: Path) -> None:
    project = Gated(tmp_path, "expect: {min_side: 1000}")
    with pytest.raises(RecipeError) as caught:
        api.check(tmp_path / "r.yaml", project.options())
    assert (
        str(caught.value)
        == f"""\
{tmp_path / "r.yaml"}:5:84: paint would make 520x520 px, expected at least 1000 px a side [expect]
      paint: {{uses: wan/description_edit, image: row.photo, with: {{prompt: x}}, expect: {{min_side: 1000}}}}
                                                                                       ^ row a
    Change what makes the size, or what is expected; nothing was paid for it."""
    )
    assert (paid(project.run()), project.seeds()) == (0, [])


@pytest.mark.parametrize(("otherwise", "after"), [("skip", "skipped"), ("bypass", "done")])
def test_one_that_may_fail_is_not_paid_for_either(tmp_path: Path, otherwise: str, after: str) -> None:
    project = Gated(tmp_path, f"expect: {{min_side: 1000}}, otherwise: {otherwise}", more=AFTER)
    note = "it would be 520x520 px, expected at least 1000 px a side"
    assert told(project.plan())[0] == (Action.SKIP, Reason.UNFIT, note, 0)
    record = project.run()
    assert (record.exit_code, paid(record), statuses(record)["a/after"]) == (0, 0, after)


def test_what_is_stored_is_judged_by_its_own_size(tmp_path: Path) -> None:
    larger = coded(gradient(1040, 1040))
    project = Gated(tmp_path, "tags: [x]", painted=lambda call: larger)
    project.run()
    project.write("expect: {min_side: 1000}")  # the plan foresees 520 px, and is wrong
    assert told(project.plan()) == [(Action.REUSE, Reason.CACHED, "", 0)]


# -- what is measured


def test_a_later_plan_knows_without_the_pictures(tmp_path: Path) -> None:
    project = Gated(tmp_path, "expect: {min_similarity: 0.99}")
    project.run()
    before = told(project.plan())
    for path in (tmp_path / ".wanflow" / "objects").rglob("*"):
        if path.is_file():
            path.unlink()
    assert told(project.plan()) == before


def test_a_stored_picture_that_is_gone_before_it_was_judged_is_made_again(tmp_path: Path) -> None:
    project = Gated(tmp_path, "tags: [x]")
    project.run()
    project.write(NOT_BLANK)
    for path in (tmp_path / ".wanflow" / "objects").rglob("*"):
        if path.is_file():
            path.unlink()
    plan = project.plan()
    assert told(plan)[0][:2] == (Action.RUN, Reason.OUTPUT_MISSING)
    assert plan.notes == ["the stored picture of a/paint can't be judged; it is made again"]
    record = project.run()  # the provider still has it
    assert (record.exit_code, record.fetched, only(record).status) == (0, 1, Status.DONE)


def test_an_input_that_is_told_apart_by_its_pixels_only(tmp_path: Path) -> None:
    gate = "expect: {not: [same_as_input]}"
    same = Gated(tmp_path / "same", gate, painted=lambda call: Path(call.inputs["image"][0]).read_bytes() + b"\0")
    assert only(same.run()).error_message == "it is the same as its input"
    other = Gated(tmp_path / "other", gate, painted=lambda call: OTHER)
    assert other.run().exit_code == 0


# -- several candidates


class Several(Gated):
    """A step with three candidates, of which some are blank."""

    def write(self, gate: str) -> None:
        super().write(f"candidates: 3, {gate}")


def candidates(project: Gated, *blank: int) -> None:
    """Of the pictures of a try, those with these numbers (from 0) are blank."""
    project.painted = lambda call: [
        BLANK if number in blank else coded(gradient(*SIZE, seed=int(call.parameters.get("seed") or 0) + number))
        for number in range(int(call.parameters["n"]))
    ]


def test_of_candidates_the_first_good_one_goes_on(tmp_path: Path) -> None:
    project = Several(tmp_path, NOT_BLANK)
    candidates(project, 0)
    assert at_worst_images(project.plan()) == (3, 3)
    record = project.run()
    assert (record.exit_code, images(record.usd)) == (0, 3)
    assert project.out("a") == coded(gradient(*SIZE, seed=1))
    ((_, _, note, _),) = told(project.plan(every_row=True))
    assert note == "1 of 3 candidates failed the gate"


def test_a_try_of_candidates_takes_the_seeds_after_the_last(tmp_path: Path) -> None:
    project = Several(tmp_path, f"{NOT_BLANK}, reroll: 1")
    candidates(project, 0, 1, 2)
    recipe = tmp_path / "r.yaml"
    recipe.write_text(recipe.read_text().replace("{prompt: x}", "{prompt: x, seed: 7}"))
    assert at_worst_images(project.plan()) == (3, 6)
    record = project.run()
    assert (record.exit_code, images(record.usd), project.seeds()) == (1, 6, [7, 10])
    assert only(record).error_message == (
        "picture 1: it is blank / picture 2: it is blank / picture 3: it is blank (2 of 2 tries)"
    )


def at_worst_images(plan: Plan) -> tuple[float, float]:
    """What a plan costs at least and at most, in pictures."""
    assert plan.totals.images_paid == images(plan.totals.usd_worst)
    return images(plan.totals.usd), images(plan.totals.usd_worst)


def test_a_pick_by_hand_is_among_the_good_ones(tmp_path: Path) -> None:
    project = Several(tmp_path, f"{NOT_BLANK}, pick: {{by: hand}}, reroll: 2")
    candidates(project, 1)
    assert at_worst_images(project.plan()) == (3, 9)
    record = project.run()
    assert (record.exit_code, images(record.usd)) == (4, 3)
    (decision,) = [made for _, made in project.plan().decisions()]
    assert decision.chosen
    assert [blob.sha256 for blob in decision.chosen.candidates] == [
        hashlib.sha256(coded(gradient(*SIZE, seed=seed))).hexdigest() for seed in (0, 2)
    ]


# -- a part of it


def test_what_is_selected_takes_what_an_unselected_gate_lets_pass(tmp_path: Path) -> None:
    project = Gated(tmp_path, f"{NOT_BLANK}, reroll: 1", more=AFTER, painted=blank_for(None))
    project.run()
    recipe = tmp_path / "r.yaml"
    recipe.write_text(recipe.read_text().replace("max_side: 100", "max_side: 90"))
    record = project.run(wish=Wish(select=("after",)))
    assert (record.exit_code, record.usd, statuses(record)) == (0, 0, {"a/paint": "excluded", "a/after": "done"})
    project.write(f"{NOT_BLANK}, otherwise: bypass")  # the first try alone, which is blank
    recipe.write_text(recipe.read_text().replace("max_side: 100", "max_side: 80"))
    record = project.run(wish=Wish(select=("after",)))
    assert (record.exit_code, record.usd, statuses(record)["a/after"]) == (0, 0, "done")
    project.write(NOT_BLANK)
    record = project.run(wish=Wish(select=("after",)))
    assert (record.exit_code, record.usd, statuses(record)["a/after"]) == (1, 0, "blocked")


def test_failed_gates_can_be_selected(tmp_path: Path) -> None:
    project = Gated(tmp_path, NOT_BLANK, more=AFTER, painted=blank_for(None))
    project.run()
    plan = project.plan(wish=Wish(select=("state:failed",)))
    assert [(made.step, made.reason) for _, made in plan.decisions()] == [
        ("paint", Reason.UNFIT),
        ("after", Reason.EXCLUDED),
    ]
