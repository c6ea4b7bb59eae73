"""init and status: a project as a whole."""

from __future__ import annotations

from pathlib import Path

import click

from wanflow.cli.door import main, reported, say


@main.command()
@click.argument("folder", type=click.Path(path_type=Path), default=Path("wanflow-example"))
def init(folder: Path) -> int:
    """Make a working example project: photographs, a manifest and a recipe.

    \b
    wanflow init my-archive
    cd my-archive && wanflow run restore.yaml
    """
    from wanflow.starter import create

    def work() -> int:
        for line in create(folder):
            say(line)
        return 0

    return reported(work)


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@click.option("--billing", is_flag=True, help="What was spent, by month and model.")
def status(as_json: bool, billing: bool) -> int:
    """Show this project's last runs and every paid task in flight: its age, its cost, and who holds a slot.

    \b
    wanflow status
    wanflow status --billing
    """
    from wanflow import api
    from wanflow.telling import console

    def work() -> int:
        found = api.status()
        if as_json:
            say(found.json())
        else:
            say(console.status_text(found, billing=billing))
        return 0

    return reported(work)
