"""The dialects of the API: how a provider's gateway words what the documentation shows ([W]).

A dialect is drawn once for each generation, so that all replies about it agree: `Wording` is what
was drawn, and `spoken.speak` says a reply in it.
"""

import random
from collections import Counter
from dataclasses import dataclass
from typing import Literal, TypeVar, get_args

from prefect_toapis.simulator.error_bodies import GATEWAY_ERRORS, ErrorWording, draw_error
from prefect_toapis.simulator.ledger import Kind

T = TypeVar("T")
Status = Literal["queued", "in_progress", "completed", "failed"]

Dialect = Literal["documented", "gateway", "random"]
"""`documented`: as the pages show it. `gateway`: one gateway of the kind that many resell the API
through, always the same. `random`: another wording for each generation and error, by the seed."""

IdStyle = Literal["documented", "beside", "numeric", "odd"]
"""`beside`: `task_id` beside an `id` that finds nothing; `numeric`: a JSON number; `odd`: slashes,
spaces, colons, letters beyond ASCII."""

Place = Literal[
    "result.data[].url",
    "result.data[].video_url",
    "result.data[].download_url",
    "result.data[].url[]",
    "result.data{}",
    "result.data[]",
    "result.url",
    "result.videos[].url",
    "content.video_url",
    "metadata.url",
    "data[].url",
    "url",
    "video_url",
    "output",
    "output.video_url",
    "outputs[]",
]
"""Where the URLs of the videos stand. With several videos, the members that hold one URL hold a
list of them."""

Files = Literal["signed", "key", "key and redirect", "relative"]
"""`signed`: URLs at the media port, as documented; `key`: `/v1/videos/{id}/content` at the API's
own origin, which answers 401 without the key; `key and redirect`: the same, but it leads on to
the media port; `relative`: the same as `key`, without scheme and host."""

Wrapper = Literal["none", "code", "number", "success", "data", "list"]
"""What a reply is wrapped in. `code`: `{"code": "success", "message": "", "data": {...}}`;
`number`: `{"code": 200, "msg": "ok", "data": {...}}`; `success`: `{"success": true, "data":
{...}}`; `data`: `{"data": {...}}`; `list`: a submission's reply is `{"code": 200, "data":
[{...}]}`, others are as under `number`."""

Reason = Literal["error", "error text", "fail_reason", "message", "error_message"]
"""Where the text of a failure stands: in an object `error`, or in the member of this name."""

Times = Literal["documented", "zero", "negative", "milliseconds", "iso", "text", "contradicting"]
"""`zero` is `expires_at` alone; `contradicting`: completed before it was created, and expired
before that."""

Echo = Literal["none", "top", "metadata"]
"""Where a reply repeats the `client_business_id`."""

WORDS: dict[Status, tuple[str, ...]] = {
    "queued": ("queued", "submitted", "NOT_START", "pending", "", " Queued ", "in_queue"),
    "in_progress": ("in_progress", "IN_PROGRESS", "processing", "running", "generating", "dancing"),
    "completed": (
        "completed",
        "SUCCESS",
        " Succeed ",
        "succeeded",
        "done",
        "finished",
        "Complete",
        "danced",
    ),
    "failed": (
        "failed",
        "FAILURE",
        "error",
        "expired",
        "timeout",
        " Cancelled",
        "canceled",
        "Rejected",
        "stumbled",
    ),
}
"""The words for each status; `dancing`, `danced` and `stumbled` are known to no client."""

_UNKNOWN_FAILURE = "stumbled"
_HALF = 0.5
_LARGEST_NUMBER = 2**53  # beyond, JSON numbers lose digits in some languages
_ODD_IDS = (
    "jobs/2026/{}",
    "task {} of today",
    "видео-{}",
    "urn:video:{}",
    "{}?part=1&of=2",
    "{}#final",
    "100%-{}",
    "../{}",
    "{}/content",
)


@dataclass(frozen=True)
class Wording:
    """How the replies about a generation are worded.

    Args:
        queued: The word for this status; likewise the next three.
        ids: How its id looks.
        place: Where the URLs of its videos stand.
        files: Whose URLs they are.
        wrapper: Around each reply.
        reason: Where the text of a failure stands.
        times: How times are written.
        echo: Where the caller's own id is repeated.
        decoys: Whether URLs of pictures and of the API stand beside those of the videos.
        percent: Whether the progress is text with a percent sign.
    """

    queued: str = "queued"
    in_progress: str = "in_progress"
    completed: str = "completed"
    failed: str = "failed"
    ids: IdStyle = "documented"
    place: Place = "result.data[].url"
    files: Files = "signed"
    wrapper: Wrapper = "none"
    reason: Reason = "error"
    times: Times = "documented"
    echo: Echo = "none"
    decoys: bool = False
    percent: bool = False

    def word(self, status: str) -> str:
        """The word for a status; another word than the documented ones stays as it is."""
        words: dict[str, str] = {
            "queued": self.queued,
            "in_progress": self.in_progress,
            "completed": self.completed,
            "failed": self.failed,
        }
        return words.get(status, status)


DOCUMENTED = Wording()
GATEWAY = Wording(
    queued="NOT_START",
    in_progress="IN_PROGRESS",
    completed="SUCCESS",
    failed="FAILURE",
    ids="beside",
    place="video_url",
    files="key",
    wrapper="code",
    reason="fail_reason",
    times="zero",
    echo="top",
    decoys=True,
    percent=True,
)


def draw_wording(drawn: random.Random) -> Wording:
    """A wording, at random; what few gateways change is as documented for every other."""
    failed = drawn.choice(WORDS["failed"])
    reasons = get_args(Reason)
    if failed == _UNKNOWN_FAILURE:  # a `message` alone doesn't say that it failed
        reasons = tuple(reason for reason in reasons if reason != "message")
    return Wording(
        queued=drawn.choice(WORDS["queued"]),
        in_progress=drawn.choice(WORDS["in_progress"]),
        completed=drawn.choice(WORDS["completed"]),
        failed=failed,
        ids=_mostly_first(get_args(IdStyle), drawn),
        place=drawn.choice(get_args(Place)),
        files=_mostly_first(get_args(Files), drawn),
        wrapper=_mostly_first(get_args(Wrapper), drawn),
        reason=drawn.choice(reasons),
        times=_mostly_first(get_args(Times), drawn),
        echo=drawn.choice(get_args(Echo)),
        decoys=drawn.random() < _HALF,
        percent=drawn.random() < _HALF,
    )


def task_id_in(style: IdStyle, identifier: str, drawn: random.Random) -> str:
    """A task's id in a style.

    Args:
        style: How it looks.
        identifier: Unique, of hexadecimal digits.
        drawn: Chooses among the odd ones.

    Example:
        >>> task_id_in("numeric", "ff", random.Random(0))
        '255'
    """
    if style == "numeric":
        return str(int(identifier, 16) % _LARGEST_NUMBER)
    if style == "odd":
        return drawn.choice(_ODD_IDS).format(identifier)
    return f"video_{identifier.upper()}"


class Wordings:
    """Draws the wordings of a dialect; the same seed draws the same for the same prompts.

    Args:
        dialect: Which one.
        seed: Of what is drawn.
    """

    def __init__(self, dialect: Dialect, seed: int) -> None:
        self._dialect = dialect
        self._seed = seed
        self._drawn: Counter[str] = Counter()

    def generation(self, kind: Kind, prompt: str) -> tuple[Wording, random.Random]:
        """The wording of a new generation, and what else of it is drawn from.

        Args:
            kind: What it is.
            prompt: Its prompt; the second generation of a prompt is drawn anew.
        """
        # What a character is made from may be a URL that is signed, another each time.
        drawn = self._random(kind if kind == "character" else f"{kind} {prompt}")
        if self._dialect == "random":
            return draw_wording(drawn), drawn
        return (GATEWAY if self._dialect == "gateway" else DOCUMENTED), drawn

    def error(self, code: str, prompt: str = "") -> ErrorWording:
        """The wording of an error.

        Args:
            code: The documented code.
            prompt: Of the submission that is refused.
        """
        if self._dialect == "random":
            return draw_error(code, self._random(f"error {code} {prompt}"))
        if self._dialect == "gateway":
            return GATEWAY_ERRORS.get(code, ErrorWording("flat"))
        return ErrorWording()

    def _random(self, name: str) -> random.Random:
        self._drawn[name] += 1
        return random.Random(f"{self._seed} {name} {self._drawn[name]}")  # noqa: S311 - no secret


def _mostly_first(choices: tuple[T, ...], drawn: random.Random) -> T:
    return choices[0] if drawn.random() < _HALF else drawn.choice(choices)
