"""An S3 server's evil twin: passes requests on, but holds replies, fails, or is away."""

import random
import re
import threading
from collections import Counter
from dataclasses import dataclass, field
from types import TracebackType
from typing import Literal

import httpx
import uvicorn
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from typing_extensions import Self

_SLOW_DOWN = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
)
_REFUSED = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    "<Error><Code>{code}</Code><Message>The store has its reasons.</Message></Error>"
)
# What is passed on is unpacked.
_OF_ONE_HOP = {
    "connection",
    "keep-alive",
    "transfer-encoding",
    "content-encoding",
    "content-length",
}


@dataclass(frozen=True)
class Hold:
    """Which request is held, and whether before or after the store has carried it out.

    Args:
        method: Of the request.
        path: A regular expression for its path and query.
        when: `before`: the store never hears of it; `after`: it has, and nobody is told.
        skip: How many such requests pass before.
    """

    method: str
    path: str
    when: Literal["before", "after"]
    skip: int = 0


@dataclass(frozen=True)
class Refusal:
    """An answer of S3 in place of what was asked for.

    Args:
        method: Of the request that is refused first.
        path: A regular expression for its path and query.
        status: Of the answer.
        code: S3's.
        page: What is answered in place of S3's XML, as HTML.
        skip: How many such requests pass before.
        lasting: Whether each request after it is refused, too; else only those that meet it.
    """

    method: str
    path: str
    status: int = 403
    code: str = "ExpiredToken"
    page: str = ""
    skip: int = 0
    lasting: bool = True

    def response(self) -> Response:
        """What is answered."""
        if self.page:
            return Response(self.page, self.status, media_type="text/html")
        return Response(_REFUSED.format(code=self.code), self.status)


@dataclass
class FaultyStore:
    """A proxy before an S3 server.

    Args:
        upstream: The server's URL.
        share: Of the requests that are answered with 500 or SlowDown.
        seed: Of those.

    Attributes:
        hold: What is held; None for nothing.
        refusal: What is refused, and from when on; None for nothing.
        away: Whether connections are closed without an answer.
        held: Set while something is held.
        failed: How many requests were answered with what.
    """

    upstream: str
    share: float = 0
    seed: int = 0
    hold: Hold | None = None
    refusal: Refusal | None = None
    away: bool = False
    held: threading.Event = field(default_factory=threading.Event)
    failed: Counter[str] = field(default_factory=Counter)
    asked: int = 0
    url: str = ""

    def __post_init__(self) -> None:
        self._drawing = random.Random(self.seed)
        self.begin_again()
        self._client: httpx.AsyncClient | None = None
        config = uvicorn.Config(
            self, host="127.0.0.1", port=0, lifespan="off", log_config=None, timeout_keep_alive=75
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        while not self._server.started:
            threading.Event().wait(0.01)
        port = self._server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.should_exit = self._server.force_exit = True
        self._thread.join(10)

    def begin_again(self) -> None:
        """Count the requests that meet a refusal from now on."""
        self._refusing, self._skipped = False, 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or not."""
        request = Request(scope, receive)
        self.asked += 1
        content = await request.body()
        meets = self._meets(request)
        if refused := self._refused(request):
            self.failed[refused.code] += 1
            await refused.response()(scope, receive, send)
        elif self.away or meets == "before":
            if meets:
                self.held.set()
                await _gone(request)
            await Response("away", 503)(scope, receive, send)
        elif self.share and self._drawing.random() < self.share:
            status = self._drawing.choice([500, 503])
            self.failed[str(status)] += 1
            await Response(_SLOW_DOWN if status == 503 else "", status)(scope, receive, send)
        else:
            reply = await self._pass_on(request, content)
            if meets == "after":
                self.held.set()
                await _gone(request)
            await reply(scope, receive, send)

    def _meets(self, request: Request) -> Literal["before", "after"] | None:
        hold = self.hold
        asked = f"{request.url.path}?{request.url.query}"
        if not hold or request.method != hold.method or not re.search(hold.path, asked):
            return None
        self.hold = Hold(hold.method, hold.path, hold.when, hold.skip - 1) if hold.skip else None
        return None if hold.skip else hold.when

    def _refused(self, request: Request) -> Refusal | None:
        refusal = self.refusal
        if refusal is None or (self._refusing and refusal.lasting):
            return refusal
        asked = f"{request.url.path}?{request.url.query}"
        if not re.fullmatch(refusal.method, request.method) or not re.search(refusal.path, asked):
            return None
        self._skipped += 1
        self._refusing = self._skipped > refusal.skip
        return refusal if self._refusing else None

    async def _pass_on(self, request: Request, content: bytes) -> Response:
        if self._client is None:
            self._client = httpx.AsyncClient(timeout=30, trust_env=False)
        passed = await self._client.request(
            request.method,
            f"{self.upstream}{request.scope['raw_path'].decode()}"
            + (f"?{request.url.query}" if request.url.query else ""),
            headers=[(k, v) for k, v in request.headers.raw if k != b"transfer-encoding"],
            content=content,
        )
        reply = Response(passed.content, passed.status_code)
        kept = [(k.lower(), v) for k, v in passed.headers.raw if k.lower() not in _HOPS]
        length = passed.headers.get("content-length", "0") if request.method == "HEAD" else None
        reply.raw_headers = [
            *kept,
            (b"content-length", (length or str(len(passed.content))).encode()),
        ]
        return reply


_HOPS = {name.encode() for name in _OF_ONE_HOP}


async def _gone(request: Request) -> None:
    """Wait until whoever asked has gone: killed, for one."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
