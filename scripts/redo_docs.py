"""Types the console blocks of README.md and docs/*.md, or of the pages that are named, and rewrites what they quote.

    python scripts/redo_docs.py                 all pages
    python scripts/redo_docs.py docs/picks.md   one

How a page is read stands in consoles.py. What differs only in times, sizes and digests is left as it is.
The pictures that a page keeps are scaled and go to docs/pictures.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from consoles import PAGES, ROOT, differences
from PIL import Image

WIDEST = 1200


def redo(page: Path) -> int:
    """How many quotations of a page were rewritten."""
    text = page.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        found = list(differences(text, Path(folder).resolve(), redo=True))
        for picture in (Path(folder).resolve() / ".shown").iterdir():
            keep(picture)
    for typed, said in reversed(found):
        start, end = typed.at
        text = text[:start] + said + text[end:]
    page.write_text(text, encoding="utf-8")
    return len(found)


def keep(picture: Path) -> None:
    """As a page shows it."""
    with Image.open(picture) as image:
        shown = image.convert("RGB")
    shown.thumbnail((WIDEST, WIDEST), Image.Resampling.LANCZOS)
    shown.save(ROOT / "docs" / "pictures" / f"{picture.stem}.jpg", quality=86)


def main(named: list[str]) -> None:
    for page in [Path(name) for name in named] or PAGES:
        print(f"{page.name}: {redo(page)} rewritten")


if __name__ == "__main__":
    main(sys.argv[1:])
