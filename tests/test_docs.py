"""The console blocks of docs/picks.md are run, and print what it says (times, sizes and digests aside)."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from test_readme import BIN, ROOT, commands

PAGE = (ROOT / "docs" / "picks.md").read_text(encoding="utf-8")
# What differs from run to run or, like the digests of drafts, from one version of a library to the next.
UNSTEADY = r"(about|in) [\d.]+ s\b|[\d.]+ MB|[0-9a-f]{64}|\b[0-9a-f]{12}\b|20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ"


PLACES = {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}


def steady(text: str) -> str:
    return re.sub(UNSTEADY, "…", text)


@pytest.mark.slow
def test_the_page_on_picks_prints_what_it_says(tmp_path: Path) -> None:
    recipe = re.search(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL)
    assert recipe
    (tmp_path / "looks.yaml").write_text(recipe.group(1))
    shutil.copytree(ROOT / "examples" / "restore" / "photos", tmp_path / "photos")
    blocks = re.findall(r"```console\n(.*?)```", PAGE, flags=re.DOTALL)
    ends = set()
    for command, printed in (pair for block in blocks for pair in commands(block)):
        environment = {"PATH": f"{BIN}:/usr/bin:/bin", "HOME": str(tmp_path), "LANG": "C.UTF-8", **PLACES}
        done = subprocess.run(["sh", "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode in (0, 4), done.stderr
        assert steady(done.stdout) == steady(printed), command
        ends.add((command, done.returncode))
    assert ("wanflow run looks.yaml", 4) in ends
