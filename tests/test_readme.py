"""The README's console blocks are run, and print what it says (times and estimates aside)."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from wanflow.functions.catalog import functions

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BIN = Path(sys.executable).parent


def commands(block: str) -> list[tuple[str, str]]:
    """(command, what it prints) of a console block."""
    parts = re.split(r"^\$ (.*)\n", block, flags=re.MULTILINE)[1:]
    return list(zip(parts[::2], parts[1::2], strict=True))


def steady(text: str) -> str:
    """Without what differs from run to run."""
    return re.sub(r"(about|in) [\d.]+ s\b", r"\1 … s", text)


@pytest.mark.slow
def test_the_console_blocks_print_what_they_say(tmp_path: Path) -> None:
    here = tmp_path
    blocks = re.findall(r"```console\n(.*?)```", README, flags=re.DOTALL)
    assert len(blocks) == 2
    for command, printed in (pair for block in blocks for pair in commands(block)):
        if command.startswith("cd "):
            here = here / command.removeprefix("cd ")
            continue
        environment = {"PATH": f"{BIN}:/usr/bin:/bin", "HOME": str(tmp_path), "LANG": "C.UTF-8"}
        process = subprocess.run(
            ["sh", "-c", command], cwd=here, env=environment, capture_output=True, text=True, check=False
        )
        assert process.returncode == 0, process.stderr
        assert steady(process.stdout) == steady(printed), command
    made = sorted(path.name for path in (here / "out" / "restore").iterdir())
    assert made == sorted(f"000{n}-{kind}" for n in range(1, 5) for kind in ("colour.png", "master.png", "wide.webp"))


def test_every_function_is_in_the_table() -> None:
    named = set(re.findall(r"`((?:wan|local)/\w+)`", README.partition("## What the draft engine does")[2]))
    assert named == set(functions())


def test_the_ten_line_recipe_works(tmp_path: Path) -> None:
    recipe = re.search(r"## A recipe\n```yaml\n(.*?)```", README, flags=re.DOTALL)
    assert recipe
    (tmp_path / "recipe.yaml").write_text(recipe.group(1))
    shutil.copytree(ROOT / "examples" / "restore" / "photos", tmp_path / "photos")
    (tmp_path / "photos.csv").write_text("id,photo,colours\n1,photos/0001-cameraman.jpg,blue sky\n")
    process = subprocess.run(
        [BIN / "wanflow", "check", "recipe.yaml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (process.returncode, process.stdout) == (0, "recipe.yaml: no problems; 1 row, 2 steps\n"), process.stderr


def test_every_recipe_shipped_has_no_problem() -> None:
    for recipe in sorted((ROOT / "recipes").glob("*.yaml")):
        process = subprocess.run([BIN / "wanflow", "check", recipe], capture_output=True, text=True, check=False)
        assert process.returncode == 0, process.stderr
