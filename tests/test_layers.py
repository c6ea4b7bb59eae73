"""A module imports only from groups above its own, and heavy libraries only where they are needed."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import wanflow

PACKAGE = Path(wanflow.__file__).parent
GROUPS = [
    "errors",
    "networks",
    "urls datauris",
    "kinds model canon clock maskrules budget room anatomy patterns reach globs geometry glyphs pilot",
    "layouts",
    "source schemas foreign catalog narrow templates tables manifests graph images settings sizes lanes pace "
    "schedule halt listener",
    "address recipe matrix references selection build hints expand store reasons record pixels wire",
    "planned outputs inputs",
    "owners supply rowmemory rowstate fetch",
    "workers",
    "backends emulator",
    "project",
    "fanin states targets",
    "decide",
    "plan rows starter attempts reconcile status",
    "fetching",
    "payments",
    "salvage",
    "progress",
    "publishing",
    "run",
    "console",
    "api cache cachetext",
    "cli __init__",
    "__main__",
]
# Within a group, these may be imported by their neighbours.
NEIGHBOURS = {
    ("schemas", "source"), ("catalog", "schemas"), ("narrow", "catalog"),
    ("narrow", "schemas"), ("manifests", "tables"), ("tables", "source"),
    ("build", "recipe"), ("matrix", "recipe"), ("build", "matrix"),
    ("build", "references"), ("references", "recipe"), ("references", "matrix"),
    ("selection", "recipe"), ("hints", "recipe"), ("expand", "recipe"),
    ("expand", "hints"), ("settings", "schemas"), ("settings", "source"), ("foreign", "schemas"), ("inputs", "outputs"),
}  # fmt: skip
PLACE = {name: place for place, group in enumerate(GROUPS) for name in group.split()}


def imports(file):
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "wanflow":
            parts = node.module.split(".")
            yield from [parts[1]] if len(parts) > 1 else [alias.name for alias in node.names]
        elif isinstance(node, ast.Import):
            yield from (alias.name.split(".")[1] for alias in node.names if alias.name.startswith("wanflow."))


def wrong_imports(file):
    unit = file.relative_to(PACKAGE).parts[0].removesuffix(".py")
    for name in set(imports(file)) - {unit, "__version__"}:
        if PLACE[name] > PLACE[unit] or (PLACE[name] == PLACE[unit] and (unit, name) not in NEIGHBOURS):
            yield f"{unit} imports {name}"


def test_a_module_imports_only_from_groups_above_its_own():
    assert [wrong for file in sorted(PACKAGE.rglob("*.py")) for wrong in wrong_imports(file)] == []


def test_every_module_has_a_place():
    units = {path.name.removesuffix(".py") for path in PACKAGE.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert units - set(PLACE) - {"__pycache__", "schemas", "recipes", "examples"} == set()


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
