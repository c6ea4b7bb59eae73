"""pick, take, freeze and thaw as commands, on the draft engine, with whole texts; and candidates at the emulator."""

import json
import re
import shlex
import subprocess
from decimal import Decimal

import pytest
from choosers import Project
from fakes import PRICE
from projects import WANFLOW, coded, gradient
from test_provider import SPEED, run, stats

from wanflow import api, picking
from wanflow.emulator.chance import times
from wanflow.emulator.faults import Fault
from wanflow.emulator.options import Options as Emulation
from wanflow.emulator.server import running
from wanflow.opening import looking

RECIPE = """\
wanflow: 1
name: looks
manifest: {from: rows.csv}
steps:
  look:
    uses: wan/doodle
    image: row.photo
    candidates: 2
    with: {prompt: a house, is_sketch: false}
    pick: {by: hand}
  small: {uses: local/fit, image: steps.look, with: {max_side: 64}}
outputs:
  small: {image: steps.small, to: "out/${{ row.id }}.png"}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("looks")
    (folder / "looks.yaml").write_text(RECIPE)
    (folder / "rows.csv").write_text("id,photo\n0001,a.png\n0002,b.png\n")
    for seed, name in enumerate("ab"):
        (folder / f"{name}.png").write_bytes(coded(gradient(512, 512, seed)))
    (folder / "wanflow.toml").write_text("jobs = 1\n")
    return folder


def said(folder, *words, code=0):
    """What a command says; times, sizes and measures as zeros."""
    done = subprocess.run([*WANFLOW, *words], cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == code, done.stderr
    text = re.sub(r" in [0-9.]+ s\b", " in 0 s", done.stdout or done.stderr)
    return re.sub(r" +[0-9.]+ MB  sharpness +[0-9,]+", " 0 MB  sharpness 0", text)


@pytest.mark.slow
def test_the_whole_way_from_candidates_to_files(folder):
    assert (
        said(folder, "run", "looks.yaml", code=4)
        == """\
looks: 2 done, 0 reused, 2 parked in 0 s
2 rows of look wait for a pick: wanflow pick looks.yaml
"""
    )
    assert (
        said(folder, "pick", "looks.yaml")
        == """\
looks: 2 picks open of 2 jobs with candidates

0001/look  open
  #1    512x512 0 MB  sharpness 0  .wanflow/candidates/looks/0001/look-1.png
  #2    512x512 0 MB  sharpness 0  .wanflow/candidates/looks/0001/look-2.png

0002/look  open
  #1    512x512 0 MB  sharpness 0  .wanflow/candidates/looks/0002/look-1.png
  #2    512x512 0 MB  sharpness 0  .wanflow/candidates/looks/0002/look-2.png

wanflow pick looks.yaml 0001/look#1 … chooses;
wanflow pick looks.yaml --sheet picks.html makes a page to choose in
"""
    )
    shown = [folder / f".wanflow/candidates/looks/0001/look-{number}.png" for number in (1, 2)]
    assert len({path.read_bytes() for path in shown}) == 2
    assert (
        said(folder, "plan", "looks.yaml")
        == """\
looks on draft: nothing to do before candidates are picked; 2 reused

  step   function    fidelity          run    later    reuse     skip  why
  look   wan/doodle  proxy               0        0        2        0
  small  local/fit   real                0        0        0        2  waits for a pick

  2 picks open (look 2): wanflow pick shows the candidates
  after picks: up to 2 jobs more, free
"""
    )
    assert (
        said(folder, "pick", "looks.yaml", "0001/look#2")
        == "1 choice in picks/looks.yaml, 1 pick still open; wanflow run looks.yaml goes on\n"
    )
    assert (
        said(folder, "run", "looks.yaml", code=4)
        == """\
looks: 1 done, 2 reused, 1 parked, 1 file written to out in 0 s
1 row of look waits for a pick: wanflow pick looks.yaml
"""
    )
    assert "2 picks open" in said(folder, "status")
    assert "1 pick open" in said(folder, "status")
    assert (
        said(folder, "pick", "looks.yaml", "--by", "sharpest")
        == "1 choice in picks/looks.yaml, none is open; wanflow run looks.yaml goes on\n"
    )
    assert said(folder, "run", "looks.yaml") == "looks: 1 done, 3 reused, 1 file written to out in 0 s\n"
    assert said(folder, "pick", "looks.yaml", "--undo", "0001/look") == "taken back: 0001/look\n"
    assert said(folder, "pick", "looks.yaml", "--sheet", "picks.html").startswith(
        "picks.html: 2 jobs with candidates, 1 open ("
    )
    assert said(folder, "take", "looks.yaml", "0001/small", "x", code=64) == (
        "wanflow: 0001/small: local/fit makes the same picture each time, so it has one take\n"
    )
    assert (
        said(folder, "take", "looks.yaml", "0002/look", "bolder")
        == "0002/look: wanflow run looks.yaml makes the take bolder; --use first goes back\n"
    )
    assert said(folder, "take", "looks.yaml", "--list") == "0002/look: first, bolder (goes on)\n"
    assert (
        said(folder, "take", "looks.yaml", "0002/look", "--use", "first")
        == "0002/look: the take first goes on; wanflow run looks.yaml sees to the rest\n"
    )
    assert (
        said(folder, "freeze", "looks.yaml", "0002/small")
        == "0002/small is frozen, in picks/looks.yaml; wanflow thaw lets it go\n"
    )
    assert said(folder, "thaw", "looks.yaml", "0002/small") == "0002/small follows the recipe again\n"
    assert "given one at a time" in said(folder, "pick", "looks.yaml", "0001/look#1", "--by", "first", code=64)
    assert "--use NAME; or --list alone" in said(folder, "take", "looks.yaml", "0001/look", code=64)


# -- at the emulator


def test_candidates_are_one_task_and_a_rerun_pays_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("DASHSCOPE_API_KEY", "sk-test")
    project = Project(tmp_path, rows=2)
    recipe = project.write()
    with running(Emulation(speed=SPEED, paint="echo", service=times("uniform:2:4"))) as origin:
        record, heard = run(recipe, origin)
        assert record.exit_code == 4, heard.notes
        assert (record.head()["totals"]["paid_tasks"], record.usd) == (2, 6 * PRICE)
        assert stats(origin)["images_billed"] == 6
        run(recipe, origin)
        assert stats(origin)["images_billed"] == 6
        picking.pick(recipe, ["0002/clean#3"], at(origin))
        record, heard = run(recipe, origin)
        assert record.open_picks == {"clean": 1}, heard.notes
        assert stats(origin)["images_billed"] == 8
        project.clean["candidates"] = 4
        project.write()
        record, heard = run(recipe, origin)
        assert stats(origin)["images_billed"] == 10, heard.notes  # one further candidate a row, and the pick holds
        assert record.open_picks == {"clean": 1}
        record, _ = run(recipe, origin)
        assert (stats(origin)["images_billed"], stats(origin)["duplicates"]) == (10, 0)


def test_what_the_service_failed_to_make_is_asked_for_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("DASHSCOPE_API_KEY", "sk-test")
    project = Project(tmp_path, rows=1)
    recipe = project.write()
    lost = Fault(("partial",), times=1, on=("task",))
    with running(Emulation(speed=SPEED, paint="echo", service=times("uniform:2:4"), faults=(lost,))) as origin:
        run(recipe, origin)
        assert stats(origin)["images_billed"] == 2
        run(recipe, origin)
        assert stats(origin)["images_billed"] == 2
        record, heard = run(recipe, origin, top_up=True)
        assert (stats(origin)["images_billed"], record.usd) == (3, PRICE), heard.notes
        assert len(set(blobs(recipe, origin))) == 3
        run(recipe, origin, top_up=True)
        assert stats(origin)["images_billed"] == 3


def at(origin, **more):
    return api.Options(backend="dashscope", base_url=f"{origin}/api/v1", max_cost=Decimal(5), **more)


def blobs(recipe, origin):
    with looking(recipe, at(origin, every_row=True)) as planner:
        [one] = picking.Picking(planner).candidates
        return [blob.sha256 for blob in one.chosen.candidates]


# -- the commands that are told next


STRANGE = {
    "manifest": {"from": "rows.csv"},
    "steps": {
        "look": {
            "uses": "wan/doodle",
            "image": "row.photo",
            "candidates": 2,
            "with": {"prompt": "a house", "is_sketch": False},
            "pick": {"by": "hand"},
        }
    },
    "outputs": {"look": {"image": "steps.look", "to": "out/look.png"}},
}


@pytest.fixture(scope="module")
def strange(tmp_path_factory):
    """A project whose names a shell would take for commands, and that is run with other rows than its own."""
    folder = tmp_path_factory.mktemp("strange")
    (folder / "my looks.yaml").write_text(json.dumps({"wanflow": 1, "name": "looks", **STRANGE}))
    (folder / "rows.csv").write_text("id,photo\n")
    (folder / "other.csv").write_text("id,photo\n$(touch x) & y,a.png\n")
    (folder / "a.png").write_bytes(coded(gradient(512, 512, 1)))
    return folder


@pytest.mark.slow
def test_the_next_command_can_be_pasted_into_a_shell_and_is_about_the_same_rows(strange):
    told = said(strange, "run", "my looks.yaml", "--manifest", "other.csv", "--no-proxy", "--backend", "draft", code=1)
    assert "refused" in told
    told = said(strange, "run", "my looks.yaml", "-m", "other.csv", code=4)
    next_one = re.search(r"for a pick: (wanflow .*)", told)[1]
    assert shlex.split(next_one) == ["wanflow", "pick", "my looks.yaml", "-m", "other.csv"]
    listed = said(strange, *shlex.split(next_one)[1:])
    chooses = re.search(r"(wanflow pick .*) … chooses;", listed)[1]
    assert shlex.split(chooses)[-1] == "$(touch x) & y/look#1"
    answer = subprocess.run(
        ["sh", "-c", chooses.replace("wanflow", shlex.join(WANFLOW), 1)], cwd=strange, capture_output=True, text=True
    )
    assert answer.stdout == (
        "1 choice in picks/looks.yaml, none is open; wanflow run 'my looks.yaml' -m other.csv goes on\n"
    ), answer.stderr
    assert not (strange / "x").exists()


@pytest.mark.slow
def test_candidates_of_another_backend_are_not_thought_missing(strange):
    (strange / "b.png").write_bytes(coded(gradient(512, 512, 2)))
    (strange / "none.csv").write_text("id,photo\n0001,b.png\n")
    assert said(strange, "pick", "my looks.yaml", "-m", "none.csv") == (
        "looks: there are no candidates on draft yet; run the recipe first\n"
    )


def test_an_address_without_a_row_is_told_how_to_write_one(folder):
    for address in ("0001", "#1", "0001#1"):
        job = address.partition("#")[0]
        assert said(folder, "pick", "looks.yaml", address, code=64) == (
            f'wanflow: "{job}" names no job. Write ROW/STEP, as wanflow pick lists them.\n'
        )
