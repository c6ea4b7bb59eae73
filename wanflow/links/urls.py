"""URLs of pictures, read before anything is asked: what form they have, and which hosts may be asked.

They stand in manifests and recipes, which may be a stranger's: so only public hosts, unless the user names others.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote

from wanflow.errors import EditError, UsageError, inline, quoted
from wanflow.links.networks import is_public_host

FLAG = "--allow-host"
MAX_LENGTH = 8_000
MAX_SHOWN = 200
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]")
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Url:
    """An http(s) URL of sound form: host in small letters and without brackets, path and query as they are sent."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        """Host and port, as the Host header has them."""
        return self.at(self.host)

    def at(self, host: str) -> str:
        """A host, or an address of it, with the port where it is not the scheme's own."""
        shown = f"[{host}]" if ":" in host else host
        return shown if self.port == _PORTS[self.scheme] else f"{shown}:{self.port}"

    @property
    def text(self) -> str:
        """The whole URL."""
        return f"{self.scheme}://{self.authority}{self.target}"

    @property
    def digest(self) -> str:
        """What it is known by: queries hold signatures, which are written nowhere."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def __str__(self) -> str:
        return shown(self.text)


def announced_bytes(length: str) -> int | None:
    """What a Content-Length header says; None where that is no number."""
    return int(length[:18]) if length.isascii() and length.isdecimal() else None


def shown(text: str) -> str:
    """A URL as messages show it: without its query, which may hold a signature, and without a password."""
    bare = re.split(r"[?#]", re.sub(r"//[^/?#]*@", "//…@", text, count=1), maxsplit=1)[0]
    return inline(bare if len(bare) <= MAX_SHOWN else f"{bare[: MAX_SHOWN - 1]}…")


def scheme_of(text: str) -> str:
    """The scheme of what is written as a URL, in small letters; empty for anything else."""
    match = _SCHEME.match(text)
    return match[1].lower() if match else ""


def read(text: str) -> Url:
    """An http(s) URL from its text. Raises EditError; whether the host may be asked is for `Hosts` to say."""
    scheme = scheme_of(text)
    if scheme not in _PORTS:
        raise _refused(f"{scheme}:// is not read; take an http(s) URL, or a file")
    if len(text) > MAX_LENGTH:
        raise _refused(f"it has {len(text):,} characters, at most {MAX_LENGTH:,} are sent")
    if not text.isprintable() or " " in text or "\\" in text:
        raise _refused("it holds a space, a backslash or a control character; write %20 for a space")
    rest = text[len(scheme) + 3 :].partition("#")[0]
    authority, target = _parted(rest)
    if "@" in authority:
        raise _refused("it holds a user name or a password, which are never sent; leave them out")
    host, port = _host_and_port(authority, _PORTS[scheme])
    return Url(scheme, host, port, quote(target, safe="".join(map(chr, range(0x21, 0x7F)))))


def _parted(rest: str) -> tuple[str, str]:
    end = re.search(r"[/?]", rest)
    if end is None:
        return rest, "/"
    target = rest[end.start() :]
    return rest[: end.start()], target if target.startswith("/") else f"/{target}"


def _host_and_port(authority: str, port: int) -> tuple[str, int]:
    host, colon, number = authority, "", ""
    if re.search(r":[^]]*\Z", authority):
        host, colon, number = authority.rpartition(":")
    if not _HOST.fullmatch(host):
        raise _refused(f"{quoted(host)} is no host; a name with other letters is written as xn--…")
    if number:
        port = int(number) if number.isascii() and number.isdecimal() and len(number) <= 5 else 0
    if (colon and not number) or not 0 < port < 65536:
        raise _refused(f"{quoted(number)} is no port")
    return host.strip("[]").lower(), port


class Hosts:
    """The hosts that may be asked beside public ones, at any port: those that the user named."""

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        """Raises UsageError for what is no host."""
        self._allowed = {_bare(host) for host in allowed}

    def has(self, url: Url) -> bool:
        """Whether the user named this URL's host."""
        return _bare(url.host) in self._allowed

    def require(self, url: Url) -> None:
        """Judge a host by its text, and the port. Raises EditError."""
        if self.has(url):
            return
        if not is_public_host(url.host):
            raise inside(url)
        if url.port not in _PORTS.values():
            allow = f"if that is meant, say {FLAG} {url.host}"
            raise _refused(f"port {url.port} is asked of hosts only that the user names; {allow}")


def _bare(host: str) -> str:
    bare = host.strip("[]").rstrip(".").lower()
    if not (_HOST.fullmatch(bare) or _HOST.fullmatch(f"[{bare}]")):
        raise UsageError(f"{FLAG} takes a host's name or address, got {quoted(host)}")
    return bare


def inside(url: Url) -> EditError:
    """Why a host of one's own network is not asked."""
    message = f"{url.host} is this machine or its own network, where a recipe has no business"
    return _refused(f"{message}; if that is meant, say {FLAG} {url.host}")


def _refused(why: str) -> EditError:
    return EditError("UrlRefused", why)
