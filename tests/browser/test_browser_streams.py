"""Several streams, a retry and nested loops at once, in a real JupyterLab."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

SETUP = """
import asyncio, pathlib, kgnb

def chunk(text, **usage):
    return {"choices": [{"delta": {"content": text}}], "usage": usage or None}

class Write(kgnb.AsyncNode):
    async def exec_async(self, _):
        async def words(name):
            for number in kgnb.track(range(40), description=name):
                for _ in kgnb.track(range(2), description="letters"):
                    await asyncio.sleep(0.01)
                while number == 30 and not pathlib.Path("streams-go").exists():
                    await asyncio.sleep(0.01)
                yield chunk(f"{name}{number} ")
                if number == 20 and self.cur_retry == 0 and name == "en":
                    raise OSError("the line broke")
            yield chunk("", prompt_tokens=412, completion_tokens=96)

        names = ["en", "de", "fr", "ja"]
        texts = [kgnb.stream(words(name), name=name) for name in names]
        await asyncio.gather(*texts)
"""
RUN = """
run = kgnb.run(kgnb.Graph(Write(max_retries=2), name="write"), {})
result = await run
print("usage:", result.usage["Write"].total_tokens)
"""


def test_streams_stand_side_by_side_and_the_failed_attempt_is_struck(
    lab, open_notebook
):
    notebook = open_notebook(lab, "streams.ipynb", SETUP, RUN)
    notebook.run(0)
    notebook.wait_done(0)
    notebook.run(1)
    panel = notebook.page.locator(".kgnb-panel")
    expect(panel.locator(".kgnb-stream[data-superseded=true]").first).to_contain_text(
        "superseded", timeout=20_000
    )
    expect(panel.locator("[data-node-row=Write]")).to_contain_text("left")
    (lab.work / "streams-go").touch()
    notebook.wait_done(1)
    for name in ("en", "de", "fr", "ja"):
        whole = "".join(f"{name}{number} " for number in range(40))
        text = panel.locator(f"[data-stream='Write:1.2/{name}']")
        expect(text).to_have_text(whole.strip())
    expect(panel.locator(".kgnb-usage")).to_contain_text("out")
    assert "usage: " in notebook.output(1)
    expect(panel.locator("[data-node-row=Write]")).not_to_contain_text("left")
    notebook.screenshot("streams")
    assert notebook.errors == []
