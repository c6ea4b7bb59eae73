"""A pull request from its first comment to its run: what was reviewed is what is paid for."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from reviewed import reviewed_project
from test_diffs import git

from wanflow import api, reviewing
from wanflow.cli import main
from wanflow.errors import RefusedError
from wanflow.model import Status


def wanflow(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, words)
    return result.exit_code, result.stdout


def test_from_a_change_to_its_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = reviewed_project(tmp_path / "repo")
    (project.folder / "wanflow.toml").write_text('backend = "dashscope"\njobs = 2\n')
    monkeypatch.chdir(project.folder)
    git(project.folder, "init", "-q", "-b", "main")
    (project.folder / ".gitignore").write_text(".wanflow/\nout/\nplan.json\n")
    git(project.folder, "add", ".")
    git(project.folder, "commit", "-q", "-m", "begin")
    project.run()

    # Somebody asks for another look.
    git(project.folder, "switch", "-q", "-c", "look")
    project.change("faded ink", "gold ink")
    git(project.folder, "commit", "-q", "-a", "-m", "gold")

    # The reviewer's comment, and what would run.
    code, comment = wanflow("plan", "r.yaml", "--diff", "main", "--format", "markdown", "--detailed-exitcode")
    assert code == 2
    assert "3 changed, 3 made of what changed, 3 the same; costs &#36;0.0861" in comment
    assert "<del><code>faded</code></del><ins><code>gold</code></ins>" in comment
    assert wanflow("plan", "r.yaml", "--max-cost", "0.05")[0] == 3
    code, page = wanflow("plan", "r.yaml", "--format", "html", "-o", "plan.json")
    assert (code, len(re.findall("<img ", page))) == (0, 3)

    # While it waits, main moves on; what was approved no longer is what would be done.
    git(project.folder, "switch", "-q", "main")
    project.change("a red house", "a green house", "photos.csv")
    git(project.folder, "commit", "-q", "-a", "-m", "green")
    git(project.folder, "merge", "-q", "look", "-m", "merge")
    given = api.Options(backends=project.options().backends)
    with pytest.raises(RefusedError, match=r'0003/colour is not in the plan: prompt: "a red house" → "a green house"'):
        reviewing.run_saved("plan.json", given)

    # Planned anew, it runs, and the next review has nothing to tell.
    assert wanflow("plan", "r.yaml", "-o", "plan.json")[0] == 0
    _, record = reviewing.run_saved("plan.json", given)
    assert record
    assert (record.exit_code, record.counts()[Status.DONE], record.counts()[Status.REUSED]) == (0, 7, 2)
    assert wanflow("plan", "r.yaml", "--detailed-exitcode")[0] == 0
    code, told = wanflow("plan", "r.yaml", "--diff", "HEAD", "--format", "json", "--detailed-exitcode")
    assert (code, json.loads(told)["differences"]) == (0, [])
