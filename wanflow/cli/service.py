"""emulate: the provider on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from wanflow.cli.door import main, reported, say
from wanflow.cli.flags import offered


@main.command()
@click.option("--host", metavar="HOST", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    metavar="PORT",
    default=8765,
    show_default=True,
    help="Port; 0: any free one.",
)
@click.option(
    "--region",
    metavar="NAME",
    shell_complete=offered("regions"),
    default="cn-beijing",
    show_default=True,
    help="Whose models, limits and prices.",
)
@click.option(
    "--speed", type=float, metavar="N", default=1.0, show_default=True, help="How many times as fast its time runs."
)
@click.option("--service", metavar="TIMES", help="Seconds of work on a task, e.g. uniform:5:15; else the model's own.")
@click.option("--latency", metavar="TIMES", help="Seconds before each answer, e.g. lognormal:0.2:0.5.")
@click.option("--paint", type=click.Choice(["draft", "echo"]), default="draft", show_default=True, help="Who paints.")
@click.option("--refuse-excess", is_flag=True, help="Refuse with 429 what exceeds the concurrent tasks; else it waits.")
@click.option(
    "--validate",
    type=click.Choice(["submit", "task"]),
    default="submit",
    show_default=True,
    help="Where bad parameters are refused.",
)
@click.option("--key", "keys", multiple=True, metavar="KEY", help="An API key to take; else all that begin with sk-.")
@click.option("--seed", type=int, metavar="N", default=0, show_default=True, help="Seed of the times that are drawn.")
@click.option("--fault", multiple=True, metavar="FAULT", help="A file, or e.g. rate=0.1,kinds=500+reset_after,seed=7.")
@click.option("--state", type=click.Path(path_type=Path, dir_okay=False), help="Keep tasks and files here (SQLite).")
def emulate(host: str, port: int, **flags: Any) -> int:
    """Be the provider's image service on this machine: same requests and answers, no key, no cost.

    \b
    wanflow emulate --speed 20
    wanflow emulate --paint echo --fault rate=0.1,kinds=500+reset_after,seed=7
    """

    def work() -> int:
        from wanflow.emulator.options import from_flags

        server = _emulator_server()
        options = from_flags(**flags)
        with server.bound(host, port) as listener:
            say(server.farewell(options, server.serve(options, listener, click.echo)))
        return 0

    return reported(work)


def _emulator_server() -> Any:
    from wanflow.errors import UsageError

    try:
        from wanflow.emulator import server
    except ModuleNotFoundError as error:
        raise UsageError(f"wanflow emulate needs {error.name}: pip install 'wanflow[emulator]'") from error
    return server
