"""Which texts are URLs of pictures, and which data URIs are pictures, before anything is asked."""

from __future__ import annotations

import base64

import pytest
from projects import photo

from wanflow.errors import EditError, UsageError
from wanflow.links import datauris, urls
from wanflow.links.urls import Hosts


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("https://Example.org", "https://example.org/"),
        ("HTTP://example.org:80/a.png", "http://example.org/a.png"),
        ("https://example.org:80/a", "https://example.org:80/a"),
        ("https://example.org?x=1#y", "https://example.org/?x=1"),
        ("https://example.org/a?b=c/d@e", "https://example.org/a?b=c/d@e"),
        ("https://example.org/%20ü", "https://example.org/%20%C3%BC"),
        ("http://[2606:4700::1111]:443/", "http://[2606:4700::1111]:443/"),
    ],
)
def test_a_url_is_read(text: str, sent: str) -> None:
    assert urls.read(text).text == sent
    Hosts().require(urls.read(text))


@pytest.mark.parametrize(
    "text",
    [
        "ftp://example.org/a.png",
        "javascript://example.org/",
        "http://",
        "http:///a.png",
        "http://me:secret@example.org/",
        "http://secret@example.org/",
        "http://example.org:/",
        "http://example.org:0/",
        "http://example.org:65536/",
        "http://example.org:8O/",
        "http://example.org\\@10.0.0.1/",
        "http://exa mple.org/",
        "http://example.org/a\r\nX-Injected: 1",
        "http://example.org/\0",
        "http://exämple.org/",
        "http://①②⑦.⓪.⓪.①/",
        "http://[::1/",
        "http://::1/",
        "http://[fe80::1%25eth0]/",
        "http://example.org%2f@10.0.0.1/",
        "http://" + "a" * 9000,
    ],
)
def test_a_url_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(EditError) as caught:
        urls.read(text)
    assert caught.value.code == "UrlRefused"
    assert "secret" not in caught.value.message


@pytest.mark.parametrize(
    "host",
    [
        *("localhost", "LOCALHOST.", "a.localhost", "nas.local", "printer", "127.0.0.1", "127.1", "2130706433"),
        *("0x7f.1", "0x7f000001", "017700000001", "0", "10.0.0.1", "192.168.1.1", "172.16.0.1", "169.254.169.254"),
        *("100.64.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "[::1]", "[::]", "[::ffff:10.0.0.1]"),
        *("[::ffff:7f00:1]", "[fe80::1]", "[fc00::1]", "[ff02::1]", "[fec0::1]", "[64:ff9b::a00:1]"),
        *("[2002:a00:1::]", "[::7f00:1]", "[4000::1]"),
    ],
)
def test_hosts_of_one_s_own_network_are_refused_unless_named(host: str) -> None:
    url = urls.read(f"http://{host}/a.png")
    with pytest.raises(EditError, match="--allow-host"):
        Hosts().require(url)
    Hosts([host]).require(url)


def test_other_ports_are_for_hosts_that_are_named() -> None:
    url = urls.read("http://example.org:8080/a.png")
    with pytest.raises(EditError, match="8080"):
        Hosts(["example.com"]).require(url)
    Hosts(["EXAMPLE.org."]).require(url)


@pytest.mark.parametrize("host", ["http://example.org", "", "a b", "example.org:80/x"])
def test_an_allowed_host_is_a_host(host: str) -> None:
    with pytest.raises(UsageError, match="--allow-host"):
        Hosts([host])


def test_what_is_shown_of_a_url_holds_no_secret() -> None:
    assert urls.shown("https://example.org/a.png?Signature=secret#x") == "https://example.org/a.png"
    assert urls.shown("https://me:secret@example.org/a.png") == "https://…@example.org/a.png"
    assert len(urls.shown("https://example.org/" + "a" * 1000)) == urls.MAX_SHOWN
    assert "\x1b" not in urls.shown("https://example.org/\x1b[2J")


# -- data URIs


def data(raw: bytes, kind: str = "image/png") -> str:
    return f"data:{kind};base64,{base64.b64encode(raw).decode()}"


def test_a_data_uri_is_its_bytes() -> None:
    text = data(photo())
    assert datauris.decode(text) == photo()
    assert datauris.decode(text.replace("data:image/png", "DATA:Image/PNG")) == photo()
    assert datauris.shown(text) == "data:image/png, 402 bytes"
    assert datauris.shown(data(bytes(12_345))) == "data:image/png, 12 kB"


@pytest.mark.parametrize(
    "text",
    [
        "data:",
        "data:,x",
        "data:image/png,x",
        "data:image/png;charset=utf-8;base64,AAAA",
        "data:text/html;base64,AAAA",
        "data:image/svg+xml;base64,AAAA",
        "data:image/gif;base64,AAAA",
        "data:image/png;base64,AAA",
        "data:image/png;base64,AA=A",
        "data:image/png;base64,AAAA====",
        "data:image/png;base64,AAAA AAAA",
        "data:image/png;base64,AAAA\nAAAA",
        "data:image/png;base64,AA-_",
        "data:image/png;base64,%41AAA",
        "data:image/png;base64,ＡＡＡＡ",
    ],
)
def test_another_form_is_refused(text: str) -> None:
    with pytest.raises(EditError) as caught:
        datauris.decode(text)
    assert caught.value.code == "DataRefused"


def test_a_data_uri_has_an_end() -> None:
    datauris.decode(data(bytes(datauris.MAX_BYTES)))
    for more in (1, 1000):
        with pytest.raises(EditError, match="10 MB"):
            datauris.decode(data(bytes(datauris.MAX_BYTES + more)))
