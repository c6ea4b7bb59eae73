"""Recipes that use recipes: they make what would be made if all was written out by hand, and their parts have names."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from fakes import Fakery, picture
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wanflow import api, picking
from wanflow.api import Wish
from wanflow.language import library
from wanflow.model import Action, Reason
from wanflow.planning.planned import Plan

RESTORE = """wanflow: 1
params:
  upscale: {type: integer, minimum: 1, maximum: 4, default: 2}
  prompt: {type: string}
inputs: {photo: {description: An old photograph.}}
defaults: {seed: 7}
budget: 0
steps:
  colorize: {uses: wan/colorization, image: inputs.photo, with: {prompt: "${{ params.prompt }} of ${{ row.year }}"}}
  detail: {uses: wan/super_resolution, image: steps.colorize, with: {upscale_factor: "${{ params.upscale }}"}}
  framed: {uses: local/composite, image: steps.detail, images: [file:logo.png], with: {gravity: top}}
outputs:
  colour: {image: steps.colorize}
  master: {image: steps.framed}
"""
RECIPE = """wanflow: 1
manifest: {from: rows.csv, types: {year: integer, scale: integer}}
params: {word: {type: string, default: fine}}
steps:
  prep: {uses: local/fit, image: row.photo, with: {min_side: 512, max_side: 600}}
  restore:
    uses: ./parts/restore.yaml
    image: steps.prep
    tags: [old]
    with: {prompt: "${{ params.word }} light", upscale: "${{ row.scale }}"}
  web: {uses: local/fit, image: steps.restore.master, with: {max_side: 500}}
outputs:
  colour: {image: steps.restore.colour, to: "out/${{ row.id }}-colour.png"}
  web: {image: steps.web, to: "out/${{ row.id }}-web.png"}
"""
BY_HAND = """wanflow: 1
manifest: {from: rows.csv, types: {year: integer, scale: integer}}
steps:
  fitted: {uses: local/fit, image: row.photo, with: {min_side: 512, max_side: 600}}
  c: {uses: wan/colorization, image: steps.fitted, with: {prompt: "fine light of ${{ row.year }}", seed: 7}}
  d: {uses: wan/super_resolution, image: steps.c, with: {upscale_factor: "${{ row.scale }}", seed: 7}}
  f: {uses: local/composite, image: steps.d, images: [file:parts/logo.png], with: {gravity: top}}
  w: {uses: local/fit, image: steps.f, with: {max_side: 500}}
outputs:
  colour: {image: steps.c, to: "out/by-hand/${{ row.id }}-colour.png"}
  web: {image: steps.w, to: "out/by-hand/${{ row.id }}-web.png"}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "parts").mkdir()
    (tmp_path / "wanflow.toml").write_text("jobs = 1\n")
    for name in ("a.png", "b.png", "parts/logo.png"):
        (tmp_path / name).write_bytes(picture(name))
    (tmp_path / "rows.csv").write_text("id,photo,year,scale\n0001,a.png,1950,2\n0002,b.png,1980,3\n")
    (tmp_path / "parts" / "restore.yaml").write_text(RESTORE)
    (tmp_path / "r.yaml").write_text(RECIPE)
    return tmp_path


def decided(plan: Plan) -> dict[str, tuple[Action, Reason]]:
    return {f"{row}/{decision.step}": (decision.action, decision.reason) for row, decision in plan.decisions()}


def keys(plan: Plan) -> set[str | None]:
    return {decision.key for _, decision in plan.decisions()}


def test_what_is_written_out_by_hand_has_the_same_keys(project: Path) -> None:
    (project / "by-hand.yaml").write_text(BY_HAND)
    fakery = Fakery()
    plan, record = api.run("r.yaml", fakery.options())
    assert record
    assert plan.problems == []
    assert sorted(decided(plan)) == [
        f"{row}/{step}"
        for row in ("0001", "0002")
        for step in ("prep", "restore.colorize", "restore.detail", "restore.framed", "web")
    ]
    done = len(fakery.asked)
    again, record = api.run("by-hand.yaml", fakery.options())
    assert record
    assert len(fakery.asked) == done
    assert again.totals.run + again.totals.later == 0
    assert {call.parameters["prompt"] for call in fakery.asked if "prompt" in call.parameters} >= {
        "fine light of 1950",
        "fine light of 1980",
    }


def test_a_change_in_a_recipe_that_is_used_is_seen(project: Path) -> None:
    api.run("r.yaml", Fakery().options())
    assert api.plan("r.yaml", Fakery().options()).nothing_to_do
    used = project / "parts" / "restore.yaml"
    used.write_text(RESTORE.replace("gravity: top", "gravity: bottom"))
    plan = api.plan("r.yaml", Fakery().options())
    running = [job for job, (action, _) in decided(plan).items() if action is Action.RUN]
    assert running == ["0001/restore.framed", "0002/restore.framed"]
    assert [decision.changes[0].field for _, decision in plan.decisions() if decision.changes] == ["gravity", "gravity"]
    used.write_text("# a remark\n" + RESTORE)
    assert api.plan("r.yaml", Fakery().options()).nothing_to_do


@pytest.mark.parametrize(
    ("select", "jobs"),
    [
        ("restore", ["colorize", "detail", "framed"]),
        ("restore.detail", ["detail"]),
        ("restore.d*", ["detail"]),
        ("tag:old", ["colorize", "detail", "framed"]),
        ("restore.detail+", ["detail", "framed", "web"]),
        ("+restore,restore.colorize", ["colorize"]),
    ],
)
def test_a_selection_names_all_of_a_recipe_or_a_part(project: Path, select: str, jobs: list[str]) -> None:
    api.run("r.yaml", Fakery().options())
    plan = api.plan("r.yaml", Fakery().options(wish=Wish(select=(f"0001/,{select}" if "," not in select else select,))))
    chosen = [job for job, (_, reason) in decided(plan).items() if reason is not Reason.EXCLUDED and "0001" in job]
    assert [job.rpartition(".")[2].rpartition("/")[2] for job in chosen] == jobs


def test_until_a_recipe_is_until_all_of_it(project: Path) -> None:
    plan = api.plan("r.yaml", Fakery().options(wish=Wish(until="restore")))
    left_out = {job for job, (_, reason) in decided(plan).items() if reason is Reason.EXCLUDED}
    assert left_out == {"0001/web", "0002/web"}


@pytest.mark.parametrize("otherwise", ["skip", "bypass"])
def test_a_condition_decides_for_all_of_a_recipe(project: Path, otherwise: str) -> None:
    guarded = RECIPE.replace("    tags: [old]\n", f"    when: row.year < 1965\n    otherwise: {otherwise}\n")
    (project / "r.yaml").write_text(guarded)
    plan, record = api.run("r.yaml", Fakery().options())
    assert record
    reason = {"skip": Reason.SKIPPED, "bypass": Reason.BYPASSED}[otherwise]
    of_second = {job.partition("/")[2]: reasons for job, (_, reasons) in decided(plan).items() if job[:4] == "0002"}
    assert [of_second[f"restore.{step}"] for step in ("colorize", "detail", "framed")] == [reason] * 3
    assert (of_second["web"] is Reason.SKIPPED) == (otherwise == "skip")
    made = {path.name for path in (project / "out").iterdir()}
    bypassed = {"0002-colour.png", "0002-web.png"} if otherwise == "bypass" else set()
    assert made == {"0001-colour.png", "0001-web.png"} | bypassed
    assert api.plan("r.yaml", Fakery().options()).nothing_to_do


def test_a_bypassed_recipe_hands_its_input_on_whatever_is_bypassed_in_it(project: Path) -> None:
    inner = RESTORE.replace("with: {upscale_factor", "when: row.year > 1960, otherwise: bypass, with: {upscale_factor")
    (project / "parts" / "restore.yaml").write_text(inner)
    (project / "r.yaml").write_text(
        RECIPE.replace("    tags: [old]\n", "    when: row.year < 1965\n    otherwise: bypass\n")
    )
    fakery = Fakery()
    api.run("r.yaml", fakery.options())
    made_from = {call.function: {slot: digest for slot, (_, digest) in call.inputs.items()} for call in fakery.asked}
    [colour] = [call for call in fakery.asked if call.function == "wan/colorization"]
    assert "wan/super_resolution" not in made_from  # neither of the two rows meets both conditions
    assert colour.parameters["prompt"] == "fine light of 1950"
    assert api.plan("r.yaml", fakery.options()).nothing_to_do


def test_a_matrix_uses_a_recipe_many_times(project: Path) -> None:
    (project / "r.yaml").write_text(
        """wanflow: 1
manifest: {from: rows.csv, types: {year: integer}}
steps:
  restore:
    uses: ./parts/restore.yaml
    inputs: {photo: row.photo}
    matrix: {light: {warm: warm light, cold: cold light}}
    with: {prompt: "${{ matrix.light }}"}
  sheet: {uses: wan/i2i, images: steps.restore.master.all, model: wan2.6-image, per: run, with: {prompt: all}}
  both: {uses: local/compare, images: [steps.restore@warm.master, steps.restore@cold.master]}
outputs:
  master: {image: steps.restore.master, to: "out/${{ row.id }}-${{ matrix.light }}.png"}
  colour: {image: steps.restore@warm.colour, to: "out/${{ row.id }}-${{ matrix.light }}-colour.png"}
  sheet: {image: steps.sheet, to: out/sheet.png}
"""
    )
    fakery = Fakery()
    api.run("r.yaml", fakery.options())
    of_first = [job for job in decided(api.plan("r.yaml", fakery.options())) if job.startswith("0001")]
    assert of_first == [
        *(f"0001/restore@{light}.{step}" for light in ("warm", "cold") for step in ("colorize", "detail", "framed")),
        "0001/both",
    ]
    [sheet] = [call for call in fakery.asked if call.function == "wan/i2i"]
    assert len(sheet.inputs) == 4
    assert {path.name for path in (project / "out").iterdir()} == {
        *(f"{row}-{light}.png" for row in ("0001", "0002") for light in ("warm", "cold")),
        *(f"{row}-warm-colour.png" for row in ("0001", "0002")),
        "sheet.png",
    }
    plan = api.plan("r.yaml", fakery.options(wish=Wish(select=("0001/restore@warm",))))
    assert sum(reason is not Reason.EXCLUDED for _, reason in decided(plan).values()) == 3


def test_a_recipe_may_gather_what_it_is_given(project: Path) -> None:
    (project / "parts" / "sheet.yaml").write_text(
        """wanflow: 1
params: {prompt: {type: string, default: all}}
inputs: {photos: {}}
steps:
  sheet:
    {uses: wan/i2i, images: inputs.photos.all, model: wan2.6-image, per: run, with: {prompt: "${{ params.prompt }}"}}
outputs: {sheet: {image: steps.sheet, to: sheet.png}}
"""
    )
    (project / "r.yaml").write_text(
        """wanflow: 1
manifest: {from: rows.csv}
steps:
  page: {uses: ./parts/sheet.yaml, image: steps.fit.all}
  fit: {uses: local/fit, image: row.photo, with: {max_side: 520}}
outputs: {page: {image: steps.page, to: out/page.png}}
"""
    )
    fakery = Fakery()
    plan, _ = api.run("r.yaml", fakery.options())
    assert list(decided(plan)) == ["0001/fit", "0002/fit", "run/page.sheet"]
    assert [len(call.inputs) for call in fakery.asked if call.function == "wan/i2i"] == [2]
    assert (project / "out" / "page.png").is_file()


def test_a_recipe_for_reuse_runs_by_itself_with_its_defaults(project: Path) -> None:
    (project / "parts" / "alone.yaml").write_text(
        RESTORE.replace("photo: {", "photo: {default: row.photo, ")
        .replace("steps:\n", "manifest: {from: ../rows.csv}\nsteps:\n")
        .replace("steps.framed}", 'steps.framed, to: "out/${{ row.id }}.png"}')
        .replace("steps.colorize}", 'steps.colorize, to: "out/${{ row.id }}-colour.png"}')
    )
    plan = api.plan("parts/alone.yaml", Fakery().options(params={"prompt": "fine light"}))
    assert plan.problems == []
    assert [job for job in decided(plan) if "0001" in job] == ["0001/colorize", "0001/detail", "0001/framed"]


def test_paths_start_at_the_file_that_names_them(project: Path) -> None:
    (project / "parts" / "marked.yaml").write_text(
        """wanflow: 1
params: {logo: {type: string, default: logo.png}}
inputs: {photo: {}}
steps: {marked: {uses: local/composite, image: inputs.photo, images: [params.logo]}}
outputs: {marked: {image: steps.marked}}
"""
    )
    recipe = """wanflow: 1
manifest: {{from: rows.csv}}
params: {{mark: {{type: string, default: b.png}}}}
steps:
  own: {{uses: ./parts/marked.yaml, image: row.photo}}
  given: {{uses: ./parts/marked.yaml, image: row.photo, with: {{logo: {given}}}}}
"""
    contents = {picture(name): name for name in ("a.png", "b.png", "parts/logo.png")}
    for written in ("b.png", '"${{ params.mark }}"'):
        (project / "r.yaml").write_text(recipe.format(given=written))
        fakery = Fakery()
        api.run("r.yaml", fakery.options(force=True))
        marks = [contents[Path(call.inputs["images.0"][0]).read_bytes()] for call in fakery.asked]
        assert sorted(set(marks)) == ["b.png", "parts/logo.png"]


def test_a_value_is_not_looked_for_in_a_recipe_beyond_reach(tmp_path: Path, project: Path) -> None:
    (project / "inner").mkdir()
    (project / "inner" / "wanflow.toml").write_text("")
    (project / "inner" / "r.yaml").write_text(RECIPE.replace("./parts", "../parts"))
    (project / "inner" / "rows.csv").write_text("id,photo,year,scale\n0001,a.png,1950,2\n")
    (project / "inner" / "a.png").write_bytes(picture("a"))
    with pytest.raises(api.RecipeError, match="outside the project's folder; if that is meant, say --allow-path"):
        api.plan("inner/r.yaml")
    assert api.plan("inner/r.yaml", api.Options(allow_paths=[project / "parts"])).problems == []


CLEAN = """wanflow: 1
inputs: {photo: {}}
steps:
  clean:
    uses: wan/description_edit
    image: inputs.photo
    candidates: 3
    pick: {by: hand}
    with: {prompt: clean it}
  large: {uses: wan/super_resolution, image: steps.clean}
outputs: {large: {image: steps.large}, every: {image: steps.clean}}
"""


def test_a_choice_within_a_recipe_is_made_by_its_address(project: Path) -> None:
    (project / "parts" / "clean.yaml").write_text(CLEAN)
    (project / "r.yaml").write_text(
        """wanflow: 1
manifest: {from: rows.csv}
steps:
  tidy: {uses: ./parts/clean.yaml, image: row.photo}
  page: {uses: local/contact_sheet, images: steps.tidy.every.all}
outputs: {large: {image: steps.tidy.large, to: "out/${{ row.id }}.png"}}
"""
    )
    fakery = Fakery()
    _, record = api.run("r.yaml", fakery.options())
    assert record
    assert record.exit_code == 4
    assert record.open_picks == {"tidy.clean": 2}
    assert [len(call.inputs) for call in fakery.asked if call.function == "local/contact_sheet"] == [3, 3]
    picking.pick("r.yaml", ["0001/tidy.clean#2"], fakery.options())
    fakery.steps()
    api.run("r.yaml", fakery.options())
    assert fakery.steps() == ["wan/super_resolution"]
    assert [path.name for path in (project / "out").iterdir()] == ["0001.png"]


def test_what_runs_told_of_is_selected_like_what_is_planned(project: Path) -> None:
    (project / "r.yaml").write_text(
        RECIPE.replace("    tags: [old]\n", "    matrix: {at: [0.4, 0.7]}\n")
        .replace("steps.restore.master", "steps.restore@0.7.master")
        .replace("steps.restore.colour", "steps.restore@0.4.colour")
    )
    _, record = api.run("r.yaml", Fakery().options())
    assert record
    for select in (
        "restore",
        "restore@0.4",
        "restore.detail",
        "restore@0.4.detail",
        "0001/restore",
        "restore@*.framed",
    ):
        plan = api.plan("r.yaml", Fakery().options(wish=Wish(select=(select,))))
        planned = {job for job, (_, reason) in decided(plan).items() if reason is not Reason.EXCLUDED}
        told = {outcome["job"] for run in api.status(select=[select]).runs for outcome in run["outcomes"]}
        assert planned == told, select


# -- hostile ones


def test_recipes_that_multiply_are_refused_before_they_are_made(project: Path) -> None:
    (project / "f0.yaml").write_text(
        json.dumps({"wanflow": 1, "steps": {"a": {"uses": "wan/t2i", "with": {"prompt": "x"}}}})
    )
    for level in range(1, 8):
        many = {f"s{number}": {"uses": f"./f{level - 1}.yaml"} for number in range(100)}
        (project / f"f{level}.yaml").write_text(json.dumps({"wanflow": 1, "steps": many}))
    with pytest.raises(api.RecipeError, match="there are 10,000 steps; at most 1,000 are planned"):
        api.plan("f7.yaml")


def test_values_that_multiply_are_refused(project: Path) -> None:
    names = [f"p{number}" for number in range(20)]
    params = {name: {"type": "string", "default": ""} for name in names}
    every = "".join(f"${{{{ params.{name} }}}}" for name in names)
    last = {"a": {"uses": "wan/t2i", "with": {"prompt": every + "x"}}}
    (project / "f0.yaml").write_text(json.dumps({"wanflow": 1, "params": params, "steps": last}))
    for level in range(1, 7):
        step = {"uses": f"./f{level - 1}.yaml", "with": dict.fromkeys(names, every)}
        (project / f"f{level}.yaml").write_text(json.dumps({"wanflow": 1, "params": params, "steps": {"a": step}}))
    with pytest.raises(api.RecipeError, match="hands on over 200 expressions"):
        api.plan("f6.yaml")


def test_files_are_limited_together(project: Path) -> None:
    steps = {"a": {"uses": "wan/t2i", "with": {"prompt": "x"}}}
    for number in range(library.MAX_FILES + 1):
        (project / f"f{number}.yaml").write_text(json.dumps({"wanflow": 1, "steps": steps}))
    many = {f"s{number}": {"uses": f"./f{number}.yaml"} for number in range(library.MAX_FILES + 1)}
    (project / "r.yaml").write_text(json.dumps({"wanflow": 1, "steps": many}))
    with pytest.raises(api.RecipeError, match="may use 40 files at most"):
        api.plan("r.yaml")
    (project / "f1.yaml").write_text(json.dumps({"wanflow": 1, "description": "x" * 990_000, "steps": steps}))
    (project / "r.yaml").write_text(json.dumps({"wanflow": 1, "steps": {n: many[n] for n in ("s1", "s2")}}))
    assert api.plan("r.yaml", Fakery().options()).problems == []
    (project / "f2.yaml").write_text(json.dumps({"wanflow": 1, "description": "x" * 20_000, "steps": steps}))
    with pytest.raises(api.RecipeError, match=r"20,\d+ bytes; at most \d,\d+ are read"):
        api.plan("r.yaml")


# -- nested at random


@st.composite
def nested(draw: st.DrawFn, depth: int = 0) -> dict[str, Any]:
    """A recipe with one input and one parameter: functions in a row, or other recipes like it."""
    steps: dict[str, Any] = {}
    for number in range(draw(st.integers(1, 3))):
        source = f"steps.s{number - 1}" if number else "inputs.photo"
        word = draw(st.sampled_from(["red", "${{ params.word }}", "${{ row.words }} ${{ params.word }}"]))
        step: dict[str, Any] = {"image": source, "with": {"word": word}}
        if draw(st.booleans()):
            step["when"] = draw(st.sampled_from(["row.flag", "params.word == 'red'", "row.words == 'blue'"]))
            step["otherwise"] = draw(st.sampled_from(["skip", "bypass"]))
        step["uses"] = draw(nested(depth + 1)) if depth < 3 and draw(st.booleans()) else "wan/colorization"
        steps[f"s{number}"] = step
    return steps


def files(steps: dict[str, Any], folder: Path, name: str = "r") -> str:
    """Write a recipe and those that it uses; the name of its file."""
    written = {}
    for step, entry in steps.items():
        function = isinstance(entry["uses"], str)
        uses = entry["uses"] if function else files(entry["uses"], folder, f"{name}-{step}")
        given = {"prompt": entry["with"]["word"]} if function else entry["with"]
        written[step] = {**entry, "uses": uses, "with": given}
    recipe = {
        "wanflow": 1,
        "manifest": {"from": "rows.jsonl"},
        "params": {"word": {"type": "string", "default": "red"}},
        "inputs": {"photo": {"default": "row.photo"}},
        "steps": written,
        "outputs": {"last": {"image": f"steps.{list(steps)[-1]}", "to": "out/${{ row.id }}.png"}},
    }
    (folder / f"{name}.yaml").write_text(json.dumps(recipe))
    return f"./{name}.yaml"


def value(template: str, word: str, row: dict[str, Any]) -> str:
    return template.replace("${{ params.word }}", word).replace("${{ row.words }}", row["words"])


def truth(condition: str, word: str, row: dict[str, Any]) -> bool:
    return {"row.flag": row["flag"], "params.word == 'red'": word == "red"}.get(condition, row["words"] == "blue")


def by_hand(
    steps: dict[str, Any], row: dict[str, Any], word: str = "red", picture: str = "photo"
) -> list[tuple[str, str]]:
    """What a recipe comes to for a row: pairs of what is taken and the prompt, and at last what it shows."""
    made: list[tuple[str, str]] = []
    for entry in steps.values():
        if picture == "none":
            break
        if not truth(entry.get("when", "row.flag"), word, row) and "when" in entry:
            picture = picture if entry["otherwise"] == "bypass" else "none"
            continue
        given = value(entry["with"]["word"], word, row)
        if isinstance(entry["uses"], str):
            made.append((picture, given))
            picture = f"{picture}>{given}"
        else:
            *inner, (picture, _) = by_hand(entry["uses"], row, given, picture)
            made += inner
    return [*made, (picture, "")]


ROW = st.fixed_dictionaries({"words": st.sampled_from(["red", "blue"]), "flag": st.booleans()})


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(nested(), st.lists(ROW, min_size=1, max_size=2))
def test_however_deep_recipes_use_recipes_the_keys_are_those_of_one(
    steps: dict[str, Any], rows: list[dict[str, Any]]
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "photo.png").write_bytes(picture("photo"))
        lines = [json.dumps({"id": f"r{number}", "photo": "photo.png", **row}) for number, row in enumerate(rows)]
        (folder / "rows.jsonl").write_text("\n".join(lines))
        files(steps, folder)
        fakery = Fakery()
        plan, record = api.run(folder / "r.yaml", fakery.options())
        assert record
        assert plan.problems == []
        flat: dict[str, Any] = {}
        names: dict[str, str] = {"photo": "row.photo"}
        for row in rows:
            for taken, prompt in by_hand(steps, row)[:-1]:
                if f"{taken}>{prompt}" not in names:
                    names[f"{taken}>{prompt}"] = f"steps.f{len(flat)}"
                    flat[f"f{len(flat)}"] = {
                        "uses": "wan/colorization",
                        "image": names[taken],
                        "with": {"prompt": prompt},
                    }
        assert len(fakery.asked) == len(flat)
        if flat:
            (folder / "flat.yaml").write_text(
                json.dumps({"wanflow": 1, "manifest": {"from": "rows.jsonl"}, "steps": flat})
            )
            assert api.plan(folder / "flat.yaml", fakery.options()).totals.reuse == len(flat) * len(rows)
        shown = {f"r{number}.png" for number, row in enumerate(rows) if by_hand(steps, row)[-1][0] != "none"}
        assert {path.name for path in folder.glob("out/*")} == shown
        assert api.plan(folder / "r.yaml", fakery.options()).nothing_to_do


def test_a_matrix_is_taken_over_by_steps_and_used_recipes_instance_by_instance(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("id,photo\n0001,a.png\n")
    (tmp_path / "a.png").write_bytes(picture("a"))
    (tmp_path / "part.yaml").write_text(
        "wanflow: 1\ninputs: {photo: {default: row.photo}}\nparams: {side: {type: integer, default: 300}}\nsteps:\n"
        '  fit: {uses: local/fit, image: inputs.photo, with: {max_side: "${{ params.side }}"}}\n'
        "outputs:\n  small: {image: steps.fit}\n"
    )
    side = 'with: {side: "${{ matrix.side }}"}'
    (tmp_path / "r.yaml").write_text(
        "wanflow: 1\nmanifest: {from: rows.csv}\nsteps:\n"
        f"  part: {{uses: ./part.yaml, image: row.photo, matrix: {{side: [100, 200]}}, {side}}}\n"
        '  more: {uses: local/fit, image: steps.part, matrix: steps.part, with: {max_side: "${{ matrix.side }}"}}\n'
        f"  again: {{uses: ./part.yaml, image: steps.more, matrix: steps.part, {side}}}\n"
        "  last: {uses: local/fit, image: steps.again.small, matrix: steps.more, exclude: [{side: 100}],"
        " with: {max_side: 50}}\n"
        'outputs:\n  last: {image: steps.last, to: "out/${{ row.id }}-${{ matrix.side }}.png"}\n'
    )
    recipe = api.check(tmp_path / "r.yaml").recipe
    assert {step.id: str(next(iter(step.inputs.values()))) for step in recipe.steps} == {
        "part@100.fit": "row.photo",
        "part@200.fit": "row.photo",
        "more@100": "steps.part@100.fit",
        "more@200": "steps.part@200.fit",
        "again@100.fit": "steps.more@100",
        "again@200.fit": "steps.more@200",
        "last@200": "steps.again@200.fit",
    }
    assert [output.name for output in recipe.outputs] == ["last@200"]
