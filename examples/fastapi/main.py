"""A FastAPI application that serves workflows.

    pip install "kgnb[fastapi]"
    python main.py                                    # or:
    uvicorn main:app --host 0.0.0.0 --port 8000       # or: uvicorn main:app --reload

It prints a token; open http://localhost:8000/#<token>.
"""

import asyncio
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from fastapi.responses import FileResponse

import kgnb
from kgnb.server.asgi import create_app

WEBSOCKET_CONFIG = {
    "max_connections": 1000,
    "ping_interval": 30,
    "ping_timeout": 10,
    "max_message_size": 1024 * 1024,
    "compression": "deflate",
    "origins": ["http://localhost:3000"],
}


class Chat(kgnb.WebSocketNode):
    """Streams its reply word by word; a model would go here."""

    async def prep_async(self, shared):
        return shared.get("message", "")

    async def exec_async(self, message):
        reply = f"You said: {message}"
        for word in reply.split():
            await self.send_update("token", word + " ")
            await asyncio.sleep(0.05)
        return {"answer": reply}


class Process(kgnb.WebSocketNode):
    """Reports progress."""

    async def exec_async(self, data):
        total = len(data)
        for i, _item in enumerate(data):
            await asyncio.sleep(0.05)
            done = {
                "percent": (i + 1) / total * 100,
                "current": i + 1,
                "total": total,
            }
            await self.send_update("progress", done)
        return sum(data)


class Approve(kgnb.WebSocketNode):
    """Asks before it goes on."""

    async def prep_async(self, shared):
        return shared.get("action", "deploy")

    async def exec_async(self, action):
        await self.send_update(
            "approval_request",
            {"message": f"Approve {action}?", "options": ["yes", "no"]},
        )
        return await self.wait_for_input(timeout=60)


kgnb.publish("chat", kgnb.AsyncGraph(Chat()), default=True)
kgnb.publish("data_processing", kgnb.AsyncGraph(Process()))
kgnb.publish("approval", kgnb.AsyncGraph(Approve()))

# With users of your own: create_app(auth=verify_token, …), where verify_token is an
# async function of a token that gives a user's name, or None.
kgnb_app = create_app(config=WEBSOCKET_CONFIG)
app = FastAPI(lifespan=kgnb_app.lifespan)


@app.get("/", include_in_schema=False)
async def index():
    return FileResponse(Path(__file__).with_name("index.html"))


@app.post("/alert")
async def alert(message: str):
    """Tell everybody who joined the group "admins"."""
    reached = await kgnb.manager.broadcast_to_group(
        "admins", {"type": "system_alert", "message": message}
    )
    return {"reached": reached}


# Last: what no route above took is kgnb's, at /ws/…, /health and /kgnb/….
app.mount("/", kgnb_app)

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=8000, **kgnb_app.uvicorn_options)
