"""Whole runs on the emulator of the provider's service: nothing is paid twice, nothing that was paid for is lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from test_provider import SPEED, run, stats

from wanflow import api
from wanflow.backends.dashscope import client
from wanflow.emulator.chance import times
from wanflow.emulator.faults import Fault
from wanflow.emulator.options import Options as Emulation
from wanflow.emulator.server import running
from wanflow.errors import RefusedError
from wanflow.model import Action, Reason, Status

RECIPE = """\
wanflow: 1
manifest: {from: rows.csv}
steps:
  colour: {uses: wan/colorization, image: row.photo, with: {prompt: "${{ row.wish }}"}}
  big: {uses: wan/super_resolution, image: steps.colour}
"""
PRICE = Decimal("0.020070")
QUICK = Emulation(speed=SPEED, paint="echo", service=times("uniform:2:4"))


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    from fakes import picture

    monkeypatch.setenv("DASHSCOPE_API_KEY", "sk-test")
    for name in "abc":
        (tmp_path / f"{name}.png").write_bytes(picture(name))
    (tmp_path / "rows.csv").write_text("id,photo,wish\n1,a.png,one\n2,b.png,two\n3,c.png,three\n")
    (tmp_path / "r.yaml").write_text(RECIPE)
    return tmp_path / "r.yaml"


def emulation(*faults: Fault, **more: Any) -> Emulation:
    values = {"speed": SPEED, "paint": "echo", "service": times("uniform:2:4"), "faults": faults, "fault_seed": 3}
    return Emulation(**{**values, **more})


@pytest.mark.parametrize("kind", ["truncated", "corrupt", "wrong_type"])
def test_pictures_that_could_not_be_fetched_are_fetched_by_the_next_run(recipe: Path, kind: str) -> None:
    with running(emulation(Fault((kind,), times=15))) as origin:
        first, _ = run(recipe, origin)
        assert first.exit_code == 1
        failed = [outcome for outcome in first.outcomes if outcome.status is Status.FAILED]
        assert all(outcome.task_id and outcome.usd == PRICE for outcome in failed)
        assert all("the next run asks for it again" in str(outcome.error_message) for outcome in failed)
        second, heard = run(recipe, origin)
        assert second.exit_code == 0, heard.notes
        assert (stats(origin)["images_billed"], stats(origin)["duplicates"]) == (6, 0)


@pytest.mark.parametrize("kind", ["reset_after", "hang_after", "reset_before"])
def test_requests_without_an_answer_are_looked_for_before_they_are_sent_again(
    recipe: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "SUBMIT_S", 1.0)  # real seconds, which don't pass faster with the emulator's
    with running(emulation(Fault((kind,), times=2, on=("submit",)))) as origin:
        record, heard = run(recipe, origin)
        assert record.exit_code == 0, heard.notes
        assert (stats(origin)["images_billed"], stats(origin)["duplicates"]) == (6, 0)


def test_what_the_service_refuses_for_its_content_is_remembered(recipe: Path) -> None:
    with running(emulation(Fault(("failed",), times=1, code="DataInspectionFailed"))) as origin:
        first, _ = run(recipe, origin)
        assert first.counts() == {Status.DONE: 4, Status.FAILED: 1, Status.BLOCKED: 1}
        taken = stats(origin)["submissions"]
        options = api.Options(backend="dashscope", base_url=f"{origin}/api/v1")
        reasons = {
            (d.action, d.reason) for _, d in api.plan(recipe, options).decisions() if d.action is not Action.REUSE
        }
        assert reasons == {(Action.SKIP, Reason.MODERATED)}
        second, heard = run(recipe, origin)
        assert second.counts() == {Status.REUSED: 4, Status.REFUSED: 1, Status.BLOCKED: 1}
        assert stats(origin)["submissions"] == taken
        told = next(outcome for outcome in heard.outcomes if outcome.status is Status.REFUSED)
        assert told.error_code == "DataInspectionFailed"
        assert "--retry-refused" in str(told.error_message)
        third, heard = run(recipe, origin, retry_refused=True)
        assert third.exit_code == 0, heard.notes


def test_a_run_stops_before_it_costs_more_than_agreed(recipe: Path) -> None:
    with running(QUICK) as origin:
        record, heard = run(recipe, origin, max_cost=3 * PRICE)
        assert record.exit_code == 3
        assert (stats(origin)["images_billed"], record.counts()[Status.DONE]) == (3, 3)
        assert "the next task costs $0.0201; of at most $0.06021, " in heard.notes[0]
        again, _ = run(recipe, origin, max_cost=3 * PRICE)
        assert again.exit_code == 0
        assert stats(origin)["images_billed"] == 6


def test_a_plan_above_its_recipe_s_budget_is_refused(recipe: Path) -> None:
    recipe.write_text(RECIPE + "budget: 0.10\n")
    with running(QUICK) as origin:
        options = api.Options(backend="dashscope", base_url=f"{origin}/api/v1")
        assert "recipe's budget is $0.1" in api.plan(recipe, options).over_budget
        with pytest.raises(RefusedError, match="nothing was started"):
            api.run(recipe, options)
        assert stats(origin)["submissions"] == 0
        recipe.write_text(RECIPE + "budget: 0.13\n")
        record, _ = run(recipe, origin)
        assert record.exit_code == 0


def test_an_aborted_run_says_what_it_left_and_the_next_one_brings_it(recipe: Path) -> None:
    (recipe.parent / "rows.csv").write_text("id,photo,wish\n1,a.png,one\n")
    with running(Emulation(speed=1, paint="echo", service=times("fixed:3"))) as origin:
        child = started(recipe, origin)
        wait_for(lambda: stats(origin)["submissions"] == 1)
        for _ in range(2):
            child.send_signal(signal.SIGINT)
            time.sleep(0.3)
        assert child.wait(timeout=30) == 130
        [written] = sorted((recipe.parent / ".wanflow" / "runs").glob("*/run.json"))
        outcomes = json.loads(written.read_text())["outcomes"]
        left = [outcome for outcome in outcomes if outcome["task_id"]]
        assert left
        assert {(outcome["status"], outcome["error"]["code"]) for outcome in left} == {
            ("left_in_flight", "LeftInFlight")
        }
        told = command(recipe, "status")
        assert "the next run takes it up" in told.stdout
        done = command(recipe, "run", "r.yaml", "-y", *provider(origin))
        assert done.returncode == 0, done.stderr
        assert (stats(origin)["images_billed"], stats(origin)["duplicates"]) == (2, 0)


def test_a_killed_run_s_pictures_are_brought_home_though_nobody_wants_them_any_more(recipe: Path) -> None:
    with running(Emulation(speed=1, paint="echo", service=times("fixed:1"))) as origin:
        child = started(recipe, origin)
        wait_for(lambda: stats(origin)["submissions"] >= 2)
        child.kill()
        child.wait()
        (recipe.parent / "rows.csv").write_text("id,photo,wish\n3,c.png,else\n")
        done = command(recipe, "run", "r.yaml", "-y", *provider(origin))
        assert done.returncode == 0, done.stderr
        figures = stats(origin)
        assert figures["duplicates"] == 0
        stored = json.loads(command(recipe, "status", "--json").stdout)["accounts"][0]
        assert stored["tasks"] == []
        assert stored["usd_spent"] == pytest.approx(figures["images_billed"] * float(PRICE))


def provider(origin: str) -> list[str]:
    return ["--backend", "dashscope", "--base-url", f"{origin}/api/v1"]


def started(recipe: Path, origin: str) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-m", "wanflow.cli", "run", recipe.name, "-y", *provider(origin)]
    return subprocess.Popen(words, cwd=recipe.parent, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def command(recipe: Path, *words: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "wanflow.cli", *words]
    return subprocess.run(line, cwd=recipe.parent, capture_output=True, text=True, check=False, env=os.environ)


def wait_for(condition: Callable[[], bool]) -> None:
    for _ in range(300):
        if condition():
            return
        time.sleep(0.1)
    raise AssertionError("it did not come to pass")
