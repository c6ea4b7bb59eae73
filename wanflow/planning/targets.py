"""Where a plan's pictures go: the path of every output, whose it is, and which files have to be put in place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from wanflow.errors import Problem
from wanflow.language.expand import Expansion, RowError, about_row
from wanflow.language.recipe import Output, plain
from wanflow.language.templates import Template
from wanflow.links.urls import Url
from wanflow.model import RUN, Blob, Publication, Reason, Row
from wanflow.pictures.notes import MOST_BYTES
from wanflow.planning.ancestry import Ancestry, trace
from wanflow.planning.outputs import FORMATS, SIDECAR, file_digest, made_from, path_problem
from wanflow.planning.owners import Neighbours, Owners
from wanflow.planning.supply import Supplier, Supply
from wanflow.project import Project
from wanflow.store.blobs import stat_of
from wanflow.store.index import Index


class Targets:
    """The outputs of one plan."""

    def __init__(self, project: Project, expansion: Expansion, supplier: Supplier, index: Index) -> None:
        self._recipe, self._expansion, self._supplier, self._index = expansion.recipe, expansion, supplier, index
        self._afresh = project.options.force
        inputs = supplier.inputs
        self._root, self._writable = inputs.root, project.writable
        prefix = inputs.relative(project.out)
        self.prefix = "" if prefix == "." else f"{prefix}/"
        self.owners = Owners(self._root)
        self._neighbours = Neighbours(self._root, index, inputs.relative(self._recipe.file))
        outputs = self._recipe.outputs
        self._outputs = {once: [output for output in outputs if output.per_run is once] for once in (False, True)}

    def of(self, row: Row) -> Sequence[Output]:
        """The outputs of a row, or those of the whole run."""
        return self._outputs[row.key == RUN]

    def paths(self, row: Row, *, claim: bool = True) -> dict[str, str]:
        """Every output's path, relative to the project. Raises RowError with all that is wrong with them."""
        paths: dict[str, str] = {}
        faults: list[Problem] = []
        unfit: set[str] = set()
        for output in self.of(row):
            if output.is_sidecar and output.shown in unfit:
                continue  # what is wrong with its picture's path is told
            try:
                path = self._expansion.path(output, row)
            except RowError as error:
                faults += error.problems
                unfit.add(output.name)
                continue
            whole = paths[output.name] = self.prefix + path
            if complaint := self._path_problem(output, path):
                hint = "Write for example out/${{ row.id }}.png."
            elif complaint := self._beyond(whole):
                hint = ""
            else:
                complaint = self.owners.claim(whole, row.key, output.name) if claim else ""
                hint = "Every row and output needs a path of its own, e.g. out/${{ row.id }}-name.png."
            if claim and complaint:
                read = [output.to] if isinstance(output.to, Template) else []
                problem = self._recipe.document.problem(output.where("to"), "output-path", complaint, hint)
                faults.append(about_row(problem, row, *read))
                unfit.add(output.name)
        if faults:
            raise RowError(*faults)
        return paths

    def _path_problem(self, output: Output, path: str) -> str:
        if output.is_sidecar:
            return path_problem(path, (SIDECAR,))
        kind = FORMATS.get(Path(path).suffix.lower(), "")
        if output.provenance == "embed" and kind and kind not in MOST_BYTES:
            return f"a {kind} holds no metadata; take another format, or provenance: sidecar"
        return path_problem(path)

    def _beyond(self, path: str) -> str:
        """Why an output's folder is out of reach, or empty text; a file that is a link is replaced, not followed."""
        complaint = self._writable.complaint(f"{(self._root / path).parent}/")
        return f"{path} can't be written: {complaint}" if complaint else ""

    def restores(
        self, row: Row, paths: dict[str, str], supplies: Mapping[str, Supply], keys: frozenset[str] = frozenset()
    ) -> Iterator[tuple[Publication, Reason] | RowError | Url]:
        """The files that have to be put in place, and why; what has no picture is dropped from the paths, with why;
        and what has to be fetched for one.
        """
        for output in (output for output in self.of(row) if output.name in paths):
            try:
                where = output.where("image")
                supply = self._supplier.supply(output.ref, row, supplies, where, afresh=self._afresh)
            except RowError as error:
                del paths[output.name]
                yield error
                continue
            path = paths[output.name]
            if supply.blob is None:
                if supply.url:
                    yield supply.url
                if not supply.absent:
                    self._neighbours.note(output.name, path, None)
                continue
            publication = published_as(output, path, supply.blob, supply.step, keys)
            ancestry = ancestry_of(publication, self._root, self._index)
            self._neighbours.note(output.name, path, made_from(publication, ancestry))
            if reason := out_of_place(publication, self._root, self._index):
                yield publication, reason

    def overwritten(self) -> Iterator[Problem]:
        """Every output that would write over an input image or over another recipe's file."""
        for (row, output), name in self.owners.overwritten():
            who = "the whole run" if row == RUN else f"row {row}"
            message = f"{who} would write over {name}, which is an input image"
            yield self._problem(output, message, "Give outputs a folder of their own, e.g. out/.")
        for writer, output, paths in self._neighbours.overwritten():
            files = paths[0] if len(paths) == 1 else f"{len(paths):,} files, first {paths[0]}"
            message = f"this would write over what {writer} made: {files}"
            hint = (
                f"Give one of the two recipes another folder, here or with --out; or move the files of {writer} away."
            )
            yield self._problem(output, message, hint)

    def _problem(self, output: str, message: str, hint: str) -> Problem:
        output = plain(output)
        where = ("outputs", output, "to") if output in self._recipe.document.data["outputs"] else ("outputs",)
        return self._recipe.document.problem(where, "output-path", message, hint)


def published_as(output: Output, path: str, source: Blob, step: str | None, keys: frozenset[str]) -> Publication:
    """What an output shows, as a file; `keys` are those of its row's jobs that have a picture."""
    if output.is_sidecar or output.provenance == "embed":
        return Publication(output.name, path, source, step, output.quality, output.provenance, keys)
    return Publication(output.name, path, source, step, output.quality)


def ancestry_of(publication: Publication, root: Path, index: Index) -> Ancestry | None:
    """The ancestry that a file tells; None for one that is only a picture."""
    if publication.provenance is None:
        return None
    return trace(index, root, publication.source.sha256, publication.keys)


def out_of_place(publication: Publication, root: Path, index: Index) -> Reason | None:
    """Why an output file has to be written, or None when it stands there as it should."""
    target = root / publication.path
    published = index.published(publication.path)
    stat = stat_of(target)
    ancestry = ancestry_of(publication, root, index)
    if stat is None or published is None or published.recipe_of != made_from(publication, ancestry):
        return Reason.OUTPUT_MISSING
    if stat == published.stat or file_digest(target) == published.sha256:
        return None
    return Reason.OUTPUT_MODIFIED
