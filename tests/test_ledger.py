"""The ledger by itself: what may be claimed, who decides, and that nothing is forgotten."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest

from wanflow.errors import StoreError
from wanflow.model import Call, Limits
from wanflow.store import locks
from wanflow.store.books import FILE, KEPT_S
from wanflow.store.ledger import ALONE_S, UNHEARD_S, Ledger, Wait
from wanflow.store.tasks import Order, Owner, State, Task
from wanflow.store.uploads import Kept

NOW = 1_700_000_000.0
LIMITS = Limits(2, per_second=2, ahead=1)


def opened(folder: Path, name: str = "one", project: str = "/p") -> Ledger:
    return Ledger.open(folder, Owner(name, 1, project, name), "a test", NOW)


def order(key: str = "k", lane: str = "beijing/m", limits: Limits = LIMITS, n: int = 1) -> Order:
    call = Call(key, "wan/expand", {"n": n, "prompt": "蓝天"}, {"image": ("/a.png", "ab" * 32)}, model="m")
    return Order(call, lane, limits, Decimal("0.02"), '["parts"]', "r", "1/wide")


def sent(ledger: Ledger, key: str = "k", now: float = NOW) -> Task:
    """A task whose request is on its way."""
    task = ledger.claim(order(key), now)
    assert isinstance(task, Task)
    assert ledger.fence(task, now, 1.5)
    return ledger.tasks(State.SENDING)[-1]


def submitted(ledger: Ledger, key: str = "k", now: float = NOW) -> Task:
    task = sent(ledger, key, now)
    assert ledger.accepted(task, order(key), f"id-{key}-{task.id}", now + 0.3)
    return ledger.tasks(State.SUBMITTED)[-1]


def test_a_task_is_read_back_as_it_was_ordered(tmp_path: Path) -> None:
    task = submitted(opened(tmp_path))
    assert (task.call.function, task.call.model, task.call.parameters) == (
        "wan/expand",
        "m",
        {"n": 1, "prompt": "蓝天"},
    )
    assert task.call.inputs == {"image": ("", "ab" * 32)}
    assert (task.usd_image, task.offset_s, task.task_id, task.components) == (
        Decimal("0.02"),
        1.5,
        "id-k-1",
        '["parts"]',
    )
    assert task.submitted.timestamp() == NOW + 0.3


def test_a_lane_sends_no_faster_than_its_rate_and_one_at_a_time(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    first = sent(ledger, "a")
    assert isinstance(ledger.claim(order("b"), NOW + 5), Wait)  # the first is not answered yet
    assert isinstance(ledger.claim(order("c", lane="other"), NOW + 5), Task)
    ledger.accepted(first, order("a"), "t", NOW + 0.1)
    early = ledger.claim(order("b"), NOW + 0.1)
    assert isinstance(early, Wait)
    assert early.seconds == pytest.approx(0.51)  # from the answer on: nobody knows how long the request was on its way
    assert isinstance(ledger.claim(order("b"), NOW + 0.62), Task)


def test_an_unanswered_request_is_alone_until_the_list_can_tell_and_does_not_stop_its_lane_for_good(
    tmp_path: Path,
) -> None:
    ledger = opened(tmp_path)
    sent(ledger, "a")
    assert isinstance(ledger.claim(order("b"), NOW + UNHEARD_S - 1), Wait)
    assert isinstance(ledger.claim(order("b"), NOW + UNHEARD_S + 2), Task)


def test_one_that_was_stopped_before_it_sent_lets_others_go_first_and_then_withdraws(tmp_path: Path) -> None:
    one, two = opened(tmp_path, "one"), opened(tmp_path, "two")
    stopped = one.claim(order("a"), NOW)
    assert isinstance(stopped, Task)
    later = sent(two, "b", NOW + ALONE_S + 1)
    assert not one.fence(stopped, NOW + ALONE_S + 2, None)
    assert two.accepted(later, order("b"), "t", NOW + ALONE_S + 3)
    assert isinstance(one.claim(order("a"), NOW + ALONE_S + 9), Task)


def test_a_lane_holds_no_more_tasks_than_its_slots_and_those_ahead(tmp_path: Path) -> None:
    ledgers = [opened(tmp_path, name) for name in ("one", "two", "three")]
    for number, ledger in enumerate(ledgers):
        submitted(ledger, f"k{number}", NOW + number)
    assert isinstance(ledgers[0].claim(order("more"), NOW + 9), Wait)
    assert ledgers[1].move(ledgers[1].tasks(State.SUBMITTED)[1], State.DONE, NOW + 10, billed=1)
    assert isinstance(ledgers[0].claim(order("more"), NOW + 11), Task)


def test_a_project_that_wants_fewer_tasks_ahead_has_fewer_at_once(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    for number in range(2):
        submitted(ledger, f"k{number}", NOW + number)
    assert isinstance(ledger.claim(order("more", limits=Limits(2, per_second=2, ahead=0)), NOW + 9), Wait)
    assert isinstance(ledger.claim(order("more"), NOW + 9), Task)


def test_a_key_that_is_in_flight_is_gone_on_with(tmp_path: Path) -> None:
    one, two = opened(tmp_path, "one"), opened(tmp_path, "two", "/other")
    sending = sent(one)
    assert isinstance(two.claim(order(), NOW + 1), Wait)  # not two's to touch
    assert isinstance(two.claim(order(), NOW + 1), Wait)
    one.accepted(sending, order(), "t", NOW + 1)
    found = two.claim(order(), NOW + 2)
    assert isinstance(found, Task)
    assert (found.state, found.task_id, found.owner) == (State.SUBMITTED, "t", "one")
    assert two.move(found, State.DONE, NOW + 3, billed=1)
    assert not one.move(found, State.DONE, NOW + 3, billed=1)  # somebody was first


def test_what_failed_or_is_too_old_or_is_passed_over_does_not_count(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    task = submitted(ledger)
    ledger.move(task, State.FAILED, NOW, "InternalError: no")
    assert ledger.current("k", NOW) is None
    task = submitted(ledger, now=NOW + 1)
    ledger.move(task, State.DONE, NOW + 2, billed=1)
    assert ledger.current("k", NOW + KEPT_S - 10)
    assert ledger.current("k", NOW + KEPT_S + 10) is None
    assert ledger.current("k", NOW + 10, {State.DONE}) is None


def test_only_its_owner_sends_an_intent_and_only_once(tmp_path: Path) -> None:
    one, two = opened(tmp_path, "one"), opened(tmp_path, "two")
    task = one.claim(order(), NOW)
    assert isinstance(task, Task)
    assert one.fence(task, NOW, None)
    assert not one.fence(task, NOW, None)
    assert two.orphans(NOW) == []


def test_what_a_dead_process_left_is_taken_up_once_and_intents_are_withdrawn(tmp_path: Path) -> None:
    program = f"""
import os, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
from random import Random
from test_ledger import NOW, opened, order, sent, submitted
ledger = opened(Path({str(tmp_path)!r}), "dead")
submitted(ledger, "a")
sent(ledger, "b", NOW + 30)
ledger.claim(order("c"), NOW + 400)
os.kill(os.getpid(), 9)
"""
    subprocess.run([sys.executable, "-c", program], check=False)
    one, two = opened(tmp_path, "one"), opened(tmp_path, "two")
    assert [(task.key, task.state, task.owner) for task in one.orphans(NOW + 430)] == [
        ("a", State.SUBMITTED, "one"),
        ("b", State.SENDING, "one"),
    ]
    assert two.orphans(NOW + 430) == []
    assert one.tasks(State.FAILED)[0].detail.startswith("withdrawn")


def test_history_is_whole_and_can_not_be_rewritten(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    task = submitted(ledger)
    ledger.move(task, State.DONE, NOW + 9, billed=1)
    with sqlite3.connect(tmp_path / FILE) as db:
        states = [row[0] for row in db.execute("SELECT state FROM history WHERE task = ? ORDER BY id", (task.id,))]
        assert states == ["intent", "sending", "submitted", "done"]
        for statement in ("UPDATE history SET state = 'failed'", "DELETE FROM history"):
            with pytest.raises(sqlite3.IntegrityError, match="never rewritten"):
                db.execute(statement)


def test_what_a_task_costs_follows_its_state(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    claimed = ledger.claim(order(n=3), NOW)
    assert isinstance(claimed, Task)
    assert claimed.usd == Decimal("0.06")  # reserved
    ledger.fence(claimed, NOW, None)
    ledger.accepted(ledger.tasks(State.SENDING)[0], order(n=3), "t", NOW)
    ledger.move(ledger.tasks(State.SUBMITTED)[0], State.DONE, NOW, billed=2)
    assert ledger.tasks(State.DONE)[0].usd == Decimal("0.04")


def test_a_doubt_that_is_passed_over_ends_as_billed_and_only_then(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    ledger.move(sent(ledger), State.UNCERTAIN, NOW + 1, "two may be meant")
    assert isinstance(found := ledger.claim(order(), NOW + 2), Task)
    assert found.state is State.UNCERTAIN
    assert isinstance(ledger.claim(order(), NOW + 0.1, {State.UNCERTAIN}), Wait)
    assert len(ledger.tasks(State.UNCERTAIN)) == 1
    assert isinstance(ledger.claim(order(), NOW + 400, {State.UNCERTAIN}), Task)
    [lost] = ledger.tasks(State.LOST)
    assert (lost.usd, lost.detail) == (
        Decimal("0.02"),
        "two may be meant; counted as billed, and sent again as was wished",
    )


def test_refusals_teach_all_processes(tmp_path: Path) -> None:
    one, two = opened(tmp_path, "one"), opened(tmp_path, "two")
    task = sent(one)
    one.refused(task, order(), "Throttling.RateQuota: too fast", NOW + 0.2, 30.0)
    wait = two.claim(order("other"), NOW + 10)
    assert isinstance(wait, Wait)
    assert wait.seconds == pytest.approx(20.2)


def test_uploads_outlive_processes_until_the_provider_has_them_no_more(tmp_path: Path) -> None:
    old, good = datetime.fromtimestamp(NOW - 1, UTC), datetime.fromtimestamp(NOW + 1, UTC)

    async def first(uploads: Kept) -> None:
        await uploads.keep("m", "old", "oss://x", old)
        await uploads.keep("m", "good", "oss://y", good)

    async def second(uploads: Kept) -> None:
        assert await uploads.find("m", "old") is None
        assert await uploads.find("m", "good") == ("oss://y", good)
        assert await uploads.forget("m", "good")
        assert not await uploads.forget("m", "good")

    asyncio.run(first(Kept(opened(tmp_path, "one"))))
    asyncio.run(second(Kept(opened(tmp_path, "two"))))


def test_what_can_not_be_read_is_told_in_words(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    with closing(sqlite3.connect(tmp_path / FILE)) as db:
        db.execute("ALTER TABLE tasks RENAME TO gone")
    for look in (lambda: ledger.tasks(State.DONE), lambda: ledger.last("k"), lambda: ledger.known(["t"]), ledger.spent):
        with pytest.raises(StoreError, match=r"the ledger of paid tasks .* can't be used: no such table"):
            look()


@pytest.mark.parametrize("empty", [b"", None])
def test_a_ledger_that_was_used_and_is_empty_or_gone_is_not_begun_anew(tmp_path: Path, empty: bytes | None) -> None:
    folder = tmp_path / "account"
    opened(folder, "one").close()
    (folder / FILE).unlink()
    if empty is not None:
        (folder / FILE).write_bytes(empty)
    for look in (lambda: opened(folder, "two"), lambda: Ledger.look(folder)):
        with pytest.raises(StoreError, match=r"is empty or gone\. .* move the folder away to begin a new one"):
            look()
    folder.rename(tmp_path / "aside")
    opened(folder, "two").close()


@pytest.mark.parametrize("seed", range(60))
def test_whatever_bytes_are_spoilt_is_told_in_words(tmp_path: Path, seed: int) -> None:
    ledger = opened(tmp_path, "one")
    for at, key in enumerate(("a", "b")):
        submitted(ledger, key, NOW + 10 * at)
    ledger.close()
    chance, raw = Random(seed), bytearray((tmp_path / FILE).read_bytes())
    ends = range(0, len(raw), 4096)
    for _ in range(40):
        # The first bytes of a page say where its rows are; the last hold the rows, and the first page's the tables.
        start = chance.choice(ends)
        raw[start + chance.choice((chance.randrange(100), 4095 - chance.randrange(900)))] = chance.randrange(256)
    (tmp_path / FILE).write_bytes(raw)
    with suppress(StoreError):
        seen = Ledger.look(tmp_path)
        for look in (lambda: seen.tasks(*State), seen.spent, lambda: seen.label, lambda: seen.is_alive("one")):
            with suppress(StoreError):
                look()
    with suppress(StoreError):
        writing = opened(tmp_path, "two")
        for write in (lambda: writing.orphans(NOW), lambda: writing.claim(order("d"), NOW)):
            with suppress(StoreError):
                write()


def test_two_runs_of_one_name_do_not_share_their_tasks(tmp_path: Path) -> None:
    first = opened(tmp_path, "one")
    with pytest.raises(StoreError, match="another run goes by the name one"):
        opened(tmp_path, "one")
    first.close()
    opened(tmp_path, "one").close()


def test_an_owner_of_whom_nobody_can_tell_whether_he_lives_is_told_in_words(tmp_path: Path) -> None:
    submitted(opened(tmp_path, "one"))
    (tmp_path / "owners" / "one").unlink()
    (tmp_path / "owners" / "one").mkdir()
    two = opened(tmp_path, "two")
    for look in (lambda: two.orphans(NOW), lambda: two.is_alive("one")):
        with pytest.raises(StoreError, match=r"whether one still runs \(Is a directory"):
            look()


def test_a_ledger_whose_maker_died_before_its_tables_is_empty(tmp_path: Path) -> None:
    (tmp_path / FILE).touch()
    assert Ledger.look(tmp_path).tasks(*State) == []
    assert opened(tmp_path).tasks(*State) == []


def test_where_no_lock_tells_who_lives_nothing_is_paid_and_nobody_is_called_dead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder = opened(tmp_path)
    monkeypatch.setattr(locks, "TELLING", False)
    with pytest.raises(StoreError, match=r"can't tell a dead run from a living one.*in WSL"):
        opened(tmp_path, "two")
    assert Ledger.look(tmp_path).is_alive(holder.owner.id)


@pytest.mark.parametrize("opening", [opened, Ledger.look])
def test_a_ledger_of_a_newer_wanflow_is_left_alone(opening: Callable[[Path], Ledger], tmp_path: Path) -> None:
    opened(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / FILE)) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError, match=r"newer wanflow \(its format is 99, this one reads 1\).*upgrade wanflow"):
        opening(tmp_path)


def test_a_folder_that_can_not_be_used_is_named_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError) as caught:
        opened(tmp_path / "file")
    assert str(tmp_path / "file") in str(caught.value)
    assert "XDG_STATE_HOME" in str(caught.value)
    (tmp_path / FILE).write_text("not a database, but long enough to look like one" * 20)
    with pytest.raises(StoreError, match="not a database"):
        opened(tmp_path)
