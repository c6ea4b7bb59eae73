"""The paid backend as planning sees it, and whole recipes against the emulator of the provider's service."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import urllib.request
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from fakes import picture
from projects import Heard

from wanflow import api, picking
from wanflow.backends.provider import AHEAD, ProviderBackend
from wanflow.backends.services import Services
from wanflow.backends.workers import LANE, Workers
from wanflow.clock import FastClock, RealClock
from wanflow.documents.source import parse
from wanflow.emulator.chance import times
from wanflow.emulator.options import Options as Emulation
from wanflow.emulator.server import running
from wanflow.errors import RecipeError, RefusedError, UsageError
from wanflow.functions.catalog import models
from wanflow.language.build import build
from wanflow.language.recipe import Step
from wanflow.model import Status
from wanflow.planning.planjson import plan_head
from wanflow.settings import FLAG, ModelSettings, ProviderSettings
from wanflow.telling.narrator import Narrator
from wanflow.telling.plantext import plan_text

ROOT = Path(__file__).parents[1]
SPEED = 200.0
RECIPE = """\
wanflow: 1
manifest: {from: rows.csv}
steps:
  prep: {uses: local/fit, image: row.photo, with: {min_side: 512}}
  colour: {uses: wan/colorization, image: steps.prep, with: {prompt: "${{ row.wish }}"}}
  both: {uses: wan/i2i, images: [steps.prep, steps.colour], with: {prompt: side by side}}
outputs:
  colour: {image: steps.colour, to: "out/${{ row.id }}.png"}
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    for name in "ab":
        (tmp_path / f"{name}.png").write_bytes(picture(name))
    (tmp_path / "rows.csv").write_text("id,photo,wish\n1,a.png,blue sky\n2,b.png,蓝天\n")
    (tmp_path / "r.yaml").write_text(RECIPE)
    return tmp_path / "r.yaml"


@pytest.fixture
def origin(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("DASHSCOPE_API_KEY", "sk-test")
    with running(Emulation(speed=SPEED, paint="echo", service=times("uniform:2:4"))) as origin:
        yield origin


def stats(origin: str) -> Any:
    with urllib.request.urlopen(f"{origin}/__emulator__/stats") as answer:  # noqa: S310 - on loopback
        return json.load(answer)


def run(recipe: Path, origin: str, **more: Any) -> tuple[api.RunRecord, Heard]:
    heard = Heard()
    options = api.Options(backend="dashscope", base_url=f"{origin}/api/v1", **more)
    _, record = api.run(recipe, options, listener=heard, clock=FastClock(SPEED))
    assert record
    return record, heard


def backend(**settings: Any) -> ProviderBackend:
    workers = Workers(3, Path("store"))
    return ProviderBackend(Services(workers, ProviderSettings(**settings), lambda name: "sk-1", RealClock()))


@pytest.fixture
def steps(recipe: Path) -> dict[str, Step]:
    built, problems = build(parse(recipe.read_text(), "r.yaml"), recipe, {})
    assert not problems
    return {step.id: step for step in built.steps}


# -- planning


def test_terms_are_the_regions_and_the_projects_own(steps: dict[str, Step]) -> None:
    terms = backend().terms(steps["colour"])
    assert (terms.usd, terms.fidelity, terms.lane) == (Decimal("0.020070"), "real", "cn-beijing/wanx2.1-imageedit")
    assert (terms.limits.slots, terms.limits.per_second, terms.limits.ahead) == (2, 2, AHEAD)
    own = ModelSettings(price_usd=0.5, submissions_per_second=7, concurrent_tasks=9, submit_ahead=0)
    terms = backend(models={"wanx2.1-imageedit": own}).terms(steps["colour"])
    assert (terms.usd, terms.limits.slots, terms.limits.per_second, terms.limits.ahead) == (Decimal("0.5"), 9, 7, 0)


def test_a_price_of_the_project_is_told_beside_the_known_one(steps: dict[str, Step]) -> None:
    own = ModelSettings(price_usd=0.0001)
    assert backend(models={"wanx2.1-imageedit": own}).terms(steps["colour"]).price_source == (
        "wanflow.toml in place of $0.02007"
    )


def test_a_local_step_stays_at_home_and_keeps_its_key(steps: dict[str, Step]) -> None:
    terms = backend().terms(steps["prep"])
    assert (terms.usd, terms.lane, terms.limits.slots) == (0, LANE, 3)
    assert backend().fingerprint(steps["prep"]) == "local:1"


def test_a_result_of_a_stand_in_is_never_one_of_the_providers(steps: dict[str, Step]) -> None:
    own, intl = backend(), backend(base_url="https://dashscope-intl.aliyuncs.com/api/v1")
    assert own.fingerprint(steps["colour"]) == intl.fingerprint(steps["colour"]) == "dashscope:wanx2.1-imageedit"
    for url in ("http://127.0.0.1:8765/api/v1", "https://aliyuncs.com.example.org/api/v1"):
        assert (
            backend(base_url=url, base_url_by=FLAG).fingerprint(steps["colour"])
            == "dashscope:wanx2.1-imageedit:stand-in"
        )


@pytest.mark.parametrize(
    ("settings", "place"),
    [
        ({}, "DashScope, cn-beijing"),
        ({"region": "singapore", "workspace": "ws-1"}, "DashScope, ap-southeast-1, workspace ws-1"),
        (
            {"base_url": "https://dashscope-new.aliyuncs.com/api/v1"},
            "DashScope, dashscope-new.aliyuncs.com (prices of cn-beijing)",
        ),
        ({"base_url": "http://127.0.0.1:8765/api/v1"}, "http://127.0.0.1:8765 (no provider's address)"),
        ({"base_url": "https://[::1]:80/api/v1"}, "https://[::1]:80 (no provider's address)"),
    ],
)
def test_a_plan_says_where_the_money_goes(recipe: Path, settings: dict[str, Any], place: str) -> None:
    assert backend(**settings).place == place
    if "workspace" not in settings:
        plan = api.plan(recipe, api.Options(backend="dashscope", **settings))
        assert plan_text(plan).startswith(f"r at {place}: ")
        assert plan_head(plan)["place"] == place


def test_the_sdks_variable_goes_before_the_project_and_after_the_flag(
    recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def place(**more: Any) -> str:
        return str(plan_head(api.plan(recipe, api.Options(backend="dashscope", **more)))["place"])

    recipe.with_name("wanflow.toml").write_text('[dashscope]\nbase_url = "http://127.0.0.1:1/api/v1"\n')
    assert place() == "http://127.0.0.1:1 (no provider's address)"
    monkeypatch.setenv("DASHSCOPE_HTTP_BASE_URL", "http://127.0.0.1:2/api/v1")
    assert place() == "http://127.0.0.1:2 (no provider's address)"
    assert place(base_url="http://127.0.0.1:3/api/v1") == "http://127.0.0.1:3 (no provider's address)"
    monkeypatch.setenv("DASHSCOPE_HTTP_BASE_URL", "https://collect.example/api/v1")
    with pytest.raises(UsageError, match=r"^DASHSCOPE_HTTP_BASE_URL would send your API key to collect.example"):
        place()


def test_a_password_in_a_base_url_is_refused_and_not_shown() -> None:
    with pytest.raises(UsageError, match="what is given is no base URL, like https://") as caught:
        backend(base_url="https://me:secret@dashscope.aliyuncs.com/api/v1")
    assert "secret" not in str(caught.value)


def test_a_model_that_the_region_lacks_is_a_problem_of_the_recipe(recipe: Path) -> None:
    with pytest.raises(RecipeError) as caught:
        api.plan(recipe, api.Options(backend="dashscope", region="singapore"))
    assert "wanx2.1-imageedit is not offered in ap-southeast-1; it is in cn-beijing" in str(caught.value)


def test_planning_needs_no_key_and_running_names_its_variable(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DASHSCOPE_API_KEY", raising=False)
    options = api.Options(backend="dashscope")
    assert api.plan(recipe, options).totals.paid_tasks == 4
    with pytest.raises(UsageError, match="DASHSCOPE_API_KEY"):
        api.run(recipe, options)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"region": "mars"}, "there is no region mars"),
        ({"models": {"wan2.6": ModelSettings()}}, "there is no model wan2.6. Did you mean"),
    ],
)
def test_wrong_settings_are_named(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        backend(**settings)


@pytest.mark.parametrize("region", ["frankfurt"])
def test_a_region_without_an_address_needs_a_workspace(region: str) -> None:
    with pytest.raises(UsageError, match="only reached through a workspace"):
        backend(region=region).account()
    backend(region=region, workspace="ws-1").account()


def test_a_named_account_has_a_ledger_in_each_region_however_the_region_is_said() -> None:
    def ledger(**settings: Any) -> str:
        return backend(account="studio", **settings).account().id

    address = "https://dashscope.aliyuncs.com/api/v1"
    assert ledger() == ledger(region="beijing") == ledger(region="cn-beijing") == ledger(base_url=address)
    assert ledger(region="singapore") == ledger(region="ap-southeast-1") != ledger()


def test_paid_work_needs_consent_whatever_price_the_project_gives(recipe: Path) -> None:
    lines = ['backend = "dashscope"']
    for name in ("wanx2.1-imageedit", "wan2.5-i2i-preview"):
        lines += [f'[dashscope.models."{name}"]', "price_usd = 0"]
    (recipe.parent / "wanflow.toml").write_text("\n".join(lines))
    plan = api.plan(recipe)
    assert (plan.totals.usd_worst, plan.totals.paid_tasks) == (0, 4)
    with pytest.raises(RefusedError, match="Say --yes"):
        Narrator(io.StringIO()).consent(plan, yes=False)


# -- running


def test_a_recipe_runs_and_a_second_run_calls_nobody(recipe: Path, origin: str) -> None:
    record, heard = run(recipe, origin)
    assert record.exit_code == 0, heard.notes
    assert record.counts() == {Status.DONE: 6}
    told = stats(origin)
    assert (told["images_billed"], told["duplicates"]) == (4, 0)
    paid = [outcome for outcome in heard.outcomes if outcome.task_id]
    assert len(paid) == 4
    price = {name: models()[name].offer().price for name in ("wanx2.1-imageedit", "wan2.5-i2i-preview")}
    assert sum(outcome.usd for outcome in paid) == 2 * sum(p.usd for p in price.values() if p)
    again, _ = run(recipe, origin)
    assert again.counts() == {Status.REUSED: 6}
    assert stats(origin)["submissions"] == told["submissions"]


def test_a_draft_is_no_result_of_the_provider(recipe: Path, origin: str) -> None:
    api.run(recipe, api.Options(backend="draft"))
    record, _ = run(recipe, origin)
    assert record.counts() == {Status.DONE: 4, Status.REUSED: 2}  # what is done on this machine is the same


def test_a_wrong_key_stops_the_account(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASHSCOPE_API_KEY", "sk-wrong-key-1234")
    with running(Emulation(speed=SPEED, paint="echo", keys=frozenset({"sk-right"}))) as origin:
        record, heard = run(recipe, origin)
    assert record.exit_code == 5
    told = "\n".join([*heard.notes, *record.json()])
    assert "InvalidApiKey" in told
    assert "sk-wrong" not in told


def test_a_key_in_quotes_is_refused_before_anything_is_sent(
    recipe: Path, origin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DASHSCOPE_API_KEY", '"sk-test"')
    with pytest.raises(UsageError, match=r"^the API key in DASHSCOPE_API_KEY holds quotes; put it there without them$"):
        run(recipe, origin)
    assert stats(origin)["refused"] == {}


def test_a_model_of_another_region_is_told_with_model_and_region(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASHSCOPE_API_KEY", "sk-test")
    with running(Emulation(speed=SPEED, paint="echo", region="ap-southeast-1")) as origin:
        record, heard = run(recipe, origin)
    assert record.exit_code == 1
    [said, *_] = [outcome.error_message for outcome in heard.outcomes if outcome.error_code == "InvalidParameter"]
    assert '(the service says "Model not exist.")' in said
    assert "see that the region and the base URL are those of your account" in said
    assert said.endswith("It was asked of wanx2.1-imageedit in cn-beijing.")


class Impatient(Heard):
    """Presses Ctrl-C once both tasks are sent and no answers come, and again when it hears what is waited for."""

    def passed(self) -> None:
        # The silence of the first task may be told before the second is sent, which then never would be.
        sent = sum(lane.sent for lane in self.look().lanes)
        if sent == 2 and [note[:9] for note in self.notes] == ["no answer"]:
            os.kill(os.getpid(), signal.SIGINT)

    def note(self, text: str) -> None:
        super().note(text)
        if text.startswith("still waiting for"):
            os.kill(os.getpid(), signal.SIGINT)


def test_who_waits_for_tasks_is_told_what_for_and_how_to_leave(recipe: Path, origin: str) -> None:
    faults = json.dumps({"faults": [{"kind": "500", "on": ["query"]}]}).encode()
    urllib.request.urlopen(f"{origin}/__emulator__/faults", faults).close()  # noqa: S310 - on loopback
    heard = Impatient()
    options = api.Options(backend="dashscope", base_url=f"{origin}/api/v1")
    _, record = api.run(recipe, options, listener=heard, clock=FastClock(SPEED))
    assert record
    assert record.exit_code == 130
    silent, finishing, waiting, stopping = heard.notes
    assert silent.startswith("no answer about tasks for 30 s (InternalError")
    assert finishing == "finishing what is under way; press Ctrl-C again to stop at once"
    assert waiting == "still waiting for 2 tasks at the provider; press Ctrl-C again to leave them to the next run"
    assert stopping == "stopping at once; the next run takes up what goes on at the provider: 2"


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(path.name for path in (ROOT / "recipes").glob("*.yaml")))
def test_every_shipped_recipe_runs_on_the_provider(name: str, origin: str, tmp_path: Path) -> None:
    for folder in ("recipes", "examples"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    shutil.copy(ROOT / "wanflow.toml", tmp_path)
    first, heard = run(tmp_path / "recipes" / name, origin)
    if first.exit_code == 4:
        at_origin = api.Options(backend="dashscope", base_url=f"{origin}/api/v1")
        assert picking.pick(tmp_path / "recipes" / name, (), at_origin, by="first")
        first, heard = run(tmp_path / "recipes" / name, origin)
    assert first.exit_code == 0, heard.notes
    submitted = stats(origin)["submissions"]
    assert submitted > 0
    second, _ = run(tmp_path / "recipes" / name, origin)
    assert second.counts()[Status.DONE] == 0
    assert stats(origin)["submissions"] == submitted


def test_settings_of_the_project_reach_the_backend(recipe: Path, origin: str) -> None:
    lines = ['backend = "dashscope"', "[dashscope]", f'base_url = "{origin}/api/v1"']
    lines += ['[dashscope.models."wan2.5-i2i-preview"]', "price_usd = 1"]
    (recipe.parent / "wanflow.toml").write_text("\n".join(lines))
    plan = api.plan(recipe)
    assert plan.backend == "dashscope"
    assert plan.totals.usd_worst == 2 * Decimal("0.020070") + 2
