"""schema and completion: for editors and shells."""

from __future__ import annotations

import click

from wanflow.cli.door import main, reported


@main.command()
@click.argument("name", required=False)
def schema(name: str | None) -> int:
    """Print a JSON Schema: of recipes, or of a function (wan/expand), plan, run, log, explain or provenance.

    \b
    wanflow schema > recipe.schema.json
    wanflow schema wan/expand
    """
    import json

    from wanflow.documents.schemas import named

    def work() -> int:
        click.echo(json.dumps(named(name or "recipe"), indent=1, ensure_ascii=False))
        return 0

    return reported(work)


@main.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> int:
    """Print the completion script of a shell.

    \b
    eval "$(wanflow completion bash)"
    wanflow completion fish > ~/.config/fish/completions/wanflow.fish
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind  # noqa: S101 - told to mypy; the choice above allows only shells that click has
    click.echo(kind(main, {}, "wanflow", "_WANFLOW_COMPLETE").source())
    return 0
