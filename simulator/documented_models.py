"""The documented video models and what each takes ([P], [D]), read from the provider's pages.

The pages are those of 2026-08-20. This table is independent of the client's catalogue on purpose:
a request that the client holds to be valid, and this table refuses, is a mistake in one of them.
"""

from collections.abc import Mapping

from prefect_toapis.simulator.field_rules import (
    Flag,
    Items,
    Link,
    Members,
    Text,
    Whole,
)
from prefect_toapis.simulator.model_fields import (
    FIVE_RATIOS,
    MODES_APART,
    NO_SOUND_ALONE,
    ONE_IMAGE_FIELD,
    SQUARE_TOO,
    VISUAL,
    WIDE_TO_TALL,
    Fields,
    image_roles,
    images,
    optional_prompt,
    prompt,
    ratio,
    reference_images,
    resolution,
    seconds,
    seconds_from,
    with_roles,
)
from prefect_toapis.simulator.model_rules import (
    ABSENT,
    GIVEN,
    AtMost,
    Except,
    Forbidden,
    Model,
    MoreThan,
    Rule,
    apart,
    needs,
    one_of,
)
from prefect_toapis.simulator.seedance_and_kling import KLING, SEEDANCE
from prefect_toapis.simulator.sora_veo_and_gemini import SORA, VEO_AND_GEMINI

# The Wan models

_WAN: Fields = {
    **images(1),
    **optional_prompt(),
    **resolution("720p", "1080p", default="1080p"),
    **seconds(5, 10, 15, default=5),
    "audio": Flag(default=True),
    "watermark": Flag(),
}
_WAN_INSIDE: Fields = {"reference_urls": Items(Link("video"))}
_ONE_INPUT = apart("image_urls", "reference_urls")
_WANS = {
    "wan2.6": Model(
        {
            **_WAN,
            **ratio(*FIVE_RATIOS),
            "negative_prompt": Text(),
            "seed": Whole(),
            "prompt_extend": Flag(default=True),
            "shot_type": Text(("single", "multi")),
        },
        _WAN_INSIDE,
        (
            one_of("prompt", "image_urls", "reference_urls"),
            *_ONE_INPUT,
            *apart("aspect_ratio", "image_urls"),
        ),
        sound="audio",
    ),
    "wan2.6-flash": Model(
        _WAN, _WAN_INSIDE, (one_of("image_urls", "reference_urls"),), sound="audio"
    ),
}

# The MiniMax models

_HAILUO_INSIDE: Fields = {
    "prompt_optimizer": Flag(default=True),
    "fast_pretreatment": Flag(),
    "aigc_watermark": Flag(),
}
_LARGE_IS_SHORT = Forbidden(
    "resolution", "1080P only with a duration of 6", {"resolution": "1080P", "duration": 10}
)


def _hailuo_2_3(*, image_required: bool) -> Model:
    return Model(
        {
            **prompt(2_000),
            **seconds(6, 10, default=6),
            **resolution("768P", "1080P"),
            **images(1, required=image_required),
        },
        _HAILUO_INSIDE,
        (_LARGE_IS_SHORT,),
    )


_MINIMAX = {
    "MiniMax-Hailuo-02": Model(
        {
            **optional_prompt(2_000),
            **seconds(6, 10, default=6),
            **resolution("512P", "768P", "1080P", default="768P"),
            **images(1),
        },
        {**_HAILUO_INSIDE, "last_frame_image": Link("image")},
        (
            one_of("prompt", "image_urls", "last_frame_image"),
            _LARGE_IS_SHORT,
            Forbidden(
                "resolution",
                "512P not together with last_frame_image",
                {"resolution": "512P", "last_frame_image": GIVEN},
            ),
        ),
    ),
    "MiniMax-Hailuo-2.3": _hailuo_2_3(image_required=False),
    "MiniMax-Hailuo-2.3-Fast": _hailuo_2_3(image_required=True),
    "MiniMax-H3": Model(
        {
            **prompt(7_000),
            **seconds_from(4, 15, 5),
            **resolution("2K", "768p"),
            **ratio(*WIDE_TO_TALL, "adaptive"),
            **images(9),
            **image_roles(first_frame=1, last_frame=1, reference_image=9),
            "video_with_roles": with_roles("video", {"reference_video": 3}),
            "audio_with_roles": with_roles("audio", {"reference_audio": 3}),
            "watermark": Flag(),
        },
        rules=(
            *ONE_IMAGE_FIELD,
            *MODES_APART,
            NO_SOUND_ALONE,
            needs("aspect_ratio", *VISUAL, when={"aspect_ratio": "adaptive"}),
            AtMost(12, (*VISUAL, "audio_with_roles")),
        ),
    ),
}

# Vidu ([D]; the second four are described in Chinese alone)


def _vidu(seconds_: Fields, images_: Fields, inside: Fields | None = None) -> Model:
    return Model(
        {
            **prompt(5_000),
            **seconds_,
            **resolution("540p", "720p", "1080p", default="720p"),
            "aspect_ratio": Text(default="16:9"),  # any
            **images_,
            "audio": Flag(default=True),
            "seed": Whole(),
        },
        {
            "auto_subjects": Flag(),
            "voice_id": Text(),
            "audio_type": Text(("all", "speech_only", "sound-effect_only"), "all"),
            "off_peak": Flag(),
            "payload": Text(longest=1_048_576),
            **(inside or {}),
        },
        sound="audio",
    )


_SUBJECT = Members({"name": Text(required=True), "images": Items(Link("image"), 3, required=True)})
_VIDEOS = Items(
    Members(
        {
            "video_url": Link("video", required=True),
            "refer_type": Text(),
            "keep_original_sound": Text(),
        },
        role="refer_type",
    )
)
_VIDU_ALI: Fields = {
    **prompt(),
    "url": Link("video"),
    "video_list": _VIDEOS,
    "duration": Whole(default=5),  # no range is documented
    **resolution("720P", "1080P"),
    "audio": Flag(default=True),
    "watermark": Flag(),
    "seed": Whole(),
}


def _vidu_ali(*rules: Rule, image_required: bool = False) -> Model:
    fields = {**_VIDU_ALI, **images(required=image_required)}
    return Model(fields, rules=rules, sound="audio", any_inside=True)


_BY_REFERENCE = _vidu_ali(one_of("image_urls", "url", "video_list"))
_VIDUS = {
    "viduq3-pro": _vidu(seconds_from(1, 16, 5), images(2)),
    "viduq3-turbo": _vidu(seconds_from(1, 16, 5), images(2)),
    "viduq3": _vidu(
        seconds_from(3, 16, 5), images(7, required=True), {"subjects": Items(_SUBJECT, 7)}
    ),
    "viduq3-pro-fast": _vidu_ali(image_required=True),  # only the first is used
    "viduq3-ad": _BY_REFERENCE,
    "viduq3-drama": _BY_REFERENCE,
    "viduq3-mix": _BY_REFERENCE,
}

# The HappyHorse models

_HAPPYHORSE = Model(
    {
        "action": Text(
            ("text-to-video", "image-to-video", "reference-to-video", "video-edit"),
            "text-to-video",
        ),
        **optional_prompt(),
        **images(),  # only the first is used
        **reference_images(9),
        "url": Link("video"),
        "audio_setting": Text(("auto", "origin"), "auto"),
        **seconds_from(3, 15, 5),
        **resolution("720P", "1080P", default="1080P"),
        **ratio(*FIVE_RATIOS),
        "seed": Whole(),
        "watermark": Flag(default=True),
    },
    rules=(
        # Without an action, an image makes it image-to-video, which needs no prompt.
        needs("prompt", "prompt", "image_urls", when={"action": ABSENT}),
        needs("prompt", "prompt", when={"action": Except(("image-to-video",))}),
        needs("url", "url", when={"action": "video-edit"}),
        needs("reference_images", "reference_images", when={"action": "reference-to-video"}),
        Forbidden(
            "reference_images",
            "5 at most with action video-edit",
            {"action": "video-edit", "reference_images": MoreThan(5)},
        ),
    ),
)

# The Grok models

_GROK_RATIOS = ("16:9", "9:16", "1:1", "3:2", "2:3")
_GROKS = {
    "grok-imagine-1.0-video": Model(
        {
            **prompt(),
            **ratio(*_GROK_RATIOS),
            **seconds_from(6, 30, 6),
            "quality": Text(("480p", "720p"), "480p"),
            **images(7),
        }
    ),
    "grok-video-1.0": Model(
        {
            **prompt(),
            **seconds_from(1, 15, 8),
            **resolution("480p", "720p", default="720p"),
            **ratio(*_GROK_RATIOS),
            "image": Link("image"),
            **reference_images(),
        },
        rules=(AtMost(8, ("reference_images", "image")),),
    ),
    "grok-video-1.5": Model(
        {
            **prompt(),
            "image": Link("image", required=True),
            **seconds_from(1, 15, 8),
            **resolution("480p", "720p", default="720p"),
            **ratio(*_GROK_RATIOS),
        }
    ),
}

DOCUMENTED: Mapping[str, Model] = {
    **SORA,
    **VEO_AND_GEMINI,
    **SEEDANCE,
    **KLING,
    **_WANS,
    **_MINIMAX,
    **_VIDUS,
    "happyhorse-1.1": _HAPPYHORSE,
    **_GROKS,
}
"""What each documented model takes for a new video."""

UNDOCUMENTED = Model(
    {
        "prompt": Text(),
        "duration": Whole(default=10),
        "aspect_ratio": Text(default="16:9"),
        **images(),
        "thumbnail": Flag(),
    },
    {"n": Whole(default=1)},
    any_top=True,
    any_inside=True,
)
"""What any other model takes: everything, as long as its common fields have their types."""

_REMIXED: Fields = {**prompt(), **ratio(*SQUARE_TOO)}
_GROK_REMIX = Model({**prompt(), "size": Text(), **ratio("16:9", "9:16")})
_GROK_EXTENSION = Model({**prompt(), "size": Text()})
REMIXES: Mapping[str, Model] = {
    "sora-2": Model({**_REMIXED, **seconds(10, 15, default=10)}),
    "sora-2-pro": Model({**_REMIXED, **seconds(15, 25, default=15)}),
    "sora-2-vip": Model({**_REMIXED, "duration": Whole(1, default=10)}),
    "sora-2-official": Model(prompt()),
    "grok-video-1.0": _GROK_REMIX,
    "grok-video-1.5": _GROK_REMIX,  # [A]: the page names 1.0 alone, as its example
}
"""What each model takes for a remix; no other model takes any."""

EXTENSIONS: Mapping[str, Model] = {
    "grok-video-1.0": _GROK_EXTENSION,
    "grok-video-1.5": _GROK_EXTENSION,  # [A], likewise
}
"""What each model takes for an extension; no other model takes any."""

CREATORS = ("sora-2", "sora-2-pro", "sora-2-vip")
"""The models that make characters from clips."""
