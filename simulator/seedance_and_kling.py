"""What the Seedance and Kling models take ([D])."""

from collections.abc import Mapping
from typing import Any

from prefect_toapis.simulator.field_rules import Flag, Items, Link, Members, Taken, Text, Whole
from prefect_toapis.simulator.model_fields import (
    FRAMES,
    INSIDE_THE_PROVIDER,
    MODES_APART,
    NO_SOUND_ALONE,
    ONE_IMAGE_FIELD,
    SQUARE_TOO,
    UNLIMITED,
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
    Rule,
    apart,
    needs,
)

# The Seedance models

_MOST_SEED = 2**32 - 1
_SEED_INSIDE: Fields = {"seed": Whole(-1, _MOST_SEED)}


def _seedance_1_0(**roles: int) -> Model:
    return Model(
        {
            **prompt(),
            **seconds_from(2, 12, 5),
            **ratio(*WIDE_TO_TALL),
            **resolution("480p", "720p", "1080p", default="720p"),
            **images(),
            **image_roles(**roles),
        },
        _SEED_INSIDE,
        (
            *ONE_IMAGE_FIELD,
            Forbidden(
                "resolution",
                "1080p not with a reference image",
                {"resolution": "1080p", "role:reference": GIVEN},
            ),
        ),
    )


_SEEDANCE_1_5 = Model(
    {
        **prompt(),
        **seconds_from(4, 12, 5),
        **ratio(*WIDE_TO_TALL),
        **images(),  # more than two are ignored
        **image_roles(first_frame=1, last_frame=1),
    },
    {
        **resolution("480p", "720p", "1080p", default="720p"),
        **_SEED_INSIDE,
        "audio": Flag(),
        "camerafixed": Flag(),
    },
    ONE_IMAGE_FIELD,
    sound="audio",
)


def _seedance_2(
    seconds: Fields, resolutions: tuple[str, ...], most: tuple[int, int, int], **more: Taken
) -> Model:
    images, videos, sounds = most
    schemes = INSIDE_THE_PROVIDER
    return Model(
        {
            **optional_prompt(),
            **seconds,
            **ratio(*WIDE_TO_TALL, "adaptive"),
            **resolution(*resolutions, default="720p"),
            "image_urls": Items(Link("image", schemes=schemes)),
            **image_roles(schemes, first_frame=1, last_frame=1, reference_image=images),
            "video_with_roles": with_roles("video", {"reference_video": videos}, schemes),
            "audio_with_roles": with_roles("audio", {"reference_audio": sounds}, schemes),
            "generate_audio": Flag(default=True),
            "return_last_frame": Flag(),
            "tools": Items(Members({"type": Text(("web_search",), required=True)})),
            "seed": Whole(),
            "trace_id": Text(),
            **more,
        },
        rules=(*ONE_IMAGE_FIELD, *MODES_APART, *apart("tools", *VISUAL, "audio_with_roles")),
        sound="generate_audio",
    )


def _with(model: Model, *rules: Rule, fails_late: tuple[Forbidden, ...] = ()) -> Model:
    return Model(model.top, model.inside, model.rules + rules, fails_late, model.sound)


_EDITING = ("edit", "extend")
_SPECIFIC = Except(("adaptive",))
_ADAPTIVE_CASES: tuple[Mapping[str, Any], ...] = (
    {"video_operation": _EDITING},
    *({frame: GIVEN} for frame in FRAMES),
)
_SEEDANCE_2_5 = _with(
    _seedance_2(
        seconds_from(4, 30, None, -1),
        ("480p", "720p"),
        (30, 10, 10),
        video_operation=Text(("generate", *_EDITING), "generate"),
        output_format=Text(("mp4", "mov"), "mp4"),
    ),
    needs("video_operation", "video_with_roles", when={"video_operation": _EDITING}),
    Forbidden(
        "duration",
        "extend needs a positive one",
        {"video_operation": "extend", "duration": (None, -1)},
    ),
    AtMost(50, ("image_urls", "image_with_roles", "video_with_roles", "audio_with_roles")),
    AtMost(30, ("image_with_roles", "image_urls")),
    fails_late=tuple(
        Forbidden("aspect_ratio", "it must be adaptive", {"aspect_ratio": _SPECIFIC, **case})
        for case in _ADAPTIVE_CASES
    ),
)
SEEDANCE = {
    "doubao-seedance-1-0-pro-fast": _seedance_1_0(first_frame=1, reference=1),
    "doubao-seedance-1-0-pro-quality": _seedance_1_0(first_frame=1, last_frame=1, reference=1),
    "doubao-seedance-1-5-pro": _SEEDANCE_1_5,
    "seedance-2": _with(
        _seedance_2(
            seconds_from(4, 15, 0, 0, -1),
            ("480p", "720p", "1080p", "4k"),
            (9, UNLIMITED, UNLIMITED),
        ),
        NO_SOUND_ALONE,
    ),
    "seedance-2-fast": _with(
        _seedance_2(seconds_from(4, 15, 0, 0, -1), ("480p", "720p"), (9, UNLIMITED, UNLIMITED)),
        NO_SOUND_ALONE,
    ),
    "seedance-2-mini": _with(
        _seedance_2(seconds_from(4, 15, None), ("480p", "720p"), (9, 3, 3)), NO_SOUND_ALONE
    ),
    "seedance-2-5": _SEEDANCE_2_5,
}

# The Kling models

_MODE: Fields = {"mode": Text(("std", "pro"), "std")}
_KLING_3_AND_2_6: Fields = {
    **_MODE,
    **ratio(*SQUARE_TOO),
    **reference_images(),
    **image_roles(
        first_frame=UNLIMITED,
        last_frame=UNLIMITED,
        reference=UNLIMITED,
        reference_image=UNLIMITED,
    ),
    "audio": Flag(),
}


def _kling_omni(longest: int) -> Model:
    return Model(
        {
            **prompt(),
            **_MODE,
            **seconds_from(3, longest, 5),
            **ratio(*SQUARE_TOO),
            "audio": Flag(),
            "video_list": Items(_VIDEO, 1),  # the Chinese page: one at most
        },
        {
            "image_list": Items(
                Members(
                    {
                        "image_url": Link("image", required=True),
                        "type": Text(("first_frame", "end_frame")),
                    },
                    role="type",
                )
            ),
            "element_list": Items(
                Members({"url": Link(None, required=True), "type": Text(), "role": Text()})
            ),
            "watermark": Flag(),
        },
        (
            Forbidden(
                "audio", "not together with video_list", {"audio": True, "video_list": GIVEN}
            ),
            Forbidden(
                "image_list",
                "end_frame needs first_frame",
                {"role:end_frame": GIVEN, "role:first_frame": ABSENT},
            ),
        ),
        sound="audio",
    )


_VIDEO = Members(
    {
        "video_url": Link("video", required=True),
        "refer_type": Text(("base", "feature"), "base"),
        "keep_original_sound": Text(("yes", "no"), "no"),
    },
    role="refer_type",
)
KLING = {
    "kling-v2-6": Model(
        {
            **prompt(2_500),
            **_KLING_3_AND_2_6,
            **seconds(5, 10, default=5),
            "negative_prompt": Text(),
            "watermark": Flag(),
        },
        rules=(Forbidden("audio", "only with mode pro", {"audio": True, "mode": "std"}),),
        sound="audio",
    ),
    "kling-v3": Model(
        {**prompt(), **_KLING_3_AND_2_6, **seconds_from(3, 15, 5)},
        {"negative_prompt": Text(), "watermark": Flag()},
        sound="audio",
    ),
    "kling-3.0-turbo": Model(
        {
            **prompt(),
            **reference_images(),  # only the first is used
            **resolution("720p", "1080p"),
            **seconds_from(3, 15, 5),
            **ratio(*SQUARE_TOO),
            "watermark": Flag(),
        }
    ),
    "kling-v3-omni": _kling_omni(15),
    "kling-video-o1": _kling_omni(10),
}
