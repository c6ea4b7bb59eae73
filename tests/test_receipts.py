"""What was paid for is known by receipts, whatever becomes of the index."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from fakes import Fakery, picture
from projects import Heard

from wanflow import api
from wanflow.errors import StoreError
from wanflow.model import Blob, Outcome, Result, Status
from wanflow.store.blobs import Blobs
from wanflow.store.index import Index
from wanflow.store.receipts import FILE, Receipt, Receipts

RECIPE = """\
wanflow: 1
name: demo
manifest: {from: rows.csv}
steps:
  colour: {uses: wan/colorization, image: row.photo}
  wide: {uses: wan/expand, image: steps.colour, with: {left_scale: 1.5}}
outputs:
  wide: {image: row.photo, to: "out/${{ row.id }}.png"}
"""
PARTS = '[1,"wan/expand","draft:1",{},{},null]'
MADE = [[["ab" * 32, 8, 6, "PNG", 99]], "real", [], ["task-1", 1, []]]


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    for name in "ab":
        (tmp_path / f"{name}.png").write_bytes(picture(name))
    (tmp_path / "rows.csv").write_text("id,photo\n1,a.png\n2,b.png\n")
    (tmp_path / "r.yaml").write_text(RECIPE)
    return tmp_path / "r.yaml"


@pytest.fixture
def fakery() -> Fakery:
    return Fakery()


def run(recipe: Path, options: api.Options) -> api.RunRecord:
    _, record = api.run(recipe, options, listener=Heard())
    assert record
    return record


def forget_ledgers(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """As a day later, when the provider has none of the pictures any more."""
    monkeypatch.setenv("XDG_STATE_HOME", str(folder))


def delete(store: Path) -> None:
    for file in store.glob("index.sqlite*"):
        file.unlink()


def damage(store: Path) -> None:
    delete(store)
    (store / "index.sqlite").write_bytes(b"garbage" * 999)


@pytest.mark.parametrize("lose", [delete, damage])
def test_without_its_index_a_project_pays_nothing_again(
    recipe: Path, fakery: Fakery, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, lose: Callable[[Path], None]
) -> None:
    assert run(recipe, fakery.paid()).counts()[Status.DONE] == 4
    assert len(fakery.steps()) == 4
    lose(recipe.parent / ".wanflow")
    forget_ledgers(monkeypatch, tmp_path / "elsewhere")
    planned = api.plan(recipe, fakery.paid())
    assert (planned.totals.paid_tasks, planned.totals.reuse) == (0, 4)
    assert run(recipe, fakery.paid()).counts()[Status.REUSED] == 4
    assert fakery.steps() == []


def test_what_changed_is_told_from_receipts_too(recipe: Path, fakery: Fakery) -> None:
    keys = [str(outcome.key) for outcome in run(recipe, fakery.paid()).outcomes]
    delete(recipe.parent / ".wanflow")
    with Index.open(recipe.parent / ".wanflow").in_use() as index:
        parts = [index.components(key) or [] for key in keys]
    assert [part[1] for part in parts] == ["wan/colorization", "wan/expand"] * 2


def test_a_picture_that_is_gone_is_not_believed_in(recipe: Path, fakery: Fakery) -> None:
    run(recipe, fakery.paid())
    store = recipe.parent / ".wanflow"
    gone = next(path for path in (store / "objects").rglob("*") if path.is_file())
    gone.unlink()
    delete(store)
    assert api.plan(recipe, fakery.paid()).totals.reuse < 4


def test_free_work_writes_no_receipts(recipe: Path, fakery: Fakery) -> None:
    run(recipe, fakery.options())
    assert not (recipe.parent / ".wanflow" / FILE).exists()


def test_a_receipt_cut_short_costs_neither_those_before_nor_those_after(tmp_path: Path) -> None:
    receipts = Receipts(tmp_path)
    receipts.add(Receipt("first", MADE, PARTS))
    with (tmp_path / FILE).open("ab") as file:
        file.write(b'["second", [[["ab')
    assert [receipt.key for receipt, _ in receipts.read()] == ["first"]
    receipts.add(Receipt("third", MADE, PARTS))
    assert [receipt.key for receipt, _ in receipts.read()] == ["first", "third"]


def test_reading_goes_on_where_it_ended(tmp_path: Path) -> None:
    receipts = Receipts(tmp_path)
    receipts.add(Receipt("first", MADE, PARTS))
    ((_, end),) = receipts.read()
    receipts.add(Receipt("second", MADE, PARTS))
    assert [receipt.key for receipt, _ in receipts.read(end)] == ["second"]
    assert end < receipts.size_bytes()


NO_RECEIPTS = [
    *(b"", b"null", b"[1, 2, 3]", b'["k", [[["ab"]]], "c"]', b"\xff\xfe", b'["k", {}, "c"]', b"[" * 100_000),
    *(
        json.dumps(entry).encode()
        for entry in (
            ["\ud800", MADE, PARTS],
            ["k", [[], *MADE[1:]], PARTS],
            ["k", [[[7, 8, 6, "PNG", 99]], *MADE[1:]], PARTS],
            ["k", [[["ab" * 32, -8, 6, "PNG", 99]], *MADE[1:]], PARTS],
            ["k", [MADE[0], None, *MADE[2:]], PARTS],
            ["k", MADE, PARTS.replace("wan", "\ud800")],
            ["k", MADE, "[1]"],
        )
    ),
]


@pytest.mark.parametrize("line", NO_RECEIPTS, ids=range(len(NO_RECEIPTS)))
def test_a_line_that_is_no_receipt_is_passed_over(tmp_path: Path, line: bytes) -> None:
    (tmp_path / FILE).write_bytes(line + b"\n")
    assert list(Receipts(tmp_path).read()) == []


def test_several_processes_add_at_once(tmp_path: Path) -> None:
    program = "import json, sys; from pathlib import Path; from wanflow.store.receipts import Receipt, Receipts\n"
    program += "receipts, name, made, parts = Receipts(Path(sys.argv[1])), sys.argv[2], *sys.argv[3:]\n"
    program += "for n in range(60): receipts.add(Receipt(f'{name}-{n}', json.loads(made), parts))"
    said = [json.dumps(MADE), json.dumps([1, "wan/expand", "x" * 5000, {}, {}, None])]
    both = [subprocess.Popen([sys.executable, "-c", program, tmp_path, name, *said]) for name in ("a", "b")]
    assert [process.wait(60) for process in both] == [0, 0]
    found = [receipt.key for receipt, _ in Receipts(tmp_path).read()]
    assert sorted(found) == sorted(f"{name}-{n}" for name in "ab" for n in range(60))


def spoil(store: Path, key: object) -> None:
    with closing(sqlite3.connect(store / "index.sqlite")) as db:
        db.execute("UPDATE results SET made = '[[{' WHERE key = ?", (key,))
        db.commit()


SPOILT = "an entry of .wanflow/index.sqlite is what no wanflow wrote (Expecting property name enclosed in double quotes"


def test_a_spoilt_entry_of_what_was_paid_for_is_read_from_its_receipt(recipe: Path, fakery: Fakery) -> None:
    made = run(recipe, fakery.paid()).outcomes
    api.plan(recipe, fakery.paid())  # from now on, nothing of the receipts is news
    for outcome in made:
        spoil(recipe.parent / ".wanflow", outcome.key)
    fakery.steps()
    plan = api.plan(recipe, fakery.paid(no_proxy=True))
    [note] = plan.notes  # once, not for each
    assert note.startswith(SPOILT)
    assert (plan.totals.paid_tasks, plan.totals.reuse) == (0, 4)
    assert (run(recipe, fakery.paid()).exit_code, fakery.steps()) == (0, [])


class Spoiler(Heard):
    """Spoils the index amid a run, whenever a job has ended."""

    def __init__(self, store: Path) -> None:
        super().__init__()
        self.store = store

    def finished(self, outcome: Outcome, step: str) -> None:
        super().finished(outcome, step)
        spoil(self.store, outcome.key)


def test_an_entry_that_is_spoilt_amid_a_run_is_a_miss_which_is_told_once(recipe: Path, fakery: Fakery) -> None:
    # All rows make the same picture in the second step, so that the later ones look for it amid the run.
    recipe.write_text(RECIPE.replace("image: steps.colour", "image: file:a.png"))
    heard = Spoiler(recipe.parent / ".wanflow")
    _, record = api.run(recipe, fakery.options(jobs=1), listener=heard)
    assert record
    assert record.exit_code == 0
    assert [note.startswith(SPOILT) for note in heard.notes] == [True]


def test_commits_lost_in_a_power_cut_come_back(tmp_path: Path) -> None:
    """The receipt is there, the index never heard of it."""
    sha256 = Blobs(tmp_path).put(b"a picture")
    with Index.open(tmp_path).in_use():
        pass
    made = [[[sha256, 8, 6, "PNG", 9]], "real", [], ["task-1", 2, []]]
    Receipts(tmp_path).add(Receipt("k", made, PARTS))
    for _ in range(2):
        with Index.open(tmp_path).in_use() as index:
            assert index.result("k") == Result((Blob(sha256, 8, 6, "PNG", 9),), "real", (), "task-1", 2)


def test_no_paid_result_is_kept_without_its_receipt(tmp_path: Path) -> None:
    with Index.open(tmp_path).in_use() as index:
        (tmp_path / FILE).mkdir()
        wanted = r"receipt of a paid picture can't be kept: .*receipts.jsonl can't be written: Is a directory"
        with pytest.raises(StoreError, match=wanted), index.transaction():
            index.remember("k", Result((), "real", task_id="task-1", billed=1), "[]")
        assert index.result("k") is None
