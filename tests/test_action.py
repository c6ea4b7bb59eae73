"""integrations/github/action.yml from its first step to its last, as GitHub's runner does them."""

from __future__ import annotations

import os
import re
import subprocess
import sysconfig
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from codehosts import CodeHost, code_host
from reviewed import Reviewed, reviewed_project
from test_diffs import git
from test_integrations import ACTION, BIN, DEFAULTS, GITHUB, ROOT

VERSION = "0.1.0"
INFO = f"wanflow-{VERSION}.dist-info"


def package_in(folder: Path) -> None:
    """A package of wanflow that leads to this checkout, and to the libraries of this environment."""
    folder.mkdir()
    files = {
        "wanflow_checkout.pth": f"{ROOT}\n{sysconfig.get_path('purelib')}\n",
        f"{INFO}/METADATA": f"Metadata-Version: 2.1\nName: wanflow\nVersion: {VERSION}\n",
        f"{INFO}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{INFO}/entry_points.txt": "[console_scripts]\nwanflow = wanflow.cli:main\n",
    }
    record = "".join(f"{name},,\n" for name in [*files, f"{INFO}/RECORD"])
    with zipfile.ZipFile(folder / f"wanflow-{VERSION}-py3-none-any.whl", "w") as wheel:
        for name, text in (files | {f"{INFO}/RECORD": record}).items():
            wheel.writestr(name, text)


@dataclass
class Runner:
    """Does the `run:` steps of a composite action in order; `outputs` has what each step put out, by its id."""

    workspace: Path
    temp: Path
    environment: dict[str, str]
    outputs: dict[str, dict[str, str]] = field(default_factory=dict)
    log: str = ""

    def do(self, inputs: dict[str, str]) -> dict[str, int]:
        """The exit code of every step that was done, by name."""
        codes: dict[str, int] = {}
        for step in ACTION["runs"]["steps"]:
            if "run" in step and self._is_due(step.get("if"), inputs, failed=any(codes.values())):
                codes[step["name"]] = self._step(step, inputs)
        return codes

    def _is_due(self, condition: str | None, inputs: dict[str, str], *, failed: bool) -> bool:
        if condition is None:
            return not failed
        terms = [term.strip() for term in condition.removeprefix("${{").removesuffix("}}").split("&&")]
        assert terms.pop(0) == "!cancelled()"
        return all(self._holds(term, inputs) for term in terms)

    def _holds(self, term: str, inputs: dict[str, str]) -> bool:
        found = re.fullmatch(r"(\S+) (==|!=) '(\w*)'", term)
        assert found, term
        name, sign, value = found.groups()
        return (self._value(name, inputs) == value) == (sign == "==")

    def _value(self, name: str, inputs: dict[str, str]) -> str:
        match name.split("."):
            case ["inputs", one]:
                return inputs[one]
            case ["steps", step, "outputs", one]:
                return self.outputs.get(step, {}).get(one, "")
        raise AssertionError(name)

    def _step(self, step: dict[str, str | dict[str, str]], inputs: dict[str, str]) -> int:
        assert step["shell"] == "bash"
        env, files = step.get("env", {}), {"GITHUB_OUTPUT": self.temp / "output", "GITHUB_ENV": self.temp / "env"}
        assert isinstance(env, dict)
        for file in files.values():
            file.write_text("")
        given = {name: self._value(value.strip("${} "), inputs) for name, value in env.items()}
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", str(step["run"])],
            cwd=self.workspace,
            env={**self.environment, **{name: str(file) for name, file in files.items()}, **given},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        self.log += done.stdout
        assert files["GITHUB_ENV"].read_text() == ""
        lines = files["GITHUB_OUTPUT"].read_text().splitlines()
        self.outputs[str(step.get("id", step["name"]))] = dict(line.split("=", 1) for line in lines)
        return done.returncode


@pytest.fixture
def host() -> Iterator[CodeHost]:
    with code_host() as host:
        yield host


@pytest.fixture
def project(tmp_path: Path) -> Reviewed:
    """A pull request, checked out as its merge: HEAD^ is the branch that it goes to."""
    project = reviewed_project(tmp_path / "repo")
    (project.folder / "wanflow.toml").write_text('backend = "dashscope"\njobs = 2\n')
    project.change("steps:\n", "params: {look: {type: string, default: faded}}\nsteps:\n")
    project.change("faded ink", "${{ params.look }} ink")
    git(project.folder, "init", "-q", "-b", "main")
    git(project.folder, "add", ".")
    git(project.folder, "commit", "-q", "-m", "begin")
    project.change("wooden table", "marble table")
    git(project.folder, "commit", "-q", "-a", "-m", "marble")
    return project


@pytest.fixture
def runner(project: Reviewed, host: CodeHost, tmp_path: Path) -> Runner:
    package_in(tmp_path / "packages")
    temp = tmp_path / "runner"
    temp.mkdir()
    event = temp / "event.json"
    event.write_text('{"pull_request": {"number": 12, "head": {"repo": {"full_name": "house/archive"}}}}')
    environment = {
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "XDG_STATE_HOME": os.environ["XDG_STATE_HOME"],
        "NO_PROXY": "*",
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(tmp_path / "packages"),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "RUNNER_TEMP": str(temp),
        "GITHUB_ACTION_PATH": str(GITHUB),
        "GITHUB_WORKSPACE": str(project.folder),
        "GITHUB_API_URL": f"http://127.0.0.1:{host.port}/api",
        "GITHUB_EVENT_PATH": str(event),
        "GITHUB_REPOSITORY": "house/archive",
        "GITHUB_RUN_ID": "99",
        "GITHUB_STEP_SUMMARY": str(temp / "summary.md"),
    }
    return Runner(project.folder, temp, environment)


def test_the_action_installs_plans_and_comments(project: Reviewed, runner: Runner, host: CodeHost) -> None:
    inputs = {
        **DEFAULTS,
        "version": VERSION,
        "token": "ghs_x",
        "recipes": "*.yaml",
        "base": "HEAD^",
        "args": "-p 'look=$(touch owned) gold' -s 0001/",
        "check": "false",  # which knows no -s
    }
    done = runner.do(inputs)
    assert done == {"Install wanflow": 0, "Plan": 0, "Comment": 0}, runner.log
    assert runner.outputs["plan"] == {"jobs": "3", "images": "2", "usd": "0.048741", "exit_code": "0"}
    values = {name: output["value"] for name, output in ACTION["outputs"].items()}
    assert {re.sub(r"\W*steps\.plan\.outputs\.|\W", "", value) for value in values.values()} <= set(
        runner.outputs["plan"]
    )
    (comment,) = host.comments
    summary = (runner.temp / "summary.md").read_text()
    assert comment["body"] == f"<!-- wanflow:plan -->\n{summary}"
    assert summary.startswith("**wanflow**: 3 jobs, 2 paid images, at most &#36;0.0488; saved plans: run 99\n")
    assert "&#36;(touch owned) gold" in summary  # a word, which no shell saw
    assert "<del><code>wooden</code></del><ins><code>marble</code></ins>" in summary
    assert (runner.temp / "wanflow-review" / "plans" / "r.json").is_file()
    assert not (project.folder / "owned").exists()

    # Where it is refused for its cost, the comment says so, in place, and the job fails.
    done = runner.do({**inputs, "max_cost": "0.01"})
    assert done == {"Install wanflow": 0, "Plan": 3, "Comment": 0}, runner.log
    (comment,) = host.comments
    assert "**not ready** (exit code 3)" in comment["body"]


def test_without_a_version_the_action_installs_its_own_repository(runner: Runner, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    python = tmp_path / "bin" / "python3"  # makes a folder with a copy of itself, and tells what it was asked for
    python.write_text('#!/bin/sh\n[ "$3" = venv ] && mkdir -p "$4/bin" && cp "$0" "$4/bin/python"\necho "$@"\n')
    python.chmod(0o755)
    runner.environment["PATH"] = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    assert runner.do({**DEFAULTS, "token": "", "recipes": "none"})["Install wanflow"] == 0
    *words, folder = runner.log.splitlines()[1].split()
    assert words == ["-I", "-m", "pip", "install", "--quiet"]
    assert Path(folder).resolve() == ROOT
