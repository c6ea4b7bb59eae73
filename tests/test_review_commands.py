"""Plans and checks for scripts and code hosts: exit codes, bounds, errors as JSON, SARIF; and without the photos."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from reviewed import RECIPE, Reviewed, reviewed_project

from wanflow import api, reviewing
from wanflow.cli import main
from wanflow.errors import RecipeError


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reviewed:
    project = reviewed_project(tmp_path / "p")
    (project.folder / "wanflow.toml").write_text('backend = "dashscope"\njobs = 2\n')
    monkeypatch.chdir(project.folder)
    monkeypatch.delenv("DASHSCOPE_API_KEY", raising=False)
    return project


def wanflow(*words: str) -> Result:
    return CliRunner().invoke(main, words)


def test_exit_codes_tell_whether_there_is_something_to_do(project: Reviewed) -> None:
    assert wanflow("plan", "r.yaml").exit_code == 0
    assert wanflow("plan", "r.yaml", "--detailed-exitcode").exit_code == 2
    project.run()
    assert wanflow("plan", "r.yaml", "--detailed-exitcode").exit_code == 0


@pytest.mark.parametrize(
    ("flags", "code", "told"),
    [
        (["--max-cost", "0.15"], 0, ""),
        (["--max-cost", "0.15", "--detailed-exitcode"], 2, ""),
        (["--max-cost", "0.14"], 3, "wanflow: this may cost $0.1463, and --max-cost is $0.14\n"),
        (["--forbid", "paid"], 3, "wanflow: 6 tasks would be paid for, and --forbid paid was given\n"),
        (["--forbid", "paid", "--backend", "draft"], 0, ""),
    ],
)
def test_a_plan_that_is_not_allowed_is_shown_and_refused(
    project: Reviewed, flags: list[str], code: int, told: str
) -> None:
    result = wanflow("plan", "r.yaml", *flags)
    assert (result.exit_code, result.stderr) == (code, told)
    assert result.stdout.startswith("archive ")


def test_a_price_that_is_not_known_is_above_every_bound(project: Reviewed) -> None:
    card = "steps:\n  card: {uses: wan/t2i, model: wan2.6-t2i, with: {prompt: a card}}\n"
    (project.folder / "card.yaml").write_text(f"wanflow: 1\n{card}")
    result = wanflow("plan", "card.yaml", "--max-cost", "1000", "--region", "us-east-1")
    told = "wanflow: no price is known for 1 image, and --max-cost was given\n"
    assert (result.exit_code, result.stderr) == (3, told)


@pytest.mark.parametrize(
    ("words", "kind", "code"),
    [
        (["plan", "none.yaml", "--format", "json"], "recipe", 65),
        (["plan", "r.yaml", "--region", "mars", "--format=json"], "usage", 64),
        (["plan", "r.yaml", "--format", "json", "--nonsense"], "usage", 64),
        (["check", "r.yaml", "-p", "x", "--format", "json"], "usage", 64),
        (["run", "r.yaml", "--json"], "usage", 64),
        (["status", "--json", "more"], "usage", 64),
        (["explain", "none.png", "--json"], "usage", 64),
    ],
)
def test_errors_are_json_where_json_was_asked_for(project: Reviewed, words: list[str], kind: str, code: int) -> None:
    result = wanflow(*words)
    told = json.loads(result.stdout)
    assert (told["error"]["kind"], told["error"]["exit_code"], result.exit_code) == (kind, code, code)
    assert told["error"]["message"]
    assert result.stderr  # people read it, too


def test_what_is_refused_is_json_too(project: Reviewed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASHSCOPE_API_KEY", "sk-test")
    result = wanflow("run", "r.yaml", "--json")
    told = json.loads(result.stdout)
    assert (told["error"]["kind"], told["problems"], result.exit_code) == ("refused", [], 3)


def sarif(*words: str) -> Any:
    result = wanflow("check", *words, "--format", "sarif")
    return result.exit_code, json.loads(result.stdout)


def test_problems_are_told_to_code_hosts(project: Reviewed) -> None:
    project.change("width: 300", "width: -1")
    project.change("b.png", "none b.png", "photos.csv")
    code, log = sarif("r.yaml")
    (run,) = log["runs"]
    assert (code, log["version"], run["tool"]["driver"]["name"]) == (65, "2.1.0", "wanflow")
    places = [
        (result["ruleId"], place["artifactLocation"]["uri"], place["region"]["startLine"])
        for result in run["results"]
        for place in [result["locations"][0]["physicalLocation"]]
    ]
    line = RECIPE.splitlines().index(next(line for line in RECIPE.splitlines() if "small" in line)) + 1
    assert ("range", "r.yaml", line) in places
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert all(rules[result["ruleIndex"]] == result["ruleId"] for result in run["results"])


def test_a_sound_recipe_has_an_empty_log(project: Reviewed) -> None:
    code, log = sarif("r.yaml")
    assert (code, log["runs"][0]["results"]) == (0, [])


def test_names_of_files_are_addresses_in_a_log(project: Reviewed) -> None:
    project.change("width: 300", "width: -1")
    project.recipe.rename(project.folder / "my r#1.yaml")
    _, log = sarif("my r#1.yaml")
    place = log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "my%20r%231.yaml"


def test_a_file_beyond_the_folder_that_one_stands_in_is_a_whole_address(
    project: Reviewed, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.change("width: 300", "width: -1")
    (project.folder / "below").mkdir()
    monkeypatch.chdir(project.folder / "below")
    _, log = sarif("../r.yaml")
    place = log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == project.recipe.as_uri()


def test_a_plan_needs_no_photos_that_were_read_before(project: Reviewed) -> None:
    (project.folder / ".wanflow").mkdir()  # a plan makes none, and remembers nothing without
    for name in "abc":
        os.utime(project.folder / f"{name}.png", (1_700_000_000, 1_700_000_000))
    before = project.plan()
    for name in "abc":
        (project.folder / f"{name}.png").unlink()
    plan = project.plan()
    assert (plan.problems, plan.totals) == ([], before.totals)
    assert plan.notes == [
        "3 images are not on this machine, and taken as they were when they were last read: a.png, b.png, c.png"
    ]
    assert len(reviewing.save(project.recipe, project.options())[1].jobs) == 9
    with pytest.raises(RecipeError, match=r"row\.photo: a\.png: there is no such file"):
        api.check(project.recipe, project.options())
    assert project.run().exit_code == 1


def test_a_photo_that_was_never_read_is_missing(project: Reviewed) -> None:
    (project.folder / "b.png").unlink()
    assert [problem.rows for problem in project.plan().problems] == [("0002",)]
