"""The example notebook runs, and shows what it is kept with (times aside). NOTEBOOK=write keeps it anew."""

from __future__ import annotations

import json
import os
import re
import warnings
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from wanflow.cli import main

NOTEBOOK = Path(__file__).parent.parent / "examples" / "notebook" / "restore.ipynb"
UNSTEADY = r"(?:about|in) [\d.]+ s\b|data:image/jpeg;base64,[\w+/=]+"


def steady(outputs: list[Any]) -> list[Any]:
    """What cells say and show, without what differs from machine to machine."""
    kept = [output.get("data", output.get("text")) for output in outputs]
    return [re.sub(UNSTEADY, "…", json.dumps(one, sort_keys=True)) for one in kept]


@pytest.mark.slow
def test_the_notebook_shows_what_it_is_kept_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(main, ["init", "photos"]).exit_code == 0
    # A kernel's own settings and spec are this machine's affair.
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path / "jupyter"))
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join(filter(None, [str(NOTEBOOK.parents[2]), os.environ.get("PYTHONPATH")]))
    )
    kept = nbformat.read(NOTEBOOK, 4)
    made = nbformat.from_dict({**kept, "cells": [{**cell} for cell in kept.cells]})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the notebook's libraries, not ours
        client = nbclient.NotebookClient(
            made, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(tmp_path / "photos")}}
        )
        client.execute()
    for cell in made.cells:
        cell["metadata"] = {}
    if os.environ.get("NOTEBOOK") == "write":
        nbformat.write(made, NOTEBOOK)
        kept = nbformat.read(NOTEBOOK, 4)
    said = NOTEBOOK.read_text(encoding="utf-8")
    assert str(tmp_path) not in said
    assert not [output for cell in made.cells for output in cell.get("outputs", ()) if output.output_type == "error"]
    for found, shown in zip(made.cells, kept.cells, strict=True):
        assert steady(found.get("outputs", [])) == steady(shown.get("outputs", [])), found.source
