"""What a GET for a picture takes, follows and refuses, on a server of this machine."""

from __future__ import annotations

import asyncio
import io
import shutil
import ssl
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from PIL import Image
from projects import coded, gradient, photo, png_that_claims
from webserver import Page, Site, serving

from wanflow.errors import Again, EditError
from wanflow.links import urls
from wanflow.links.urls import Hosts
from wanflow.running import fetch
from wanflow.running.fetch import Fetched, Fetcher
from wanflow.store.blobs import Blobs

HERE = ("127.0.0.1",)


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as site:
        yield site


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def get(store: Path, url: str, allowed: Sequence[str] = HERE, etag: str = "", **more: object) -> Fetched | None:
    return asyncio.run(Fetcher(Blobs(store), Hosts(allowed), **more).fetch(urls.read(url), etag))  # type: ignore[arg-type]


def failure(store: Path, url: str, allowed: Sequence[str] = HERE, **more: object) -> EditError:
    with pytest.raises(EditError) as caught:
        get(store, url, allowed, **more)
    assert not list((store / "objects").rglob("*.part"))
    return caught.value


def test_a_picture_is_stored_by_its_content(tmp_path: Path, site: Site) -> None:
    site.pages["/a.png"] = Page(photo(), headers={"ETag": '"v1"'})
    found = get(tmp_path, site.url("/a.png?x=1#part"))
    assert found and found.etag == '"v1"' and found.blob.size == (64, 48)
    assert Blobs(tmp_path).read(found.blob.sha256) == photo()
    assert site.asked == ["/a.png?x=1"]


def test_the_request_tells_nothing_of_the_user(tmp_path: Path, site: Site) -> None:
    cookie = {"Set-Cookie": "id=1", "Location": "/b.png"}
    site.pages |= {"/a.png": Page(status=302, headers=cookie), "/b.png": Page(photo())}
    get(tmp_path, site.url("/a.png"))
    for headers in site.headers:
        assert set(headers) == {"host", "user-agent", "accept", "accept-encoding", "connection"}
        assert headers["user-agent"].startswith("wanflow/")
        assert headers["host"] == f"127.0.0.1:{site.port}"


def test_letters_of_other_scripts_are_sent_as_utf_8(tmp_path: Path, site: Site) -> None:
    site.pages["/K%C3%A4se.png"] = Page(photo())
    assert get(tmp_path, site.url("/Käse.png"))


def test_what_did_not_change_is_not_sent_again(tmp_path: Path, site: Site) -> None:
    site.pages["/a.png"] = Page(status=304)
    assert get(tmp_path, site.url("/a.png"), etag='"v1"') is None
    assert site.headers[0]["if-none-match"] == '"v1"'


@pytest.mark.parametrize("etag", ['"a b"', "v1", '"' + "x" * 300 + '"'])
def test_an_etag_of_another_form_is_not_kept(tmp_path: Path, site: Site, etag: str) -> None:
    site.pages["/a.png"] = Page(photo(), headers={"ETag": etag})
    found = get(tmp_path, site.url("/a.png"))
    assert found and found.etag == ""


# -- refused answers


@pytest.mark.parametrize(
    ("status", "again"),
    [
        *((status, "never") for status in (404, 403, 410, 304, 204, 501)),
        *((status, "soon") for status in (408, 500, 503)),
        (429, "throttled"),
    ],
)
def test_a_status_tells_whether_to_try_again(tmp_path: Path, site: Site, status: int, again: str) -> None:
    site.pages["/a.png"] = Page(status=status)
    error = failure(tmp_path, site.url("/a.png"))
    assert (error.code, error.again) == ("FetchFailed", Again[again.upper()])
    assert f"HTTP {status}" in error.message


def test_a_web_page_in_place_of_a_picture(tmp_path: Path, site: Site) -> None:
    site.pages["/a.png"] = Page(b"<!doctype html><p>Sign in</p>", headers={"Content-Type": "image/png"})
    error = failure(tmp_path, site.url("/a.png"))
    assert (error.code, error.message) == ("ImageUnreadable", "this is not an image: it is a web page")


def test_a_picture_counts_by_its_content_not_by_its_type(tmp_path: Path, site: Site) -> None:
    site.pages["/a"] = Page(photo(), headers={"Content-Type": "text/html"})
    found = get(tmp_path, site.url("/a"))
    assert found and found.blob.format == "PNG"


def test_a_body_that_is_cut_short(tmp_path: Path, site: Site) -> None:
    site.pages["/a.png"] = Page(photo()[:200], declared=len(photo()))
    assert failure(tmp_path, site.url("/a.png")).again is Again.SOON


def test_a_picture_that_is_cut_short_in_itself(tmp_path: Path, site: Site) -> None:
    raw = coded(gradient(600, 400), "JPEG")
    site.pages["/a.jpg"] = Page(raw[: len(raw) // 2])
    assert failure(tmp_path, site.url("/a.jpg")).code == "ImageTruncated"


def test_a_picture_bomb(tmp_path: Path, site: Site) -> None:
    site.pages["/a.png"] = Page(png_that_claims(60_000, 60_000))
    assert failure(tmp_path, site.url("/a.png")).code == "ImageTooLarge"


def test_a_gif(tmp_path: Path, site: Site) -> None:
    buffer = io.BytesIO()
    Image.new("L", (20, 20)).save(buffer, "GIF")
    site.pages["/a.png"] = Page(buffer.getvalue())
    assert failure(tmp_path, site.url("/a.png")).code == "ImageFormat"


@pytest.mark.parametrize("declared", [True, False])
def test_too_large(tmp_path: Path, site: Site, declared: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "MAX_BYTES", 100_000)
    site.pages["/a.png"] = Page(bytes(300_000), declared=300_000 if declared else -1, piece=50_000)
    assert failure(tmp_path, site.url("/a.png")).code == "ImageTooLarge"


def test_a_length_that_lies_does_not_let_more_in(tmp_path: Path, site: Site) -> None:
    site.pages["/a.png"] = Page(photo() + bytes(1000), declared=len(photo()))
    found = get(tmp_path, site.url("/a.png"))
    assert found and Blobs(tmp_path).read(found.blob.sha256) == photo()


def test_a_packed_body_is_not_unpacked(tmp_path: Path, site: Site) -> None:
    site.pages["/a.png"] = Page(photo(), headers={"Content-Encoding": "gzip"})
    assert "packed" in failure(tmp_path, site.url("/a.png")).message


def test_a_slow_drip_ends(tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "TOTAL_S", 0.3)
    site.pages["/a.png"] = Page(photo(), piece=1, pause_s=0.02)
    error = failure(tmp_path, site.url("/a.png"))
    assert error.again is Again.SOON and "0.3 s" in error.message


def test_a_server_that_says_nothing(tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "READ_S", 0.1)
    site.pages["/a.png"] = Page(photo(), piece=10, pause_s=30)
    error = failure(tmp_path, site.url("/a.png"))
    assert error.again is Again.SOON and "too long" in error.message


def test_nobody_listens(tmp_path: Path) -> None:
    error = failure(tmp_path, "http://127.0.0.1:1/a.png")
    assert error.again is Again.SOON and "ConnectError" in error.message


# -- redirects


def test_redirects_are_followed(tmp_path: Path, site: Site) -> None:
    for number in range(5):
        site.pages[f"/{number}"] = Page(status=302, headers={"Location": f"/{number + 1}"})
    site.pages["/5"] = Page(photo())
    assert get(tmp_path, site.url("/0"))
    assert len(site.asked) == 6


def test_redirects_in_a_circle_end(tmp_path: Path, site: Site) -> None:
    site.pages["/a"] = Page(status=302, headers={"Location": "/a"})
    assert "5 redirects" in failure(tmp_path, site.url("/a")).message
    assert len(site.asked) == 6


@pytest.mark.parametrize(
    "location",
    [
        "http://10.0.0.1/a.png",
        "http://localhost/a.png",
        "http://2130706434/a.png",
        "http://[::ffff:127.0.0.2]/a.png",
        "http://169.254.169.254/latest/meta-data",
        "http://me:secret@127.0.0.1/a.png",
        "file:///etc/passwd",
        "ftp://127.0.0.1/a.png",
        "http://[/",
        "",
    ],
)
def test_a_redirect_is_judged_as_any_url(tmp_path: Path, site: Site, location: str) -> None:
    site.pages["/a"] = Page(status=302, headers={"Location": location})
    error = failure(tmp_path, site.url("/a"))
    assert error.again is Again.NEVER
    assert "secret" not in error.message
    assert len(site.asked) == (6 if not location else 1)


# -- certificates


@pytest.mark.skipif(not shutil.which("openssl"), reason="nothing here makes certificates")
def test_a_certificate_is_judged_by_the_name_and_not_by_the_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    name = ["-subj", "/CN=test", "-addext", "subjectAltName=DNS:pictures.example.org"]
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, *name]
    subprocess.run(made, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))

    async def here(host: str, port: int) -> Sequence[str]:
        return ["127.0.0.1"]

    with serving(context) as site:
        site.pages["/a.png"] = Page(photo())
        for host, is_right in (("pictures.example.org", True), ("other.example.org", False)):
            url = f"https://{host}:{site.port}/a.png"
            if is_right:
                assert get(tmp_path, url, [host], resolve=here)
            else:
                error = failure(tmp_path, url, [host], resolve=here)
                assert error.again is Again.NEVER and "CERTIFICATE_VERIFY_FAILED" in error.message
        assert site.asked == ["/a.png"]
        site.pages["/a.png"] = Page(status=302, headers={"Location": f"http://pictures.example.org:{site.port}/b"})
        error = failure(
            tmp_path, f"https://pictures.example.org:{site.port}/a.png", ["pictures.example.org"], resolve=here
        )
        assert "from https to http" in error.message


# -- names


async def leads_inside(host: str, port: int) -> Sequence[str]:
    return ["93.184.216.34", "10.0.0.7"]


def test_a_name_of_one_s_own_network_is_refused(tmp_path: Path) -> None:
    error = failure(tmp_path, "http://pictures.example.org/a.png", (), resolve=leads_inside)
    assert error.code == "UrlRefused" and "--allow-host pictures.example.org" in error.message


def test_the_connection_goes_to_the_address_that_was_judged(tmp_path: Path, site: Site) -> None:
    asked: list[str] = []

    async def rebound(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"]

    site.pages["/a.png"] = Page(photo())
    # The test's own guard refuses any other look-up of this name, and any connection elsewhere.
    assert get(tmp_path, f"http://pictures.example.org:{site.port}/a.png", ["pictures.example.org"], resolve=rebound)
    assert asked == ["pictures.example.org"]
    assert site.headers[0]["host"] == f"pictures.example.org:{site.port}"


def test_the_next_address_is_tried(tmp_path: Path, site: Site) -> None:
    async def two(host: str, port: int) -> Sequence[str]:
        return ["::1", "127.0.0.1"]

    site.pages["/a.png"] = Page(photo())
    assert get(tmp_path, f"http://pictures.example.org:{site.port}/a.png", ["pictures.example.org"], resolve=two)


def test_a_name_that_is_not_known(tmp_path: Path) -> None:
    async def unknown(host: str, port: int) -> Sequence[str]:
        raise OSError("no such name")

    assert "not known" in failure(tmp_path, "http://pictures.example.org/a.png", (), resolve=unknown).message


def test_with_a_proxy_names_are_its_business(tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    async def nobody(host: str, port: int) -> Sequence[str]:
        raise AssertionError("the name was looked up here")

    monkeypatch.setenv("http_proxy", f"127.0.0.1:{site.port}")
    url = "http://pictures.example.org/a.png"
    site.pages[url] = Page(photo())
    assert get(tmp_path, url, (), resolve=nobody)
    assert site.asked == [url]
    assert failure(tmp_path, "http://10.0.0.1/a.png", (), resolve=nobody).code == "UrlRefused"
    monkeypatch.setenv("no_proxy", "example.org")
    assert failure(tmp_path, url, (), resolve=leads_inside).code == "UrlRefused"
