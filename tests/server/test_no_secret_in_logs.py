"""No credential reaches a log when a handler of Jupyter's host fails, at level DEBUG.

That none does otherwise is tested over both hosts.
"""

import pytest
from server_harness import TOKEN, text_frame, until

RIGHT = [
    (f"kgnb/ws?token={TOKEN}", []),
    (f"kgnb/ws?client_id=x&token={TOKEN}", [f"Referer: http://h/?token={TOKEN}"]),
    ("kgnb/ws", [f"Authorization: token {TOKEN}"]),
]


@pytest.mark.parametrize("credential", RIGHT)
@pytest.mark.parametrize("stage", ["admit", "attach", "on_message", "open"])
async def test_right_credential_is_not_logged_when_a_handler_raises(
    raw, driver, all_logs, credential, stage
):
    from kgnb.server.handlers import ClientSocket

    def broken(self, *args):
        raise RuntimeError("broken on purpose")

    path, headers = credential
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ClientSocket, stage, broken)
        client = await raw(path, headers=headers)
        if client.status == 101:
            client.writer.write(text_frame("{}"))
        await until(lambda: "broken on purpose" in all_logs.text)
    assert TOKEN not in all_logs.text


@pytest.mark.parametrize("depth", [1_000, 100_000])
async def test_frame_that_exhausts_a_parser_logs_no_token(
    raw, driver, all_logs, depth, monkeypatch
):
    import json

    from server_harness import RecordedPeer

    monkeypatch.setattr(RecordedPeer, "receive", lambda self, frame: json.loads(frame))
    client = await raw(f"kgnb/ws?token={TOKEN}")
    client.writer.write(text_frame("[" * depth))
    assert (await client.closing())[0] == 1011
    assert TOKEN not in all_logs.text


@pytest.mark.parametrize(
    "path", ["kgnb/api/runs", "kgnb/health", "kgnb/runs/" + "0" * 32]
)
async def test_right_credential_is_not_logged_when_a_page_raises(
    raw, driver, all_logs, monkeypatch, path
):
    from kgnb.server import http

    async def broken(route, call):
        raise RuntimeError("broken on purpose")

    monkeypatch.setattr(http, "serve", broken)
    headers = [
        f"Referer: http://127.0.0.1/lab;x={TOKEN}",
        f"Cookie: username-127-0-0-1={TOKEN}; _xsrf={TOKEN}",
    ]
    client = await raw(f"{path}?tok%65n=&token={TOKEN}", headers=headers, upgrade=False)
    assert client.status == 500
    body = await client.reader.read(100_000)
    assert b"broken" not in body
    assert "broken on purpose" in all_logs.text
    assert TOKEN not in all_logs.text
