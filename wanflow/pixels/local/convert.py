"""local/convert: which file a picture becomes. The picture stays; how it is coded is said to who stores it."""

from __future__ import annotations

import struct

import numpy as np
from PIL import Image

from wanflow.pixels.engine import Coding, Edited, EditRequest, Fidelity, Picture, edit
from wanflow.pixels.expand import FLATTENED
from wanflow.pixels.icc import profile
from wanflow.pixels.local.paint import colour, on

NO_EXIF = "the picture that this step read has no EXIF data to keep"
_ORIENTATION, _EXIF_IFD, _WIDTH, _HEIGHT = 0x0112, 0x8769, 0xA002, 0xA003


@edit("local/convert")
def convert(request: EditRequest) -> Edited:
    """The picture with its coding; on a ground where the format has no transparency."""
    parameters, picture = request.parameters, request.image
    said: list[str] = []
    if picture.alpha is not None and parameters["format"] in ("jpeg", "bmp"):
        picture = Picture(np.asarray(on(picture, colour(parameters.get("color")))), None, picture.lossless)
        said += [] if parameters.get("color") else [FLATTENED]
    exif = _exif(request.image) if parameters["metadata"] == "keep" else b""
    if parameters["metadata"] == "keep" and not exif:
        said.append(NO_EXIF)
    name = parameters["profile"]
    coding = Coding(
        parameters["format"].upper(), parameters.get("quality"), b"" if name == "none" else profile(name), exif
    )
    return Edited(picture, Fidelity.REAL, tuple(said), coding=coding)


def _exif(picture: Picture) -> bytes:
    """The EXIF data of the picture's file, fit for its upright pixels; empty where there is none or it's broken."""
    exif = Image.Exif()
    try:
        exif.load(picture.exif)
        exif.pop(_ORIENTATION, None)
        details = exif.get_ifd(_EXIF_IFD)
        for tag, side in ((_WIDTH, picture.size[0]), (_HEIGHT, picture.size[1])):
            if tag in details:
                details[tag] = side
        return exif.tobytes() if len(exif) else b""
    except (OSError, ValueError, SyntaxError, TypeError, LookupError, OverflowError, struct.error):
        return b""
