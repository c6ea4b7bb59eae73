"""Problems -> SARIF 2.1.0 (OASIS), which code hosts show beside the lines they are about."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath
from urllib.parse import quote

from wanflow import __version__
from wanflow.canon import JSON
from wanflow.errors import Problem, printable

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def sarif(problems: Sequence[Problem]) -> dict[str, JSON]:
    """A log of one run with a result a problem."""
    rules = sorted({problem.rule for problem in problems})
    driver = {"name": "wanflow", "version": __version__, "rules": [{"id": rule} for rule in rules]}
    results = [_result(problem, rules.index(problem.rule)) for problem in problems]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _result(problem: Problem, rule: int) -> dict[str, JSON]:
    rows = f" ({problem.row_count} rows, first {problem.rows[0]})" if problem.row_count > 1 else ""
    rows = f" (row {problem.rows[0]})" if problem.rows and problem.row_count <= 1 else rows
    text = printable(f"{problem.message}{rows}" + (f"\n{problem.hint}" if problem.hint else ""))
    place = {"locations": [_location(problem)]} if problem.path else {}
    return {"ruleId": problem.rule, "ruleIndex": rule, "level": "error", "message": {"text": text}, **place}


def _location(problem: Problem) -> dict[str, JSON]:
    path = PurePath(problem.path)
    uri = path.as_uri() if path.is_absolute() else quote(path.as_posix())
    physical: dict[str, JSON] = {"artifactLocation": {"uri": uri}}
    if problem.mark:
        physical["region"] = {"startLine": max(problem.mark.line, 1), "startColumn": max(problem.mark.column, 1)}
    return {"physicalLocation": physical}
