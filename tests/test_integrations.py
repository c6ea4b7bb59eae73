"""What stands in integrations/ and .pre-commit-hooks.yaml: read as the code hosts do, and its commands run."""

from __future__ import annotations

import json
import os
import re
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


@pytest.mark.parametrize("script", scripts())
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


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reviewed:
    project = reviewed_project(tmp_path / "p")
    monkeypatch.chdir(project.folder)
    return project


@pytest.mark.parametrize(("most", "code"), [("", 0), ("0.01; touch owned", 64), ("$(touch owned)", 64), ("0.01", 3)])
def test_the_plan_step_runs_whatever_its_inputs_are(project: Reviewed, tmp_path: Path, most: str, code: int) -> None:
    (project.folder / "wanflow.toml").write_text('backend = "dashscope"\n')
    (project.folder / "json.py").write_text("raise SystemExit('the pull request was imported')\n")
    (tmp_path / "wanflow").mkdir()
    (tmp_path / "wanflow" / "bin").symlink_to(BIN)
    step = next(step for step in ACTION["runs"]["steps"] if step.get("id") == "plan")
    inputs = {name: entry["default"] for name, entry in ACTION["inputs"].items()}
    inputs |= {"recipes": "*.yaml\n`touch owned`.yaml", "max_cost": most}
    given = {name: inputs[re.sub(r"\W*inputs\.|\W", "", value)] for name, value in step["env"].items()}
    outputs = tmp_path / "outputs"
    runner = {"RUNNER_TEMP": str(tmp_path), "GITHUB_ACTION_PATH": str(GITHUB), "GITHUB_OUTPUT": str(outputs)}
    kept = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)}
    words = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
    done = subprocess.run(words, cwd=project.folder, env={**kept, **given, **runner}, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (code, ""), done.stdout
    assert not (project.folder / "owned").exists()
    assert outputs.exists() == (code != 64)
    if outputs.exists():
        assert outputs.read_text() == f"jobs=9\nimages=6\nusd=0.146223\nexit_code={code}\n"


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
