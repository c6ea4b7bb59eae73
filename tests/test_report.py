"""What a report is given to show: a run with picks, gates, failures, odd texts; reused rows; another run beside it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import reported
from jsonschema import Draft202012Validator
from PIL import Image
from projects import Heard, Small, coded, photo, small_project, three_steps

from wanflow import api, reporting
from wanflow.documents.schemas import load
from wanflow.errors import StoreError, UsageError
from wanflow.paying.status import Unrecorded
from wanflow.record import RunRecord
from wanflow.reporting.head import Tally, figures_of, head, summary
from wanflow.reporting.lookup import Lookup
from wanflow.reporting.records import Runs
from wanflow.reporting.rows import Album, Rows
from wanflow.store.blobs import Blobs
from wanflow.store.index import Index


@dataclass(frozen=True)
class Told:
    """What a report was given: its head, rows by key, and entries for search."""

    head: Mapping[str, Any]
    rows: Mapping[str, Any]
    index: list[Any]

    def job(self, address: str) -> Any:
        row, _, step = address.rpartition("/")
        return next(job for job in self.rows[row]["jobs"] if job["step"] == step)


def told(project: Small, run: str = "last", compare: str | None = None) -> Told:
    """The values of a report, without its pictures' copies."""
    runs = Runs(project.store)
    record = runs.find(run)
    other = runs.find(compare) if compare else None
    with Index.open(project.store, repair=False).in_use() as index:
        lookups = Lookup(record, runs, index), Lookup(other, runs, index) if other else None
        tally = Tally(record, other)
        rows = list(Rows(*lookups, Album(project.folder, index, Blobs(project.store)), project.folder / "report"))
        for row in rows:
            tally.add(1, row)
    return Told(
        head(tally, {"size": 50, "count": 1, "rows": len(rows)}, []), {row["key"]: row for row in rows}, tally.index
    )


def read(folder: Path) -> list[Any]:
    """The rows of a written report."""
    found: list[Any] = []
    for number, file in enumerate(sorted((folder / "data").glob("rows-*.js")), start=1):
        text = file.read_text(encoding="ascii")
        assert text.startswith(f"wanflow.rows({number}, [")
        found += json.loads(text.removeprefix(f"wanflow.rows({number}, ").removesuffix(");\n"))
    return found


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> tuple[Small, Mapping[str, RunRecord]]:
    return reported.runs(tmp_path_factory.mktemp("archive") / "a")


@pytest.fixture(scope="session")
def first(archive: tuple[Small, Mapping[str, RunRecord]]) -> Told:
    return told(archive[0], archive[1]["first"].run_id)


@pytest.fixture(scope="session")
def second(archive: tuple[Small, Mapping[str, RunRecord]]) -> Told:
    return told(archive[0], archive[1]["second"].run_id)


# -- a run's rows


def test_every_record_of_a_run_meets_the_schema(archive: tuple[Small, Mapping[str, RunRecord]]) -> None:
    check = Draft202012Validator(load("run.schema.json"))
    for record in archive[1].values():
        check.validate(json.loads("".join(record.json())))


def test_a_row_shows_its_input_and_every_step_in_order(first: Told) -> None:
    row = first.rows["r01"]
    assert [job["step"] for job in row["jobs"]] == ["prep", "colorize", "look", "clean", "best", "web"]
    [given] = row["inputs"]
    assert (given["name"], given["slot"]) == ("photos/astronaut.jpg", "row.photo")
    assert (given["picture"]["width"], given["picture"]["height"]) == (400, 400)
    assert row["place"] == "photos.csv:2"


def test_a_job_has_the_picture_that_it_was_made_from_beside_it(first: Told) -> None:
    prep, colorize = first.job("r01/prep"), first.job("r01/colorize")
    assert colorize["before"]["sha256"] == prep["pictures"][0]["sha256"]
    assert prep["before"]["sha256"] == first.rows["r01"]["inputs"][0]["picture"]["sha256"]
    bypassed = first.job("r03/look")  # its colorize is bypassed, so that it takes the picture of prep
    assert bypassed["before"]["sha256"] == first.job("r03/prep")["pictures"][0]["sha256"]


def test_prompts_and_parameters_are_those_that_were_asked_for(first: Told) -> None:
    job = first.job("r02/clean")
    assert job["prompt"] == "Make it brighter. a ginger cat"
    assert dict(job["params"])["strength"] == "0.4"
    failed = first.job("r05/colorize")
    assert (failed["status"], failed["prompt"], dict(failed["params"])["seed"]) == ("failed", "please refuse", "7")


def test_candidates_stand_in_order_and_say_which_goes_on_and_who_chose(first: Told, second: Told) -> None:
    assert (len(first.job("r01/look")["pictures"]), first.job("r01/look")["picked"]) == (3, [])
    assert first.job("r01/look")["by"] == ""
    assert [second.job(f"r0{n}/look")["picked"] for n in (1, 2, 3, 4)] == [[2], [1], [3], [2]]
    assert second.job("r01/look")["by"] == "picked by hand"
    best = first.job("r01/best")
    assert (len(best["pictures"]), len(best["picked"]), best["by"]) == (2, 1, "picked by rule: sharpest")
    chosen = second.job("r01/look")["pictures"][1]["sha256"]
    assert second.job("r01/web")["before"]["sha256"] == chosen


def test_failures_have_code_words_and_what_helps(first: Told) -> None:
    moderated = first.job("r05/colorize")["error"]
    assert moderated["code"] == "DataInspectionFailed"
    assert moderated["remedy"].startswith("Change the prompt or the picture")
    assert first.job("r05/look")["error"]["message"] == "needs r05/colorize, which failed"
    refused = first.job("r07/clean")
    assert (refused["status"], refused["error"]["message"]) == (
        "refused",
        "strength must be between 0.0 and 1.0, got 1.7",
    )
    assert all(job["error"]["remedy"] for row in first.rows.values() for job in row["jobs"] if job["error"])


def test_equal_failures_are_told_together_with_their_rows(first: Told) -> None:
    [clean] = [one for one in first.head["failures"] if (one["step"], one["code"]) == ("clean", "InternalError.Algo")]
    assert (clean["count"], clean["rows"]) == (2, [("r06", 1), ("r12", 1)])
    assert first.head["failures"][-1]["status"] == "blocked"


def test_a_drafts_badge_warnings_and_prices_are_told(first: Told) -> None:
    proxy = first.job("r02/clean")
    assert proxy["fidelity"] == "draft"
    assert proxy["warnings"]
    assert (first.job("r01/look")["usd"], first.job("r01/prep")["usd"]) == ("$0.0603", "")
    assert first.job("r01/prep")["fidelity"] == ""


@pytest.mark.parametrize(("fidelity", "told"), [("real", ""), ("approximate", "approximate"), ("proxy", "draft")])
def test_pictures_are_told_apart_from_the_models(fidelity: str, told: str, tmp_path: Path) -> None:
    project = small_project(tmp_path / "p")
    path = project.store / "runs" / project.run().run_id / "run.json"
    text = path.read_text(encoding="utf-8")
    assert '"fidelity": "real"' in text
    path.write_text(text.replace('"fidelity": "real"', f'"fidelity": "{fidelity}"'), encoding="utf-8")
    made = read(reporting.make(here=project.folder).path.parent)
    assert made[0]["jobs"][0]["fidelity"] == told


def test_output_files_are_named_with_addresses_that_a_browser_follows(first: Told) -> None:
    [written] = first.job("r01/best")["outputs"]
    assert written == {"path": "out/best r01 #1.jpg", "href": "../out/best%20r01%20%231.jpg"}


def test_statuses_of_a_row_begin_with_the_worst(first: Told) -> None:
    assert first.rows["r05"]["statuses"] == ["failed", "blocked", "parked", "done"]
    assert first.rows["run"]["statuses"] == ["done"]
    assert list(first.rows)[-1] == "run"


def test_reused_pictures_name_the_run_that_made_them(
    archive: tuple[Small, Mapping[str, RunRecord]], second: Told
) -> None:
    job = second.job("r01/prep")
    assert (job["status"], job["reused_from"], job["seconds"]) == ("reused", archive[1]["first"].run_id, None)
    assert second.job("r01/web")["reused_from"] == ""


def test_what_failed_a_gate_is_shown_with_the_reason(tmp_path: Path) -> None:
    blank = coded(np.full((48, 64, 3), 90, np.uint8))
    step = "small: {uses: local/fit, image: row.photo, with: {max_side: 48}, expect: {not: [blank]}}"
    project = small_project(tmp_path / "p", {"1.png": photo(1), "2.png": blank}, steps=[step])
    project.run()
    good, bad = told(project).job("1/small"), told(project).job("2/small")
    assert [(one["unfit"], one["picture"]) for one in good["tries"]] == [("", None)]
    [tried] = bad["tries"]
    assert (bad["status"], bad["error"]["code"], bad["pictures"]) == ("failed", "GateFailed", [])
    assert "blank" in tried["unfit"]
    assert (tried["picture"]["width"], tried["picture"]["height"]) == (48, 36)
    assert bad["before"]["sha256"] == told(project).rows["2"]["inputs"][0]["picture"]["sha256"]
    assert "expect" in bad["error"]["remedy"]


# -- the head


def test_the_head_counts_as_the_record_does(archive: tuple[Small, Mapping[str, RunRecord]], first: Told) -> None:
    record = archive[1]["first"]
    counted: dict[str, int] = {}
    for step in first.head["steps"]:
        for status, number in step["counts"].items():
            counted[status] = counted.get(status, 0) + number
    assert counted == {status.value: number for status, number in record.counts().items()}
    usd = sum(float(step["usd"].removeprefix("$") or 0) for step in first.head["steps"])
    assert usd == pytest.approx(float(record.usd or 0), abs=0.001)  # each is told to four digits, never as less
    assert first.head["run"]["exit_code"] == record.exit_code == 1


def test_the_timeline_has_every_job_at_work_within_its_slots(
    archive: tuple[Small, Mapping[str, RunRecord]], first: Told
) -> None:
    lanes = {lane["name"]: lane for lane in first.head["timeline"]["lanes"]}
    assert set(lanes) == {"this machine", "Somewhere, standard"}
    worked = {bar["job"] for lane in lanes.values() for bar in lane["bars"]}
    record = archive[1]["first"]
    assert worked == {one.job for one in record.outcomes if one.worked}
    assert {one.job for one in record.outcomes if one.status in ("done", "failed")} == worked
    for lane in lanes.values():
        moments = sorted([(bar["from"], 1) for bar in lane["bars"]] + [(bar["to"], -1) for bar in lane["bars"]])
        at_once = [sum(step for _, step in moments[:number]) for number in range(1, len(moments) + 1)]
        assert max(at_once) <= lane["slots"]
        assert all(0 <= bar["from"] <= bar["to"] <= first.head["timeline"]["seconds"] + 1 for bar in lane["bars"])


def test_the_graph_and_every_status_are_there(first: Told) -> None:
    assert first.head["graph"].startswith("<svg")
    used = {job["status"] for row in first.rows.values() for job in row["jobs"]}
    assert used <= {status["id"] for status in first.head["statuses"]}


def test_problems_are_told_without_folders_of_this_machine(first: Told) -> None:
    [problem] = first.head["problems"]
    line = next(n for n, text in enumerate(reported.RECIPE.splitlines(), start=1) if "row.strength" in text)
    assert (problem["where"], problem["rows"]) == (f"r.yaml:{line}", ["r07"])


def test_search_finds_rows_by_key_file_prompt_and_code(first: Told) -> None:
    texts = {key: text for key, _, _, text in first.index}
    assert [key for key, text in texts.items() if "ginger" in text] == ["r02"]
    assert [key for key, text in texts.items() if "rocket.jpg" in text] == ["r04", "r11"]
    assert [key for key, text in texts.items() if "DataInspection" in text] == ["r05"]
    steps, statuses = first.head["steps"], first.head["statuses"]
    [entry] = [jobs for key, _, jobs, _ in first.index if key == "r05"]
    assert {(steps[step]["id"], statuses[status]["id"]) for step, status in entry} >= {("look", "blocked")}


# -- odd texts


def test_no_text_in_a_report_can_be_anything_but_text(
    archive: tuple[Small, Mapping[str, RunRecord]], first: Told
) -> None:
    shown = json.dumps([first.head, first.rows, first.index], ensure_ascii=False)
    assert "\\u0007" not in shown
    assert "\\u001b" not in shown
    assert "\u2028" not in shown
    assert first.job("r08/clean")["prompt"].count("<script>") == 1  # it stands there as text
    assert first.rows["r09"]["inputs"][0]["name"] == f"photos/{reported.ODD_FILE}"


# -- against another run


def test_compared_runs_say_what_is_same_changed_new_and_gone(archive: tuple[Small, Mapping[str, RunRecord]]) -> None:
    project, records = archive
    found = told(project, records["third"].run_id, compare=records["second"].run_id)
    assert (found.job("r01/prep")["compare"]["change"], found.job("r01/prep")["compare"]["params"]) == ("same", [])
    changed = found.job("r01/look")["compare"]
    assert (changed["change"], len(changed["pictures"])) == ("changed", 1)  # the one that was picked then
    open_then = found.job("r08/look")["compare"]
    assert (open_then["change"], len(open_then["pictures"])) == ("changed", 3)  # nobody had picked
    assert found.job("r01/web")["compare"]["change"] == "gone"  # it waits for a pick among the new ones
    [(name, parts)] = changed["params"]
    assert (name, "".join(text for kind, text in parts if kind != "old")) == (
        "prompt",
        "Convert to gold foil art style",
    )
    assert found.head["compare"]["counts"]["same"] > 20
    assert sum(found.head["compare"]["counts"].values()) == sum(len(jobs) for _, _, jobs, _ in found.index)


NOTHING = dict.fromkeys(
    (
        *("jobs", "run", "reuse", "failed", "blocked", "refused", "skip", "excluded", "parked", "not_started"),
        *("left_in_flight", "written", "not_written", "paid_tasks", "fetched", "usd", "seconds"),
    ),
    0,
)


@pytest.mark.parametrize(
    ("totals", "said", "figures"),
    [
        (
            {"jobs": 3, "run": 3},
            "3 done, 0 reused in 0.0 s",
            "done 3 (of 3 jobs) | reused 0",
        ),
        ({}, "0 done, 0 reused in 0.0 s", "done 0 (of 0 jobs) | reused 0"),
        (
            {"jobs": 4, "run": 1, "reuse": 3, "paid_tasks": 1, "usd": 0.02},
            "1 done, 3 reused, $0.02 paid in 0.0 s",
            "done 1 (of 4 jobs) | reused 3 (75 % of the jobs) | paid $0.02 (1 task)",
        ),
        (
            {"jobs": 3, "failed": 3, "paid_tasks": 3},
            "0 done, 0 reused, 3 failed in 0.0 s",
            "done 0 (of 3 jobs) | reused 0 | failed 3 | paid $0.00 (3 tasks, which cost nothing)",
        ),
        (
            {"jobs": 6, "failed": 1, "blocked": 2, "not_started": 3},
            "0 done, 0 reused, 1 failed, 2 blocked, 3 not started in 0.0 s",
            "done 0 (of 6 jobs) | reused 0 | not done 6 (1 failed, 2 blocked, 3 not started)",
        ),
        (
            {"jobs": 3, "run": 3, "paid_tasks": 3, "fetched": 3},
            "3 done, 0 reused, 3 fetched that an earlier run paid for in 0.0 s",
            "done 3 (of 3 jobs) | reused 0 | paid $0.00 (3 tasks fetched, which cost nothing)",
        ),
        (
            {"jobs": 3, "run": 2, "parked": 1, "paid_tasks": 2, "usd": None},
            "2 done, 0 reused, 1 waiting for a pick, paid at prices that are not known in 0.0 s",
            "done 2 (of 3 jobs) | reused 0 | paid not known (2 tasks)",
        ),
    ],
)
def test_the_head_says_it_in_the_words_of_the_run(totals: dict[str, Any], said: str, figures: str) -> None:
    told: dict[str, Any] = {"totals": NOTHING | totals, "interrupted": False, "open_picks": {}}
    assert summary(told) == said
    shown = [f"{name} {value}{f' ({note})' if note else ''}" for name, value, note in figures_of(told)]
    free = "" if " | paid " in figures else " | paid $0.00 (no task was sent)"
    assert " | ".join(shown) == f"{figures}{free} | time 0.0 s"


def test_rows_that_only_the_other_run_has_are_shown_as_gone(tmp_path: Path) -> None:
    project = small_project(tmp_path / "p")
    before = project.run()
    (project.folder / "photos.csv").write_text("id,photo\n1,photos/1.png\n", encoding="utf-8")
    project.run()
    found = told(project, "last", compare=before.run_id)
    assert found.rows["2"]["statuses"] == ["gone"]
    assert found.job("2/small")["compare"]["change"] == "gone"
    assert len(found.job("2/small")["compare"]["pictures"]) == 1
    assert found.job("1/small")["compare"]["change"] == "same"


def test_a_step_that_the_other_run_had_is_shown_as_gone_and_a_further_one_as_new(tmp_path: Path) -> None:
    project = three_steps(tmp_path / "p")
    before = project.run()
    text = project.recipe.read_text().replace("tiny: {uses", "wee: {uses").replace("steps.tiny", "steps.wee")
    project.recipe.write_text(text)
    after = project.run()
    found = told(project, after.run_id, compare=before.run_id)
    assert found.job("1/wee")["compare"]["change"] == "new"
    assert found.job("1/tiny")["compare"]["change"] == "gone"
    assert {step["id"] for step in found.head["steps"]} == {"small", "tiny", "odd", "wee"}


# -- rows recognised whole, and records of other times


def test_rows_in_which_nothing_changed_show_what_an_earlier_run_recorded(tmp_path: Path) -> None:
    project = three_steps(tmp_path / "p")
    made = project.run()
    assert project.run().unchanged_rows == 2
    assert project.run().unchanged_rows == 2
    found, before = told(project), told(project, made.run_id)
    for address in ("1/small", "1/tiny", "2/small", "2/tiny", "2/odd"):
        job = found.job(address)
        assert (job["status"], job["reused_from"]) == ("reused", made.run_id)
        assert job["pictures"] == before.job(address)["pictures"]
        assert job["params"] == before.job(address)["params"] != []
        assert job["outputs"] == before.job(address)["outputs"]
    assert found.job("1/odd")["status"] == "skipped"
    assert [row["inputs"] for row in found.rows.values()] == [row["inputs"] for row in before.rows.values()]
    assert found.rows["1"]["place"] == "photos.csv:2"


def test_rows_keep_the_manifests_order_though_only_some_were_looked_at(tmp_path: Path) -> None:
    photos = {f"{n}.png": photo(n) for n in (1, 2, 3, 4)}
    project = small_project(tmp_path / "p", photos)
    project.run()
    (project.folder / "photos" / "2.png").write_bytes(photo(9))
    record = project.run()
    assert record.unchanged_rows == 3
    assert list(told(project).rows) == ["1", "2", "3", "4"]


def test_rows_of_which_no_record_is_left_say_so(tmp_path: Path) -> None:
    project = small_project(tmp_path / "p")
    made = project.run()
    project.run()
    shutil.rmtree(project.store / "runs" / made.run_id)
    found = told(project)
    assert "no record is left" in found.rows["1"]["note"]
    assert found.job("1/small")["pictures"] == []
    assert "no record is left" in reporting.make(here=project.folder).notes[0]


def test_what_was_not_selected_is_shown_so(tmp_path: Path) -> None:
    project = three_steps(tmp_path / "p")
    project.run(wish=api.Wish(("1/",)))
    found = told(project)
    assert found.rows["2"]["statuses"] == ["excluded"]
    assert found.rows["2"]["note"] == ""


OLD = ("identity", "exit_code", "problems", "steps", "rows", "unchanged")
OLD_OUTCOME = ("worked", "candidates", "picked", "picked_by", "request")


def age(project: Small, run: str) -> None:
    """Make a record what an older version would have written."""
    path = project.store / "runs" / run / "run.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    for name in OLD:
        del record[name]
    for outcome in record["outcomes"]:
        for name in OLD_OUTCOME:
            del outcome[name]
    Draft202012Validator(load("run.schema.json")).validate(record)
    path.write_text(json.dumps(record), encoding="utf-8")


def test_a_record_of_an_older_version_is_shown_as_far_as_it_tells(
    archive: tuple[Small, Mapping[str, RunRecord]], tmp_path: Path, first: Told
) -> None:
    project = Small(Path(shutil.copytree(archive[0].folder, tmp_path / "old")))
    run = archive[1]["second"].run_id
    age(project, run)
    found = told(project, run)
    assert [len(found.job(f"r0{n}/look")["pictures"]) for n in (1, 8)] == [3, 3]
    assert found.job("r01/look")["picked"] == [2]
    assert found.job("r08/look")["picked"] == []  # it still waits
    assert found.rows["r01"]["inputs"][0]["name"] == "photos/astronaut.jpg"
    assert found.job("r01/colorize")["prompt"] == first.job("r01/colorize")["prompt"]
    assert found.head["timeline"]["lanes"] == []
    made = reporting.make(run, here=project.folder)
    assert any("An older version" in note for note in made.notes)


def test_a_row_without_any_known_result_is_shown_without_pictures(tmp_path: Path) -> None:
    project = small_project(tmp_path / "p")
    project.run()
    shutil.rmtree(project.store / "objects")
    (project.store / "index.sqlite").unlink()
    shutil.rmtree(project.folder / "out")
    made = reporting.make(here=project.folder)
    rows = read(made.path.parent)
    assert rows[0]["jobs"][0]["pictures"][0]["note"] == "not here any more"
    assert rows[0]["inputs"][0]["picture"]["thumb"]


# -- which run is meant


@pytest.fixture
def three(tmp_path: Path) -> Iterator[tuple[Small, list[str]]]:
    project = small_project(tmp_path / "p")
    yield project, [project.run(force=force).run_id for force in (False, True, False)]


def test_a_run_is_named_by_its_id_its_beginning_last_or_its_file(three: tuple[Small, list[str]]) -> None:
    project, ids = three
    runs = Runs(project.store)
    assert runs.find("last").run_id == ids[2]
    assert runs.find(ids[0]).run_id == ids[0]
    assert runs.find(ids[1][:-3]).run_id == ids[1]
    path = project.store / "runs" / ids[0] / "run.json"
    assert reporting.make(path, here=project.folder.parent, out="x").run == ids[0]
    assert reporting.make(str(path.parent), here=project.folder.parent, out="x").run == ids[0]
    assert reporting.make(ids[2], compare="previous", here=project.folder).run == ids[2]


def test_a_wrong_run_is_refused_with_what_there_is(three: tuple[Small, list[str]], tmp_path: Path) -> None:
    project, ids = three
    with pytest.raises(UsageError, match=rf"there is no run nope. There are: {ids[2]}, {ids[1]}, {ids[0]}\."):
        Runs(project.store).find("nope")
    with pytest.raises(UsageError, match="begins the names of 3 runs"):
        Runs(project.store).find(ids[0][:4])
    with pytest.raises(UsageError, match=r"there is no run \.\./x"):
        Runs(project.store).find("../x")
    with pytest.raises(UsageError, match=r"there is no record of a run .* yet: wanflow run RECIPE makes one$"):
        reporting.make(here=tmp_path / "empty")
    with pytest.raises(UsageError, match=r"there is no file nope/run\.json"):
        reporting.make("nope/run.json", here=project.folder)
    with pytest.raises(UsageError, match="is the first run of small here"):
        reporting.make(ids[0], compare="previous", here=project.folder)
    with pytest.raises(UsageError, match="is the reported run itself"):
        reporting.make(ids[0], compare=ids[0], here=project.folder)


def test_after_a_run_that_was_killed_one_is_told_to_run_again(tmp_path: Path) -> None:
    project = small_project(tmp_path / "p")
    shutil.rmtree(project.store / "runs" / project.run().run_id)
    with pytest.raises(UsageError, match="killed leaves none: run it again, what is done stays"):
        reporting.make(here=project.folder)


def test_a_record_far_from_its_project_is_shown_without_pictures(tmp_path: Path) -> None:
    project = small_project(tmp_path / "p")
    run = project.run().run_id
    shutil.copyfile(project.store / "runs" / run / "run.json", tmp_path / "artifact.json")
    shutil.rmtree(project.folder)
    made = reporting.make("artifact.json", here=tmp_path)
    assert (made.run, made.rows, made.pictures) == (run, 2, 0)
    assert not (tmp_path / ".wanflow").exists()


def test_the_record_of_a_newer_version_is_refused(three: tuple[Small, list[str]]) -> None:
    project, ids = three
    path = project.store / "runs" / ids[2] / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format_version": 2}), encoding="utf-8")
    with pytest.raises(StoreError, match="its format_version is 2; a newer wanflow reads it"):
        reporting.make(here=project.folder)


def test_a_run_without_a_record_is_said_to_go_on_or_to_be_killed(tmp_path: Path) -> None:
    going = Unrecorded("20261121T000000Z-a", "r.yaml", True, 5, 3)
    killed = Unrecorded("20261121T000000Z-b", "r.yaml", False, 5, 3)
    runs = Runs(tmp_path, lambda: [going, killed])
    with pytest.raises(UsageError, match=r"-a still goes on, so it has no record yet: 5 paid tasks sent, 3 stored"):
        runs.find("20261121T000000Z-a")
    with pytest.raises(UsageError, match="was killed"):
        runs.find("20261121T000000Z-b")
    with pytest.raises(UsageError, match=r"no record of a run .* yet: 20261121T000000Z-a still goes on; ask"):
        runs.find("last")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", r"is no record of a run: .*; report another run \(wanflow status\)$"),
        ("[]", "is no record of a run"),
        ('{"run_id": 1}', "is no record of a run"),
        ("[" * 100_000, "is no record of a run"),
    ],
)
def test_a_spoilt_record_is_refused_in_words(three: tuple[Small, list[str]], text: str, why: str) -> None:
    project, ids = three
    (project.store / "runs" / ids[2] / "run.json").write_text(text, encoding="utf-8")
    with pytest.raises(StoreError, match=why):
        reporting.make(here=project.folder)
    (project.store / "runs" / ids[1] / "run.json").write_text(text, encoding="utf-8")
    assert reporting.make(ids[0], here=project.folder).rows == 2


SENSELESS = [{"at": "x", "rows": 3, "row": {}, "id": [], "job": 3}]
ENDLESS = [{"at": float("inf"), "row": "1", "place": "", "inputs": [], "rows": [], "shape": ""}]


@pytest.mark.parametrize("member", ["rows", "unchanged", "steps", "outcomes", "totals", "problems"])
@pytest.mark.parametrize("value", [None, 7, [7], [{}], SENSELESS, ENDLESS])
def test_a_record_that_no_wanflow_wrote_is_refused_or_shown_and_never_a_bug(
    three: tuple[Small, list[str]], member: str, value: object
) -> None:
    project, ids = three
    path = project.store / "runs" / ids[2] / "run.json"
    record = json.loads(path.read_text(encoding="utf-8")) | {member: value}
    path.write_text(json.dumps(record), encoding="utf-8")
    try:
        reporting.make(here=project.folder)
    except StoreError as error:
        assert "is no record of a run" in str(error)


# -- pictures of the written report


def test_pictures_are_small_upright_and_shared(archive: tuple[Small, Mapping[str, RunRecord]], tmp_path: Path) -> None:
    project, records = archive
    made = reporting.make(records["first"].run_id, here=project.folder, out=tmp_path / "r")
    folder = made.path.parent
    rows = {row["key"]: row for row in read(folder)}
    turned = rows["r08"]["inputs"][0]["picture"]
    assert (turned["width"], turned["height"]) == (256, 384)
    with Image.open(folder / turned["thumb"]) as image:
        assert (image.format, image.size) == ("WEBP", (213, 320))
    look = rows["r01"]["jobs"][2]["pictures"][0]
    with Image.open(folder / look["view"]) as image:
        assert image.size == (512, 512)
    shown = {picture for row in rows.values() for picture in addresses(row)}
    assert {f"pictures/{path.name}" for path in (folder / "pictures").iterdir()} == shown
    assert rows["r01"]["inputs"][0]["picture"]["thumb"] == rows["r10"]["inputs"][0]["picture"]["thumb"]


def addresses(value: Any) -> Iterator[str]:
    """Every address of a picture in a row."""
    if isinstance(value, dict):
        if "thumb" in value:
            yield from filter(None, (value["thumb"], value["view"]))
        for each in value.values():
            yield from addresses(each)
    elif isinstance(value, list):
        for each in value:
            yield from addresses(each)


def test_a_listener_hears_nothing_of_reports(tmp_path: Path) -> None:
    project, heard = small_project(tmp_path / "p"), Heard()
    project.run(heard)
    before = len(heard.outcomes), (project.store / "index.sqlite").read_bytes()
    reporting.make(here=project.folder)
    assert (len(heard.outcomes), (project.store / "index.sqlite").read_bytes()) == before
