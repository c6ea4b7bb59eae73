"""What shells offer behind TAB: recipes, jobs, parameters, runs.

Read from a recipe's text and its manifest, with bounds, so that it takes no longer than a key press may: nothing is
planned, fetched or written, and what is broken, or a stranger's trap, offers nothing and says nothing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from wanflow.documents.source import MAX_BYTES, parse, read_text
from wanflow.errors import WanflowError
from wanflow.language.below import is_recipe

MOST_ROWS = 100_000
MOST_SHOWN = 60
MOST_FILES = 500
MOST_FOLDERS = 200
MAX_DEPTH = 4
MAX_TABLE_BYTES = {".json": 4_000_000, ".yaml": 200_000, ".yml": 200_000}
PART = "part"  # the type of what is not a whole word yet

_ATOM = re.compile(r'(?:[^\s,"]|"[^"]*"?)*\Z')
_STATES = ("new", "changed", "missing", "failed", "parked")

Item = CompletionItem
Offer = Callable[[click.Context, str], Iterable[Item]]


def quietly(offer: Offer, context: click.Context, begun: str) -> list[Item]:
    """What is offered for a word that is begun; nothing where anything is wrong."""
    try:
        return list(offer(context, begun))
    except (WanflowError, OSError, ValueError, TypeError, RecursionError):
        return []


def _items(values: Iterable[str], begun: str, kind: str = "plain") -> Iterator[Item]:
    yield from (Item(value, kind) for value in values if value.startswith(begun) and value.isprintable())


# -- files


def paths(begun: str, fits: Callable[[Path], bool]) -> Iterator[Item]:
    """Folders, and the files that fit, as far as they are begun."""
    folder, slash, name = begun.rpartition("/")
    shown = folder + slash
    with os.scandir(Path(shown or ".").expanduser()) as entries:
        found = sorted(islice((entry for entry in entries if entry.name.startswith(name)), 10 * MOST_FILES), key=_name)
    for entry in found[:MOST_FILES]:
        if (entry.name.startswith(".") and not name.startswith(".")) or not entry.name.isprintable():
            continue
        if entry.is_dir():
            yield Item(f"{shown}{entry.name}/", PART)
        elif fits(Path(entry.path)):
            yield Item(f"{shown}{entry.name}")


def _name(entry: os.DirEntry[str]) -> str:
    return entry.name


def files(context: click.Context, begun: str) -> Iterator[Item]:
    """Any file."""
    return paths(begun, lambda file: True)


def folders(context: click.Context, begun: str) -> Iterator[Item]:
    """Folders alone."""
    return paths(begun, lambda file: False)


def recipes(context: click.Context, begun: str) -> Iterator[Item]:
    """Recipes, and folders on the way to them."""
    return paths(begun, _is_recipe)


def to_work_on(context: click.Context, begun: str) -> Iterator[Item]:
    """What the command takes first: a recipe, a plan's file that is run, any file that is explained."""
    if context.info_name == "explain":
        return files(context, begun)
    plans = context.info_name == "run"
    return paths(begun, lambda file: (plans and file.suffix == ".json") or _is_recipe(file))


def _is_recipe(file: Path) -> bool:
    return file.suffix in (".yaml", ".yml") and is_recipe(file)


# -- recipes


@dataclass(frozen=True, slots=True)
class Outline:
    """What stands in a recipe, as far as it can be read: steps by all their names, with what is written of them."""

    file: Path
    data: Mapping[str, Any]
    steps: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def named(self, *, per_run: bool) -> list[str]:
        """The steps of every row, or of the whole run."""
        return [name for name, step in self.steps.items() if (step.get("per") == "run") is per_run]


def outline(file: Path, depth: int = 0) -> Outline:
    """What stands in a file, and in the recipes that it uses. Raises RecipeError."""
    data = _map(parse(read_text(file, file.name, MAX_BYTES), file.name).data)
    steps = {name: _map(step) for name, step in _map(data.get("steps")).items()}
    found: dict[str, Mapping[str, Any]] = {}
    for name, step in steps.items():
        called = [name, *(f"{name}@{instance}" for instance in _instances(steps, name))]
        found |= dict.fromkeys(called, step)
        used = step.get("uses")
        if isinstance(used, str) and used.startswith(("./", "../")) and depth < MAX_DEPTH:
            try:
                inner = outline(file.parent / used, depth + 1).steps
            except WanflowError:
                continue
            found |= {f"{outer}.{own}": entry for outer in called for own, entry in inner.items()}
        if len(found) > MOST_FILES:
            break
    return Outline(file, data, found)


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _instances(steps: Mapping[str, Mapping[str, Any]], name: str) -> list[str]:
    matrix = steps[name].get("matrix")
    if isinstance(matrix, str):
        matrix = _map(steps.get(matrix.removeprefix("steps."))).get("matrix")
    if not isinstance(matrix, dict) or not all(
        values and isinstance(values, list | dict) for values in matrix.values()
    ):
        return []
    from wanflow.language.matrix import instances

    exclude = steps[name].get("exclude")
    return [one.name for one in instances(matrix, exclude if isinstance(exclude, list) else [])[0]]


def _outlines(context: click.Context) -> Iterator[Outline]:
    """Of the recipe that is named before; else of those in this folder."""
    named = context.params.get("recipe")
    found = (
        [Path(named)] if named else [file for file in sorted(Path().glob("*.y*ml"))[:MOST_FILES] if _is_recipe(file)]
    )
    for file in found[:5]:
        try:
            yield outline(file)
        except WanflowError:
            continue


def params(context: click.Context, begun: str) -> Iterator[Item]:
    """NAME= of the recipe's parameters, then their values."""
    name, equals, _ = begun.partition("=")
    for recipe in _outlines(context):
        declared = {key: _map(rule) for key, rule in _map(recipe.data.get("params")).items()}
        if not equals:
            yield from (
                Item(f"{key}=", PART, help=_help(rule)) for key, rule in declared.items() if key.startswith(name)
            )
            continue
        rule = declared.get(name, {})
        values = ["true", "false"] if rule.get("type") == "boolean" else rule.get("enum") or []
        values = values or [rule[key] for key in ("default",) if key in rule]
        yield from _items(dict.fromkeys(f"{name}={value}" for value in values), begun)


def _help(rule: Mapping[str, Any]) -> str | None:
    said = rule.get("description")
    return said if isinstance(said, str) and said.isprintable() else None


# -- rows


def _keys(context: click.Context, recipe: Outline, begun: str) -> Iterator[str]:
    """The keys of rows as far as they are begun."""
    manifest, other = _map(recipe.data.get("manifest")), context.params.get("manifest")
    folder, source = (Path(), str(other)) if other else (recipe.file.parent, manifest.get("from"))
    if not isinstance(source, str):
        return
    from wanflow.manifests import globs, tables

    key = manifest.get("key")
    if tables.is_glob(source):
        entered = iter(range(MOST_FOLDERS))
        found = globs.find(folder, source, lambda folder: next(entered, None) is not None)
        for name in islice(found, MOST_ROWS):
            yield Path(name).name if key == "name" else Path(name).stem
        return
    file = folder / source
    if file.stat().st_size > MAX_TABLE_BYTES.get(file.suffix.lower(), 20_000_000):
        return
    for record in islice(tables.read_table(source, folder, source).records, MOST_ROWS):
        yield str(record.values.get(str(key or "id"), ""))


def _rows(context: click.Context, recipe: Outline, begun: str) -> tuple[list[str], bool]:
    """Keys that begin so, or, if they are too many, beginnings of them; and whether they are whole."""
    found = sorted({key for key in _keys(context, recipe, begun) if key.startswith(begun) and key.isprintable()})
    length = len(begun) + 1
    whole = len(found) <= MOST_SHOWN
    while not whole and len(starts := {key[:length] for key in found}) == 1 and starts != set(found):
        length += 1
    return (found if whole else sorted({key[:length] for key in found})[:MOST_SHOWN]), whole


# -- jobs


def step_names(context: click.Context, begun: str) -> Iterator[Item]:
    """Steps, without rows."""
    for recipe in _outlines(context):
        yield from _items(recipe.steps, begun)


def jobs(context: click.Context, begun: str) -> Iterator[Item]:
    """A selection, whose last part is begun: steps, rows, tags, states."""
    found = _ATOM.search(begun)
    atom = found[0] if found else ""
    plain = atom.lstrip("+").replace('"', "")
    head = begun[: len(begun) - len(atom)] + "+" * (len(atom) - len(atom.lstrip("+")))
    for recipe in _outlines(context):
        for item in _atoms(context, recipe, plain):
            apart = " " in item.value
            text = f'"{item.value}{"" if item.type == PART else chr(34)}' if apart else item.value
            yield Item(head + text, item.type, item.help)


def _atoms(context: click.Context, recipe: Outline, begun: str) -> Iterator[Item]:
    tags = sorted({tag for step in recipe.steps.values() for tag in step.get("tags") or [] if isinstance(tag, str)})
    if "/" in begun:
        row = begun.rpartition("/")[0]
        yield from _items((f"{row}/{name}" for name in recipe.named(per_run=row == "run")), begun)
    elif begun.startswith("tag:"):
        yield from _items((f"tag:{tag}" for tag in tags), begun)
    elif begun.startswith("state:"):
        yield from _items((f"state:{state}" for state in _STATES), begun)
    else:
        yield from _items(recipe.steps, begun)
        yield from _items([*(["tag:"] if tags else []), "state:"], begun, PART)
        yield from _begun_rows(context, recipe, begun, per_run=True)


def _begun_rows(context: click.Context, recipe: Outline, begun: str, *, per_run: bool) -> Iterator[Item]:
    try:
        rows, whole = _rows(context, recipe, begun)
    except (WanflowError, OSError, ValueError):
        rows, whole = [], True  # the steps are there all the same
    yield from _items((f"{row}/" if whole else row for row in rows), begun, PART)
    if per_run and recipe.named(per_run=True):
        yield from _items(["run/"], begun, PART)


def addresses(context: click.Context, begun: str) -> Iterator[Item]:
    """ROW/STEP."""
    for recipe in _outlines(context):
        row, slash, _ = begun.rpartition("/")
        if slash:
            yield from _items((f"{row}/{name}" for name in recipe.named(per_run=row == "run")), begun)
        else:
            yield from _begun_rows(context, recipe, begun, per_run=True)


def candidates(context: click.Context, begun: str) -> Iterator[Item]:
    """ROW/STEP#NUMBER, of steps that make several."""
    for recipe in _outlines(context):
        row, slash, _ = begun.rpartition("/")
        if not slash:
            yield from _begun_rows(context, recipe, begun, per_run=False)
            continue
        several = {name: step.get("candidates") for name, step in recipe.steps.items()}
        known = {name: count for name, count in several.items() if isinstance(count, int) and 1 < count <= MOST_SHOWN}
        yield from _items((f"{row}/{name}#{n + 1}" for name, count in known.items() for n in range(count)), begun)


def chosen(context: click.Context, begun: str) -> Iterator[Item]:
    """ROW/STEP of what was picked."""
    return _of_picks(context, begun, "picks")


def frozen(context: click.Context, begun: str) -> Iterator[Item]:
    """ROW/STEP of what is frozen."""
    return _of_picks(context, begun, "frozen")


def _of_picks(context: click.Context, begun: str, part: str) -> Iterator[Item]:
    for recipe in _outlines(context):
        name = recipe.data.get("name") or re.sub(r"\W", "_", recipe.file.stem)
        root = _root(recipe.file)
        data = _map(parse(read_text(root / "picks" / f"{name}.yaml", "picks", MAX_BYTES), "picks").data)
        entries = [_map(entry) for entry in data.get(part) or []]
        yield from _items((f"{entry.get('row')}/{entry.get('step')}" for entry in entries), begun)


def _root(recipe: Path) -> Path:
    from wanflow.settings import find_root

    return find_root(recipe.resolve(), Path.cwd())


# -- names


def runs(context: click.Context, begun: str) -> Iterator[Item]:
    """Runs of this project, the last ones first."""
    yield from _items(["last"], begun)
    found = sorted((entry.name for entry in os.scandir(_root(Path("recipe.yaml")) / ".wanflow" / "runs")), reverse=True)
    yield from _items(found[:MOST_SHOWN], begun)


def backends(context: click.Context, begun: str) -> Iterator[Item]:
    """Who can perform wan/* steps."""
    return _items(["draft", "dashscope"], begun)


def regions(context: click.Context, begun: str) -> Iterator[Item]:
    """Where accounts are."""
    from wanflow.functions.catalog import regions as known

    return (Item(name, help=place.title) for name, place in known().items() if name.startswith(begun))


def pickers(context: click.Context, begun: str) -> Iterator[Item]:
    """How candidates are picked without a person."""
    return _items(["first", "sharpest", "most_similar"], begun)


def schemas(context: click.Context, begun: str) -> Iterator[Item]:
    """Names of schemas; with --install recipes."""
    if context.params.get("install"):
        return recipes(context, begun)
    from wanflow.documents.schemas import names

    return _items(names(), begun)
