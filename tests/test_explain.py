"""`wanflow explain`, word by word: jobs in every state, and files wherever they lie."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from fakes import Fakery, picture
from jsonschema import Draft202012Validator, FormatChecker
from PIL import Image
from projects import small_project

from wanflow import api, cache
from wanflow.cli import main
from wanflow.documents.schemas import named
from wanflow.errors import UsageError
from wanflow.pictures.notes import noted
from wanflow.planning.ancestry import Ancestor
from wanflow.planning.explain import JobExplanation, jobs_json
from wanflow.planning.files import FileExplanation, State, file_json
from wanflow.telling.explain import file_text, jobs_text

RECIPE = """\
wanflow: 1
name: restore
manifest: {from: photos.csv}
steps:
  prep: {uses: local/fit, image: row.photo, with: {max_side: 600}}
  colour:
    uses: wan/colorization
    image: steps.prep
    with: {prompt: "${{ row.words }}"}
  large: {uses: wan/super_resolution, image: steps.colour, with: {upscale_factor: 2}}
  sheet: {uses: local/contact_sheet, images: steps.colour.all, per: run}
outputs:
  colour: {image: steps.colour, to: "out/${{ row.id }}-colour.png"}
  large: {image: steps.large, to: "out/${{ row.id }}.png"}
  sheet: {image: steps.sheet, to: out/sheet.png}
"""


class Project:
    """A folder with the recipe over two rows, and a backend that makes real pictures of one colour."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.fakery = folder, Fakery()
        (folder / "photos").mkdir()
        (folder / "wanflow.toml").touch()
        for name in "ab":
            (folder / "photos" / f"{name}.png").write_bytes(picture(name))
            os.utime(folder / "photos" / f"{name}.png", (1_700_000_000, 1_700_000_000))
        self.recipe = folder / "r.yaml"
        self.recipe.write_text(RECIPE)
        self.rows("blue sky", "red dress")

    def rows(self, *words: str) -> None:
        lines = [f"{id_},photos/{id_}.png,{said}" for id_, said in zip("ab", words, strict=True)]
        (self.folder / "photos.csv").write_text("\n".join(["id,photo,words", *lines]) + "\n")

    def run(self, **more: Any) -> Any:
        _, record = api.run(self.recipe, self.fakery.options(**more))
        return record

    def jobs(self, *words: str, **more: Any) -> str:
        options = more.pop("options", None) or self.fakery.options(**more)
        plan, found = api.explain(self.recipe, words, options)
        judged(jobs_json(plan, found))
        return steady(jobs_text(plan, found))

    def job(self, address: str, **more: Any) -> JobExplanation:
        [found] = api.explain(self.recipe, [address], self.fakery.options(**more))[1]
        return found

    def file(self, name: str) -> FileExplanation:
        found = api.explain_file(name)
        judged(file_json(found))
        return found

    def told(self, name: str) -> str:
        return steady(file_text(self.file(name)))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    yield Project(tmp_path)


def judged(value: Any) -> None:
    Draft202012Validator(named("explain"), format_checker=FormatChecker()).validate(json.loads(json.dumps(value)))


def steady(text: str) -> str:
    """Without what differs from run to run: digests become #1, #2, … in order; dates, runs, versions words."""
    seen: dict[str, str] = {}
    text = re.sub(r"\d{8}T\d{6}Z-[0-9a-f]{16}", "RUN", text)
    text = re.sub(r"\b[0-9a-f]{12}\b", lambda found: seen.setdefault(found.group(), f"#{len(seen) + 1}"), text)
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", "DATE", text)
    text = re.sub(r"\b(draft|local):\d+", r"\1:N", text)
    return re.sub(r"about [\d.]+ s", "about … s", re.sub(r"machine, \d+ jobs?", "machine, … jobs", text))


# -- jobs

FRESH = """\
a/colour of restore, wan/colorization on draft
  Whether it runs is known after the step before it.
  It takes
    image: the picture of a/prep, 520x520 px, not known yet
  Its key is known once the pictures it takes are; it is made of
    function: wan/colorization
    backend: draft:N
    parameter prompt: "blue sky"
    parameter watermark: false
    input image: not known yet
  It was never made before, as far as this project knows
  This machine does
    {
     "function": "wan/colorization",
     "parameters": {
      "prompt": "blue sky",
      "watermark": false
     },
     "pictures": {
      "image": "<picture of a/prep>"
     }
    }
  It costs nothing, and takes about … s; lane this machine, … jobs at once
  Its picture goes to a/large, run/sheet
  out/a-colour.png (colour) is written then"""


def test_a_job_that_waits_for_another(project: Project) -> None:
    assert project.jobs("a/colour") == FRESH


def test_a_new_job_says_so_and_what_its_key_is_made_of(project: Project) -> None:
    told = project.jobs("b/prep")
    assert (
        "  It runs: new.\n  It takes\n    image: photos/b.png, 520x520 px, #1\n  Its key is #2; it is made of" in told
    )
    assert "    input image: #1\n" in told
    assert told.endswith("Its picture goes to b/colour")


def test_nothing_is_written_or_sent_to_explain(project: Project) -> None:
    project.jobs("a/", "run/sheet")
    assert not (project.folder / ".wanflow").exists()
    assert project.fakery.asked == []


CACHED = """\
a/large of restore, wan/super_resolution on draft
  It does not run: its result is stored.
  It takes
    image: the picture of a/colour, 520x520 px, #1
  Its key is #2, as last time; it is made of
    function: wan/super_resolution
    backend: draft:N
    parameter prompt: "Image super resolution"
    parameter upscale_factor: 2
    parameter watermark: false
    input image: #1
  Last made DATE in run RUN, free; it was real
  This machine would do
    {
     "function": "wan/super_resolution",
     "parameters": {
      "prompt": "Image super resolution",
      "upscale_factor": 2,
      "watermark": false
     },
     "pictures": {
      "image": "<picture #1>"
     }
    }
  It costs nothing now; lane this machine, … jobs at once
  Its picture goes nowhere: no step and no output takes it"""


def test_a_job_whose_result_is_stored_though_its_row_is_recognised_whole(project: Project) -> None:
    project.recipe.write_text(re.sub(r"  large: \{image.*\n", "", RECIPE))
    assert project.run().exit_code == 0
    assert project.run().unchanged_rows == 2
    assert project.jobs("a/large") == CACHED


CHANGED = """\
a/colour of restore, wan/colorization on draft
  It runs: parameters changed.
    prompt: "blue sky" → "grey sky"
  It takes
    image: the picture of a/prep, 520x520 px, #1
  Its key is #2 (last time it was #3); it is made of
    function: wan/colorization
    backend: draft:N
    parameter prompt: "grey sky", last time "blue sky"
    parameter watermark: false
    input image: #1
  Last made DATE in run RUN, free; it was real"""


def test_a_changed_prompt_is_told_from_old_to_new(project: Project) -> None:
    project.run()
    project.rows("grey sky", "red dress")
    assert project.jobs("a/colour").startswith(f"{CHANGED}\n")
    assert project.job("a/colour").components[2].changed
    assert [one.changed for one in project.job("b/colour").components] == [False] * 5


def test_a_later_job_says_what_it_was_made_of_last_time(project: Project) -> None:
    project.run()
    project.rows("grey sky", "red dress")
    told = project.jobs("a/large")
    assert "  Whether it runs is known after the step before it.\n" in told
    assert "    input image: not known yet\n" in told
    assert "  Last made DATE in run RUN, free; it was real\n" in told


def test_a_step_of_the_whole_run_takes_the_pictures_of_all_rows(project: Project) -> None:
    project.run()
    told = project.jobs("run/sheet")
    assert "    images.0: the picture of a/colour, 520x520 px, #1\n    images.1: the picture of b/colour, 520" in told
    assert "\n  out/sheet.png (sheet) stands there" in told


def test_where_a_picture_goes_says_whether_it_stands_there(project: Project) -> None:
    project.run()
    (project.folder / "out/a.png").write_bytes(b"mine")
    (project.folder / "out/b.png").unlink()
    told = project.jobs("large")
    assert "out/a.png (large) was edited; that is kept aside and the picture put in place" in told
    assert "out/b.png (large) is not there and is put in place" in told
    assert "It does not run: its result is stored; output file not there." in told


def test_of_two_outputs_of_a_job_each_is_told_as_it_is(project: Project) -> None:
    copy = "  copy: {image: steps.large, to: 'out/${{ row.id }}-copy.png'}\n"
    project.recipe.write_text(RECIPE.replace("outputs:\n", f"outputs:\n{copy}"))
    project.run()
    (project.folder / "out/a.png").write_bytes(b"mine")
    (project.folder / "out/a-copy.png").unlink()
    told = project.jobs("a/large")
    assert "out/a.png (large) was edited; that is kept aside" in told
    assert "out/a-copy.png (copy) is not there and is put in place" in told


def test_a_stored_picture_that_is_gone_is_told(project: Project) -> None:
    project.run()
    blob = project.job("a/large").result.result.blobs[0]  # type: ignore[union-attr]
    (project.folder / ".wanflow/objects" / blob.sha256[:2] / blob.sha256).unlink()
    (project.folder / "out/a.png").unlink()
    assert "  It runs: its stored picture is gone." in project.jobs("a/large")


def test_a_skipped_and_a_refused_job_say_why(project: Project) -> None:
    skipping = RECIPE.replace("upscale_factor: 2}}", "upscale_factor: 2}, when: row.id == 'b'}")
    project.recipe.write_text(skipping)
    (project.folder / "photos/b.png").write_text("nothing")
    assert "It does not run: when is false, or what it needs is skipped." in project.jobs("a/large")
    told = project.jobs("b/prep")
    assert "It does not run: it is refused. row.photo: photos/b.png: this is not an image" in told
    assert "This machine" not in told


PAID = """\
  It sends, beside your key and with the pictures themselves
    {
     "method": "POST",
     "url": "https://dashscope.aliyuncs.com/api/v1/services/aigc/image2image/image-synthesis",
     "headers": {
      "X-DashScope-Async": "enable"
     },
     "body": {
      "input": {
       "base_image_url": "<picture of a/prep>",
       "function": "colorization",
       "prompt": "blue sky"
      },
      "model": "wanx2.1-imageedit",
      "parameters": {
       "n": 1,
       "watermark": false
      }
     }
    }
  It costs $0.0201, and takes about … s; lane cn-beijing/wanx2.1-imageedit, 2 jobs at once, 2 a second
"""


def test_a_paid_job_shows_its_request_without_key_or_network(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASHSCOPE_API_KEY", "sk-never-shown")
    told = project.jobs("a/colour", options=api.Options(backend="dashscope"))
    assert PAID in told
    assert "never-shown" not in told
    assert told.startswith("a/colour of restore, wan/colorization at DashScope, cn-beijing\n")


def test_a_local_step_of_a_paid_run_stays_here(project: Project) -> None:
    told = project.jobs("a/prep", options=api.Options(backend="dashscope"))
    assert "  This machine does\n" in told
    assert "  It costs nothing, and" in told


def test_candidates_are_told_each_with_its_own_request(project: Project) -> None:
    several = RECIPE.replace("image: steps.prep\n", "image: steps.prep\n    candidates: 2\n    pick: {by: first}\n")
    pair = "  pair: {uses: local/contact_sheet, images: steps.colour.all}\noutputs:\n"
    project.recipe.write_text(several.replace("outputs:\n", pair))
    project.run()
    told = project.jobs("a/pair")
    assert "    images.0: the picture of a/colour, 520x520 px, #1\n    images.1: the picture of a/colour, " in told
    assert '"n": 2' in project.jobs("a/colour")
    project.recipe.write_text(project.recipe.read_text().replace("candidates: 2", "candidates: 3"))
    told = project.jobs("a/colour")
    assert "2 of 3 candidates are there" in told
    assert '"n"' not in told  # only the third is asked for
    project.run()
    asked = [step.parameters.get("n", 1) for step in _steps(project, "run/sheet") if step.made.making.job == "a/colour"]
    assert asked == [2, 2, 1]


def _steps(project: Project, job: str) -> list[Ancestor]:
    blob = project.job(job).result.result.blobs[0]  # type: ignore[union-attr]
    found = project.file(f".wanflow/objects/{blob.sha256[:2]}/{blob.sha256}").ancestry
    assert found
    return list(found.steps.values())


def test_selections_are_those_of_plan(project: Project) -> None:
    def addresses(*words: str) -> list[str]:
        return [job.job for job in api.explain(project.recipe, words, project.fakery.options())[1]]

    assert addresses("a/") == ["a/prep", "a/colour", "a/large"]
    assert addresses("prep") == ["a/prep", "b/prep"]
    assert addresses("a/prep", "b/large") == ["a/prep", "b/large"]
    assert addresses("+a/colour") == ["a/prep", "a/colour"]
    assert addresses("state:new,b/") == ["b/prep", "b/colour", "b/large"]
    for wrong, words in (("c/prep", "there is no row c"), ("prap", "Did you mean prep")):
        with pytest.raises(UsageError, match=words):
            addresses(wrong)


def test_of_many_jobs_some_are_told(project: Project) -> None:
    rows = [f"r{n},photos/a.png,x" for n in range(12)]
    (project.folder / "photos.csv").write_text("\n".join(["id,photo,words", *rows]))
    assert project.jobs("prep").endswith("\n\n… and 2 more jobs; name fewer, or take --json")


# -- files

ANCESTRY = """\
out/a.png: an output of r.yaml
  wan/super_resolution for a/large of restore, PNG 1040x1040 px, #1
    made DATE in run RUN, free
    by draft:N; real
    prompt: "Image super resolution"
    upscale_factor: 2
    watermark: false
    image: wan/colorization for a/colour of restore, PNG 520x520 px, #2
      made DATE in run RUN, free
      by draft:N; real
      prompt: "blue sky"
      watermark: false
      image: local/fit for a/prep of restore, PNG 520x520 px, #3
        made DATE in run RUN, free
        by local:N; real
        max_side: 600
        image: photos/a.png, #4"""


def test_a_file_is_told_back_to_its_photograph(project: Project) -> None:
    project.run()
    assert project.told("out/a.png") == ANCESTRY
    assert project.told("out/a.png") == ANCESTRY  # and again


def test_a_moved_and_a_copied_file_are_known_by_their_content(project: Project) -> None:
    project.run()
    (project.folder / "sent/to").mkdir(parents=True)
    shutil.copy("out/a.png", "sent/to/you.png")
    shutil.move("out/b.png", "sent/b.png")
    copied = project.told("sent/to/you.png")
    assert copied == ANCESTRY.replace(
        "out/a.png: an output of r.yaml",
        "sent/to/you.png: an output of r.yaml\n  The same bytes were written to out/a.png",
    )
    assert project.file("sent/b.png").state is State.KNOWN


def test_a_file_outside_is_known_to_the_project_that_one_stands_in(project: Project, tmp_path_factory: Any) -> None:
    project.run()
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "x.png"
    shutil.copy("out/a.png", elsewhere)
    assert project.file(str(elsewhere)).state is State.KNOWN


SHEET = """\
out/sheet.png: an output of r.yaml
  local/contact_sheet for run/sheet of restore, PNG 520x520 px, #1
    made DATE in run RUN, free
    by local:N; real"""


def test_a_sheet_has_the_ancestry_of_all_rows(project: Project) -> None:
    project.run()
    found = project.file("out/sheet.png")
    assert found.ancestry
    jobs = {step.made.making.job for step in found.ancestry.steps.values()}
    assert jobs == {"run/sheet", "a/colour", "a/prep", "b/colour", "b/prep"}
    told = project.told("out/sheet.png")
    assert "    images.0: wan/colorization for a/colour of restore" in told
    assert "    images.1: wan/colorization for b/colour of restore" in told
    assert {root.name for root in found.ancestry.roots.values()} == {"photos/a.png", "photos/b.png"}


def test_a_file_of_another_format_and_a_sidecar_say_what_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    to = 'small: {image: steps.small, to: "out/${{ row.id }}.jpg", provenance: sidecar}'
    here = small_project(tmp_path / "p", outputs=(to,))
    monkeypatch.chdir(here.folder)
    here.run()
    assert file_text(api.explain_file("out/1.jpg")).startswith(
        "out/1.jpg: an output, saved as JPEG, of r.yaml\n  local/fit for 1/small of small, PNG 48x36 px, "
    )
    assert file_text(api.explain_file("out/1.jpg.json")).startswith(
        "out/1.jpg.json: a sidecar, which tells where a picture comes from, an output of r.yaml\n  local/fit"
    )
    told = jobs_text(*api.explain(here.recipe, ["1/small"]))
    assert told.endswith("  out/1.jpg (small) stands there\n  out/1.jpg.json (sidecar of small) stands there")


def test_a_picture_that_is_taken_twice_is_told_once(project: Project) -> None:
    step = "  pair: {uses: local/compare, images: [steps.colour, steps.large]}\n"
    output = "  pair: {image: steps.pair, to: 'out/${{ row.id }}-pair.png'}\n"
    project.recipe.write_text(RECIPE.replace("outputs:\n", f"{step}outputs:\n{output}"))
    project.run()
    told = project.told("out/a-pair.png")
    assert told.count("wan/colorization for a/colour") == 1
    assert re.search(r"\n      image: #\d+, told above$", told, re.MULTILINE)


def test_an_edited_file_tells_what_it_was(project: Project) -> None:
    project.run()
    (project.folder / "out/a.png").write_bytes(picture("mine"))
    told = project.told("out/a.png")
    head = "out/a.png: this content is not known; the file was changed since it was an output of r.yaml (#1)"
    assert told == ANCESTRY.replace("out/a.png: an output of r.yaml", head)
    found = project.file("out/a.png")
    assert (found.state, found.was) == (State.MODIFIED, found.ancestry and found.ancestry.sha256)


def test_a_file_that_is_gone_tells_what_it_was(project: Project) -> None:
    project.run()
    (project.folder / "out/a.png").unlink()
    told = project.told("out/a.png")
    assert told.startswith("out/a.png: there is no such file; it was an output of r.yaml (#1)\n  wan/super_resolution")


def test_an_unknown_file_says_what_is_called_alike(project: Project) -> None:
    project.run()
    (project.folder / "new").mkdir()
    (project.folder / "new/a.png").write_bytes(picture("new"))
    assert project.told("new/a.png") == (
        "new/a.png: this content is not known here\n  Outputs of a like name: out/a.png"
    )
    assert project.told("nothing/at/all.gif") == "nothing/at/all.gif: there is no such file, and none is known of"


def test_a_folder_is_told_as_one(project: Project) -> None:
    with pytest.raises(UsageError, match=r'^"out" is a folder; name a file in it$'):
        (project.folder / "out").mkdir(exist_ok=True)
        project.told("out")


def test_an_input_image_and_a_stored_picture_are_told(project: Project) -> None:
    project.run()
    assert project.told("photos/a.png") == "photos/a.png: an input image, which nothing here made"
    shutil.copy("photos/a.png", "copy.png")
    assert project.told("copy.png") == ("copy.png: an input image, which nothing here made\n  photos/a.png, #1")
    sha256 = project.job("a/prep").result.result.blobs[0].sha256  # type: ignore[union-attr]
    stored = f".wanflow/objects/{sha256[:2]}/{sha256}"
    assert project.told(stored).splitlines()[1:] == [
        "  local/fit for a/prep of restore, PNG 520x520 px, #1",
        "    made DATE in run RUN, free",
        "    by local:N; real",
        "    max_side: 600",
        "    image: photos/a.png, #2",
    ]


def test_an_older_picture_of_a_changed_prompt_keeps_its_own(project: Project) -> None:
    project.run()
    shutil.copy("out/a-colour.png", "older.png")
    project.rows("grey sky", "red dress")
    project.run()
    assert 'prompt: "blue sky"' in project.told("older.png")
    assert 'prompt: "grey sky"' in project.told("out/a-colour.png")


def test_what_was_removed_from_the_store_is_said_and_still_told(project: Project) -> None:
    project.run()
    shutil.copy("out/a-colour.png", "older.png")
    project.rows("grey sky", "red dress")
    project.run()
    (project.folder / "photos/a.png").rename(project.folder / "photos/moved.png")
    assert cache.gc(older_than_s=-1).results > 0
    told = project.told("older.png")
    assert 'prompt: "blue sky"' in told
    assert "    its stored picture was removed since" in told
    assert told.endswith("image: photos/a.png (moved or changed since), #3")


def test_a_draft_and_its_warnings_are_told(project: Project) -> None:
    project.fakery.fidelity, project.fakery.warnings = "proxy", ("the subject was guessed",)
    project.run()
    told = project.told("out/a-colour.png")
    assert "    by draft:N; a DRAFT: stamped, and no edit\n" in told
    assert "    warning: the subject was guessed\n" in told


def test_a_paid_picture_tells_task_and_price(project: Project) -> None:
    api.run(project.recipe, project.fakery.paid())
    told = project.told("out/a-colour.png")
    assert re.search(r"    made DATE in run RUN, for \$0\.0201, task task-\w+-\d+\n", told)
    [*_, step] = (step for step in project.file("out/a-colour.png").ancestry.json()["steps"] if step["task_id"])  # type: ignore[union-attr]
    assert (step["usd"], step["images_paid"]) == (0.02007, 1)


def test_without_its_index_a_paid_picture_is_told_from_receipts_and_ledger(project: Project) -> None:
    api.run(project.recipe, project.fakery.paid())
    for file in (project.folder / ".wanflow").glob("index.sqlite*"):
        file.unlink()
    receipt = json.loads((project.folder / ".wanflow/receipts.jsonl").read_text().splitlines()[0])
    sha256 = receipt[1][0][0][0]
    told = project.told(f".wanflow/objects/{sha256[:2]}/{sha256}")
    assert re.search(r"wan/\w+ for \w/\w+ of r\.yaml", told)
    assert re.search(r"    made DATE in run RUN, for \$0\.0201, task task-", told)


def test_a_stranger_s_words_do_nothing_to_a_terminal(project: Project) -> None:
    project.rows("\x1b[2Jblue\u202e", "x")
    project.run()
    for told in (project.jobs("a/colour"), project.told("out/a-colour.png")):
        assert told.replace("\n", "").isprintable()
        assert "\\x1b[2Jblue\\u202e" in told or "\\u001b[2Jblue\\u202e" in told


def embedded(steps: list[dict[str, Any]], **more: Any) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "PNG")
    whole = {"format_version": 1, "picture": "a" * 64, "steps": steps, "inputs": [], "steps_left_out": 0}
    return noted(buffer.getvalue(), "PNG", json.dumps(whole | more))


STEP = {
    "sha256": "a" * 64,
    "key": "k",
    "function": "wan/expand",
    "backend": "draft",
    "version": "3",
    "parameters": {"prompt": "wide"},
    "prompt_used": None,
    "hint_region": None,
    "take": None,
    "inputs": {"image": "b" * 64},
    "fidelity": "real",
    "warnings": [],
    "task_id": None,
    "images_paid": 0,
    "usd": 0,
    "recipe": "r",
    "job": "1/wide",
    "run": "run-1",
    "made": "2026-11-20T12:00:00.000Z",
}


def test_an_unknown_file_that_tells_of_itself_is_quoted(project: Project) -> None:
    project.run()
    (project.folder / "x.png").write_bytes(embedded([STEP], inputs=[{"sha256": "b" * 64, "name": "my.png"}]))
    assert (
        project.told("x.png")
        == """\
x.png: this content is not known here
  Its metadata say that it was made so; whether that is true, nobody here can tell
  wan/expand for 1/wide of r, #1
    made DATE in run run-1, free
    by draft:N; real
    prompt: wide
    image: my.png, #2"""
    )


@pytest.mark.parametrize(
    "change",
    [
        {"inputs": {"image": "a" * 64}},
        {"usd": 1e300},
        {"made": "9999-12-31T23:59:59Z"},
        {"made": "2026-11-20"},
        {"made": "x"},
        {"parameters": []},
        {"warnings": ["\x1b[2J\ud800"]},
        {"surplus": 1},
    ],
)
def test_what_a_stranger_embedded_ends_in_words(project: Project, change: dict[str, Any]) -> None:
    project.run()
    (project.folder / "x.png").write_bytes(embedded([STEP | change]))
    told = project.told("x.png")
    assert told.startswith("x.png: this content is not known here")
    assert told.replace("\n", "").isprintable()


def test_a_number_that_json_can_not_say_is_no_provenance(project: Project) -> None:
    project.run()
    endless = embedded([STEP | {"parameters": {"strength": 123456}}]).replace(b"123456", b"1e9999")
    (project.folder / "x.png").write_bytes(endless)
    assert file_json(project.file("x.png"))["says_of_itself"] is None


def test_a_very_long_chain_is_told_in_a_few_columns(project: Project) -> None:
    project.run()
    chain = [STEP | {"sha256": f"{n:064x}", "inputs": {"image": f"{n + 1:064x}"}} for n in range(200)]
    (project.folder / "x.png").write_bytes(embedded(chain, picture=f"{0:064x}"))
    told = file_text(project.file("x.png"))
    assert told.count("wan/expand") == 200
    assert max(map(len, told.splitlines())) < 200


# -- the command


def wanflow(*words: str) -> Any:
    return CliRunner().invoke(main, ["explain", *words])


def test_exit_codes_tell_whether_a_file_is_known(project: Project) -> None:
    project.run()
    assert wanflow("out/a.png").exit_code == 0
    assert wanflow("r.yaml", "a/prep").exit_code == 0
    assert wanflow("nothing.png").exit_code == 1
    for words in (["r.yaml"], ["r.yaml", "x/"], ["none.yaml", "a/"]):
        assert wanflow(*words).exit_code in (64, 65)
    assert "name a job of it: wanflow explain r.yaml 0001/detail" in wanflow("r.yaml").stderr


def test_json_is_as_its_schema_says(project: Project) -> None:
    project.run()
    for words in (["out/a.png"], ["nothing.png"], ["r.yaml", "a/", "run/sheet"], ["photos/a.png"]):
        judged(json.loads(wanflow(*words, "--json").stdout))


def test_without_a_store_nothing_is_known(project: Project) -> None:
    result = wanflow("photos/a.png")
    assert result.exit_code == 64
    assert "there is no .wanflow" in result.stderr


def test_a_file_that_tells_of_itself_needs_no_project(project: Project) -> None:
    (project.folder / "x.png").write_bytes(embedded([STEP], inputs=[{"sha256": "b" * 64, "name": "my.png"}]))
    result = wanflow("x.png")
    assert result.exit_code == 1
    assert "wan/expand for 1/wide of r" in result.stdout
    assert not (project.folder / ".wanflow").exists()


def test_a_moment_is_told_in_utc(project: Project) -> None:
    before = datetime.now(UTC)
    project.run()
    at = project.job("a/prep").result.making.at  # type: ignore[union-attr]
    assert at and at.utcoffset() == before.utcoffset()
    assert (at - before).total_seconds() >= -0.001
