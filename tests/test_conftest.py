import socket

import pytest
from conftest import NetworkError


def test_no_test_reaches_another_machine():
    with pytest.raises(NetworkError), socket.socket() as link:
        link.connect(("192.0.2.1", 80))
    with pytest.raises(NetworkError):
        socket.getaddrinfo("example.org", 80)


def test_a_test_reaches_its_own_machine():
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as link:
        assert link.getpeername() == server.getsockname()
