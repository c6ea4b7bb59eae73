"""Names and texts of strangers stand in a terminal's output, and do nothing there."""

import sys
from pathlib import Path

import pytest
from projects import WANFLOW, photo

if sys.platform == "win32":
    pytest.skip("ptys are POSIX's", allow_module_level=True)

from ptys import Terminal, foreign

# A window's title, the screen erased, a C1 sequence, text that is turned round, and a line that pretends to be ours.
HOSTILE = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202eevil\u2066\x08\x7f"
NAME = "p\x1b[2J\x9b31m\u202e.png"
ROWS = {
    "0001": (NAME, HOSTILE),
    "bad\u202e\x9bkey": ("photos/absent\x1b[2J\u202e.png", "x"),
    "0003": ("photos/broken.png", "x"),
}
RECIPE = f"""\
wanflow: 1
name: hostile
description: {ascii(HOSTILE)[1:-1]!r}
manifest: {{from: rows.jsonl, key: id}}
steps:
  small: {{uses: local/fit, image: row.photo, with: {{max_side: 48}}}}
  looks:
    uses: wan/colorization
    image: row.photo
    candidates: 2
    pick: {{by: hand}}
    with: {{prompt: "${{{{ row.words }}}}"}}
  told: {{uses: local/label, image: steps.small, with: {{text: "${{{{ row.words }}}}"}}}}
outputs:
  small: {{image: steps.small, to: "out/${{{{ row.id }}}}.png"}}
"""
BROKEN = """\
wanflow: 1
name: "a\\x1b[2J\\u202eb"
"k\\x1b[2J\\u202e": {}
steps:
  "s\\x1b]0;x\\x07": {uses: "local/\\x9b\\u202e"}
  b: {uses: local/fit, image: "row.\\x1b[2J", with: {max_side: "\\u202e\\x9b"}}
"""
# What YAML takes, and a terminal would obey all the same.
SOFT = BROKEN.replace("\\x1b", "").replace("\\x9b", "").replace("\\x07", "")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import json

    folder = tmp_path_factory.mktemp("hostile")
    (folder / "photos").mkdir()
    (folder / NAME).write_bytes(photo(1, 560, 520))
    (folder / "photos" / "broken.png").write_bytes(b"\x1b[2J no picture")
    rows = [{"id": key, "photo": name, "words": words} for key, (name, words) in ROWS.items()]
    (folder / "rows.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    (folder / "r.yaml").write_text(RECIPE, encoding="utf-8")
    (folder / "b\u202ead\x1b[2J.yaml").write_text(BROKEN, encoding="utf-8")
    (folder / "soft.yaml").write_text(SOFT, encoding="utf-8")
    (folder / "wanflow.toml").write_text("jobs = 1\n", encoding="utf-8")
    return folder


COMMANDS = [
    ["check", "r.yaml"],
    ["check", "."],
    ["check", "soft.yaml"],
    ["check", "b\u202ead\x1b[2J.yaml"],
    ["check", "no\x1b[2J\u202e.yaml"],
    ["plan", "r.yaml", "--detail"],
    ["plan", "r.yaml", "--format", "json"],
    ["plan", "r.yaml", "-p", "\x1b[2J\u202e=\x9b"],
    ["run", "r.yaml"],
    ["run", "r.yaml", "-B", "--log-format", "text"],
    ["run", "r.yaml", "-B", "--log-format", "json", "--json"],
    ["run", "r.yaml", "--\x1b[2J\u202e"],
    ["status"],
    ["status", "-s", "0001/"],
    ["explain", "r.yaml", "0001/"],
    ["explain", "r.yaml", "0001/small", "--json"],
    ["explain", "out/0001.png"],
    ["pick", "r.yaml"],
    ["pick", "r.yaml", "\x1b[2J\u202e/looks#1"],
    ["graph", "r.yaml"],
    ["report"],
    ["schema", "\x1b[2J\u202e"],
    ["\x1b[2J\u202e"],
]


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: ascii(" ".join(words)))
def test_no_command_lets_a_text_command_the_terminal(folder: Path, words: list[str]) -> None:
    if words[0] in ("explain", "pick", "status") and not (folder / ".wanflow").exists():
        with Terminal(200, 50) as terminal:
            running = terminal.start([*WANFLOW, "run", "r.yaml"], folder)
            terminal.read()
            running.wait()
    with Terminal(200, 50) as terminal:
        running = terminal.start([*WANFLOW, *words], folder)
        said = terminal.read()
        running.wait()
    assert said
    assert "Traceback" not in said
    assert foreign(said) == []
    assert "\x1b[2J" not in said and "\x1b[31m\u202e" not in said


def test_what_is_hostile_is_still_told(folder: Path) -> None:
    with Terminal(200, 50) as terminal:
        running = terminal.start([*WANFLOW, "check", "r.yaml"], folder)
        said = terminal.read()
        running.wait()
    assert "\\x1b[2J" in said and "\\u202e" in said
