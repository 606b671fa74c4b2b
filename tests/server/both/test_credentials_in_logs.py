"""No credential reaches a log, wherever it stands, at level DEBUG, on either host."""

import pytest
from server_harness import TOKEN, text_frame, until

CANARY = "canary7f3a9"
"""Part of every credential sent here."""

PLACES = {
    "query": ("kgnb/ws?token={0}", []),
    "encoded name": ("kgnb/ws?tok%65n={0}", []),
    "encoded value": ("kgnb/ws?token=%63{1}", []),
    "other name": ("kgnb/ws?access_jwt={0}", []),
    "session": ("kgnb/ws?session={0}", []),
    "bare": ("kgnb/ws?{0}", []),
    "twice": ("kgnb/ws?a=b&token={0}&token={0}", []),
    "parameter": ("kgnb/ws;token={0}", []),
    "semicolon": ("kgnb/ws?a=b;token={0}", []),
    "segment": ("kgnb/ws/{0}", []),
    "segment and key": ("kgnb/ws/{0}/key?token={0}", []),
    "deep": ("kgnb/ws/{0}/more/and/more", []),
    "unknown path": ("kgnb/other/{0}", []),
    "page": ("kgnb/runs/0123456789abcdef0123456789abcdef?token={0}", []),
    "no page": ("kgnb/runs/{0}", []),
    "file": ("kgnb/static/kgnb.js?v={0}", []),
    "health": ("kgnb/health?token={0}", []),
    "api": ("kgnb/api/runs?token={0}", []),
    "metrics": ("kgnb/metrics?token={0}", []),
    "events": ("kgnb/api/runs/x/events?token={0}&since={0}", []),
    "link": ("kgnb/link?token={0}", []),
    "header": ("kgnb/ws", ["Authorization: token {0}"]),
    "bearer": ("kgnb/ws", ["Authorization: Bearer {0}"]),
    "secret": ("kgnb/link", ["Authorization: kgnb-link {0}"]),
    "cookie": ("kgnb/ws", ["Cookie: username-127-0-0-1={0}; _xsrf={0}"]),
    "referer query": ("kgnb/ws", ["Referer: http://127.0.0.1/lab?token={0}"]),
    "referer path": ("kgnb/runs/x", ["Referer: http://127.0.0.1/{0};token={0}"]),
    "referer user": ("kgnb/link", ["Referer: http://{0}:{0}@127.0.0.1/"]),
    "referer odd": ("kgnb/link", ["Referer: {0}"]),
    "subprotocol": ("kgnb/ws", ["Sec-WebSocket-Protocol: kgnb.v1, kgnb.token.{0}"]),
    "origin": ("kgnb/ws?token={0}", ["Origin: http://evil.example"]),
}


@pytest.mark.parametrize("upgrade", [True, False])
async def test_wrong_credential_is_logged_nowhere(raw, driver, all_logs, upgrade):
    for place, (path, headers) in PLACES.items():
        all_logs.lines.clear()
        client = await raw(
            path.format(CANARY, CANARY[1:]),
            headers=[header.format(CANARY) for header in headers],
            upgrade=upgrade,
        )
        if client.status == 101:
            await client.closing()
        await client.aclose()
        assert CANARY not in all_logs.text, place


@pytest.mark.parametrize(
    ("path", "header"),
    [
        (f"kgnb/ws?token={TOKEN}", f"Referer: http://h/?token={TOKEN}"),
        ("kgnb/ws/workflow?client_id=x", f"Authorization: token {TOKEN}"),
    ],
    ids=["query", "header"],
)
async def test_right_credential_and_what_is_said_are_logged_nowhere(
    raw, driver, all_logs, path, header
):
    client = await raw(path, headers=[header])
    client.writer.write(text_frame("between you and me"))
    await until(lambda: driver.frames)
    await client.aclose()
    await until(lambda: "kgnb disconnect" in all_logs.text)
    assert TOKEN not in all_logs.text
    assert "between you and me" not in all_logs.text


async def test_link_secret_is_not_logged(raw, site, driver, all_logs):
    headers = [f"Authorization: kgnb-link {site.secret}"]
    client = await raw("kgnb/link", headers=headers)
    client.writer.write(text_frame("{}"))
    await until(lambda: driver.frames)
    assert site.secret not in all_logs.text
