import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from projects import WANFLOW, Small, photo, small_project, three_steps
from ptys import OWN, Terminal, environment, foreign

from wanflow import api
from wanflow.model import Limits, Outcome, Status
from wanflow.planning.forecast import Forecast, LaneForecast
from wanflow.planning.planned import Plan
from wanflow.running.listener import LaneUse, Usage
from wanflow.telling.course import TRUST, Course
from wanflow.telling.narrator import Narrator

if sys.platform == "win32":
    pytest.skip("ptys are POSIX's", allow_module_level=True)

from wanflow.telling.live import Live, Screen, View


@pytest.fixture(autouse=True)
def a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    for name in ("NO_COLOR", "CI"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    """Two jobs each of small and tiny, one of odd, all on this machine."""
    return three_steps(tmp_path / "p").plan()


def outcome(job: str, status: Status = Status.DONE, **more: object) -> Outcome:
    return Outcome(job, "local/fit", status, **more)


def drawn(view: View, columns: int, rows: int, now: float = 0.0) -> list[str]:
    return [line.plain for line in view.lines(columns, rows, now)]


# -- how far a run is


def test_what_the_plan_knew_the_end_of_is_no_progress(plan: Plan) -> None:
    course = Course(plan, 0.0)
    assert (course.ended, course.expected) == (0, 5)
    course.finished(outcome("1/odd", Status.SKIPPED), "odd", 0.0)
    assert (course.ended, course.expected) == (0, 5)
    course.finished(outcome("2/odd"), "odd", 1.0)
    assert (course.ended, course.expected) == (1, 5)


@pytest.mark.parametrize("before", ["nothing", "half", "all"])
def test_whatever_was_there_before_a_whole_run_ends_all_that_was_expected(tmp_path: Path, before: str) -> None:
    project = three_steps(tmp_path / "p")
    if before == "half":
        project.run(wish=api.Wish(select=("1/",)))
    elif before == "all":
        project.run()
    course = Course(project.plan(), 0.0)

    class Counting(api.Silent):
        def finished(self, outcome: Outcome, step: str) -> None:
            course.finished(outcome, step, 1.0)

    api.run(project.recipe, listener=Counting())
    assert course.ended == course.expected == {"nothing": 5, "half": 3, "all": 0}[before]


def test_what_is_not_started_or_left_counts_as_open(plan: Plan) -> None:
    course = Course(plan, 0.0)
    for status in (Status.NOT_STARTED, Status.LEFT):
        course.finished(outcome("1/small", status), "small", 1.0)
    assert course.ended == 0


def test_time_left_begins_as_planned_and_becomes_what_is_measured(plan: Plan) -> None:
    course = Course(plan, 100.0)
    assert course.left_s(100.0) == pytest.approx(plan.forecast.seconds)
    lane = next(iter(course.lanes.values()))
    for job, now in (("1/small", 150.0), ("2/small", 200.0)):
        course.finished(outcome(job), "small", now)
    measured = (TRUST / 3 * lane.planned_s + 100.0) / (TRUST / 3 + 2)
    assert course.left_s(200.0) == pytest.approx(3 * measured, rel=0.01)
    assert course.left_s(200.0 + measured / 2) == pytest.approx(2.5 * measured, rel=0.01)
    assert course.left_s(9_999.0) == pytest.approx(2 * measured, rel=0.01), "a job that hangs is still one to come"


@pytest.mark.parametrize("times", [0.1, 10.0])
def test_a_plan_that_is_far_off_is_soon_forgotten(tmp_path: Path, times: float) -> None:
    project = small_project(tmp_path / "p", {f"{n}.png": photo(n) for n in range(8)})
    plan = project.plan()
    plan.forecast = replace(plan.forecast, seconds=2 * plan.forecast.seconds)  # a half of it are waits
    course = Course(plan, 0.0)
    whole = plan.forecast.seconds * times
    for number in range(4):
        course.finished(outcome(f"{number}/small"), "small", whole * (number + 1) / 8)
    assert whole / 2 / 1.6 < course.left_s(whole / 2) < whole / 2 * 1.6


def test_nothing_is_left_at_the_end(plan: Plan) -> None:
    course = Course(plan, 0.0)
    for job, step in (("1/small", "small"), ("2/small", "small"), ("1/tiny", "tiny"), ("2/tiny", "tiny")):
        course.finished(outcome(job), step, 1.0)
    course.finished(outcome("1/odd", Status.SKIPPED), "odd", 1.0)
    course.finished(outcome("2/odd", Status.FAILED), "odd", 1.0)
    assert course.left_s(2.0) == 0.0


def test_rates_are_those_of_the_last_minute(plan: Plan) -> None:
    course = Course(plan, 0.0)
    for now in (1.0, 2.0, 70.0):
        course.finished(outcome("1/small"), "small", now)
    lane = course.steps["small"].lane
    assert course.lane_minute(lane, 71.0) == 1
    assert course.sent_minute(LaneUse(lane, 2, sent=30), 30.0) == 60
    assert course.sent_minute(LaneUse(lane, 2, sent=40), 100.0) == 10


# -- what is shown of it


@pytest.fixture
def view(plan: Plan) -> View:
    lane = LaneForecast(plan.forecast.lanes[0].lane, 5, Limits(2), 120.0)
    plan.forecast = Forecast(120.0, (lane,))
    course = Course(plan, 0.0)
    course.finished(outcome("1/odd", Status.SKIPPED), "odd", 0.0)  # the plan knew
    course.finished(outcome("1/small"), "small", 30.0)
    course.finished(outcome("1/tiny", Status.REUSED), "tiny", 30.0)
    course.finished(outcome("2/small", Status.FAILED), "small", 60.0)
    course.finished(outcome("2/tiny", Status.BLOCKED), "tiny", 60.0)
    uses = (
        LaneUse(lane.lane, 2, 1),
        LaneUse("cn-beijing/图像", 2, 2, queued=3, sent=12, unanswered=1),
        LaneUse("fetch", 4),
    )
    usage = Usage(uses, Decimal("0.25"), Decimal("0.04"), Decimal("1"))
    return View("small on draft", course, usage, ["2/small failed: Deadline: not done"], ["a note"])


def test_the_view_has_steps_lanes_time_money_failures_and_notes(view: View) -> None:
    assert drawn(view, 100, 30, 60.0) == [
        "small on draft · 4 of 5 jobs · 60 s · about 29 s left · $0.25 of $1.00 spent, $0.04 in flight",
        "  small  ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━  2/2  1 done, 1 failed",
        "  tiny   ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━  2/2  1 reused, 1 blocked",
        "  odd    ──────────────────────────────  0/1",
        "  this machine     1 of 2 slots, 2 done/min",
        "  cn-beijing/图像  2 of 2 slots, 3 queued, 1 unanswered, looked for, 0 done/min, 12 sent/min",
        "  ✗ 2/small failed: Deadline: not done",
        "  a note",
    ]


def test_forty_columns_are_enough(view: View) -> None:
    assert drawn(view, 40, 30, 60.0) == [
        "small on draft · 4 of 5 jobs · 60 s",
        "  about 29 s left",
        "  $0.25 of $1.00 spent, $0.04 in flight",
        "  small  2/2  1 done, 1 failed",
        "  tiny   2/2  1 reused, 1 blocked",
        "  odd    0/1",
        "  this machine  1 of 2 slots, 2 done/min",
        "  图像          2 of 2 slots, 3 queued,…",
        "  ✗ 2/small failed: Deadline: not done",
        "  a note",
    ]


def test_what_is_at_work_stays_when_lines_are_few(view: View) -> None:
    assert drawn(view, 100, 6, 60.0) == [
        "small on draft · 4 of 5 jobs · 60 s · about 29 s left · $0.25 of $1.00 spent, $0.04 in flight",
        "  odd  ──────────────────────────────  0/1",
        "  … and 2 more steps",
        "  this machine     1 of 2 slots, 2 done/min",
        "  ✗ 2/small failed: Deadline: not done",
        "  a note",
    ]


def test_the_view_is_never_larger_than_the_screen(view: View) -> None:
    for columns in (*range(1, 60), 79, 80, 200):
        for rows in range(1, 14):
            lines = view.lines(columns, rows, 60.0)
            assert 1 <= len(lines) <= rows
            assert max(line.cell_len for line in lines) <= columns


def test_a_run_that_stops_says_so_instead_of_the_time(view: View) -> None:
    view.usage = Usage(stopping=True)
    head = drawn(view, 100, 9, 60.0)[0]
    assert "finishing what is under way" in head and "left" not in head


# -- on a terminal


def test_lines_are_written_over_in_place_and_what_is_said_above_stays() -> None:
    from rich.text import Text

    with Terminal(40, 8) as terminal, terminal.text() as stream:
        screen = Screen(stream)
        screen.draw([Text("one"), Text("two")])
        screen.draw([Text("three")], above="a note\nanother")
        screen.draw([Text("four"), Text("five"), Text("six")])
        terminal.read()
        assert terminal.lines() == ["a note", "another", "four", "five", "six"]
        before = terminal.written
        screen.draw([Text("four"), Text("five"), Text("six")])
        assert terminal.read() == before, "what is as it was is not written again"


def test_after_a_stop_the_view_goes_on_below_what_the_shell_said(plan: Plan, terminal: Terminal) -> None:
    with terminal.text() as stream, Narrator(stream) as narrator:
        narrator.consent(plan, yes=False)
        terminal.read()
        before = terminal.lines()
        stream.write("[1]+  Stopped    wanflow run\n$ fg\n")
        signal.raise_signal(signal.SIGCONT)
        narrator.passed()
        terminal.read()
        assert terminal.lines() == [*before, "[1]+  Stopped    wanflow run", "$ fg", *before]


def test_in_the_background_of_a_shell_lines_are_told(tmp_path: Path) -> None:
    project = three_steps(tmp_path / "p")
    with Terminal(120, 16) as terminal:
        script = f"set -m; {shlex.join([*WANFLOW, 'run', 'r.yaml'])} & wait"
        running = terminal.start(["sh", "-c", script], project.folder)
        said = terminal.read()
        assert running.wait() == 0
    assert "\x1b" not in said
    assert "1/small  local/fit" in said


def test_a_view_that_comes_into_the_background_waits_there(
    plan: Plan, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    with terminal.text() as stream:
        screen = Screen(stream)
        live = Live(screen, plan, lambda: 0.0)
        before = terminal.read()
        live.say("a note")
        with monkeypatch.context() as elsewhere:
            elsewhere.setattr(os, "tcgetpgrp", lambda _: os.getpgrp() + 1)
            live.passed()
        assert terminal.read() == before
        live.passed()
        assert "a note" in terminal.read()
        live.close()


def test_a_window_that_became_narrower_leaves_nothing_behind() -> None:
    from rich.text import Text

    with Terminal(80, 10) as terminal, terminal.text() as stream:
        sizes = [os.terminal_size((80, 10)), os.terminal_size((30, 10))]
        screen = Screen(stream, lambda: sizes[0])
        screen.draw([Text("x" * 70), Text("y" * 20)])
        terminal.read()
        sizes.pop(0)
        before = len(terminal.written)
        screen.draw([Text("z")])
        # Such a line takes three rows now, as terminals break it, and the other one.
        assert terminal.read()[before:].startswith("\r\x1b[4Az\x1b[K")


def test_a_window_without_any_room_harms_nothing(plan: Plan) -> None:
    with Terminal(80, 10) as terminal, terminal.text() as stream:
        with Narrator(stream) as narrator:
            narrator.consent(plan, yes=False)
            terminal.resize(0, 0)
            narrator.note("a note")
            narrator.passed()
            terminal.resize(80, 10)
        terminal.read()
    assert "  a note" in terminal.lines()


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    with Terminal(60, 16) as opened:
        yield opened


def test_failures_and_notes_that_leave_the_view_stay_above_it(plan: Plan, terminal: Terminal) -> None:
    with terminal.text() as stream:
        with Narrator(stream) as narrator:
            narrator.consent(plan, yes=False)
            for number in range(1, 5):
                narrator.note(f"note {number}")
                failed = outcome(f"{number}/small", Status.FAILED, error_code="E", error_message="bad")
                narrator.finished(failed, "small")
            narrator.passed()
            terminal.read()
            shown = terminal.lines()
            assert shown[:2] == ["  note 1", "  1/small failed: E: bad"]
            assert shown[-6:] == [
                *(f"  ✗ {number}/small failed: E: bad" for number in (2, 3, 4)),
                *(f"  note {number}" for number in (2, 3, 4)),
            ]
        terminal.read()
    assert terminal.lines()[:8] == [
        line for number in range(1, 5) for line in (f"  note {number}", f"  {number}/small failed: E: bad")
    ]
    assert [line.split()[0] for line in terminal.lines()[8:]] == ["small", "tiny", "odd"]


def test_a_crash_leaves_the_screen_clean(plan: Plan, terminal: Terminal) -> None:
    with terminal.text() as stream:
        with pytest.raises(ZeroDivisionError), Narrator(stream) as narrator:
            narrator.consent(plan, yes=False)
            narrator.note("what was said")
            raise ZeroDivisionError
        terminal.read()
    assert terminal.lines()[0] == "  what was said"
    assert [line.split()[0] for line in terminal.lines()[1:]] == ["small", "tiny", "odd"]
    assert "?25" not in terminal.written, "the cursor was never hidden"


HOSTILE = "\x1b]0;owned\x07\x9b2J\u202e\r\n\x1b[2J"


@pytest.mark.parametrize("plain", [True, False])
def test_nothing_from_a_row_or_a_service_reaches_the_terminal_as_a_command(
    plan: Plan, terminal: Terminal, plain: bool
) -> None:
    plan.notes.append(HOSTILE)
    with terminal.text() as stream, Narrator(stream, plain=plain) as narrator:
        narrator.consent(plan, yes=False)
        narrator.finished(outcome(f"{HOSTILE}/small", Status.DONE, warnings=(HOSTILE,)), "small")
        for status in (Status.FAILED, Status.REFUSED, Status.SKIPPED, Status.LEFT):
            narrator.finished(outcome(HOSTILE, status, error_code=HOSTILE, error_message=HOSTILE), "small")
        narrator.published(HOSTILE, HOSTILE)
        narrator.passed()
    said = terminal.read()
    assert "\\x1b]0;owned\\x07\\x9b2J\\u202e" in said
    assert foreign(said) == []
    assert "\x1b[2J" not in said


@pytest.mark.parametrize("variable", [{"NO_COLOR": "1"}, {"TERM": "dumb"}, {"CI": "true"}])
def test_whoever_wants_plain_lines_gets_them(
    plan: Plan, terminal: Terminal, variable: dict[str, str], monkeypatch
) -> None:
    for name, value in variable.items():
        monkeypatch.setenv(name, value)
    with terminal.text() as stream, Narrator(stream) as narrator:
        narrator.consent(plan, yes=False)
        narrator.finished(outcome("1/small", seconds=0.5), "small")
        narrator.passed()
    assert terminal.read() == "1/small  local/fit  0.5 s\r\n"


def test_a_terminal_without_a_size_gets_plain_lines(plan: Plan) -> None:
    with Terminal(0, 0) as terminal, terminal.text() as stream, Narrator(stream) as narrator:
        narrator.consent(plan, yes=False)
        assert terminal.read() == ""


def test_a_run_ends_with_its_steps_and_its_sum(tmp_path: Path) -> None:
    project = three_steps(tmp_path / "p")
    with Terminal(120, 16) as terminal:
        running = terminal.start([*WANFLOW, "run", "r.yaml"], project.folder)
        said = terminal.read()
        assert running.wait() == 0
    assert "of 5 jobs" in said
    small, tiny, odd, told = terminal.lines()
    assert (small.split()[0], small.split()[2:]) == ("small", ["2/2", "2", "done"])
    assert (tiny.split()[0], odd.split()[0]) == ("tiny", "odd")
    assert told.startswith("small: 5 done, 0 reused, 1 skipped, 2 files written to out in")
    assert foreign(said) == []


@pytest.fixture
def slow_service() -> Iterator[str]:
    command = [*WANFLOW, "emulate", "--port", "0", "--service", "uniform:600:600", "--paint", "echo"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout
        yield next(line.split()[-1] for line in server.stdout if line.startswith("base URL"))
        server.send_signal(signal.SIGINT)
        server.stdout.read()


def paid_project(folder: Path) -> Small:
    return small_project(
        folder,
        {f"{n}.png": photo(n, 520, 520) for n in (1, 2)},
        steps=["small: {uses: wan/colorization, image: row.photo, model: wanx2.1-imageedit}"],
    )


def test_ctrl_c_leaves_a_clean_screen(tmp_path: Path, terminal: Terminal, slow_service: str) -> None:
    project = paid_project(tmp_path / "p")
    words = ["run", "r.yaml", "--backend", "dashscope", "--base-url", slow_service, "--max-cost", "1"]
    running = terminal.start([*WANFLOW, *words], project.folder, DASHSCOPE_API_KEY="sk-secret-of-mine")
    terminal.read(until=lambda: "$0.00 of $1.00 spent, $0.0402 in flight" in "".join(terminal.lines()))
    assert "2 of 2 slots" in "".join(terminal.lines())
    terminal.press("\x03")
    terminal.read(until=lambda: "press Ctrl-C again" in "".join(terminal.lines()))
    terminal.press("\x03")
    said = terminal.read()
    assert running.wait() == 130
    lines = terminal.lines()
    assert lines[-1].startswith("small: 0 done") or lines[-2].startswith("small: 0 done")
    assert sum("press Ctrl-C again" in line for line in lines) == 1
    assert not any("slots" in line or "^C" in line for line in lines)
    assert "secret" not in said
    assert OWN.sub("", said).isprintable()
