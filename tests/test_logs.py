import io
import json
import os
import signal
import subprocess
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from projects import WANFLOW, Small, photo, small_project, three_steps
from test_live import HOSTILE, paid_project, slow_service  # noqa: F401 - a fixture

from wanflow.cli import main
from wanflow.documents.schemas import load
from wanflow.errors import Mark, Problem, RefusedError
from wanflow.model import Outcome, Status
from wanflow.running.listener import LaneUse, Usage
from wanflow.telling.log import LANE_EVERY_S, Log

SCHEMA = Draft202012Validator(load("log.schema.json"))


def events(text: str) -> list[dict[str, Any]]:
    """The events of a log, each of which keeps the schema."""
    assert text.endswith("\n")
    found = [json.loads(line) for line in text[:-1].split("\n")]
    for event in found:
        assert [error.message for error in SCHEMA.iter_errors(event)] == []
        assert datetime.fromisoformat(event["time"]).utcoffset() == timedelta(0)
    return found


@pytest.fixture
def project(tmp_path: Path) -> Small:
    return three_steps(tmp_path / "p")


class Now:
    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 21, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment


def test_a_run_is_told_from_its_plan_to_its_end(project: Small) -> None:
    done = project.command("run", "r.yaml", "--log-format", "json")
    assert done.returncode == 0
    assert done.stdout.startswith("small: 5 done, 0 reused, 1 skipped, 2 files written")
    told = events(done.stderr)
    assert [told[0]["event"], told[-1]["event"]] == ["plan", "ended"]
    assert (told[0]["run"], told[0]["later"], told[0]["skip"]) == (3, 2, 1)
    assert (told[-1]["exit_code"], told[-1]["totals"]["run"]) == (0, 5)
    jobs = {kind: [event["job"] for event in told if event["event"] == kind] for kind in ("started", "finished")}
    assert sorted(jobs["started"]) == ["1/small", "1/tiny", "2/odd", "2/small", "2/tiny"]
    assert sorted(jobs["finished"]) == ["1/odd", *sorted(jobs["started"])]
    assert {event["path"] for event in told if event["event"] == "published"} == {"out/1.png", "out/2.png"}
    assert next(event for event in told if event["event"] == "lane")["slots"] == 1
    assert [event["time"] for event in told] == sorted(event["time"] for event in told)


def test_the_record_goes_to_the_output_and_the_log_to_the_error_stream(project: Small) -> None:
    done = project.command("run", "r.yaml", "--json", "--log-format", "json")
    assert json.loads(done.stdout)["run_id"] == events(done.stderr)[-1]["run_id"]


def test_the_schema_is_to_be_had(project: Small) -> None:
    assert json.loads(project.command("schema", "log").stdout) == load("log.schema.json")


@pytest.mark.parametrize(
    ("words", "kind", "code"),
    [
        (["run", "absent.yaml"], "recipe", 65),
        (["run", "r.yaml", "-s", "nothing/like"], "usage", 64),
        (["run", "r.yaml", "--no-such-flag"], "usage", 64),
        (["run", "r.yaml", "--backend", "nobody"], "usage", 64),
    ],
)
@pytest.mark.parametrize("as_json", [[], ["--json"]])
def test_what_went_wrong_is_an_event_too(
    project: Small,
    words: list[str],
    kind: str,
    code: int,
    as_json: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(project.folder)
    with pytest.raises(SystemExit) as ended:
        main([*words, "--log-format", "json", *as_json])
    assert ended.value.code == code
    output, errors = capsys.readouterr()
    last = events(errors)[-1]
    assert (last["event"], last["kind"], last["exit_code"]) == ("error", kind, code)
    if as_json:
        assert json.loads(output)["error"]["message"] == last["message"]
    else:
        assert output == ""


def test_problems_of_rows_are_events_and_the_others_go_on(tmp_path: Path) -> None:
    project = small_project(tmp_path / "p", {"1.png": photo(1), "2.png": b"no picture"})
    told = events(project.command("run", "r.yaml", "--log-format", "json").stderr)
    assert [event["rule"] for event in told if event["event"] == "problem"] == ["image-unreadable"]
    assert told[-1]["exit_code"] == 1


def test_money_and_lanes_are_told_and_no_secret(tmp_path: Path, slow_service: str) -> None:  # noqa: F811 - the fixture
    project = paid_project(tmp_path / "p")
    words = ["run", "r.yaml", "--backend", "dashscope", "--base-url", slow_service, "--log-format", "json"]
    key = {"DASHSCOPE_API_KEY": "sk-secret-of-mine"}
    refused = project.command(*words, env={**os.environ, **key})
    assert refused.returncode == 3
    assert [event["event"] for event in events(refused.stderr)] == ["plan", "error"]
    assert events(refused.stderr)[0]["usd"] == pytest.approx(0.04014)
    nothing = project.command(*words, "--max-cost", "0.01", env={**os.environ, **key})
    ended = events(nothing.stderr)[-1]
    assert (nothing.returncode, ended["spent"], ended["left"], ended["exit_code"]) == (3, 0, 0.01, 3)
    assert "secret" not in refused.stderr + nothing.stderr


def test_what_was_spent_and_is_left_stands_at_each_job(project: Small) -> None:
    stream = io.StringIO()
    log = Log(stream, Now())
    log.consent(project.plan(), yes=False)
    usage = Usage((LaneUse("this machine", 2, 1),), Decimal("0.2"), Decimal("0.1"), Decimal("0.5"))
    log.began(lambda: usage)
    log.finished(Outcome("1/small", "local/fit", Status.DONE, usd=None), "small")
    told = events(stream.getvalue())[-1]
    assert (told["usd"], told["spent"], told["left"]) == (None, 0.2, pytest.approx(0.2))


def test_a_lane_is_told_now_and_then_only(project: Small) -> None:
    stream, now = io.StringIO(), Now()
    log = Log(stream, now)
    log.consent(project.plan(), yes=False)
    log.began(lambda: Usage((LaneUse("this machine", 2, 1), LaneUse("fetch", 4))))
    for _ in range(40):
        now.moment += timedelta(seconds=LANE_EVERY_S / 20)
        log.passed()
    assert [event["event"] for event in events(stream.getvalue())] == ["plan", "lane", "lane", "lane"]


def test_no_text_of_a_stranger_ends_a_line_or_commands_a_terminal(project: Small) -> None:
    stream = io.StringIO()
    log = Log(stream, Now())
    plan = project.plan()
    plan.notes.append(HOSTILE)
    log.consent(plan, yes=False)
    odd = f"{HOSTILE}\x85\u2028\ud800\x7f"
    log.started(odd, "small")
    failed = Outcome(odd, odd, Status.FAILED, task_id=odd, warnings=(odd,), error_code=odd, error_message=odd)
    log.finished(failed, "small")
    log.published(odd, odd)
    log.note(odd)
    log.error("recipe", odd, 65, [Problem("range", odd, odd, Mark(1, 2), odd, odd, (odd,), 1, odd, (odd,))])
    text = stream.getvalue()
    assert len(events(text)) == 8
    assert events(text)[-3]["text"] == odd
    assert text.replace("\n", "").isprintable()


def test_nobody_is_asked_by_a_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASHSCOPE_API_KEY", "sk-x")
    plan = paid_project(tmp_path / "p").plan(backend="dashscope", base_url="http://127.0.0.1:1/api/v1")
    with pytest.raises(RefusedError, match="Say --yes"):
        Log(io.StringIO()).consent(plan, yes=False)
    assert Log(io.StringIO()).consent(plan, yes=True)


def test_text_is_told_in_lines_on_a_terminal_too(project: Small) -> None:
    from ptys import Terminal

    with Terminal(100, 30) as terminal:
        running = terminal.start([*WANFLOW, "run", "r.yaml", "--log-format", "text"], project.folder)
        said = terminal.read()
        assert running.wait() == 0
    assert "1/small  local/fit" in said
    assert "\x1b" not in said


# -- where nobody listens


@pytest.mark.parametrize("words", [["--log-format", "json"], ["--json"]])
def test_a_run_whose_reader_went_away_goes_on_and_ends_as_it_does(tmp_path: Path, words: list[str]) -> None:
    project = small_project(tmp_path / "p", {"1.png": photo(1), "2.png": b"no picture", "3.png": photo(3)})
    done = unread(project, "run", "r.yaml", *words)
    assert done.returncode == 1, "as with a reader: one row is bad"
    assert list(project.outputs()) == ["1.png", "3.png"]
    assert record_of(project)["totals"]["run"] == 2


def test_a_pipe_that_breaks_ends_a_command_without_a_word(project: Small) -> None:
    done = unread(project, "status", stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (141, b"")


def record_of(project: Small) -> dict[str, Any]:
    (record,) = (project.store / "runs").glob("*/run.json")
    return json.loads(record.read_text(encoding="utf-8"))


def unread(project: Small, *words: str, stderr: int | None = None) -> subprocess.CompletedProcess[bytes]:
    """A command whose output nobody reads any more, nor what it says of errors if not told otherwise."""
    ours, theirs = os.pipe()
    os.close(ours)
    streams = {"stdout": theirs, "stderr": stderr or theirs}
    try:
        return subprocess.run([*WANFLOW, *words], cwd=project.folder, timeout=60, **streams)
    finally:
        os.close(theirs)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_a_log_that_cannot_be_written_ends_no_run(project: Small) -> None:
    with Path("/dev/full").open("wb") as full:
        command = [*WANFLOW, "run", "r.yaml", "--log-format", "json"]
        done = subprocess.run(command, cwd=project.folder, stdout=subprocess.PIPE, stderr=full, timeout=60)
    assert (done.returncode, len(project.outputs())) == (0, 2)


def paid_run(slow_service: str) -> list[str]:  # noqa: F811 - the fixture
    return [*WANFLOW, "run", "r.yaml", "--backend", "dashscope", "--base-url", slow_service, "--max-cost", "1"]


def test_a_window_that_is_closed_stops_a_run_as_ctrl_c_does(
    tmp_path: Path,
    slow_service: str,  # noqa: F811 - the fixture
) -> None:
    from ptys import Terminal

    project = paid_project(tmp_path / "p")
    with Terminal(120, 16) as terminal:
        running = terminal.start(paid_run(slow_service), project.folder, DASHSCOPE_API_KEY="sk-x")
        terminal.read(until=lambda: "$0.0402 in flight" in "".join(terminal.lines()))
    running.send_signal(signal.SIGINT)
    assert running.wait(60) == 130
    record = record_of(project)
    assert (record["interrupted"], record["totals"]["left_in_flight"]) == (True, 2)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux tells which signals are ignored")
@pytest.mark.parametrize("nohup", [True, False])
def test_nohup_lets_a_run_go_on_when_its_window_is_closed(
    tmp_path: Path,
    slow_service: str,  # noqa: F811 - the fixture
    nohup: bool,
) -> None:
    with subprocess.Popen(
        [*["nohup"] * nohup, *paid_run(slow_service), "--log-format", "json"],
        cwd=paid_project(tmp_path / "p").folder, env={**os.environ, "DASHSCOPE_API_KEY": "sk-x"},
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stderr
        assert any('"started"' in line for line in process.stderr)
        status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
        process.kill()
    ignored = int(status.partition("SigIgn:")[2].split()[0], 16)
    assert bool(ignored & 1 << (signal.SIGHUP - 1)) is nohup
