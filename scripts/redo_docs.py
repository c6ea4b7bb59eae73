"""Types the console blocks of README.md and docs/*.md, or of the pages that are named, and rewrites what they quote.

    python scripts/redo_docs.py                 all pages
    python scripts/redo_docs.py docs/picks.md   one

How a page is read stands in consoles.py. What differs only in times, sizes and digests is left as it is.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from consoles import PAGES, differences


def redo(page: Path) -> int:
    """How many quotations of a page were rewritten."""
    text = page.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        found = list(differences(text, Path(folder).resolve()))
    for typed, said in reversed(found):
        start, end = typed.at
        text = text[:start] + said + text[end:]
    page.write_text(text, encoding="utf-8")
    return len(found)


def main(named: list[str]) -> None:
    for page in [Path(name) for name in named] or PAGES:
        print(f"{page.name}: {redo(page)} rewritten")


if __name__ == "__main__":
    main(sys.argv[1:])
