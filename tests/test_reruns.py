"""What runs again and what does not: the promises of a cached run, on the real loop with a fake backend."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest
from fakes import Fakery, picture

from wanflow import api
from wanflow.errors import Again, EditError, RecipeError
from wanflow.model import Action, Reason, Status

RECIPE = """\
wanflow: 1
name: demo
manifest: {from: rows.csv}
steps:
  colour:
    uses: wan/colorization
    image: row.photo
    with: {prompt: "${{ row.colours }}"}
  detail: {uses: wan/super_resolution, image: steps.colour, with: {upscale_factor: 2}}
  wide: {uses: wan/expand, image: steps.detail, with: {left_scale: 1.5}}
outputs:
  master: {image: steps.detail, to: "out/${{ row.id }}.png"}
  wide: {image: steps.wide, to: "out/wide/${{ row.id }}.png"}
"""
CHAIN = ["wan/colorization", "wan/super_resolution", "wan/expand"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / "photos").mkdir(parents=True)
    (folder / "recipe.yaml").write_text(RECIPE)
    lines = ["id,photo,colours"]
    for number in range(3):
        (folder / "photos" / f"{number}.png").write_bytes(picture(number))
        lines.append(f"000{number},photos/{number}.png,blue {number}")
    (folder / "rows.csv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture
def fakery() -> Fakery:
    return Fakery()


def run(folder: Path, fakery: Fakery, **options: object) -> list[str]:
    """Run the project; what was asked of the backend, after checking that the plan had said so."""
    before = api.plan(folder / "recipe.yaml", fakery.options(**options))
    again = api.plan(folder / "recipe.yaml", fakery.options(**options))
    assert list(before.decisions()) == list(again.decisions())
    plan, record = api.run(folder / "recipe.yaml", fakery.options(**options))
    assert list(plan.decisions()) == list(before.decisions())
    assert record
    done = [outcome.job for outcome in record.outcomes if outcome.status is Status.DONE]
    certain = [f"{row}/{decision.step}" for row, decision in plan.decisions() if decision.action is Action.RUN]
    possible = [f"{row}/{d.step}" for row, d in plan.decisions() if d.action in (Action.RUN, Action.LATER)]
    if record.exit_code == 0:
        assert set(certain) <= set(done) <= set(possible)
    return fakery.steps()


def reasons(folder: Path, fakery: Fakery, **options: object) -> dict[str, tuple[Action, Reason]]:
    plan = api.plan(folder / "recipe.yaml", fakery.options(**options))
    return {f"{row}/{d.step}": (d.action, d.reason) for row, d in plan.decisions()}


def edit(folder: Path, name: str, old: str, new: str) -> None:
    text = (folder / name).read_text()
    assert old in text
    (folder / name).write_text(text.replace(old, new))


def test_the_second_run_does_nothing(project: Path, fakery: Fakery) -> None:
    assert sorted(run(project, fakery)) == sorted(CHAIN * 3)
    assert run(project, fakery) == []


def test_a_changed_prompt_reruns_its_row_only(project: Path, fakery: Fakery) -> None:
    run(project, fakery)
    edit(project, "rows.csv", "blue 1", "red 1")
    plan = api.plan(project / "recipe.yaml", fakery.options())
    changed = [(row, d) for row, d in plan.decisions() if d.action is not Action.REUSE]
    assert [(row, d.step, d.reason) for row, d in changed] == [
        ("0001", "colour", Reason.PARAMS_CHANGED),
        ("0001", "detail", Reason.UPSTREAM),
        ("0001", "wide", Reason.UPSTREAM),
    ]
    assert [str(change) for change in changed[0][1].changes] == ['prompt: "blue 1" → "red 1"']
    assert run(project, fakery) == CHAIN
    assert run(project, fakery) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("  detail: {uses", "  sharper: {uses"),
        ("name: demo", "name: other"),
        ("with: {left_scale: 1.5}", "with: {left_scale: 1.50, top_scale: 1}"),
        ("wanflow: 1\n", "wanflow: 1\n# a remark\ndescription: changed\n"),
        ('to: "out/${{ row.id }}.png"', 'to: "results/${{ row.id }}.png"'),
    ],
    ids=["step renamed", "recipe renamed", "defaults written out", "remarks", "output elsewhere"],
)
def test_what_does_not_change_a_request_reruns_nothing(project: Path, fakery: Fakery, old: str, new: str) -> None:
    run(project, fakery)
    edit(project, "recipe.yaml", old, new)
    text = (project / "recipe.yaml").read_text()
    (project / "recipe.yaml").write_text(
        text if "sharper" not in new else text.replace("steps.detail", "steps.sharper")
    )
    assert run(project, fakery) == []


def test_reordered_and_reformatted_yaml_reruns_nothing(project: Path, fakery: Fakery) -> None:
    run(project, fakery)
    (project / "recipe.yaml").write_text(
        """\
outputs:
  wide:
    to: out/wide/${{row.id}}.png
    image: steps.wide
  master: {to: "out/${{ row.id }}.png", image: steps.detail}
steps:
  wide:
    with:
      left_scale: 1.5
    image: steps.detail
    uses: "wan/expand"
  detail: {with: {upscale_factor: 2}, uses: wan/super_resolution, image: steps.colour}
  colour: {with: {prompt: "${{ row.colours }}"}, uses: wan/colorization, image: row.photo}
manifest:
  from: rows.csv
name: demo
wanflow: 1
"""
    )
    assert run(project, fakery) == []


def test_moving_the_project_reruns_nothing(project: Path, fakery: Fakery) -> None:
    run(project, fakery)
    moved = project.rename(project.parent / "moved")
    assert run(moved, fakery) == []
    copied = Path(shutil.copytree(moved, project.parent / "copied"))
    assert run(copied, fakery) == []


def test_touching_every_file_reruns_nothing(project: Path, fakery: Fakery) -> None:
    run(project, fakery)
    for path in project.rglob("*"):
        if ".wanflow" not in path.parts:
            path.touch()
    assert run(project, fakery) == []


def test_identical_bytes_in_a_new_file_rerun_nothing(project: Path, fakery: Fakery) -> None:
    run(project, fakery)
    photo = project / "photos" / "1.png"
    data = photo.read_bytes()
    photo.unlink()
    photo.write_bytes(data)
    assert run(project, fakery) == []


def test_a_changed_photo_reruns_its_row(project: Path, fakery: Fakery) -> None:
    run(project, fakery)
    (project / "photos" / "1.png").write_bytes(picture("other"))
    assert reasons(project, fakery)["0001/colour"] == (Action.RUN, Reason.INPUT_CHANGED)
    assert run(project, fakery) == CHAIN


def test_identical_result_stops_the_rebuild(project: Path, fakery: Fakery) -> None:
    fakery.paint = lambda call: (call.function, sorted(call.parameters.items()))
    run(project, fakery)
    (project / "photos" / "1.png").write_bytes(picture("other"))
    assert run(project, fakery) == ["wan/colorization"]
    assert run(project, fakery) == []


def test_equal_work_is_done_once(project: Path, fakery: Fakery) -> None:
    edit(project, "rows.csv", "photos/1.png,blue 1", "photos/0.png,blue 0")
    plan = api.plan(project / "recipe.yaml", fakery.options())
    assert (plan.totals.run, plan.totals.later, plan.totals.reuse) == (2, 4, 3)
    assert sorted(run(project, fakery)) == sorted(CHAIN * 2)
    assert (project / "out" / "0000.png").read_bytes() == (project / "out" / "0001.png").read_bytes()


def test_force_runs_everything_again(project: Path, fakery: Fakery) -> None:
    run(project, fakery)
    assert sorted(run(project, fakery, force=True)) == sorted(CHAIN * 3)


def test_a_deleted_output_comes_back_without_a_job(project: Path, fakery: Fakery) -> None:
    run(project, fakery)
    wanted = (project / "out" / "0001.png").read_bytes()
    (project / "out" / "0001.png").unlink()
    assert reasons(project, fakery)["0001/detail"] == (Action.REUSE, Reason.OUTPUT_MISSING)
    assert run(project, fakery) == []
    assert (project / "out" / "0001.png").read_bytes() == wanted
    assert run(project, fakery) == []


def test_an_edited_output_is_kept_aside_and_put_right(project: Path, fakery: Fakery) -> None:
    run(project, fakery)
    target = project / "out" / "0001.png"
    wanted = target.read_bytes()
    target.write_bytes(b"my own work")
    assert reasons(project, fakery)["0001/detail"] == (Action.REUSE, Reason.OUTPUT_MODIFIED)
    assert run(project, fakery) == []
    assert target.read_bytes() == wanted
    kept = list((project / ".wanflow" / "kept").rglob("0001.png"))
    assert [path.read_bytes() for path in kept] == [b"my own work"]


def test_a_file_of_the_user_is_never_overwritten(project: Path, fakery: Fakery) -> None:
    (project / "out").mkdir()
    (project / "out" / "0002.png").write_bytes(b"was here before")
    run(project, fakery)
    kept = list((project / ".wanflow" / "kept").rglob("0002.png"))
    assert [path.read_bytes() for path in kept] == [b"was here before"]


def test_a_damaged_blob_is_made_again_and_said_once(project: Path, fakery: Fakery) -> None:
    run(project, fakery)
    plan = api.plan(project / "recipe.yaml", fakery.options(force=True))
    assert plan.notes == []
    blobs = [path for path in (project / ".wanflow" / "objects").rglob("*") if path.is_file()]
    for path in blobs:
        path.write_bytes(b"x" * path.stat().st_size)
    edit(project, "recipe.yaml", "left_scale: 1.5", "left_scale: 1.25")
    plan = api.plan(project / "recipe.yaml", fakery.options())
    assert len(plan.notes) == len(set(plan.notes)) == 6
    assert plan.notes[0] == "the stored picture of 0000/detail is damaged; it is made again"
    assert sorted(run(project, fakery)) == sorted(CHAIN * 3)
    assert run(project, fakery) == []


def test_one_failing_row_never_stops_the_others(project: Path, fakery: Fakery) -> None:
    fakery.faults["wan/colorization"] = [EditError("Broken", "can't be done")]
    _, record = api.run(project / "recipe.yaml", fakery.options(jobs=1))
    assert record and record.exit_code == 1
    assert {outcome.job: outcome.status for outcome in record.outcomes if outcome.status is not Status.DONE} == {
        "0000/colour": Status.FAILED,
        "0000/detail": Status.BLOCKED,
        "0000/wide": Status.BLOCKED,
    }
    fakery.steps()
    assert run(project, fakery) == CHAIN


def test_a_transient_failure_is_tried_again(project: Path, fakery: Fakery) -> None:
    fakery.faults["wan/expand"] = [EditError("Busy", "later", Again.SOON)]
    _, record = api.run(project / "recipe.yaml", fakery.options())
    assert record and record.exit_code == 0
    assert sorted(outcome.attempts for outcome in record.outcomes) == [1] * 8 + [2]


def test_the_first_failure_stops_a_run_that_shall_not_keep_going(project: Path, fakery: Fakery) -> None:
    fakery.faults["wan/colorization"] = [EditError("Broken", "can't be done")]
    _, record = api.run(project / "recipe.yaml", fakery.options(jobs=1, keep_going=False))
    assert record
    assert [o.status for o in record.outcomes][:3] == [Status.FAILED, Status.BLOCKED, Status.BLOCKED]
    assert {o.status for o in record.outcomes[3:]} == {Status.NOT_STARTED}
    assert (record.exit_code, record.interrupted) == (1, False)


def test_a_missing_photo_refuses_its_row_only(project: Path, fakery: Fakery) -> None:
    (project / "photos" / "1.png").unlink()
    plan, record = api.run(project / "recipe.yaml", fakery.options())
    assert record and record.exit_code == 1
    place = project.name if Path.cwd() == project.parent else project
    assert [problem.text() for problem in plan.problems] == [
        f"{place}/rows.csv:3:1: row.photo: photos/1.png: there is no such file [image-missing]\n    row 0001"
        "\n    Paths start at the folder of the file that names them."
    ]
    assert sorted(fakery.steps()) == sorted(CHAIN * 2)


def test_rows_go_one_after_the_other(project: Path, fakery: Fakery) -> None:
    assert run(project, fakery, jobs=1) == CHAIN * 3


def test_a_false_when_skips_or_bypasses(project: Path, fakery: Fakery) -> None:
    edit(project, "recipe.yaml", "  detail: {uses", '  detail: {when: row.id != "0001", otherwise: bypass, uses')
    edit(project, "recipe.yaml", "  wide: {uses", '  wide: {when: row.id != "0002", uses')
    assert reasons(project, fakery)["0001/detail"] == (Action.SKIP, Reason.BYPASSED)
    assert reasons(project, fakery)["0002/wide"] == (Action.SKIP, Reason.SKIPPED)
    asked = run(project, fakery)
    assert {name: asked.count(name) for name in CHAIN} == dict(zip(CHAIN, (3, 2, 2), strict=True))
    assert (project / "out" / "0001.png").exists()
    assert not (project / "out" / "wide" / "0002.png").exists()
    assert run(project, fakery) == []


def swap(path: Path, content: bytes) -> None:
    path.unlink(missing_ok=True)
    path.write_bytes(content)


class Meddler(Fakery):
    """A fake backend during whose first edit of a kind something happens to the project."""

    def __init__(self, function: str, act: object) -> None:
        super().__init__()
        self.function, self.act = function, act
        plain = self.paint
        self.paint = lambda call: (self._meddle(call.function), plain(call))[1]

    def _meddle(self, function: str) -> None:
        if function == self.function and self.act:
            act, self.act = self.act, None
            act()  # type: ignore[operator]


def old(folder: Path) -> None:
    """Give the photographs the age that photographs have."""
    for photo in (folder / "photos").iterdir():
        os.utime(photo, (1_700_000_000, 1_700_000_000))


def test_a_photo_replaced_during_a_run_is_noticed_by_the_next(project: Path) -> None:
    old(project)
    meddler = Meddler("wan/expand", lambda: swap(project / "photos" / "0.png", picture("other")))
    api.run(project / "recipe.yaml", meddler.options(jobs=1))
    assert reasons(project, meddler)["0000/colour"] == (Action.RUN, Reason.INPUT_CHANGED)
    assert reasons(project, meddler)["0001/colour"] == (Action.REUSE, Reason.CACHED)


@pytest.mark.parametrize("content", [None, b"mine"], ids=["deleted", "edited"])
def test_an_output_changed_during_a_run_is_noticed_by_the_next(project: Path, content: bytes | None) -> None:
    old(project)
    target = project / "out" / "0000.png"

    def act() -> None:
        for _ in range(100):  # the file is written beside the loop, which this act holds up
            time.sleep(0.05)
            if target.exists():
                break
        time.sleep(0.2)
        target.unlink()
        if content:
            target.write_bytes(content)

    edit(
        project,
        "recipe.yaml",
        "  wide: {uses",
        "  late: {uses: local/fit, image: steps.wide, with: {min_side: 512}}\n  wide: {uses",
    )
    meddler = Meddler("local/fit", act)
    api.run(project / "recipe.yaml", meddler.options(jobs=1))
    reason = Reason.OUTPUT_MODIFIED if content else Reason.OUTPUT_MISSING
    meddler.steps()
    assert reasons(project, meddler)["0000/detail"] == (Action.REUSE, reason)
    wanted = (project / "out" / "0001.png").stat().st_size
    assert run(project, meddler) == []
    assert target.stat().st_size == wanted


def test_renamed_columns_are_a_changed_row(project: Path, fakery: Fakery) -> None:
    old(project)
    edit(project, "rows.csv", "id,photo,colours", "id,photo,colours,other")
    (project / "rows.csv").write_text("id,photo,colours,other\n0000,photos/0.png,red,blue\n")
    run(project, fakery)
    edit(project, "rows.csv", "colours,other", "other,colours")
    assert reasons(project, fakery)["0000/colour"] == (Action.RUN, Reason.PARAMS_CHANGED)


def test_a_row_that_takes_the_path_of_an_unchanged_one_is_found(project: Path, fakery: Fakery) -> None:
    old(project)
    edit(project, "recipe.yaml", "out/${{ row.id }}.png", "out/${{ row.colours }}.png")
    run(project, fakery)
    edit(project, "rows.csv", "blue 0", "blue 1")
    plan = api.plan(project / "recipe.yaml", fakery.options())
    assert [problem.message for problem in plan.problems] == ['"out/blue 1.png" is also written by row 0000']


def test_swapped_steps_of_one_function_keep_their_own_shapes(project: Path, fakery: Fakery) -> None:
    old(project)
    steps = ['  a: {uses: local/fit, image: row.photo, when: row.id == "x", with: {min_side: 512}}\n']
    steps.append("  b: {uses: local/fit, image: row.photo, with: {min_side: 512}}\n")
    recipe = "wanflow: 1\nmanifest: {from: rows.csv}\nsteps:\n"
    (project / "recipe.yaml").write_text(recipe + "".join(steps))
    run(project, fakery)
    (project / "recipe.yaml").write_text(recipe + "".join(reversed(steps)))
    assert reasons(project, fakery)["0000/a"] == (Action.SKIP, Reason.SKIPPED)


def test_a_skipped_step_needs_no_image(project: Path, fakery: Fakery) -> None:
    edit(
        project,
        "recipe.yaml",
        "outputs:",
        '  back: {uses: local/fit, image: row.back, when: row.back != "", with: {min_side: 9}}\noutputs:',
    )
    (project / "rows.csv").write_text("id,photo,colours,back\n0000,photos/0.png,red,\n")
    assert run(project, fakery) == CHAIN
    assert run(project, fakery) == []


def test_two_bypassed_steps_hand_on_a_picture_that_must_be_whole(project: Path, fakery: Fakery) -> None:
    steps = ["  a: {uses: wan/colorization, image: row.photo}"]
    steps += [
        f"  {name}: {{uses: wan/expand, image: steps.{up}, when: false, otherwise: bypass}}"
        for name, up in ("ba", "cb")
    ]
    steps += ["  d: {uses: local/fit, image: steps.c, with: {min_side: 600}}"]
    (project / "recipe.yaml").write_text("wanflow: 1\nmanifest: {from: rows.csv}\nsteps:\n" + "\n".join(steps))
    run(project, fakery)
    shutil.rmtree(project / ".wanflow" / "objects")
    edit(project, "recipe.yaml", "min_side: 600", "min_side: 601")
    assert sorted(run(project, fakery)) == ["local/fit"] * 3 + ["wan/colorization"] * 3


def test_force_makes_a_damaged_picture_anew(project: Path, fakery: Fakery) -> None:
    run(project, fakery)
    for blob in (project / ".wanflow" / "objects").rglob("*"):
        if blob.is_file():
            blob.write_bytes(b"x" * blob.stat().st_size)
    _, record = api.run(project / "recipe.yaml", fakery.options(force=True))
    assert record and record.exit_code == 0


@pytest.mark.parametrize("link", ["out", "photo"])
def test_an_input_is_not_overwritten_through_a_link(project: Path, fakery: Fakery, link: str) -> None:
    if link == "out":
        (project / "out").symlink_to("photos")
        edit(project, "rows.csv", "photos/1.png", "photos/0001.png")
        (project / "photos" / "1.png").rename(project / "photos" / "0001.png")
    else:
        (project / "out").mkdir()
        (project / "photos" / "1.png").rename(project / "out" / "0001.png")
        (project / "photos" / "1.png").symlink_to("../out/0001.png")
    with pytest.raises(RecipeError, match=r"row 0001 would write over .* which is an input image"):
        api.run(project / "recipe.yaml", fakery.options())


def test_a_file_that_can_not_be_written_is_told_by_the_exit_code(project: Path, fakery: Fakery) -> None:
    edit(project, "recipe.yaml", "outputs:", 'outputs:\n  same: {image: row.photo, to: "out/same-${{ row.id }}.png"}')
    (project / "out" / "same-0001.png" / "x").mkdir(parents=True)
    _, record = api.run(project / "recipe.yaml", fakery.options())
    assert record and (record.exit_code, record.not_written) == (1, 1)


def test_one_bad_line_of_a_manifest_leaves_the_other_rows(project: Path, fakery: Fakery) -> None:
    with (project / "rows.csv").open("a") as rows:
        rows.write("0003,photos/0.png,red,surplus\n0001,photos/1.png,again\n,photos/1.png,x\n")
    plan, record = api.run(project / "recipe.yaml", fakery.options())
    assert record and record.exit_code == 1
    assert [problem.rule for problem in plan.problems] == ["cells", "row-key", "row-key"]
    assert sorted(fakery.steps()) == sorted(CHAIN * 3)


def test_another_output_folder_is_another_file(project: Path, fakery: Fakery) -> None:
    run(project, fakery, out=Path(project, "a"))
    run(project, fakery, out=Path(project, "b"))
    plan = api.plan(project / "recipe.yaml", fakery.options(out=Path(project, "a")))
    assert plan.nothing_to_do
    assert not (project / ".wanflow" / "kept").exists()


def test_followers_of_a_vanished_photo_do_its_work(project: Path) -> None:
    edit(project, "rows.csv", "photos/1.png,blue 1", "photos/copy.png,blue 0")
    shutil.copy(project / "photos" / "0.png", project / "photos" / "copy.png")
    fakery = Fakery(faults={"wan/colorization": [EditError("InputMissing", "0.png can't be read")]})
    _, record = api.run(project / "recipe.yaml", fakery.options())
    assert record
    status = {outcome.job: outcome.status for outcome in record.outcomes}
    assert (status["0000/colour"], status["0001/colour"]) == (Status.FAILED, Status.DONE)


def test_an_output_that_shows_a_missing_photo_is_refused_alone(project: Path, fakery: Fakery) -> None:
    edit(project, "recipe.yaml", "outputs:", 'outputs:\n  back: {image: row.back, to: "out/back-${{ row.id }}.png"}')
    edit(project, "rows.csv", "id,photo,colours", "id,photo,colours,back")
    text = (project / "rows.csv").read_text()
    (project / "rows.csv").write_text(
        "".join(
            f"{line},photos/0.png\n" if "0000" in line else f"{line},gone.png\n" if "000" in line else f"{line}\n"
            for line in text.splitlines()
        )
    )
    for _ in range(2):  # the row must not be remembered as done
        plan, record = api.run(project / "recipe.yaml", fakery.options())
        assert record and record.exit_code == 1
        assert [problem.rows for problem in plan.problems] == [("0001",), ("0002",)]
    assert sorted(fakery.steps()) == sorted(CHAIN * 3)
    assert (project / "out" / "back-0000.png").exists()
