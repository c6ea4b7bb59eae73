"""Numbers, times and amounts as people say them."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal


def count(number: int, noun: str) -> str:
    """1 job, 2,000 jobs."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def duration(seconds: float) -> str:
    """A time as people say it: 0.4 s, 12 s, 3 min 5 s, 2 h 4 min."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def dollars(usd: Decimal) -> str:
    """An amount, never told as less than it is: to the cent, and below a dollar to four digits where they differ."""
    digits = Decimal("0.0001") if usd < 1 else Decimal("0.01")
    cents, _, rest = f"{usd.quantize(digits, ROUND_CEILING):,.4f}".partition(".")
    return f"${cents}.{rest.rstrip('0'):0<2}"
