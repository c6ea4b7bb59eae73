"""import wanflow: what programs and notebooks get, by what they would do with it."""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import re
import subprocess
import sys
import threading
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from projects import Small, photo, small_project, three_steps
from test_plan_formats import reviewed_project

import wanflow
from wanflow.python.choices import Choices, options, usd

ROOT = Path(__file__).parent.parent


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Small:
    project = three_steps(tmp_path / "p")
    monkeypatch.chdir(project.folder)
    return project


def paid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project at the provider, with a key that nobody takes."""
    project = reviewed_project(tmp_path / "paid")
    monkeypatch.setenv("DASHSCOPE_API_KEY", "sk-never-sent")
    return project.folder / "r.yaml"


# -- plans


def test_a_plan_tells_its_jobs_steps_and_totals(project: Small) -> None:
    plan = wanflow.plan("r.yaml")
    assert (plan.recipe, plan.backend, plan.nothing_to_do) == ("small", "draft", False)
    assert (plan.totals.jobs, plan.totals.run, plan.totals.later, plan.totals.skip) == (6, 3, 2, 1)
    assert (plan.totals.usd, plan.totals.usd_worst, plan.totals.paid_tasks) == (Decimal(0), Decimal(0), 0)
    assert [(step.id, step.run, step.later) for step in plan.steps] == [("small", 2, 0), ("tiny", 0, 2), ("odd", 1, 0)]
    first = plan.jobs[0]
    assert (first.address, first.row, first.step, first.action, first.why) == ("1/small", "1", "small", "run", "new")
    assert repr(plan) == f"<wanflow.Plan {plan.summary}>"
    assert str(plan).splitlines()[0] == plan.summary
    assert plan.graph("mermaid").startswith("flowchart TD\n")


def test_the_prices_of_a_plan_are_those_of_its_jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = wanflow.plan(paid(tmp_path, monkeypatch), backend="dashscope", region="cn-beijing")
    assert plan.totals.usd == sum(job.usd for job in plan.jobs if job.usd) > 0
    assert plan.totals.usd == sum(step.usd for step in plan.steps if step.usd)


def test_what_is_chosen_counts(project: Small) -> None:
    assert wanflow.plan("r.yaml", select="odd").totals.run == 1
    assert wanflow.plan("r.yaml", select=["1/"], exclude="odd").totals.later == 1
    project.run()
    assert wanflow.plan("r.yaml").nothing_to_do
    assert wanflow.plan("r.yaml", force=True).totals.run == 5


def test_parameters_keep_their_meaning() -> None:
    given: Choices = {"params": {"side": 2, "wide": True, "name": "a", "part": 0.5}, "select": "x", "out": "o"}
    found = options(given)
    assert found.params == {"side": "2", "wide": "true", "name": "a", "part": "0.5"}
    assert (found.wish.select, found.out) == (("x",), Path("o"))


def test_a_keyword_that_is_none_is_refused(project: Small) -> None:
    with pytest.raises(TypeError, match=r"there is no keyword selct. Did you mean select\?"):
        wanflow.plan("r.yaml", selct="odd")  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("jobs", "two"),
        ("jobs", 0),
        ("jobs", True),
        ("jobs", 2.5),
        ("pilot", "3"),
        ("params", ["upscale=4"]),
        ("params", "upscale=4"),
        ("select", 5),
        ("select", [5]),
        ("until", ["detail"]),
        ("backend", 5),
        ("manifest", 5),
        ("out", 5),
        ("force", "no"),
        ("resubmit_uncertain", "no"),
        ("allow_paths", 5),
        ("allow_hosts", [5]),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused_by_its_name(project: Small, name: str, value: Any) -> None:
    with pytest.raises(wanflow.UsageError, match=f"^{name} takes "):
        wanflow.plan("r.yaml", **{name: value})  # type: ignore[typeddict-item]  # what nobody checked


def test_one_path_or_host_that_is_allowed_is_not_taken_apart() -> None:
    """A text is a list of its letters to Python, and the first of a path is "/": all of the machine."""
    found = options({"allow_paths": "/srv/pictures", "allow_hosts": "pictures.local"})  # type: ignore[typeddict-item]
    assert (list(found.allow_paths), list(found.allow_hosts)) == ([Path("/srv/pictures")], ["pictures.local"])


def test_a_yes_that_is_a_word_pays_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(wanflow.UsageError, match=r'^yes takes True or False, not "no"$'):
        wanflow.run(paid(tmp_path, monkeypatch), yes="no")  # type: ignore[arg-type]


def test_a_plan_in_place_of_a_recipe_is_told_how_it_is_run(project: Small) -> None:
    with pytest.raises(wanflow.UsageError, match=r"not by a Plan; a plan has a run\(\) of its own"):
        wanflow.run(wanflow.plan("r.yaml"))  # type: ignore[arg-type]


def test_problems_are_raised_all_at_once(project: Small) -> None:
    project.recipe.write_text(
        project.recipe.read_text().replace("max_side: 48", "max_side: x").replace("tiny:", "Tiny:")
    )
    with pytest.raises(wanflow.RecipeError) as found:
        wanflow.plan("r.yaml")
    assert {problem.mark is not None for problem in found.value.problems} == {True}
    assert len(found.value.problems) > 1


def test_check_raises_for_single_rows_and_a_plan_tells_them(project: Small) -> None:
    (project.folder / "photos" / "1.png").write_text("no picture")
    with pytest.raises(wanflow.RecipeError, match="image"):
        wanflow.check("r.yaml")
    plan = wanflow.plan("r.yaml")
    assert len(plan.problems) == 1
    assert plan.problems[0].rows == ("1",)


# -- runs


def test_a_run_gives_files_by_row_and_name(project: Small) -> None:
    heard: list[wanflow.JobOutcome] = []
    run = wanflow.run("r.yaml", on_job=heard.append)
    assert (run.ok, run.exit_code, run.totals.done, run.totals.written) == (True, 0, 5, 2)
    assert run.rows["1"].outputs == {"tiny": project.out("1.png")}
    assert [job.address for job in run.rows["2"].jobs] == ["2/small", "2/tiny", "2/odd"]
    assert [job.address for job in heard if job.status == "done"] == [j.address for j in run.jobs if j.status == "done"]
    assert repr(run).startswith("<wanflow.Run small: 5 done, 0 reused, ")


def test_a_second_run_gives_the_same_files(project: Small) -> None:
    first = wanflow.run("r.yaml")
    again = wanflow.plan("r.yaml").run()
    assert (again.totals.done, again.totals.reused) == (0, 5)
    assert {key: row.outputs for key, row in again.rows.items()} == {k: row.outputs for k, row in first.rows.items()}
    assert again.rows["1"].jobs == ()


def test_a_row_that_fails_is_told_and_not_raised(project: Small) -> None:
    (project.folder / "photos" / "1.png").write_text("no picture")
    run = wanflow.run("r.yaml")
    assert (run.ok, run.exit_code) == (False, 1)
    assert len(run.problems) == 1
    assert run.rows["2"].ok
    assert run.rows["2"].outputs == {"tiny": project.out("2.png")}


def test_a_run_works_in_a_running_event_loop(project: Small) -> None:
    threads: set[str] = set()

    async def program() -> wanflow.Run:
        return wanflow.run("r.yaml", on_job=lambda job: threads.add(threading.current_thread().name))

    assert asyncio.run(program()).ok
    assert threads == {"wanflow_0"}


def test_a_script_needs_no_guard_around_it(project: Small) -> None:
    """Its processes must not load it again, which would run it again."""
    (project.folder / "program.py").write_text("import wanflow\nprint(wanflow.run('r.yaml').totals.done)\n")
    done = subprocess.run(
        [sys.executable, "program.py"], cwd=project.folder, env=os.environ, capture_output=True, text=True, timeout=120
    )
    assert (done.stdout, done.stderr) == ("5\n", "")


INTERRUPTED = """
import asyncio, os, signal, wanflow

async def program():
    wanflow.run("r.yaml", on_job=lambda job: os.kill(os.getpid(), signal.SIGINT))

try:
    asyncio.new_event_loop().run_until_complete(program())
except KeyboardInterrupt:
    print("stopped")
print(wanflow.run("r.yaml").ok)
"""


def test_an_interrupted_notebook_stops_its_run_and_the_next_goes_on(project: Small) -> None:
    (project.folder / "program.py").write_text(INTERRUPTED)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "program.py"],
        cwd=project.folder,
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.stdout, done.stderr) == ("stopped\nTrue\n", "")


def test_what_a_callback_raises_ends_the_run_and_the_next_goes_on(project: Small) -> None:
    heard: list[str] = []

    def on_job(job: wanflow.JobOutcome) -> None:
        heard.append(job.status)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        wanflow.run("r.yaml", on_job=on_job)
    assert len(heard) == 1
    assert wanflow.run("r.yaml").ok


def test_nothing_is_paid_unasked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = paid(tmp_path, monkeypatch)
    with pytest.raises(
        wanflow.RefusedError, match=r"this costs \$0\.\d+.*; agree with max_cost=…, in USD, or yes=True"
    ):
        wanflow.run(recipe, backend="dashscope", region="cn-beijing")
    with pytest.raises(wanflow.RefusedError):
        wanflow.plan(recipe, backend="dashscope", region="cn-beijing").run()


@pytest.mark.parametrize("amount", ["much", float("nan"), -1, float("inf")])
def test_an_amount_that_bounds_nothing_is_refused(amount: Any) -> None:
    with pytest.raises(wanflow.UsageError, match="is no amount in USD"):
        usd(amount)


def test_amounts_are_as_written() -> None:
    assert (usd(2.5), usd("0.10"), usd(None), usd(Decimal(3))) == (Decimal("2.5"), Decimal("0.10"), None, Decimal(3))


# -- the others


def test_jobs_files_and_runs_are_explained(project: Small) -> None:
    assert "It runs: new" in wanflow.explain("r.yaml", "1/small").text
    run = wanflow.run("r.yaml")
    told = wanflow.explain(project.out("1.png"))
    assert "1/tiny" in told.text
    assert json.loads(json.dumps(told.json))
    assert run.id in wanflow.status(project.folder).text


def test_a_report_is_made_of_a_run(project: Small) -> None:
    run = wanflow.run("r.yaml")
    assert run.report() == project.folder / "report" / "index.html"
    assert wanflow.report(run.id, out="r.html", single_file=True).path == project.folder / "r.html"


# -- in notebooks


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert not [name for name, _ in attrs if name.startswith("on")]
        self.found.append(tag)


def shown(value: object) -> str:
    return str(value._repr_html_())  # type: ignore[attr-defined]


def test_values_show_themselves(project: Small) -> None:
    plan = wanflow.plan("r.yaml")
    assert {"table", "svg", "details"} <= set(Tags(shown(plan)).found)
    run = plan.run()
    assert shown(run).count("<img alt='1 · tiny' src='data:image/jpeg;base64,") == 1
    assert Tags(shown(wanflow.status())).found == ["pre"]
    assert not re.search(r"<script|https?:", shown(plan) + shown(run))


def skipping(folder: Path, word: str) -> Small:
    when = f"row.id != '{word}'"
    step = f'small: {{uses: local/fit, image: row.photo, when: "{when}", otherwise: skip, with: {{max_side: 48}}}}'
    return small_project(folder, {"1.png": photo(1)}, steps=[step])


def test_texts_of_strangers_are_text_in_notebooks(tmp_path: Path) -> None:
    text = "<script>alert(1)</script>'\"&"
    bare = text.replace("'", "").replace('"', "")
    hostile, plain = (skipping(tmp_path / name, word) for name, word in (("h", bare), ("p", "x")))
    (hostile.folder / "photos" / "1.png").write_text("no picture")
    (plain.folder / "photos" / "1.png").write_text("no picture")
    plans = [wanflow.plan(one.recipe) for one in (hostile, plain)]
    assert "&lt;script&gt;" in shown(plans[0])
    assert Tags(shown(plans[0])).found == Tags(shown(plans[1])).found


# -- the module


def test_importing_it_loads_next_to_nothing() -> None:
    program = "import sys; before = set(sys.modules); import wanflow; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=os.environ)
    assert [name for name in done.stdout.split() if name.startswith("wanflow")] == ["wanflow"]


def public_members(value: type) -> list[tuple[str, Any]]:
    return [(name, member) for name, member in vars(value).items() if not name.startswith("_")]


@pytest.mark.parametrize("name", wanflow.__all__)
def test_every_public_name_is_there_and_explained(name: str) -> None:
    value = getattr(wanflow, name)
    assert name in dir(wanflow)
    assert inspect.getdoc(value)
    assert value.__doc__
    if inspect.isclass(value):
        bare = [
            member
            for member, found in public_members(value)
            if (callable(found) or isinstance(found, property) or hasattr(found, "func")) and not found.__doc__
        ]
        assert bare == []


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'wanflow' has no attribute 'plam'"):
        wanflow.plam  # type: ignore[attr-defined]  # noqa: B018


PROGRAM = """
from decimal import Decimal
import wanflow

plan = wanflow.plan("r.yaml", params={"side": 2}, select=["small"], jobs=1)
cost: Decimal | None = plan.totals.usd
for job in plan.jobs:
    where: str = job.address
outcome: wanflow.Run = wanflow.run("r.yaml", max_cost=2.5, on_job=lambda job: print(job.status))
files = [path.name for row in outcome.rows.values() for path in row.outputs.values()]
try:
    wanflow.check("r.yaml")
except wanflow.RecipeError as error:
    print(error.problems[0].message)
"""


@pytest.mark.slow
def test_programs_are_checked_by_its_types(tmp_path: Path) -> None:
    guide = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    [told] = re.findall(r"```python\n(.*?)```", guide, flags=re.DOTALL)
    (tmp_path / "good.py").write_text(PROGRAM + told)
    (tmp_path / "bad.py").write_text(
        'import wanflow\nwanflow.plan("r.yaml", selct="x")\nwanflow.run("r.yaml").ok + "x"\n'
    )
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), "good.py", "bad.py"]
    environment = {**os.environ, "MYPYPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    assert "good.py" not in "".join(line for line in done.stdout.splitlines() if ": error:" in line)
    assert re.search(r'bad.py:2: error: Unexpected keyword argument "selct"', done.stdout)
    assert re.search(r"bad.py:3: error: Unsupported operand types", done.stdout)
