"""wanflow graph: formats, files, recipes without rows, and what is told where something can't be had."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from projects import Small, three_steps

from wanflow.cli import main

PART = """wanflow: 1
inputs: {photo: {}}
params: {side: {type: integer}}
steps:
  small: {uses: local/fit, image: inputs.photo, with: {max_side: "${{ params.side }}"}}
outputs:
  it: {image: steps.small}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Small:
    project = three_steps(tmp_path / "p")
    monkeypatch.chdir(project.folder)
    return project


def wanflow(*words: str) -> Result:
    return CliRunner().invoke(main, words)


TREE = """\
photo            photos.csv  2 rows
├─ small         local/fit   2 run
│  └─ tiny       local/fit   2 later
│     └─ → tiny  out/{id}.png
└─ odd           local/fit   1 run, 1 skip; if row.id == "2", else skip
"""


def test_a_terminal_gets_lines(project: Small) -> None:
    done = wanflow("graph", "r.yaml")
    head, _, tree = done.stdout.partition("\n\n")
    assert (done.exit_code, tree) == (0, TREE)
    assert head.startswith("small on draft: 5 jobs, free, about ")


def test_what_is_selected_is_what_is_counted(project: Small) -> None:
    assert "2 skip" in next(
        line for line in wanflow("graph", "r.yaml", "-s", "odd").stdout.splitlines() if "tiny" in line
    )


def test_after_a_run_all_is_reused(project: Small) -> None:
    project.run()
    assert "small         local/fit   2 reuse\n" in wanflow("graph", "r.yaml").stdout


@pytest.mark.parametrize(
    ("name", "begins"),
    [
        ("g.svg", "<svg xmlns"),
        ("g.mmd", "flowchart TD\n"),
        ("g.dot", "digraph "),
        ("g.gv", "digraph "),
        ("g.txt", "small on"),
    ],
)
def test_a_file_is_drawn_as_its_name_ends(project: Small, name: str, begins: str) -> None:
    done = wanflow("graph", "r.yaml", "-o", name)
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "")
    assert (project.folder / name).read_text().startswith(begins)


def test_a_format_that_is_said_goes_before_the_name(project: Small) -> None:
    assert wanflow("graph", "r.yaml", "--format", "dot", "-o", "g.svg").exit_code == 0
    assert (project.folder / "g.svg").read_text().startswith("digraph ")
    assert ET.fromstring(wanflow("graph", "r.yaml", "--format", "svg").stdout).tag.endswith("svg")  # noqa: S314


def test_a_name_that_tells_no_format_is_refused(project: Small) -> None:
    done = wanflow("graph", "r.yaml", "-o", "g.pdf")
    assert done.exit_code == 64
    assert "g.pdf: say how to draw with --format, or end its name with .svg" in done.stderr
    assert not (project.folder / "g.pdf").exists()


def test_a_file_that_cannot_be_written_is_told(project: Small) -> None:
    done = wanflow("graph", "r.yaml", "-o", "photos.csv/g.svg")
    assert done.exit_code == 64
    assert "wanflow: -o: " in done.stderr
    assert "can't be written" in done.stderr


def test_without_a_plan_no_rows_are_read(project: Small) -> None:
    (project.folder / "photos.csv").unlink()
    done = wanflow("graph", "r.yaml", "--no-plan")
    assert (done.exit_code, done.stderr) == (0, "")
    assert "small         local/fit\n" in done.stdout


def test_a_recipe_is_drawn_though_its_rows_cannot_be_read(project: Small) -> None:
    (project.folder / "photos.csv").unlink()
    done = wanflow("graph", "r.yaml")
    assert done.exit_code == 0
    assert "there is no file photos.csv [file]" in done.stderr
    assert done.stderr.endswith("r.yaml is drawn without numbers\n")
    assert "small         local/fit\n" in done.stdout


def test_a_recipe_that_only_others_can_use_is_drawn(project: Small) -> None:
    (project.folder / "part.yaml").write_text(PART)
    done = wanflow("graph", "part.yaml")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == "part\n\ninputs.photo\n└─ small      local/fit\n   └─ → it\n"


def test_a_recipe_that_is_wrong_is_not_drawn(project: Small) -> None:
    project.recipe.write_text(project.recipe.read_text().replace("steps.small", "steps.smal"))
    done = wanflow("graph", "r.yaml")
    assert (done.exit_code, done.stdout) == (65, "")
    assert "there is no step smal" in done.stderr
    (project.folder / "part.yaml").write_text(PART.replace("local/fit", "local/fitt"))
    done = wanflow("graph", "part.yaml")
    assert (done.exit_code, done.stdout) == (65, "")
    assert "fitt" in done.stderr
