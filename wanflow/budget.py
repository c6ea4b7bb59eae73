"""What one run may spend."""

from __future__ import annotations

from decimal import Decimal


class Budget:
    """Money of one run: reserved before a task is sent, given back where it fails; never more than `cap` USD."""

    def __init__(self, cap: Decimal | None = None) -> None:
        self.cap = cap
        self.reserved = Decimal(0)

    def reserve(self, usd: Decimal | None) -> bool:
        """Set the price of a task aside; false when that would exceed the cap, or can't be known (None)."""
        if self.cap is not None and (usd is None or self.reserved + usd > self.cap):
            return False
        self.reserved += usd or 0
        return True

    def complaint(self, usd: Decimal | None) -> str:
        """Why so much could not be set aside."""
        if usd is None:
            return f"no price is known for the next task, and at most ${self.cap} may be spent"
        return f"the next task costs ${usd}, and ${self.reserved} of ${self.cap} are spent or in flight"

    def give_back(self, usd: Decimal | None) -> None:
        """What was set aside was not spent."""
        self.reserved -= usd or 0
