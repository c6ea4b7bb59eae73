"""Flags <-> api. No logic: one function a command, exit codes, and where text goes.

wanflow's modules are imported inside the commands: `wanflow --help` must not load jsonschema, networkx and jinja2.
"""

from wanflow.cli import cache, check, choosing, edits, explain, graph, project, report, run, service, shell
from wanflow.cli.door import main

__all__ = [
    "cache",
    "check",
    "choosing",
    "edits",
    "explain",
    "graph",
    "main",
    "project",
    "report",
    "run",
    "service",
    "shell",
]
