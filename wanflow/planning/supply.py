"""Where a job's pictures come from: files, URLs, data URIs, or steps that make them; and whether they fit."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from wanflow.documents.source import NodePath
from wanflow.errors import EditError, Mark, Problem, Rule
from wanflow.functions.maskrules import Unfit, fault, size_fault
from wanflow.functions.sizes import fitted
from wanflow.language.expand import RowError, about_row
from wanflow.language.hints import MASK
from wanflow.language.recipe import Recipe, Step
from wanflow.links import datauris, urls
from wanflow.links.urls import Url
from wanflow.manifests.rows import Manifest
from wanflow.model import Blob, Chosen, Reason, Ref, RefKind, Row, Source
from wanflow.pictures.images import MAX_PIXELS
from wanflow.planning.inputs import Inputs, counted

# What can be wrong with a picture that is there before a run; of others, why none is there.
_RULES: Mapping[str, Rule] = {
    "DataRefused": "data-refused",
    "ImageFormat": "image-format",
    "ImageDamaged": "image-unreadable",
    "ImageMissing": "image-missing",
    "ImageSize": "image-size",
    "ImageTooLarge": "image-too-large",
    "ImageTruncated": "image-unreadable",
    "ImageUnfit": "image-unfit",
    "ImageUnreadable": "image-unreadable",
    "MaskAlpha": "mask-alpha",
    "MaskBlack": "mask-black",
    "MaskGrey": "mask-grey",
    "MaskSize": "mask-size",
    "MaskWhite": "mask-white",
    "OutOfReach": "out-of-reach",
    "UrlRefused": "url-refused",
}
_REMEDIES = {
    "ImageTooLarge": "Save it smaller.",
    "ImageUnreadable": "Save it anew as JPEG or PNG, or leave the row out with where:.",
    "ImageTruncated": "Copy it anew from where it is whole, or leave the row out with where:.",
}
_STEP = "Put a local/fit step before it, with: {{{}}}."


@dataclass(frozen=True, slots=True)
class Supply:
    """A picture as far as it is known: its content, or only who will make it, or that there will be none, and why.

    `file` is what messages call one that no step makes, `path` where it lies, `url` where it has to be fetched first.
    Of a step with candidates, `every` is what steps.ID.all means, and `among` are the digests of all.
    """

    symbol: str = ""
    blob: Blob | None = None
    file: str | None = None
    path: str = ""
    url: Url | None = None
    step: str | None = None
    size: tuple[int, int] | None = None
    absent: Reason | None = None
    why: str = ""
    every: tuple[Supply, ...] = ()
    among: tuple[str, ...] = ()

    @classmethod
    def made(cls, step: str, chosen: Chosen) -> Supply:
        """What a step with a result hands on."""
        every = tuple(cls(blob.sha256, blob, step=step, size=blob.size) for blob in chosen.every)
        among = tuple(blob.sha256 for blob in chosen.candidates)
        if chosen.is_open:
            return cls(step=step, size=chosen.candidates[0].size, absent=Reason.PARKED, every=every, among=among)
        blob = chosen.pictures[0]
        return cls(blob.sha256, blob, step=step, size=blob.size, every=every if among else (), among=among)

    @classmethod
    def of(cls, found: Source | Url) -> Supply:
        """A picture that no step makes."""
        if isinstance(found, Url):
            return cls(f"?{found.digest}", file=str(found), url=found)
        return cls(found.blob.sha256, found.blob, found.name, found.path, size=found.blob.size)


class Supplier:
    """Finds the picture that a reference stands for, and remembers which files each row was made of."""

    def __init__(self, recipe: Recipe, inputs: Inputs, manifest: Manifest | None) -> None:
        self.recipe, self.inputs = recipe, inputs
        self.row_files: dict[str, Source | Url] = {}
        self._manifest = manifest
        self._folder = inputs.relative(manifest.folder if manifest else recipe.folder)
        self._recipe_folder = inputs.relative(recipe.folder)

    def supply(
        self, ref: Ref, row: Row, supplies: Mapping[str, Supply], where: NodePath, *, afresh: bool = False
    ) -> Supply:
        """The picture that a reference at a place of the recipe stands for, as far as it is known; `afresh` when one
        from a URL shall be fetched although it is stored. Raises RowError.
        """
        return supplies[ref.name] if ref.kind is RefKind.STEP else Supply.of(self.found(ref, row, where, afresh=afresh))

    def file(self, ref: Ref, row: Row, where: NodePath) -> Source:
        """The file that a reference (not to a step) stands for, now that all is fetched. Raises RowError."""
        found = self.found(ref, row, where)
        if isinstance(found, Url):
            raise RowError(replace(self._place(ref, row, where), message=f"{found}: it was not fetched; run again"))
        return found

    def found(self, ref: Ref, row: Row, where: NodePath, *, afresh: bool = False) -> Source | Url:
        """The file that a reference (not to a step) stands for, or the URL that has to be fetched first. Raises
        RowError.
        """
        text = self._text(ref, row, where)
        try:
            if not _is_remote(ref, text):
                name = self._name(ref, text)
                found: Source | Url = self.inputs.source(name)
            elif datauris.is_data(text):
                name = datauris.shown(text)
                found = self.inputs.data(text)
            else:
                name = urls.shown(text)
                found = self.inputs.url(text, afresh=afresh)
        except EditError as error:
            said = name if ref.kind is RefKind.URL else f"{ref}: {name}"
            rule, hint = _RULES.get(error.code, "image"), _REMEDIES.get(error.code, "")
            if error.code == "ImageMissing":
                hint = self.inputs.nearest(name)
            problem = replace(self._place(ref, row, where), message=f"{said}: {error.message}")
            raise RowError(replace(problem, rule=rule, hint=hint)) from error
        self.row_files[found.digest if isinstance(found, Url) else found.path] = found
        return found

    def named(self, row: Row) -> Iterator[str]:
        """The files that a row names as images, whether they are there or not."""
        for step in self.recipe.steps:
            for slot, ref in step.inputs.items():
                if ref.kind is RefKind.ROW:
                    with suppress(RowError):
                        text = self._text(ref, row, step.named_at(slot))
                        if not _is_remote(ref, text):
                            yield self._name(ref, text)

    def start_row(self) -> dict[str, Source | Url]:
        """The files that will be asked for until the next call of this, by name."""
        self.row_files = {}
        return self.row_files

    def _name(self, ref: Ref, path: str) -> str:
        """The project's name of the file that a reference means."""
        return self.inputs.name(self._folder if ref.kind is RefKind.ROW else self._recipe_folder, path)

    def _text(self, ref: Ref, row: Row, where: NodePath) -> str:
        """What stands for a picture that no step makes: a path, a URL or a data URI. Raises RowError."""
        if ref.kind is not RefKind.ROW:
            return str(self.recipe.params[ref.name]) if ref.kind is RefKind.PARAM else ref.name
        value = row.values.get(ref.name)
        if isinstance(value, str) and value.strip() and "\0" not in value:
            return value
        problem = self._place(ref, row, where)
        if isinstance(value, str) and value.strip():
            raise RowError(replace(problem, message=f"{ref}: the path holds a NUL character"))
        message = f"{ref}: there is no path in this row"
        raise RowError(replace(problem, message=message, hint="Fill the cell, or leave the row out with where:."))

    def _place(self, ref: Ref, row: Row, where: NodePath) -> Problem:
        if ref.kind is RefKind.ROW and self.recipe.manifest and self._manifest:
            found = self._manifest.of_files
            path, mark = (row.place, None) if found else (self._manifest.shown, Mark(row.line, 1))
            return Problem("image", "", path, mark, rows=(row.key,), row_count=1)
        return about_row(self.recipe.document.problem(where, "image", ""), row)

    def check(self, step: Step, row: Row, taken: Mapping[str, Supply]) -> None:
        """Judge the pictures that a step takes by its function's rules. Raises RowError."""
        self.check_number(step, row, sum(slot.startswith("images.") for slot in taken))
        self.check_sizes(step, row, taken)
        for slot, supply in taken.items():
            rule = step.function.inputs.get(slot.partition(".")[0], {})
            if rule.get("black_and_white") and supply.blob and supply.path:
                self._require(step, row, slot, supply, self._unfit_mask(supply, supply.blob, hint=slot == MASK))

    def check_sizes(self, step: Step, row: Row, taken: Mapping[str, Supply]) -> None:
        """The same, but for what only a look at a mask's pixels tells. Raises RowError."""
        for slot, supply in taken.items():
            rule = step.function.inputs.get(slot.partition(".")[0], {})
            complaint = _unfit(rule, supply, step.function.name)
            image = taken.get(rule.get("same_size_as", ""))
            unfit = Unfit("ImageSize", *complaint) if complaint else None
            if not unfit and image and image.size and supply.size:
                unfit = size_fault(supply.size, image.size)
            self._require(step, row, slot, supply, unfit)

    def _require(self, step: Step, row: Row, slot: str, supply: Supply, unfit: Unfit | None) -> None:
        if unfit is None:
            return
        what = f"{supply.file}: " if supply.file else f"the picture of {supply.step}: " if supply.step else ""
        where, name = step.slot_place(slot), _RULES.get(unfit.code, "image")
        problem = self.recipe.document.problem(where, name, f"{what}{unfit.message}", unfit.hint)
        raise RowError(about_row(problem, row))

    def check_number(self, step: Step, row: Row, count: int) -> None:
        """Judge how many pictures a step takes. Raises RowError."""
        rule = step.function.inputs.get("images", {})
        if "images.0" not in step.inputs or rule["min"] <= count <= rule["max"]:
            return
        number = f"at least {rule['min']}" if count < rule["min"] else f"at most {rule['max']}"
        message = f"images: {count:,} picture{'' if count == 1 else 's'}; {step.function.name} takes {number}"
        hint = "Leave some out with when: of the step that makes them, or name those that are meant."
        if step.per_run:
            hint = "Leave rows out with where:, or pictures with when: of the step that makes them."
        raise RowError(about_row(self.recipe.document.problem(step.where("images"), "length", message, hint), row))

    def _unfit_mask(self, supply: Supply, blob: Blob, *, hint: bool) -> Unfit | None:
        """Why a file's pixels can't be a mask's; those of one that a step makes are judged once they are there."""
        try:
            return fault(self.inputs.mask(self.inputs.root / supply.path, blob.sha256), hint=hint)
        except EditError as error:
            return Unfit(error.code, error.message, "")

    async def check_made(self, step: Step, inputs: Mapping[str, tuple[str, str]]) -> None:
        """Judge the pixels of masks, now that all are made; `inputs` as in a Call. Raises EditError."""
        for slot, (path, sha256) in inputs.items():
            if not step.function.inputs.get(slot.partition(".")[0], {}).get("black_and_white"):
                continue
            facts = self.inputs.known_mask(sha256)
            if facts is None:  # a large one takes a third of a second, in which the loop has others to serve
                facts = self.inputs.note_mask(sha256, await asyncio.to_thread(counted, Path(path), sha256))
            if unfit := fault(facts, hint=slot == MASK):
                what = "the hint's mask" if slot == MASK else "the mask"
                raise EditError(unfit.code, f"{what} is unfit: {unfit.message}. {unfit.hint}")


def _is_remote(ref: Ref, text: str) -> bool:
    """Whether a text is a URL or a data URI, not a file's path."""
    return ref.kind is not RefKind.FILE and bool(urls.scheme_of(text) or datauris.is_data(text))


def _unfit(rule: Mapping[str, object], supply: Supply, function: str) -> tuple[str, str] | None:
    """Why a picture can't go into an input, and what helps; None when it can, or its size isn't known yet."""
    low, high = rule.get("min_side"), rule.get("max_side")
    if (
        supply.size
        and isinstance(low, int)
        and isinstance(high, int)
        and not all(low <= s <= high for s in supply.size)
    ):
        width, height = supply.size
        return f"{width}x{height} px; {function} takes {low} to {high} px a side", _fit(supply.size, low, high)
    steepest = rule.get("max_ratio")
    if supply.size and isinstance(steepest, int | float) and max(supply.size) > steepest * min(supply.size):
        width, height = supply.size
        return f"{width}x{height} px is longer than {steepest:g}:1, the most that {function} takes", "Crop it first."
    if supply.size and supply.size[0] * supply.size[1] > MAX_PIXELS:
        width, height = supply.size
        return f"{width}x{height} px; at most {MAX_PIXELS // 10**6} million pixels are read", "Make it smaller first."
    if supply.file and supply.blob:
        formats, most = rule.get("formats"), rule.get("max_bytes")
        kind = "JPEG" if supply.blob.format == "MPO" else supply.blob.format
        if isinstance(formats, list) and kind not in formats:
            return f"{kind}; {function} takes {', '.join(formats)}", "Save it in one of these formats."
        if isinstance(most, int) and supply.blob.size_bytes > most:
            size = f"{supply.blob.size_bytes / 2**20:.1f} MiB"
            return f"{size}; {function} takes {most / 2**20:.0f} MiB", _STEP.format(f"max_side: {high}")
    return None


def _fit(size: tuple[int, int], low: int, high: int) -> str:
    """The step that brings a picture within the limits, if one can."""
    limits = {"min_side": low} if min(size) < low else {"max_side": high}
    if not all(low <= side <= high for side in fitted(*size, limits)):
        return f"It is longer than {high / low:g}:1, so resizing can't help; crop it."
    return _STEP.format(", ".join(f"{name}: {value}" for name, value in limits.items()))
