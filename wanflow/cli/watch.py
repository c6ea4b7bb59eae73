"""run --watch: runs again whenever what a recipe reads has changed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from stat import S_ISDIR
from typing import TYPE_CHECKING, Any

from wanflow.errors import RecipeError, RefusedError, UsageError, WanflowError, inline
from wanflow.settings import FILE, find_root, shown
from wanflow.telling import review
from wanflow.telling.words import count, dollars

if TYPE_CHECKING:
    from wanflow.api import Options
    from wanflow.planning.planned import Plan
    from wanflow.telling.narrator import Voice

# Changes that follow each other so soon are one; whoever never stops changing waits no longer than the second.
QUIET_MS, MOST_MS = 100, 1600
# The watch is set up within this time; what changed before that is looked for once.
SET_UP_MS = 200
NAMED = 3

Once = Callable[["Options", "Voice", Callable[["Plan"], bool]], int]
Seen = Mapping[str, object]


class Watched:
    """What a recipe reads: files, and folders that are looked through; `outputs` are not looked at."""

    def __init__(self, recipe: Path, here: Path) -> None:
        self.root = find_root(recipe, here)
        self.files = {str(recipe), str(self.root / FILE), f"{self.root / 'picks'}{os.sep}"}
        self.outputs = {str(self.root / name) for name in (".wanflow", "report")}

    def leave_out(self, plan: Plan) -> None:
        """What a plan writes is no reason for another run."""
        for entry in plan.entries:
            for path in getattr(entry, "paths", {}).values():
                self.outputs |= {str(self.root / part) for part in (path, *Path(path).parents)}

    def look(self) -> Seen:
        """How everything is now."""
        seen: dict[str, object] = {}
        for name in self.files:
            if name.endswith(os.sep):
                seen |= self._listed(name)
            else:
                seen[name] = _stat(name)
        return seen

    def _listed(self, folder: str) -> Iterator[tuple[str, object]]:
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.path not in self.outputs:
                        yield entry.path, _stat(entry.path)
        except OSError:
            return

    def folders(self) -> list[str]:
        """What has to be watched to hear of every change: the nearest folders that there are."""
        found = {Path(name) if name.endswith(os.sep) else Path(name).parent for name in self.files}
        return sorted({str(next(each for each in (folder, *folder.parents) if each.is_dir())) for folder in found})


def _stat(name: str) -> object:
    try:
        found = Path(name).stat()
    except (OSError, ValueError):
        return None
    return None if S_ISDIR(found.st_mode) else (found.st_mtime_ns, found.st_size, found.st_ino)


class Watch:
    """Runs again after each change until Ctrl-C. `wish.max_cost` is what all runs together may cost; without it nothing
    is paid for.
    """

    def __init__(
        self, recipe: Path, wish: Options, voice: Callable[[], Voice], once: Once, tell: Callable[[WanflowError], int]
    ) -> None:
        self._watchfiles, self._here, self._left = _watchfiles(), Path.cwd().resolve(), wish.max_cost
        self._files = Watched((self._here / recipe).resolve(), self._here)
        # Rows that are as they were don't tell what they read, so that the first run looks at all of them.
        self._wish = replace(wish, every_row=True, asked=self._files.files)
        self._voice, self._once, self._tell = voice, once, tell
        self._planned = False
        self._seen: Seen = {}

    def run(self) -> int:
        """The exit code of the last run. Raises UsageError, RefusedError, StoreError where the first can't begin."""
        while True:
            voice, self._seen = self._voice(), self._files.look()
            code = self._run(voice)
            if voice.usage().interrupted:
                return code
            money = "" if self._left is None else f", {dollars(self._left)} left to spend"
            files = sum(not name.endswith(os.sep) for name in self._files.files)
            try:
                voice.note(f"watching {count(files, 'file')}{money}; Ctrl-C ends it")
                changed = [inline(shown(Path(name), self._here)) for name in self._changed()]
            except KeyboardInterrupt:
                return code
            more = f" and {len(changed) - NAMED:,} more" if len(changed) > NAMED else ""
            voice.note(f"changed: {', '.join(changed[:NAMED])}{more}")

    def _run(self, voice: Voice) -> int:
        try:
            return self._once(replace(self._wish, max_cost=self._left), voice, lambda plan: self._consent(plan, voice))
        except WanflowError as error:
            if not (self._planned or isinstance(error, RecipeError)):
                raise
            self._note_read()
            return self._tell(error)
        finally:
            if self._left is not None:
                usage = voice.usage()
                self._left = max(Decimal(0), self._left - usage.spent - usage.in_flight)

    def _consent(self, plan: Plan, voice: Voice) -> bool:
        self._files.leave_out(plan)
        self._note_read()
        if plan.totals.paid_tasks:
            if self._left is None:
                bound = "--watch pays for nothing unless --max-cost says what all its runs together may cost"
                raise RefusedError(f"this would cost {review.cost(plan)}, and {bound}")
            voice.note(review.headline(plan))
        self._planned, self._wish = True, replace(self._wish, every_row=False, force=False)
        return voice.consent(plan, yes=True)

    def _note_read(self) -> None:
        """What was read is known; of what was known before, a change since then counts."""
        before = {name: was for name, was in self._seen.items() if name not in self._files.outputs}
        self._seen = {**self._files.look(), **before}

    def _changed(self) -> list[str]:
        """Wait for a change; what changed. Raises KeyboardInterrupt."""
        is_set_up = False
        for events in self._watchfiles.watch(
            *self._files.folders(),
            recursive=False,
            step=QUIET_MS,
            debounce=MOST_MS,
            rust_timeout=SET_UP_MS,
            yield_on_timeout=True,
        ):
            if events or not is_set_up:
                now, seen = self._files.look(), self._seen
                if changed := sorted(name for name in {*now, *seen} if now.get(name, "") != seen.get(name, "")):
                    return changed
            is_set_up = True
        raise KeyboardInterrupt


def _watchfiles() -> Any:
    try:
        import watchfiles
    except ModuleNotFoundError as error:
        raise UsageError(f"wanflow run --watch needs {error.name}: pip install 'wanflow[watch]'") from error
    return watchfiles
