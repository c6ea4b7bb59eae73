"""Equal work of a run, which is done once: the job that does it, and those that wait for its picture."""

from __future__ import annotations

from wanflow.running.schedule import Job


class Leaders:
    """The jobs of a run that are done now, by their keys."""

    def __init__(self) -> None:
        self._followers: dict[str, list[Job]] = {}
        self._keys: dict[Job, str] = {}

    def lead(self, job: Job, key: str) -> None:
        """A job is done from here on."""
        self._followers[key], self._keys[job] = [], key

    def follow(self, job: Job, key: str) -> bool:
        """Wait for the job that is done with this key; false where there is none."""
        if key in self._followers:
            self._followers[key].append(job)
        return key in self._followers

    def release(self, job: Job) -> list[Job]:
        """A job is not done any more, if it ever was: those that waited for its picture."""
        return self._followers.pop(self._keys.pop(job, ""), [])
