"""The README's recipe and those that ship have no problem; its console blocks are run with those of all pages."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from consoles import ROOT, typed_on

WANFLOW = Path(sys.executable).parent / "wanflow"


def test_the_ten_line_recipe_works(tmp_path: Path) -> None:
    (recipe,) = [one.text for one in typed_on((ROOT / "README.md").read_text("utf-8")) if one.command == "recipe.yaml"]
    assert recipe.count("\n") <= 10
    (tmp_path / "recipe.yaml").write_text(recipe)
    shutil.copytree(ROOT / "examples" / "restore" / "photos", tmp_path / "photos")
    (tmp_path / "photos.csv").write_text("id,photo,colours\n1,photos/0001-cameraman.jpg,blue sky\n")
    process = subprocess.run(
        [WANFLOW, "check", "recipe.yaml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (process.returncode, process.stdout) == (0, "recipe.yaml: no problems; 1 row, 2 steps\n"), process.stderr


def test_every_recipe_shipped_has_no_problem() -> None:
    for recipe in sorted((ROOT / "recipes").glob("*.yaml")):
        process = subprocess.run([WANFLOW, "check", recipe], capture_output=True, text=True, check=False)
        assert process.returncode == 0, process.stderr
