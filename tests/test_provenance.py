"""Ancestry beside and inside of outputs: what it tells, that it is stable, and how it is kept in place."""

from __future__ import annotations

import io
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from PIL import Image
from projects import FIT, Heard, Small, photo, pixels_of, small_project, statuses

from wanflow.api import explain_file
from wanflow.documents.schemas import named
from wanflow.errors import RecipeError
from wanflow.pictures.notes import note_of

PAD = "framed: {uses: local/pad, image: steps.small, with: {top: 4, color: white}}"


def output(ending: str = "png", provenance: str = "sidecar", step: str = "framed") -> str:
    return f'master: {{image: steps.{step}, to: "out/${{{{ row.id }}}}.{ending}", provenance: {provenance}}}'


def project(folder: Path, *outputs: str) -> Small:
    return small_project(folder / "p", steps=(FIT, PAD), outputs=outputs or (output(),))


def judged(text: str) -> dict[str, Any]:
    value = json.loads(text)
    Draft202012Validator(named("provenance"), format_checker=FormatChecker()).validate(value)
    return value


def test_a_sidecar_tells_every_step_back_to_the_photograph(tmp_path: Path) -> None:
    here = project(tmp_path)
    record = here.run()
    told = judged(here.out("1.png.json").read_text())
    last, first = told["steps"]
    assert (last["function"], first["function"]) == ("local/pad", "local/fit")
    assert (last["job"], first["job"]) == ("1/framed", "1/small")
    assert last["parameters"]["top"] == 4
    assert last["inputs"] == {"image": first["sha256"]}
    [photograph] = told["inputs"]
    assert photograph["name"] == "photos/1.png"
    assert first["inputs"] == {"image": photograph["sha256"]}
    assert {step["run"] for step in told["steps"]} == {record.run_id}
    assert all(step["usd"] == 0 and step["made"] and step["backend"] == "local" for step in told["steps"])
    assert record.written == 4
    assert str(tmp_path) not in json.dumps(told)


def test_a_rerun_changes_no_sidecar_and_does_nothing(tmp_path: Path) -> None:
    here = project(tmp_path)
    here.run()
    before = here.outputs()
    stats = {path: path.stat().st_mtime_ns for path in (here.folder / "out").iterdir()}
    os.utime(here.folder / "photos.csv")
    (here.folder / "photos.csv").write_text((here.folder / "photos.csv").read_text() + "\n")
    record = here.run()
    assert record.written == 0
    assert here.outputs() == before
    assert {path: path.stat().st_mtime_ns for path in (here.folder / "out").iterdir()} == stats


def test_two_projects_tell_the_same_but_for_run_and_date(tmp_path: Path) -> None:
    told = []
    for name in ("a", "b"):
        here = project(tmp_path / name)
        here.run()
        text = here.out("2.png.json").read_text()
        value = json.loads(text)
        for step in value["steps"]:
            del step["run"], step["made"]
        told.append(value)
    assert told[0] == told[1]


@pytest.mark.parametrize("harm", ["gone", "edited"])
def test_a_sidecar_that_is_gone_or_edited_is_put_back(tmp_path: Path, harm: str) -> None:
    here = project(tmp_path)
    here.run()
    path = here.out("1.png.json")
    before = path.read_text()
    path.unlink() if harm == "gone" else path.write_text("mine")
    heard = Heard()
    record = here.run(heard)
    assert path.read_text() == before
    assert (record.written, heard.published_paths) == (1, ["out/1.png.json"])
    assert set(statuses(record).values()) <= {"reused"}
    assert bool(heard.kept) == (harm == "edited")


def test_turning_it_on_and_changing_it_republishes_and_runs_no_job(tmp_path: Path) -> None:
    here = project(tmp_path, output(provenance="sidecar").replace(", provenance: sidecar", ""))
    here.run()
    plain = here.outputs()
    text = here.recipe.read_text()
    for provenance, written in (("sidecar", 2), ("embed", 2)):
        here.recipe.write_text(text.replace('.png"}', f'.png", provenance: {provenance}}}'))
        record = here.run()
        assert set(statuses(record).values()) == {"reused"}
        assert record.written == written
        assert here.run().written == 0
    assert {name for name in here.outputs() if name.endswith(".png")} == set(plain)
    assert all(here.out(name).read_bytes() != raw for name, raw in plain.items())


@pytest.mark.parametrize("ending", ["png", "jpg", "webp", "tif"])
def test_embedded_ancestry_is_found_again_and_changes_no_pixel(tmp_path: Path, ending: str) -> None:
    here = project(tmp_path, output(ending, "embed"), output(ending, "embed").replace("master", "bare", 1))
    text = here.recipe.read_text().replace("bare: {", "bare: {").replace(", provenance: embed}", "}")
    lines = text.splitlines()
    lines[-2] = f"  {output(ending, 'embed')}"
    lines[-1] = lines[-1].replace("out/", "out/bare-")
    here.recipe.write_text("\n".join(lines) + "\n")
    here.run()
    raw, bare = here.out(f"1.{ending}").read_bytes(), here.out(f"bare-1.{ending}").read_bytes()
    with Image.open(io.BytesIO(raw)) as image:
        kind = str(image.format)
    told = judged(str(note_of(raw, kind)))
    assert [step["function"] for step in told["steps"]] == ["local/pad", "local/fit"]
    assert note_of(bare, kind) is None
    assert (pixels_of(raw) == pixels_of(bare)).all()
    assert here.run().written == 0


def test_a_text_longer_than_there_is_room_for_leaves_out_the_first_steps(tmp_path: Path) -> None:
    label = "{}: {{uses: local/label, image: {}, with: {{text: {}, at: below}}}}"
    chain = [label.format(f"s{n}", f"steps.s{n - 1}" if n else "row.photo", f"text{n}") for n in range(4)]
    here = small_project(tmp_path / "p", {"1.png": photo(1)}, steps=chain, outputs=(output("jpg", "embed", "s3"),))
    here.run()
    found = explain_file(str(here.out("1.jpg")), here.folder).ancestry
    assert found
    whole = json.loads(found.short(60_000))
    assert (len(whole["steps"]), whole["steps_left_out"]) == (4, 0)
    cut = json.loads(found.short(len(found.short(60_000)) - 500))
    judged(json.dumps(cut))
    assert ([step["job"] for step in cut["steps"]], cut["steps_left_out"]) == (["1/s3", "1/s2"], 2)
    assert (len(whole["inputs"]), cut["inputs"]) == (1, [])
    assert len(found.short(300)) < 300


def test_every_instance_of_a_matrix_and_the_whole_run_have_sidecars(tmp_path: Path) -> None:
    here = small_project(
        tmp_path / "p",
        steps=(
            "small: {uses: local/fit, image: row.photo, matrix: {side: [32,48]}, with: {max_side: '${{matrix.side}}'}}",
            "sheet: {uses: local/contact_sheet, images: steps.small.all, per: run}",
        ),
        outputs=(
            "small: {image: steps.small, to: 'out/${{ row.id }}-${{ matrix.side }}.png', provenance: sidecar}",
            "sheet: {image: steps.sheet, to: out/sheet.png, provenance: sidecar}",
        ),
    )
    here.run()
    told = judged(here.out("sheet.png.json").read_text())
    assert [step["job"] for step in told["steps"]] == [
        "run/sheet",
        "1/small@32",
        "1/small@48",
        "2/small@32",
        "2/small@48",
    ]
    assert list(told["steps"][0]["inputs"].values()) == [step["sha256"] for step in told["steps"][1:]]
    assert judged(here.out("2-48.png.json").read_text())["steps"][0]["parameters"]["max_side"] == 48
    assert here.run().written == 0


def test_a_format_without_metadata_is_refused_once_for_all_rows(tmp_path: Path) -> None:
    here = project(tmp_path, output("bmp", "embed"))
    [problem] = here.plan().problems
    assert problem.message == "a BMP holds no metadata; take another format, or provenance: sidecar"
    assert (problem.rule, problem.row_count) == ("output-path", 2)


def test_a_bmp_takes_a_sidecar(tmp_path: Path) -> None:
    here = project(tmp_path, output("bmp"))
    here.run()
    judged(here.out("1.bmp.json").read_text())


def test_what_else_may_be_said_is_told(tmp_path: Path) -> None:
    here = project(tmp_path, output(provenance="inside"))
    with pytest.raises(RecipeError, match='provenance: "inside" is not known'):
        here.plan()


def test_two_sidecars_of_one_path_are_told_once(tmp_path: Path) -> None:
    here = project(tmp_path, output().replace("${{ row.id }}", "same"))
    assert [problem.message for problem in here.plan().problems] == ['"out/same.png" is also written by row 1']


def test_a_moved_photograph_changes_no_sidecar(tmp_path: Path) -> None:
    here = project(tmp_path)
    here.run()
    before = here.outputs()
    shutil.move(here.folder / "photos", here.folder / "elsewhere")
    rows = (here.folder / "photos.csv").read_text().replace("photos/", "elsewhere/")
    (here.folder / "photos.csv").write_text(rows)
    assert here.run().written == 0
    assert here.outputs() == before


def test_a_photograph_beyond_the_project_is_told_by_its_name_alone(tmp_path: Path) -> None:
    (tmp_path / "home of mine").mkdir()
    (tmp_path / "home of mine" / "x.png").write_bytes(photo(5))
    os.utime(tmp_path / "home of mine" / "x.png", (1_700_000_000, 1_700_000_000))
    here = project(tmp_path)
    (here.folder / "photos.csv").write_text(f"id,photo\n1,{tmp_path}/home of mine/x.png\n")
    here.run(allow_paths=[tmp_path])
    text = here.out("1.png.json").read_text()
    assert [told["name"] for told in judged(text)["inputs"]] == ["x.png"]
    assert "home" not in text


def test_a_sidecar_says_which_prompt_made_an_equal_picture_of_its_own_row(tmp_path: Path) -> None:
    """Two keys made the same bytes; the row's own job is told, not whichever came last."""
    here = small_project(
        tmp_path / "p",
        {"1.png": photo(1)},
        steps=("small: {uses: local/fit, image: row.photo, with: {max_side: 48}}",),
        outputs=(output(step="small"),),
    )
    here.run()
    text = here.recipe.read_text()
    before = here.out("1.png.json").read_text()
    here.recipe.write_text(text.replace("max_side: 48", "max_side: 48, min_side: 1"))
    here.run()
    assert judged(here.out("1.png.json").read_text())["steps"][0]["parameters"]["min_side"] == 1
    here.recipe.write_text(text)
    assert set(statuses(here.run()).values()) == {"reused"}
    assert here.out("1.png.json").read_text() == before
