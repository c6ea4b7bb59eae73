"""Texts as URLs and data URIs: what is let through leads where it was judged to lead, for the client that asks, too."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from random import Random
from urllib.parse import urljoin

import httpx
import mutations

from wanflow.errors import EditError
from wanflow.links import datauris, urls
from wanflow.links.networks import is_public_address, numeric
from wanflow.links.urls import Hosts

SEEDS = (
    "https://example.org/a/b.png?Signature=x%20y&Expires=1#part",
    "http://93.184.216.34:80/a.png",
    "https://[2606:4700::1111]:443/a.png",
    "HTTP://EXAMPLE.org?x",
    "http://2130706433/a.png",
    "data:image/png;base64,iVBORw0KGgo=",
    "data:image/jpeg;base64,/9j/4AAQ",
)
WORDS = (
    *("http://", "https://", "//", "/", "?", "#", "@", ":", ":80", ":443", ":8080", "\\", "%40", "%2f", "%00", "%25"),
    *("127.0.0.1", "127.1", "0x7f.1", "017700000001", "10.0.0.1", "[::1]", "[::ffff:10.0.0.1]", "localhost", ".local"),
    *("[", "]", "::", "user:pw@", "xn--", "。", "①", "data:", ";base64", ",", "=", "==", "A", "image/svg+xml"),
)


def cases(random: Random) -> Iterator[str]:
    """URLs and data URIs, mostly unfit."""
    while True:
        yield mutations.text(random, random.choice(SEEDS), WORDS)


def probe(text: str) -> None:
    """Raises AssertionError where a promise is broken."""
    assert urls.shown(text).isprintable() and datauris.shown(text)
    with contextlib.suppress(EditError):
        datauris.decode(text)
    with contextlib.suppress(ValueError, EditError):
        urls.read(urljoin("https://example.org/a", text))
    if not urls.scheme_of(text):
        return
    with contextlib.suppress(EditError):
        url = urls.read(text)
        assert url.text.isascii() and url.text.isprintable() and " " not in url.text
        assert urls.read(url.text) == url
        with contextlib.suppress(httpx.InvalidURL):
            asked = httpx.URL(url.text)
            assert (asked.scheme, asked.port or url.port, asked.userinfo) == (url.scheme, url.port, b"")
            assert asked.raw_host.decode().strip("[]") == url.host
        Hosts().require(url)
        assert url.port in (80, 443)
        if address := numeric(url.host):
            assert is_public_address(address)
