"""Who asks, in an application: its own users, or the holder of the printed token."""

from types import SimpleNamespace

import pytest

from kgnb.errors import InvalidValue
from kgnb.server import access
from kgnb.server.asgi.auth import COOKIE, Guard, User, token_of
from kgnb.server.asgi.request import Request


def request(path="/ws", *, client="127.0.0.1", query="", headers=(), root=""):
    scope = {
        "type": "websocket",
        "scheme": "ws",
        "path": root + path,
        "raw_path": (root + path).encode(),
        "root_path": root,
        "query_string": query.encode(),
        "headers": [(b"host", b"localhost:8000"), *headers],
        "client": (client, 1) if client else None,
        "server": ("127.0.0.1", 8000),
    }
    return Request.of(scope), scope


async def identity(guard, **told):
    return await guard.caller(request(**told)[0]).identity()


@pytest.mark.parametrize(
    ("found", "name", "role"),
    [
        ("ada", "ada", "start"),
        ({"username": "ada", "name": "Ada", "role": "view"}, "Ada", "view"),
        (SimpleNamespace(username="ada"), "ada", "start"),
        (User(username="ada", role="answer"), "ada", "answer"),
    ],
)
async def test_user_may_be_a_name_a_dict_or_an_object(found, name, role):
    async def verify_token(token):
        return found if token == "right" else None

    guard = Guard(verify_token)
    asked, _ = request(query="token=right")
    caller = guard.caller(asked)
    known = await caller.identity()
    assert (known.user, known.name, known.kind) == ("ada", name, "user")
    assert await access.role_of(caller.may) == role
    assert not await caller.may(*access.JOIN)
    assert await identity(guard, query="token=wrong") is None
    assert await identity(guard) is None


async def test_user_named_like_an_identity_of_ours_is_another_one():
    known = await identity(Guard(lambda _token: "kernel k1"), query="token=x")
    assert (known.user, known.shown) == ("user kernel k1", "kernel k1")


async def test_auth_is_asked_once_for_each_request_and_need_not_be_async():
    asked = []
    caller = Guard(lambda token: asked.append(token) or "ada").caller(
        request(query="token=x")[0]
    )
    assert (await caller.identity()).user == "ada"
    assert await access.role_of(caller.may) == "start"
    assert asked == ["x"]


@pytest.mark.parametrize("found", [{"id": 7}, 7, {"username": "a", "role": "owner"}])
def test_user_without_a_name_or_with_a_role_that_is_none_is_an_error(found):
    with pytest.raises(InvalidValue, match="auth: "):
        User.of(found)


@pytest.mark.parametrize(
    ("client", "is_in"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("192.0.2.7", False),
        ("testclient", False),
        (None, False),
    ],
)
async def test_printed_token_counts_on_this_machine_alone(client, is_in):
    guard = Guard(token="secret", is_local=True)
    found = await identity(guard, client=client, query="token=secret")
    assert (found is not None) is is_in
    chosen = Guard(token="secret", is_local=False)
    assert await identity(chosen, client=client, query="token=secret") is not None


async def test_no_token_of_ours_lets_nobody_in():
    assert await identity(Guard(token=""), query="token=") is None
    assert await identity(Guard(), query="token=x") is None


@pytest.mark.parametrize(
    ("told", "offered", "token"),
    [
        ({"headers": [(b"authorization", b"Bearer a")]}, (), "a"),
        ({"headers": [(b"authorization", b"token a")]}, (), "a"),
        ({"headers": [(b"authorization", b"Basic a")]}, (), None),
        ({}, ("kgnb.v1", "kgnb.token.b"), "b"),
        ({"query": "token=c%20d"}, (), "c d"),
        ({"headers": [(b"cookie", f"{COOKIE}=e".encode())]}, (), None),
        (
            {
                "headers": [
                    (b"cookie", f"{COOKIE}=e".encode()),
                    (b"origin", b"http://localhost:8000"),
                ]
            },
            (),
            "e",
        ),
    ],
)
def test_token_comes_by_header_subprotocol_query_or_a_pages_cookie(
    told, offered, token
):
    assert token_of(request(**told)[0], offered) == token


@pytest.mark.parametrize(
    ("root", "path", "base", "placed"),
    [
        ("", "/ws/chat", "/", "kgnb/ws/chat"),
        ("", "/kgnb/ws/chat", "/", "kgnb/ws/chat"),
        ("", "/", "/", "kgnb/"),
        ("", "/kgnb", "/", "kgnb/"),
        ("/kgnb", "/ws", "/", "kgnb/ws"),
        ("/kgnb", "/", "/", "kgnb/"),
        ("/tools/kgnb", "/ws", "/tools/", "kgnb/ws"),
        ("/api", "/kgnb/ws", "/api/", "kgnb/ws"),
        ("/api", "/ws", "/api/", "kgnb/ws"),
    ],
)
def test_path_is_the_same_wherever_the_application_is_mounted(root, path, base, placed):
    asked, _ = request(path, root=root)
    assert (asked.base_url, asked.path) == (base, placed)


def test_scope_keeps_nothing_that_a_log_must_not_have():
    asked, scope = request("/ws/eyJhbGciOi.a.b", query="token=secret")
    assert asked.query == {"token": "secret"}
    assert asked.path == "kgnb/ws/eyJhbGciOi.a.b"
    assert "secret" not in repr(asked)
    assert scope["query_string"] == b""
    assert scope["path"] == "/ws/[hidden]"
    assert scope["raw_path"] == b"/ws/[hidden]"
    _, scope = request("/ws/workflow", query="token=secret")
    assert scope["path"] == "/ws/workflow"
