"""What a job takes of its row, of the steps before it, and of other rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from wanflow.language.recipe import Step
from wanflow.manifests.rows import Manifest
from wanflow.model import Reason, Ref, RefKind, Row
from wanflow.planning.fanin import FanIn
from wanflow.planning.supply import Supplier, Supply


class Taking:
    """That of one plan's jobs."""

    def __init__(self, supplier: Supplier, fan_in: FanIn, manifest: Manifest | None) -> None:
        self._supplier, self._fan_in, self._manifest = supplier, fan_in, manifest

    def of(self, step: Step, row: Row, supplies: Mapping[str, Supply], *, afresh: bool) -> dict[str, Supply]:
        """What a step takes, by slot; of steps.ID.all what is skipped is left out, unless all is. Raises RowError."""
        taken: dict[str, Supply] = {}
        several: list[Supply] = []
        for slot, ref in step.inputs.items():
            if ref.every:
                found = self._gathered(ref) if self._fan_in.gathers(step, ref) else map(supplies.__getitem__, ref.every)
                several += [
                    one for supply in found if supply.absent is not Reason.SKIPPED for one in supply.every or (supply,)
                ]
                continue
            if ref.kind is RefKind.STEP:
                supply = supplies[ref.name]
            else:
                supply = self._supplier.supply(ref, row, supplies, step.named_at(slot), afresh=afresh)
            if slot.startswith("images."):
                several.append(supply)
            else:
                taken[slot] = supply
        if "images.0" in step.inputs:
            several = several or [Supply(absent=Reason.SKIPPED)]
            taken.update((f"images.{number}", supply) for number, supply in enumerate(several))
        return taken

    def _gathered(self, ref: Ref) -> Iterator[Supply]:
        yield from self._fan_in.of(ref)
        if self._manifest and (lost := len(self._manifest.problems)):
            why = f"needs every row, and {lost:,} of the manifest can't be read"
            yield Supply(absent=Reason.REFUSED, why=why)
