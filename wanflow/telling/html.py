"""Templates of pages: whatever a text holds is shown as text, and a name that a page lacks is an error of ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Template


def template(
    name: str, room: str = "telling", filters: Mapping[str, Callable[..., Any]] | None = None, *, trims: bool = True
) -> Template:
    """The template of a room of wanflow's; `trims` leaves out the lines that its blocks stand in."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("wanflow", room)
    pages = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=trims, lstrip_blocks=trims
    )
    pages.filters.update(filters or {})
    return pages.get_template(name)
