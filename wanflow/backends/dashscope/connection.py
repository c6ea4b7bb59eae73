"""HTTP to the provider: one pool, explicit timeouts, and every failure an EditError that says whether to send again.

httpx's own exceptions carry requests, and those carry the key, so none of them leaves this module, not even as a cause.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from wanflow import __version__
from wanflow.backends.dashscope.secret import Secret
from wanflow.clock import Clock
from wanflow.errors import Again, EditError, UsageError, printable, quoted
from wanflow.links.networks import is_public
from wanflow.wire import answers, reading
from wanflow.wire.requests import Request
from wanflow.wire.verdicts import Phase, judged, retry_after

if TYPE_CHECKING:
    import httpx

CONNECT_S, WRITE_S, POOL_S = 10.0, 60.0, 60.0
# An answer that drips in byte by byte keeps every single read short, so the whole has an end too.
QUERY_S, SUBMIT_S, SYNC_S, TRANSFER_S = 20.0, 300.0, 600.0, 300.0
READ_S = 30.0
KEEPALIVE_S = 5.0
MAX_REDIRECTS = 3
# By how much two clocks of this machine may disagree of how long something took before one of them was set.
CLOCK_ERROR_S = 2.0


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, waiting time and body of an answer."""

    status: int
    retry_after: str | None
    data: bytes


class Connection:
    """Sends requests with the account's key, and transfers files without it."""

    def __init__(
        self,
        base_url: str,
        key: Secret,
        workspace: str | None,
        clock: Clock,
        transport: httpx.AsyncBaseTransport | None,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._is_public = is_public(base_url)
        self._key = key
        self._workspace = {"X-DashScope-WorkSpace": workspace} if workspace else {}
        self._clock = clock
        self._transport = transport
        self._client: httpx.AsyncClient | None = None
        self._compared: tuple[float, float, float] | None = None

    @property
    def offset_s(self) -> float | None:
        """How many seconds the provider's clock is ahead of ours; None before its first answer, and when our clock was
        set, or the machine slept, since its last.
        """
        if self._compared is None:
            return None
        offset_s, now, monotonic = self._compared
        passed_s = self._clock.now().timestamp() - now
        return offset_s if abs(passed_s - (self._clock.monotonic() - monotonic)) < CLOCK_ERROR_S else None

    def open(self) -> httpx.AsyncClient:
        """The pool, set up as the environment says. Raises UsageError when that can't be done."""
        if self._client is None:
            import httpx

            # What httpx says of proxies and certificates that it can't use.
            try:
                self._client = self._pool()
            except (OSError, ValueError, ImportError, httpx.InvalidURL) as error:
                message = f"requests can't be sent: {self._words(error)}"
                hint = "HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY, SSL_CERT_FILE and SSL_CERT_DIR"
                raise UsageError(f"{message}; look at the environment variables {hint}") from None
        return self._client

    async def ask(self, request: Request, phase: Phase, deadline_s: float = QUERY_S) -> bytes:
        """The body of the answer 200. Raises EditError for every other answer, and for none."""
        headers = {"Authorization": f"Bearer {self._key.reveal()}", **self._workspace, **request.headers}
        if request.json is not None:
            headers["Content-Type"] = "application/json"
        sent = {"headers": headers, "params": dict(request.query) or None, "content": request.content}
        answer = await self._sent(request.method, self._base_url + request.path, phase, deadline_s, **sent)
        if answer.status == 200:
            return answer.data
        refusal = answers.refusal(answer.data)
        wait_s = retry_after(answer.retry_after, self._clock.now())
        raise judged(refusal.code, refusal.message, phase, status=answer.status, retry_after_s=wait_s)

    async def upload(self, url: str, form: Mapping[str, str], filename: str, media_type: str, data: bytes) -> Answer:
        """Put a file where a form allows it. Raises EditError when no answer comes."""
        if self._leads_inside(url):
            raise EditError("Unreachable", f"the service names a private address for uploads: {quoted(url)}")
        sent = {"data": dict(form), "files": {"file": (filename, data, media_type)}}
        return await self._sent("POST", url, Phase.QUERY, TRANSFER_S, **sent)

    @asynccontextmanager
    async def download(self, url: str) -> AsyncIterator[httpx.Response]:
        """The answer to a GET, its body not yet read; redirects are followed, but never from https to http.

        Raises EditError "DownloadFailed". The body is read with `pieces`.
        """
        failure = None
        try:
            async with asyncio.timeout(TRANSFER_S):
                response = await self._followed(url)
                try:
                    yield response
                finally:
                    await response.aclose()
        except TimeoutError as error:
            failure = self._unfetched(error)
        if failure:
            raise failure

    async def pieces(self, response: httpx.Response) -> AsyncIterator[bytes]:
        """The body of a download, piece by piece. Raises EditError "DownloadFailed"."""
        failure = None
        try:
            async for piece in response.aiter_bytes():
                yield piece
        except _broken() as error:
            failure = self._unfetched(error)
        if failure:
            raise failure

    async def _followed(self, url: str) -> httpx.Response:
        import httpx

        try:
            # A compressed body could unfold to any size before it is counted, and pictures gain nothing by it.
            request = self.open().build_request("GET", url, headers={"Accept-Encoding": "identity"})
            for _ in range(MAX_REDIRECTS + 1):
                if self._leads_inside(str(request.url)):
                    raise httpx.InvalidURL(f"{quoted(str(request.url))} is an address of this machine or its network")
                response = await self.open().send(request, stream=True)
                onward = response.next_request
                if onward is None or onward.url.scheme not in ("https", request.url.scheme):
                    return response
                await response.aclose()
                if not reading.is_url(str(onward.url)):
                    raise httpx.InvalidURL(f"a redirect leads to {onward.url}")
                request = onward
            raise httpx.InvalidURL(f"there are over {MAX_REDIRECTS} redirects")
        except _broken() as error:
            failure = self._unfetched(error)
        raise failure

    def _leads_inside(self, url: str) -> bool:
        # An emulator's files lie where it is; a service on the internet has no business here.
        return self._is_public and not is_public(url)

    def _unfetched(self, error: Exception) -> EditError:
        return EditError("DownloadFailed", f"the picture can't be fetched: {self._words(error)}", Again.UNSURE)

    async def aclose(self) -> None:
        """Let go of all connections."""
        if self._client:
            await self._client.aclose()

    def _pool(self) -> httpx.AsyncClient:
        import httpx

        return httpx.AsyncClient(
            transport=self._transport,
            timeout=httpx.Timeout(connect=CONNECT_S, read=READ_S, write=WRITE_S, pool=POOL_S),
            # A connection that idles longer may just be closed by the other end when a request goes out on it,
            # and then nobody knows whether the request arrived.
            limits=httpx.Limits(max_connections=40, max_keepalive_connections=20, keepalive_expiry=KEEPALIVE_S),
            follow_redirects=False,
            headers={"User-Agent": f"wanflow/{__version__}", "Accept": "*/*"},
        )

    async def _sent(self, method: str, url: str, phase: Phase, deadline_s: float, **request: Any) -> Answer:
        import httpx

        # Whoever gives up on a paid request loses sight of what it made, so its answer may take all the time there is.
        read_s = deadline_s if phase is Phase.SUBMIT else READ_S
        request["timeout"] = httpx.Timeout(connect=CONNECT_S, read=read_s, write=WRITE_S, pool=POOL_S)
        try:
            if not reading.is_url(url):  # sockets have no one way to say so
                raise httpx.InvalidURL(url)
            async with asyncio.timeout(deadline_s), self.open().stream(method, url, **request) as response:
                data = await _limited(response)
                self._compare_clocks(response.headers.get("date"))
                return Answer(response.status_code, response.headers.get("retry-after"), self._key.hidden_in(data))
        except _broken() as error:
            failure = self._failure(error, phase)
        raise failure

    def _compare_clocks(self, date: str | None) -> None:
        with contextlib.suppress(TypeError, ValueError):
            now = self._clock.now()
            offset_s = (parsedate_to_datetime(date or "") - now).total_seconds()
            self._compared = (offset_s, now.timestamp(), self._clock.monotonic())

    def _failure(self, error: Exception, phase: Phase) -> EditError:
        import httpx

        words = self._words(error)
        if isinstance(error, httpx.InvalidURL | httpx.UnsupportedProtocol | httpx.LocalProtocolError | UnicodeError):
            return EditError("Unreachable", f"the request can't be sent: {words}. Look at the base URL")
        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout | httpx.ProxyError):
            sent = "Nothing was sent; look" if phase is Phase.SUBMIT else "Look"
            message = f"the service can't be reached: {words}. {sent} at the network and the base URL"
            return EditError("Unreachable", message, Again.SOON)
        if phase is Phase.SUBMIT:
            message = f"no answer came: {words}. The task may have been made, so it is not sent again by itself"
            return EditError("NoAnswer", message, Again.UNSURE)
        return EditError("NoAnswer", f"no answer came: {words}", Again.SOON)

    def _words(self, error: Exception) -> str:
        said = self._key.hidden_in(str(error).encode(errors="replace")).decode()
        return printable(f"{type(error).__name__} {said}".strip()[:200])


def _broken() -> tuple[type[Exception], ...]:
    import httpx

    # A transport that was passed in may raise what httpx's own would translate, so OSError too. An impossible host name
    # is a UnicodeError.
    return OSError, UnicodeError, httpx.HTTPError, httpx.InvalidURL, httpx.StreamError


async def _limited(response: httpx.Response) -> bytes:
    data = bytearray()
    async for piece in response.aiter_bytes():
        data += piece
        if len(data) > reading.MAX_BYTES:  # reading refuses what is longer
            break
    return bytes(data)
