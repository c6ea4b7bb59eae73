"""What stands in integrations/ and .pre-commit-hooks.yaml: read as the code hosts do, and its commands run."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from reviewed import Reviewed, reviewed_project
from test_review_script import SCRIPT

from wanflow.cli import main

ROOT = Path(__file__).parent.parent
GITHUB = ROOT / "integrations" / "github"
BIN = Path(sys.executable).parent


def read(path: Path) -> Any:
    """A workflow without YAML 1.1's idea that its key `on` means true."""
    return yaml.load(re.sub(r"^on:", '"on":', path.read_text(), flags=re.MULTILINE), yaml.SafeLoader)


ACTION, EXAMPLE = read(GITHUB / "action.yml"), read(GITHUB / "example.yml")
GITLAB = read(ROOT / "integrations" / "gitlab" / ".gitlab-ci.yml")
HOOKS = read(ROOT / ".pre-commit-hooks.yaml")
STEPS = [*ACTION["runs"]["steps"], *(step for job in EXAMPLE["jobs"].values() for step in job["steps"])]


def scripts() -> Iterator[str]:
    """Everything that a shell is given."""
    yield from (step["run"] for step in STEPS if "run" in step)
    for job in GITLAB.values():
        if isinstance(job, dict):
            yield from (line for key in ("before_script", "script") for line in job.get(key, ()))


@pytest.mark.parametrize("script", list(scripts()))
def test_no_expression_is_part_of_a_command(script: str) -> None:
    assert "${{" not in script
    assert subprocess.run(["bash", "-n", "-c", script], capture_output=True, check=False).stderr == b""
    # Unquoted, a variable could become several words.
    unquoted = re.sub(r'"[^"]*"|code=\$\?|case "\$VERSION" in', "", script)
    assert "$" not in unquoted.replace("|| code=$?", "")
    assert not re.search(r"python3?\"? (?!-I)", script), "Python would import files of the pull request"


def test_the_action_has_what_github_asks_of_a_composite_one() -> None:
    assert {"name", "description", "inputs", "outputs", "runs"} <= set(ACTION)
    assert ACTION["runs"]["using"] == "composite"
    assert all("shell" in step for step in ACTION["runs"]["steps"] if "run" in step)
    assert all("uses" in step or "run" in step for step in ACTION["runs"]["steps"])
    assert set(ACTION["outputs"]) == {"jobs", "images", "usd"}
    text = (GITHUB / "action.yml").read_text()
    assert set(re.findall(r"inputs\.(\w+)", text)) == set(ACTION["inputs"])
    assert all(isinstance(entry["default"], str) and entry["description"] for entry in ACTION["inputs"].values())
    assert "secrets." not in text
    # The token is for the one step that writes.
    assert [step["name"] for step in STEPS if "GITHUB_TOKEN" in step.get("env", {})] == ["Comment"]


def test_the_example_gives_a_pull_request_no_more_than_it_needs() -> None:
    assert set(EXAMPLE["on"]) == {"pull_request", "workflow_dispatch"}
    assert EXAMPLE["permissions"] == {}
    plan, run = EXAMPLE["jobs"]["plan"], EXAMPLE["jobs"]["run"]
    assert plan["permissions"] == {"contents": "read", "pull-requests": "write"}
    assert run["permissions"] == {"contents": "read", "actions": "read"}
    assert (plan["if"], run["if"]) == (
        "github.event_name == 'pull_request'",
        "github.event_name == 'workflow_dispatch'",
    )
    assert "secrets." not in json.dumps(plan)
    assert (run["environment"], run["concurrency"]) == ("wanflow-paid", "wanflow-run")
    checkouts = [step for step in STEPS if step.get("uses", "").startswith("actions/checkout@")]
    assert checkouts
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)
    given = next(step["with"] for step in plan["steps"] if "integrations/github" in step.get("uses", ""))
    assert set(given) <= set(ACTION["inputs"])
    kept = next(step["with"] for step in STEPS if step.get("name") == "Keep the plans")
    taken = next(step["with"] for step in run["steps"] if "download-artifact" in step.get("uses", ""))
    assert taken["name"] == kept["name"].replace("${{ inputs.name }}", ACTION["inputs"]["name"]["default"])


@pytest.mark.skipif(not shutil.which("bash"), reason="GitLab's shell")
def test_a_plan_that_ends_otherwise_keeps_no_other_back_on_gitlab(tmp_path: Path) -> None:
    (tmp_path / "wanflow-review" / "plans").mkdir(parents=True)
    for name in ("a b.json", "c$(touch owned).json", "d.json"):
        (tmp_path / "wanflow-review" / "plans" / name).touch()
    (tmp_path / "wanflow").write_text('#!/bin/sh\necho "$*" >> told\ncase "$*" in *a\\ b*) exit 4;; esac\n')
    (tmp_path / "wanflow").chmod(0o755)
    lines = "\n".join(GITLAB["run"]["script"]).replace("/opt/venv/bin/wanflow", "./wanflow")
    environment = {"PATH": os.environ["PATH"], "WANFLOW_MAX_COST": "5.00"}
    done = subprocess.run(["bash", "-eo", "pipefail", "-c", lines], cwd=tmp_path, env=environment, check=False)
    assert done.returncode == 4
    plans = [line.partition(" -- wanflow-review/plans/")[2] for line in (tmp_path / "told").read_text().splitlines()]
    assert plans == ["a b.json", "c$(touch owned).json", "d.json"]
    assert not (tmp_path / "owned").exists()


def test_the_gitlab_example_pays_by_hand_only() -> None:
    jobs = {name: job for name, job in GITLAB.items() if isinstance(job, dict) and "stage" in job}
    assert {job["stage"] for job in jobs.values()} == set(GITLAB["stages"])
    assert all(job["extends"].lstrip(".") in ("wanflow", "plan") for job in jobs.values())
    paying = [name for name, job in jobs.items() if any("wanflow run" in line for line in job["script"])]
    assert paying == ["run"]
    assert [rule["when"] for rule in jobs["run"]["rules"]] == ["manual"]
    assert (jobs["run"]["environment"], jobs["run"]["needs"]) == ("wanflow-paid", ["plan-main"])
    assert jobs["plan"]["artifacts"]["paths"] == [GITLAB["variables"]["WANFLOW_INTO"]]


def test_flags_and_variables_of_the_examples_are_the_scripts() -> None:
    told = subprocess.run([sys.executable, "-I", SCRIPT, "--help"], capture_output=True, text=True, check=True).stdout
    known = {f"WANFLOW_{name.upper().replace('-', '_')}" for name in re.findall(r"^  --([\w-]+)", told, re.MULTILINE)}
    own = {"WANFLOW_SOURCE", "WANFLOW_VERSION"}  # which wanflow is installed
    for text in ((GITHUB / "action.yml").read_text(), (ROOT / "integrations/gitlab/.gitlab-ci.yml").read_text()):
        assert set(re.findall(r"\bWANFLOW_\w+", text)) - own <= known


def test_the_examples_of_the_page_are_right() -> None:
    page = (ROOT / "docs" / "review.md").read_text().partition("## In a pull request")[2]
    steps, config = (yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", page, flags=re.DOTALL))
    assert set(steps[1]["with"]) <= set(ACTION["inputs"])
    assert [hook["id"] for hook in config["repos"][0]["hooks"]] == [hook["id"] for hook in HOOKS]
    for file in re.findall(r"\]\(\.\./([^)]+)\)", page):
        assert (ROOT / file).exists(), file


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reviewed:
    project = reviewed_project(tmp_path / "p")
    monkeypatch.chdir(project.folder)
    return project


def run_step(step: Any, inputs: dict[str, str], here: Path, temp: Path) -> subprocess.CompletedProcess[str]:
    """A step as GitHub's runner does it; wanflow is this checkout's."""
    (temp / "wanflow").mkdir(exist_ok=True)
    if not (temp / "wanflow" / "bin").exists():
        (temp / "wanflow" / "bin").symlink_to(BIN)
    given = {name: inputs.get(re.sub(r"\W*inputs\.|\W", "", value), "") for name, value in step["env"].items()}
    runner = {"RUNNER_TEMP": str(temp), "GITHUB_ACTION_PATH": str(GITHUB), "GITHUB_OUTPUT": str(temp / "outputs")}
    kept = {name: os.environ[name] for name in ("PATH", "XDG_STATE_HOME")}
    words = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
    environment = {**kept, "PYTHONPATH": str(ROOT), "HOME": str(temp), **given, **runner}
    return subprocess.run(words, cwd=here, env=environment, capture_output=True, text=True, check=False)


def named(steps: Any, name: str) -> Any:
    return next(step for step in steps if step.get("name") == name)


DEFAULTS = {name: entry["default"] for name, entry in ACTION["inputs"].items()}


@pytest.mark.parametrize(("most", "code"), [("", 0), ("0.01; touch owned", 64), ("$(touch owned)", 64), ("0.01", 3)])
def test_the_plan_step_runs_whatever_its_inputs_are(project: Reviewed, tmp_path: Path, most: str, code: int) -> None:
    (project.folder / "wanflow.toml").write_text('backend = "dashscope"\n')
    inputs = {**DEFAULTS, "recipes": "*.yaml\n`touch owned`.yaml", "max_cost": most}
    done = run_step(named(ACTION["runs"]["steps"], "Plan"), inputs, project.folder, tmp_path)
    assert (done.returncode, done.stderr) == (code, ""), done.stdout
    assert not (project.folder / "owned").exists()
    outputs = tmp_path / "outputs"
    assert outputs.exists() == (code != 64)
    if outputs.exists():
        assert outputs.read_text() == f"jobs=9\nimages=6\nusd=0.146223\nexit_code={code}\n"


def test_what_was_planned_is_what_the_approved_run_does(project: Reviewed, tmp_path: Path) -> None:
    project.recipe.write_text(
        "wanflow: 1\nmanifest: {from: photos.csv}\n"
        "steps:\n  small: {uses: local/resize, image: row.photo, with: {width: 300}}\n"
        'outputs: {card: {image: steps.small, to: "out/${{ row.id }}.png"}}\n'
    )
    plan = named(ACTION["runs"]["steps"], "Plan")
    assert run_step(plan, {**DEFAULTS, "recipes": "*.yaml"}, project.folder, tmp_path).returncode == 0
    (tmp_path / "wanflow-review").rename(tmp_path / "approved")  # up as an artifact, and down again
    approved = named(EXAMPLE["jobs"]["run"]["steps"], "Run what was approved")
    inputs = {"plan": "r.json", "max_cost": "1"}
    done = run_step(approved, inputs, project.folder, tmp_path)
    assert (done.returncode, "3 done" in done.stdout) == (0, True), done.stderr
    assert sorted(path.name for path in (project.folder / "out").iterdir()) == ["0001.png", "0002.png", "0003.png"]
    again = run_step(approved, inputs, project.folder, tmp_path)
    assert (again.returncode, "was run already" in again.stderr) == (3, True), again.stderr


@pytest.mark.parametrize("version", ["0.1; touch owned", "0.1 --index-url=x", "-r x", "$(x)", "https://x/"])
def test_a_version_is_one(tmp_path: Path, version: str) -> None:
    step = named(ACTION["runs"]["steps"], "Install wanflow")
    done = run_step(step, {"version": version}, tmp_path, tmp_path)
    assert (done.returncode, done.stderr) == (64, "version is one of wanflow, such as 0.1.0\n")


# -- the hook of pre-commit


def test_the_hook_has_what_pre_commit_asks_for() -> None:
    (hook,) = HOOKS
    assert {"id", "name", "entry", "language"} <= set(hook)
    assert (hook["language"], hook["pass_filenames"]) == ("python", False)
    wanted = re.compile(hook["files"])
    changed = ("recipes/r.yaml", "r.yml", "photos.csv", "p.tsv", "p.tab", "p.jsonl", "p.ndjson", "row.schema.json")
    assert all(wanted.search(name) for name in (*changed, "wanflow.toml", "picks/r.yaml"))
    assert not any(wanted.search(name) for name in ("photo.jpg", "README.md", "jsonl/notes.txt"))


def hook() -> Result:
    (entry,) = HOOKS
    command, *words = entry["entry"].split()
    assert command == "wanflow"
    return CliRunner().invoke(main, [*words, *entry["args"]])


def test_the_hook_checks_every_recipe_but_parts_and_strangers(project: Reviewed) -> None:
    part = "wanflow: 1\ninputs: {photo: {}}\nsteps:\n  a: {uses: local/resize, image: inputs.photo, with: {width: 9}}\n"
    (project.folder / "parts").mkdir()
    (project.folder / "parts" / "small.yaml").write_text(part + "outputs: {a: {image: steps.a}}\n")
    (project.folder / "deploy.yaml").write_text("kind: Deployment\n---\nkind: Service\n")
    (project.folder / ".venv").mkdir()
    (project.folder / ".venv" / "r.yaml").write_text("wanflow: 99\n")
    done = hook()
    assert (done.exit_code, done.stdout) == (0, "r.yaml: no problems; 3 rows, 3 steps\n")


def test_of_several_recipes_parts_are_told_and_passed_over(project: Reviewed) -> None:
    part = "wanflow: 1\ninputs: {photo: {}}\nsteps:\n  a: {uses: local/resize, image: inputs.photo, with: {width: 9}}\n"
    (project.folder / "part.yaml").write_text(part + "outputs: {a: {image: steps.a}}\n")
    done = CliRunner().invoke(main, ["check", "part.yaml", "r.yaml"])
    told = "part.yaml: only other recipes can use it; it is checked in these\nr.yaml: no problems; 3 rows, 3 steps\n"
    assert (done.exit_code, done.stdout) == (0, told)
    assert CliRunner().invoke(main, ["check", "part.yaml"]).exit_code == 65  # alone, it has nobody to be checked in
    assert CliRunner().invoke(main, ["check", "--list", "part.yaml", "."]).stdout == "r.yaml\n"
    listed = CliRunner().invoke(main, ["check", "--list", "--format", "json", "part.yaml", "r.yaml"]).stdout
    assert json.loads(listed) == {"recipes": ["r.yaml"], "parts": ["part.yaml"]}


def test_a_manifest_that_spoils_two_recipes_is_told_once(project: Reviewed) -> None:
    (project.folder / "z.yaml").write_text(project.recipe.read_text().replace("out/", "out/z/"))
    (project.folder / "zz.yaml").write_text("wanflow: 1\nsteps: [\n")
    project.change("b.png", "none.png", "photos.csv")
    done = hook()
    assert done.exit_code == 65
    assert done.stderr.count("photos.csv:3:1: row.photo: none.png: there is no such file") == 1
    assert "zz.yaml:" in done.stderr
    assert done.stderr.endswith("2 problems\n")


def test_a_folder_without_recipes_is_told(project: Reviewed) -> None:
    project.recipe.unlink()
    done = hook()
    assert (done.exit_code, done.stderr) == (64, "wanflow: .: there is no recipe at or below this folder\n")


def test_a_recipe_too_large_is_told_in_a_folder_too(project: Reviewed) -> None:
    project.recipe.write_text("wanflow: 1\n" + "# much\n" * 200_000)
    done = hook()
    assert (done.exit_code, "r.yaml" in done.stderr) == (65, True)
