"""A module imports only from groups above its own, and heavy libraries only where they are needed."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import wanflow

PACKAGE = Path(wanflow.__file__).parent
# Rooms (folders) and the files beside them, in the order in which they may know of each other.
LINES = [
    "__version__ errors amounts canon clock links documents model record functions limits pictures settings address",
    "revisions manifests language store wire pixels judging choosing backends emulator project planning paying running",
    "editors starter opening executing cache api picking reviewing telling reporting python cli __init__ __main__",
]
ORDER = [name for line in LINES for name in line.split()]


def modules(file):
    """The dotted names below wanflow that a file imports; a name imported from a room may be a module of it."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "wanflow":
            parts = node.module.split(".")[1:]
            yield from [".".join([*parts, alias.name]) for alias in node.names] if len(parts) < 2 else [".".join(parts)]
        elif isinstance(node, ast.Import):
            yield from (
                alias.name.removeprefix("wanflow.") for alias in node.names if alias.name.startswith("wanflow.")
            )


def room(name):
    return name.split(".")[0]


def own(file):
    return ".".join(file.relative_to(PACKAGE).with_suffix("").parts)


FILES = sorted(PACKAGE.rglob("*.py"))


def test_a_room_knows_only_of_rooms_before_its_own():
    wrong = [
        f"{own(file)} imports {name}"
        for file in FILES
        for name in modules(file)
        if ORDER.index(room(name)) > ORDER.index(room(own(file)))
    ]
    assert wrong == []


def test_modules_of_a_room_import_each_other_in_no_circle():
    # A room's __init__ may gather what its modules offer, so it's no link of a chain.
    known = {own(file) for file in FILES}
    graph = {
        own(file): {name for name in modules(file) if name in known} for file in FILES if file.name != "__init__.py"
    }
    list(TopologicalSorter(graph).static_order())


def test_every_module_has_a_place():
    units = {path.name.removesuffix(".py") for path in PACKAGE.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert units - {"__pycache__", "schemas", "recipes", "examples"} == set(ORDER) - {"__version__"}


def loaded_by(program, heavy, folder):
    listing = f"import sys\n{program}\nprint(*sorted({heavy!r} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", listing], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_the_command_line_starts_without_heavy_libraries(tmp_path):
    heavy = {"httpx", "networkx", "numpy", "PIL", "cv2", "jsonschema", "jinja2", "rich"}
    assert loaded_by("import wanflow.cli", heavy, tmp_path) == []


@pytest.mark.parametrize("command", ["check", "plan"])
def test_planning_loads_no_arrays_and_no_client(command, tmp_path):
    program = f"from wanflow.starter import create\nfrom pathlib import Path\nfrom wanflow import api\nlist(create(Path('x')))\napi.{command}('x/restore.yaml')"  # noqa: E501
    assert loaded_by(program, {"httpx", "numpy", "cv2", "rich"}, tmp_path) == []
