"""cache verify, gc, stats: the upkeep of the store."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from wanflow.cli.door import main, reported, say

_FORMAT = click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", help="Words, or JSON for programs."
)


@main.group()
def cache() -> None:
    """Look after what is stored in .wanflow: verify it, remove what nobody needs, count it."""


def _tell(found: Any, form: str, text: Callable[[Any], str], values: Callable[[Any], Any]) -> None:
    from wanflow.canon import told

    say(told(values(found)) if form == "json" else text(found))


@cache.command("verify")
@click.option(
    "--mend",
    is_flag=True,
    help="Put back what can be had: a damaged index from receipts, pictures from equal output files.",
)
@_FORMAT
def verify(mend: bool, form: str) -> int:
    """Check the index and every stored picture; exit 1 if anything is damaged or missing, and say what to do.

    \b
    wanflow cache verify
    """
    from wanflow import cache
    from wanflow.telling import cachetext

    def work() -> int:
        found = cache.verify(mend=mend)
        _tell(found, form, cachetext.verified_text, cachetext.verified_json)
        return 0 if found.whole else 1

    return reported(work, form == "json")


@cache.command("gc")
@click.option(
    "--older-than", default="30d", show_default=True, metavar="AGE", help="Keep what was stored within so long a time."
)
@click.option("--paid", is_flag=True, help="Remove also what was paid for; to have it again costs money again.")
@click.option("-n", "--dry-run", is_flag=True, help="Only list what would be removed.")
@_FORMAT
def gc(older_than: str, form: str, **flags: Any) -> int:
    """Remove pictures that no job of any recipe had when it was last done, and what died runs left behind.

    \b
    wanflow cache gc --dry-run
    wanflow cache gc --older-than 7d
    """
    from wanflow import cache
    from wanflow.telling import cachetext

    def work() -> int:
        found = cache.gc(older_than_s=_age(older_than), **flags)
        _tell(found, form, cachetext.collected_text, cachetext.collected_json)
        return 0

    return reported(work, form == "json")


def _age(text: str) -> float:
    from wanflow.errors import UsageError
    from wanflow.telling.cachetext import seconds

    try:
        return seconds(text)
    except ValueError as error:
        raise UsageError(f"--older-than: {error}") from error


@cache.command("stats")
@_FORMAT
def stats(form: str) -> int:
    """Count pictures, room and money by recipe and backend.

    \b
    wanflow cache stats
    """
    from wanflow import cache
    from wanflow.telling import cachetext

    def work() -> int:
        _tell(cache.stats(), form, cachetext.stats_text, cachetext.stats_json)
        return 0

    return reported(work, form == "json")
