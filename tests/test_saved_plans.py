"""What was approved is what runs: less is fine, anything else is refused and named, and only once."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from fakes import picture
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from projects import Heard
from reviewed import Reviewed, reviewed_project

from wanflow import api, reviewing
from wanflow.cli import main
from wanflow.documents.schemas import load
from wanflow.errors import RefusedError, StoreError, UsageError, WanflowError, unwritable
from wanflow.model import Status
from wanflow.planning.saved import Saved, is_saved, read
from wanflow.record import RunRecord
from wanflow.settings import state_folder


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reviewed:
    project = reviewed_project(tmp_path / "p")
    monkeypatch.chdir(project.folder)
    return project


def save(project: Reviewed, file: str = "plan.json", **more: Any) -> Saved:
    _, saved = reviewing.save(project.recipe, project.options(**more))
    (project.folder / file).write_text("".join(saved.text()), encoding="utf-8")
    return saved


def given_options(project: Reviewed, **more: Any) -> api.Options:
    return api.Options(backends=project.options().backends, **more)


def run(project: Reviewed, file: str = "plan.json", **more: Any) -> RunRecord:
    _, record = reviewing.run_saved(file, given_options(project, **more), listener=Heard())
    assert record
    return record


def refused(project: Reviewed, file: str = "plan.json") -> list[str]:
    """What a run of the plan is refused for, without the first and last line; nothing was asked for."""
    with pytest.raises(RefusedError) as caught:
        run(project, file)
    assert project.fakery.asked == []
    first, *lines, last = str(caught.value).splitlines()
    assert first == f"nothing was started: {file} is not what would be done now"
    assert last == "Make a new plan."
    return [line.strip() for line in lines]


def test_what_was_approved_runs_and_only_once(project: Reviewed) -> None:
    save(project)
    record = run(project)
    assert (record.exit_code, record.counts()[Status.DONE]) == (0, 9)
    (project.folder / "out" / "0001.png").unlink()
    with pytest.raises(RefusedError, match=r"plan\.json was run already, as 2\d+T\d+Z-\w+\. .* make a new plan"):
        run(project)
    assert not (project.folder / "out" / "0001.png").exists()


def test_with_the_project_made_anew_the_account_remembers_the_plan(project: Reviewed) -> None:
    save(project)
    run(project)
    shutil.rmtree(project.folder / ".wanflow")
    project.fakery.asked.clear()
    with pytest.raises(RefusedError, match=r"was run already with this account\. What it made is kept"):
        run(project)
    assert project.fakery.asked == []


def test_a_run_that_could_not_start_has_not_used_the_plan(project: Reviewed) -> None:
    save(project)
    in_the_way = state_folder() / "accounts"
    in_the_way.parent.mkdir(parents=True, exist_ok=True)
    in_the_way.write_text("")
    with pytest.raises(StoreError, match="the ledger of paid tasks in"):
        run(project)
    assert project.fakery.asked == []
    in_the_way.unlink()
    assert run(project).exit_code == 0


def test_a_run_that_the_account_refuses_is_not_told_as_one_that_was(project: Reviewed) -> None:
    save(project)
    run(project)
    shutil.rmtree(project.folder / ".wanflow")
    for _ in range(2):
        with pytest.raises(RefusedError, match=r"plan\.json was run already with this account"):
            run(project)


def test_a_plan_that_was_run_says_how_to_go_on_without_paying_again(project: Reviewed) -> None:
    project.change("steps:\n", "params: {look: {type: string, default: faded}}\nsteps:\n")
    save(project, params={"look": "a b"}, wish=api.Wish(select=("0001/",)), out=Path("made"), force=True)
    run(project, force=True)
    with pytest.raises(RefusedError) as caught:
        run(project, force=True, allow_hosts=("10.0.0.1",))
    go_on = "wanflow run r.yaml -p 'look=a b' --out made --backend dashscope -s 0001/ --allow-host 10.0.0.1 ("
    assert f"fetched, not paid again, by the next run: {go_on}" in str(caught.value)  # and not with --force


def test_with_half_of_it_done_the_rest_runs(project: Reviewed) -> None:
    save(project)
    project.run(wish=api.Wish(select=("0001/", "0002/colour")))
    project.fakery.asked.clear()
    record = run(project)
    assert (record.counts()[Status.DONE], record.counts()[Status.REUSED]) == (5, 4)
    assert sorted(project.fakery.steps()) == ["local/resize"] * 2 + ["wan/colorization"] + ["wan/i2i"] * 2


def test_of_a_plan_that_is_done_already_nothing_is_left(project: Reviewed) -> None:
    save(project)
    project.run()
    assert run(project).counts()[Status.REUSED] == 9


def test_a_changed_photo_is_refused_naming_its_row(project: Reviewed) -> None:
    save(project)
    (project.folder / "b.png").write_bytes(picture("another"))
    first, rest = refused(project)
    assert first.startswith("0002/colour: image: ")
    assert rest == "2 jobs take what these make"


def test_a_changed_prompt_is_refused_with_what_changed(project: Reviewed) -> None:
    save(project)
    project.change("green hills", "red hills", "photos.csv")
    assert refused(project) == ['0002/colour: prompt: "green hills" → "red hills"', "2 jobs take what these make"]


def test_a_new_row_is_refused(project: Reviewed) -> None:
    save(project)
    project.change("0003,c.png,a red house\n", "0003,c.png,a red house\n0004,c.png,a blue house\n", "photos.csv")
    told = refused(project)
    assert [line for line in told if "0004" in line] == [
        "0004/colour is not in the plan",
        "0004/fused is not in the plan",
        "0004/small is not in the plan",
        "out/0004.png would be written, and was not in the plan",
    ]
    assert any(line.startswith("it may cost $") for line in told)


def test_a_row_that_is_gone_is_less_and_runs(project: Reviewed) -> None:
    save(project)
    project.change("0003,c.png,a red house\n", "", "photos.csv")
    assert run(project).counts()[Status.DONE] == 6


def test_equal_work_of_a_row_that_is_gone_is_still_approved(project: Reviewed) -> None:
    project.change("0003,c.png,a red house\n", "0003,b.png,green hills\n", "photos.csv")
    save(project)
    project.change("0002,b.png,green hills\n", "", "photos.csv")
    assert run(project).exit_code == 0


def test_another_output_path_is_refused(project: Reviewed) -> None:
    save(project)
    project.change("out/${{ row.id }}.png", "made/${{ row.id }}.png")
    assert refused(project) == [f"made/000{n}.png would be written, and was not in the plan" for n in (1, 2, 3)]


def test_a_higher_price_is_refused(project: Reviewed) -> None:
    save(project)
    text = 'jobs = 2\n[dashscope.models."wanx2.1-imageedit"]\nprice_usd = 0.03\n'
    (project.folder / "wanflow.toml").write_text(text)
    assert refused(project) == [
        "an image of wanx2.1-imageedit costs $0.03 now, and $0.02007 in the plan",
        "it may cost $0.176013 now, and $0.146223 in the plan",
    ]


def test_a_run_pays_at_most_what_was_approved(project: Reviewed, monkeypatch: pytest.MonkeyPatch) -> None:
    saved = save(project)
    caps = []
    monkeypatch.setattr("wanflow.executing.Budget", lambda cap: caps.append(cap) or Budget(cap))
    from wanflow.limits.budget import Budget

    run(project)
    assert caps == [saved.usd_worst]


@pytest.mark.parametrize("most", ["0.01", "0.05"])
def test_a_plan_that_has_no_room_in_max_cost_starts_nothing_and_stays_unused(project: Reviewed, most: str) -> None:
    saved = save(project)
    assert saved.usd_worst is not None
    assert saved.usd_worst > Decimal("0.05")
    told = rf"nothing was started: plan\.json may cost .*, and --max-cost is .{most}; raise it"
    with pytest.raises(RefusedError, match=told):
        run(project, max_cost=Decimal(most))
    assert project.fakery.asked == []
    assert run(project, max_cost=saved.usd_worst).exit_code == 0


def _whole(text: str) -> float:
    return int(float(text)) if text.endswith(".0") else float(text)


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("is_sorted", [True, False])
def test_a_plan_that_another_program_laid_out_anew_is_the_same_plan(
    project: Reviewed, bom: bytes, is_sorted: bool
) -> None:
    save(project)
    file = project.folder / "plan.json"
    content = json.loads(file.read_text(), parse_float=_whole)
    file.write_bytes(bom + json.dumps(content, sort_keys=is_sorted, indent=2).encode())
    assert is_saved(file)
    assert run(project).exit_code == 0


def test_a_plan_of_another_version_is_told_as_one(project: Reviewed) -> None:
    save(project)
    changed(project, lambda plan: plan.update(format_version=2))
    result = CliRunner().invoke(main, ["run", "plan.json"])
    assert result.exit_code == 64
    assert "plan.json was made by another version of wanflow: it has format_version 2, and this one" in result.stderr
    assert "Make the plan anew" in result.stderr


@pytest.mark.parametrize("text", ['{"wanflow": 1, "saved_plan": 1, "jobs": []}', '{"saved_plan": ', '["saved_plan"]'])
def test_what_only_speaks_of_a_saved_plan_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "r.json").write_text(text)
    assert not is_saved(tmp_path / "r.json")


PREPARED = """\
wanflow: 1
manifest: {from: photos.csv}
steps:
  prep: {uses: local/resize, image: row.photo, with: {width: 600}}
  colour: {uses: wan/colorization, image: steps.prep, with: {prompt: "${{ row.id }}"}}
outputs: {card: {image: steps.colour, to: "out/${{ row.id }}.png"}}
"""


def test_a_photo_replaced_by_that_of_another_row_is_named(project: Reviewed) -> None:
    project.recipe.write_text(PREPARED)
    save(project)
    (project.folder / "b.png").write_bytes((project.folder / "a.png").read_bytes())
    first, rest = refused(project)
    assert first.startswith("0002/prep: image: ")
    assert "b.png" in first
    assert rest == "1 job takes what these make"


def test_the_file_of_a_plan_is_where_a_folder_is_and_takes_no_other_files_place(project: Reviewed) -> None:
    def keep(file: str) -> tuple[int, str]:
        result = CliRunner().invoke(main, ["plan", "r.yaml", "-o", file])
        return result.exit_code, result.stderr

    assert keep("no/where/plan.json") == (64, "wanflow: -o: there is no folder no/where; make it first\n")
    assert not (project.folder / "no").exists()
    (project.folder / "mine.json").write_text("{}")
    assert keep("mine.json") == (
        64,
        "wanflow: -o: mine.json is there already and is no plan; move it away, or give the plan another name\n",
    )
    assert (project.folder / "mine.json").read_text() == "{}"
    assert [keep("plan.json")[0] for _ in range(2)] == [0, 0]


def test_a_full_disk_here_is_told_as_this_folder() -> None:
    full = OSError(errno.ENOSPC, "No space left on device")
    assert unwritable(Path("plan.json").parent, full).startswith("this folder has no room left (No space left on")


def test_another_model_is_refused(project: Reviewed) -> None:
    save(project)
    project.change("wan2.5-i2i-preview", "wan2.6-image")
    told = refused(project)
    assert "0001/fused: model: wan2.5-i2i-preview → wan2.6-image" in told


def test_steps_that_are_renamed_and_texts_that_are_laid_out_anew_change_nothing(project: Reviewed) -> None:
    save(project)
    project.change("colour: {uses", "tint: {uses")
    project.change("[steps.colour]", "[steps.tint]")
    project.change("manifest: {from: photos.csv}", "manifest:\n  from: photos.csv  # as ever")
    assert run(project).exit_code == 0


def test_a_plan_runs_in_another_checkout(project: Reviewed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(project)
    other = tmp_path / "elsewhere" / "q"
    shutil.copytree(project.folder, other, ignore=shutil.ignore_patterns(".wanflow"))
    for photo in other.glob("*.png"):
        os.utime(photo)
    monkeypatch.chdir(other)
    assert run(Reviewed(other, project.fakery)).exit_code == 0


def test_what_a_plan_was_made_with_is_kept(project: Reviewed) -> None:
    project.change("steps:\n", "params: {look: {type: string, default: faded}}\nsteps:\n")
    project.change("faded ink", "${{ params.look }} ink")
    save(project, params={"look": "bright"}, wish=api.Wish(select=("0001/",)), out=Path("made"))
    assert run(project).counts()[Status.DONE] == 3
    assert (project.folder / "made" / "out" / "0001.png").is_file()
    with pytest.raises(UsageError, match="leave out params, the selection, or plan anew"):
        run(project, params={"look": "dim"}, wish=api.Wish(select=("0002/",)))


def test_a_plan_needs_no_key_but_its_run_does(project: Reviewed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DASHSCOPE_API_KEY", raising=False)
    _, saved = reviewing.save(project.recipe, api.Options(backend="dashscope"))
    (project.folder / "plan.json").write_text("".join(saved.text()))
    with pytest.raises(UsageError, match="DASHSCOPE_API_KEY"):
        reviewing.run_saved("plan.json", api.Options())
    assert not (project.folder / ".wanflow" / "plans").exists()  # so it may still be run


def test_a_file_has_no_secret_and_no_path_of_the_machine(project: Reviewed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASHSCOPE_API_KEY", "sk-very-secret-0123456789")
    save(project, allow_paths=(Path("/srv/pictures"),), allow_hosts=("10.0.0.1",))
    text = (project.folder / "plan.json").read_text()
    assert not any(part in text for part in ("secret", str(project.folder), "/srv", "/home", "10.0.0.1"))
    Draft202012Validator(load("saved-plan.schema.json")).validate(json.loads(text))


def test_two_plans_of_one_state_differ_only_in_their_number(project: Reviewed) -> None:
    one, other = (list(save(project, file).text()) for file in ("a.json", "b.json"))
    differing = [(a, b) for a, b in zip("".join(one).splitlines(), "".join(other).splitlines(), strict=True) if a != b]
    assert 1 <= len(differing) <= 2  # and when it was made
    assert all("saved_plan" in line or "made" in line for pair in differing for line in pair)


@pytest.mark.parametrize(
    "wish", [{"params": {"look": "/etc/a.png"}}, {"out": Path("/srv/x")}, {"manifest": Path("../m.csv")}]
)
def test_what_lies_beyond_the_project_is_not_saved(project: Reviewed, wish: dict[str, Any]) -> None:
    (project.folder.parent / "m.csv").write_text((project.folder / "photos.csv").read_text())
    shutil.copy(project.folder / "a.png", project.folder.parent)
    project.change("steps:\n", "params: {look: {type: string, default: faded}}\nsteps:\n")
    with pytest.raises(WanflowError, match=r"plan's file|no such file"):
        save(project, **wish)


# -- from strangers


def changed(project: Reviewed, change: Callable[[dict[str, Any]], Any]) -> None:
    content = json.loads((project.folder / "plan.json").read_text())
    change(content)
    (project.folder / "plan.json").write_text(json.dumps(content))


HOSTILE: list[tuple[Callable[[dict[str, Any]], Any], str]] = [
    (lambda plan: plan.update(recipe="/etc/passwd"), "recipe must be a path within the project's folder"),
    (lambda plan: plan.update(recipe="../r.yaml"), "recipe must be a path within the project's folder"),
    (lambda plan: plan["options"].update(out="/srv/x"), "out must be a path within"),
    (lambda plan: plan["options"].update(manifest="a/../../m.csv"), "manifest must be a path within"),
    (lambda plan: plan.update(saved_plan="../../x"), "saved_plan: "),
    (lambda plan: plan.update(base_url="https://evil.example"), "base_url is not known"),
    (lambda plan: plan["options"].update(base_url="https://evil.example"), "options.base_url is not known"),
    (lambda plan: plan["options"].update(allow_paths=["/"]), "options.allow_paths is not known"),
    (lambda plan: plan["totals"].update(usd_worst=-1), "usd_worst must be"),
    (lambda plan: plan["totals"].update(usd_worst=None), "totals.usd_worst is missing"),
    (lambda plan: plan.update(jobs={}), "it has no list of jobs"),
    (lambda plan: plan["jobs"].append(7), "jobs[9]: it names no job"),
    (lambda plan: plan["jobs"][0].update(inputs={"image": 1}), "jobs[0]: inputs are no digests"),
    (lambda plan: plan["jobs"][0].pop("parameters"), "jobs[0]: parameters is missing"),
    (lambda plan: plan["jobs"][0].update(take="x"), "jobs[0]: take is neither null nor a name and how many seeds"),
    (lambda plan: plan["jobs"][0].update(take=["x", True]), "jobs[0]: take is neither null"),
    (lambda plan: plan["jobs"][0].update(chosen={"image": 5}), "jobs[0]: chosen are no digests"),
    (lambda plan: plan["jobs"][0].update(chosen={"image": ["5"]}), "jobs[0]: chosen are no digests"),
]


@pytest.mark.parametrize(("change", "complaint"), HOSTILE)
def test_what_a_stranger_wrote_into_it_is_told(project: Reviewed, change: Any, complaint: str) -> None:
    save(project)
    changed(project, change)
    with pytest.raises(UsageError) as caught:
        run(project)
    assert complaint in str(caught.value)
    assert project.fakery.asked == []


NO_PLANS = ["[" * 100_000, "{", "nul", '{"a": NaN, "jobs": []}', '{"a": 1, "a": 2, "jobs": []}', "7", "9" * 9999]


def test_a_plan_that_nests_too_deeply_is_told_in_words(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text("[" * 100_000)
    with pytest.raises(UsageError, match=r"^plan\.json is no saved plan: it nests too deeply$"):
        read(tmp_path / "plan.json", "plan.json")


@pytest.mark.parametrize("text", NO_PLANS)
def test_what_is_no_plan_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "plan.json").write_text(text)
    with pytest.raises(UsageError, match=r"plan\.json is no saved plan"):
        read(tmp_path / "plan.json", "plan.json")


def test_a_job_whose_prompt_was_changed_in_the_file_is_refused(project: Reviewed) -> None:
    save(project)
    changed(project, lambda plan: plan["jobs"][0]["parameters"].update(prompt="something harmless"))
    assert refused(project)[0] == '0001/colour: prompt: "something harmless" → "blue sky and a brown coat"'


@pytest.mark.parametrize(
    ("forged", "told"),
    [
        ({"take": ["calm", 3]}, "0001/colour: take: calm → first"),
        ({"take": [None, 3]}, "0001/colour: take: first, seed + 3 → first, seed + 0"),
        ({"chosen": {"colour": ["a" * 64]}}, "0001/colour: pick of colour: aaaaaaaaaaaa → (none)"),
    ],
)
def test_a_forged_take_or_pick_is_told_as_what_it_is(project: Reviewed, forged: dict[str, Any], told: str) -> None:
    save(project)
    changed(project, lambda plan: plan["jobs"][0].update(forged))
    assert refused(project) == [told]


def test_a_picture_of_other_work_is_told_where_that_is_stored(project: Reviewed) -> None:
    save(project)
    project.change("green hills", "red hills", "photos.csv")
    project.run(wish=api.Wish(select=("0002/colour",)))
    project.fakery.asked.clear()
    assert refused(project) == [
        "0002/fused takes a picture of other work than in the plan",
        "0002/small takes a picture of other work than in the plan",
    ]


def test_prices_that_are_missing_are_differences(project: Reviewed) -> None:
    save(project)
    changed(project, lambda plan: plan.update(prices={}))
    assert refused(project) == [
        "an image of wan2.5-i2i-preview costs $0.028671 now, and has no price in the plan",
        "an image of wanx2.1-imageedit costs $0.02007 now, and has no price in the plan",
    ]


@pytest.mark.parametrize("flag", ["force", "resubmit_uncertain"])
def test_what_may_be_paid_twice_has_to_be_said_by_who_runs_it(project: Reviewed, flag: str) -> None:
    save(project)
    changed(project, lambda plan: plan["options"].update({flag: True}))
    with pytest.raises(RefusedError) as caught:
        run(project)
    shown = f"--{flag.replace('_', '-')}"
    assert f"plan.json was made with {shown}, which may pay for what is paid for already" in str(caught.value)
    assert f"wanflow run plan.json {shown}" in str(caught.value)
    assert project.fakery.asked == []
    assert run(project, **{flag: True}).counts()[Status.DONE] == 9


def test_what_a_plan_does_not_say_is_not_added_by_its_run(project: Reviewed) -> None:
    save(project)
    with pytest.raises(UsageError, match="leave out force, or plan anew"):
        run(project, force=True)


def test_a_path_in_a_parameter_gives_no_leave(project: Reviewed, tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(picture("secret"))
    project.change("steps:\n", "params: {logo: {type: string, default: a.png}}\nsteps:\n")
    project.change("image: row.photo", "image: params.logo")
    save(project)
    changed(project, lambda plan: plan["options"]["params"].update(logo="../secret.png"))
    record = run(project)
    assert (record.exit_code, record.counts()[Status.REFUSED], project.fakery.asked) == (1, 9, [])


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
NAMES = st.text(max_size=8)
JSONS = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_value_anywhere_ends_in_a_traceback(tmp_path_factory: pytest.TempPathFactory, data: Any) -> None:
    content = json.loads(PLAN)
    place: Any = content
    while True:
        name = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        if not isinstance(place[name], dict | list) or not place[name] or data.draw(st.booleans()):
            break
        place = place[name]
    place[name] = data.draw(JSONS)
    path = tmp_path_factory.mktemp("x") / "plan.json"
    path.write_text(json.dumps(content))
    try:
        found = read(path, "plan.json")
    except UsageError:
        return
    assert isinstance(found.recipe, str)
    assert [request.identity for request in found.jobs.values()]


PLAN = json.dumps(
    {
        "format_version": 1,
        "saved_plan": "0" * 32,
        "made": "2026-11-21T12:00:00Z",
        "recipe": "r.yaml",
        "options": {
            "params": {"a": "b"},
            "manifest": None,
            "out": "out",
            "backend": "draft",
            "region": None,
            "select": ["a"],
            "exclude": [],
            "until": None,
            "pilot": None,
            **dict.fromkeys(("no_proxy", "force", "retry_refused", "top_up", "resubmit_uncertain"), False),
        },
        "place": "",
        "totals": {"jobs": 1, "paid_tasks": 1, "images_paid": 1, "currency": "USD", "unpriced": 0, "usd_worst": 0.1},
        "prices": {"m": 0.1},
        "fetches": [],
        "files": ["out/1.png"],
        "jobs": [
            {
                "job": "1/a",
                "function": "wan/expand",
                "by": "dashscope:m",
                "parameters": {"prompt": "x"},
                "inputs": {"image": "0" * 64},
                "take": None,
                "chosen": {},
                "images": 1,
                "usd": 0.1,
            }
        ],
    }
)


def test_away_from_its_project_a_plan_says_where_to_run_it(
    project: Reviewed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(project)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="run it from within the project that it was made in"):
        run(project, str(project.folder / "plan.json"))


@pytest.mark.parametrize(
    "words",
    ["plan plan.json", "check r.yaml plan.json", "explain plan.json", "explain plan.json 0001/", "pick plan.json"],
)
def test_a_saved_plan_is_not_taken_for_a_recipe(project: Reviewed, words: str) -> None:
    save(project)
    result = CliRunner().invoke(main, words.split())
    command = words.split()[0]
    assert result.exit_code == 64
    assert f"plan.json is a plan already; {command} its recipe, or run it: wanflow run plan.json" in result.stderr


FREE = """\
wanflow: 1
params: {width: {type: integer, default: 300}}
manifest: {from: photos.csv}
steps:
  small: {uses: local/resize, image: row.photo, with: {width: "${{ params.width }}"}}
outputs: {card: {image: steps.small, to: "out/${{ row.id }}.png"}}
"""


def test_a_run_says_first_what_it_does_and_with_what(project: Reviewed) -> None:
    project.recipe.write_text(FREE)
    made = CliRunner().invoke(main, ["plan", "r.yaml", "-p", "width=200", "-s", "0001/", "-o", "plan.json"])
    assert "  with -p width=200, -s 0001/\n" in made.stdout
    first, *_ = CliRunner().invoke(main, ["run", "plan.json"]).stderr.splitlines()
    assert first.startswith("plan.json: r on draft: 1 job, free, about ")
    assert first.endswith("; 0 reused; with -p width=200, -s 0001/")


@pytest.mark.parametrize("form", ["text", "markdown", "html", "json"])
def test_what_was_said_beside_the_recipe_is_told_in_every_format(project: Reviewed, form: str) -> None:
    project.recipe.write_text(FREE)
    told = CliRunner().invoke(main, ["plan", "r.yaml", "-B", "-p", "width=200", "--format", form]).stdout
    if form == "json":
        assert json.loads(told)["flags"] == ["-p width=200", "--force"]
    else:
        told = told.replace("&#61;", "=")
        assert "with -p width=200, --force" in told
    plain = CliRunner().invoke(main, ["plan", "r.yaml", "--format", form]).stdout
    assert "with -p" not in plain


def test_a_plan_that_fails_leaves_no_older_one_to_be_run(project: Reviewed) -> None:
    save(project)
    project.change("local/resize", "local/none")
    result = CliRunner().invoke(main, ["plan", "r.yaml", "-o", "plan.json"])
    assert result.exit_code == 65
    assert "plan.json was an older plan, and was removed: no plan was made" in result.stderr
    assert not (project.folder / "plan.json").exists()


def test_a_plan_that_fails_removes_no_other_file(project: Reviewed) -> None:
    (project.folder / "plan.json").write_text("{}")
    project.change("local/resize", "local/none")
    assert CliRunner().invoke(main, ["plan", "r.yaml", "-o", "plan.json"]).exit_code == 64
    assert (project.folder / "plan.json").read_text() == "{}"


def test_with_problems_in_rows_the_plan_holds_the_others(project: Reviewed) -> None:
    project.change("b.png", "none.png", "photos.csv")
    result = CliRunner().invoke(main, ["plan", "r.yaml", "-o", "plan.json"])
    assert result.exit_code == 65
    rows = {job.partition("/")[0] for job in read(project.folder / "plan.json", "plan.json").jobs}
    assert rows == {"0001", "0003"}


def test_a_row_that_was_mended_since_is_refused(project: Reviewed) -> None:
    project.change("b.png", "none.png", "photos.csv")
    save(project)
    project.change("none.png", "b.png", "photos.csv")
    assert "0002/colour is not in the plan" in refused(project)


def test_a_recipe_is_no_saved_plan(project: Reviewed, tmp_path: Path) -> None:
    save(project)
    assert is_saved(project.folder / "plan.json")
    (tmp_path / "r.json").write_text('{"wanflow": 1, "steps": {}}')
    assert not any(map(is_saved, (tmp_path / "r.json", project.recipe, tmp_path, tmp_path / "none.json")))


def test_the_ledger_notes_a_plan_once(project: Reviewed) -> None:
    from wanflow.store.ledger import Ledger
    from wanflow.store.tasks import Owner

    ledger = Ledger.open(state_folder() / "accounts" / "x", Owner("r", 1, "/p", "r"), "test", 0)
    assert [ledger.use_plan("n", "r"), ledger.use_plan("n", "r"), ledger.use_plan("m", "r")] == [True, False, True]
    ledger.close()
