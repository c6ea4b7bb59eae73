"""Files that colleagues hand on through git: picks, and saved plans. What is read can be written, and reads the same."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import Random

import mutations

from wanflow.choosing import picksfile
from wanflow.choosing.picks import picks_of
from wanflow.planning import saved

A, B = "a" * 64, "0123456789abcdef" * 4
PICKS = f"""# What was chosen of the results of r.yaml: text for git.
wanflow: 1
recipe: "r.yaml"
picks:
- {{row: "0001", step: "clean", sha256: {A}, when: "2026-11-21T20:38:14Z"}}
- {{row: "蓝 2", step: "look@book-0.4", sha256: [{A}, {B}], when: "2026-11-21T20:38:15Z"}}
takes:
- {{row: "0001", step: "wide", name: "second", ahead: 1, used: true, when: "2026-11-21T20:38:14Z"}}
frozen:
- {{row: "0001", step: "clean", sha256: {B}, key: {A}, when: "2026-11-21T20:38:14Z"}}
"""
PLAN = f"""{{
 "format_version": 1,
 "saved_plan": "f9917b3bdd06f278217eea7950775599",
 "made": "2026-11-21T21:32:22Z",
 "recipe": "r.yaml",
 "options": {{"params": {{"a": "1"}}, "manifest": "rows.csv", "out": null, "backend": "dashscope", "region": null,
  "select": [], "exclude": [], "until": null, "pilot": null, "no_proxy": false, "force": false,
  "retry_refused": false, "top_up": false, "resubmit_uncertain": false}},
 "place": "DashScope, cn-beijing",
 "totals": {{"jobs": 1, "paid_tasks": 1, "images_paid": 1, "currency": "USD", "unpriced": 0, "usd_worst": 0.02007}},
 "prices": {{"wanx2.1-imageedit": 0.02007}},
 "fetches": [],
 "files": ["out/1.png"],
 "jobs": [
  {{"job": "1/a", "function": "wan/colorization", "by": "dashscope:wanx2.1-imageedit", "parameters": {{"prompt": "b"}},
   "inputs": {{"image": "{A}"}}, "take": null, "chosen": {{}}, "images": 1, "usd": 0.02007}}
 ]
}}
"""
WORDS = (
    *('"row"', '"step"', "sha256", "when", "ahead", "picks:\n", "frozen:\n", "takes:\n", A, B, "<<<<<<< HEAD\n", ">>>>>>> b\n"),
    *('"jobs"', '"options"', '"inputs"', "null", "[]", "{}", '"../../x"', "-1", "1e999", '"2026-13-40T99:99:99Z"'),
)  # fmt: skip
FOLDER = Path(tempfile.mkdtemp(prefix="choices-"))


def cases(random: Random) -> Iterator[tuple[str, bytes]]:
    """Names and contents of such files."""
    while True:
        name, seed = random.choice((("r.yaml", PICKS), ("plan.json", PLAN)))
        yield name, mutations.text(random, seed, WORDS).encode("utf-8", "surrogatepass")


def probe(case: tuple[str, bytes]) -> None:
    """Raises AssertionError where a promise is broken."""
    name, content = case
    path = FOLDER / name
    path.write_bytes(content)
    if name == "plan.json":
        saved.is_saved(path)
        approved = saved.read(path, name)
        assert all(request.identity for request in approved.jobs.values())
        path.write_text(text := "".join(approved.text()), encoding="utf-8")
        assert "".join(saved.read(path, name).text()) == text
        return
    picks = picks_of(picksfile.read(path, name))
    assert all(len(digest) == 64 for digest in picks.digests())
    text = picksfile.text_of(picks, "r.yaml")
    path.write_text(text, encoding="utf-8")
    again = picks_of(picksfile.read(path, name))
    assert picksfile.text_of(again, "r.yaml") == text
