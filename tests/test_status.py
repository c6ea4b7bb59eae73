"""What `wanflow status` tells of runs, of tasks in flight and of money."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from test_ledger import NOW, opened, order, sent, submitted

from wanflow.cli import main
from wanflow.errors import UsageError
from wanflow.paying.status import Spent, look
from wanflow.planning import states
from wanflow.store.books import FILE
from wanflow.store.ledger import Ledger
from wanflow.store.tasks import State, Task
from wanflow.telling import console

HOUR = 3600.0


@pytest.fixture
def accounts(tmp_path: Path) -> Path:
    """One account with a task in every state that a user may want to know of."""
    ledger = opened(tmp_path / "accounts" / "abc")
    done = submitted(ledger, "a", NOW)
    ledger.move(done, State.DONE, NOW + 9, billed=1)
    stored = submitted(ledger, "b", NOW + 10)
    ledger.move(stored, State.STORED, NOW + 19, billed=1)
    doubtful = sent(ledger, "c", NOW + 20)
    ledger.move(doubtful, State.UNCERTAIN, NOW + 30, "no answer came")
    gone = submitted(ledger, "d", NOW + 40)
    ledger.move(gone, State.LOST, NOW + 50, "TaskLost: gone", billed=1)
    submitted(ledger, "e", NOW + 60)
    ledger.close()
    return tmp_path / "accounts"


def test_open_tasks_and_money_are_shown(accounts: Path, tmp_path: Path) -> None:
    holder = opened(accounts / "abc", "two")
    submitted(holder, "f", NOW + 70)
    found = look(tmp_path / "store", accounts, datetime.fromtimestamp(NOW + HOUR, UTC))
    told = console.status_text(found, billing=True)
    assert "a test: $0.06 spent, $0.06 in flight or in doubt" in told
    assert "run the recipe again to fetch it" in told
    assert "no answer came" in told
    assert "TaskLost: gone" in told
    assert "its run is dead; the next run takes it up" in told
    assert "run two holds its slot" in told
    assert "2023-11  m                               3 images       $0.06" in told
    figures = json.loads(found.json())
    [account] = figures["accounts"]
    assert (account["usd_spent"], account["usd_reserved"]) == (0.06, 0.06)
    assert [task["state"] for task in account["tasks"]] == ["done", "uncertain", "lost", "submitted", "submitted"]
    assert account["tasks"][0]["seconds_left"] == pytest.approx(22.8 * HOUR, abs=600)
    holder.close()


def test_a_ledger_that_can_not_be_read_hides_no_other(accounts: Path, tmp_path: Path) -> None:
    for name in ("damaged", "empty", "strange"):
        (accounts / name).mkdir()
    (accounts / "damaged" / FILE).write_text("no database, but long enough to look like one" * 20)
    (accounts / "empty" / FILE).touch()
    submitted(opened(accounts / "strange"))
    with closing(sqlite3.connect(accounts / "strange" / FILE)) as db:
        db.execute("UPDATE tasks SET call = '[]'")
        db.commit()
    found = look(tmp_path / "store", accounts, datetime.fromtimestamp(NOW + HOUR, UTC))
    told = console.status_text(found, billing=True)
    assert "a test: $0.06 spent, $0.04 in flight or in doubt" in told
    assert f"damaged: the ledger of paid tasks in {accounts / 'damaged'} can't be used: file is not a database" in told
    assert "empty: $0.00 spent" in told
    assert "strange: " in told
    assert "task 1 makes no sense" in told
    faults = {account["account"]: account.get("fault") for account in json.loads(found.json())["accounts"]}
    assert {name for name, fault in faults.items() if fault} == {"damaged", "strange"}


def test_money_is_told_by_month_and_model_however_prices_changed(tmp_path: Path) -> None:
    ledger = opened(tmp_path / "accounts" / "abc")
    for number, (at, usd, billed) in enumerate(
        [(NOW, "0.02", 2), (NOW + 1, "0.03", 1), (NOW + 40 * 24 * HOUR, None, 1)]
    ):
        task = ledger.claim(replace(order(f"k{number}"), usd_image=usd and Decimal(usd)), at)
        assert isinstance(task, Task)
        ledger.move(task, State.STORED, at, billed=billed)
    found = look(tmp_path, tmp_path / "accounts", datetime.fromtimestamp(NOW, UTC))
    assert found.accounts[0].spent == {
        ("2023-11", "m"): Spent(3, Decimal("0.07")),
        ("2023-12", "m"): Spent(1, Decimal(0), unpriced=1),
    }
    told = console.status_text(found, billing=True)
    assert "a test: $0.07 and an amount that is not known for 1 image spent, $0.00 in flight" in told
    assert "2023-12  m                                1 image  an amount that is not known for 1 image" in told


def test_a_ledger_that_is_gone_though_it_was_used_is_told(accounts: Path, tmp_path: Path) -> None:
    (accounts / "abc" / FILE).unlink()
    told = console.status_text(look(tmp_path / "store", accounts, datetime.fromtimestamp(NOW, UTC)))
    assert "it was used before, and ledger.sqlite is empty or gone" in told


def test_looking_changes_nothing_and_needs_no_key(accounts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DASHSCOPE_API_KEY", raising=False)
    before = [task.at for task in Ledger.look(accounts / "abc").tasks(*State)]
    look(accounts, accounts, datetime.now(UTC))
    assert [task.at for task in Ledger.look(accounts / "abc").tasks(*State)] == before


def test_without_runs_and_tasks_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, ["status"])
    assert done.exit_code == 0
    assert done.output.splitlines() == ["no runs in this folder yet", "", "no paid tasks yet"]
    assert json.loads(CliRunner().invoke(main, ["status", "--json"]).output) == {
        "runs": [],
        "unrecorded": [],
        "accounts": [],
    }


def test_a_damaged_record_hides_no_other(tmp_path: Path) -> None:
    for name, text in [("1", json.dumps(RECORD)), ("2", "{"), ("3", json.dumps({**RECORD, "totals": None}))]:
        write_record(tmp_path, name, text.encode())
    found = look(tmp_path, tmp_path, datetime.now(UTC))
    assert found.runs[2] == {name: value for name, value in RECORD.items() if name != "outcomes"}
    lines = console.status_text(found).splitlines()
    fault = "its record (.wanflow/runs/{0}/run.json) can't be read: it is no record of a run: "
    assert lines[0] == "3  " + fault.format(3) + "it has no totals"
    assert lines[1].startswith("2  " + fault.format(2) + "Expecting property name")
    assert lines[2] == "1  r on dashscope: 3 done, 1 failed, 2 picks open, $0.06 paid"
    assert json.loads(found.json())["runs"][0] == {"run_id": "3", "fault": "it is no record of a run: it has no totals"}


RECORD = {
    "run_id": "1",
    "recipe": "r",
    "backend": "dashscope",
    "interrupted": False,
    "totals": {"run": 3, "failed": 1, "usd": 0.06},
    "open_picks": {"look": 2},
    "outcomes": [],
}
DEEP = b"[" * 200_000


def write_record(store: Path, name: str, raw: bytes) -> None:
    (store / "runs" / name).mkdir(parents=True, exist_ok=True)
    (store / "runs" / name / "run.json").write_bytes(raw)


def anything() -> st.SearchStrategy[Any]:
    leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
    return st.recursive(leaves, lambda some: st.lists(some, max_size=3) | st.dictionaries(st.text(max_size=5), some))


@st.composite
def records(draw: st.DrawFn) -> bytes:
    """Bytes, JSON, and whole records with something else in one place."""
    if draw(st.booleans()):
        return draw(st.binary(max_size=50) | st.sampled_from([DEEP, b"[]", b"null", b'{"totals": 1e999}']))
    spoilt = json.loads(json.dumps(RECORD))
    where = draw(st.sampled_from([spoilt, spoilt["totals"], spoilt["open_picks"]]))
    name = draw(st.sampled_from(sorted(where)))
    if draw(st.booleans()):
        del where[name]
    else:
        where[name] = draw(anything())
    return json.dumps(spoilt).encode("utf-8", "surrogatepass")


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(raw=records())
@example(raw=json.dumps({**RECORD, "totals": {"run": 3, "usd": True}}).encode())
def test_a_record_of_whatever_content_is_told_in_a_line(raw: bytes, tmp_path: Path) -> None:
    write_record(tmp_path, "1", raw)
    found = look(tmp_path, tmp_path, datetime.now(UTC))
    assert len(console.status_text(found).splitlines()) == 3
    json.loads(found.json())
    states._failed("r", tmp_path / "runs")


def test_a_record_that_is_no_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "runs" / "1" / "run.json").mkdir(parents=True)
    [line, *_] = console.status_text(look(tmp_path, tmp_path, datetime.now(UTC))).splitlines()
    assert line == "1  its record (.wanflow/runs/1/run.json) can't be read: Is a directory: run.json"


@pytest.mark.parametrize("alive", [True, False])
def test_a_run_that_left_no_record_is_told_from_the_ledger(tmp_path: Path, alive: bool) -> None:
    ledger = opened(tmp_path / "accounts" / "abc", "run1")
    stored = submitted(ledger, "a", NOW)
    ledger.move(stored, State.STORED, NOW + 9, billed=1)
    submitted(ledger, "b", NOW + 10)
    project = Path(ledger.owner.project)
    now = datetime.fromtimestamp(NOW + HOUR, UTC)
    if not alive:
        ledger.close()
    found = look(project / ".wanflow", tmp_path / "accounts", now)
    line = console.status_text(found).splitlines()[0]
    how = "still at work: 2 paid tasks sent, 1 of them stored"
    dead = "killed, or its record is gone: 2 paid tasks sent, 1 of them stored; run it again to go on"
    assert line == f"run1  r: {how if alive else dead}"
    told = {"run": "run1", "recipe": "r", "alive": alive, "sent": 2, "stored": 1}
    assert json.loads(found.json())["unrecorded"] == [told]
    assert look(tmp_path / "other" / ".wanflow", tmp_path / "accounts", now).unrecorded == ()
    if alive:
        ledger.close()


def test_a_run_with_a_record_and_one_of_long_ago_are_not_told_as_killed(tmp_path: Path) -> None:
    ledger = replaced(opened(tmp_path / "accounts" / "abc", "run1"), tmp_path)
    submitted(ledger, "a", NOW)
    ledger.close()
    later = datetime.fromtimestamp(NOW + 25 * HOUR, UTC)
    assert look(tmp_path / ".wanflow", tmp_path / "accounts", later).unrecorded == ()
    assert look(tmp_path / ".wanflow", tmp_path / "accounts", datetime.fromtimestamp(NOW, UTC)).unrecorded
    write_record(tmp_path / ".wanflow", "run1", json.dumps(RECORD).encode())
    assert look(tmp_path / ".wanflow", tmp_path / "accounts", datetime.fromtimestamp(NOW, UTC)).unrecorded == ()


def replaced(ledger: Ledger, project: Path) -> Ledger:
    """The same ledger, for another project."""
    ledger.owner = replace(ledger.owner, project=str(project))
    return ledger


def test_accounts_of_one_label_are_told_apart_by_what_says_nothing_of_the_key(tmp_path: Path) -> None:
    for name in ("aaaaaaaa", "bbbbbbbb"):
        opened(tmp_path / "accounts" / name).close()
    found = look(tmp_path, tmp_path / "accounts", datetime.fromtimestamp(NOW, UTC))
    told = console.status_text(found)
    assert "a test (aaaaaa): $0.00 spent" in told and "a test (bbbbbb): $0.00 spent" in told
    assert [account["account"] for account in json.loads(found.json())["accounts"]] == [
        "a test (aaaaaa)",
        "a test (bbbbbb)",
    ]


# -- of some jobs only


def recorded(store: Path, run: str, *outcomes: tuple[str, str]) -> None:
    values = {"function": "wan/expand", "error": None, "usd": 0, "task_id": None, "fidelity": "real"}
    totals = {"run": 1, "usd": 0}
    record: dict[str, object] = {"run_id": run, "recipe": "r", "backend": "draft", "interrupted": False}
    ended = [{"job": job, "status": status, **values} for job, status in outcomes]
    (store / "runs" / run).mkdir(parents=True)
    (store / "runs" / run / "run.json").write_text(json.dumps(record | {"totals": totals, "outcomes": ended}))


@pytest.fixture
def store(tmp_path: Path) -> Path:
    recorded(tmp_path, "1", ("a/wide", "failed"), ("b/wide", "failed"), ("run/sheet", "blocked"))
    recorded(tmp_path, "2", ("a/wide", "done"), ("b/wide", "refused"), ("b/look@book-0.4", "done"))
    return tmp_path


def jobs(store: Path, *select: str) -> list[list[str]]:
    found = look(store, store / "none", datetime.now(UTC), select)
    return [[outcome["job"] for outcome in run["outcomes"]] for run in found.runs]


def test_selected_jobs_are_told_of_each_run(store: Path) -> None:
    assert jobs(store, "b/") == [["b/wide", "b/look@book-0.4"], ["b/wide"]]
    assert jobs(store, "wide") == [["a/wide", "b/wide"], ["a/wide", "b/wide"]]
    assert jobs(store, "look", "run/sheet") == [["b/look@book-0.4"], ["run/sheet"]]
    assert jobs(store, "wide,b/") == [["b/wide"], ["b/wide"]]
    assert jobs(store, "look@*") == [["b/look@book-0.4"], []]


def test_what_failed_last_is_told_not_what_failed_once(store: Path) -> None:
    assert jobs(store, "state:failed") == [["b/wide"], ["b/wide"]]


def test_the_text_tells_how_selected_jobs_ended(store: Path) -> None:
    told = console.status_text(look(store, store / "none", datetime.now(UTC), ["a/"]))
    assert told.splitlines()[:4] == [
        "2  r on draft: 1 done, all well",
        "  a/wide  wan/expand  done",
        "1  r on draft: 1 done, all well",
        "  a/wide  wan/expand  failed",
    ]


def test_the_text_names_what_helps_once_a_code(store: Path) -> None:
    path = store / "runs" / "1" / "run.json"
    record = json.loads(path.read_text())
    for outcome in record["outcomes"]:
        outcome["error"] = {"code": "Blocked" if outcome["status"] == "blocked" else "Deadline", "message": "no"}
    path.write_text(json.dumps(record))
    told = console.status_text(look(store, store / "none", datetime.now(UTC), ["state:failed", "run/sheet"]))
    assert [line for line in told.splitlines() if line.startswith("  Deadline")] == [
        "  Deadline: Raise seconds_per_megapixel in wanflow.toml, or make the picture smaller before it."
    ]
    assert "  Blocked" not in told


@pytest.mark.parametrize(
    ("select", "words"),
    [
        ("+wide", r"\+ asks for the recipe"),
        ("wide+", r"\+ asks for the recipe"),
        ("b/ tag:web", "tag: asks for the recipe"),
        ("state:new", "state:new asks for the recipe"),
        ("wade", "there is no step wade. Did you mean wide"),
        ("c/", "there is no row c"),
        ("", "is no selection"),
    ],
)
def test_what_a_record_can_not_tell_is_refused_in_words(store: Path, select: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        jobs(store, select)


def test_only_selected_tasks_are_told(accounts: Path, tmp_path: Path) -> None:
    now = datetime.fromtimestamp(NOW, UTC)
    every = look(tmp_path / "store", accounts, now)
    assert {held.task.job for account in every.accounts for held in account.held} == {"1/wide"}
    assert look(tmp_path / "store", accounts, now, ["1/wide"]) == every
    with pytest.raises(UsageError, match="there is no row 2"):
        look(tmp_path / "store", accounts, now, ["2/"])
