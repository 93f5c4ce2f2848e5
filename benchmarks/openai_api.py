"""OpenAI's video API before the simulated provider, for its SDK, in a process of its own."""

import socket
import sys
import time
from collections.abc import AsyncIterator
from email import message_from_bytes
from email.policy import HTTP
from typing import Any

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

_WORDS = {"completed": "completed", "failed": "failed", "queued": "queued"}


class OpenAIVideos:
    """The three calls that a script needs.

    Args:
        api: The simulator's base URL.
        api_key: That it accepts.
    """

    def __init__(self, api: str, api_key: str) -> None:
        headers = {"Authorization": f"Bearer {api_key}"}
        self._api = httpx.AsyncClient(base_url=api, headers=headers, timeout=60, trust_env=False)

    def app(self) -> Starlette:
        """It as an ASGI application."""
        return Starlette(
            routes=[
                Route("/v1/videos", self.create, methods=["POST"]),
                Route("/v1/videos/{video_id}", self.retrieve),
                Route("/v1/videos/{video_id}/content", self.content),
            ]
        )

    async def create(self, request: Request) -> Response:
        """Order a generation."""
        prompt = _field("prompt", request.headers["content-type"], await request.body())
        order = {"model": "sora-2", "prompt": prompt, "duration": 10}
        answer = await self._api.post("/v1/videos/generations", json=order)
        answer.raise_for_status()
        return _video(answer.json()["id"], "queued")

    async def retrieve(self, request: Request) -> Response:
        """Say how far it is."""
        video_id = request.path_params["video_id"]
        state = await self._state(video_id)
        return _video(video_id, _WORDS.get(state["status"], "in_progress"))

    async def content(self, request: Request) -> Response:
        """Pass its content on."""
        state = await self._state(request.path_params["video_id"])
        return StreamingResponse(
            self._pieces(state["result"]["data"][0]["url"]), media_type="video/mp4"
        )

    async def _state(self, video_id: str) -> dict[str, Any]:
        answer = await self._api.get(f"/v1/videos/generations/{video_id}")
        answer.raise_for_status()
        state: dict[str, Any] = answer.json()
        return state

    async def _pieces(self, url: str) -> AsyncIterator[bytes]:
        async with self._api.stream("GET", url) as answer:
            async for piece in answer.aiter_bytes(256 * 1024):
                yield piece


def _field(name: str, content_type: str, body: bytes) -> str:
    """Return a field of a form; `multipart/form-data` is of the form of a message."""
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    form = message_from_bytes(head + body, policy=HTTP)
    fields = {
        part.get_param("name", header="content-disposition"): part.get_content()
        for part in form.iter_parts()
    }
    return str(fields[name])


def _video(video_id: str, status: str) -> JSONResponse:
    about = {"object": "video", "model": "sora-2", "seconds": "8", "size": "1280x720"}
    done = 100 if status == "completed" else 0
    times = {"created_at": int(time.time()), "progress": done}
    return JSONResponse({"id": video_id, "status": status, **about, **times})


def main() -> None:
    """Serve until the process is ended; its URL and key go out."""
    api, api_key = sys.argv[1:]
    with socket.create_server(("127.0.0.1", 0)) as listening:
        print(f"http://127.0.0.1:{listening.getsockname()[1]}", api_key, flush=True)
        config = uvicorn.Config(OpenAIVideos(api, api_key).app(), log_level="warning")
        uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main()
