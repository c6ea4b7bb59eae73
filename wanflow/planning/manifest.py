"""A recipe's manifest, opened and held against the recipe: what a plan's rows come from, and what is wrong with it."""

from __future__ import annotations

import json
import os.path
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema

from wanflow.documents import foreign, schemas
from wanflow.documents.source import NodePath, read_text
from wanflow.errors import Mark, Problem, RecipeError, did_you_mean
from wanflow.language.expand import used_columns
from wanflow.language.recipe import ManifestSpec, Recipe
from wanflow.manifests import tables
from wanflow.manifests.reach import Reach, everywhere
from wanflow.manifests.rows import Manifest
from wanflow.manifests.tables import Record, Table
from wanflow.settings import shown


def open_manifest(recipe: Recipe, here: Path, reach: Reach | None = None) -> tuple[Manifest | None, list[Problem]]:
    """The manifest of a recipe, or None and why it can't be read; a recipe without a manifest has one row."""
    spec = recipe.manifest
    if spec is None:
        data = recipe.document.data
        if isinstance(data, dict) and "manifest" in data:
            return None, []  # its own problems are told already
        table = Table(iter([Record({"id": "only"}, 1, "")]), ("id",), of_files=True)
        return Manifest(table, recipe.folder, recipe.document.path, "id", {}), []
    file, reach = recipe.folder / spec.source, reach or everywhere()
    is_glob = tables.is_glob(spec.source)
    if absent := list(_absent_files(recipe, spec, here, reach)):
        return None, absent
    # A glob from a flag is absolute, and one of the recipe is told as that says it.
    told = not is_glob or Path(spec.source).is_absolute()
    name = shown(Path(os.path.normpath(file)) if is_glob else file.resolve(), here) if told else spec.source
    folder = recipe.folder if is_glob else file.resolve().parent
    try:
        table = tables.read_table(spec.source, recipe.folder, name, reach)
        manifest = Manifest(table, folder, name, spec.key, spec.types)
        problems = list(_spec_problems(recipe, manifest))
        if spec.schema:
            manifest.row_checker = _row_checker(recipe, spec.schema, here)
    except RecipeError as error:
        return None, error.problems
    return (None if any(p.rule == "row-key" for p in problems) else manifest), problems


def _absent_files(recipe: Recipe, spec: ManifestSpec, here: Path, reach: Reach) -> Iterator[Problem]:
    named = {"schema": spec.schema, "from": tables.fixed_part(spec.source)}
    for field, source in named.items():
        if not source:
            continue
        path = recipe.folder / source
        if complaint := reach.complaint(path):
            yield recipe.document.problem(("manifest", field), "out-of-reach", f"{source}: {complaint}")
        elif not (field == "from" and tables.is_glob(spec.source)) and not _exists(path):
            message = f"there is no file {shown(path.resolve(), here)}"
            yield recipe.document.problem(("manifest", field), "file", message, "Paths start at the recipe's folder.")


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name that is too long; reading it tells
        return True


def _spec_problems(recipe: Recipe, manifest: Manifest) -> Iterator[Problem]:
    spec = recipe.manifest
    if spec is None or manifest.columns is None:
        return
    if spec.key not in manifest.columns:
        hint = did_you_mean(spec.key, manifest.columns) + " Name the column that identifies a row with key:."
        if tables.is_glob(spec.source):
            hint = "A glob's columns are path, name, stem, ext and folder; write key: name, or leave key: out for stem."
        message = f"the manifest {manifest.shown} has no column {spec.key} for row keys"
        yield recipe.document.problem(("manifest", "key"), "row-key", message, hint)
    for column in spec.types:
        if column not in manifest.columns:
            message = f"the manifest {manifest.shown} has no column {column}"
            where = ("manifest", "types", column)
            yield recipe.document.problem(where, "column", message, did_you_mean(column, manifest.columns), key=True)


def _row_checker(recipe: Recipe, source: str, here: Path) -> Callable[[Mapping[str, Any]], Iterator[str]]:
    path = (recipe.folder / source).resolve()
    name = shown(path, here)
    text = read_text(path, name, foreign.MAX_BYTES)
    try:
        judge = foreign.Judge(tables.read_json(text))
    except json.JSONDecodeError as error:
        place = Mark(error.lineno, error.colno)
        raise RecipeError([Problem("json", f"not valid JSON: {error.msg}", name, place)]) from error
    except ValueError as error:  # a number of thousands of digits
        raise RecipeError([Problem("json", f"not valid JSON: {error}", name)]) from error
    except (jsonschema.SchemaError, RecursionError) as error:
        said = error.message if isinstance(error, jsonschema.SchemaError) else "nested too deeply"
        raise RecipeError([Problem("row-schema", f"not a JSON Schema: {said[:200]}", name)]) from error

    def messages(values: Mapping[str, Any]) -> Iterator[str]:
        try:
            for error in judge.faults(values):
                column = str(error.absolute_path[0]) if error.absolute_path else "the row"
                yield schemas.said(error, column)[1]
        except foreign.TooMuchWorkError as error:
            yield f"the row schema {name} can't be applied: {error}"
        except (ValueError, TypeError, AttributeError, LookupError) as error:
            # A $ref may lead to what is no schema; jsonschema finds that out only when it gets there.
            yield f"the row schema {name} can't be applied: {type(error).__name__}: {str(error)[:100]}"

    return messages


def column_problems(recipe: Recipe, manifest: Manifest) -> Iterator[tuple[NodePath, Problem]]:
    """Every place of the recipe that names a column which the manifest doesn't have."""
    columns = manifest.columns
    for where, column in used_columns(recipe) if columns is not None else ():
        if columns is not None and column not in columns:
            message, hint = f"the manifest {manifest.shown} has no column {column}", did_you_mean(column, columns)
            if recipe.manifest is None:
                message, hint = f"there is no manifest, so row.{column} has no value", "Add manifest: {from: FILE}."
            yield where, recipe.document.problem(where, "column", message, hint)


def no_rows(recipe: Recipe, manifest: Manifest, here: Path) -> Iterator[Problem]:
    """That a manifest which was read to its end is empty; nothing when it isn't."""
    if manifest.count or manifest.problems or manifest.broken or recipe.manifest is None:
        return
    if tables.is_glob(recipe.manifest.source):
        message = f"no file matches {recipe.manifest.source} in {shown(recipe.folder, here)}"
        yield recipe.document.problem(("manifest", "from"), "manifest", message, "Paths start at the recipe's folder.")
    else:
        yield Problem("manifest", "the manifest has no rows", manifest.shown, Mark(1, 1), hint="One line a picture.")
