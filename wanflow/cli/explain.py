"""explain: why a job runs, and where a file comes from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from wanflow.cli.door import main, reported, say
from wanflow.cli.flags import offered, options, recipe_options


@main.command()
@recipe_options
@click.argument("jobs", nargs=-1, metavar="[JOB]...", shell_complete=offered("jobs"))
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def explain(recipe: Path, jobs: tuple[str, ...], as_json: bool, **flags: Any) -> int:
    """Tell why a job of RECIPE runs or not and what would be sent, or, given a file alone, where that comes from.

    \b
    wanflow explain restore.yaml 0001/detail
    wanflow explain restore.yaml 0001/ state:failed
    wanflow explain out/restore/0001-master.png

    A JOB is written as for -s of wanflow plan. A file is known by its content, also if it was moved or copied; exit 1
    where it is not known. Nothing is sent; no key is needed.
    """
    if jobs or recipe.suffix.lower() in (".yaml", ".yml"):
        return reported(lambda: _explain_jobs(recipe, jobs, as_json, flags), as_json)
    return reported(lambda: _explain_file(recipe, as_json), as_json)


def _explain_jobs(recipe: Path, jobs: tuple[str, ...], as_json: bool, flags: dict[str, Any]) -> int:
    from wanflow import api
    from wanflow.canon import told
    from wanflow.errors import UsageError
    from wanflow.model import Reason
    from wanflow.planning.explain import jobs_json
    from wanflow.telling.console import problems_text
    from wanflow.telling.explain import jobs_text

    if not jobs:
        raise UsageError(f"name a job of it: wanflow explain {recipe} 0001/detail; or a row, 0001/, or a step, detail")
    plan, found = api.explain(recipe, jobs, options(**flags))
    say(told(jobs_json(plan, found)) if as_json else jobs_text(plan, found))
    if plan.problems and any(job.decision.reason is Reason.REFUSED for job in found):
        say(problems_text(plan.problems), err=True)
    return 0


def _explain_file(file: Path, as_json: bool) -> int:
    from wanflow import api
    from wanflow.canon import told
    from wanflow.planning.files import State, file_json
    from wanflow.telling.explain import file_text

    found = api.explain_file(file)
    say(told(file_json(found)) if as_json else file_text(found))
    return 0 if found.state is State.KNOWN else 1
