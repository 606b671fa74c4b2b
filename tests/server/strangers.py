"""Credentials that are none, and pages of other places: for every door there is."""

import base64
import json
import time

import jwt
from server_harness import TOKEN
from tornado.web import create_signed_value


def _basic(user, password):
    both = base64.b64encode(f"{user}:{password}".encode()).decode()
    return f"Authorization: Basic {both}"


def _token(key="another key" * 4, *, typ="kgnb+jwt", **claims):
    """A share link's token, as somebody without the key would make it."""
    now = int(time.time())
    own = {"iss": "kgnb", "aud": "kgnb share link", "jti": "a" * 32, "role": "start"}
    own |= {"iat": now, "nbf": now, "exp": now + 600, "workflow": "letter"}
    return jwt.encode(own | claims, key, "HS256", headers={"typ": typ})


def _unsigned():
    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")

    claims = jwt.decode(_token(), options={"verify_signature": False})
    head = {"alg": "none", "typ": "kgnb+jwt"}
    return b".".join([part(head), part(claims), b""]).decode()


def _cookie(key):
    value = json.dumps({"username": "ann", "name": "Ann"})
    signed = create_signed_value(key, "username-127-0-0-1", value).decode()
    return f'Cookie: username-127-0-0-1="{signed}"'


BAD_CREDENTIALS = {
    "none": [],
    "empty": ["Authorization:"],
    "word alone": ["Authorization: token"],
    "bearer alone": ["Authorization: Bearer"],
    "wrong": ["Authorization: token wrong"],
    "wrong bearer": ["Authorization: Bearer wrong"],
    "prefix": [f"Authorization: token {TOKEN[:-1]}"],
    "longer": [f"Authorization: token {TOKEN}x"],
    "case": [f"Authorization: token {TOKEN.upper()}"],
    "bare": [f"Authorization: {TOKEN}"],
    "quoted": [f'Authorization: token "{TOKEN}"'],
    "named": [f"Authorization: token token={TOKEN}"],
    "followed": [f"Authorization: token {TOKEN} x"],
    "glued": [f"Authorization: token{TOKEN}"],
    "NUL": [f"Authorization: token {TOKEN}%00"],
    "encoded": ["Authorization: token " + base64.b64encode(TOKEN.encode()).decode()],
    "wildcard": ["Authorization: token *"],
    "null": ["Authorization: token null"],
    "none as text": ["Authorization: token None"],
    "basic": [f"Authorization: Basic {TOKEN}"],
    "basic user": [_basic(TOKEN, "")],
    "basic password": [_basic("token", TOKEN)],
    "digest": [f'Authorization: Digest username="ann", response="{TOKEN}"'],
    "negotiate": [f"Authorization: Negotiate {TOKEN}"],
    "link": [f"Authorization: kgnb-link {TOKEN}"],
    "no link": ["Authorization: kgnb-link"],
    "two": ["Authorization: token wrong", f"Authorization: token {TOKEN}"],
    "other header": [f"X-Token: {TOKEN}", f"Token: {TOKEN}"],
    "forwarded user": ["X-Forwarded-User: ann", "Remote-User: ann"],
    "proxy": [f"Proxy-Authorization: token {TOKEN}"],
    "cookie": ["Cookie: username-127-0-0-1=forged"],
    "cookie of another key": [_cookie(b"another key")],
    "cookie of an empty key": [_cookie(b"")],
    "cookie with the token": [f"Cookie: token={TOKEN}; username-127-0-0-1={TOKEN}"],
    "link of another key": [f"Authorization: Bearer {_token()}"],
    "link without a signature": [f"Authorization: Bearer {_unsigned()}"],
    "link that expired": [f"Authorization: Bearer {_token(exp=1)}"],
    "link of another audience": [f"Authorization: Bearer {_token(aud='jupyter')}"],
    "link of another type": [f"Authorization: Bearer {_token(typ='JWT')}"],
}
"""Header lines. Of a socket and of a call alike."""

BAD_QUERIES = {
    "empty": "?token=",
    "wrong": "?token=wrong",
    "prefix": f"?token={TOKEN[:-1]}",
    "case": f"?Token={TOKEN}",
    "other name": f"?access_token={TOKEN}&auth={TOKEN}&session={TOKEN}",
    "encoded twice": "?token=" + TOKEN.replace("t", "%2574"),
    "link of another key": f"?token={_token()}",
    "list": f"?token[]={TOKEN}",
}

FOREIGN = [
    "null",
    "http://evil.example",
    "https://evil.example",
    "http://127.0.0.1",
    "http://127.0.0.1:80",
    "http://127.0.0.1:1",
    "https://{own}",
    "ws://{own}",
    "http://{own}.evil.example",
    "http://{own}@evil.example",
    "http://evil.example@{own}",
    "http://u:p@{own}",
    "http://{own}/",
    "http://{own}/a%40b/",
    "http://{own}?",
    "http://{own}#",
    "http://{own}, http://evil.example",
    "HTTP:/{own}",
    "http://localhost:{port}",
    "http://127.0.0.01:{port}",
    "http://127.1:{port}",
    "http://2130706433:{port}",
    "http://[::1]:{port}",
    "http://[::ffff:127.0.0.1]:{port}",
    "http://127.0.0.1.:{port}",
    "http://127\u00b70.0.1:{port}",
    "file://",
    "chrome-extension://{own}",
    "{own}",
    "http://{own}%2eevil.example",
    "http://evil.example/http://{own}",
]
"""Origins of pages that are not this server's: ``own`` is its host and port."""


def origin_header(pattern, port):
    return "Origin: " + pattern.format(own=f"127.0.0.1:{port}", port=port)
