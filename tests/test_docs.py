"""What the pages quote is what is printed: every console block of README.md and docs/ is typed in."""

from __future__ import annotations

from pathlib import Path

import pytest
from consoles import BASH, PAGES, differences, typed_on

TYPED = [page for page in PAGES if any(one.printed is not None for one in typed_on(page.read_text("utf-8")))]


@pytest.mark.slow
@pytest.mark.skipif(not BASH, reason="the pages are typed into bash")
@pytest.mark.parametrize("page", TYPED, ids=lambda page: page.stem)
def test_a_page_quotes_what_is_printed(page: Path, tmp_path: Path) -> None:
    found = list(differences(page.read_text("utf-8"), tmp_path))
    assert not found, "\n".join(f"$ {typed.command}\n{said}" for typed, said in found) + "\npython scripts/redo_docs.py"
