"""The settings of the simulator."""

import ipaddress
from collections.abc import Callable
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from prefect_toapis.simulator.charges import SimulatedPrice
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
    """How the simulated provider sends webhooks ([D]).

    Example:
        ```python
        SimulatedWebhooks(url="http://127.0.0.1:8780/webhook", secret="whsec", dropped=0.3)
        ```
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: Annotated[str, AfterValidator(_on_loopback)] = Field(
        description="The URL configured for the key; a callback_url may differ in path and query."
    )
    secret: SecretStr = Field(description="The secret that webhooks are signed with.")
    previous_secret: SecretStr | None = Field(
        default=None, description="A second secret they are signed with, as after a rotation."
    )
    every_task: bool = Field(
        default=False,
        description="Whether webhooks of tasks without a callback_url are sent to `url`; "
        "undocumented for the provider.",
    )
    late_seconds: Seconds | SecondsRange = Field(
        default=0,
        description="The delay of a webhook after the end of its task: a number, or bounds "
        "between which each delay is drawn, so that webhooks arrive out of order.",
    )
    doubled: Share = Field(default=0, description="The share that is sent again when accepted.")
    dropped: Share = Field(default=0, description="The share that is never sent.")
    forged: Share = Field(
        default=0,
        description="The share of tasks for which a forged webhook, signed with another secret, "
        "reports a failure at once.",
    )
    speed: float = Field(
        default=1,
        gt=0,
        description="The speed of the retry schedule, relative to the provider's.",
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
        default="default",
        description="The account group whose documented rate limits apply ([D]); None: none.",
    )
    balance_credits: float | None = Field(
        default=None, ge=0, description="The account's balance, in credits; None: unlimited."
    )
    price_credits: float = Field(
        default=20,
        ge=0,
        description="The price of a submission that `prices` don't fit, in credits.",
    )
    prices: tuple[SimulatedPrice, ...] | Callable[[dict[str, Any]], float] = Field(
        default=(),
        description="Prices of videos, remixes and extensions by what is ordered, or a function "
        "from a submission's JSON to credits.",
    )
    character_price_credits: float = Field(
        default=10, ge=0, description="The price of a character, in credits ([A])."
    )
    render_seconds: Seconds | SecondsRange = Field(
        default=(5, 15),
        description="The render time of a generation, in seconds: a number, or bounds between "
        "which each render time is drawn.",
    )
    off_peak_render_seconds: Seconds | SecondsRange = Field(
        default=(4 * 3600, 48 * 3600),
        description="The render time with `off_peak`, likewise ([D]: up to 48 hours).",
    )
    character_render_seconds: Seconds | SecondsRange | None = Field(
        default=None,
        description="The render time of a character, likewise; None: as `render_seconds`.",
    )
    characters_have_business_ids: bool = Field(
        default=False,
        description="Whether the client_business_id of a character is stored, so that a query "
        "by it finds the task ([A]: undocumented).",
    )
    dialect: Dialect = Field(
        default="documented",
        description="The form of replies: as documented, as a certain gateway sends them, or at "
        "random for each generation and error (the same for the same seed and prompt). Balance, "
        "models, uploads and webhooks are always as documented.",
    )
    seed: int = Field(
        default=0,
        description="The seed of random values: render times, character names, dialects.",
    )
    result_lifetime_seconds: float = Field(
        default=24 * 3600, gt=0, description="How long results are available ([D]: 24 hours)."
    )
    refuse_marker: str = Field(
        default="refuse me",
        min_length=1,
        description="A prompt (or a character's source) that contains it is refused (422).",
    )
    fail_marker: str = Field(
        default="fail me",
        min_length=1,
        description="A prompt (or a character's source) that contains it is accepted, but its "
        "generation fails.",
    )
    short_side: Annotated[int, Field(ge=64, le=2160, multiple_of=2)] | None = Field(
        default=180,
        description="The shorter side of clips, in pixels; 360 is legible with `draw_prompts`. "
        "None: the ordered size, such as 3840x2160 for 4k, which takes long to encode.",
    )
    offered_models: tuple[str, ...] | None = Field(
        default=None,
        description="The video models that `/v1/models` lists; None: all documented ones.",
    )
    only_offered: bool = Field(
        default=False,
        description="Whether videos of other models are refused; else undocumented models are "
        "accepted with any fields.",
    )
    draw_prompts: bool = Field(
        default=False,
        description="Draw prompt, model and character names on the frames: a clip for each "
        "prompt instead of a shared clip.",
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
