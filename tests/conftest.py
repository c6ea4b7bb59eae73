"""What holds for every test: no network but this machine's own, and properties tried without a clock."""

import sys

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "wanflow", deadline=None, max_examples=60, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("wanflow")

HERE = ("localhost", "127.0.0.1", "::1", "", None)


class NetworkError(AssertionError):
    pass


def refuse_network(event, arguments):
    if event in ("socket.connect", "socket.sendto"):
        address = arguments[1]
    elif event == "socket.getaddrinfo":
        address = arguments
    else:
        return
    if isinstance(address, tuple) and address[0] not in HERE:
        raise NetworkError(f"a test reached for {address[0]}")


@pytest.fixture(autouse=True, scope="session")
def no_network():
    sys.addaudithook(refuse_network)
