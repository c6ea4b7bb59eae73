"""wan/description_edit: the instructions that need no model, a new colour for a thing or a change of tone, are done.

Everything else comes back stamped. Colours change at constant luminance; `strength` 0 keeps the picture, 0.5 (the
default) does what the words say, 1 does it with emphasis.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from wanflow.errors import quoted
from wanflow.pixels.brushes import brush_for, painted_strips
from wanflow.pixels.engine import Edited, EditRequest, Fidelity, edit
from wanflow.pixels.instruction import Change, read
from wanflow.pixels.regions import FAINT, Region
from wanflow.pixels.scene import SURE
from wanflow.pixels.sight import Sight
from wanflow.pixels.stamp import stamped
from wanflow.pixels.target import AGREED, ROUGH, SHARP, guessed, taken_for
from wanflow.pixels.told import HOW, aimed, how, place, told
from wanflow.pixels.words import Kind

# Each change takes up to 3 s of a 4096 px picture.
MOST_CHANGES = 12
QUOTED = 3  # clauses of the prompt that a warning repeats
UNCHANGED = "strength 0 asks for no change, so the picture was returned as it is"
EXAMPLES = '"Change the flower to blue", "make it brighter", "blur the background", "把花改成蓝色"'


def _foreseen(parameters: Mapping[str, Any]) -> Fidelity:
    """Approximate when every clause is understood, though a thing may yet turn out not to be in the picture."""
    if float(parameters.get("strength", 0.5)) <= 0:
        return Fidelity.APPROXIMATE
    instruction = read(str(parameters.get("prompt") or ""))
    done = 0 < len(set(instruction.changes)) <= MOST_CHANGES and not instruction.left
    return Fidelity.APPROXIMATE if done else Fidelity.PROXY


@edit("wan/description_edit", foresee=_foreseen)
def describe_edit(request: EditRequest) -> Edited:
    """Do what the instruction says where that is a matter of colour and tone; stamp the rest."""
    picture, strength = request.image, float(request.parameters.get("strength", 0.5))
    if strength <= 0:
        return Edited(picture, Fidelity.APPROXIMATE, (UNCHANGED,))
    instruction, found = read(request.prompt), told(picture.rgb, request.hint)
    hinted = found.mask
    sight = Sight(picture.rgb, hinted)
    wanted = list(dict.fromkeys(instruction.changes if hinted is None else _aimed(instruction.changes)))
    rgb, warnings, undone = picture.rgb, list(found.warnings), list(instruction.left)
    undone += [_named(change) for change in wanted[MOST_CHANGES:]]
    for change in wanted[:MOST_CHANGES]:
        region = None if change.kind is Kind.WHOLE else sight.region(change.kind)
        if region and region.confidence < FAINT:
            warnings.append(f"no {quoted(change.region)} was found in the picture{how(hinted)}")
            undone.append(_named(change))
            continue
        brush = brush_for(rgb, change, region, strength, request.seed)
        rgb = np.concatenate(list(painted_strips(rgb, brush, sight.place(region) if region else None)))
        if region:
            warnings += _doubts(change, region, sight)
        if change.tone and change.tone.chroma < 0.02:
            warnings.append(f"light and shade are kept, so {change.colour} only takes the colour away")
    edited = replace(picture, rgb=rgb)
    if instruction.changes and not undone:
        return Edited(edited, Fidelity.APPROXIMATE, tuple(warnings))
    return stamped(edited, request.prompt, *warnings, _undone(undone))


def _aimed(changes: Sequence[Change]) -> list[Change]:
    """The changes once a hint says where the subject is."""
    alone = len({change.kind for change in changes} - {Kind.WHOLE}) == 1
    return [replace(change, kind=aimed(change.kind, alone=alone)) for change in changes]


def _named(change: Change) -> str:
    return f"{change.region}: {change.colour or change.verb}"


def _undone(clauses: list[str]) -> str:
    what = "; ".join(map(quoted, clauses[:QUOTED])) or "the instruction"
    if len(clauses) > QUOTED:
        what += f" and {len(clauses) - QUOTED} more"
    return f"{what} can't be done without a generative model; without one, try {EXAMPLES}"


def _doubts(change: Change, region: Region, sight: Sight) -> Iterator[str]:
    """What to say of a region that was looked for."""
    size, hinted = (sight.rgb.shape[1], sight.rgb.shape[0]), sight.told
    if hinted is not None and change.kind in (Kind.SUBJECT, Kind.OTHER, Kind.PERSON):
        return
    at = place(region.mask > 0.5, size) if (region.mask > 0.5).any() else "nowhere in full"
    if region.confidence < SURE or region.agreed < AGREED:
        yield guessed(change.region, at) if hinted is None else guessed(change.region, at).removesuffix(f"; {HOW}")
        return
    if region.agreed < SHARP:
        yield ROUGH.format(quoted(change.region))
    if hinted is None:
        yield from taken_for(change.region, change.kind, at, open_sky=change.kind is Kind.SKY and sight.scene.open_sky)
