"""How one emulator is set up."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wanflow.emulator.chance import Times, times
from wanflow.emulator.faults import Fault, read
from wanflow.errors import UsageError
from wanflow.functions.catalog import Model, offered, region_named, regions


@dataclass(frozen=True, slots=True)
class Options:
    """Choices that hold while an emulator runs; times are the emulated clock's, which runs `speed` times as fast.

    `keys` are the API keys it takes; without any, every one that begins with sk-. `paint` is draft or echo, `validate`
    submit or task: where a bad parameter is refused.
    """

    region: str = "cn-beijing"
    speed: float = 1.0
    service: Times | None = None
    latency: Times | None = None
    paint: str = "draft"
    validate: str = "submit"
    refuse_excess: bool = False
    keys: frozenset[str] = frozenset()
    seed: int = 0
    state: Path | None = None
    faults: tuple[Fault, ...] = ()
    fault_seed: int = 0

    def __post_init__(self) -> None:
        if not offered(self.region):
            selling = [name for name in regions() if offered(name)]
            raise UsageError(f"no model is known to be sold in {self.region}; take {' or '.join(selling)}")
        if not 0 < self.speed <= 100_000:
            raise UsageError(f"speed must be above 0 and at most 100000, got {self.speed:g}")

    def service_times(self, model: Model) -> Times:
        """How long this model works on a task."""
        low, high = model.typical_seconds
        return self.service or times(f"uniform:{low}:{high}")


def from_flags(
    *,
    region: str,
    keys: tuple[str, ...],
    service: str | None,
    latency: str | None,
    fault: tuple[str, ...],
    **others: Any,
) -> Options:
    """The options that a command line's texts mean; of several seeds of faults the last holds. Raises UsageError."""
    wanted: list[Fault] = []
    seed = 0
    for text in fault:
        more, said = read(text)
        wanted += more
        seed = seed if said is None else said
    return Options(
        region=region_named(region).name,
        keys=frozenset(keys),
        service=times(service) if service else None,
        latency=times(latency) if latency else None,
        faults=tuple(wanted),
        fault_seed=seed,
        **others,
    )
