"""What bash, zsh and fish offer behind TAB: by what wanflow answers, and in the shells themselves."""

import os
import shutil
import sys
import warnings
from pathlib import Path

import pytest
from ptys import Terminal

from wanflow.backends import BACKENDS
from wanflow.cli import main
from wanflow.cli.completion import SHELLS

RECIPE = """\
wanflow: 1
params:
  scale: {type: integer, enum: [2, 4], description: How much larger}
  fast: {type: boolean}
  plain: {type: string}
manifest: {from: photos.csv}
steps:
  look:
    uses: wan/stylization_all
    image: row.photo
    tags: [web]
    candidates: 2
    matrix: {style: {book: a, gold: b}}
    exclude: [{style: gold}]
    with: {prompt: x}
  detail: {uses: wan/super_resolution, image: row.photo}
  part: {uses: ./parts/p.yaml, image: row.photo}
  sheet: {uses: local/contact_sheet, images: steps.look.all, per: run}
"""
PART = "wanflow: 1\ninputs: {photo: {}}\nsteps: {prep: {uses: local/fit, image: inputs.photo, with: {max_side: 9}}}\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "r.yaml").write_text(RECIPE)
    (tmp_path / "photos.csv").write_text("id,photo\n0001,a.jpg\n0002,b.jpg\nmy photo,c.jpg\n")
    (tmp_path / "parts dir").mkdir()
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts/p.yaml").write_text(PART)
    (tmp_path / "other.yaml").write_text("services: {}\n")
    (tmp_path / "picks").mkdir()
    picked = "picks: [{row: '0001', step: look@book, sha256: x}]\nfrozen: [{row: '0002', step: detail, sha256: x}]\n"
    (tmp_path / "picks/r.yaml").write_text(f"wanflow: 1\nrecipe: r.yaml\n{picked}")
    (tmp_path / ".wanflow/runs/20261121T2231").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def offered(line: str, monkeypatch: pytest.MonkeyPatch, shell: str = "fish") -> list[str]:
    monkeypatch.setenv("COMP_LINE", line)
    return SHELLS[shell](main, {}, "wanflow", "_WANFLOW_COMPLETE").complete().splitlines()


STEPS = ["look", "look@book", "detail", "part", "part.prep", "sheet"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("wanflow completion z", ["zsh"]),
        ("wanflow plan ", ["parts/", "parts dir/", "picks/", "r.yaml"]),
        ("wanflow check parts/", ["parts/p.yaml"]),
        ("wanflow plan r.yaml -s ", [*STEPS, "tag:", "state:", "0001/", "0002/", '"my photo/', "run/"]),
        ("wanflow plan r.yaml -s 0001/", ["0001/look", "0001/look@book", "0001/detail", "0001/part", "0001/part.prep"]),
        ("wanflow plan r.yaml -s run/", ["run/sheet"]),
        ("wanflow plan r.yaml -s tag:", ["tag:web"]),
        ("wanflow plan r.yaml -s state:m", ["state:missing"]),
        ("wanflow plan r.yaml -s look@", ["look@book"]),
        ("wanflow plan r.yaml -s detail,st", ["detail,state:"]),
        ("wanflow plan r.yaml -x 'detail +0001/d", ["detail +0001/detail"]),
        ("""wanflow plan r.yaml -s '"my photo/d""", ['"my photo/detail"']),
        ("wanflow plan r.yaml --until sh", ["sheet"]),
        ("wanflow run r.yaml -p ", ["scale=\tHow much larger", "fast=", "plain="]),
        ("wanflow run r.yaml -p scale=", ["scale=2", "scale=4"]),
        ("wanflow run r.yaml --param=fast=", ["--param=fast=true", "--param=fast=false"]),
        ("wanflow run r.yaml -p plain=", []),
        ("wanflow run -s de", ["detail"]),  # the recipe comes later: those in this folder
        ("wanflow run r.yaml --backend ", list(BACKENDS)),
        ("wanflow run r.yaml --region cn-b", ["cn-beijing\tChina (Beijing)"]),
        ("wanflow explain r.yaml 0002/de", ["0002/detail"]),
        ("wanflow explain ph", ["photos.csv"]),
        ("wanflow pick r.yaml 0001/look@", ["0001/look@book#1", "0001/look@book#2"]),
        ("wanflow pick r.yaml --undo ", ["0001/look@book"]),
        ("wanflow pick r.yaml --by s", ["sharpest"]),
        ("wanflow take r.yaml 0002/d", ["0002/detail"]),
        ("wanflow thaw r.yaml ", ["0002/detail"]),
        ("wanflow status -s de", ["detail"]),
        ("wanflow report 2", ["20261121T2231"]),
        ("wanflow schema wan/e", ["wan/expand"]),
        ("wanflow schema --install r", ["r.yaml"]),
        ("wanflow plan r.yaml --out pi", ["picks/"]),
        ("wanflow plan r.yaml -s nothing", []),
        ("wanflow plan no.yaml -s ", []),
        ("wanflow plan none/", []),
    ],
)
def test_what_may_follow_is_offered(
    project: Path, monkeypatch: pytest.MonkeyPatch, line: str, words: list[str]
) -> None:
    before = sorted(project.rglob("*"))
    assert offered(line, monkeypatch) == words
    assert sorted(project.rglob("*")) == before


@pytest.mark.parametrize(
    "text",
    [
        "",
        "- a\n",
        "wanflow: 1\nsteps: [a]\n",
        "wanflow: 1\nsteps: {a: 3}\nmanifest: 4\nparams: {x: 1}\n",
        "wanflow: 1\nsteps: {a: {matrix: {b: [[1], {}]}, tags: 7, uses: ./r.yaml}}\n",
        "wanflow: 1\nsteps: {a: {matrix: 3, exclude: 5, candidates: x}}\nmanifest: {from: /dev/zero}\n",
        "wanflow: 1\nmanifest: {from: '**/*'}\nsteps: {a: {uses: ../../../../etc/passwd}}\n",
        "wanflow: 1\nsteps: {a: b: c}\n",
        "\x00",
        "[" * 5_000,
    ],
)
def test_what_is_broken_is_silent(
    project: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], text: str
) -> None:
    (project / "r.yaml").write_text(text)
    for words in ("plan r.yaml -s ", "plan r.yaml -s x/", "run r.yaml -p ", "run r.yaml -p x=", "pick r.yaml x/"):
        offered(f"wanflow {words}", monkeypatch)
    assert capfd.readouterr() == ("", "")


def test_a_name_that_would_move_the_cursor_is_not_offered(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "photos.csv").write_text("id,photo\na\x1b[2J,a.jpg\nab,b.jpg\n")
    assert offered("wanflow plan r.yaml -s a", monkeypatch) == ["ab/"]


def test_of_many_rows_the_ways_they_go_on_are_offered(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = "".join(f"img{n:04},a.jpg\n" for n in range(10_000))
    (project / "photos.csv").write_text(f"id,photo\n{rows}")
    assert offered("wanflow take r.yaml i", monkeypatch) == [f"img{n}" for n in range(10)]
    assert offered("wanflow take r.yaml img12", monkeypatch) == [f"img12{n}" for n in range(10)]
    assert offered("wanflow take r.yaml img123", monkeypatch) == [f"img123{n}/" for n in range(10)]


@pytest.mark.parametrize(
    ("line", "inserted"),
    [
        ("wanflow plan r.yaml -s tag:w", ["web "]),
        ("wanflow plan r.yaml -p scale=", ["2 ", "4 "]),
        ("wanflow plan r.yaml -s look@b", ["@book "]),
        ("wanflow plan r.yaml -s 'tag:w", ["tag:web"]),
        ("wanflow plan r.yaml -s my", ['\\"my\\ photo/']),
        ("wanflow plan parts\\ ", ["parts\\ dir/"]),
        ('wanflow plan "parts ', ["parts dir/"]),
        ("wanflow pick r.yaml 0001/look@book#2", ["@book\\#2 "]),
    ],
)
def test_bash_is_told_what_follows_its_word_break(
    project: Path, monkeypatch: pytest.MonkeyPatch, line: str, inserted: list[str]
) -> None:
    monkeypatch.setenv("COMP_WORDBREAKS", " \t\n\"'@><=;|&(:")
    assert offered(line, monkeypatch, "bash") == inserted


# How each shell starts without its user's files, takes the script, and shows its line at Ctrl-G.
STARTS = {
    "bash": (
        ["bash", "--norc", "--noprofile", "-i"],
        "bind 'set enable-bracketed-paste off'; source ./script; bind -x '\"\\C-g\": echo \"<<$READLINE_LINE>>\"'",
    ),
    "zsh": (
        ["zsh", "-f", "-i"],
        'autoload -Uz compinit; compinit -u -D; source ./script; tell() { print -r -- "<<$BUFFER>>" }; '
        "zle -N tell; bindkey '^G' tell",
    ),
    "fish": (
        ["fish", "--no-config", "-i"],
        'source ./script; bind \\cg \'echo "<<"(commandline)">>"\'',
    ),
}
LINES = [
    ("wanflow plan r.ya", "wanflow plan r.yaml "),
    ("wanflow plan r.yaml -s tag:w", "wanflow plan r.yaml -s tag:web "),
    ("wanflow plan r.yaml -s look@b", "wanflow plan r.yaml -s look@book "),
    ("wanflow plan r.yaml -s detail,0001/d", "wanflow plan r.yaml -s detail,0001/detail "),
    ("wanflow plan r.yaml -s 000", "wanflow plan r.yaml -s 000"),
    ("wanflow run r.yaml -p sc", "wanflow run r.yaml -p scale="),
    ("wanflow run r.yaml --region=us", "wanflow run r.yaml --region=us-east-1 "),
    ("wanflow plan r.yaml -s my", 'wanflow plan r.yaml -s \\"my\\ photo/'),
    ("wanflow plan parts\\ ", "wanflow plan parts\\ dir/"),
]


@pytest.mark.parametrize("shell", STARTS)
@pytest.mark.filterwarnings("default:.*not installed")  # a loud line, and no failure
def test_a_real_shell_completes_the_line(project: Path, shell: str) -> None:
    if not shutil.which(shell):
        warnings.warn(f"{shell} is not installed: its completion is not tried", stacklevel=1)
        pytest.skip(f"{shell} is not installed")
    command, setup = STARTS[shell]
    there = project / ".bin"
    there.mkdir()
    program = "import sys; from wanflow.cli import main; sys.argv[0] = 'wanflow'; main()"
    (there / "wanflow").write_text(f'#!/bin/sh\nexec \'{sys.executable}\' -c "{program}" "$@"\n')
    (there / "wanflow").chmod(0o755)
    (project / "script").write_text(SHELLS[shell](main, {}, "wanflow", "_WANFLOW_COMPLETE").source())
    paths = {"PATH": f"{there}:{os.environ['PATH']}", "PYTHONPATH": os.pathsep.join(sys.path), "PS1": "$ "}
    with Terminal(200, 50) as terminal:
        started = terminal.start(command, project, HOME=str(project), TERM_PROGRAM="", **paths)
        terminal.press(f"{setup}; echo re''ady\n")
        terminal.read(lambda: "ready" in terminal.written)
        found = []
        for typed, _ in LINES:
            said = len(terminal.written)
            terminal.press(f"{typed}\t\x07")
            terminal.read(lambda said=said: ">>" in terminal.written[said:])  # type: ignore[misc]  # a lambda with its start
            found.append(terminal.written[said:].partition("<<")[2].partition(">>")[0])
            terminal.press("\x15")
        started.kill()
        started.wait()
    assert found == [wanted for _, wanted in LINES]
