import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from jsonschema import Draft202012Validator, FormatChecker
from projects import WANFLOW, Small, small_project

from wanflow import __version__
from wanflow.cli import main
from wanflow.cli.flags import Money

COMMANDS = ("init", "check", "plan", "run", "emulate", "schema", "completion")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Small:
    project = small_project(tmp_path / "p")
    monkeypatch.chdir(project.folder)
    return project


def wanflow(*words: str) -> Result:
    return CliRunner().invoke(main, words)


def judged(text: str, schema: str) -> dict:
    """JSON text that was checked against a shipped schema."""
    value = json.loads(text)
    rules = json.loads(wanflow("schema", schema).stdout)
    Draft202012Validator(rules, format_checker=FormatChecker()).validate(value)
    return value


def broken_row(project: Small) -> None:
    (project.folder / "photos/1.png").write_text("not a picture")


# -- help and usage


def test_help_names_every_command_and_the_first_steps() -> None:
    said = wanflow("--help").stdout
    assert all(f"\n  {command}" in said for command in COMMANDS)
    assert "wanflow run recipe.yaml        do it; a rerun does only what changed" in said


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_shows_an_example(command: str) -> None:
    result = wanflow(command, "-h")
    assert result.exit_code == 0
    assert f"wanflow {command} " in result.stdout.partition("\n\n")[2] or f"$(wanflow {command}" in result.stdout


def test_version_is_told() -> None:
    assert wanflow("--version").stdout == f"wanflow, version {__version__}\n"


def test_the_module_is_the_command(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "wanflow", "--version"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == f"wanflow, version {__version__}\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["plann"], "No such command 'plann'"),
        (["plan"], "Missing argument 'RECIPE'"),
        (["plan", "r.yaml", "--frobnicate"], "No such option"),
        (["plan", "r.yaml", "-p", "upscale"], '-p takes NAME=VALUE, got "upscale"'),
        (["plan", "r.yaml", "-p", "=4"], '-p takes NAME=VALUE, got "=4"'),
        (["plan", "r.yaml", "-j", "0"], "Invalid value for '-j'"),
        (["plan", "r.yaml", "--backend", "drafts"], "there is no backend drafts. Did you mean draft?"),
        (["schema", "wan/expnd"], "there is no schema wan/expnd. Did you mean wan/expand?"),
        (["completion", "tcsh"], "Invalid value for '{bash|zsh|fish}'"),
    ],
)
def test_wrong_usage_is_64_with_a_remedy(project: Small, words: list[str], said: str) -> None:
    result = wanflow(*words)
    assert (result.exit_code, result.stdout) == (64, "")
    assert said in result.stderr


@pytest.mark.parametrize("command", [main, *main.commands.values(), *main.commands["cache"].commands.values()])
def test_no_line_of_help_is_broken_by_a_terminal_of_eighty_columns(command: click.Command) -> None:
    context = click.Context(command, info_name="wanflow", terminal_width=80)
    assert [line for line in command.get_help(context).splitlines() if len(line) > 80] == []


def test_no_command_shows_help_as_a_usage_error() -> None:
    result = wanflow()
    assert result.exit_code == 64
    assert "Usage:" in result.stderr


def loaded_by(*words: str) -> tuple[str, set[str]]:
    """What a command prints, and every top-level package that it imported."""
    code = f"import sys; sys.argv = {['wanflow', *words]}\nfrom wanflow.cli import main\n"
    code += "try: main()\nfinally: print(*{name.partition('.')[0] for name in sys.modules})"
    said = subprocess.run([WANFLOW[0], "-c", code], capture_output=True, text=True, timeout=60).stdout
    return said, set(said.splitlines()[-1].split())


def test_help_loads_nothing_heavy() -> None:
    _, packages = loaded_by("--help")
    assert "click" in packages
    assert not packages & {"numpy", "cv2", "PIL", "jsonschema", "networkx", "jinja2", "httpx", "rich", "yaml"}


def test_rerun_with_nothing_to_do_loads_no_pixel_engine(project: Small) -> None:
    project.run()
    said, packages = loaded_by("run", "r.yaml")
    assert "0 done, 2 reused" in said
    assert not packages & {"numpy", "cv2", "PIL", "httpx", "rich"}


# -- check and plan


def test_check_of_a_good_recipe_is_a_line(project: Small) -> None:
    assert wanflow("check", "r.yaml").stdout == "r.yaml: no problems; 2 rows, 1 step\n"
    assert json.loads(wanflow("check", "r.yaml", "--format", "json").stdout) == {"problems": []}
    assert not project.store.exists()


def test_check_of_a_bad_row_is_65_and_golden(project: Small) -> None:
    broken_row(project)
    result = wanflow("check", "r.yaml")
    assert (result.exit_code, result.stdout) == (65, "")
    assert result.stderr == (
        "photos.csv:2:1: row.photo: photos/1.png: this is not an image: it is text [image-unreadable]\n"
        "    row 1\n"
        "    Save it anew as JPEG or PNG, or leave the row out with where:.\n"
        "1 problem\n"
    )


def test_recipe_that_is_not_there_is_65(project: Small) -> None:
    result = wanflow("plan", "other.yaml")
    assert result.exit_code == 65
    assert result.stderr == "other.yaml: there is no such file [file]\n1 problem\n"


def test_problems_as_json_are_those_of_the_plan_schema(project: Small) -> None:
    broken_row(project)
    result = wanflow("check", "r.yaml", "--format", "json")
    assert result.exit_code == 65
    (problem,) = json.loads(result.stdout)["problems"]
    plan = judged(wanflow("plan", "r.yaml", "--format", "json").stdout, "plan")
    assert plan["problems"] == [problem]
    assert (problem["path"], problem["line"], problem["rows"]) == ("photos.csv", 2, ["1"])


def test_plan_as_json_keeps_its_schema_and_changes_nothing(project: Small) -> None:
    result = wanflow("plan", "r.yaml", "--format", "json")
    plan = judged(result.stdout, "plan")
    assert result.exit_code == 0
    assert [(d["job"], d["action"], d["reason"]) for d in plan["decisions"]] == [
        ("1/small", "run", "new"),
        ("2/small", "run", "new"),
    ]
    assert not project.store.exists()


def test_plan_with_a_bad_row_shows_the_others_and_is_65(project: Small) -> None:
    broken_row(project)
    result = wanflow("plan", "r.yaml")
    assert result.exit_code == 65
    assert result.stdout.startswith("small on draft: 1 job, free, about 0.1 s; 0 reused, 1 refused\n")
    assert "this is not an image" in result.stderr


# -- run


def test_run_then_rerun(project: Small) -> None:
    first, second = wanflow("run", "r.yaml"), wanflow("run", "r.yaml")
    assert (first.exit_code, second.exit_code) == (0, 0)
    assert first.stdout.startswith("small: 2 done, 0 reused, 2 files written to out in ")
    assert sorted(line.rpartition("  ")[0] for line in first.stderr.splitlines()) == [
        "1/small  local/fit",
        "2/small  local/fit",
    ]
    assert second.stdout.startswith("small: 0 done, 2 reused in ")
    assert second.stderr == ""


def test_record_as_json_is_the_one_that_is_kept(project: Small) -> None:
    record = judged(wanflow("run", "r.yaml", "--json").stdout, "run")
    kept = (project.store / "runs" / record["run_id"] / "run.json").read_text()
    assert judged(kept, "run") == record
    assert [outcome["outputs"][0]["path"] for outcome in record["outcomes"]] == ["out/1.png", "out/2.png"]


def test_record_of_a_failed_run_keeps_its_schema(project: Small) -> None:
    broken_row(project)
    result = wanflow("run", "r.yaml", "--json")
    record = judged(result.stdout, "run")
    assert result.exit_code == 1
    assert [outcome["status"] for outcome in record["outcomes"]] == ["refused", "done"]


def test_stopping_on_failure_does_nothing_while_a_row_has_problems(project: Small) -> None:
    broken_row(project)
    result = wanflow("run", "r.yaml", "-K")
    assert (result.exit_code, result.stdout) == (65, "")
    assert not (project.folder / "out").exists()


def test_dry_run_is_the_plan(project: Small) -> None:
    assert wanflow("run", "r.yaml", "-n").stdout == wanflow("plan", "r.yaml").stdout
    judged(wanflow("run", "r.yaml", "-n", "--json").stdout, "plan")
    assert not project.store.exists()


def test_other_output_folder_and_other_rows(project: Small) -> None:
    (project.folder / "more.csv").write_text("id,photo\nnine,photos/2.png\n")
    assert wanflow("run", "r.yaml", "-m", "more.csv", "-o", "elsewhere").exit_code == 0
    assert [path.name for path in (project.folder / "elsewhere").rglob("*.png")] == ["nine.png"]


def test_force_runs_what_is_stored(project: Small) -> None:
    wanflow("run", "r.yaml")
    assert wanflow("run", "r.yaml", "-B").stdout.startswith("small: 2 done, 0 reused")


def test_bad_settings_are_64_and_name_the_entry(project: Small) -> None:
    (project.folder / "wanflow.toml").write_text("job = 2\n")
    result = wanflow("run", "r.yaml")
    assert result.exit_code == 64
    assert result.stderr == "wanflow: wanflow.toml: job is not known. Did you mean jobs?\n"


# -- schema, completion, init


@pytest.mark.parametrize("name", ["recipe", "plan", "run", "wan/expand", "local/fit"])
def test_schemas_are_valid_schemas(name: str) -> None:
    Draft202012Validator.check_schema(json.loads(wanflow("schema", name).stdout))


def test_schema_without_a_name_is_that_of_recipes() -> None:
    assert wanflow("schema").stdout == wanflow("schema", "recipe").stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script_asks_wanflow(shell: str) -> None:
    said = wanflow("completion", shell).stdout
    assert "_WANFLOW_COMPLETE" in said and f"{shell}_complete" in said


def test_completion_knows_the_commands() -> None:
    asked = {"_WANFLOW_COMPLETE": "bash_complete", "COMP_LINE": "wanflow pl"}
    said = subprocess.run(
        [WANFLOW[0], "-c", "from wanflow.cli import main; main(prog_name='wanflow')"],
        env={**os.environ, **asked},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert said.stdout == "plan \n"


def test_init_makes_a_project_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert wanflow("init", "archive").stdout.endswith("  wanflow run restore.yaml\n")
    again = wanflow("init", "archive")
    assert again.exit_code == 64
    assert again.stderr.startswith("wanflow: archive already holds restore.yaml")


# -- as a process


def test_process_ends_with_the_exit_code_and_says_results_on_stdout(project: Small) -> None:
    broken_row(project)
    ran = project.command("run", "r.yaml")
    assert ran.returncode == 1
    assert ran.stdout.startswith("small: 1 done, 0 reused, 1 refused, 1 file written to out in ")
    assert ran.stderr.splitlines()[-1] == "1 problem"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(28, "No space left on device"), "wanflow: output can't be written: No space left on device"),
        (PermissionError(13, "Permission denied", "/state/owners"), "wanflow: /state/owners: Permission denied"),
        (OSError(24, "Too many open files"), "wanflow: Too many open files"),
    ],
)
def test_what_the_system_refuses_is_told_for_what_it_is(error: OSError, said: str) -> None:
    @main.command("fail", hidden=True)
    def fail() -> None:
        raise error

    try:
        result = wanflow("fail")
    finally:
        main.commands.pop("fail")
    assert (result.exit_code, result.stderr.strip()) == (1, said)


@pytest.mark.parametrize("amount", ["nan", "inf", "-1", "1e400", "2,50"])
def test_a_cap_that_bounds_nothing_is_refused(amount):
    with pytest.raises(click.BadParameter, match="is no amount in USD"):
        Money().convert(amount, None, None)
