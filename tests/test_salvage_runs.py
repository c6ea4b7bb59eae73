"""Whole runs that bring home what earlier ones left: interrupted amid it, and beside newer work of the same key."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sqlite3
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import NoReturn

import pytest
from fakes import PRICE, Fakery, FakeTicket, PaidBackend, PaidService, picture
from projects import Heard

from wanflow import api
from wanflow.errors import Again, EditError, UsageError
from wanflow.model import Call, Ending, Result, Status
from wanflow.settings import state_folder
from wanflow.store.index import Index
from wanflow.store.ledger import Ledger
from wanflow.store.tasks import State, Task
from wanflow.telling.console import record_text

RECIPE = """\
wanflow: 1
manifest: {from: rows.csv}
steps:
  colour: {uses: wan/colorization, image: row.photo, with: {prompt: "PROMPT"}}
"""


@dataclass
class Account:
    """What a provider keeps between runs, and where it fails ("wait", "fetch") or hangs with its user interrupting."""

    results: dict[str, Result] = field(default_factory=dict)
    broken: str = ""
    hanging: str = ""
    interrupts: int = 0
    alone: bool = False  # it does not hang until another task is stored

    def options(self, **more: object) -> api.Options:
        return api.Options(backends={"draft": lambda services: Backend(services.workers, self)}, **more)  # type: ignore[arg-type]

    async def reach(self, step: str, task_id: str) -> None:
        if step == self.broken:
            raise EditError("BadAnswer", "no sense", Again.UNSURE)
        if step == self.hanging and task_id == min(self.results):
            while not self.alone and tasks()[-1].state is not State.STORED:
                await asyncio.sleep(0.01)
            for _ in range(self.interrupts):
                os.kill(os.getpid(), signal.SIGINT)
                await asyncio.sleep(0.05)
            await asyncio.Event().wait()


class Backend(PaidBackend):
    def __init__(self, workers: object, account: Account) -> None:
        super().__init__(workers, Fakery())  # type: ignore[arg-type]
        self._of = account

    def service(self, uploads: object) -> PaidService:
        return Service(super(PaidBackend, self).perform, self._of)


class Service(PaidService):
    def __init__(self, perform: object, account: Account) -> None:
        super().__init__(perform)  # type: ignore[arg-type]
        self._of = account

    async def submit(self, prepared: Call) -> FakeTicket:
        ticket = FakeTicket(f"task-{len(self._of.results) + 1}", prepared)
        self._of.results[ticket.task_id] = await self._perform(prepared)
        return ticket

    def ticket(self, call: Call, task_id: str, submitted_at: datetime) -> FakeTicket:
        return FakeTicket(task_id, call)

    async def wait(self, ticket: FakeTicket) -> Ending:
        await self._of.reach("wait", ticket.task_id)
        return Ending(None, 1)

    async def fetch(self, ticket: FakeTicket, ending: Ending) -> Result:
        await self._of.reach("fetch", ticket.task_id)
        return replace(self._of.results[ticket.task_id], task_id=ticket.task_id, billed=1)


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    (tmp_path / "a.png").write_bytes(picture("a"))
    (tmp_path / "rows.csv").write_text("id,photo\n1,a.png\n")
    (tmp_path / "wanflow.toml").write_text("")
    (tmp_path / "r.yaml").write_text(RECIPE)
    return tmp_path / "r.yaml"


def run(recipe: Path, account: Account, **more: object) -> api.RunRecord:
    _, record = api.run(recipe, account.options(**more), listener=Heard())
    assert record
    return record


def tasks() -> list[Task]:
    ledger = Ledger.look(state_folder() / "accounts" / "fake")
    try:
        return sorted(ledger.tasks(*State), key=lambda task: task.id)
    finally:
        ledger.close()


@pytest.mark.parametrize(
    ("step", "interrupts", "left"),
    [("wait", 1, State.SUBMITTED), ("wait", 2, State.SUBMITTED), ("fetch", 2, State.DONE)],
)
def test_a_run_that_only_brings_home_what_others_left_can_be_interrupted(
    recipe: Path, step: str, interrupts: int, left: State
) -> None:
    account = Account(broken=step)
    assert run(recipe, account).exit_code == 1
    recipe.write_text(RECIPE.replace("PROMPT", "another"))
    account.broken, account.hanging, account.interrupts = "", step, interrupts
    run(recipe, account)
    assert [task.state for task in tasks()] == [left, State.STORED]


@pytest.mark.parametrize("step", ["wait", "fetch"])
def test_a_run_that_leaves_all_it_had_under_way_was_interrupted(recipe: Path, step: str) -> None:
    record = run(recipe, Account(hanging=step, interrupts=2, alone=True))
    assert (record.counts(), record.interrupted, record.exit_code) == ({Status.LEFT: 1}, True, 130)


def test_what_was_made_anew_is_not_replaced_by_an_older_task_of_its_key(recipe: Path) -> None:
    account = Account(broken="fetch")
    assert run(recipe, account, force=True).exit_code == 1
    account.broken = ""
    assert run(recipe, account, force=True).exit_code == 0
    index = Index.open(recipe.parent / ".wanflow")
    made = {result.task_id for _, result, _ in index.results()}
    index.close()
    assert made == {"task-2"}
    assert [task.state for task in tasks()] == [State.STORED, State.STORED]
    assert "newer" in tasks()[0].detail


def test_a_run_with_nothing_to_do_brings_home_what_was_left(recipe: Path) -> None:
    account, rows = Account(), recipe.parent / "rows.csv"
    assert run(recipe, account).exit_code == 0
    rows.write_text("id,photo\n1,b.png\n")
    (recipe.parent / "b.png").write_bytes(picture("b"))
    account.broken = "fetch"
    assert run(recipe, account).exit_code == 1
    rows.write_text("id,photo\n1,a.png\n")
    account.broken = ""
    assert run(recipe, account).counts() == {Status.REUSED: 1}
    assert [task.state for task in tasks()] == [State.STORED, State.STORED]


@pytest.mark.parametrize("left", [True, False])
def test_a_run_with_nothing_to_do_asks_for_a_key_only_where_something_was_left(recipe: Path, left: bool) -> None:
    account, heard = Account(), Heard()
    assert run(recipe, account).exit_code == 0

    class Keyless(Backend):
        def account(self) -> NoReturn:
            raise UsageError("the API key is missing")

    if left:
        with sqlite3.connect(state_folder() / "accounts" / "fake" / "ledger.sqlite") as db:
            db.execute("UPDATE tasks SET state = 'submitted'")
        db.close()
    options = api.Options(backends={"draft": lambda services: Keyless(services.workers, account)})  # type: ignore[dict-item]
    _, record = api.run(recipe, options, listener=heard)
    assert record
    assert record.exit_code == 0
    said = "earlier runs left paid pictures at the provider, which are not fetched: the API key is missing"
    assert heard.notes == [said] * left


def test_what_an_earlier_run_paid_for_is_fetched_at_no_cost(recipe: Path) -> None:
    account = Account(broken="wait")
    first = run(recipe, account)
    account.broken = ""
    second = run(recipe, account)
    assert (first.usd, second.usd, second.fetched) == (PRICE, 0, 1)
    assert "1 done, 0 reused, fetched 1 that an earlier run paid for in" in record_text(second, 1.0)


def test_a_project_with_the_same_jobs_does_not_pay_them_again_in_words(recipe: Path, tmp_path: Path) -> None:
    account, other = Account(), tmp_path / "other"
    assert run(recipe, account).usd == PRICE
    shutil.copytree(recipe.parent, other, ignore=shutil.ignore_patterns(".wanflow", "other"))
    second = run(other / "r.yaml", account)
    assert (second.usd, second.fetched, second.counts()) == (0, 1, {Status.DONE: 1})


def test_what_is_left_at_the_provider_is_of_the_run_that_sent_it(recipe: Path) -> None:
    rows = "id,photo\n1,a.png\n2,b.png\n"
    (recipe.parent / "b.png").write_bytes(picture("b"))
    (recipe.parent / "rows.csv").write_text(rows)
    account = Account(hanging="wait", interrupts=2)
    first = run(recipe, account)
    assert first.usd == 2 * PRICE
    account.hanging = ""
    second = run(recipe, account)
    assert (second.usd, second.fetched) == (0, 1)
