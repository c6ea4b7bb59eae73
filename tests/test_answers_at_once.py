"""Paid calls of a protocol without tasks: what was not heard of can't be looked for, and what was lost is gone."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from fakes import picture
from paydesk import ORDER, PRICE, Desk, Line, Provider, error
from test_provider import SPEED, run, stats

from wanflow import cache
from wanflow.backends.dashscope import client
from wanflow.emulator.chance import times
from wanflow.emulator.faults import Fault
from wanflow.emulator.options import Options as Emulation
from wanflow.emulator.server import running
from wanflow.errors import Again, EditError
from wanflow.functions.catalog import Model, Protocol
from wanflow.model import Ending, Result
from wanflow.paying.payments import Payments
from wanflow.store.ledger import Ledger
from wanflow.store.receipts import Receipts
from wanflow.store.tasks import Owner, State


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "account", Provider(at_once=True))


def test_an_answer_at_once_is_kept(desk: Desk) -> None:
    async def stored(payments: Payments) -> None:
        await payments.stored((await payments.perform(ORDER)).task)

    desk.work(stored)
    assert desk.states() == [State.STORED]
    desk.perform()  # its project lost the pictures, which can't be had twice
    assert (len(desk.provider.sent), desk.states()) == (2, [State.STORED, State.DONE])


def test_a_request_without_an_answer_is_never_taken_for_one_that_did_not_arrive(desk: Desk) -> None:
    desk.provider.submits, desk.provider.takes_unheard = [error(Again.UNSURE, "NoAnswer")], True
    for _ in range(2):
        with pytest.raises(EditError, match=r"makes no task that could be looked for.* --resubmit-uncertain"):
            desk.perform()
    assert (len(desk.provider.sent), desk.states()) == (1, [State.UNCERTAIN])
    assert desk.notes == []
    desk.perform(resubmit_uncertain=True)
    assert desk.states() == [State.LOST, State.DONE]


@pytest.mark.parametrize("step", ["wait", "fetch"])
def test_an_answer_whose_process_ended_before_its_pictures_were_kept_is_lost(desk: Desk, step: str) -> None:
    async def ended(*_: Any) -> Any:
        raise asyncio.CancelledError

    with pytest.MonkeyPatch.context() as patch, pytest.raises(asyncio.CancelledError):
        patch.setattr(desk.provider, step, ended)
        desk.perform()
    with pytest.raises(EditError, match="TaskLost: m answered at once, and the process that it answered ended"):
        desk.perform()
    assert (len(desk.provider.sent), desk.states()) == (1, [State.LOST])
    desk.perform()
    assert desk.states() == [State.LOST, State.DONE]


def test_pictures_of_an_answer_at_once_that_can_not_be_fetched_are_lost_and_told_as_billed(desk: Desk) -> None:
    desk.provider.fetches = [error(Again.UNSURE, "DownloadFailed")]
    with pytest.raises(EditError, match="there is no task to be asked again") as caught:
        desk.perform()
    assert (caught.value.again, caught.value.billed) == (Again.LOST, 1)


def test_an_answer_that_another_process_has_is_left_to_it(desk: Desk) -> None:
    fetching, plain = asyncio.Event(), desk.provider.fetch

    async def slow(ticket: Line, ending: Ending) -> Result:
        fetching.set()
        await desk.provider.clock.sleep(30)
        return await plain(ticket, ending)

    desk.provider.fetch = slow  # type: ignore[method-assign]

    async def both(payments: Payments) -> None:
        first = asyncio.create_task(payments.perform(ORDER))
        await fetching.wait()
        other = Ledger.open(desk.folder, Owner("other", 2, "/q", "other"), "test", 0)
        [task] = other.tasks(State.DONE)
        assert not other.may_go_on(task)
        other.close()
        await first

    desk.work(both, cap=PRICE)
    assert desk.states() == [State.DONE]


# -- on the emulator

RECIPE = """\
wanflow: 1
manifest: {from: rows.csv}
steps:
  both: {uses: wan/i2i, model: wan2.6-image, images: [row.photo, row.photo], with: {prompt: side by side}}
"""


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    def at_once(model: Model) -> Protocol:
        return next(protocol for protocol in model.protocols if not protocol.is_async)

    monkeypatch.setattr(client, "preferred", at_once)
    monkeypatch.setenv("DASHSCOPE_API_KEY", "sk-test")
    (tmp_path / "a.png").write_bytes(picture("a"))
    (tmp_path / "rows.csv").write_text("id,photo\n1,a.png\n")
    (tmp_path / "wanflow.toml").write_text("")
    (tmp_path / "r.yaml").write_text(RECIPE)
    return tmp_path / "r.yaml"


def test_a_run_keeps_what_came_at_once_and_a_second_run_calls_nobody(recipe: Path) -> None:
    with running(Emulation(speed=SPEED, paint="echo", service=times("uniform:2:4"))) as origin:
        for _ in range(2):
            record, heard = run(recipe, origin)
            assert record.exit_code == 0, heard.notes
        assert (stats(origin)["submissions"], stats(origin)["images_billed"]) == (1, 1)


def test_what_came_at_once_has_a_receipt_and_outlives_the_index_and_a_clearing(recipe: Path) -> None:
    with running(Emulation(speed=SPEED, paint="echo", service=times("uniform:2:4"))) as origin:
        record, _ = run(recipe, origin)
        assert next(iter(Receipts(recipe.parent / ".wanflow").read()))[0].key == record.outcomes[0].key
        assert json.loads("".join(record.json()))["totals"]["paid_tasks"] == 1
        for file in (recipe.parent / ".wanflow").glob("index.sqlite*"):
            file.unlink()
        assert cache.gc(recipe.parent, older_than_s=0.0).items == []
        again, heard = run(recipe, origin)
        assert (again.exit_code, stats(origin)["submissions"]) == (0, 1), heard.notes


def test_a_run_whose_answer_was_lost_says_so_and_sends_it_again_only_when_told(recipe: Path) -> None:
    faults = (Fault(("reset_after",), times=1, on=("submit",)),)
    with running(Emulation(speed=SPEED, paint="echo", service=times("uniform:2:4"), faults=faults)) as origin:
        for _ in range(2):
            record, _ = run(recipe, origin)
            assert record.exit_code == 1
            assert "makes no task that could be looked for" in str(record.outcomes[0].error_message)
        assert stats(origin)["submissions"] == 1
        record, heard = run(recipe, origin, resubmit_uncertain=True)
        assert record.exit_code == 0, heard.notes
        assert stats(origin)["submissions"] == 2
