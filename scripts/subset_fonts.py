"""Writes wanflow/pixels/fonts/*.ttf.xz, the letters of the stamp, from two Debian fonts (fonttools; not run by make).

apt-get install fonts-droid-fallback fonts-dejavu-core; pip install fonttools
"""

import io
import lzma
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

from wanflow.functions.glyphs import HANZI, LATIN

FOLDER = Path("/usr/share/fonts/truetype")
TARGET = Path(__file__).parent.parent / "wanflow" / "pixels" / "fonts"


def reduced(source: Path, characters: str) -> bytes:
    options = subset.Options(hinting=False, layout_features=[], name_IDs=[0, 1, 2, 13, 14], notdef_outline=True)
    options.drop_tables += ["GSUB", "GPOS", "GDEF", "FFTM", "vhea", "vmtx", "kern"]
    font = TTFont(source, recalcTimestamp=False)
    subsetter = subset.Subsetter(options)
    subsetter.populate(text=characters)
    subsetter.subset(font)
    buffer = io.BytesIO()
    font.save(buffer)
    return lzma.compress(buffer.getvalue(), preset=9 | lzma.PRESET_EXTREME)


if __name__ == "__main__":
    for name, source, characters in (
        ("hanzi", FOLDER / "droid" / "DroidSansFallbackFull.ttf", HANZI),
        ("latin", FOLDER / "dejavu" / "DejaVuSans-Bold.ttf", LATIN),
    ):
        packed = reduced(source, characters)
        (TARGET / f"{name}.ttf.xz").write_bytes(packed)
        print(f"{name}: {len(characters)} characters, {len(packed)} bytes")
