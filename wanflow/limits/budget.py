"""What one run may spend."""

from __future__ import annotations

from decimal import Decimal

from wanflow.amounts import dollars, exact


class Budget:
    """Money of one run: reserved as a task is claimed, settled when its end is known; never more than `cap` USD."""

    def __init__(self, cap: Decimal | None = None) -> None:
        self.cap = cap
        self.spent = self.in_flight = Decimal(0)

    def allows(self, usd: Decimal | None) -> bool:
        """Whether a task of this price fits now; false when it would exceed the cap, or can't be known (None)."""
        return self.cap is None or (usd is not None and self.spent + self.in_flight + usd <= self.cap)

    def reserve(self, usd: Decimal | None) -> bool:
        """Set the price of a task aside; false when that is not allowed."""
        if allowed := self.allows(usd):
            self.in_flight += usd or 0
        return allowed

    def complaint(self, usd: Decimal | None) -> str:
        """Why so much could not be set aside."""
        assert self.cap is not None  # noqa: S101 - told to mypy; without a cap nothing is refused
        if usd is None:
            return f"no price is known for the next task, and at most {exact(self.cap)} may be spent"
        gone = f"{dollars(self.spent)} are spent and {dollars(self.in_flight)} in flight or in doubt"
        return f"the next task costs {dollars(usd)}; of at most {exact(self.cap)}, {gone}"

    def settle(self, usd: Decimal | None, spent: Decimal = Decimal(0)) -> None:
        """Of what was set aside, so much was spent; the rest is free again."""
        self.in_flight -= usd or 0
        self.spent += spent
