"""report: a run as a page of pictures."""

from __future__ import annotations

from pathlib import Path

import click

from wanflow.cli.door import main, reported, say
from wanflow.cli.flags import offered


@main.command()
@click.argument("run", default="last", shell_complete=offered("runs"))
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), metavar="DIR", help="Where to; else report in the project's folder."
)
@click.option("--single-file", is_flag=True, help="Make one file of it, to be sent or kept: -o FILE.html.")
@click.option(
    "--compare",
    metavar="RUN",
    shell_complete=offered("runs"),
    help="Show what differs from another run; previous: the one before.",
)
@click.option("--open", "opens", is_flag=True, help="Open it in the browser.")
def report(run: str, out: Path | None, single_file: bool, compare: str | None, opens: bool) -> int:
    """Make a page of a run: every picture of every row, what was picked, what failed and what helps, times and costs.

    \b
    wanflow report
    wanflow report --open
    wanflow report 20261121T2231 -o shared/report
    wanflow report --compare previous
    wanflow report --single-file -o restored.html

    RUN is the id of a run (wanflow status lists them), its beginning, last, or the path of a run.json. The page needs
    no network and no server. It is replaced by the next one; a folder that is no report of wanflow's is not.
    """
    from wanflow import reporting
    from wanflow.settings import shown
    from wanflow.telling.cachetext import megabytes
    from wanflow.telling.words import count

    def work() -> int:
        made = reporting.make(run, out=out, single_file=single_file, compare=compare)
        without = f", {made.without:,} of them can't be shown" if made.without else ""
        pictures = f"{count(made.pictures + made.without, 'picture')}{without}"
        told = f"{count(made.rows, 'row')}, {pictures}, {megabytes(made.size_bytes)}"
        say(f"{shown(made.path, Path.cwd())}: {told} (run {made.run})")
        for note in made.notes:
            say(f"  {note}", err=True)
        if opens and (complaint := not_opened(made.path)):
            say(complaint, err=True)
        return 0

    return reported(work)


def not_opened(path: Path) -> str:
    """Open a page in the browser; what to do where there is none, else empty."""
    import webbrowser

    return "" if webbrowser.open(path.as_uri()) else f"no browser was found; open {path.as_uri()}"
