"""Amounts of money as people say them, the same everywhere."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal


def dollars(usd: Decimal) -> str:
    """An amount, never told as less than it is: to the cent, and below a dollar to four digits where they differ."""
    digits = Decimal("0.0001") if usd < 1 else Decimal("0.01")
    return exact(usd.quantize(digits, ROUND_CEILING))


def exact(usd: Decimal) -> str:
    """An amount with every digit that counts, as prices and bounds are told: $5.00, $0.02007."""
    whole, _, rest = f"{usd:,f}".partition(".")
    return f"${whole}.{rest.rstrip('0'):0<2}"
