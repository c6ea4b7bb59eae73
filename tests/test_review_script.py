"""integrations/review.py: plans by the real command, comments on a code host on this machine."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from codehosts import BOT, CodeHost, code_host
from reviewed import Reviewed, reviewed_project
from test_diffs import git

ROOT = Path(__file__).parent.parent
SCRIPT = ROOT / "integrations" / "review.py"
TOKEN = "ghs_neverPrintThis0123456789"  # noqa: S105 - nobody's
MARK = "<!-- wanflow:plan -->"


@pytest.fixture
def host() -> Iterator[CodeHost]:
    with code_host() as host:
        yield host


@pytest.fixture
def module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("review", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["review"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def review(what: str, folder: Path, *flags: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The script as a runner starts it; wanflow is this checkout's."""
    kept = {name: os.environ[name] for name in ("PATH", "XDG_STATE_HOME") if name in os.environ}
    given = {**kept, "PYTHONPATH": str(ROOT), "NO_PROXY": "*", "HOME": str(folder)}
    wanflow = Path(sys.executable).parent / "wanflow"
    return subprocess.run(
        [sys.executable, "-I", SCRIPT, what, "--wanflow", wanflow, *flags],
        cwd=folder,
        env={**given, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def project(tmp_path: Path) -> Reviewed:
    project = reviewed_project(tmp_path / "p")
    (project.folder / "wanflow.toml").write_text('backend = "dashscope"\njobs = 2\n')
    return project


@pytest.fixture
def request_of(host: CodeHost, tmp_path: Path) -> dict[str, str]:
    """What GitHub tells a job of a pull request from the repository itself."""
    event = {"pull_request": {"number": 12, "head": {"repo": {"full_name": "house/archive"}, "ref": "$(touch owned)"}}}
    (tmp_path / "event.json").write_text(json.dumps(event))
    return {
        "GITHUB_API_URL": f"http://127.0.0.1:{host.port}/api",
        "GITHUB_EVENT_PATH": str(tmp_path / "event.json"),
        "GITHUB_REPOSITORY": "house/archive",
        "GITHUB_TOKEN": TOKEN,
    }


def report(folder: Path, text: str) -> None:
    (folder / "wanflow-review").mkdir(exist_ok=True)
    (folder / "wanflow-review" / "report.md").write_text(text)


# -- plan


def test_a_plan_is_a_summary_outputs_a_saved_plan_and_a_log(project: Reviewed, tmp_path: Path) -> None:
    git(project.folder, "init", "-q", "-b", "main")
    git(project.folder, "add", ".")
    git(project.folder, "commit", "-q", "-m", "begin")
    project.change("faded ink", "gold ink")
    named = {"GITHUB_OUTPUT": str(tmp_path / "output"), "GITHUB_STEP_SUMMARY": str(tmp_path / "summary")}
    done = review("plan", project.folder, "--recipes", "*.yaml", "--base", "HEAD", GITHUB_RUN_ID="99", **named)
    assert done.returncode == 0, done.stdout
    assert Path(named["GITHUB_OUTPUT"]).read_text() == "jobs=9\nimages=6\nusd=0.146223\nexit_code=0\n"
    summary = Path(named["GITHUB_STEP_SUMMARY"]).read_text()
    assert summary == (project.folder / "wanflow-review" / "report.md").read_text()
    assert summary.startswith("**wanflow**: 9 jobs, 6 paid images, at most &#36;0.1463; saved plans: run 99\n")
    assert "<del><code>faded</code></del><ins><code>gold</code></ins>" in summary
    assert json.loads((project.folder / "wanflow-review" / "plans" / "r.json").read_text())["recipe"] == "r.yaml"
    log = json.loads((project.folder / "wanflow-review" / "check.sarif").read_text())
    assert log["runs"][0]["results"] == []


@pytest.mark.parametrize(
    ("flags", "code", "told"),
    [
        (["--max-cost", "0.10"], 3, "--max-cost is $0.10"),
        (["--max-cost", "0.20"], 3, "all recipes together may cost $0.2925, and max_cost is $0.20"),
        (["--max-cost", "0.30"], 0, "18 jobs, 12 paid images, at most $0.2925"),
        (["--forbid", "paid"], 3, "--forbid paid was given"),
        (["--max-cost", "much"], 64, "max_cost is an amount in USD"),
        (["--recipes", "none/*.yaml"], 64, "no recipe is called none/*.yaml"),
        (["--base=--upload-pack=x"], 64, "--upload-pack=x"),
    ],
)
def test_the_exit_code_is_the_gate(project: Reviewed, flags: list[str], code: int, told: str) -> None:
    (project.folder / "other.yaml").write_text(project.recipe.read_text().replace("out/", "out/other/"))
    done = review("plan", project.folder, "--recipes", "*.yaml", *flags)
    assert (done.returncode, done.stderr) == (code, "")
    assert told in done.stdout


@pytest.mark.parametrize("flags", [["--args", "--max-cost"], ["--nothing"], ["--recipes"]])
def test_flags_of_its_own_that_are_wrong_are_wrong_use(project: Reviewed, flags: list[str]) -> None:
    done = review("plan", project.folder, *flags)
    assert (done.returncode, done.stderr) == (64, "")
    assert done.stdout.startswith("| wanflow: ")
    assert ("as in --args=--force" in done.stdout) == (flags != ["--nothing"])


@pytest.mark.parametrize("args", ["--help", "-o"])
def test_no_flag_takes_the_gate_away(project: Reviewed, args: str) -> None:
    done = review("plan", project.folder, "--recipes", "*.yaml", f"--args={args}", "--forbid=paid", "--check=false")
    assert done.returncode in (3, 64), done.stdout
    assert "forbid paid was given" in done.stdout or "no plan is kept" in done.stdout or "no folder" in done.stdout
    assert not [path for path in project.folder.iterdir() if path.name.startswith("-")]


PART = "wanflow: 1\ninputs: {photo: {}}\nsteps:\n  a: {uses: local/resize, image: inputs.photo, with: {width: 9}}\n"


def test_parts_of_other_recipes_are_passed_over_with_a_line(project: Reviewed) -> None:
    (project.folder / "part.yaml").write_text(PART + "outputs: {a: {image: steps.a}}\n")
    done = review("plan", project.folder, "--recipes", "*.yaml")
    assert done.returncode == 0, done.stdout
    assert "| part.yaml: only other recipes can use it; it is planned in these" in done.stdout
    assert [path.name for path in (project.folder / "wanflow-review" / "plans").iterdir()] == ["r.json"]
    done = review("plan", project.folder, "--recipes", "part.yaml")
    assert (done.returncode, "no recipe is called part.yaml" in done.stdout) == (64, True)


def test_further_flags_are_words_that_no_shell_sees(project: Reviewed) -> None:
    project.change("steps:\n", "params: {look: {type: string}}\nsteps:\n")
    project.change("faded ink", "${{ params.look }}")
    assert review("plan", project.folder, "--recipes", "*.yaml").returncode == 65  # a parameter is missing
    look = "$(touch owned)`touch owned`; touch owned"
    done = review("plan", project.folder, "--recipes", "*.yaml", WANFLOW_ARGS=f"-p 'look={look}' --backend draft")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert not (project.folder / "owned").exists()
    saved = json.loads((project.folder / "wanflow-review" / "plans" / "r.json").read_text())
    assert (saved["options"]["params"], saved["options"]["backend"]) == ({"look": look}, "draft")
    assert "touch owned" in (project.folder / "wanflow-review" / "report.md").read_text()


@pytest.mark.parametrize("args", ["-p 'look", "--no-such-flag", "-- other.yaml"])
def test_flags_that_are_none_are_told(project: Reviewed, args: str) -> None:
    done = review("plan", project.folder, "--recipes", "*.yaml", WANFLOW_ARGS=args)
    assert (done.returncode, done.stderr) == (64, ""), done.stdout


def test_an_invalid_recipe_goes_before_a_dear_one_and_is_told(project: Reviewed) -> None:
    (project.folder / "bad.yaml").write_text("wanflow: 1\nsteps: {a: {uses: wan/none}}\n")
    done = review("plan", project.folder, "--recipes", "*.yaml", "--max-cost", "0")
    text = (project.folder / "wanflow-review" / "report.md").read_text()
    assert done.returncode == 65
    assert "**not ready** (exit code 65)" in text
    assert "### <code>bad.yaml</code>: no plan\n\n<pre>bad.yaml:" in text
    log = json.loads((project.folder / "wanflow-review" / "check.sarif").read_text())
    assert {
        result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for result in log["runs"][0]["results"]
    }


def test_names_of_files_are_neither_commands_nor_markup(project: Reviewed) -> None:
    names = (
        "$(touch owned).yaml",
        "-o x.yaml",
        "a\n\n# @everyone <b>.yaml",
        "::error::x\n::add-mask::y.yaml",
        "##[error]x.yaml",
    )
    for name in names:
        (project.folder / name).write_text("wanflow: 1\nsteps: {}\n")
    (project.folder / "deploy.yaml").write_text("kind: Deployment\n")
    done = review("plan", project.folder, "--recipes", "*.yaml")
    text = (project.folder / "wanflow-review" / "report.md").read_text()
    assert (done.returncode, done.stderr) == (65, "")
    assert all(line.startswith("| ") for line in done.stdout.splitlines())
    assert "##[" not in done.stdout
    assert "Usage:" not in done.stdout
    assert not (project.folder / "owned").exists()
    assert "# @everyone" not in text.replace("<pre>", "\n<pre>").split("<pre>")[0]
    assert all(not line.startswith("# ") for line in text.splitlines())
    assert "<b>" not in text
    assert "Deployment" not in text
    assert "deploy" not in text
    plans = sorted(path.name for path in (project.folder / "wanflow-review" / "plans").iterdir())
    assert plans == ["r.json"]


def test_two_recipes_of_one_name_keep_two_plans(module: ModuleType) -> None:
    names = module.plan_files(
        Path("plans"), ["a/r.yaml", "b/r.yaml", "c/R.yaml", "d/r-2.yaml", "e/ü?.yaml", "f/..yaml"]
    )
    assert [path.name for path in names] == ["r.json", "r-2.json", "R-3.json", "r-2-2.json", "__.json", "plan.json"]


# -- comment


def test_a_comment_is_made_and_then_updated_in_place(
    host: CodeHost, request_of: dict[str, str], tmp_path: Path
) -> None:
    stranger = {"id": 1, "body": f"{MARK}\nmine", "user": {"login": "mallory"}}
    host.comments = [stranger, *({"id": n, "body": "hm", "user": BOT} for n in range(2, 131))]
    report(tmp_path, "first")
    done = review("comment", tmp_path, **request_of)
    assert (done.returncode, done.stdout, done.stderr) == (0, "| comment made\n", "")
    report(tmp_path, "second")
    done = review("comment", tmp_path, **request_of)
    assert (done.returncode, done.stdout, done.stderr) == (0, "| comment updated\n", "")
    assert host.comments[-1]["body"] == f"{MARK}\nsecond"
    assert (len(host.comments), host.comments[0]["body"]) == (131, f"{MARK}\nmine")
    assert host.asked[-1] == "PATCH /api/repos/house/archive/issues/comments/131"
    assert host.tokens == {f"Bearer {TOKEN}"}

    # Another set of recipes has a comment of its own.
    assert review("comment", tmp_path, "--name", "posters", **request_of).stdout == "| comment made\n"
    assert host.comments[-1]["body"] == "<!-- wanflow:posters -->\nsecond"


def test_a_note_on_gitlab_is_made_and_then_updated_in_place(host: CodeHost, tmp_path: Path) -> None:
    given = {
        "CI_API_V4_URL": f"http://127.0.0.1:{host.port}/api/v4",
        "CI_PROJECT_ID": "5",
        "CI_MERGE_REQUEST_IID": "3",
        "GITLAB_TOKEN": TOKEN,
    }
    report(tmp_path, "first")
    assert review("comment", tmp_path, **given).stdout == "| comment made\n"
    report(tmp_path, "second")
    assert review("comment", tmp_path, **given).stdout == "| comment updated\n"
    assert [note["body"] for note in host.comments] == [f"{MARK}\nsecond"]
    assert host.asked[-1] == "PUT /api/v4/projects/5/merge_requests/3/notes/1"
    assert host.tokens == {TOKEN}
    without = review("comment", tmp_path, **{**given, "GITLAB_TOKEN": ""})
    assert (without.returncode, "no token that may write" in without.stdout) == (0, True)


def test_too_long_a_report_keeps_its_first_lines(
    host: CodeHost, request_of: dict[str, str], tmp_path: Path, module: ModuleType
) -> None:
    sections = [f"### recipe {n}\n\n{'x' * size}" for n, size in enumerate((50_000, 40_000, 100))]
    report(tmp_path, module.BETWEEN.join(["head", *sections]) + "\n")
    assert review("comment", tmp_path, **request_of).returncode == 0
    body = host.comments[-1]["body"]
    assert 50_000 < len(body) < 65_536
    told = body.split(module.BETWEEN)
    assert told[0] == f"{MARK}\nhead"
    assert told[1:4] == [sections[0], "### recipe 1", sections[2]]
    assert told[4].startswith("Too long for this place")


@pytest.mark.parametrize("count", [1, 10, 3_000])
def test_whatever_is_reported_fits(module: ModuleType, count: int) -> None:
    text = module.BETWEEN.join(["head" * 9_000, *(f"### recipe {n}\n{'x' * 70_000}" for n in range(count))])
    fitted = module.fitted(text, module.COMMENT_LIMIT)
    assert len(fitted) <= module.COMMENT_LIMIT
    assert "### recipe 0\n" in fitted
    assert ("more recipes" in fitted) == (count == 3_000)


@pytest.mark.parametrize(
    ("status", "answer", "told"),
    [
        (
            401,
            b'{"message": "Bad credentials"}',
            "401 Bad credentials. The job needs `permissions: {pull-requests: write}`.",
        ),
        (
            403,
            b'{"message": "Resource not accessible by integration"}',
            "403 Resource not accessible by integration. The job",
        ),
        (422, b'{"message": "body is too long"}', "422 body is too long. The report is in the job's artifact."),
        (500, b"<html>", "500 Internal Server Error. Start the job again."),
        (400, f'{{"message": "no {TOKEN}"}}'.encode(), "400 no ***."),
        (400, b"[1]", "400 Bad Request."),
        (200, b"<html>", "the answer is not JSON"),
        (200, b'{"comments": []}', "the answer is no list of comments"),
        (302, b"", "302 Found."),
    ],
)
def test_refusals_are_told_in_words_and_without_the_token(
    host: CodeHost, request_of: dict[str, str], tmp_path: Path, status: int, answer: bytes, told: str
) -> None:
    report(tmp_path, "first")
    host.refusal = (status, answer, {"Location": f"http://127.0.0.1:{host.port}/elsewhere"} if status == 302 else {})
    done = review("comment", tmp_path, **request_of)
    assert (done.returncode, done.stderr, host.asked) == (1, "", host.asked[:1])
    assert f"| wanflow: GET comments: {told}" in done.stdout
    assert TOKEN not in done.stdout


def test_a_host_that_is_not_there_is_told(host: CodeHost, request_of: dict[str, str], tmp_path: Path) -> None:
    report(tmp_path, "first")
    done = review("comment", tmp_path, **{**request_of, "GITHUB_API_URL": "http://127.0.0.1:1"})
    assert (done.returncode, done.stderr, TOKEN in done.stdout) == (1, "", False)
    assert "Connection refused" in done.stdout


@pytest.mark.parametrize(
    ("changed", "code", "told"),
    [
        ({"GITHUB_REPOSITORY": "another/fork"}, 0, "no comment: pull requests from forks"),
        ({"GITHUB_ACTOR": "dependabot[bot]"}, 0, "no comment: pull requests from forks"),
        ({"GITHUB_TOKEN": ""}, 0, "no comment"),
        ({"GITHUB_EVENT_PATH": "/nowhere"}, 0, "there is no pull request"),
        ({"GITHUB_API_URL": "http://api.example.com"}, 64, "must begin with https://"),
        ({"WANFLOW_NAME": "--><b>"}, 64, "the comment's name has letters"),
        ({"WANFLOW_INTO": "none"}, 64, "review.py plan comes first"),
    ],
)
def test_nothing_is_asked_where_nothing_may_be_written(
    host: CodeHost, request_of: dict[str, str], tmp_path: Path, changed: dict[str, str], code: int, told: str
) -> None:
    report(tmp_path, "first")
    done = review("comment", tmp_path, **{**request_of, **changed})
    assert (done.returncode, done.stderr, host.asked) == (code, "", [])
    assert told in done.stdout
