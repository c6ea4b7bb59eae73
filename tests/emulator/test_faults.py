"""Faults: each does what its name says, at the rate asked for, the same ones for the same seed."""

import asyncio
import json
import re
from collections import Counter
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from desk import NOON, SHOP, SYNC, TEXT, Desk, body, edit, text

from wanflow.cli import main
from wanflow.emulator.exchange import Ending, Request
from wanflow.emulator.faults import KINDS, REQUESTS, Fault, Faults, parse, read
from wanflow.emulator.options import from_flags
from wanflow.emulator.paint import Echo
from wanflow.emulator.studio import Studio
from wanflow.errors import UsageError


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ({"kind": "429"}, 429, "Throttling.RateQuota"),
        ({"kind": "429", "code": "Arrearage", "message": "pay"}, 400, "Arrearage"),
        ({"kind": "429", "code": "Made.Up"}, 429, "Made.Up"),
        ({"kind": "429", "code": "Throttling.AllocationQuota"}, 429, "Throttling.AllocationQuota"),
        ({"kind": "500"}, 500, "InternalError"),
        ({"kind": "503"}, 503, "ModelUnavailable"),
        ({"kind": "burst"}, 429, "Throttling.BurstRate"),
    ],
)
def test_refused_submission_is_not_taken(fault: dict[str, Any], status: int, code: str) -> None:
    desk = Desk([fault])
    refused = desk.submit(edit())
    assert (refused.status, refused.json()["code"]) == (status, code)
    assert refused.json()["message"]
    assert desk.stats()["submissions"] == 0
    assert desk.stats()["faults"] == {fault["kind"]: 1}


def test_refusal_may_say_when_to_try_again() -> None:
    refused = Desk([{"kind": "429", "seconds": 3}]).submit(edit())
    assert refused.headers["retry-after"] == "3"
    assert "retry-after" not in Desk([{"kind": "429"}]).submit(edit()).headers


def test_burst_lasts_for_its_seconds() -> None:
    desk = Desk([{"kind": "burst", "times": 1, "on": ["submit"], "seconds": 3}])
    assert desk.submit(edit()).status == 429
    desk.now += 2.9
    assert desk.submit(edit()).status == 429
    assert desk.submit(text(), TEXT).status == 200
    desk.now += 0.2
    assert desk.submit(edit()).status == 200


@pytest.mark.parametrize(
    ("kind", "ending", "taken"),
    [
        ("reset_before", Ending.RESET, 0),
        ("reset_after", Ending.RESET, 1),
        ("hang", Ending.HANG, 0),
        ("hang_after", Ending.HANG, 1),
    ],
)
def test_connection_ends_before_or_after_the_submission_was_taken(kind: str, ending: Ending, taken: int) -> None:
    desk = Desk([{"kind": kind, "on": ["submit"]}])
    assert desk.submit(edit()).ending is ending
    assert desk.stats()["submissions"] == taken
    held = desk.send("POST", SYNC, body("wan2.6-t2i", SHOP, n=1))
    assert (held.ending, held.awaits) == (ending, None)


def test_latency_comes_before_an_answer_that_is_whole() -> None:
    slow = Desk([{"kind": "latency", "seconds": 7}]).submit(edit())
    assert (slow.delay_s, slow.status, slow.ending) == (7, 200, Ending.WHOLE)


def downloaded(kind: str, **fault: Any) -> tuple[bytes, Any]:
    """A result's bytes, and how a download with this fault delivers them."""
    desk = Desk([{"kind": kind, "on": ["download"], "times": 1, **fault}])
    task = desk.task(edit())
    desk.wait(12)
    url = desk.query(task)["output"]["results"][0]["url"]
    bad = desk.get(url)
    return desk.get(url).body, bad


def test_download_can_break_off() -> None:
    whole, bad = downloaded("truncated")
    assert (bad.body, bad.ending) == (whole, Ending.TRUNCATED)


def test_download_can_be_too_short_without_a_sign() -> None:
    whole, bad = downloaded("short")
    assert bad.body == whole[: len(whole) // 2]


def test_download_can_be_corrupt_at_its_full_length() -> None:
    whole, bad = downloaded("corrupt")
    assert len(bad.body) == len(whole)
    assert bad.body != whole


def test_download_can_be_a_web_page() -> None:
    _, bad = downloaded("wrong_type")
    assert (bad.status, bad.media_type, bad.body[:9]) == (200, "text/html", b"<!DOCTYPE")


def test_download_can_drip() -> None:
    whole, bad = downloaded("drip", seconds=5)
    assert (bad.body, bad.drip_s) == (whole, 5)


def test_fault_may_fail_a_task_with_any_code_and_its_own_text() -> None:
    async def never(url: str, most: int) -> bytes:
        raise AssertionError

    for code, said in [("IPInfringementSuspect", "Input data is suspected"), ("Made.Up", "Made.Up.")]:
        desk = Desk([{"kind": "failed", "code": code}])
        desk.task(edit())
        studio = Studio(desk.service.storage, Echo(), never)
        (task,) = desk.service.account.due_work()
        outcome = asyncio.run(studio.outcome(task, desk.service.account.model_of(task), desk.now))
        desk.service.account.worked(task, outcome, desk.now)
        assert desk.state(task.id) == "RUNNING"  # what a fault fails takes its time
        desk.now += 10
        output = desk.query(task.id)["output"]
        assert (output["task_status"], output["code"]) == ("FAILED", code)
        assert output["message"].startswith(said)


def test_slow_task_takes_longer_and_lost_task_is_unknown() -> None:
    desk = Desk([{"kind": "slow", "seconds": 100, "times": 1}])
    task = desk.task(edit())
    desk.wait(50)
    assert desk.state(task) == "RUNNING"
    desk.wait(70)
    assert desk.state(task) == "SUCCEEDED"
    desk = Desk([{"kind": "lost"}])
    task = desk.task(edit())
    desk.wait(12)
    assert desk.state(task) == "UNKNOWN"
    assert desk.stats()["images_billed"] == 0


def met(seed: int, order: list[str]) -> dict[str, str]:
    faults = Faults(parse([{"kinds": "all", "rate": 0.5}])[0], seed)
    found = {name: faults.meet("submit", "m", name) for name in order}
    return {name: fault[0] for name, fault in found.items() if fault}


def test_seed_decides_which_requests_meet_which_fault_whatever_their_order() -> None:
    names = [str(number) for number in range(40)]
    assert met(7, names) == met(7, names[::-1])
    assert met(7, names) != met(8, names)


def test_request_that_met_a_fault_may_pass_at_its_next_try() -> None:
    faults = Faults(parse([{"kind": "500", "rate": 0.5}])[0], 1)
    tries = [faults.meet("submit", "m", "same") is None for _ in range(40)]
    assert {True, False} == set(tries)


def test_rate_is_shared_by_the_kinds_that_can_happen_at_a_place() -> None:
    faults = Faults(parse([{"kinds": "all", "rate": 0.2}])[0], 3)
    for place in (*REQUESTS, "task"):
        kinds = Counter()
        for number in range(2000):
            if fault := faults.meet(place, "m", str(number)):
                kinds[fault[0]] += 1
        assert set(kinds) == {kind for kind, places in KINDS.items() if place in places}
        assert 0.16 < kinds.total() / 2000 < 0.24
        assert max(kinds.values()) < 2 * min(kinds.values())


def test_faults_add_up_and_never_meet() -> None:
    faults = Faults(parse([{"kind": "500", "rate": 0.3}, {"kind": "429", "rate": 0.3}])[0], 3)
    kinds = Counter(
        fault[0] if (fault := faults.meet("submit", "m", str(number))) else "none" for number in range(2000)
    )
    assert all(0.25 < kinds[kind] / 2000 < 0.35 for kind in ("500", "429"))


def test_fault_keeps_to_its_place_model_turn_and_number() -> None:
    faults = Faults(parse([{"kind": "500", "on": ["query"], "model": "m", "after": 2, "times": 1}])[0])
    assert faults.meet("submit", "m", "a") is None
    assert faults.meet("query", "other", "a") is None
    assert [faults.meet("query", "m", "a") is not None for _ in range(5)] == [False, False, True, False, False]


def test_no_two_tasks_have_one_id() -> None:
    desk = Desk([{"kinds": "all", "rate": 0.5}])
    desk.service.account.new_id = iter([*("a" * 40), *map(str, range(400))]).__next__
    for number in range(30):
        desk.now += 1
        desk.submit(edit(prompt=str(number)))
    ids = [task.id for task in desk.store.tasks()]
    assert len(ids) == len(set(ids)) > 5


def test_every_kind_and_field_of_faults_and_every_option_is_told() -> None:
    told = (Path(__file__).parents[2] / "docs" / "emulator.md").read_text(encoding="utf-8")
    names = [*KINDS, *(field.name for field in fields(Fault)), *REQUESTS]
    assert [name for name in names if not re.search(rf"\b{name}\b", told)] == []
    options = [option.opts[0] for option in main.commands["emulate"].params]
    assert [option for option in options if f"`{option}`" not in told] == []
    assert "--speed" in options


# -- how faults are ordered


def control(desk: Desk, values: Any) -> Any:
    raw = values if isinstance(values, bytes) else json.dumps(values).encode()
    return desk.service.handle(Request("POST", "/__emulator__/faults", body=raw), NOON)


def test_faults_are_ordered_while_it_runs() -> None:
    desk = Desk()
    assert desk.submit(edit()).status == 200
    assert control(desk, {"seed": 1, "faults": [{"kind": "500"}]}).json() == {"faults": 1, "seed": 1}
    assert desk.submit(edit()).status == 500
    assert control(desk, {"faults": []}).status == 200
    assert desk.submit(edit()).status == 200


@pytest.mark.parametrize("values", [b"{", {"faults": [{"kind": "fire"}]}, "x", {"faults": ["x"]}])
def test_wrong_order_of_faults_is_refused_and_changes_nothing(values: Any) -> None:
    desk = Desk([{"kind": "500"}])
    refused = control(desk, values)
    assert refused.status == 400
    assert refused.json()["error"]
    assert desk.submit(edit()).status == 500


def test_faults_are_read_from_a_line() -> None:
    (fault,), seed = read("rate=0.1,kinds=500+reset_after,seed=7,on=submit+query,times=3,seconds=1.5")
    assert (fault.kinds, fault.rate, seed) == (("500", "reset_after"), 0.1, 7)
    assert (fault.on, fault.times, fault.seconds) == (("submit", "query"), 3, 1.5)
    assert read("rate=0.1")[0][0].kinds == tuple(KINDS)


def test_a_seed_holds_whichever_fault_it_is_said_with() -> None:
    def seed(*faults: str) -> int:
        return from_flags(region="beijing", keys=(), service=None, latency=None, fault=faults).fault_seed

    assert seed("kind=hang,seed=7", "kind=500") == seed("kind=500", "kind=hang,seed=7") == 7
    assert seed("kind=hang,seed=7", "kind=500,seed=0") == seed("kind=hang") == 0


@pytest.mark.parametrize("suffix", [".json", ".yaml"])
def test_faults_are_read_from_a_file(suffix: str, tmp_path: Path) -> None:
    file = tmp_path / f"faults{suffix}"
    file.write_text('{"seed": 5, "faults": [{"kind": "failed", "rate": 0.2, "code": "DataInspectionFailed"}]}')
    options = from_flags(region="beijing", keys=(), service=None, latency=None, fault=(str(file), "kind=hang"))
    assert [fault.kinds for fault in options.faults] == [("failed",), ("hang",)]
    assert options.faults[0].code == "DataInspectionFailed"
    assert read(str(file))[1] == 5


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("hang", 'a fault is written as name=value,name=value; got "hang"'),
        ("kind=hnag", 'kinds: "hnag" is not known. Did you mean hang'),
        ("kind=hang,rat=1", 'a fault has no "rat". Did you mean rate'),
        ("rate=much", 'a fault\'s rate must be a number, got "much"'),
        ("rate=2", "a fault's rate is between 0 and 1, got 2"),
        ("seconds=inf", 'a fault\'s seconds must be a number, got "inf"'),
        ("seconds=nan", 'a fault\'s seconds must be a number, got "nan"'),
        ("times=-1", "a fault's times can't be below 0"),
        ("on=sumbit", 'on: "sumbit" is not known. Did you mean submit'),
        ("seed=x,kind=hang", "a fault's seed must be a number"),
        ("none.json", "none.json can't be read: No such file or directory"),
    ],
)
def test_fault_that_can_not_be_read_is_refused_in_words(text: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(text)
    assert said in str(caught.value)


def test_a_count_without_end_is_refused_in_words() -> None:
    with pytest.raises(UsageError, match='a fault\'s times must be a number, got "inf"'):
        parse(json.loads('{"faults": [{"kind": "500", "times": Infinity}]}'))


def test_fault_file_that_is_broken_is_refused_in_words(tmp_path: Path) -> None:
    for name, content in [("a.json", "{"), ("b.yaml", "a: [")]:
        (tmp_path / name).write_text(content)
        with pytest.raises(UsageError, match=name):
            read(str(tmp_path / name))
