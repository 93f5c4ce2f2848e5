"""Faults on demand, as data: what goes wrong, for which requests, how many times."""

import asyncio
import threading
from dataclasses import dataclass, field
from typing import Annotated, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter

from prefect_toapis.simulator.clip_spec import DefectKind
from prefect_toapis.simulator.error_bodies import ErrorShape

Submitting = Literal["submit", "character", "remix", "extend"]
Operation = Submitting | Literal["status", "lookup", "media", "upload", "balance", "models"]
"""What a request wants. `lookup` is a `status` query by the caller's own id: faults of `status`
meet it too. `media` is a file, wherever it is asked for."""

Telling = Submitting | Literal["status", "lookup"]
When = Literal["before", "after"]
Framing = Literal["length", "chunked", "close"]


@dataclass(frozen=True)
class Facts:
    """What is known of a request when a fault is looked for.

    Args:
        operation: What the request wants.
        business_id: The caller's own id.
        task_id: The generation's id; a submission has none yet.
        prompt: The prompt of the generation; the URL or task that a character is made from.
        by_business_id: Whether it is a query by the caller's own id.
    """

    operation: Operation
    business_id: str | None = None
    task_id: str | None = None
    prompt: str = field(default="", repr=False)  # may be a signed URL
    by_business_id: bool = False


class _Fault(BaseModel):
    """Which requests a fault meets; what isn't given matches any."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    business_id: str | None = None
    task_id: str | None = None
    prompt: str = Field(default="", description="A part of the prompt.")
    times: int | None = Field(default=1, ge=1, description="How many requests; None: all.")


class Hold(_Fault):
    """Process the request, but don't answer until `Faults.release` or the client goes away."""

    action: Literal["hold"] = "hold"
    operation: Operation


class Drop(_Fault):
    """Close the connection without a reply.

    `when="before"`: nothing was accepted. `when="after"`: accepted and paid.
    """

    action: Literal["drop"] = "drop"
    operation: Operation
    when: When = "before"


class Delay(_Fault):
    """Wait, in seconds, before or after the request is processed."""

    action: Literal["delay"] = "delay"
    operation: Operation
    when: When = "before"
    seconds: float = Field(ge=0)


class Replace(_Fault):
    """Answer something else, instead of processing the request or after it was processed."""

    action: Literal["replace"] = "replace"
    operation: Operation
    when: When = "before"
    status: int = Field(ge=200, le=599)
    headers: dict[str, str] = {}
    body: str = ""


class Refuse(_Fault):
    """Answer with an error in a shape that gateways use ([W])."""

    action: Literal["refuse"] = "refuse"
    operation: Operation
    when: When = "before"
    status: int = Field(ge=400, le=599)
    code: str = "refused"
    message: str = "Not this time"
    shape: ErrorShape = "documented"


class Trickle(_Fault):
    """Send the reply slowly, from its body on or from its very first byte (`part="head"`)."""

    action: Literal["trickle"] = "trickle"
    operation: Operation
    bytes_per_second: float = Field(default=1, gt=0)
    part: Literal["head", "body"] = "body"


class Flood(_Fault):
    """Answer with a body without an end in sight, so many bytes; `gzip=True`: once unpacked."""

    action: Literal["flood"] = "flood"
    operation: Operation
    when: When = "before"
    size: int = Field(default=1024**3, ge=1)
    gzip: bool = False
    content_type: str = "application/json"


class Truncate(_Fault):
    """Send only so many bytes of a file, stall if it is told to, then close the connection.

    `framing="length"`: the head says how many there should have been. `"chunked"` and `"close"`:
    it doesn't, and the reply ends as a whole one does, by its last chunk or with the connection.
    """

    action: Literal["truncate"] = "truncate"
    operation: Literal["media"] = "media"
    at_bytes: int = Field(ge=0)
    stall_seconds: float = Field(default=0, ge=0)
    framing: Framing = "length"


class Redirect(_Fault):
    """Answer a request for a file with a redirect to the same file at another host.

    The media port answers to every name of this machine; there the redirect ends.
    """

    action: Literal["redirect"] = "redirect"
    operation: Literal["media"] = "media"
    status: Literal[301, 302, 303, 307, 308] = 302
    host: str = "localhost"


class Rewrite(_Fault):
    """Replace members of the documented reply; a dialect words the result.

    Example: `Rewrite(operation="status", members={"expires_at": 0}, times=None)`.
    """

    action: Literal["rewrite"] = "rewrite"
    operation: Telling
    members: dict[str, JsonValue]


class Mixup(_Fault):
    """Answer a query with another task, the one that was accepted last.

    The reply has its `client_business_id`, without which a look-up's mistake couldn't be seen.
    """

    action: Literal["mixup"] = "mixup"
    operation: Literal["status", "lookup"] = "status"


class Untidy(_Fault):
    """Answer as some gateways do ([W]): `task_id` beside another `id`, and an empty status."""

    action: Literal["untidy"] = "untidy"
    operation: Submitting = "submit"


class Hide(_Fault):
    """Accept a submission, but answer 404 to queries of it for so many seconds.

    `queries="lookup"`: only to those by the caller's own id.
    """

    action: Literal["hide"] = "hide"
    operation: Submitting = "submit"
    seconds: float = Field(ge=0)
    queries: Literal["all", "lookup"] = "all"


class Partial(_Fault):
    """Accept a submission, but show only so many of its videos once it is completed.

    The rest comes after so many seconds; without a number, never.
    """

    action: Literal["partial"] = "partial"
    operation: Submitting = "submit"
    outputs: int = Field(default=0, ge=0)
    seconds: float | None = Field(default=None, ge=0)


class Defect(_Fault):
    """Accept a submission, but deliver videos that aren't what was ordered.

    The reply says nothing of it. `number`: only this one of several videos, from 1.

    Example: `Defect(kind="silent", prompt="dog")`.
    """

    action: Literal["defect"] = "defect"
    operation: Literal["submit", "remix", "extend"] = "submit"
    kind: DefectKind
    number: int | None = Field(default=None, ge=1)


class SameTask(_Fault):
    """Accept a submission, but answer with the task that was accepted before it."""

    action: Literal["same_task"] = "same_task"
    operation: Submitting = "submit"


class Conflict(_Fault):
    """Refuse a submission with 409 where its `client_business_id` exists already ([W]).

    `first=True`: the first one is accepted, and answered so as well, as if a gateway had sent it
    twice. Set it with `times=None`: it counts the submissions that it looks at.
    """

    action: Literal["conflict"] = "conflict"
    operation: Submitting = "submit"
    first: bool = False


Fault = Annotated[
    Hold
    | Drop
    | Delay
    | Replace
    | Refuse
    | Trickle
    | Flood
    | Truncate
    | Redirect
    | Rewrite
    | Mixup
    | Untidy
    | Hide
    | Partial
    | Defect
    | SameTask
    | Conflict,
    Field(discriminator="action"),
]
FAULT: TypeAdapter[Fault] = TypeAdapter(Fault)


def meets(fault: Fault, facts: Facts) -> bool:
    """Whether a fault is meant for a request."""
    wanted = fault.operation
    return (
        (wanted == facts.operation or (wanted == "lookup" and facts.by_business_id))
        and fault.business_id in {None, facts.business_id}
        and fault.task_id in {None, facts.task_id}
        and fault.prompt in facts.prompt
    )


@dataclass(frozen=True)
class Held:
    """A request that was processed and waits for its answer to be released."""

    facts: Facts
    _released: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop, repr=False)

    def release(self) -> None:
        """Let the answer go out; from any thread."""
        self._loop.call_soon_threadsafe(self._released.set)

    async def released(self) -> None:
        """Wait until it may go out."""
        await self._released.wait()


class Storm(Protocol):
    """Draws faults for requests without explicit faults, such as `storms.Weather`."""

    def draw(self, facts: Facts) -> list[Fault]:
        """Those that a request meets."""
        ...


class Faults:
    """The faults that are set. Safe to use from any thread.

    Attributes:
        storm: Draws faults for requests without explicit faults; None: no such faults.

    Example:
        ```python
        simulator.faults.add(Hold(operation="submit", prompt="dog"))
        ...
        simulator.wait_for(lambda: simulator.faults.held)  # a submission has arrived
        simulator.faults.release()
        ```
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._set: list[tuple[Fault, int | None]] = []
        self.storm: Storm | None = None
        self._held: list[Held] = []

    @property
    def pending(self) -> list[Fault]:
        """The faults that have still to happen, oldest first."""
        with self._lock:
            return [fault for fault, _ in self._set]

    @property
    def held(self) -> list[Held]:
        """The requests that are held now."""
        with self._lock:
            return list(self._held)

    def add(self, *faults: Fault) -> None:
        """Set faults; all that match a request are applied, in the order they were set."""
        with self._lock:
            self._set += [(fault, fault.times) for fault in faults]

    def clear(self) -> None:
        """Forget all faults; what is held stays held."""
        with self._lock:
            self._set.clear()

    def release(self) -> None:
        """Answer everything that is held now."""
        for held in self.held:
            held.release()

    def take(self, facts: Facts) -> list[Fault]:
        """The faults that a request meets, each counted as happened."""
        if not self._set and not self.storm:  # the usual case costs nothing
            return []
        with self._lock:
            blown = self.storm.draw(facts) if self.storm else []
            met = [fault for fault, _ in self._set if meets(fault, facts)]
            counted = [
                (fault, left - 1 if left and meets(fault, facts) else left)
                for fault, left in self._set
            ]
            self._set = [(fault, left) for fault, left in counted if left != 0]
        return met + blown

    def hold(self, facts: Facts) -> Held:
        """Note that a request is held; on the event loop that answers it."""
        held = Held(facts)
        with self._lock:
            self._held.append(held)
        return held

    def let_go(self, held: Held) -> None:
        """Note that a request is no longer held."""
        with self._lock:
            self._held.remove(held)
