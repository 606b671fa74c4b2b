"""Share links as tokens: what is taken for one of ours, and what never is."""

import base64
import json

import jwt
import pytest

from kgnb.broker.rows import ShareRow
from kgnb.errors import Unauthorized
from kgnb.server.links import MAX_SIZE, Signer, is_token

KEY = b"k" * 64
NOW = 1_000_000.0
CLAIMS = {
    "iss": "kgnb",
    "aud": "kgnb share link",
    "jti": "a" * 32,
    "iat": int(NOW),
    "nbf": int(NOW),
    "exp": int(NOW) + 60,
    "role": "view",
    "run": "r1",
}


def row(**more):
    fields = {"run_id": "r1"} if not {"workflow", "session_id"} & {*more} else {}
    return ShareRow(
        share_id="a" * 32,
        maker="ann",
        made_at="1970-01-12T13:46:40.000Z",
        expires_at=NOW + 60,
        **fields | more,
    )


def signed(key=KEY, algorithm="HS256", headers=None, without=(), **claims):
    merged = {k: v for k, v in (CLAIMS | claims).items() if k not in without}
    return jwt.encode(merged, key, algorithm, headers=headers or {"typ": "kgnb+jwt"})


def part(value):
    raw = json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "made",
    [row(), row(workflow="w", role="start"), row(session_id="s")],
    ids=["run", "workflow", "session"],
)
def test_token_says_what_its_row_says(made):
    read = Signer(KEY).read(Signer(KEY).sign(made), NOW)
    names = ("share_id", "run_id", "workflow", "session_id", "role", "expires_at")
    for name in names:
        assert getattr(read, name) == getattr(made, name)


def test_token_made_by_hand_is_read():
    assert Signer(KEY).read(signed(), NOW).run_id == "r1"


HEAD, BODY, SIGNATURE = signed().split(".")
BAD = {
    "empty": "",
    "no jwt": "x",
    "two parts": f"{HEAD}.{BODY}",
    "four parts": f"{HEAD}.{BODY}.{SIGNATURE}.x",
    "no signature": f"{HEAD}.{BODY}.",
    "alg none": f"{part({'alg': 'none', 'typ': 'kgnb+jwt'})}.{BODY}.",
    "alg None": f"{part({'alg': 'None', 'typ': 'kgnb+jwt'})}.{BODY}.{SIGNATURE}",
    "no alg": f"{part({'typ': 'kgnb+jwt'})}.{BODY}.{SIGNATURE}",
    "HS512": signed(algorithm="HS512"),
    "HS384": signed(algorithm="HS384"),
    "another type": signed(headers={"typ": "JWT"}),
    "another key": signed(key=b"j" * 64),
    "empty key": signed(key=b"\0" * 32),
    "changed claims": f"{HEAD}.{part(CLAIMS | {'role': 'start'})}.{SIGNATURE}",
    "changed signature": signed()[:-2] + ("AA" if signed()[-2:] != "AA" else "BB"),
    "unknown extension": signed(headers={"typ": "kgnb+jwt", "crit": ["x"], "x": 1}),
    "another issuer": signed(iss="jupyter"),
    "no issuer": signed(without=["iss"]),
    "another audience": signed(aud="jupyter"),
    "two audiences": signed(aud=["kgnb share link", "jupyter"]),
    "no audience": signed(without=["aud"]),
    "a session's audience": signed(aud="kgnb session"),
    "expired": signed(exp=int(NOW)),
    "no expiry": signed(without=["exp"]),
    "expiry as text": signed(exp="2000000"),
    "not yet": signed(nbf=int(NOW) + 61),
    "no beginning": signed(without=["nbf"]),
    "no id": signed(without=["jti"]),
    "id is no text": signed(jti=None),
    "no role": signed(without=["role"]),
    "unknown role": signed(role="owner"),
    "role is a list": signed(role=["view"]),
    "no scope": signed(without=["run"]),
    "two scopes": signed(workflow="w"),
    "scope is no text": signed(run={"$ne": ""}),
    "claims are a list": f"{HEAD}.{part([])}.{SIGNATURE}",
    "claims nest deep": f"{HEAD}.{'W' * 1600}.{SIGNATURE}",
    "too large": signed(label="x" * MAX_SIZE),
    "far too large": "a" * 10_000_000,
    "line break": signed() + "\n",
    "blank": " " + signed(),
    "NUL": signed() + "\0",
    "not ASCII": "é" + signed(),
    "padded": signed() + "=",
}


@pytest.mark.parametrize("token", BAD.values(), ids=BAD.keys())
def test_token_that_is_not_ours_is_refused_without_a_reason(token):
    with pytest.raises(
        Unauthorized, match=r"^this share link is not valid, or no longer$"
    ):
        Signer(KEY).read(token, NOW)


def test_token_is_told_by_its_form():
    assert is_token(signed())
    assert not is_token("0123456789abcdef" * 3)
    assert not is_token(signed() + "\n")
