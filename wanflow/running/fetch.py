"""Pictures behind URLs -> the store: a GET that tells nothing of the user, of public hosts only, bounded in all.

A name is resolved once, and the connection goes to an address that was judged, so that a second answer of the DNS can't
lead elsewhere. Where the environment sets a proxy, names are the proxy's business, and hosts are judged by their text.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
import ssl
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from wanflow import __version__
from wanflow.errors import Again, EditError, StoreError, printable, quoted, unwritable
from wanflow.links import urls
from wanflow.links.networks import is_public_address, numeric
from wanflow.links.urls import Hosts, Url
from wanflow.model import Blob
from wanflow.pictures.images import describe
from wanflow.store.blobs import Blobs

if TYPE_CHECKING:
    import httpx

AT_ONCE = 4
MAX_BYTES = 100_000_000
MAX_REDIRECTS = 5
MAX_ADDRESSES = 4
CONNECT_S, READ_S = 10.0, 30.0
# A body that drips in byte by byte keeps every single read short, so the whole has an end, too.
TOTAL_S = 300.0
_REDIRECTS = (301, 302, 303, 307, 308)
_LATER = (408, 425, 500, 502, 503, 504)
_KINDS = "image/png, image/jpeg, image/webp, image/tiff, image/bmp, */*;q=0.5"
_ETAG = re.compile(r'(W/)?"[!#-~]{0,200}"')

# The addresses of a host, as texts. Raises OSError.
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


@dataclass(frozen=True, slots=True)
class Fetched:
    """A picture that is stored now, and what its server calls this version of it ("": nothing)."""

    blob: Blob
    etag: str


async def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses of a host by this machine's resolver. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class Fetcher:
    """Fetches pictures into a store; `hosts` are those that may be asked although they are not public."""

    def __init__(self, blobs: Blobs, hosts: Hosts, resolve: Resolve = resolve) -> None:
        self._blobs, self._hosts, self._resolve = blobs, hosts, resolve
        self._context: ssl.SSLContext | None = None

    async def fetch(self, url: Url, etag: str = "") -> Fetched | None:
        """The picture at a URL; None when it still is the one that this ETag stands for.

        Raises EditError, which tells whether to try again, and StoreError.
        """
        try:
            async with asyncio.timeout(TOTAL_S):
                return await self._followed(url, etag)
        except TimeoutError:
            raise _failed(f"it did not come within {TOTAL_S:g} s", Again.SOON) from None

    async def _followed(self, url: Url, etag: str) -> Fetched | None:
        for _ in range(MAX_REDIRECTS + 1):
            self._hosts.require(url)
            async with self._answer(url, etag) as response:
                if response.status_code not in _REDIRECTS:
                    return await self._stored(response, etag)
                url = _onward(url, response.headers.get("location", ""))
        raise _failed(f"it leads to more than {MAX_REDIRECTS} redirects")

    # -- one request

    @asynccontextmanager
    async def _answer(self, url: Url, etag: str) -> AsyncIterator[httpx.Response]:
        """The answer to one GET, its body not yet read."""
        import httpx

        proxy = _proxy(url)
        addresses = [url.host] if proxy else await self._addresses(url)
        try:
            # No connection is kept: one to an address would serve whatever other name has it, too.
            limits = httpx.Limits(max_keepalive_connections=0)
            self._context = self._context or httpx.create_ssl_context()
            transport = httpx.AsyncHTTPTransport(verify=self._context, trust_env=False, proxy=proxy, limits=limits)
            async with transport:
                response = await _asked(transport, url, addresses, etag)
                try:
                    yield response
                finally:
                    await response.aclose()
        except httpx.TimeoutException:
            raise _failed("the server takes too long to answer", Again.SOON) from None
        except (*(httpx.HTTPError, httpx.InvalidURL, httpx.StreamError), ValueError, OSError, ImportError) as error:
            # A wrong certificate stays wrong.
            again = Again.NEVER if "CERTIFICATE" in str(error) else Again.SOON
            said = printable(f"{type(error).__name__} {error}".strip()[:200])
            raise _failed(f"the connection failed: {said}", again) from None

    async def _addresses(self, url: Url) -> Sequence[str]:
        """Where a host is to be asked; each address was judged. Raises EditError."""
        if own := numeric(url.host):
            return [str(own)]  # judged by its text already
        try:
            found = await self._resolve(url.host, url.port)
        except (OSError, UnicodeError):
            raise _failed(
                f"the name {url.host} is not known here; look at it, and at the network", Again.SOON
            ) from None
        if not self._hosts.has(url) and not all(map(_is_public, found)):
            raise urls.inside(url)
        return found[:MAX_ADDRESSES]

    # -- its body

    async def _stored(self, response: httpx.Response, etag: str) -> Fetched | None:
        if etag and response.status_code == 304:
            return None
        _require_success(response.status_code)
        if (packed := response.headers.get("content-encoding", "identity").lower()) != "identity":
            # It could unfold to any size, and was asked for as it is.
            raise _failed(f"it comes packed ({quoted(packed)}), which was not asked for")
        try:
            return Fetched(await self._kept(response), _etag(response))
        except OSError as error:
            raise StoreError(unwritable(self._blobs.root, error)) from error

    async def _kept(self, response: httpx.Response) -> Blob:
        part = self._blobs.part()
        try:
            with part.open("xb") as file:
                size, expected = 0, _length(response)
                async for piece in _pieces(response):
                    size += len(piece)
                    _require_size(size)
                    file.write(piece)
            if expected not in (None, size):
                raise _failed(f"{size:,} of {expected:,} bytes came", Again.SOON)
            return await asyncio.to_thread(self._adopt, part)
        finally:
            part.unlink(missing_ok=True)

    def _adopt(self, part: Path) -> Blob:
        blob = describe(part.read_bytes())
        self._blobs.adopt(part, blob.sha256)
        return blob


async def _asked(transport: httpx.AsyncHTTPTransport, url: Url, addresses: Sequence[str], etag: str) -> httpx.Response:
    import httpx

    headers = {
        "Host": url.authority,
        "User-Agent": f"wanflow/{__version__}",
        "Accept": _KINDS,
        "Accept-Encoding": "identity",
        "Connection": "close",
    }
    if etag:
        headers["If-None-Match"] = etag
    times = httpx.Timeout(READ_S, connect=CONNECT_S).as_dict()
    for place, address in enumerate(addresses):
        more = {"timeout": times} | ({} if address == url.host else {"sni_hostname": url.host})
        request = httpx.Request(
            "GET", f"{url.scheme}://{url.at(address)}{url.target}", headers=headers, extensions=more
        )
        try:
            return await transport.handle_async_request(request)
        except (httpx.ConnectError, httpx.ConnectTimeout):
            if place == len(addresses) - 1:
                raise
    raise _failed("its name has no address", Again.SOON)


async def _pieces(response: httpx.Response) -> AsyncIterator[bytes]:
    import httpx

    # What breaks here is the network's, and no OSError of the disk that it is written to.
    try:
        async for piece in response.aiter_raw():
            yield piece
    except OSError as error:
        raise httpx.ReadError(str(error)) from None


def _proxy(url: Url) -> str | None:
    """The proxy that the environment sets for a URL."""
    proxies = urllib.request.getproxies_environment()
    proxy = proxies.get(url.scheme) or proxies.get("all")
    if not proxy or urllib.request.proxy_bypass_environment(url.authority, proxies):  # type: ignore[attr-defined]
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _is_public(address: str) -> bool:
    return is_public_address(ipaddress.ip_address(address.partition("%")[0]))


def _onward(url: Url, location: str) -> Url:
    """Where a redirect leads. Raises EditError."""
    try:
        onward = urls.read(urljoin(url.text, location))
    except ValueError:  # of what urljoin can't read
        raise _failed("a redirect leads nowhere") from None
    except EditError as error:
        raise EditError(error.code, f"a redirect leads to {urls.shown(location)}: {error.message}") from error
    if (url.scheme, onward.scheme) == ("https", "http"):
        raise EditError("UrlRefused", f"a redirect leads from https to {onward}, where anybody may change it")
    return onward


def _require_success(status: int) -> None:
    if status == 200:
        return
    said = f"the server answers HTTP {status}"
    if status in (404, 410):
        raise _failed(f"{said}: nothing is there; look at the URL")
    if status in (401, 402, 403, 407):
        raise _failed(f"{said}: not everybody may have it; wanflow sends no password, and signed URLs expire")
    if status == 429:
        raise _failed(f"{said}: it is asked too often", Again.THROTTLED)
    raise _failed(said, Again.SOON if status in _LATER else Again.NEVER)


def _length(response: httpx.Response) -> int | None:
    """How long the body must be; None when that isn't said."""
    size = urls.announced_bytes(response.headers.get("content-length", ""))
    _require_size(size or 0)
    return size


def _require_size(size: int) -> None:
    if size > MAX_BYTES:
        raise EditError("ImageTooLarge", f"it has over {MAX_BYTES // 1_000_000} MB; download it, and name the file")


def _etag(response: httpx.Response) -> str:
    etag = response.headers.get("etag", "")
    return etag if _ETAG.fullmatch(etag) else ""


def _failed(why: str, again: Again = Again.NEVER) -> EditError:
    return EditError("FetchFailed", f"it can't be fetched: {why}", again)
