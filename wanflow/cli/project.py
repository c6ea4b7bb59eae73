"""init and status: a project as a whole."""

from __future__ import annotations

from pathlib import Path

import click

from wanflow.cli.door import main, reported, say
from wanflow.cli.flags import offered


@main.command()
@click.argument("folder", type=click.Path(path_type=Path), default=Path("wanflow-example"))
@click.option(
    "--from",
    "photographs",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Copy the photographs of this folder, and begin with these instead of the example's.",
)
def init(folder: Path, photographs: Path | None) -> int:
    """Make a working project: photographs, and a recipe for them; your own photographs with --from.

    \b
    wanflow init my-archive
    cd my-archive && wanflow run restore.yaml
    wanflow init my-photos --from ~/scans
    """
    from wanflow.starter import create

    def work() -> int:
        for line in create(folder, photographs):
            say(line)
        return 0

    return reported(work)


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@click.option("--billing", is_flag=True, help="What was spent, by month and model.")
@click.option(
    "-s",
    "--select",
    multiple=True,
    metavar="WHAT",
    shell_complete=offered("jobs"),
    help="Only these jobs, and how they ended: detail, 0001/, 0001/detail, state:failed.",
)
def status(as_json: bool, billing: bool, select: tuple[str, ...]) -> int:
    """Show this project's last runs and every paid task in flight: its age, its cost, and who holds a slot.

    \b
    wanflow status
    wanflow status --billing
    wanflow status -s 0001/
    """
    from wanflow import api
    from wanflow.telling import console

    def work() -> int:
        found = api.status(select=select)
        if as_json:
            say(found.json())
        else:
            say(console.status_text(found, billing=billing))
        return 0

    return reported(work, as_json)
