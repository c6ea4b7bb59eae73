"""What a plan says it costs is what the provider's stand-in bills for the run."""

from __future__ import annotations

import json
import urllib.request
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from fakes import picture
from projects import Heard

from wanflow import api
from wanflow.clock import FastClock
from wanflow.emulator.chance import times
from wanflow.emulator.options import Options as Emulation
from wanflow.emulator.server import running
from wanflow.planning.planjson import plan_json

SPEED = 50.0
RECIPE = """\
wanflow: 1
manifest: {from: rows.csv}
steps:
  colour: {uses: wan/colorization, image: row.photo, when: row.id != "2", otherwise: bypass}
  look:
    uses: wan/i2i
    model: wan2.5-i2i-preview
    images: [steps.colour]
    candidates: 3
    with: {prompt: "a postcard"}
  small: {uses: local/resize, image: steps.look, with: {width: 300}}
"""
ABROAD = RECIPE.replace("  colour: {uses: wan/colorization", "  colour: {uses: local/fit, with: {min_side: 512}")


@pytest.mark.parametrize(
    ("recipe", "region", "bill"),
    [(RECIPE, "cn-beijing", {"CNY": "2.08"}), (ABROAD, "ap-southeast-1", {"USD": "0.27"})],
)
def test_the_bill_is_what_the_plan_said(
    recipe: str, region: str, bill: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DASHSCOPE_API_KEY", "sk-test")
    for name in "abc":
        (tmp_path / f"{name}.png").write_bytes(picture(name))
    (tmp_path / "rows.csv").write_text("id,photo\n1,a.png\n2,b.png\n3,c.png\n")
    (tmp_path / "r.yaml").write_text(recipe)
    with running(Emulation(speed=SPEED, paint="echo", service=times("fixed:2"), region=region)) as origin:
        options = api.Options(backend="dashscope", base_url=f"{origin}/api/v1", region=region)
        planned = json.loads("".join(plan_json(api.plan(tmp_path / "r.yaml", options))))
        _, record = api.run(tmp_path / "r.yaml", options, listener=Heard(), clock=FastClock(SPEED))
        with urllib.request.urlopen(f"{origin}/__emulator__/stats") as answer:  # noqa: S310 - on loopback
            billed = json.load(answer)
    assert record
    assert record.exit_code == 0
    assert reckoned(planned) == {currency: Decimal(amount) for currency, amount in billed["cost"].items()}
    assert billed["cost"] == bill
    assert planned["totals"]["images_paid"] == billed["images_billed"]
    assert planned["totals"]["paid_tasks"] == billed["submissions"]
    assert planned["totals"]["usd_expected"] == planned["totals"]["usd_worst"] == float(record.usd or 0)


def reckoned(planned: Any) -> dict[str, Decimal]:
    sums: defaultdict[str, Decimal] = defaultdict(Decimal)
    for price in planned["prices"]:
        sums[price["currency"]] += Decimal(price["amount"]) * price["images"]
    return sums
