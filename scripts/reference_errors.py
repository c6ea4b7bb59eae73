"""docs/errors.md: exit codes, and every rule of recipes with the example that breaks it in tests/grammar."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from wanflow.documents.schemas import load
from wanflow.errors import Rule
from wanflow.telling.remedies import REMEDIES

GRAMMAR = Path(__file__).parent.parent / "tests" / "grammar"
HEAD = """\
# Errors and exit codes
Find out what a message means and what to do. What is wrong with a recipe, its manifest or its rows is told before
anything runs, all at once, with file, line, rule and remedy. What goes wrong in a run is told with its job, and never
stops the others.

## Exit codes
| code | meaning | what to do |
|---|---|---|
| 0 | done, or nothing to do | |
| 1 | some jobs failed, or the project's store can't be used | read the messages; run again: only what failed runs |
| 2 | there is something to do (`plan --detailed-exitcode` only) | |
| 3 | refused, or not all of it done, for what it costs | agree: `--yes`, a higher `--max-cost` or `budget:` |
| 4 | candidates wait for a pick | [`wanflow pick`](picks.md) |
| 5 | the account can't go on: its key, its quota, its debts | see to the account, then run again |
| 64 | a flag, an argument or `wanflow.toml` is wrong | the message says which |
| 65 | invalid recipe, manifest or rows | see [Rules](#rules) |
| 130 | interrupted | run again; it goes on from there |
| 141 | whoever read the output went away (`\\| head`); never of `run`, which goes on | nothing |

With `--json` or `--format json` an error is JSON on the output: `{"error": {"kind": "refused", "message": …,
"exit_code": 3}, "problems": […]}`; `kind` is `usage`, `recipe`, `refused` or `store`.
"""
RULES = """\
## Rules
Each problem ends with its rule in brackets. Below is every rule, what it asks for, and one way to break it with what
`wanflow check` says then; the last lines are the remedy.
"""


FAILURES = """\
## Failures of a job
A job that fails has a code. It stands in the run's messages, in `wanflow status -s state:failed` and in the
[report](report.md), with what helps.

### Found by wanflow

| code | what helps |
|---|---|
"""
SERVICE = """
### Told by the service

| code | what it means | what helps | sent again |
|---|---|---|---|
"""
AGAIN = {
    "permanent": "no",
    "transient": "by itself",
    "throttled": "by itself, later",
    "account": "no; the run stops",
    "model": "no; its model stops",
    "moderation": "when the request changes, or with `--retry-refused`",
    "ambiguous": "with `--resubmit-uncertain`",
    "lost": "by the next run",
}


def errors() -> list[str]:
    """The page, in lines or more."""
    rules = sorted(get_args(Rule))
    index = " · ".join(f"[{rule}](#{rule})" for rule in rules)
    return [HEAD, *_failures(), RULES, f"{index}\n", *(line for rule in rules for line in _rule(rule))]


def _rule(rule: str) -> Iterator[str]:
    told, _, bad = (GRAMMAR / f"{rule}.txt").read_text(encoding="utf-8").partition("\n=== good:")
    bad = bad.partition("\n=== bad: ")[2]
    command, _, files = bad.partition("\n")
    says = files.partition("--- says\n")[2]
    yield f"### {rule}\n"
    yield f"{' '.join(told.split())}\n"
    fence = "````" if "```" in says else "```"
    yield f"{fence}text\n$ {command}\n{says.rstrip()}\n{fence}\n"


def _failures() -> Iterator[str]:
    own = [f"| `{code}` | {_cell(remedy)} |" for code, remedy in sorted(REMEDIES.items())]
    told = [
        f"| `{code}` | {_cell(one['title'])} | {_cell(one.get('remedy', ''))} | {AGAIN[one['again']]} |"
        for code, one in sorted(load("errors.json")["codes"].items())
    ]
    yield FAILURES + "\n".join(own)
    yield SERVICE + "\n".join(told) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
