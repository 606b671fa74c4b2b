"""A kernel's link and clients on one real server, from hello to answer."""

import pytest
from link_harness import APPROVAL, COMPLETED, REQUEST, RUN, STARTED, TOKEN_EVENT, Kernel
from server_harness import Talk, body_of

pytestmark = pytest.mark.usefixtures("no_watch")


async def test_viewer_may_read_and_not_answer(started, site, jp_serverapp):
    class ReadOnly:
        def is_authorized(self, handler, user, action, resource):
            return action == "read"

    jp_serverapp.web_app.settings["authorizer"] = ReadOnly()
    async with site.link() as link, site.connect() as socket:
        kernel, viewer = Kernel(link), Talk(socket)
        await kernel.greet()
        await kernel.append(STARTED, REQUEST)
        await viewer.say(type="subscribe", run_id=RUN, since={"seq": 0})
        await viewer.hear("approval_request")
        await viewer.say(type="answer", approval_id=APPROVAL, value="publish", id=1)
        assert (await viewer.hear("error"))["code"] == "forbidden"
        assert len(started.host.driver.open_approvals()) == 1


async def test_runs_and_approvals_can_be_read_over_http(started, site, jp_fetch):
    async with site.link() as link:
        kernel = Kernel(link)
        await kernel.greet()
        await kernel.append(STARTED, REQUEST)
        (run,) = body_of(await jp_fetch("kgnb", "api", "runs"))["runs"]
        assert run == {
            "run_id": RUN,
            "workflow": "article",
            "status": "waiting",
            "started_at": "2026-11-21T03:40:44.123Z",
            "ended_at": None,
            "kernel_id": "k1",
            "resumable": False,
        }
        reply = await jp_fetch("kgnb", "api", "approvals", params={"state": "open"})
        (question,) = body_of(reply)["approvals"]
        assert question["message"] == "Publish?"
        assert (question["run_id"], question["node_id"]) == (RUN, "Review")


async def test_server_that_is_started_again_has_the_run(started, site, jp_serverapp):
    async with site.link() as link:
        kernel = Kernel(link)
        await kernel.greet()
        await kernel.append(STARTED, TOKEN_EVENT, COMPLETED)
    log_id = started.host.driver.log_id
    await started.stop_extension()
    async with site.connect() as socket:
        await socket.wait_closed()
        assert socket.close_code == 1013
    await started._start_jupyter_server_extension(jp_serverapp)
    assert started.host.driver.log_id == log_id
    async with site.connect() as socket:
        reader = Talk(socket)
        since = {"seq": 0, "log_id": log_id}
        await reader.say(type="subscribe", run_id=RUN, since=since)
        for seq, kind in enumerate(
            ("workflow_started", "token", "workflow_completed"), 1
        ):
            assert (await reader.hear(kind))["seq"] == seq
