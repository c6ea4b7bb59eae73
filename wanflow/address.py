"""Where paid requests go, and with them the key: checked in one place, whoever said it.

A project comes from a stranger, so its wanflow.toml may name the provider or this machine; any other address has to
be said on the command line. What goes over a network is encrypted.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from wanflow.errors import UsageError, quoted
from wanflow.functions.catalog import Region, region_named, regions
from wanflow.settings import FILE, FLAG, ProviderSettings

REGION = "cn-beijing"
_URL = re.compile(r"https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/[!-~]*)?")
# Not all of aliyuncs.com: anybody can rent a name below it. Networks of one's own have such names, too.
_PROVIDER = re.compile(
    r"([a-z0-9-]+\.)*dashscope(-[a-z0-9]+)*\.aliyuncs\.com|[a-z0-9-]+\.[a-z0-9-]+\.maas\.aliyuncs\.com"
)


@dataclass(frozen=True, slots=True)
class Address:
    """The region, the base URL there (None: it is only reached through a workspace), and what answers in the
    provider's place, e.g. http://127.0.0.1:8765 ("": the provider itself).
    """

    region: Region
    url: str | None
    stand_in: str = ""

    @property
    def host(self) -> str:
        """The host of the base URL; "" without one."""
        return str(urlsplit(self.url or "").hostname or "")

    def required(self) -> str:
        """The base URL. Raises UsageError when there is none."""
        if self.url is None:
            where = f"{self.region.name} is only reached through a workspace"
            raise UsageError(f"{where}; set workspace in [dashscope] of {FILE}")
        return self.url


def address(said: ProviderSettings) -> Address:
    """Where the settings lead. Raises UsageError."""
    if said.base_url is None:
        region = region_named(said.region or REGION)
        if said.workspace is None:
            return Address(region, region.base_url)
        return Address(region, _of_workspace(region, said.workspace))
    parts = _split(said.base_url, said.base_url_by)
    host = str(parts.hostname)
    if not _PROVIDER.fullmatch(host):
        _require_trust(said, host)
        return Address(region_named(said.region or REGION), said.base_url, f"{parts.scheme}://{parts.netloc}")
    own = _region_of(host)
    region = region_named(said.region) if said.region else own or region_named(REGION)
    if own and own != region:
        message = f"{said.base_url_by} is the address of {own.name}, but the region is {region.name}"
        raise UsageError(f"{message}; keys and prices of one don't hold in the other. Leave one of them out")
    return Address(region, said.base_url)


def _of_workspace(region: Region, workspace: str) -> str:
    by = f"{FILE}: dashscope.workspace"
    url = region.workspace_url.replace("{WorkspaceId}", workspace)
    if not _PROVIDER.fullmatch(str(_split(url, by).hostname)):
        raise UsageError(f"{by}: {quoted(workspace)} is no workspace's id: letters, digits and hyphens only")
    return url


def _split(url: str, by: str) -> SplitResult:
    """The parts of a URL that requests can be sent to. Raises UsageError."""
    parts = None
    if _URL.fullmatch(url) and not set("?#@\\") & set(url):
        try:
            parts = urlsplit(url)
            usable = bool(parts.hostname) and parts.port != 0  # reading the port checks it
        except ValueError:
            usable = False
    if parts is None or not usable:
        shown = "what is given" if "@" in url else quoted(url)  # a password may stand before it
        raise UsageError(f"{by}: {shown} is no base URL, like {region_named(REGION).base_url}")
    if parts.scheme == "http" and not _is_this_machine(str(parts.hostname)):
        raise UsageError(f"{by}: {quoted(url)} would send the API key in the clear; use https")
    return parts


def _require_trust(said: ProviderSettings, host: str) -> None:
    if said.base_url_by != FLAG and not _is_this_machine(host):
        message = f"{said.base_url_by} would send your API key to {host}, which is not the provider's"
        raise UsageError(f"{message}; if you trust it, say so with --base-url {said.base_url}")


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _region_of(host: str) -> Region | None:
    """The region that an address of the provider belongs to, as far as it is known."""
    for region in regions().values():
        tail = str(urlsplit(region.workspace_url).hostname).partition(".")[2]
        if host.endswith(f".{tail}") or (region.base_url and host == urlsplit(region.base_url).hostname):
            return region
    return None
