"""The emulator behind ASGI: reads requests, lets time pass, has work done, and delivers answers, well or badly."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import python_multipart  # noqa: F401 - Starlette would miss it only at the first upload
from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request as Incoming
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from wanflow.emulator.delivery import Delivery
from wanflow.emulator.exchange import Ending, Form, Request, Response, delivered
from wanflow.emulator.faults import Faults
from wanflow.emulator.options import Options
from wanflow.emulator.paint import Draft, Echo, Painter
from wanflow.emulator.service import Service
from wanflow.emulator.state import Store
from wanflow.emulator.studio import Fetch, Studio, without_images
from wanflow.emulator.tasks import Task, failure
from wanflow.settings import cores

log = logging.getLogger(__name__)


class FastClock:
    """Seconds since 1970 that pass `speed` times as fast, from `start` on."""

    def __init__(self, speed: float, start: float) -> None:
        self.speed, self._start, self._began = speed, start, time.monotonic()

    def now(self) -> float:
        """The emulated time."""
        return self._start + (time.monotonic() - self._began) * self.speed


class Emulator:
    """An ASGI application. Close it with `aclose`, or let a server's lifespan do so."""

    def __init__(self, options: Options, *, ids: Callable[[], str] | None = None, fetch: Fetch | None = None) -> None:
        self._store = Store(options.state)
        self.clock = FastClock(options.speed, max(time.time(), self._store.kept("now", 0.0)))
        new_id = ids or (lambda: str(uuid.uuid4()))
        self.service = Service(options, self._store, Faults(options.faults, options.fault_seed), new_id)
        self._painter: Painter = Echo() if options.paint == "echo" else Draft(cores())
        self._studio = Studio(self.service.storage, self._painter, fetch or fetched)
        self._work: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._changed, self._closing = asyncio.Event(), asyncio.Event()
        route = Route("/{path:path}", self._endpoint, methods=["GET", "POST", "PUT", "DELETE"])
        self._app = Starlette(routes=[route], lifespan=self._lifespan)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        await self._app(scope, receive, send)

    def start(self) -> None:
        """Go on with the tasks of the run before this one; needs a running loop."""
        self._go_on()

    def let_go(self) -> None:
        """Hold no connection any longer: the server is about to end."""
        self._closing.set()
        self._changed.set()

    async def aclose(self) -> None:
        """Stop work, keep the state, end the workers."""
        if self._timer:
            self._timer.cancel()
        for work in self._work:
            work.cancel()
        await asyncio.gather(*self._work, return_exceptions=True)
        self.service.remember(self.clock.now())
        self._painter.close()
        self._store.close()

    @asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        self.start()
        yield
        await self.aclose()

    async def _endpoint(self, incoming: Incoming) -> Delivery:
        request = await _read(incoming)
        response = self.service.handle(request, self.clock.now())
        self._go_on()
        if response.awaits:
            response = delivered(await self._held(response.awaits, request.origin), delay_s=response.delay_s)
        return Delivery(response, self.clock.now, self.clock.speed, self._closing)

    def _go_on(self) -> None:
        """Let time pass: begin the work that is due, and come back when the next task ends by itself."""
        now = self.clock.now()
        self.service.account.advance(now)
        for task in self.service.account.due_work():
            work = asyncio.get_running_loop().create_task(self._do(task))
            self._work.add(work)
            work.add_done_callback(self._work.discard)
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if (event := self.service.account.next_event()) is not None:
            wait = max(0.0, event - now) / self.clock.speed
            self._timer = asyncio.get_running_loop().call_later(wait, self._go_on)
        # Synchronous calls look again whether theirs has ended.
        self._changed.set()
        self._changed = asyncio.Event()

    async def _do(self, task: Task) -> None:
        try:
            outcome = await self._studio.outcome(task, self.service.account.model_of(task), self.clock.now())
        except Exception:
            # A bug of ours must not leave a task RUNNING for ever.
            log.exception("the work on task %s broke off", task.id)
            outcome = failure("InternalError", "The emulator itself failed; its log says where.")
        without_images(task)
        self.service.account.worked(task, outcome, self.clock.now())
        self._go_on()

    async def _held(self, task_id: str, origin: str) -> Response:
        while (response := self.service.held(task_id, origin)) is None:
            if self._closing.is_set():
                return Response(ending=Ending.RESET)
            await self._changed.wait()
        return response


async def _read(incoming: Incoming) -> Request:
    headers = {name.lower(): value for name, value in incoming.headers.items()}
    form, body = None, b""
    if headers.get("content-type", "").startswith("multipart/form-data"):
        form = await _form(incoming)
    else:
        body = await incoming.body()
    origin = f"{incoming.url.scheme}://{incoming.url.netloc}"
    query = dict(incoming.query_params)
    return Request(incoming.method, incoming.url.path, query, headers, body, form, origin)


async def _form(incoming: Incoming) -> Form | None:
    """The form, when it is whole and its file comes last, as the storage wants it."""
    try:
        async with incoming.form() as form:
            items = form.multi_items()
            last = items[-1][1] if items else None
            if not isinstance(last, UploadFile):
                return None
            content = await last.read()
            return Form({name: value for name, value in items if isinstance(value, str)}, content)
    except HTTPException:
        return None


async def fetched(url: str, most: int) -> bytes:
    """The bytes behind a public URL. Raises OSError."""
    import httpx

    try:
        async with httpx.AsyncClient(follow_redirects=True, timeout=10) as client, client.stream("GET", url) as answer:
            answer.raise_for_status()
            pieces = bytearray()
            async for piece in answer.aiter_bytes():
                pieces += piece
                if len(pieces) > most:
                    break
            return bytes(pieces)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise OSError(str(error)) from error
