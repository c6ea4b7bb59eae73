"""The state survives a restart, also a hard one."""

from pathlib import Path

import pytest
from desk import TEXT, Desk, edit, text

from wanflow.emulator.state import Store
from wanflow.errors import UsageError


def test_tasks_files_and_figures_survive(tmp_path: Path) -> None:
    file = tmp_path / "state.db"
    before = Desk(state=file)
    done = before.task(edit(prompt="done"))
    before.wait(12)
    url = before.query(done)["output"]["results"][0]["url"]
    picture = before.get(url).body
    running = [before.task(edit(prompt=str(n))) for n in range(2)]
    waiting = before.task(edit(prompt="waiting"))
    before.send("GET", "/tasks/none")
    before.cancel("none")
    before.service.remember(before.now)
    figures = before.stats()
    before.store.close()

    after = Desk(state=file)
    after.now = before.now
    after.service.account.new_id = lambda: "11111111-0000-4000-8000-000000000000"
    assert [after.state(task) for task in (done, *running, waiting)] == ["SUCCEEDED", "RUNNING", "RUNNING", "PENDING"]
    assert after.get(url).body == picture
    later = after.stats()
    assert {name: figures[name] for name in ("submissions", "images_billed", "refused", "tasks")} == {
        name: later[name] for name in ("submissions", "images_billed", "refused", "tasks")
    }
    assert later["models"]["wanx2.1-imageedit"]["max_running"] == 2
    after.wait(40)
    assert {after.state(task) for task in (*running, waiting)} == {"SUCCEEDED"}


def test_task_that_was_painted_before_the_restart_is_not_painted_again(tmp_path: Path) -> None:
    file = tmp_path / "state.db"
    before = Desk(state=file)
    task = before.task(edit())
    before.work()
    before.store.close()
    after = Desk(state=file)
    after.now = before.now
    assert list(after.service.account.due_work()) == []
    after.now += 10
    assert after.state(task) == "SUCCEEDED"


def test_restart_continues_the_drawn_service_times(tmp_path: Path) -> None:
    whole = Desk(service=None)
    for number in range(4):
        whole.task(edit(prompt=str(number)))
    wanted = [task.service_s for task in whole.store.tasks()]
    file = tmp_path / "state.db"
    for half in (range(2), range(2, 4)):
        desk = Desk(service=None, state=file)
        numbers = iter(f"{half.start}{number}" for number in range(99))
        desk.service.account.new_id = numbers.__next__
        for number in half:
            desk.task(edit(prompt=str(number)))
        desk.store.close()
    assert [task.service_s for task in Store(file).tasks()] == wanted


def test_time_goes_on_where_it_stood(tmp_path: Path) -> None:
    desk = Desk(state=tmp_path / "state.db")
    desk.task(text(), TEXT)
    desk.store.close()
    assert Store(tmp_path / "state.db").kept("now", 0) == desk.now


def test_state_of_another_region_is_refused(tmp_path: Path) -> None:
    Desk(state=tmp_path / "state.db").store.close()
    with pytest.raises(UsageError, match="holds tasks of cn-beijing; name another file, or --region cn-beijing"):
        Desk(state=tmp_path / "state.db", region="ap-southeast-1")


def test_file_in_use_by_another_emulator_is_refused_until_that_one_ends(tmp_path: Path) -> None:
    first = Store(tmp_path / "state.db")
    for _ in range(2):
        with pytest.raises(UsageError, match=r"state\.db is in use by another emulator; stop it"):
            Store(tmp_path / "state.db")
    first.close()
    Store(tmp_path / "state.db").close()


def test_file_that_is_no_state_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("these are my notes, and no database at all\n" * 50)
    for name in ("notes.txt", "no/such/folder.db"):
        with pytest.raises(UsageError, match="can't hold the emulator's state"):
            Store(tmp_path / name)
    assert (tmp_path / "notes.txt").read_text().startswith("these are my notes")


def test_expired_files_are_forgotten() -> None:
    store = Store()
    store.put("old", b"x", "", 100)
    store.put("new", b"y", "", 300)
    store.purge(200)
    assert (store.file("old", 0), store.file("new", 0)) == (None, (b"y", ""))
