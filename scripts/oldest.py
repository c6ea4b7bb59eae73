"""Print the dependencies of pyproject.toml pinned to their lower bounds, as constraints for pip.

pip itself can't ask for the lowest versions. ``numpy>=1.26`` becomes ``numpy==1.26.*``: the oldest series that is
claimed to work, with its fixes.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).parents[1] / "pyproject.toml"


def oldest(dependencies: list[str]) -> Iterator[str]:
    """Each requirement at its lower bound. Raises ValueError for one that has none."""
    for dependency in dependencies:
        found = re.match(r"([\w.-]+)>=([\d.]+)", dependency)
        if not found:
            raise ValueError(f"{dependency} has no lower bound")
        name, version = found.groups()
        yield f"{name}=={version}" + (".*" if version.count(".") < 2 else "")


if __name__ == "__main__":
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    print(*oldest(project["dependencies"] + project["optional-dependencies"]["emulator"]), sep="\n")
