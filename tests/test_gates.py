"""Every gate with a picture that is as expected and one that isn't, and installed checks."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import PRICE
from gated import Gated
from projects import coded, gradient, statuses

from wanflow.errors import EditError
from wanflow.functions.catalog import functions
from wanflow.judging.gates import Gates, Verdict, size_faults
from wanflow.judging.measures import Measures
from wanflow.language.expect import expect_of
from wanflow.language.recipe import Step
from wanflow.model import Action, Blob, Reason, Status
from wanflow.pictures.images import describe
from wanflow.store.blobs import Blobs
from wanflow.store.index import Index

PLAIN = gradient(160, 90)
FLAT = np.full((90, 160, 3), 200, np.uint8)
CLEAR = np.dstack([PLAIN, np.tile(np.arange(160, dtype=np.uint8), (90, 1))])


class Desk:
    """Gates over a store, and pictures in it."""

    def __init__(self, folder: Path, index: Index) -> None:
        self.index, self.blobs = index, Blobs(folder)
        self.gates = Gates(index, Measures(index, self.blobs))

    def put(self, pixels: np.ndarray, kind: str = "PNG", **settings: Any) -> Blob:
        raw = coded(pixels, kind, **settings)
        self.blobs.put(raw)
        return describe(raw)

    def verdict(self, expect: dict[str, Any], *pictures: Blob, base: Blob | None = None) -> Verdict:
        step = Step("s", functions()["wan/i2i"], {}, {}, {}, expect=expect_of({"expect": expect}))
        return self.gates.verdict(step, pictures, base)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with closing(Index.memory()) as index:
        yield Desk(tmp_path, index)


@pytest.mark.parametrize(
    ("expect", "good", "bad", "why"),
    [
        ({"min_side": 90}, PLAIN, PLAIN[:89], "160x89 px, expected at least 90 px a side"),
        ({"max_side": 160}, PLAIN, gradient(161, 90), "161x90 px, expected at most 160 px a side"),
        ({"ratio": "16:9"}, PLAIN, gradient(160, 92), "160x92 px, expected 16:9"),
        ({"ratio": "1.7:1"}, gradient(170, 100), PLAIN, "160x90 px, expected 1.7:1"),
        ({"not": ["blank"]}, PLAIN, FLAT, "it is blank"),
        ({"not": ["same_as_input"]}, PLAIN[::-1], PLAIN, "it is the same as its input"),
        ({"min_similarity": 0.9}, PLAIN, FLAT, "similarity 0.0, expected at least 0.9"),
        ({"max_similarity": 0.9}, FLAT, PLAIN, "similarity 1, expected at most 0.9"),
        ({"alpha": True}, CLEAR, PLAIN, "it has no transparency"),
        ({"alpha": False}, PLAIN, CLEAR, "it has transparent parts"),
    ],
)
def test_each_gate_lets_the_good_pass_and_tells_the_bad(
    desk: Desk, expect: dict[str, Any], good: np.ndarray, bad: np.ndarray, why: str
) -> None:
    base = desk.put(PLAIN)
    fit, unfit = desk.put(good), desk.put(bad)
    assert desk.verdict(expect, fit, base=base) == Verdict((fit,))
    found = desk.verdict(expect, unfit, base=base)
    assert found.good == ()
    assert found.why.startswith(why.partition("0.0")[0])
    assert found.why.endswith(why.partition("0.0")[2])


@pytest.mark.parametrize(
    ("limit", "said"),
    [("1KB", "expected at most 1KB"), ("0.02 MB", ""), ("1.5MiB", ""), ("3.5KB", "expected at most 3.5KB")],
)
def test_room_is_counted_of_the_file(desk: Desk, limit: str, said: str) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    assert desk.verdict({"max_bytes": limit.replace("0.02", "0.2")}, desk.put(noise)).why.endswith(said)
    exact = desk.put(noise)
    assert not desk.verdict({"max_bytes": f"{exact.size_bytes / 1000:g}KB"}, exact).why


def test_what_is_too_large_is_told_in_megabytes(desk: Desk) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (800, 800, 3), dtype=np.uint8)
    assert desk.verdict({"max_bytes": "1MB"}, desk.put(noise)).why in {
        f"{size / 100:g} MB, expected at most 1MB" for size in range(190, 196)
    }


def test_every_fault_of_a_picture_is_told(desk: Desk) -> None:
    found = desk.verdict({"min_side": 100, "ratio": "1:1", "not": ["blank"]}, desk.put(FLAT))
    assert (
        found.why == "160x90 px, expected at least 100 px a side; 160x90 px, expected 1:1"
    )  # the rest is not looked at


def test_of_several_pictures_the_good_ones_are_left(desk: Desk) -> None:
    good, blank = desk.put(PLAIN), desk.put(FLAT)
    small = desk.put(gradient(40, 30))
    expect = {"not": ["blank"], "min_side": 50}
    assert desk.verdict(expect, blank, good, small) == Verdict((good,))
    assert desk.verdict(expect, blank, small).why == (
        "picture 1: it is blank / picture 2: 40x30 px, expected at least 50 px a side"
    )


def test_without_a_gate_all_are_good_and_none_is_read(desk: Desk) -> None:
    gone = Blob("ab" * 32, 5, 5, "PNG", 9)
    step = Step("s", functions()["wan/i2i"], {}, {}, {})
    assert desk.gates.verdict(step, [gone], None) == Verdict((gone,))


def test_a_similarity_never_reads_as_if_it_kept_the_limit(desk: Desk) -> None:
    base, near = desk.put(PLAIN), desk.put(np.clip(PLAIN.astype(int) + 25, 0, 255).astype(np.uint8))
    found = desk.gates._measures.similarity(near, base)
    assert 0 < found < 1
    limit = found + 1e-6
    why = desk.verdict({"min_similarity": limit}, near, base=base).why
    assert float(why.split()[1].rstrip(",")) <= found


def test_a_ratio_may_be_off_by_a_pixel() -> None:
    expect = expect_of({"expect": {"ratio": "16:9"}})
    assert expect
    assert not list(size_faults(expect, (1024, 576)))
    assert not list(size_faults(expect, (1023, 576)))
    assert list(size_faults(expect, (1000, 576)))


# -- installed checks


class Package:
    """Installed checks, as entry points have them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.checks: dict[str, Callable[..., object]] = {}
        self.release = "1.0"
        monkeypatch.setattr("wanflow.language.extensions.entry_points", self.entry_points)

    def entry_points(self, group: str, name: str | None = None) -> list[Any]:
        """What importlib.metadata would find."""
        assert group == "wanflow.checks"
        return [Entry(key, self) for key in self.checks if name in (None, key)]


class Entry:
    def __init__(self, name: str, package: Package) -> None:
        self.name, self.package, self.value = name, package, f"checks:{name}"
        self.dist = type("Distribution", (), {"version": package.release})

    def load(self) -> Callable[..., object]:
        """The function."""
        return self.package.checks[self.name]


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> Package:
    return Package(monkeypatch)


def test_an_installed_check_is_asked_once_a_version_and_content(desk: Desk, package: Package) -> None:
    asked: list[tuple[bytes, bytes | None]] = []

    def wide(picture: Path, base: Path | None) -> str | None:
        asked.append((picture.read_bytes(), base.read_bytes() if base else None))
        return None if describe(picture.read_bytes()).width > 100 else "too narrow\x1b[1m"

    package.checks["wide"] = wide
    good, bad, base = desk.put(PLAIN), desk.put(gradient(40, 30)), desk.put(FLAT)
    for _ in range(2):
        assert desk.verdict({"checks": ["wide"]}, good, base=base) == Verdict((good,))
        assert desk.verdict({"checks": ["wide"]}, bad, base=base).why == "wide: too narrow\\x1b[1m"
    assert [base for _, base in asked] == [coded(FLAT)] * 2
    desk.gates.save()
    desk.gates = Gates(desk.index, Measures(desk.index, desk.blobs))
    desk.verdict({"checks": ["wide"]}, bad, base=base)
    assert len(asked) == 2
    desk.gates, package.release = Gates(desk.index, Measures(desk.index, desk.blobs)), "1.1"
    desk.verdict({"checks": ["wide"]}, bad, base=base)
    assert len(asked) == 3


def test_a_check_that_breaks_is_no_verdict(desk: Desk, package: Package) -> None:
    package.checks |= {"zero": lambda picture, base: 1 / 0, "number": lambda picture, base: 7}
    for name, why in (
        ("zero", "the check zero failed: ZeroDivisionError: division by zero"),
        ("number", "the check number gave 7 instead of a text or None"),
        ("gone", "the check gone can't be loaded: it is not installed"),
    ):
        with pytest.raises(EditError) as caught:
            desk.verdict({"checks": [name]}, desk.put(PLAIN))
        assert (caught.value.code, caught.value.message) == ("CheckBroken", why)


def test_a_run_asks_checks_beside_its_loop(desk: Desk, package: Package) -> None:
    asked: list[Path] = []
    package.checks["note"] = lambda picture, base: asked.append(picture)
    step = Step("s", functions()["wan/i2i"], {}, {}, {}, expect=expect_of({"expect": {"checks": ["note"]}}))
    blob = desk.put(PLAIN)
    asyncio.run(desk.gates.prepare(step, [blob], None))
    assert desk.gates.verdict(step, [blob], None) == Verdict((blob,))
    assert len(asked) == 1


def test_a_broken_check_fails_its_job_and_its_repair_needs_no_new_picture(tmp_path: Path, package: Package) -> None:
    package.checks["odd"] = lambda picture, base: 1 / 0
    project = Gated(tmp_path, "expect: {checks: [odd]}")
    record = project.run()
    assert (statuses(record), record.outcomes[0].error_code) == ({"a/paint": "failed"}, "CheckBroken")
    assert record.outcomes[0].tries[0].unfit == ""
    assert "the check odd failed: ZeroDivisionError" in project.plan().problems[0].message
    package.checks["odd"] = lambda picture, base: None
    assert [(made.action, made.reason) for _, made in project.plan().decisions()] == [
        (Action.REUSE, Reason.OUTPUT_MISSING)
    ]
    record = project.run()
    assert (record.exit_code, record.usd, project.seeds()) == (0, 0, [None])


def test_another_version_of_a_check_is_asked_about_rows_that_are_done(tmp_path: Path, package: Package) -> None:
    package.checks["odd"] = lambda picture, base: None
    project = Gated(tmp_path, "expect: {checks: [odd]}")
    assert project.run().exit_code == 0
    assert project.run().unchanged_rows == 1
    package.release, package.checks["odd"] = "2.0", lambda picture, base: "too red"
    (decided,) = [made for _, made in project.plan().decisions()]
    assert (decided.reason, decided.note) == (Reason.UNFIT, "odd: too red")


def test_a_picture_is_kept_before_anybody_is_asked_about_it(tmp_path: Path, package: Package) -> None:
    # A check may take long, and what a provider answered at once can't be had twice when the process ends meanwhile.
    kept: list[int] = []

    def slow(picture: Path, base: Path | None) -> None:
        with closing(sqlite3.connect(tmp_path / ".wanflow" / "index.sqlite")) as index:
            kept.append(index.execute("SELECT count(*) FROM results").fetchone()[0])

    package.checks["slow"] = slow
    assert Gated(tmp_path, "expect: {checks: [slow]}").run().exit_code == 0
    assert kept == [1]


def test_what_a_job_cost_is_told_also_when_it_is_cut_short_while_its_picture_is_judged(
    tmp_path: Path, package: Package
) -> None:
    def ended(picture: Path, base: Path | None) -> None:
        # Once: finish what is under way; twice: end it.
        for said in ("finishing what is under way", "stopping at once"):
            os.kill(os.getpid(), signal.SIGINT)
            while not any(note.startswith(said) for note in project.heard.notes):
                time.sleep(0.01)

    package.checks["slow"] = ended
    project = Gated(tmp_path, "expect: {checks: [slow]}")
    record = project.run()
    assert [outcome.status for outcome in record.outcomes] == [Status.LEFT]
    assert record.usd == PRICE
    package.checks["slow"] = lambda picture, base: None
    assert (project.run().usd, project.seeds()) == (0, [None])
