import asyncio
from pathlib import Path

from projects import small_project

from wanflow import api
from wanflow.backends import BACKENDS
from wanflow.backends.draft import DraftBackend
from wanflow.backends.services import Services
from wanflow.backends.workers import LANE, Workers
from wanflow.clock import RealClock
from wanflow.documents.source import parse
from wanflow.errors import UsageError
from wanflow.language.build import build
from wanflow.language.recipe import Step
from wanflow.model import Blob, Call, Result
from wanflow.settings import ProviderSettings


class FakeWorkers(Workers):
    """Keeps the calls and makes nothing."""

    def __init__(self) -> None:
        super().__init__(1, Path())
        self.calls: list[Call] = []

    async def perform(self, call: Call) -> Result:
        self.calls.append(call)
        return Result((Blob("0" * 64, 1, 1, "PNG", 1),), "real")


def steps(tmp_path: Path, *texts: str) -> dict[str, Step]:
    project = small_project(tmp_path / "p", steps=texts)
    recipe, problems = build(parse(project.recipe.read_text(), "r.yaml"), project.recipe, {})
    assert problems == []
    return {step.id: step for step in recipe.steps}


def test_backend_is_in_the_table_under_its_name() -> None:
    services = Services(FakeWorkers(), ProviderSettings(), lambda name: None, RealClock())
    backend = BACKENDS["draft"](services)
    assert isinstance(backend, DraftBackend)
    assert backend.name == "draft"


def test_fingerprint_names_the_engine_version_and_not_the_model(tmp_path: Path) -> None:
    found = steps(
        tmp_path,
        "small: {uses: local/fit, image: row.photo, with: {max_side: 48}}",
        "colour: {uses: wan/colorization, image: steps.small}",
    )
    backend = DraftBackend(FakeWorkers())
    version = found["colour"].function.engine_version
    assert backend.fingerprint(found["colour"]) == f"draft:{version}"
    assert backend.fingerprint(found["small"]) == "local:1"
    assert {backend.terms(step).lane for step in found.values()} == {LANE}
    assert {backend.terms(step).usd for step in found.values()} == {0}


def test_a_draft_of_another_size_has_another_key(tmp_path: Path) -> None:
    found = steps(
        tmp_path,
        "small: {uses: local/fit, image: row.photo, with: {max_side: 48}}",
        "old: {uses: wan/i2i, images: [row.photo], with: {prompt: a}}",
        "new: {uses: wan/i2i, model: wan2.6-image, images: [row.photo], with: {prompt: a}}",
    )
    backend = DraftBackend(FakeWorkers())
    assert backend.fingerprint(found["new"]) != backend.fingerprint(found["old"])


def test_calls_are_performed_by_workers_and_cost_nobody_money(tmp_path: Path) -> None:
    workers = FakeWorkers()
    backend = DraftBackend(workers)
    assert backend.account() is None
    call = Call("k", "local/fit", {}, {})
    asyncio.run(backend.perform(call))
    assert workers.calls == [call]


def test_unknown_backend_is_a_usage_error_with_the_names(tmp_path: Path) -> None:
    project = small_project(tmp_path / "p")
    try:
        api.plan(project.recipe, api.Options(backend="drafts"))
    except UsageError as error:
        assert str(error) == "there is no backend drafts. Did you mean draft?"
    else:
        raise AssertionError("an unknown backend was taken")
