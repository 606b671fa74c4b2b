"""What people write as a server's address, and which servers are found."""

import pytest

from kgnb.clients import Server, addresses, from_jupyter
from kgnb.clients.addresses import address_of
from kgnb.errors import InvalidValue, Unavailable

ONE = Server("http://localhost:8888/", "t1")
TWO = Server("http://localhost:8889/base/", "t2")


@pytest.mark.parametrize(
    ("written", "dialled"),
    [
        ("http://h:8888", "ws://h:8888/kgnb/ws"),
        ("http://h:8888/", "ws://h:8888/kgnb/ws"),
        ("https://h/a%40b/", "wss://h/a%40b/kgnb/ws"),
        ("http://h/user/ada/lab/tree/x.ipynb", "ws://h/user/ada/kgnb/ws"),
        ("http://h/lab?reset", "ws://h/kgnb/ws"),
        ("http://h/tree", "ws://h/kgnb/ws"),
        ("http://h/base/kgnb/", "ws://h/base/kgnb/ws"),
        ("ws://h/kgnb/ws", "ws://h/kgnb/ws"),
        ("wss://h/kgnb/ws/chat/room", "wss://h/kgnb/ws/chat/room"),
        ("ws://h/kgnb/ws?via=script", "ws://h/kgnb/ws?via=script"),
        ("http://me:pass@h/", "ws://h/kgnb/ws"),
    ],
)
def test_address_is_made_of_what_people_write(written, dialled):
    assert address_of(written).url == dialled


def test_token_is_the_one_given_else_the_urls_else_the_servers():
    assert address_of("http://h/?token=x").token == "x"
    assert address_of("http://h/?token=x", token="y").token == "y"
    assert address_of(ONE).token == "t1"
    assert address_of(ONE, token="y").token == "y"


@pytest.mark.parametrize("shown", [ONE, address_of("http://h/", token="t1")])
def test_address_that_is_shown_tells_no_token(shown):
    assert "t1" not in repr(shown)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_address_on_this_machine_goes_by_no_proxy(host):
    assert address_of(f"http://{host}:8888/").is_local
    assert not address_of("http://example.org/").is_local


@pytest.mark.parametrize(
    "url",
    ["localhost:8888", "", "ftp://h/", "http://", "http://[::1/", "http://a:pw@h:x/"],
)
def test_address_that_is_none_is_refused(url):
    with pytest.raises(InvalidValue, match="http://localhost:8888/"):
        address_of(url)


def find(monkeypatch, *found, working):
    monkeypatch.setattr(addresses, "running", lambda: list(found))
    monkeypatch.setattr(addresses, "has_kgnb", working.__contains__)


def test_running_server_is_the_one_where_kgnb_answers(monkeypatch):
    find(monkeypatch, ONE, TWO, working=[TWO])
    assert from_jupyter() == TWO


def test_running_server_where_there_is_none_says_what_to_do(monkeypatch):
    find(monkeypatch, ONE, working=[])
    with pytest.raises(Unavailable, match="start one, or give"):
        from_jupyter()


def test_running_servers_that_are_several_are_named(monkeypatch):
    find(monkeypatch, ONE, TWO, working=[ONE, TWO])
    with pytest.raises(InvalidValue) as caught:
        from_jupyter()
    assert ONE.url in str(caught.value)
    assert "t1" not in str(caught.value)


def test_server_of_which_nobody_hears_has_no_kgnb():
    assert not addresses.has_kgnb(Server("http://127.0.0.1:1/"))


def test_server_whose_base_url_holds_a_blank_is_passed_over():
    assert not addresses.has_kgnb(Server("http://127.0.0.1:1/odd path/"))
