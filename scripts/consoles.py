"""Types the console blocks of a page into a shell, as a reader would, and tells what came instead of what is quoted.

A page is read from above. What counts in it:

    ```console                           commands after "$ ", and under each what it prints
    ```console title="Another terminal"  in a shell of its own, not waited for once the quoted lines are there
    ```yaml title="looks.yaml"           a file, written where the shell is then; any language will do
    <!-- $ command -->                   typed too, and not shown to readers
    <!-- redo $ command -->              the same, only when quotations are rewritten: pictures go to $SHOWN

One shell goes through the whole page, so that `cd`, `export` and variables hold; $WANFLOW is this repository. Standard
output is compared, of a command that fails also what it says on standard error; then `echo $?` has to follow. A quoted
line "…" stands for any lines, a "…" in a line for anything. Times, sizes and digests differ from run to run and are not
compared.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
BASH = shutil.which("bash")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
# The emulator's port as the pages write it; the shell gets a free one.
PORT = "8765"
# What differs from run to run or, like the digests of drafts, from one version of a library to the next.
UNSTEADY = (
    r"\b[0-9a-f]{64}\b|\b[0-9a-f]{12}\b|\([0-9a-f]{6}\)|\b20\d{6}T\d{6}Z-[0-9a-f]{16}\b|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"
    r"|20\d\d-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:Z| UTC)|\b\d[\d.,]* [kM]B\b"
    r"|(?:(?:\d+ (?:h|min) )?\b\d[\d.]* (?:s|min|h|ms)\b)"
)


@dataclass(frozen=True, slots=True)
class Typed:
    """One thing of a page: a command with what it prints (None: not told), or a file's text."""

    command: str
    printed: str | None = None
    text: str = ""
    elsewhere: bool = False
    at: tuple[int, int] = (0, 0)  # where the quoted output stands in the page


@dataclass(slots=True)
class Shell:
    """A shell in a folder of its own; what it started ends with it."""

    folder: Path
    port: str = field(default_factory=lambda: _free_port())
    others: list[subprocess.Popen[str]] = field(default_factory=list)
    process: subprocess.Popen[str] = field(init=False)

    def __post_init__(self) -> None:
        self.shown.mkdir(exist_ok=True)
        self.process = self._started()

    @property
    def shown(self) -> Path:
        """What the page keeps of its pictures."""
        return self.folder / ".shown"

    def __enter__(self) -> Shell:
        return self

    def __exit__(self, *_: object) -> None:
        for process in [*self.others, self.process]:
            process.terminate()
            process.communicate(timeout=60)

    def environment(self) -> dict[str, str]:
        """A user's: nothing of the machine's, but what finds this wanflow."""
        names = ("PYTHONPATH", "OPENBLAS_NUM_THREADS")
        kept = {name: os.environ[name] for name in names if name in os.environ}
        person = {f"GIT_{role}_{what}": "you" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        return {
            **kept,
            **person,
            "PATH": f"{BIN}:/usr/bin:/bin",
            "HOME": str(self.folder),
            "LANG": "C.UTF-8",
            "NO_PROXY": "*",
            "GIT_CONFIG_NOSYSTEM": "1",
            "WANFLOW": str(ROOT),
            "SHOWN": str(self.shown),
            # `make` finds everything installed.
            "MAKEFLAGS": f"--no-print-directory -- BIN={BIN} READY=",
            "PYTHONUNBUFFERED": "1",
        }

    def _started(self) -> subprocess.Popen[str]:
        assert BASH, "bash is needed"
        return subprocess.Popen(
            [BASH, "--noprofile", "--norc"],
            cwd=self.folder,
            env=self.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def type(self, typed: Typed) -> str:
        """What it prints; of a command that fails, also on standard error. Raises AssertionError for a dead shell."""
        command = typed.command.replace(PORT, self.port)
        if typed.elsewhere:
            return self._elsewhere(command, typed.printed or "").replace(self.port, PORT)
        if typed.text:
            self._answer(f"cat > {command} <<'END_OF_FILE'\n{typed.text}END_OF_FILE")
            return ""
        said, code = self._answer(command)
        if code not in (0, 4):  # 4: candidates wait for a pick
            said += (self.folder / ".stderr").read_text(encoding="utf-8")
        return said.replace(self.port, PORT).replace(str(self.folder), "/home/you")

    def _answer(self, command: str) -> tuple[str, int]:
        end = "==end-of-command=="
        errors = self.folder / ".stderr"
        # $? of the last command stays what it was for the next one.
        line = f"{{ (exit ${{code:-0}})\n{command}\n}} 2>{errors} </dev/null; code=$?; printf '\\n{end}%s\\n' $code\n"
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(line)
        self.process.stdin.flush()
        lines: list[str] = []
        for each in self.process.stdout:
            if each.startswith(end):
                said = "".join(lines)
                return said.removesuffix("\n"), int(each.removeprefix(end))
            lines.append(each)
        raise AssertionError(f"the shell ended at: {command}")

    def _elsewhere(self, command: str, printed: str) -> str:
        place = self._answer("pwd")[0].strip()
        process = subprocess.Popen(
            [BASH or "bash", "-c", f"exec {command}"],
            cwd=place,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.others.append(process)
        assert process.stdout
        return "".join(process.stdout.readline() for _ in printed.splitlines())


def _free_port() -> str:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return str(listening.getsockname()[1])


def typed_on(page: str, *, redo: bool = False) -> Iterator[Typed]:
    """Everything of a page that is typed, from above."""
    parts = r"^```(?P<kind>\w+)(?P<flags>[^\n]*)\n(?P<body>.*?)^```$|^<!-- (?P<redo>redo )?\$ (?P<hidden>[^\n]*) -->$"
    for found in re.finditer(parts, page, flags=re.MULTILINE | re.DOTALL):
        title = re.search(r'title="([^"]+)"', found["flags"] or "")
        if found["redo"] and not redo:
            continue
        if found["hidden"]:
            yield Typed(found["hidden"])
        elif found["kind"] == "console":
            yield from _commands(found["body"], found.start("body"), bool(title))
        elif title:
            yield Typed(title[1], text=found["body"])


def _commands(body: str, start: int, elsewhere: bool) -> Iterator[Typed]:
    lines = list(re.finditer(r"^\$ (.*)\n", body, flags=re.MULTILINE))
    for line, following in zip(lines, [*lines[1:], None], strict=True):
        end = following.start() if following else len(body)
        at = start + line.end(), start + end
        yield Typed(line[1], body[line.end() : end], elsewhere=elsewhere, at=at)


def steady(text: str) -> str:
    """Without what differs from run to run."""
    return re.sub(UNSTEADY, "▪", text)


def as_quoted(said: str, printed: str) -> bool:
    """Whether a command said what the page quotes."""
    lines = steady(printed).splitlines()
    pattern = "".join("(?:.*\n)*" if line.strip() == "…" else _quoted(line) for line in lines)
    return re.fullmatch(pattern, steady(said)) is not None


def _quoted(line: str) -> str:
    return re.escape(line).replace("…", ".*") + "\n"


def differences(page: str, folder: Path, *, redo: bool = False) -> Iterator[tuple[Typed, str]]:
    """Each command of a page that says something else, and what it says. Raises AssertionError where one just fails."""
    typed: Sequence[Typed] = list(typed_on(page, redo=redo))
    with Shell(folder) as shell:
        for one, following in zip(typed, [*typed[1:], None], strict=True):
            said = shell.type(one)
            told = following is not None and following.command == "echo $?"
            if not one.elsewhere and not told and (code := _code(shell)):
                raise AssertionError(f"$ {one.command}\n{said}… ended with {code}")
            if one.printed is not None and not as_quoted(said, one.printed):
                yield one, said


def _code(shell: Shell) -> int:
    return shell._answer("(exit $code)")[1]
