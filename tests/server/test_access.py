"""Origins, identities, roles and the link secret, without a server."""

import pytest

from kgnb.broker import Voters
from kgnb.server import access

HOST = "example.org:8888"


@pytest.mark.parametrize(
    ("origin", "host", "schemes"),
    [
        ("http://example.org:8888", HOST, {"http"}),
        ("http://EXAMPLE.org:8888", HOST, {"http"}),
        ("https://example.org", "example.org", {"https"}),
        ("https://example.org:443", "example.org", {"https"}),
        ("https://example.org", "example.org:443", {"https"}),
        ("http://127.0.0.1:8888", "127.0.0.1:8888", {"http"}),
        ("http://[::1]:8888", "[::1]:8888", {"http"}),
        ("https://example.org", "example.org", {"http", "https"}),
    ],
)
def test_origin_of_this_server_is_the_same(origin, host, schemes):
    assert access.same_origin(origin, host=host, schemes=schemes)


FOREIGN = [
    "null",
    "",
    "http://evil.example",
    "http://evil.example:8888",
    "http://example.org",
    "http://example.org:8889",
    "http://example.org:80",
    "https://example.org:8888",
    "ws://example.org:8888",
    "file://",
    "http://example.org:8888.evil.example",
    "http://example.org.evil.example:8888",
    "http://evilexample.org:8888",
    "http://sub.example.org:8888",
    "http://example.org:8888@evil.example",
    "http://evil.example@example.org:8888",
    "http://user:pass@example.org:8888",
    "http://example.org:8888/",
    "http://example.org:8888/path",
    "http://example.org:8888?x",
    "http://example.org:8888#x",
    "http://example.org:8888\\.evil.example",
    "http://example.org:8888 ",
    " http://example.org:8888",
    "http://example.org:8888, http://evil.example",
    "http://example.org:08888",
    "http://example.org:888888",
    "http://exаmple.org:8888",  # noqa: RUF001  # a Cyrillic letter
    "http://example.org.:8888",
    "http//example.org:8888",
    "example.org:8888",
    "chrome-extension://abcdefgh",
    "http://[::1]:8888",
    "http://example.org:8888\r\nX: y",
]


@pytest.mark.parametrize("origin", FOREIGN)
def test_origin_of_another_place_is_foreign(origin):
    assert not access.same_origin(origin, host=HOST, schemes={"http"})


@pytest.mark.parametrize("host", ["", "evil/../", "a b", "example.org:8888/x"])
def test_origin_with_a_strange_host_header_is_foreign(host):
    assert not access.same_origin(
        "http://example.org:8888", host=host, schemes={"http"}
    )


def test_listed_origin_is_compared_whole():
    allowed = ["https://a.example", "https://b.example:8443/"]
    assert access.listed_origin("https://A.example", allowed)
    assert access.listed_origin("https://b.example:8443", allowed)
    assert not access.listed_origin("https://a.example.evil", allowed)
    assert not access.listed_origin("https://b.example", allowed)
    assert not access.listed_origin("*", allowed)


async def _granted(*resources):
    async def may(action, resource):
        return (action, resource) in resources

    return await access.role_of(may)


READ = ("read", "kgnb")
ANSWER = ("write", "kgnb:approvals")
CONTROL = ("write", "kgnb:runs")
START = ("execute", "kgnb:workflows")


@pytest.mark.parametrize(
    ("granted", "role"),
    [
        ([], None),
        ([READ], "view"),
        ([READ, ANSWER], "answer"),
        ([READ, ANSWER, CONTROL], "control"),
        ([READ, ANSWER, CONTROL, START], "start"),
        ([READ, CONTROL, START], "view"),
        ([ANSWER, CONTROL], None),
    ],
)
def test_role_is_the_highest_without_a_gap(granted, role):
    import asyncio

    assert asyncio.run(_granted(*granted)) == role


MADE_UP = ("0123456789abcdef" * 2, "Anonymous Io")


def test_identity_of_a_named_user_is_the_name():
    identity = access.identify("ada", "Ada L", has_cookie=True, needs_token=True)
    assert (identity.user, identity.shown, identity.kind) == ("ada", "Ada L", "user")


@pytest.mark.parametrize(
    "username", ["token", "anonymous", "kernel k1", "kernel", "link 1\n2", "user token"]
)
def test_user_named_like_an_identity_of_ours_is_another_one(username):
    identity = access.identify(username, "", has_cookie=True, needs_token=True)
    assert identity.user == f"user {username}"
    assert identity.name == username


def test_identity_of_token_holders_without_cookie_is_one():
    first = access.identify(*MADE_UP, has_cookie=False, needs_token=True)
    assert (first.user, first.kind, first.shown) == ("token", "token", None)


def test_identity_of_made_up_cookie_users_differs_but_shows_no_name():
    identity = access.identify(*MADE_UP, has_cookie=True, needs_token=True)
    assert identity.user == MADE_UP[0]
    assert identity.shown is None


def test_identity_without_any_credential_asked_is_anonymous():
    identity = access.identify(*MADE_UP, has_cookie=False, needs_token=False)
    assert (identity.user, identity.kind) == ("anonymous", "anonymous")


def test_negotiation_never_echoes_a_token():
    assert access.negotiate(["kgnb.token.abc", "kgnb.v1"]) == "kgnb.v1"
    assert access.negotiate(["kgnb.token.abc"]) is None
    assert access.negotiate([]) is None


@pytest.mark.parametrize("given", [None, "", "a b", "x" * 129, "a\n", "é"])
def test_client_id_that_is_no_plain_name_is_ignored(given):
    assert access.client_id(given) is None


def test_via_cannot_be_claimed_beyond_what_clients_are():
    assert access.via("panel", is_page=True) == "panel"
    assert access.via("kernel", is_page=False) == "python"
    assert access.via(None, is_page=True) == "page"


def test_link_secret_is_derived_and_checked():
    root = access.derive_root(b"cookie")
    assert root == access.derive_root(b"cookie")
    assert root != access.derive_root(b"another")
    secret = access.derive_link_secret(root)
    assert access.is_link_secret(f"kgnb-link {secret}", secret)


def test_secrets_made_of_the_root_tell_neither_it_nor_each_other():
    root = access.derive_root(b"cookie")
    made = {root, access.derive_link_secret(root), access.derive_share_key(root).hex()}
    made.add(access.derive_voter_key(root.encode()).hex())
    made.add(access.derive_link_secret(access.derive_link_secret(root)))
    assert len(made) == 5


@pytest.mark.parametrize(
    "header", ["", "kgnb-link", "kgnb-link ", "token {0}", "kgnb-link x{0}", "{0}"]
)
def test_link_secret_in_a_wrong_header_is_refused(header):
    secret = access.derive_link_secret("root")
    assert not access.is_link_secret(header.format(secret), secret)


def test_link_secret_that_is_empty_opens_nothing():
    assert not access.is_link_secret("kgnb-link ", "")


def test_made_up_user_who_chose_a_name_shows_it_but_has_no_vote():
    identity = access.identify(MADE_UP[0], "Ada", has_cookie=True, needs_token=True)
    assert (identity.kind, identity.shown) == ("user", "Ada")
    assert Voters(are_known=True, key=b"k").mark(identity) is None
