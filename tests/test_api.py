from pathlib import Path

import pytest
from projects import Heard, Small, photo, small_project, statuses

from wanflow import api
from wanflow.errors import RecipeError, UsageError
from wanflow.planning.planned import Plan


@pytest.fixture
def project(tmp_path: Path) -> Small:
    return small_project(tmp_path / "p")


def test_check_returns_the_plan_of_a_good_recipe(project: Small) -> None:
    assert api.check(project.recipe).totals.run == 2


def test_check_raises_every_problem_at_once(project: Small) -> None:
    for name in ("1.png", "2.png"):
        (project.folder / "photos" / name).unlink()
    with pytest.raises(RecipeError) as caught:
        api.check(project.recipe)
    assert [problem.rows for problem in caught.value.problems] == [("1",), ("2",)]


def test_plan_writes_nothing(project: Small) -> None:
    before = sorted(project.folder.rglob("*"))
    project.plan()
    assert sorted(project.folder.rglob("*")) == before


def test_a_recipe_that_is_not_there_begins_no_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store takes in every recipe below its folder: one by a slip of the pen would, too."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RecipeError, match="there is no such file"):
        api.run("slip.yaml")
    assert not list(tmp_path.iterdir())


def test_run_without_consent_does_nothing(project: Small) -> None:
    asked: list[Plan] = []

    def refuse(plan: Plan) -> bool:
        asked.append(plan)
        return False

    plan, record = api.run(project.recipe, consent=refuse)
    assert (record, asked) == (None, [plan])
    assert not (project.folder / "out").exists()


def test_run_tells_its_listener_every_job_once(project: Small) -> None:
    heard = Heard()
    record = project.run(heard)
    assert sorted(outcome.job for outcome in heard.outcomes) == sorted(statuses(record)) == ["1/small", "2/small"]
    assert sorted(heard.published_paths) == ["out/1.png", "out/2.png"]


def test_run_needs_no_listener(project: Small) -> None:
    _, record = api.run(project.recipe)
    assert record
    assert record.exit_code == 0


def test_one_bad_row_never_stops_the_others(project: Small) -> None:
    (project.folder / "photos/1.png").write_bytes(b"")
    record = project.run()
    assert statuses(record) == {"1/small": "refused", "2/small": "done"}
    assert record.exit_code == 1
    (project.folder / "photos/1.png").write_bytes(photo(1))
    assert statuses(project.run())["1/small"] == "done"


def test_without_keep_going_a_bad_row_stops_before_any_work(project: Small) -> None:
    (project.folder / "photos/1.png").write_bytes(b"")
    with pytest.raises(RecipeError):
        project.run(keep_going=False)
    assert not (project.folder / "out").exists()


def test_problems_of_recipe_manifest_and_rows_come_in_one_go(project: Small) -> None:
    recipe = project.recipe.read_text().replace("max_side: 48", "max_sid: 48").replace("steps.small", "steps.smal")
    project.recipe.write_text(recipe)
    (project.folder / "photos.csv").write_text("id,photo\n1,photos/1.png\n1,photos/2.png\n")
    with pytest.raises(RecipeError) as caught:
        project.plan()
    said = str(caught.value)
    assert "max_sid" in said
    assert "smal" in said
    assert "key 1 stands here again; first in line 2" in said


def test_manifest_without_rows_is_a_problem(project: Small) -> None:
    (project.folder / "photos.csv").write_text("id,photo\n")
    with pytest.raises(RecipeError, match="the manifest has no rows"):
        project.plan()


def test_glob_that_matches_nothing_is_a_problem(project: Small) -> None:
    recipe = project.recipe.read_text().replace("from: photos.csv, key: id", 'from: "*.tif", key: stem')
    project.recipe.write_text(recipe.replace("row.photo", "row.path").replace("row.id", "row.stem"))
    with pytest.raises(RecipeError, match=r"no file matches \*\.tif in "):
        project.plan()


def test_rows_are_judged_by_their_schema(project: Small) -> None:
    (project.folder / "row.json").write_text('{"properties": {"photo": {"pattern": "^photos/2"}}}')
    recipe = project.recipe.read_text().replace("key: id}", "key: id, schema: row.json}")
    project.recipe.write_text(recipe)
    plan = project.plan()
    assert [problem.rule for problem in plan.problems] == ["row-schema"]
    assert (plan.totals.run, plan.totals.skip) == (1, 1)


@pytest.mark.parametrize(
    ("schema", "said"), [("{", "not valid JSON"), ('{"type": 3}', "not a JSON Schema"), (None, "there is no file")]
)
def test_bad_row_schema_is_a_problem(project: Small, schema: str | None, said: str) -> None:
    if schema:
        (project.folder / "row.json").write_text(schema)
    project.recipe.write_text(project.recipe.read_text().replace("key: id}", "key: id, schema: row.json}"))
    with pytest.raises(RecipeError, match=said):
        project.plan()


def test_missing_column_is_named_with_the_nearest(project: Small) -> None:
    project.recipe.write_text(project.recipe.read_text().replace("row.photo", "row.foto"))
    with pytest.raises(RecipeError, match="has no column foto"):
        project.plan()


def test_project_may_be_moved_and_nothing_runs_again(project: Small, tmp_path: Path) -> None:
    project.run()
    project.folder.rename(tmp_path / "moved")
    assert Small(tmp_path / "moved").plan().nothing_to_do


def test_outputs_start_at_the_folder_of_the_settings_or_of_the_caller(project: Small, tmp_path: Path) -> None:
    (project.folder / "wanflow.toml").write_text('out = "done"\njobs = 1\n')
    project.run()
    assert (project.folder / "done/out/1.png").exists()
    project.run(out=tmp_path / "elsewhere")
    assert (tmp_path / "elsewhere/out/1.png").exists()


def test_unknown_parameter_is_refused(project: Small) -> None:
    with pytest.raises(UsageError, match="-p size: the recipe has no parameter size"):
        project.plan(params={"size": "3"})


def test_unknown_setting_is_a_usage_error(project: Small) -> None:
    (project.folder / "wanflow.toml").write_text("jobs = 0\n")
    with pytest.raises(UsageError, match="jobs must be between 1 and 256, got 0"):
        project.plan()
