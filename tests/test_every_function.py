"""Every function of the catalog keeps its promises for any picture and any legal parameters.

The suite tries pictures smaller than any model takes, which is quick and no easier; `make explore` tries legal sizes.
"""

import os

import numpy as np
import pytest
from anything import dot, painted, pictures, requests, subject
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wanflow.documents.schemas import validator
from wanflow.errors import EditError
from wanflow.functions import catalog
from wanflow.pixels import engine
from wanflow.pixels.engine import Edited, EditRequest, Fidelity, Picture
from wanflow.pixels.expand import FLATTENED

EXPLORING = os.environ.get("HYPOTHESIS_PROFILE") == "explore"
SHOWN = pictures(512, 1024, 4096) if EXPLORING else pictures(24, 72, 160)
EXAMPLES = 20 if EXPLORING else 3
MOST_PIXELS = 20_000_000 if EXPLORING else 700_000
# What only the pixels or the fonts can tell, so that no plan refuses it.
REFUSED = ("LabelTooLong", "MaskBlack")
KINDS = ("proxy", "approximate", "real")
NAMES = sorted(catalog.functions())


def arrays(request: EditRequest) -> list[np.ndarray]:
    given = [*request.images, *([request.mask] if request.mask else [])]
    return [plane for picture in given for plane in (picture.rgb, picture.alpha) if plane is not None]


def edited(request: EditRequest) -> Edited:
    # Underflow to zero is what exp() of far away pixels is meant to do; all else would hide a NaN.
    with np.errstate(divide="raise", over="raise", invalid="raise", under="ignore"):
        return engine.apply(request)


def is_plain(plane: np.ndarray, shape: tuple[int, ...]) -> bool:
    return plane.dtype == np.uint8 and plane.shape == shape and plane.flags.c_contiguous


def keeps_alpha(request: EditRequest, made: Edited) -> bool:
    """A stamp is opaque whatever lies under it; else the catalog says what becomes of alpha."""
    kept = catalog.functions()[request.function].alpha == "keep" and made.fidelity is not Fidelity.PROXY
    return kept and request.image.alpha is not None


def is_clear(picture: Picture) -> bool:
    return picture.alpha is not None and bool((picture.alpha < 255).any())


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_function_keeps_its_promises(name: str, data: st.DataObject) -> None:
    function = catalog.functions()[name]
    request, (width, height) = data.draw(requests(function, SHOWN, MOST_PIXELS))
    assert not list(validator(function.parameters).iter_errors(request.parameters))
    before = [plane.tobytes() for plane in arrays(request)]
    try:
        made, again = edited(request), edited(request)
    except EditError as error:
        assert function.is_local and error.code in REFUSED
        return

    assert [plane.tobytes() for plane in arrays(request)] == before
    assert is_plain(made.picture.rgb, (height, width, 3))
    assert made.picture.alpha is None or is_plain(made.picture.alpha, (height, width))
    if function.alpha != "own":
        assert (made.picture.alpha is not None) == bool(request.images and keeps_alpha(request, made))
    assert made.picture.rgb.tobytes() == again.picture.rgb.tobytes()
    assert (made.fidelity, made.warnings) == (again.fidelity, again.warnings)
    assert KINDS.index(function.fidelity) <= KINDS.index(made.fidelity) <= KINDS.index(function.best_fidelity)
    foreseen = engine.foreseen(name, request.parameters)
    assert foreseen is None or KINDS.index(made.fidelity) <= KINDS.index(foreseen)
    assert all(warning.isprintable() and warning.strip() == warning != "" for warning in made.warnings)
    assert len(set(made.warnings)) == len(made.warnings) and all(len(warning) <= 400 for warning in made.warnings)
    flattened = any(map(is_clear, request.images)) and made.picture.alpha is None
    assert function.alpha == "own" or (FLATTENED in made.warnings) == flattened


def test_every_function_of_the_catalog_runs_here_and_no_other() -> None:
    assert sorted(engine.functions()) == NAMES


READING = [name for name in NAMES if "prompt" in catalog.functions()[name].properties]


def prompted(name: str, prompt: str) -> Edited:
    function = catalog.functions()[name]
    defaults = {key: rule["default"] for key, rule in function.properties.items() if "default" in rule}
    defaults |= {"size": "768*768"} if "size" in defaults else {}
    images = tuple(painted(subject, (96, 80), 1) for slot in ("image", "images") if slot in function.inputs)
    mask = painted(dot, (96, 80), 1) if "mask" in function.inputs else None
    return engine.apply(EditRequest(name, images, mask, {**defaults, "prompt": prompt}))


@pytest.mark.parametrize("name", READING)
@pytest.mark.parametrize("prompt", ["xyzzy frobnicates", "嘦嫑🦊", "?!"])
def test_prompt_without_a_known_word_is_answered_in_words(name: str, prompt: str) -> None:
    words = ("prompt", "asked", "instruction", prompt.split()[0])
    assert any(word in warning for warning in prompted(name, prompt).warnings for word in words)


@pytest.mark.parametrize("name", READING)
def test_nothing_is_said_of_a_prompt_that_nobody_wrote(name: str) -> None:
    rule = catalog.functions()[name].properties["prompt"]
    for nothing in [rule["default"], ""] if "default" in rule else []:
        assert not any("prompt" in warning for warning in prompted(name, nothing).warnings)
