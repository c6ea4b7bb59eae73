"""Local functions called as a worker calls them, with defaults filled in; and what a plan says against a call."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from wanflow.functions.catalog import functions
from wanflow.functions.geometry import Size, SizeError
from wanflow.functions.sizes import base, resulting
from wanflow.pixels import engine
from wanflow.pixels.engine import Edited, EditRequest, Picture


def filled(name: str, given: Mapping[str, object]) -> dict[str, object]:
    """Parameters as a plan resolves them."""
    properties = functions()[name].properties
    return {key: rule["default"] for key, rule in properties.items() if "default" in rule} | dict(given)


def done(name: str, *images: np.ndarray | Picture, mask: np.ndarray | None = None, **given: object) -> Edited:
    """What a function makes."""
    pictures = tuple(image if isinstance(image, Picture) else Picture(image) for image in images)
    return engine.apply(EditRequest(name, pictures, None if mask is None else Picture(mask), filled(name, given)))


def rgb(name: str, *images: np.ndarray | Picture, mask: np.ndarray | None = None, **given: object) -> np.ndarray:
    """The colours of what a function makes."""
    return done(name, *images, mask=mask, **given).picture.rgb


def planned(name: str, sizes: Mapping[str, Size | None] | Size | None, **given: object) -> Size | None:
    """The size that a plan promises for an image of this size, or for inputs of these by slot."""
    among = sizes if isinstance(sizes, Mapping) else {"image": sizes}
    return resulting(functions()[name].size, base(among), filled(name, given), among)


def refused(name: str, sizes: Mapping[str, Size | None] | Size | None, **given: object) -> tuple[str, str]:
    """The parameter that a plan refuses, and its words."""
    with pytest.raises(SizeError) as caught:
        planned(name, sizes, **given)
    assert caught.value.hint
    return caught.value.parameter, str(caught.value)
