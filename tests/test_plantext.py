import re
from pathlib import Path

import pytest
from projects import Small, photo, small_project, three_steps

from wanflow.telling.plantext import plan_text, reasons_text


@pytest.fixture
def project(tmp_path: Path) -> Small:
    return three_steps(tmp_path / "p")


def test_plan_of_a_new_project(project: Small) -> None:
    assert plan_text(project.plan()) == (
        "small on draft: 5 jobs, free, about 0.5 s; 0 reused\n"
        "\n"
        "  step   function   fidelity          run    later    reuse     skip  why\n"
        "  small  local/fit  real                2        0        0        0  new\n"
        "  tiny   local/fit  real                0        2        0        0  known after the step before it\n"
        "  odd    local/fit  real                1        0        0        1  "
        "1 × new; 1 × when is false, or what it needs is skipped"
    )


PLACE = "edit: {image: steps.edit, to: out/edit.png}"
EITHER = "edit: {uses: wan/description_edit, image: row.photo, with: {prompt: change the picture to blue}}"


def test_fidelity_that_varies_is_what_was_made_once_all_is_reused(tmp_path: Path) -> None:
    project = small_project(tmp_path / "p", {"1.png": photo(1, 520, 512)}, steps=[EITHER], outputs=[PLACE])
    line = "  edit  wan/description_edit  {:<12}        {}        0        {}        0"
    assert plan_text(project.plan()).splitlines()[-1].startswith(line.format("may be proxy", 1, 0))
    record = project.run()
    assert plan_text(project.plan()).splitlines()[-1].startswith(line.format("as before", 0, 1))
    (project.folder / "r.yaml").write_text(
        (project.folder / "r.yaml").read_text().replace("name: small", "name: other")
    )
    made = record.outcomes[0].fidelity
    assert plan_text(project.plan()).splitlines()[-1].startswith(line.format(made, 0, 1))


def test_plan_of_a_project_that_is_done(project: Small) -> None:
    project.run()
    assert plan_text(project.plan()).splitlines()[0] == "small on draft: nothing to do; 5 reused"


def test_plan_tells_files_to_put_back_and_notes(project: Small) -> None:
    project.run()
    project.out("1.png").unlink()
    plan = project.plan()
    plan.notes.append("odd \x1b[31mthing")
    assert plan_text(plan).splitlines()[-3:] == [
        "",
        "  1 output file to put in place from the store",
        "  note: odd \\x1b[31mthing",
    ]


def test_equal_changes_are_told_once(project: Small) -> None:
    project.run()
    project.recipe.write_text(project.recipe.read_text().replace("max_side: 48", "max_side: 40"))
    plan = project.plan()
    assert "parameters changed (max_side)" in plan_text(plan)
    assert reasons_text(plan) == "  2 × small (1, 2): max_side: 48 → 40"


def test_more_changes_than_one_wants_to_read_are_cut(project: Small) -> None:
    project.run()
    for number in (1, 2):
        (project.folder / "photos" / f"{number}.png").write_bytes(photo(number + 5))
    told = reasons_text(project.plan(), most=1)
    first, rest = told.splitlines()
    assert re.fullmatch(r"  1/small: image: [0-9a-f]{12} → [0-9a-f]{12}", first)
    assert rest == "  …"
