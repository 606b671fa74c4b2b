"""The address that kernels dial."""

import pytest

from kgnb.server import addresses


@pytest.mark.parametrize(
    ("ip", "host"),
    [
        ("", "127.0.0.1"),
        ("0.0.0.0", "127.0.0.1"),
        ("*", "127.0.0.1"),
        ("::", "[::1]"),
        ("::1", "[::1]"),
        ("127.0.0.1", "127.0.0.1"),
        ("127.0.0.7", "127.0.0.7"),
        ("192.0.2.7", "192.0.2.7"),
        ("localhost", "127.0.0.1"),
        ("no-such-host.invalid", "127.0.0.1"),
    ],
)
def test_host_to_dial_follows_what_the_server_listens_on(ip, host):
    assert addresses.loopback_host(ip) == host


def test_link_url_has_the_port_and_the_base_url():
    url = addresses.link_url(
        ip="0.0.0.0", port=8911, base_url="/hub/user/x/", secure=False
    )
    assert url == "ws://127.0.0.1:8911/hub/user/x/kgnb/link"


def test_link_url_of_a_tls_server_is_wss():
    url = addresses.link_url(ip="", port=1, base_url="/", secure=True)
    assert url == "wss://127.0.0.1:1/kgnb/link"
