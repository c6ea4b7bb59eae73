"""Where the key may be sent: nobody's project decides that alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from wanflow.address import address
from wanflow.errors import UsageError
from wanflow.functions.catalog import regions
from wanflow.settings import FLAG, ProviderSettings, read_settings

BEIJING = "https://dashscope.aliyuncs.com/api/v1"
SINGAPORE = "https://dashscope-intl.aliyuncs.com/api/v1"


def refusal(**said: str) -> str:
    with pytest.raises(UsageError) as caught:
        address(ProviderSettings(**said))  # type: ignore[arg-type]
    return str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://collect.example/api/v1",
        "https://aliyuncs.com.example.org/api/v1",
        "https://example.org/dashscope.aliyuncs.com",
        "https://bucket.oss-cn-beijing.aliyuncs.com/api/v1",
        "https://1234.cn-hangzhou.fc.aliyuncs.com/2016-08-15/proxy/a/b",
        "https://dashscope.bucket.oss-cn-beijing.aliyuncs.com/api/v1",
        "https://127.0.0.1.example.org/api/v1",
        "https://10.0.0.1/api/v1",
    ],
)
def test_a_project_alone_sends_the_key_to_no_stranger(url: str) -> None:
    said = refusal(base_url=url)
    assert said.startswith("wanflow.toml: dashscope.base_url would send your API key to ")
    assert said.endswith(f"if you trust it, say so with --base-url {url}")
    agreed = address(ProviderSettings(base_url=url, base_url_by=FLAG))
    assert agreed.required() == url
    assert agreed.stand_in == "https://" + url.split("/")[2]


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8765/api/v1", "http://localhost:1", "http://[::1]:80/v1", "http://127.9.9.9"]
)
def test_a_project_may_name_this_machine(url: str) -> None:
    assert address(ProviderSettings(base_url=url)).stand_in == "/".join(url.split("/")[:3])


@pytest.mark.parametrize("by", ["wanflow.toml: dashscope.base_url", FLAG])
@pytest.mark.parametrize("url", ["http://dashscope.aliyuncs.com/api/v1", "http://10.0.0.1", "http://localhost.example"])
def test_the_key_never_crosses_a_network_in_the_clear(url: str, by: str) -> None:
    assert refusal(base_url=url, base_url_by=by) == f'{by}: "{url}" would send the API key in the clear; use https'


@pytest.mark.parametrize(
    "url",
    [
        "foo",
        "",
        "dashscope.aliyuncs.com",
        "ftp://dashscope.aliyuncs.com",
        "http://[::1",
        "http://[::1]]",
        "http://[zz]/",
        "https://",
        "https://a:99999/v1",
        "https://a:0/v1",
        "https://a:b/v1",
        "https://a/v1?x=1",
        "https://a/v1#x",
        "https://me:secret@a/v1",
        "https://evil.example\\@dashscope.aliyuncs.com/v1",
        "https://工作.example/v1",
        "https://a/v1\n",
        "https://a/v 1",
    ],
)
def test_what_is_no_base_url_is_said_so(url: str) -> None:
    said = refusal(base_url=url, base_url_by=FLAG)
    assert said.startswith("--base-url: ")
    assert said.endswith(f"is no base URL, like {BEIJING}")


# -- the region


@pytest.mark.parametrize(
    ("url", "region"),
    [
        (BEIJING, "cn-beijing"),
        (SINGAPORE, "ap-southeast-1"),
        ("https://dashscope-us.aliyuncs.com/api/v1", "us-east-1"),
        ("https://cn-hongkong.dashscope.aliyuncs.com/api/v1", "cn-hongkong"),
        ("https://ws-1.eu-central-1.maas.aliyuncs.com/api/v1", "eu-central-1"),
        ("https://DashScope-Intl.aliyuncs.com/api/v1", "ap-southeast-1"),
        ("https://vpc-cn-beijing.dashscope.aliyuncs.com/api/v1", "cn-beijing"),
        ("http://127.0.0.1:8765/api/v1", "cn-beijing"),
    ],
)
def test_an_address_tells_its_region(url: str, region: str) -> None:
    assert address(ProviderSettings(base_url=url)).region.name == region


def test_an_address_of_another_region_than_is_set_is_refused() -> None:
    assert refusal(base_url=SINGAPORE, region="beijing") == (
        "wanflow.toml: dashscope.base_url is the address of ap-southeast-1, but the region is cn-beijing; "
        "keys and prices of one don't hold in the other. Leave one of them out"
    )
    assert address(ProviderSettings(base_url=SINGAPORE, region="singapore")).region.name == "ap-southeast-1"
    assert address(ProviderSettings(base_url="http://localhost:1", region="virginia")).region.name == "us-east-1"


@pytest.mark.parametrize("region", regions())
def test_every_region_has_an_address_of_its_own(region: str) -> None:
    found = address(ProviderSettings(region=region, workspace="Ws-1"))
    assert found.url == f"https://Ws-1.{region}.maas.aliyuncs.com/api/v1"
    assert address(ProviderSettings(base_url=found.url)).region.name == region
    assert found.stand_in == ""


def test_a_region_without_an_address_needs_a_workspace() -> None:
    with pytest.raises(UsageError, match="eu-central-1 is only reached through a workspace"):
        address(ProviderSettings(region="frankfurt")).required()


@pytest.mark.parametrize("workspace", ["evil.example/", "a.b", "工作", "ws 1", "ws\n"])
def test_a_workspace_cannot_change_the_host(workspace: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"wanflow\.toml: dashscope\.workspace"):
        address(ProviderSettings(workspace=workspace))
    (tmp_path / "wanflow.toml").write_text(f"[dashscope]\nworkspace = {json.dumps(workspace)}")
    with pytest.raises(UsageError, match=r"wanflow\.toml: dashscope\.workspace"):
        address(read_settings(tmp_path).dashscope)
