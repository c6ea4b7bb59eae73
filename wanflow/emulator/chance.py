"""Times drawn from a distribution that is written as a word and numbers: uniform:5:15."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random

from wanflow.errors import UsageError, quoted

_KINDS: Mapping[str, tuple[int, Callable[..., float]]] = {
    "fixed": (1, lambda random, value: value),
    "uniform": (2, lambda random, low, high: random.uniform(low, high)),
    "exponential": (1, lambda random, mean: random.expovariate(1 / mean)),
    "lognormal": (2, lambda random, median, sigma: random.lognormvariate(math.log(median), sigma)),
}
_FORMS = "fixed:S, uniform:LOW:HIGH, exponential:MEAN or lognormal:MEDIAN:SIGMA, in seconds"


@dataclass(frozen=True, slots=True)
class Times:
    """A distribution of seconds."""

    kind: str
    numbers: tuple[float, ...]

    def draw(self, random: Random) -> float:
        """Seconds, never below 0."""
        return max(0.0, _KINDS[self.kind][1](random, *self.numbers))


def times(text: str) -> Times:
    """The distribution that a text names. Raises UsageError saying the forms."""
    kind, *rest = text.split(":")
    try:
        numbers = tuple(float(number) for number in rest)
    except ValueError:
        numbers = ()
    wanted = _KINDS[kind][0] if kind in _KINDS else None
    positive = all(math.isfinite(number) and number >= 0 for number in numbers)
    if len(numbers) != wanted or not positive or (kind in ("exponential", "lognormal") and numbers[0] == 0):
        raise UsageError(f"times are given as {_FORMS}; got {quoted(text)}")
    return Times(kind, numbers)
