"""The pictures that a run fetches before the jobs that take them: each once, tried again where that can help."""

from __future__ import annotations

from wanflow.errors import EditError, StoreError
from wanflow.links.urls import Url
from wanflow.paying.attempts import Retries
from wanflow.planning.inputs import Inputs
from wanflow.running.fetch import Fetcher
from wanflow.running.halt import Halt

LANE = "fetch"


class Fetching:
    """Fetches for one run; `inputs` knows afterwards what came, or why nothing did."""

    def __init__(self, inputs: Inputs, fetcher: Fetcher, retries: Retries, halt: Halt) -> None:
        self._inputs, self._fetcher, self._retries, self._halt = inputs, fetcher, retries, halt

    async def fetch(self, url: Url) -> None:
        """Fetch a picture, however many attempts it takes."""
        etag = self._inputs.etag(url)
        attempts = 0
        while True:
            attempts += 1
            try:
                fetched = await self._fetcher.fetch(url, etag)
                blob, etag = (fetched.blob, fetched.etag) if fetched else (None, etag)
                self._inputs.note_fetched(url, etag, blob, self._retries.clock.now())
                return
            except StoreError as error:
                self._halt.for_store(error)
                self._inputs.note_unfetched(url, EditError("StoreNotWritten", str(error)))
                return
            except EditError as error:
                error.attempts = attempts
                if not await self._may_go_on(url, error):
                    self._inputs.note_unfetched(url, error)
                    return

    async def _may_go_on(self, url: Url, error: EditError) -> bool:
        try:
            await self._retries.pause(str(url), error)
        except EditError:
            return False
        return True
