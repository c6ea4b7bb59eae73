"""What mkdocs is told beyond mkdocs.yml: files of this repository that pages link to go into the site with them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parent.parent
# A link from docs/ into the rest of the repository: ](../recipes/album.yaml)
OUTSIDE = re.compile(r"\]\(\.\./(?P<path>[\w./-]+)(?P<rest>#[\w-]*)?\)")


def on_files(files: Files, config: Any) -> Files:
    """Add what pages link to outside of docs/, under source/."""
    linked = {
        found["path"]
        for page in files.documentation_pages()
        for found in OUTSIDE.finditer(page.content_string)
        if page.src_uri.count("/") == 0
    }
    for path in sorted(linked):
        files.append(File.generated(config, _place(path), abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Lead these links to where they are in the site."""
    if page.file.src_uri.count("/"):
        return markdown
    return OUTSIDE.sub(lambda found: f"]({_place(found['path'])})", markdown)


def _place(path: str) -> str:
    # As text a browser shows what it would otherwise save; names with a dot before them are not copied.
    return f"source/{path.replace('/.', '/').removeprefix('.')}.txt"
