"""What a run asks the backend for: a job's pictures as they lie there now, and the request that comes of them."""

from __future__ import annotations

from collections.abc import Mapping

from wanflow.functions.sizes import Size, base
from wanflow.language import hints
from wanflow.language.expand import Job as Made
from wanflow.language.recipe import Step
from wanflow.model import Blob, Call, Ref, RefKind, Result, Source
from wanflow.planning.further import Asked, Begun, first_of, together
from wanflow.planning.plan import Planner
from wanflow.planning.supply import Supply
from wanflow.running.progress import Progress, numbered
from wanflow.running.schedule import Job
from wanflow.running.tries import Tries


class Calls:
    """The calls of one run. `made` are the keys whose results came in it."""

    def __init__(self, planner: Planner, progress: Progress, tries: Tries) -> None:
        self._planner, self._plan, self._inputs = planner, planner.plan, planner.inputs
        self._progress, self._tries = progress, tries
        self.made: set[str] = set()
        self._further: dict[Job, tuple[Begun, Asked]] = {}  # jobs of which only a part is asked for
        self._bases: dict[Job, Blob | None] = {}  # what pictures are compared with
        self._assumed: dict[Job, tuple[Size | None, Size | None]] = {}  # its image's size, and its own by the rule

    def call(self, job: Job, *, some_left_out: bool) -> tuple[Call, str]:
        """The call for a job and what its key is made of; with `some_left_out`, the plan expected more pictures.

        Raises RowError, EditError.
        """
        place, step, expansion = job[0], self._plan.steps[job[1]], self._planner.expansion
        row = self._progress.rows[place].entry.row
        made_of = expansion.another(expansion.job(step, row), self._tries.unfit(job))
        pictures = self._pictures(place, step)
        # What is fetched, or made by others, may be of another size than the plan thought, and some may not be there.
        taken = {slot: _supply(ref, source) for slot, (ref, source) in pictures.items()}
        if some_left_out or self._plan.fetches:
            self._planner.supplier.check_number(step, row, sum(slot.startswith("images.") for slot in taken))
        self._planner.supplier.check_sizes(step, row, taken)
        sources = {slot: source for slot, (_, source) in pictures.items()}
        inputs = {slot: (str(self._inputs.root / source.path), source.blob.sha256) for slot, source in sources.items()}
        sizes = {slot: source.blob.size for slot, source in sources.items()}
        made = expansion.size(made_of, sizes)
        self._assumed[job] = base(sizes), made
        pixels = max(width * height for width, height in (*sizes.values(), made or (0, 0)))
        digests = {slot: sha256 for slot, (_, sha256) in inputs.items()}
        if region := expansion.region(step, row, None):
            digests[hints.REGION] = hints.symbol(region)
        asked = self._asked(job, made_of, digests)
        if step.candidates > 1 or step.expect:
            supplies = {slot: Supply.of(source) for slot, source in sources.items()}
            self._bases[job] = self._planner.decider.handover.base(supplies)
        return Call(asked.key, step.function.name, asked.parameters, inputs, region, step.model, pixels), asked.parts

    def base(self, job: Job) -> Blob | None:
        """What a called job's pictures are compared with."""
        return self._bases.get(job)

    def take_base(self, job: Job) -> Blob | None:
        """The same, the last time."""
        return self._bases.pop(job, None)

    def note_size(self, job: Job, made: Size) -> None:
        """A called job's picture is of this size. Raises StoreError."""
        self._planner.decider.sizing.note(self._plan.steps[job[1]], *self._assumed.pop(job), made)

    def names(self, job: Job) -> list[str]:
        """What the key of a job's present try is remembered under."""
        state, number = self._progress.rows[job[0]], self._tries.unfit(job) + 1
        return [numbered(name, number) for name in self._progress.names(state, self._plan.steps[job[1]].id)]

    # -- requests of which a part was made before

    def enough(self, job: Job) -> Result | None:
        """What a called job needs of an earlier request, where that has enough."""
        further = self._further.get(job)
        if further and not further[0].missing:
            return first_of(further[0].result, self._plan.steps[job[1]].candidates)
        return None

    def whole(self, job: Job, key: str, result: Result) -> tuple[str, Result]:
        """A called job's whole result, and its key, where only what was missing of it was asked for.

        Raises StoreError.
        """
        if not (further := self._further.pop(job, None)):
            return key, result
        begun, asked = further
        if not begun.missing:
            return begun.key, result
        result = together(begun, result, same_key=begun.key == asked.key)
        index = self._planner.index
        with index.transaction():
            index.remember(asked.key, result, asked.parts)
            index.note_jobs(self._plan.identity, [(name, asked.key) for name in self.names(job)])
        self.made.add(asked.key)
        return asked.key, result

    def _asked(self, job: Job, made_of: Made, digests: Mapping[str, str]) -> Asked:
        """The request for a job, or for what is missing of it."""
        requests = self._planner.decider.requests
        whole = requests.asked(made_of, digests)
        self._further.pop(job, None)
        if whole.key in self.made:  # what did not come is asked for once in a run, as its plan says
            return whole
        begun = requests.begun(made_of, whole, self._planner.index.result(whole.key))
        if begun is None:
            return whole
        self._further[job] = begun, whole
        return requests.asked(made_of, digests, begun) if begun.missing else whole

    # -- pictures

    def _pictures(self, place: int, step: Step) -> dict[str, tuple[Ref, Source]]:
        """What a job takes, by slot; of steps.ID.all, every picture has one."""
        found: dict[str, tuple[Ref, Source]] = {}
        several: list[tuple[Ref, Source]] = []
        for slot, (at, ref) in self._plan.sources(place, step).items():
            if not slot.startswith("images."):
                found[slot] = ref, self._picture(at, ref, step, slot)
            elif ref.every:
                several += [(ref, self._stored(blob)) for blob in self._progress.rows[at].chosen[ref.name].every]
            else:
                several.append((ref, self._picture(at, ref, step, slot)))
        return found | {f"images.{number}": picture for number, picture in enumerate(several)}

    def _picture(self, place: int, ref: Ref, step: Step, slot: str) -> Source:
        state = self._progress.rows[place]
        if ref.kind is RefKind.STEP:
            return self._stored(state.blobs[ref.name])
        return self._planner.supplier.file(ref, state.entry.row, step.slot_place(slot))

    def _stored(self, blob: Blob) -> Source:
        return Source(str(self._planner.blobs.path(blob.sha256)), blob)


def _supply(ref: Ref, source: Source) -> Supply:
    return Supply(step=ref.name, size=source.blob.size) if ref.kind is RefKind.STEP else Supply.of(source)
