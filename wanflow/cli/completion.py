"""The scripts that shells source, and how they and wanflow talk.

The script hands over the command line up to the cursor; each line of the answer is what the shell inserts for a word.
bash breaks words at = and : and @ (COMP_WORDBREAKS) and puts back only what follows the last of them, quoted by us; zsh
and fish take whole words and quote by themselves. Only what bash 3.2 knows is used.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

import click
from click.shell_completion import ShellComplete, add_completion_class, split_arg_string

from wanflow.cli import suggest
from wanflow.cli.suggest import PART, Item

BASH = """\
%(complete_func)s() {
    local line
    COMPREPLY=()
    while IFS= read -r line; do
        COMPREPLY[${#COMPREPLY[@]}]="$line"
    done < <(%(complete_var)s=bash_complete COMP_LINE="${COMP_LINE:0:COMP_POINT}" \\
        COMP_WORDBREAKS="$COMP_WORDBREAKS" "$1" 2>/dev/null)
}
complete -o nospace -F %(complete_func)s %(prog_name)s
"""
ZSH = """\
#compdef %(prog_name)s
%(complete_func)s() {
    local line value shown
    local -a whole begun whole_shown begun_shown
    for line in "${(@f)$(%(complete_var)s=zsh_complete COMP_LINE="${(j: :)words[1,CURRENT-1]} $QIPREFIX$PREFIX" \\
            "$words[1]" 2>/dev/null)}"; do
        value="${${line#?}%%%%$'\\t'*}" shown="${${line#?}/$'\\t'/  -- }"
        case "$line" in
            '+'*) begun+=("$value") begun_shown+=("$shown") ;;
            '='*) whole+=("$value") whole_shown+=("$shown") ;;
        esac
    done
    (( $#begun )) && compadd -U -S '' -d begun_shown -a begun
    (( $#whole )) && compadd -U -d whole_shown -a whole
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    %(complete_func)s "$@"
else
    compdef %(complete_func)s %(prog_name)s
fi
"""
FISH = """\
function %(complete_func)s
    set -lx %(complete_var)s fish_complete
    set -lx COMP_LINE (commandline -cp | string join ' ')
    %(prog_name)s 2>/dev/null
end
complete --no-files --command %(prog_name)s --arguments '(%(complete_func)s)'
"""
# Stands for the cursor while the line is split, so that an empty last word is one, too.
_CURSOR = "\ue000"
_SPECIAL = re.compile(r"([^\w./,+@%:=~-])")


class _Shell(ShellComplete):
    def get_completion_args(self) -> tuple[list[str], str]:
        """The words before the one at the cursor, and that."""
        words = split_arg_string(os.environ["COMP_LINE"] + _CURSOR)
        return words[1:-1], words[-1].removesuffix(_CURSOR) if len(words) > 1 else ""

    def get_completions(self, args: list[str], incomplete: str) -> list[Item]:
        """Whole words, also of --flag=value; files and folders are listed here, alike for all shells."""
        flag, equals, begun = incomplete.partition("=")
        flag, begun = (flag + equals, begun) if equals and flag.startswith("--") else ("", incomplete)
        found: dict[str, Item] = {}
        here = click.Context(self.cli)
        for item in super().get_completions(args, incomplete):
            listed = {"file": suggest.files, "dir": suggest.folders}.get(item.type)
            whole = suggest.quietly(listed, here, begun) if listed else [item]
            found |= {one.value: Item(flag + one.value, one.type, one.help) for one in whole}
        return list(found.values())


class Bash(_Shell):
    """bash: what follows the last word break, quoted, with the space that ends a whole word."""

    name = "bash"
    source_template = BASH

    def source(self) -> str:
        """The script; click would ask for a newer bash."""
        return self.source_template % self.source_vars()

    def complete(self) -> str:
        """The lines of the answer."""
        args, begun = self.get_completion_args()
        return "\n".join(self._lines(self.get_completions(args, begun), *_tail(os.environ["COMP_LINE"])))

    def _lines(self, items: list[Item], kept: str, quote: str) -> Iterator[str]:
        for item in items:
            text = item.value[len(kept) :] if item.value.startswith(kept) else item.value
            if not quote:
                yield _SPECIAL.sub(r"\\\1", text) + ("" if item.type == PART else " ")
            elif quote == "'":
                if "'" not in text:
                    yield text
            else:
                yield re.sub(r'(["$`\\])', r"\\\1", text)


def _tail(line: str) -> tuple[str, str]:
    """What of the last word bash leaves as it is, as it is meant, and the quote that is open at the cursor."""
    quote, start, place = "", 0, 0  # of what bash puts back
    breaks = os.environ.get("COMP_WORDBREAKS", " \t\n\"'><=;|&(:").replace('"', "").replace("'", "")
    word = 0
    while place < len(line):
        char = line[place]
        if char == "\\" and quote != "'":
            place += 1
        elif quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote, start = char, place + 1
        elif char.isspace():
            word = start = place + 1
        elif char in breaks:
            start = place + (char != "@")  # readline counts this one to what follows
        place += 1
    before = line[word : start - 1] if quote else line[word:start]
    return (split_arg_string(before) or [""])[0], quote


class Zsh(_Shell):
    """zsh: = before a whole word, + before one that goes on, and what it is about."""

    name = "zsh"
    source_template = ZSH

    def format_completion(self, item: Item) -> str:
        """A line of the answer."""
        return f"{'+' if item.type == PART else '='}{item.value}" + (f"\t{item.help}" if item.help else "")


class Fish(_Shell):
    """fish: a word and what it is about; fish itself knows that nothing is to follow / = : and @."""

    name = "fish"
    source_template = FISH

    def format_completion(self, item: Item) -> str:
        """A line of the answer."""
        return f"{item.value}\t{item.help}" if item.help else str(item.value)


SHELLS = {"bash": Bash, "zsh": Zsh, "fish": Fish}
for _kind in SHELLS.values():
    add_completion_class(_kind)
