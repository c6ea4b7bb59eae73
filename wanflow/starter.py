"""`wanflow init`: a working project, of the photographs that ship with wanflow or of one's own."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

from wanflow.documents.schemas import shipped
from wanflow.editors import FOLDER, RECIPE, SETTINGS, directive, modeline, write_schema
from wanflow.errors import UsageError, unwritable

_ALWAYS = ("photos", "wanflow.toml", ".gitignore")
# What the draft engine and the provider read; a glob of the recipe takes all that lies in photos/.
_ENDINGS = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"})


def create(folder: Path, photographs: Path | None = None) -> Iterator[str]:
    """Write a project into a folder and tell what to do next. Raises UsageError; overwrites nothing.

    Without `photographs` it is the example; of a folder of photographs those directly in it are copied.
    """
    if photographs is None:
        yield from _written(folder, "restore", shipped("examples", "restore", "photos"), ["photos.csv"])
    else:
        yield from _written(folder, "photos", photographs, [])


def _written(folder: Path, recipe: str, photographs: Path, tables: list[str]) -> Iterator[str]:
    copied, rest = _pictures(photographs)
    recipe_file = f"{recipe}.yaml"
    try:
        if folder.is_file():
            raise UsageError(f"{folder} is a file; choose another folder")
        folder.mkdir(parents=True, exist_ok=True)
        if taken := [name for name in (recipe_file, *tables, *_ALWAYS) if (folder / name).exists()]:
            raise UsageError(f"{folder} already holds {', '.join(taken)}; choose another folder")
        for schema in (RECIPE, SETTINGS):
            write_schema(folder, schema)
        (folder / "photos").mkdir()
        for photo in copied:
            shutil.copyfile(photo, folder / "photos" / photo.name)
        for table in tables:
            shutil.copyfile(shipped("examples", "restore", table), folder / table)
        (folder / recipe_file).write_text(_recipe(recipe_file), encoding="utf-8")
        settings = f"{directive(f'{FOLDER}/{SETTINGS}')}\n{_SETTINGS}"
        (folder / "wanflow.toml").write_text(settings, encoding="utf-8")
        (folder / ".gitignore").write_text("/.wanflow/\n/out/\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(unwritable(folder, error)) from error
    left_out = f"; other files left out: {rest:,}" if rest else ""
    counted = f" (photographs copied: {len(copied):,}{left_out})" if not tables else ""
    yield f"{folder}: {', '.join([recipe_file, *tables, 'photos/'])}{counted}"
    yield "Next:"
    if folder.resolve() != Path.cwd():
        yield f"  cd {shlex.quote(str(folder))}"
    yield f"  wanflow plan {recipe_file}"
    yield f"  wanflow run {recipe_file}"


def _pictures(folder: Path) -> tuple[list[Path], int]:
    """The photographs directly in a folder, by name, and how many other files are there. Raises UsageError."""
    try:
        files = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    except OSError as error:
        raise UsageError(f"{folder} can't be read: {error.strerror}; --from takes a folder of photographs") from error
    pictures = [path for path in files if path.suffix.lower() in _ENDINGS]
    if not pictures:
        known = ", ".join(sorted(_ENDINGS))
        raise UsageError(f"{folder} holds no photographs ({known}); --from takes the folder that they are in")
    return pictures, len(files) - len(pictures)


def _recipe(name: str) -> str:
    """A recipe as it ships, with its manifest beside it."""
    text = shipped("recipes", name).read_text(encoding="utf-8").partition("\n")[2]
    text = text.replace("../examples/restore/photos/*.jpg", "photos/*").replace("../examples/restore/", "")
    return f"{modeline(f'{FOLDER}/{RECIPE}')}\n{text}"


_SETTINGS = """\
# Settings of this project; flags go before them.
backend = "draft"   # free, on this machine
out = "."           # output paths start here
# jobs = 2          # edits at once; all cores unless told
"""
