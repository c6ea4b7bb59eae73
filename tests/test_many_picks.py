"""Two hundred rows that wait for picks, of which fifty are made by a file."""

import difflib

from choosers import Project

from wanflow import picking
from wanflow.opening import looking

ROWS = 200
PICKED = range(1, ROWS + 1, 4)


def saved(project, folder):
    """A file as a page saves it: the second candidate of every fourth row."""
    jobs = project.jobs(every_row=True)
    lines = ["wanflow: 1", "recipe: r.yaml", "picks:"]
    for number in PICKED:
        digest = jobs[f"{number:04}/clean"].chosen.candidates[1].sha256
        when = f"2026-11-21T12:00:{number % 60:02}Z"
        lines.append(f'- {{row: "{number:04}", step: clean, sha256: {digest}, when: "{when}"}}')
    file = folder / "saved.yaml"
    file.write_text("\n".join(lines) + "\n")
    return file


def test_fifty_of_two_hundred_picks_run_what_hangs_on_them(tmp_path):
    project = Project(tmp_path, rows=ROWS)
    assert project.run(jobs=8) == [f"{number:04}/clean" for number in range(1, ROWS + 1)]
    assert (project.record.exit_code, project.record.open_picks) == (4, {"clean": ROWS})
    with looking(project.write(), picking.everything(project.options())) as planner:
        found = picking.Picking(planner).take_in(saved(project, tmp_path))
    assert (len(found.taken), found.problems) == (50, ())
    before = project.picks.read_text().splitlines(keepends=True)

    wanted = sorted(f"{number:04}/{step}" for number in PICKED for step in ("detail", "wide"))
    assert project.run(jobs=8) == wanted
    assert (project.record.exit_code, project.record.open_picks) == (4, {"clean": 150})
    assert project.run(jobs=8) == []

    picking.pick(project.write(), ["0001/clean#3", "0002/clean#1"], project.options())
    diff = list(difflib.unified_diff(before, project.picks.read_text().splitlines(keepends=True), n=0))
    changes = [line[:35] for line in diff if line[1:3] == "- "]
    assert changes == [
        '-- {row: "0001", step: "clean", sha',
        '+- {row: "0001", step: "clean", sha',
        '+- {row: "0002", step: "clean", sha',
    ]
    assert project.run(jobs=8) == ["0001/detail", "0001/wide", "0002/detail", "0002/wide"]
