"""Takes and frozen results: a further result beside the first, and one that is kept whatever the recipe says."""

import os
from datetime import UTC, datetime

import pytest
from choosers import Project
from fakes import PRICE

from wanflow import api, cache, picking
from wanflow.errors import StoreError, UsageError
from wanflow.model import Action, Reason
from wanflow.opening import looking
from wanflow.telling import explain, picktext, plantext

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.fixture
def project(tmp_path):
    project = Project(tmp_path, rows=2)
    del project.clean["pick"], project.clean["candidates"]
    return project


def looked(project, work, **options):
    with looking(project.write(), picking.everything(project.options(**options))) as planner:
        return work(picking.Picking(planner, lambda: NOON))


def take(project, name, job="0001/clean", **options):
    return looked(project, lambda found: found.take(job, name), **options)


def use(project, name, job="0001/clean"):
    looked(project, lambda found: found.use(job, name))


def freeze(project, address):
    return looked(project, lambda found: found.freeze(address))


def seeds(project):
    return [call.parameters.get("seed") for call in project.fakery.asked if call.function == "wan/description_edit"]


# -- takes


def test_a_take_is_the_same_request_with_the_next_seed(project):
    project.run(paid=True)
    take(project, "calmer", paid=True)
    plan = project.plan(paid=True)
    decisions = {f"{row}/{d.step}": d for row, d in plan.decisions() if d.action is not Action.REUSE}
    assert decisions["0001/clean"].reason is Reason.TAKE
    assert [str(change) for change in decisions["0001/clean"].changes] == ["take: first → calmer"]
    assert (plan.totals.run, plan.totals.later, plan.totals.usd) == (1, 2, PRICE)
    assert project.run(paid=True) == ["0001/clean", "0001/detail", "0001/wide"]
    assert seeds(project) == [8]


def test_going_back_to_a_take_costs_nothing(project):
    project.run()
    take(project, "calmer")
    project.run()
    take(project, "bolder")
    assert len(project.run()) == 3
    assert seeds(project) == [9]
    for name in ("first", "calmer", "bolder", "first"):
        use(project, name)
        assert project.run() == []
        assert project.record.exit_code == 0


def test_each_take_has_its_own_picture(project):
    project.run()
    first = shown_digest(project)
    take(project, "calmer")
    project.run()
    second = shown_digest(project)
    assert first != second
    use(project, "first")
    project.run()
    assert shown_digest(project) == first


def shown_digest(project):
    return project.jobs(every_row=True)["0001/clean"].result.blobs[0].sha256


def test_takes_stand_as_text(project):
    project.run()
    take(project, "calmer")
    take(project, "bolder")
    use(project, "calmer")
    lines = [line for line in project.picks.read_text().splitlines() if line.startswith("- ")]
    assert lines == [
        '- {row: "0001", step: "clean", name: "calmer", ahead: 1, used: true, when: "2026-11-21T12:00:00Z"}',
        '- {row: "0001", step: "clean", name: "bolder", ahead: 2, when: "2026-11-21T12:00:00Z"}',
    ]
    assert looked(project, picktext.takes_text) == "0001/clean: first, calmer (goes on), bolder"


def test_candidates_of_a_take_begin_after_those_there_are(project):
    project.clean["candidates"] = 3
    project.run()
    before = project.blobs("0001/clean")
    take(project, "calmer")
    project.run()
    assert seeds(project) == [10]
    assert project.images()[0] == 3
    assert set(project.blobs("0001/clean")).isdisjoint(before)


@pytest.mark.parametrize(
    ("job", "name", "said"),
    [
        ("0001/clean", "first", '"first" can\'t be the name of a take'),
        ("0001/clean", "So so", '"So so" can\'t be the name of a take'),
        ("0001/clena", "x", "0001/clena: there is no step clena. Did you mean clean?"),
        ("0001/small", "x", "local/fit makes the same picture each time, so it has one take"),
    ],
)
def test_what_can_be_no_take_is_told(project, job, name, said):
    project.recipe["steps"]["small"] = {"uses": "local/fit", "image": "row.photo", "with": {"max_side": 600}}
    with pytest.raises(UsageError) as caught:
        take(project, name, job)
    assert said in str(caught.value)


def test_a_take_that_is_there_is_used_and_not_made(project):
    take(project, "calmer")
    with pytest.raises(UsageError, match="0001/clean has a take calmer already; --use calmer lets it go on"):
        take(project, "calmer")
    with pytest.raises(UsageError, match=r"0001/clean has no take clamer\. Did you mean calmer\?"):
        use(project, "clamer")


def old(project):
    """As if all that is stored were stored long ago."""
    for path in (project.folder / ".wanflow" / "objects").rglob("*"):
        if path.is_file():
            os.utime(path, (1_000_000_000, 1_000_000_000))


def test_tidying_up_keeps_every_take(project):
    project.run()
    take(project, "calmer")
    project.run()
    second = shown_digest(project)
    use(project, "first")
    first = shown_digest(project)
    old(project)
    gone = {item.path.name for item in cache.gc(project.folder).items}
    assert gone.isdisjoint({first, second})
    assert "0001/clean" not in project.run()
    use(project, "calmer")
    assert "0001/clean" not in project.run()


# -- frozen results


def test_a_frozen_result_is_kept_whatever_the_recipe_says(project):
    project.run()
    frozen = freeze(project, "0001/detail")
    project.recipe["steps"]["detail"]["with"]["upscale_factor"] = 3
    plan = project.plan()
    decision = project.jobs()["0001/detail"]
    assert (decision.action, decision.reason, decision.note) == (
        Action.REUSE,
        Reason.FROZEN,
        "frozen, differs from recipe",
    )
    assert [str(change) for change in decision.changes] == ["upscale_factor: 2 → 3"]
    assert "  0001/detail: frozen, differs from recipe; upscale_factor: 2 → 3" in plantext.reasons_text(plan)
    assert project.run() == ["0002/detail", "0002/wide"]
    assert project.jobs()["0001/detail"].result.blobs[0].sha256 == frozen.sha256
    assert project.jobs()["0001/detail"].note == "frozen, differs from recipe"  # and it goes on telling so


def test_a_frozen_result_that_does_not_differ_is_silent(project):
    project.run()
    freeze(project, "0001/detail")
    assert project.run() == []
    assert project.jobs(every_row=True)["0001/detail"].note == ""


def test_a_frozen_result_is_not_even_made_anew_by_force(project):
    project.run()
    freeze(project, "0001/detail")
    assert "0001/detail" not in project.run(force=True)


def test_thawing_lets_the_recipe_decide(project):
    project.run()
    freeze(project, "0001/detail")
    project.recipe["steps"]["detail"]["with"]["upscale_factor"] = 3
    project.run()
    looked(project, lambda found: found.thaw("0001/detail"))
    assert [str(change) for change in project.jobs()["0001/detail"].changes] == ["upscale_factor: 2 → 3"]
    assert project.run() == ["0001/detail", "0001/wide"]
    with pytest.raises(UsageError, match="0001/detail is not frozen"):
        looked(project, lambda found: found.thaw("0001/detail"))


def test_what_only_a_frozen_result_is_made_of_is_not_made(project):
    project.run(paid=True)
    looked(project, lambda found: found.freeze("0001/detail"), paid=True)
    project.clean["with"]["prompt"] = "other ${{ row.words }}"
    decisions = project.jobs(paid=True)
    assert (decisions["0001/clean"].action, decisions["0001/clean"].reason) == (Action.SKIP, Reason.FROZEN)
    assert decisions["0001/detail"].note == "frozen, may differ from recipe"
    assert project.run(paid=True) == ["0002/clean", "0002/detail", "0002/wide"]
    assert project.record.exit_code == 0
    project.recipe["outputs"]["clean"] = {"image": "steps.clean", "to": "out/clean/${{ row.id }}.png"}
    assert project.run(paid=True) == ["0001/clean"]


def test_one_of_several_candidates_can_be_frozen(project):
    project.clean["candidates"], project.clean["pick"] = 3, {"by": "hand"}
    project.run()
    with pytest.raises(UsageError, match="0001/clean waits for a pick; freeze one of its candidates: 0001/clean#1"):
        freeze(project, "0001/clean")
    freeze(project, "0001/clean#2")
    assert project.run() == ["0001/detail", "0001/wide"]
    assert project.record.open_picks == {"clean": 1}


def test_what_has_no_result_can_not_be_frozen(project):
    with pytest.raises(UsageError, match="0001/clean has no result yet that could be frozen; run the recipe first"):
        freeze(project, "0001/clean")


def test_a_frozen_picture_that_is_gone_is_told_with_its_remedy(project):
    project.run()
    frozen = freeze(project, "0001/detail")
    name = f".wanflow/objects/{frozen.sha256[:2]}/{frozen.sha256}"
    (project.folder / name).unlink()
    plan = project.plan(every_row=True)
    assert [problem.text() for problem in plan.problems] == [
        f"picks/archive.yaml:6:3: 0001/detail is frozen, and its picture {frozen.sha256[:12]} is missing in this store"
        f" [frozen]\n    row 0001\n    Bring {name} from where it was frozen, or let it be made anew:"
        " wanflow thaw r.yaml 0001/detail"
    ]


def test_tidying_up_keeps_what_is_frozen_and_what_was_picked(project):
    project.clean["candidates"], project.clean["pick"] = 3, {"by": "hand"}
    project.run()
    picking.pick(project.write(), ["0001/clean#2"], project.options())
    kept = {project.blobs("0001/clean")[1], freeze(project, "0002/clean#3").sha256}
    project.rows = [row.replace(",w", ",other") for row in project.rows]
    project.run()
    old(project)
    gone = {item.path.name for item in cache.gc(project.folder).items if item.kind == "picture"}
    assert gone
    assert not gone & kept
    assert not gone & set(project.blobs("0001/clean"))  # all candidates of an open pick are there


def test_tidying_up_stops_at_picks_that_can_not_be_read(project):
    project.run()
    freeze(project, "0001/detail")
    project.picks.write_text("wanflow: 2\n")
    with pytest.raises(StoreError, match="nothing was removed, since what was picked can't be read"):
        cache.gc(project.folder)


def test_a_frozen_result_is_explained_once(project):
    project.run()
    looked(project, lambda found: found.freeze("0001/wide"))
    project.recipe["steps"]["detail"]["with"]["upscale_factor"] = 3
    plan, jobs = api.explain(project.write(), ["0001/wide"], project.options())
    assert explain.jobs_text(plan, jobs).splitlines()[1] == (
        "  It does not run: its result is stored; frozen, may differ from recipe."
    )
