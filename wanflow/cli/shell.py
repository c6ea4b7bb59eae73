"""schema and completion: for editors and shells."""

from __future__ import annotations

from pathlib import Path

import click

from wanflow.cli.door import main, reported, say
from wanflow.cli.flags import offered


@main.command()
@click.argument("names", metavar="[NAME]|RECIPE|FOLDER...", nargs=-1, shell_complete=offered("schemas"))
@click.option("--install", is_flag=True, help="Let editors know the schema of these recipes; without any: all here.")
@click.option(
    "--vscode/--modeline",
    default=None,
    help="With --install: in .vscode/settings.json, or in each recipe's first line. "
    "Unless told: in the former where there is a .vscode folder.",
)
def schema(names: tuple[str, ...], install: bool, vscode: bool | None) -> int:
    """Print a JSON Schema, or install that of recipes for editors.

    NAME is recipe (if none is given), picks, settings, plan, saved-plan, run, log, explain, provenance, or a function.

    \b
    wanflow schema wan/expand
    wanflow schema --install
    wanflow schema --install restore.yaml parts/
    """
    import json

    from wanflow.documents.schemas import named

    if not install and (len(names) > 1 or vscode is not None):
        raise click.UsageError("one name at a time; recipes, --vscode and --modeline are for --install")

    def work() -> int:
        if install:
            return _install(names or (".",), vscode)
        click.echo(json.dumps(named(names[0] if names else "recipe"), indent=1, ensure_ascii=False))
        return 0

    return reported(work)


def _install(names: tuple[str, ...], vscode: bool | None) -> int:
    from wanflow import editors
    from wanflow.errors import UsageError
    from wanflow.language.below import every_recipe, is_recipe

    found: dict[Path, None] = {}
    for path in map(Path, names):
        below = every_recipe(path) if path.is_dir() else [path] if is_recipe(path) else []
        if not below:
            raise UsageError(f"{path}: there is no recipe{' at or below this folder' if path.is_dir() else ' here'}")
        found |= dict.fromkeys(below)
    for line in editors.install(found, Path.cwd(), vscode=vscode):
        say(line)
    return 0


@main.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> int:
    """Print the script by which a shell completes commands, recipes, steps, rows and parameters.

    \b
    eval "$(wanflow completion bash)"     in ~/.bashrc
    eval "$(wanflow completion zsh)"      in ~/.zshrc, after compinit
    wanflow completion fish > ~/.config/fish/completions/wanflow.fish
    """
    from wanflow.cli.completion import SHELLS

    click.echo(SHELLS[shell](main, {}, "wanflow", "_WANFLOW_COMPLETE").source(), nl=False)
    return 0
