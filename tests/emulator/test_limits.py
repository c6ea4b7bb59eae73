"""Rates, slots and figures: what the provider counts, and what the emulator tells of it."""

from random import Random

import pytest
from desk import ASYNC, NOON, SHOP, TEXT, Desk, body, edit, text

from wanflow.emulator.chance import times
from wanflow.emulator.meters import Meter
from wanflow.emulator.options import Options
from wanflow.errors import UsageError


def test_submissions_above_the_models_rate_are_refused_and_cost_nothing() -> None:
    desk = Desk()
    answers = [desk.submit(edit(prompt=str(n))) for n in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert answers[2].json()["code"] == "Throttling.RateQuota"
    assert answers[2].json()["message"] == "Requests rate limit exceeded, please try again later."
    desk.now += 1
    assert desk.submit(edit(prompt="3")).status == 200
    assert desk.stats()["models"]["wanx2.1-imageedit"]["max_submissions_per_second"] == 3
    assert desk.stats()["submissions"] == 3


def test_rates_are_counted_per_model() -> None:
    desk = Desk()
    paths = [edit(prompt="1"), edit(prompt="2")]
    assert [desk.submit(values).status for values in paths] == [200, 200]
    assert desk.submit(text(), TEXT).status == 200


@pytest.mark.parametrize(("region", "rate"), [("cn-beijing", 1), ("ap-southeast-1", 5)])
def test_rate_is_the_regions(region: str, rate: int) -> None:
    desk = Desk(region=region)
    values = [body("wan2.6-t2i", SHOP, seed=seed) for seed in range(rate + 1)]
    assert [desk.submit(value, ASYNC).status for value in values] == [200] * rate + [429]


@pytest.mark.parametrize("path", ["/tasks/a", "/tasks"])
def test_queries_are_limited_to_20_a_second_for_the_account(path: str) -> None:
    desk = Desk()
    answers = []
    for _ in range(21):
        answers.append(desk.send("GET", path))
        desk.now += 0.01
    assert [answer.status for answer in answers] == [200] * 20 + [429]
    assert answers[-1].json()["code"] == "Throttling.RateQuota"
    desk.now = NOON + 1
    assert desk.send("GET", path).status == 200


def test_queries_lists_and_cancels_are_counted_apart() -> None:
    desk = Desk()
    for _ in range(20):
        desk.send("GET", "/tasks/a")
    assert desk.send("GET", "/tasks").status == 200
    assert desk.cancel("a").status == 400
    assert desk.stats()["max_queries_per_second"] == {"query": 20, "list": 1, "cancel": 1, "policy": 0}


def test_meter_counts_any_second_not_those_of_the_clock() -> None:
    meter = Meter()
    for moment in (0.5, 0.75, 1.0, 1.25):
        meter.add(moment)
    assert meter.highest == 4
    assert not meter.full(1.5, 4)  # what was a whole second ago does not count any more


def test_equal_bodies_are_duplicates_whatever_their_spaces_and_order() -> None:
    desk = Desk()
    desk.task(b'{"model":"wan2.5-t2i-preview","input":{"prompt":"x"},"parameters":{"n":1}}', TEXT)
    desk.task(b'{"parameters": {"n": 1}, "input": {"prompt": "x"}, "model": "wan2.5-t2i-preview"}', TEXT)
    desk.task(text("y"), TEXT)
    assert desk.stats()["duplicates"] == 1
    desk.wait(15)
    assert desk.stats()["paid_twice"] == 1


def test_what_failed_and_was_asked_for_again_is_not_paid_twice() -> None:
    desk = Desk([{"kind": "failed", "times": 1}])
    desk.task(text(n=1), TEXT)
    desk.task(text(n=1), TEXT)
    desk.wait(15)
    said = desk.stats()
    assert (said["duplicates"], said["paid_twice"], said["images_billed"]) == (1, 0, 1)
    assert said["tasks"] == {"FAILED": 1, "SUCCEEDED": 1}


def test_polls_are_counted_per_task() -> None:
    desk = Desk()
    first, _ = desk.task(edit(prompt="1")), desk.task(edit(prompt="2"))
    for _ in range(3):
        desk.query(first)
    assert desk.stats()["polls"] == {"total": 3, "least": 0, "mean": 1.5, "most": 3}
    assert Desk().stats()["polls"]["total"] == 0


def test_figures_tell_the_bound_that_no_client_can_beat() -> None:
    desk = Desk(service=times("uniform:5:15"), seed=3)
    for number in range(6):
        desk.task(edit(prompt=str(number)))
    desk.wait(60)
    said = desk.stats()["models"]["wanx2.1-imageedit"]
    assert said["slots"] == 2
    bound = said["service_seconds"] / said["slots"]
    assert 25 < bound <= said["last_ended"] - said["first_submitted"] < bound + 20


def test_seed_decides_service_times() -> None:
    def drawn(seed: int) -> float:
        desk = Desk(service=times("uniform:5:15"), seed=seed)
        desk.task(edit())
        return float(desk.stats()["models"]["wanx2.1-imageedit"]["service_seconds"])

    assert drawn(1) == drawn(1) != drawn(2)


def test_without_a_word_on_service_a_model_takes_its_typical_time() -> None:
    desk = Desk(service=None)
    desk.task(edit())
    assert 5 <= desk.stats()["models"]["wanx2.1-imageedit"]["service_seconds"] <= 15


def test_latency_delays_every_answer() -> None:
    desk = Desk(latency=times("uniform:0.1:0.2"))
    assert 0.1 <= desk.submit(edit()).delay_s <= 0.2
    assert 0.1 <= desk.send("GET", "/tasks/a").delay_s <= 0.2


@pytest.mark.parametrize(
    ("form", "low", "high"),
    [
        ("fixed:3", 3, 3),
        ("uniform:5:15", 5, 15),
        ("exponential:2", 0, 100),
        ("lognormal:2:0.5", 0, 100),
    ],
)
def test_times_are_drawn_from_what_is_named(form: str, low: float, high: float) -> None:
    random = Random(5)
    drawn = [times(form).draw(random) for _ in range(200)]
    assert low <= min(drawn) <= max(drawn) <= high
    assert (len(set(drawn)) > 1) == (low < high)


@pytest.mark.parametrize(
    "form", ["", "fixed", "fixed:x", "fixed:-1", "uniform:1", "exponential:0", "nan:1", "fixed:inf"]
)
def test_times_that_can_not_be_read_are_refused_with_the_forms(form: str) -> None:
    with pytest.raises(UsageError, match="uniform:LOW:HIGH"):
        times(form)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"region": "ap-northeast-1"}, "sold in ap-northeast-1; take cn-beijing or ap-southeast-1"),
        ({"speed": 0.0}, "speed must be above 0"),
        ({"speed": 1e9}, "at most 100000"),
    ],
)
def test_wrong_options_are_refused_in_words(options: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said.replace("?", r"\?")):
        Options(**options)  # type: ignore[arg-type]
