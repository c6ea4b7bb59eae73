"""Regular expressions that come with a recipe: RE2's, whose time grows with text and pattern only, never explodes.

It knows no look-around and no back references; `$` is the end of the text, never the place before a last line end.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any

MAX_PATTERN = 1_000
# Of each compiled pattern; a hundred are kept.
MAX_BYTES = 1 << 20


class PatternError(ValueError):
    """A text that is no regular expression of RE2's, or too large a one; says why."""


def matches(pattern: str, text: str) -> bool:
    """Whether the pattern is found in the text. Raises PatternError."""
    return compiled(pattern).search(text.encode("utf-8", "surrogatepass")) is not None


def steps(pattern: str, text: str) -> int:
    """At most so many steps of some 25 ns does `matches` take. Raises PatternError."""
    return int(compiled(pattern).programsize) * len(text)


@lru_cache(100)
def compiled(pattern: str) -> Any:
    """The compiled pattern. Raises PatternError."""
    import re2  # late: a plan without patterns does without

    if len(pattern) > MAX_PATTERN:
        raise PatternError(f"a regular expression may have {MAX_PATTERN:,} characters, this one has {len(pattern):,}")
    try:
        return re2.compile(pattern, _options())
    except (re2.error, UnicodeEncodeError) as error:
        said = error.args[0]
        words = said.decode("utf-8", "replace") if isinstance(said, bytes) else "not valid text"
        raise PatternError(words) from error


@cache
def _options() -> Any:
    import re2

    options = re2.Options()
    options.max_mem, options.never_capture, options.log_errors = MAX_BYTES, True, False
    return options
