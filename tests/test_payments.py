"""When a paid call is sent, sent again, gone on with, and never sent again."""

from __future__ import annotations

import asyncio
import pickle
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from paydesk import ORDER, PRICE, Desk, Line, Provider, error, order

from wanflow.amounts import dollars
from wanflow.errors import Again, EditError, StoreError
from wanflow.model import Call, Ending, Limits
from wanflow.paying.attempts import MAX_ATTEMPTS, PATIENCE_S, Left, NoRoom, NotStarted, OverBudget, Performed
from wanflow.paying.payments import Payments
from wanflow.paying.reconcile import SETTLED_S
from wanflow.store.ledger import Ledger
from wanflow.store.tasks import Order, Owner, State, Task


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "account", Provider())


def test_success_at_once(desk: Desk) -> None:
    performed = desk.perform()
    assert (performed.attempts, performed.result.task_id, performed.result.billed) == (1, "task-1", 1)
    assert desk.states() == [State.DONE]


@pytest.mark.parametrize("where", ["submits", "ends"])
def test_what_costs_nothing_is_tried_again_a_few_times(desk: Desk, where: str) -> None:
    setattr(desk.provider, where, [error(Again.SOON) for _ in range(MAX_ATTEMPTS - 1)])
    assert desk.perform().attempts == MAX_ATTEMPTS
    assert desk.provider.sent == pytest.approx([0, 1, 3])


def test_after_the_last_attempt_it_fails_and_says_how_many(desk: Desk) -> None:
    desk.provider.ends = [error(Again.SOON) for _ in range(9)]
    with pytest.raises(EditError) as caught:
        desk.perform()
    assert caught.value.attempts == MAX_ATTEMPTS
    assert desk.states() == [State.FAILED] * MAX_ATTEMPTS


@pytest.mark.parametrize("again", [Again.NEVER, Again.REFUSED, Again.ACCOUNT])
@pytest.mark.parametrize("where", ["submits", "ends", "waits"])
def test_what_can_not_help_is_never_sent_again(desk: Desk, again: Again, where: str) -> None:
    setattr(desk.provider, where, [error(again)])
    with pytest.raises(EditError):
        desk.perform()
    assert len(desk.provider.sent) == 1


def test_a_task_that_failed_for_its_account_is_failed_and_sent_again_by_the_next_run(desk: Desk) -> None:
    desk.provider.ends = [error(Again.ACCOUNT, "Arrearage")]
    with pytest.raises(EditError) as caught:
        desk.perform(cap=PRICE)
    assert (caught.value.again, "kept at the provider" in str(caught.value)) == (Again.ACCOUNT, False)
    assert desk.states() == [State.FAILED]
    assert desk.perform().result.task_id == "task-2"


def test_throttling_is_no_attempt_and_waits_as_told(desk: Desk) -> None:
    desk.provider.submits = [error(Again.THROTTLED, "Throttling.RateQuota", retry_after_s=4.0) for _ in range(5)]
    assert desk.perform().attempts == 1
    assert desk.provider.sent == pytest.approx([0, 4, 8, 12, 16, 20])


def test_throttling_is_not_suffered_for_ever(desk: Desk) -> None:
    desk.provider.submits = [error(Again.THROTTLED, retry_after_s=60) for _ in range(9999)]
    with pytest.raises(EditError) as caught:
        desk.perform()
    assert caught.value.again is Again.MODEL  # nobody else waits as long again
    assert PATIENCE_S < desk.provider.clock.seconds < PATIENCE_S + 200
    assert 25 < len(desk.notes) < 35  # about one a minute, and why it ended
    assert desk.notes[-1].endswith("Nothing more is sent to m; the rest goes on")


def test_who_waits_long_for_a_slot_is_told_what_holds_it(desk: Desk) -> None:
    desk.provider.waits = [error(Again.UNSURE, "BadAnswer")]

    async def both(payments: Payments) -> None:
        with pytest.raises(EditError):
            await payments.perform(order("one", limits=Limits(1)))
        waiting = asyncio.create_task(payments.perform(order("two", limits=Limits(1))))
        while desk.provider.clock.seconds < 700:
            await payments.write(int)
        waiting.cancel()
        await asyncio.wait([waiting])

    desk.work(both)
    assert desk.notes == [
        f"two/wide: waiting for {minutes} minutes; its lane is held by one/wide of /p (task-1)" for minutes in (5, 10)
    ]


def test_a_model_that_the_account_cannot_use_is_not_asked_again_and_others_are(desk: Desk) -> None:
    desk.provider.submits = [error(Again.MODEL, "Model.AccessDenied")]

    async def all_three(payments: Payments) -> list[Any]:
        with pytest.raises(EditError):
            await payments.perform(ORDER)
        again, other = replace(ORDER.call, key="again"), replace(ORDER.call, key="other")
        with pytest.raises(NotStarted):
            await payments.perform(replace(ORDER, call=again))
        return [await payments.perform(replace(ORDER, call=other, lane="other"))]

    assert len(desk.work(all_three)) == 1
    assert len(desk.provider.sent) == 2


def test_an_outage_is_sat_out_and_is_no_attempt(desk: Desk) -> None:
    desk.provider.submits = [error(Again.SOON, "Unreachable") for _ in range(12)]
    assert desk.perform().attempts == 1
    assert 300 < desk.provider.clock.seconds < 600
    assert len(desk.notes) == 1


def test_uploads_that_are_dropped_are_sat_out_and_are_no_attempt(desk: Desk) -> None:
    desk.provider.uploads = [error(Again.SOON, "NoAnswer") for _ in range(8)]
    assert desk.perform().attempts == 1
    assert len(desk.provider.sent) == 1


def test_a_stopping_run_sends_nothing_more(desk: Desk) -> None:
    with pytest.raises(NotStarted):
        desk.work(lambda payments: payments.perform(FULL), stopping=lambda: True)


def test_a_failure_that_would_be_tried_again_is_none_of_a_run_that_is_told_to_stop(desk: Desk) -> None:
    desk.provider.ends = [error(Again.SOON)]
    with pytest.raises(NotStarted):
        desk.work(lambda payments: payments.perform(ORDER), stopping=lambda: desk.states() == [State.FAILED])
    assert desk.notes == ["1/wide: InternalError: it failed; not tried again, since the run stops"]


def test_a_search_that_is_told_to_stop_is_left_to_the_next_run(desk: Desk) -> None:
    desk.provider.submits = [error(Again.UNSURE, "NoAnswer")]
    with pytest.raises(Left):
        desk.work(lambda payments: payments.perform(ORDER), stopping=lambda: bool(desk.notes))
    assert desk.states() == [State.SENDING]


def test_nothing_is_paid_for_that_there_is_no_room_for(desk: Desk) -> None:
    large = replace(ORDER, call=replace(ORDER.call, pixels=4_000_000, parameters={"n": 2}))
    desk.provider.waiting = 3  # 8 pictures of 12 MB are to come, and 50 MB are for all else
    with pytest.raises(NoRoom) as caught:
        desk.perform(large, free=lambda folder: 145_999_999)
    assert str(caught.value) == (
        f"{desk.folder} has 146 MB of room left, and 146 are wanted before anything more is paid for; make room there"
    )
    assert (desk.provider.sent, desk.states()) == ([], [])
    assert desk.perform(large, free=lambda folder: 146_000_000).attempts == 1


def test_what_was_sent_is_gone_on_with_however_little_room_there_is(desk: Desk) -> None:
    desk.provider.fetches = [error(Again.UNSURE, "StoreNotWritten")]
    with pytest.raises(EditError, match="the next run asks for it again"):
        desk.perform()
    assert desk.perform(free=lambda folder: 0).result.task_id == "task-1"
    assert len(desk.provider.sent) == 1


def test_a_file_system_that_does_not_tell_its_room_is_tried(desk: Desk) -> None:
    def untold(folder: Path) -> int:
        raise OSError(38, "Function not implemented")

    assert desk.perform(free=untold).attempts == 1


FULL = Order(ORDER.call, "lane", Limits(0), PRICE, "parts", "r", "1/wide")


# -- nothing is sent twice


def test_what_the_provider_said_is_written_down_though_whoever_asked_is_cancelled(desk: Desk) -> None:
    async def cancelled(payments: Payments) -> Task:
        ledger, go_on = payments.ledger, Event()
        task = ledger.claim(ORDER, 0.0)
        assert isinstance(task, Task)
        ledger.fence(task, 0.0, 0.0)
        task = ledger.again(task)
        busy = asyncio.create_task(payments.write(go_on.wait))
        answer = asyncio.create_task(payments.write(ledger.accepted, task, ORDER, "task-1", 1.0))
        await asyncio.sleep(0)
        answer.cancel()
        await asyncio.wait([answer])
        go_on.set()
        await busy
        return await payments.write(ledger.again, task)

    task = desk.work(cancelled)
    assert (task.state, task.task_id) == (State.SUBMITTED, "task-1")


def test_a_request_that_was_taken_unheard_is_found_and_gone_on_with(desk: Desk) -> None:
    desk.provider.submits, desk.provider.takes_unheard = [error(Again.UNSURE, "NoAnswer")], True
    performed = desk.perform()
    assert performed.result.task_id == "task-1"
    assert performed.result.warnings == (
        "no answer came to its request, and the account's only task of that time, task-1, was taken for it. "
        "Look at the picture of 1/wide. If it shows something else, that task is another program's: "
        "`wanflow run r.yaml -B -s 1/wide` makes it anew, and pays for it",
    )
    assert len(desk.provider.sent) == 1


def test_a_lane_tells_how_many_requests_are_looked_for(desk: Desk) -> None:
    desk.provider.submits, desk.provider.takes_unheard = [error(Again.UNSURE, "NoAnswer")], True
    seen: list[int] = []

    async def watched(payments: Payments) -> Performed:
        listed = desk.provider.tasks

        async def tasks(*asked: Any) -> Any:
            seen.append(payments.unanswered[ORDER.lane])
            return await listed(*asked)

        desk.provider.tasks = tasks  # type: ignore[method-assign]
        performed = await payments.perform(ORDER)
        seen.append(payments.unanswered[ORDER.lane])
        return performed

    assert desk.work(watched).result.task_id == "task-1"
    assert seen[-2:] == [1, 0]


def test_a_clock_that_is_a_day_wrong_is_compared_before_anything_is_sent(desk: Desk) -> None:
    desk.provider.submits, desk.provider.takes_unheard = [error(Again.UNSURE, "NoAnswer")], True
    desk.provider.offset_s, desk.provider.ahead_s = None, 86_400.0
    assert desk.perform().result.task_id == "task-1"
    assert len(desk.provider.sent) == 1


def test_a_clock_that_is_set_between_the_claim_and_the_request_is_compared_again(desk: Desk) -> None:
    provider = desk.provider
    provider.submits, provider.takes_unheard = [error(Again.UNSURE, "NoAnswer")], True

    async def disturbed(payments: Payments) -> Performed:
        reserve = payments.budget.reserve

        def set_forward(usd: Decimal | None) -> bool:
            provider.clock.seconds += 86_400
            provider.offset_s, provider.ahead_s = None, provider.ahead_s - 86_400
            return reserve(usd)

        payments.budget.reserve = set_forward  # type: ignore[method-assign]
        return await payments.perform(ORDER)

    assert desk.work(disturbed).result.task_id == "task-1"
    assert len(provider.sent) == 1


def test_a_clock_that_was_set_forward_a_day_does_not_make_a_task_a_day_old(desk: Desk) -> None:
    desk.provider.fetches = [error(Again.UNSURE, "DownloadFailed")]
    with pytest.raises(EditError):
        desk.perform()
    desk.provider.clock.seconds += 86_400
    desk.provider.offset_s, desk.provider.ahead_s = None, -86_400.0
    assert desk.perform().result.task_id == "task-1"
    assert len(desk.provider.sent) == 1


def test_two_who_look_for_the_same_request_settle_it_once_and_at_once(desk: Desk) -> None:
    desk.provider.submits, desk.provider.takes_unheard = [error(Again.UNSURE, "NoAnswer")], True

    async def both(payments: Payments) -> list[bool]:
        task = payments.ledger.claim(ORDER, payments.now())
        assert isinstance(task, Task)
        payments.ledger.fence(task, payments.now(), 0.0)
        with pytest.raises(EditError):
            await desk.provider.submit(ORDER.call)
        left = payments.ledger.again(task)
        return list(await asyncio.gather(payments.see_end(left), payments.see_end(left)))

    assert desk.work(both) == [True, True]
    assert desk.provider.clock.seconds < SETTLED_S
    assert len(desk.provider.sent) == 1


def test_a_request_that_never_arrived_is_sent_again_once_that_is_sure(desk: Desk) -> None:
    desk.provider.submits = [error(Again.UNSURE, "NoAnswer")]
    assert desk.perform().attempts == 2
    assert desk.provider.sent[1] > SETTLED_S
    assert desk.states() == [State.FAILED, State.DONE]


@pytest.mark.parametrize("listing_s", range(14, 60, 3))
def test_a_list_is_judged_by_when_it_was_asked_for(desk: Desk, listing_s: int) -> None:
    desk.provider.submits, desk.provider.late_s, desk.provider.listing_s = (
        [error(Again.UNSURE, "NoAnswer")],
        295,
        listing_s,
    )
    assert desk.perform().result.task_id == "late"
    assert len(desk.provider.sent) == 1


@pytest.mark.parametrize("late_s", [0, 295])
@pytest.mark.parametrize("another_run_looks", [False, True])
def test_a_request_that_went_out_when_a_stopped_process_went_on_is_found(
    desk: Desk, late_s: float, another_run_looks: bool
) -> None:
    provider = desk.provider
    provider.submits, provider.stopped_s, provider.late_s = [error(Again.UNSURE, "NoAnswer")], 480, 480 + late_s
    if another_run_looks:
        provider.listings = [error(Again.ACCOUNT)]
        with pytest.raises(EditError):
            desk.perform()

    async def take_up_and_perform(payments: Payments) -> Performed:
        await payments.unattended()
        return await payments.perform(ORDER)

    assert desk.work(take_up_and_perform).result.task_id == "late"
    assert len(provider.sent) == 1


@pytest.mark.parametrize("answered_at", [450, 900])
def test_what_a_stopped_rival_may_have_sent_late_is_not_taken_for_ours(desk: Desk, answered_at: float) -> None:
    provider = desk.provider
    rival = Ledger.open(desk.folder, Owner("rival", 1, "/q", "rival"), "test", 0)
    claimed = rival.claim(order("theirs"), 0)
    assert isinstance(claimed, Task)
    rival.fence(claimed, 0, 0.0)
    provider.clock.seconds = 400
    provider.submits, provider.takes_unheard = [error(Again.UNSURE, "NoAnswer")], True
    provider.foreign = [Line("theirs", datetime.fromtimestamp(402, UTC))]

    async def meanwhile(payments: Payments) -> Performed:
        performing = asyncio.create_task(payments.perform(ORDER))
        while provider.clock.seconds < answered_at and not performing.done():
            await payments.write(int)
        assert rival.accepted(rival.again(claimed), order("theirs"), "theirs", 402)
        return await performing

    assert desk.work(meanwhile).result.task_id == "task-1"
    rival.close()


def test_a_lane_stays_closed_while_a_late_request_may_yet_arrive(desk: Desk) -> None:
    desk.provider.submits, desk.provider.stopped_s = [error(Again.UNSURE, "NoAnswer")], 480

    async def both(payments: Payments) -> None:
        one = asyncio.create_task(payments.perform(order("one")))
        while desk.provider.clock.seconds < 480 and not one.done():
            await payments.write(int)
        desk.provider.stopped_s = 0
        await asyncio.gather(one, payments.perform(order("two")))

    desk.work(both)
    assert min(desk.provider.sent[1:]) > 480 + SETTLED_S


def test_a_request_that_never_arrives_is_sent_as_often_as_other_failures(desk: Desk) -> None:
    desk.provider.submits = [error(Again.UNSURE, "NoAnswer") for _ in range(9)]
    with pytest.raises(EditError, match="NotTaken: the request never arrived"):
        desk.perform()
    assert len(desk.provider.sent) == MAX_ATTEMPTS


@pytest.mark.parametrize("again", [Again.SOON, Again.THROTTLED, Again.UNSURE])
def test_a_list_that_can_not_be_had_for_a_while_is_asked_for_again(desk: Desk, again: Again) -> None:
    desk.provider.submits, desk.provider.takes_unheard = [error(Again.UNSURE, "NoAnswer")], True
    desk.provider.listings = [error(again) for _ in range(5)]
    assert desk.perform().result.task_id == "task-1"
    assert [note for note in desk.notes if "can't be listed" in note] == [
        "1/wide: the account's tasks can't be listed (InternalError: it failed); looking on"
    ]


def test_a_list_that_can_not_be_had_at_all_is_left_to_the_next_run_after_a_while(desk: Desk) -> None:
    desk.provider.submits, desk.provider.takes_unheard = [error(Again.UNSURE, "NoAnswer")], True
    desk.provider.listings = [error(Again.SOON) for _ in range(9999)]
    with pytest.raises(EditError, match="the next run asks again"):
        desk.perform()
    assert PATIENCE_S < desk.provider.clock.seconds < PATIENCE_S + 60
    assert desk.states() == [State.SENDING]


def test_several_tasks_of_that_time_are_a_doubt_which_is_kept(desk: Desk) -> None:
    desk.provider.submits, desk.provider.takes_unheard = [error(Again.UNSURE, "NoAnswer")], True
    desk.provider.foreign = [
        Line("somebody-else", datetime.fromtimestamp(desk.provider.clock.now().timestamp() + 2, UTC))
    ]
    for _ in range(2):
        with pytest.raises(EditError, match="--resubmit-uncertain"):
            desk.perform()
    assert len(desk.provider.sent) == 1
    assert desk.states() == [State.UNCERTAIN]
    assert desk.perform(resubmit_uncertain=True).result.task_id == "task-2"
    assert desk.states() == [State.LOST, State.DONE]  # no doubt is kept for ever


def test_a_killed_run_s_tasks_are_gone_on_with(desk: Desk) -> None:
    desk.provider.waits = [error(Again.ACCOUNT, "InvalidApiKey")]
    with pytest.raises(EditError):
        desk.perform()
    assert desk.states() == [State.SUBMITTED]
    assert desk.perform().result.task_id == "task-1"
    assert len(desk.provider.sent) == 1


def test_pictures_that_could_not_be_fetched_are_fetched_by_the_next_run(desk: Desk) -> None:
    desk.provider.fetches = [error(Again.UNSURE, "DownloadFailed")]
    with pytest.raises(EditError):
        desk.perform()
    assert desk.perform().result.billed == 1
    assert len(desk.provider.sent) == 1


def test_what_is_stored_is_made_anew_only_when_it_is_gone_or_when_that_is_wished(desk: Desk) -> None:
    async def twice(payments: Payments) -> Performed:
        await payments.stored((await payments.perform(ORDER)).task)
        return await payments.perform(ORDER)

    assert desk.work(twice).result.billed == 0  # the project lost it; the provider still has it
    assert len(desk.provider.sent) == 1
    desk.provider.ends = [error(Again.LOST, "TaskLost")]  # that one is gone there, too
    assert desk.perform().result.task_id == "task-2"
    assert desk.perform(afresh=True).result.task_id == "task-3"


def test_a_task_that_vanished_is_reported_with_its_cost_and_sent_again_by_the_next_run(desk: Desk) -> None:
    desk.provider.ends = [error(Again.LOST, "TaskLost")]
    with pytest.raises(EditError, match="TaskLost"):
        desk.perform()
    ledger = Ledger.open(desk.folder, Owner("look", 1, "/p", "look"), "test", 0)
    assert [(task.state, task.usd) for task in ledger.tasks(State.LOST)] == [(State.LOST, PRICE)]
    assert desk.perform().result.task_id == "task-2"


# -- money


def test_the_budget_is_reserved_before_and_given_back_by_failures(desk: Desk) -> None:
    other = Order(
        Call("other", "wan/expand", {"n": 1}, {}, model="m"), "lane", Limits(2), PRICE, "parts", "r", "2/wide"
    )

    async def both(payments: Payments) -> None:
        with pytest.raises(EditError):
            await payments.perform(ORDER)
        await payments.perform(ORDER)
        with pytest.raises(OverBudget):
            await payments.perform(other)

    desk.provider.ends = [error(Again.NEVER)]
    desk.work(both, cap=PRICE)
    assert len(desk.provider.sent) == 2


@pytest.mark.parametrize(("cap", "fit"), [("0.05", 2), ("0.11", 5)])
def test_as_many_tasks_are_sent_as_the_budget_has_room_for(desk: Desk, cap: str, fit: int) -> None:
    price, plain, said = Decimal("0.02007"), desk.provider.wait, []

    async def slow(ticket: Line) -> Ending:
        await desk.provider.clock.sleep(30)
        return await plain(ticket)

    async def one(payments: Payments, number: int) -> None:
        try:
            await payments.perform(order(f"{number}", usd_image=price, limits=Limits(1)))
        except OverBudget as over:
            said.append(str(over))
        except NotStarted:
            pass

    async def ten(payments: Payments) -> None:
        await asyncio.gather(*(one(payments, number) for number in range(10)))

    desk.provider.wait = slow  # type: ignore[method-assign]
    desk.work(ten, cap=Decimal(cap), stopping=lambda: bool(said))
    assert len(desk.provider.sent) == fit
    gone = f"{dollars(price * fit)} are spent and $0.00 in flight or in doubt"
    assert {*said} == {f"the next task costs {dollars(price)}; of at most ${cap}, {gone}"}


@pytest.mark.parametrize(
    ("listings", "state"),
    [([], State.UNCERTAIN), ([error(Again.ACCOUNT, "InvalidApiKey")], State.SENDING)],
)
def test_what_may_have_been_taken_keeps_its_price_set_aside(
    desk: Desk, listings: list[EditError], state: State
) -> None:
    desk.provider.submits, desk.provider.takes_unheard = [error(Again.UNSURE, "NoAnswer")], True
    desk.provider.foreign, desk.provider.listings = [Line("foreign", datetime.fromtimestamp(1, UTC))], listings

    async def both(payments: Payments) -> None:
        with pytest.raises(EditError):
            await payments.perform(ORDER)
        with pytest.raises(OverBudget):
            await payments.perform(order("other"))

    desk.work(both, cap=PRICE)
    assert (len(desk.provider.taken), desk.states()) == (1, [state])  # of the other there is no trace


def test_what_was_refused_or_never_arrived_gives_its_price_back(desk: Desk) -> None:
    desk.provider.submits = [
        error(Again.THROTTLED, "Throttling.RateQuota"),
        error(Again.UNSURE, "NoAnswer"),
        error(Again.SOON),
    ]
    assert desk.perform(cap=PRICE).result.task_id == "task-1"
    assert desk.states() == [State.FAILED] * 3 + [State.DONE]


def test_a_write_that_fails_after_the_request_went_out_keeps_its_price_set_aside(desk: Desk) -> None:
    def full(*_: Any) -> None:
        raise StoreError("no room")

    async def both(payments: Payments) -> None:
        payments.ledger.accepted = full  # type: ignore[assignment]
        with pytest.raises(StoreError):
            await payments.perform(ORDER)
        with pytest.raises(OverBudget):
            await payments.perform(order("other"))

    desk.work(both, cap=PRICE)
    assert len(desk.provider.taken) == 1


def test_what_has_no_price_is_not_sent_under_a_budget(desk: Desk) -> None:
    unpriced = Order(ORDER.call, "lane", Limits(2), None, "parts", "r", "1/wide")
    with pytest.raises(OverBudget):
        desk.perform(unpriced, cap=Decimal(100))
    assert desk.perform(unpriced).attempts == 1


def test_labels_cross_a_process_border() -> None:
    before = error(Again.THROTTLED, retry_after_s=2.5)
    after = pickle.loads(pickle.dumps(before))  # noqa: S301 - made in this line
    assert (after.code, after.message, after.again, after.retry_after_s) == (
        before.code,
        before.message,
        before.again,
        before.retry_after_s,
    )
