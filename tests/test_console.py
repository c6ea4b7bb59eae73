import io
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from projects import Small, three_steps

from wanflow.errors import Mark, Problem
from wanflow.model import Outcome, Status
from wanflow.record import RunRecord
from wanflow.telling.console import MAX_PROBLEMS, problems_text, record_text
from wanflow.telling.narrator import Narrator

STARTED = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def project(tmp_path: Path) -> Small:
    return three_steps(tmp_path / "p")


def record(outcomes: list[Outcome], **more) -> RunRecord:
    return RunRecord("id", "small", "draft", "", STARTED, STARTED + timedelta(seconds=3), outcomes, **more)


def outcome(job: str, status: Status, **more) -> Outcome:
    return Outcome(job, "local/fit", status, **more)


def test_problems_are_shown_whole_and_counted() -> None:
    problem = Problem("range", "strength is 2", "r.yaml", Mark(3, 11), "strength: 2", "Use 1.", ("0001",), 12)
    assert problems_text([problem]) == (
        "r.yaml:3:11: strength is 2 [range]\n"
        "    strength: 2\n"
        "              ^ used by 12 rows, first 0001\n"
        "    Use 1.\n"
        "1 problem"
    )


def test_very_many_problems_are_cut_and_still_counted() -> None:
    text = problems_text([Problem("rule", f"no {n}") for n in range(MAX_PROBLEMS + 2)])
    assert text.splitlines()[-3:] == [f"no {MAX_PROBLEMS - 1} [rule]", "… and 2 more problems", "32 problems"]


def test_record_names_only_what_happened() -> None:
    assert record_text(record([outcome("1/a", Status.DONE)]), 2.0) == "small: 1 done, 0 reused in 2.0 s"
    at_home = record([outcome("1/a", Status.DONE)], written=1, written_to="out/master")
    assert record_text(at_home, 2.0) == "small: 1 done, 0 reused, 1 file written to out/master in 2.0 s"
    many = [outcome("1/a", status) for status in Status]
    assert record_text(record(many, written=2, unchanged_jobs=Counter({Status.REUSED: 9})), 3.0) == (
        "small: 1 done, 10 reused, 1 failed, 1 blocked, 1 refused, 1 left in flight, 1 parked, 1 skipped, "
        "1 not started, 1 excluded, "
        "2 files written in 3.0 s"
    )


def test_plain_stream_gets_a_line_a_job_that_was_done_or_failed() -> None:
    stream = io.StringIO()
    narrator = Narrator(stream)
    narrator.finished(outcome("1/small", Status.DONE, seconds=0.5, warnings=("grey already",)), "small")
    narrator.finished(outcome("2/small", Status.FAILED, error_code="Deadline", error_message="not done"), "small")
    narrator.finished(outcome("3/small", Status.REUSED), "small")
    narrator.finished(outcome("4/small", Status.REFUSED, error_code="Inspection", error_message="as before"), "small")
    narrator.finished(outcome("5/small", Status.REFUSED, error_code="Refused", error_message="see above"), "small")
    narrator.finished(outcome("6/small", Status.LEFT, error_code="Left", error_message="left at home"), "small")
    narrator.published("out/1.png", "")
    narrator.published("out/2.png", "kept/2.png")
    assert stream.getvalue() == (
        "1/small  local/fit  0.5 s\n"
        "  1/small: grey already\n"
        "  2/small failed: Deadline: not done\n"
        "  4/small refused: Inspection: as before\n"
        "  6/small left in flight: at home\n"
        "  out/2.png was not as wanflow left it; what stood there is kept as kept/2.png\n"
    )


def test_what_helps_is_told_at_the_end_once_a_code() -> None:
    stream = io.StringIO()
    narrator = Narrator(stream)
    known = "the model failed. Run again; if it stays, change the picture or the prompt."
    failed = [("1/a", "GateFailed", "blank"), ("2/a", "GateFailed", "too small"), ("3/a", "Strange", "?")]
    for job, code, message in [*failed, ("4/a", "InternalError.Algo", known), ("5/a", "Refused", "see above")]:
        narrator.finished(outcome(job, Status.FAILED, error_code=code, error_message=message), "a")
    stream.truncate(0)
    stream.seek(0)
    narrator.ended(record([]))
    assert stream.getvalue() == (
        "  GateFailed: Loosen the step's expect, allow more with reroll, or let the row go on: otherwise: bypass.\n"
    )


def test_notes_of_the_plan_are_told_when_it_begins(project: Small) -> None:
    plan = project.plan()
    plan.notes.append("the stored picture of 1/small is missing; it is made again")
    stream = io.StringIO()
    with Narrator(stream) as narrator:
        assert narrator.consent(plan, yes=False)
    assert stream.getvalue() == "  the stored picture of 1/small is missing; it is made again\n"
