"""`wanflow init`: a working example project, copied from what ships with wanflow."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

from wanflow.documents.schemas import shipped
from wanflow.errors import UsageError, unwritable

_MANIFEST = "photos.csv"
_WRITTEN = ("restore.yaml", _MANIFEST, "photos", "wanflow.toml", ".gitignore")


def create(folder: Path) -> Iterator[str]:
    """Write the example into a folder and tell what to do next. Raises UsageError; overwrites nothing."""
    example = shipped("examples", "restore")
    try:
        if folder.is_file():
            raise UsageError(f"{folder} is a file; choose another folder")
        folder.mkdir(parents=True, exist_ok=True)
        if taken := [name for name in _WRITTEN if (folder / name).exists()]:
            raise UsageError(f"{folder} already holds {', '.join(taken)}; choose another folder")
        (folder / "photos").mkdir()
        for photo in (example / "photos").iterdir():
            shutil.copyfile(photo, folder / "photos" / photo.name)
        shutil.copyfile(example / _MANIFEST, folder / _MANIFEST)
        recipe = shipped("recipes", "restore.yaml").read_text(encoding="utf-8")
        text = recipe.partition("\n")[2].replace(f"../examples/restore/{_MANIFEST}", _MANIFEST)
        (folder / "restore.yaml").write_text(f"{_MODELINE}\n{text}", "utf-8")
        schema = shipped("schemas", "recipe.schema.json")
        shutil.copyfile(schema, folder / schema.name)
        (folder / "wanflow.toml").write_text(_SETTINGS, encoding="utf-8")
        (folder / ".gitignore").write_text("/.wanflow/\n/out/\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(unwritable(folder, error)) from error
    yield f"{folder}: restore.yaml, {_MANIFEST}, photos/"
    yield "Next:"
    if folder.resolve() != Path.cwd():
        yield f"  cd {shlex.quote(str(folder))}"
    yield "  wanflow plan restore.yaml"
    yield "  wanflow run restore.yaml"


# Editors with a YAML language server check and complete recipes by this line.
_MODELINE = "# yaml-language-server: $schema=recipe.schema.json"
_SETTINGS = """\
# Settings of this project; flags go before them.
backend = "draft"   # free, on this machine
out = "."           # output paths start here
# jobs = 2          # edits at once; all cores unless told
"""
