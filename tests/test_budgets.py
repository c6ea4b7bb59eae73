"""What a run does that may spend no more than so much, and what a plan says of work that is paid for already."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from fakes import Fakery, FakeTicket, PaidBackend, PaidService, picture
from projects import Heard, statuses

from wanflow import api
from wanflow.errors import Again, EditError
from wanflow.language.recipe import Step
from wanflow.model import Ending, Terms

RECIPE = """\
wanflow: 1
manifest: {from: rows.csv}
steps:
  dear: {uses: wan/super_resolution, image: row.photo}
  cheap: {uses: wan/colorization, image: row.photo, with: {prompt: blue}}
  small: {uses: local/fit, image: steps.cheap, with: {max_side: 600}}
"""
DEAR, CHEAP = Decimal("0.07"), Decimal("0.02")


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    for name in "ab":
        (tmp_path / f"{name}.png").write_bytes(picture(name))
    (tmp_path / "rows.csv").write_text("id,photo\n1,a.png\n2,b.png\n")
    (tmp_path / "wanflow.toml").write_text("")
    (tmp_path / "r.yaml").write_text(RECIPE)
    return tmp_path / "r.yaml"


class Slow(PaidService):
    """Ends no dear task before the run has said something."""

    def __init__(self, perform: Any, heard: Heard) -> None:
        super().__init__(perform)
        self._heard = heard

    async def wait(self, ticket: FakeTicket) -> Ending:
        for _ in range(1000 if ticket.call.function == "wan/super_resolution" else 0):
            if self._heard.notes:
                break
            await asyncio.sleep(0.001)
        return await super().wait(ticket)


class Backend(PaidBackend):
    """A provider whose functions have prices of their own."""

    def __init__(self, workers: Any, fakery: Fakery, heard: Heard) -> None:
        super().__init__(workers, fakery)
        self._heard = heard

    def service(self, uploads: object) -> PaidService:
        return Slow(super(PaidBackend, self).perform, self._heard)

    def terms(self, step: Step) -> Terms:
        usd = DEAR if step.function.name == "wan/super_resolution" else CHEAP
        return super().terms(step) if step.function.is_local else replace(super().terms(step), usd=usd)


@pytest.fixture
def run(recipe: Path) -> Callable[..., tuple[api.RunRecord, Heard]]:
    def run(fakery: Fakery | None = None, **more: object) -> tuple[api.RunRecord, Heard]:
        fakery, heard = fakery or Fakery(), Heard()
        backends = {"draft": lambda services: Backend(services.workers, fakery, heard)}
        _, record = api.run(recipe, api.Options(backends=backends, **more), listener=heard)  # type: ignore[arg-type]
        assert record
        return record, heard

    return run


def test_what_fits_goes_on_beside_what_is_too_dear(run: Callable[..., tuple[api.RunRecord, Heard]]) -> None:
    record, heard = run(max_cost=Decimal("0.05"))
    assert (record.exit_code, record.usd) == (3, 2 * CHEAP)
    assert statuses(record) == {
        f"{row}/{step}": "not_started" if step == "dear" else "done"
        for row in (1, 2)
        for step in ("dear", "cheap", "small")
    }
    assert heard.notes == [
        "the next task costs $0.07; of at most $0.05, $0.00 are spent and $0.00 in flight or in doubt. "
        "It is not started; what fits, or is free, goes on"
    ]
    again, _ = run()
    assert (again.exit_code, again.usd) == (0, 2 * DEAR)


def test_what_a_failure_gives_back_is_spent_on_what_was_put_off(
    run: Callable[..., tuple[api.RunRecord, Heard]],
) -> None:
    refused = EditError("DataInspectionFailed", "not this one", Again.REFUSED)
    record, _ = run(Fakery(faults={"wan/super_resolution": [refused]}), max_cost=DEAR + 2 * CHEAP)
    assert (record.exit_code, record.usd) == (1, DEAR + 2 * CHEAP)
    assert sorted(statuses(record).values()) == ["done"] * 5 + ["failed"]


def test_no_more_than_the_cap_is_ever_sent(run: Callable[..., tuple[api.RunRecord, Heard]]) -> None:
    record, heard = run(max_cost=CHEAP / 2)
    assert (record.exit_code, record.usd, len(heard.notes)) == (3, 0, 1)
    assert set(statuses(record).values()) == {"not_started"}
