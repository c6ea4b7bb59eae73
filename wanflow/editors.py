"""What editors need to complete and check recipes: the schemas in a project's folder, and files that name them.

Of a file that people wrote only a comment is added, or in VS Code's settings an entry, and only where everything else
stays as it is, to the byte.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from wanflow.documents.schemas import load, shipped
from wanflow.errors import UsageError, unwritable
from wanflow.settings import FILE, find_root
from wanflow.store.blobs import write_whole

FOLDER = "schemas"
MAX_BYTES = 1_000_000
RECIPE, SETTINGS, PICKS = "recipe.schema.json", "settings.schema.json", "picks.schema.json"
VSCODE = Path(".vscode", "settings.json")
_MODELINE = re.compile(rb"^#[ \t]*(?:yaml-language-server:[ \t]*\$schema=|\$schema:[ \t]*)(\S+)", re.MULTILINE)
_DIRECTIVE = re.compile(rb"^#:schema[ \t]+(\S+)", re.MULTILINE)
_BOM = b"\xef\xbb\xbf"


def modeline(schema: str) -> str:
    """The comment by which YAML language servers and JetBrains' editors find a file's schema."""
    return f"# yaml-language-server: $schema={schema}"


def directive(schema: str) -> str:
    """The comment by which TOML language servers find it."""
    return f"#:schema {schema}"


def write_schema(root: Path, name: str) -> Path:
    """The schema of this file name in the project, as this wanflow has it. Raises UsageError, OSError."""
    target = root / FOLDER / name
    text = shipped("schemas", name).read_bytes()
    if target.exists():
        if target.read_bytes() == text:
            return target
        if not _is_ours(target):
            raise UsageError(f"{FOLDER}/{name} is no schema of wanflow's; move it away, and install again")
    write_whole(target, [text])
    return target


def install(recipes: Iterable[Path], here: Path, *, vscode: bool | None = None) -> Iterator[str]:
    """Let editors know what these recipes are, and tell what was done; doing it again changes nothing.

    In VS Code's settings, or by a comment in each recipe; if not said, in the settings where there is a .vscode folder.
    Raises UsageError.
    """
    projects: dict[Path, list[Path]] = {}
    for recipe in recipes:
        file = (here / recipe).resolve()
        projects.setdefault(find_root(file, here), []).append(file)
    for root, files in projects.items():
        try:
            write_schema(root, RECIPE)
            yield f"{_shown(root, here)}{FOLDER}/{RECIPE}: what this wanflow knows"
            if (root / VSCODE.parent).is_dir() if vscode is None else vscode:
                yield from _in_vscode(root, files, here)
            else:
                for file in files:
                    yield _named(file, root, RECIPE, _MODELINE, modeline, here)
            if (settings := root / FILE).is_file():
                write_schema(root, SETTINGS)
                yield _named(settings, root, SETTINGS, _DIRECTIVE, directive, here)
        except OSError as error:
            raise UsageError(unwritable(root, error)) from error


def _is_ours(file: Path) -> bool:
    try:
        held = json.loads(file.read_text(encoding="utf-8")) if file.stat().st_size <= MAX_BYTES else None
    except (OSError, ValueError):
        return False
    return isinstance(held, dict) and held.get("$id") in {load(name)["$id"] for name in (RECIPE, SETTINGS, PICKS)}


def _named(file: Path, root: Path, schema: str, known: re.Pattern[bytes], comment: Any, here: Path) -> str:
    """Let the first line of a file name its schema."""
    raw, shown = file.read_bytes(), _shown(file, here)
    bom, raw = (_BOM, raw.removeprefix(_BOM)) if raw.startswith(_BOM) else (b"", raw)
    if found := known.search(raw):
        other = file.parent / os.fsdecode(found[1])
        if other.name == schema and other.is_file() and _is_ours(other):
            write_whole(other.resolve(), [shipped("schemas", schema).read_bytes()])
        return f"{shown} names {os.fsdecode(found[1])} already"
    end = "\r\n" if b"\r\n" in raw.partition(b"\n")[0] + b"\n" else "\n"
    line = comment(os.path.relpath(root / FOLDER / schema, file.parent).replace(os.sep, "/"))
    mode = file.stat().st_mode
    write_whole(file, [bom, f"{line}{end}".encode(), raw])
    file.chmod(mode)
    return f"{shown} names it in its first line"


# -- VS Code


def _in_vscode(root: Path, recipes: list[Path], here: Path) -> Iterator[str]:
    write_schema(root, PICKS)
    wanted = {f"{FOLDER}/{RECIPE}": sorted(file.relative_to(root).as_posix() for file in recipes)}
    wanted[f"{FOLDER}/{PICKS}"] = ["picks/*.yaml"]
    file, shown = root / VSCODE, f"{_shown(root, here)}{VSCODE.as_posix()}"
    before = file.read_bytes() if file.exists() else b"{}\n"
    after = merged(before, wanted)
    if after is None:
        entry = json.dumps({"yaml.schemas": wanted}, indent=2, ensure_ascii=False)
        yield f"{shown} has comments or a layout that would be lost; add to it:\n{entry}"
    elif after == before:
        yield f"{shown} names it already"
    else:
        write_whole(file.resolve(), [after])
        yield f"{shown} names it for {', '.join(wanted[f'{FOLDER}/{RECIPE}'])} and picks/*.yaml"


def merged(before: bytes, wanted: dict[str, list[str]]) -> bytes | None:
    """VS Code's settings with these entries in yaml.schemas; None where anything else would change by that."""
    try:
        text = before.decode()
        settings = json.loads(text)
    except ValueError:  # comments, commas at the end, bytes that are no text
        return None
    if not isinstance(settings, dict) or not isinstance(settings.get("yaml.schemas", {}), dict):
        return None
    indent = found[1] if (found := re.search(r"\n([ \t]+)\S", text)) else "  "
    end = "\r\n" if "\r\n" in text else "\n"
    tail = text[len(text.rstrip()) :]

    def written(value: Any) -> bytes:
        return (json.dumps(value, indent=indent, ensure_ascii=False).replace("\n", end) + tail).encode()

    if settings and written(settings) != before:
        return None
    schemas = dict(settings.get("yaml.schemas", {}))
    for name, files in wanted.items():
        given = schemas.get(name, [])
        listed = [given] if isinstance(given, str) else given
        if any(file not in listed for file in files):
            schemas[name] = [*listed, *(file for file in files if file not in listed)]
    return before if schemas == settings.get("yaml.schemas") else written({**settings, "yaml.schemas": schemas})


def _shown(path: Path, here: Path) -> str:
    if path == here:
        return ""
    said = str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
    return f"{said}/" if path.is_dir() else said
