"""What the simulator can be told."""

import ipaddress
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from prefect_toapis.simulator.dialects import Dialect

AccountGroup = Literal["default", "vip", "svip"]


def _ordered(bounds: tuple[float, float]) -> tuple[float, float]:
    if bounds[0] > bounds[1]:
        raise ValueError("give the shorter time first")
    return bounds


def _on_loopback(url: str) -> str:
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        is_loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name
        is_loopback = host == "localhost"
    if parts.scheme != "http" or not is_loopback:
        raise ValueError("the simulator sends webhooks to http:// on this machine alone")
    return url


Seconds = Annotated[float, Field(ge=0)]
SecondsRange = Annotated[tuple[Seconds, Seconds], AfterValidator(_ordered)]
Share = Annotated[float, Field(ge=0, le=1)]


class SimulatedWebhooks(BaseModel):
    """How the simulated provider sends webhooks: one for each task that is to be told of ([D]).

    Example:
        ```python
        SimulatedWebhooks(url="http://127.0.0.1:8780/webhook", secret="whsec", dropped=0.3)
        ```
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: Annotated[str, AfterValidator(_on_loopback)] = Field(
        description="The URL configured for the key; a callback_url may differ in path and query."
    )
    secret: SecretStr = Field(description="What they are signed with.")
    previous_secret: SecretStr | None = Field(
        default=None, description="What they are signed with as well, as after a rotation."
    )
    every_task: bool = Field(
        default=False,
        description="Whether tasks without a callback_url are told of too, at `url`: no source "
        "says whether the provider does so.",
    )
    late_seconds: Seconds | SecondsRange = Field(
        default=0,
        description="How long after the end of a task its webhook is first sent: a number, or "
        "bounds between which each draws its own, so that they come out of order.",
    )
    doubled: Share = Field(default=0, description="The share that is sent once more when taken.")
    dropped: Share = Field(default=0, description="The share that is never sent.")
    forged: Share = Field(
        default=0,
        description="The share of tasks of which somebody else, who doesn't know the secret, "
        "says at once that they failed.",
    )
    speed: float = Field(
        default=1,
        gt=0,
        description="How many times as fast as the provider's the schedule of retries is.",
    )


class SimulatorSettings(BaseModel):
    """How the simulated provider behaves; all of it has a sensible default.

    Example:
        ```python
        SimulatorSettings(render_seconds=(2, 8), balance_credits=100, draw_prompts=True)
        ```
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    api_keys: tuple[str, ...] = Field(
        default=("simulator-key",),
        min_length=1,
        repr=False,
        description="The keys that are accepted; all belong to one user.",
    )
    account_group: AccountGroup | None = Field(
        default="default", description="Whose documented rate limits apply ([D]); None: none."
    )
    balance_credits: float | None = Field(
        default=None, ge=0, description="What the account has, in credits; None: unlimited."
    )
    price_credits: float = Field(
        default=20, ge=0, description="What a submission costs, in credits."
    )
    character_price_credits: float = Field(
        default=10, ge=0, description="What making a character costs, in credits ([A])."
    )
    render_seconds: Seconds | SecondsRange = Field(
        default=(5, 15),
        description="How long a generation takes, in seconds: a number, or the shortest and the "
        "longest time, between which each generation draws its own.",
    )
    character_render_seconds: Seconds | SecondsRange | None = Field(
        default=None,
        description="How long making a character takes, likewise; None: as long as a generation.",
    )
    characters_have_business_ids: bool = Field(
        default=False,
        description="Whether making a character stores its client_business_id, so that a query "
        "by it finds the task ([A]: nothing says so).",
    )
    dialect: Dialect = Field(
        default="documented",
        description="How replies are worded: as documented; as one gateway words them; or at "
        "random, each generation and each error in its own way, the same for the same seed and "
        "prompt. Balance, models, uploads and webhooks are always as documented.",
    )
    seed: int = Field(
        default=0,
        description="Of what is drawn: render times, character names, and a random dialect.",
    )
    result_lifetime_seconds: float = Field(
        default=24 * 3600, gt=0, description="How long a result can be fetched ([D]: 24 hours)."
    )
    refuse_marker: str = Field(
        default="refuse me",
        min_length=1,
        description="A prompt (or a character's source) that has this is refused (422).",
    )
    fail_marker: str = Field(
        default="fail me",
        min_length=1,
        description="A prompt (or a character's source) that has this is accepted, and its "
        "generation fails in the end.",
    )
    short_side: int = Field(
        default=180,
        ge=64,
        le=2160,
        multiple_of=2,
        description="Of a clip, in pixels; 360 is fine for drawn prompts.",
    )
    draw_prompts: bool = Field(
        default=False,
        description="Draw prompt, model and character names on the frames: one clip for each "
        "prompt instead of one for all.",
    )
    pad_to: int | None = Field(
        default=None,
        gt=0,
        description="Size of each video file, in bytes. A clip that is that large already stays "
        "as it is.",
    )
    webhooks: SimulatedWebhooks | None = Field(
        default=None,
        description="Where webhooks go; None: a callback_url is refused (webhook_not_configured).",
    )
