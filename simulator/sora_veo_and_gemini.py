"""What the Sora, Veo and Gemini models take ([P]; sora-2-vvip, sora-2-official and others: [D])."""

from prefect_toapis.simulator.field_rules import (
    Flag,
    Items,
    Link,
    Members,
    Number,
    Segment,
    Text,
    Whole,
)
from prefect_toapis.simulator.model_fields import (
    Fields,
    images,
    prompt,
    ratio,
    resolution,
    seconds,
    seconds_from,
)
from prefect_toapis.simulator.model_rules import Forbidden, Model, Rule, apart, needs

_SORA_TOP: Fields = {
    **prompt(),
    **ratio("16:9", "9:16"),
    **images(),
    "thumbnail": Flag(),
}
_SORA_INSIDE: Fields = {
    "n": Whole(1, 4, default=1),
    "watermark": Flag(),
    "private": Flag(),
    "style": Text(("thanksgiving", "comic", "news", "selfie", "nostalgic", "anime")),
    "storyboard": Flag(),
    "character_url": Link("video", or_task=True),
    "character_timestamps": Segment(2, 2),
    "character_create": Flag(),
    "character_from_task": Text(),
}
_SORA_RULES = (needs("character_timestamps", "character_url", "character_from_task"),)


def _sora(seconds: Fields, inside: Fields | None = None, *rules: Rule) -> Model:
    return Model({**_SORA_TOP, **seconds}, {**_SORA_INSIDE, **(inside or {})}, _SORA_RULES + rules)


SORA = {
    "sora-2": _sora(seconds(10, 15, default=10)),
    "sora-2-pro": _sora(
        seconds(15, 25, default=15),
        {"hd": Flag()},
        Forbidden("hd", "not with a duration of 25", {"hd": True, "duration": 25}),
    ),
    "sora-2-vip": _sora({"duration": Whole(1, default=10)}),  # the page gives no list
    "sora-2-vvip": _sora(seconds(4, 8, 12, default=4)),
    "sora-2-official": Model(
        {
            **prompt(),
            **seconds(4, 8, 12, default=4),
            **ratio("16:9", "9:16", default="9:16"),
            **images(),  # only the first is used
        }
    ),
}

# The Veo models

_GIF = Forbidden(
    "enable_gif", "not with 1080p and 4k", {"enable_gif": True, "resolution": ("1080p", "4k")}
)


def _veo(*generation_types: str) -> Model:
    return Model(
        {**prompt(), **seconds(8, default=8), **ratio("16:9", "9:16"), **images()},
        {
            "generation_type": Text(generation_types),
            **resolution("720p", "1080p", "4k"),
            "enable_gif": Flag(),
        },
        (_GIF,),
    )


def _veo_official(*resolutions: str) -> Model:
    return Model(
        {
            **prompt(),
            **seconds(4, 6, 8, default=8),
            "size": Text(("16:9", "9:16"), "16:9"),
            **resolution(*resolutions),
            **images(),  # only the first is used
        },
        {
            "generateAudio": Flag(),
            "negativePrompt": Text(),
            "personGeneration": Text(("allow_adult", "dont_allow")),
            "lastFrame": Link("image"),
            "referenceImages": Items(Link("image"), 3),
            "compressionQuality": Text(("optimized", "lossless"), "optimized"),
            "resizeMode": Text(("pad", "crop")),
        },
        (needs("lastFrame", "image_urls"), *apart("referenceImages", "image_urls")),
        sound="generateAudio",
    )


# The Gemini models

_GEMINI_FLASH = Model(
    {
        **prompt(),
        **seconds(4, 6, 10, default=6),
        **ratio("16:9", "9:16"),
        **resolution("720p", "1080p"),
        **images(3),
    },
    rules=(
        Forbidden(
            "resolution", "1080p is landscape", {"resolution": "1080p", "aspect_ratio": "9:16"}
        ),
    ),
)
_GEMINI_OFFICIAL = Model(
    {
        **prompt(),
        **seconds_from(1, 10, 6),
        **ratio("16:9", "9:16"),
        **resolution("720p"),
        **images(10),
        "video_list": Items(
            Members({"video_url": Link("video", required=True, schemes=("http", "https", "data"))}),
            3,
        ),
    },
    {
        "temperature": Number(0, 2),
        "topP": Number(0, 1),
        "top_p": Number(0, 1),
        "candidateCount": Whole(),
        "candidate_count": Whole(),
        "previous_interaction_id": Text(),
        "task": Text(("text_to_video", "image_to_video", "reference_to_video", "edit")),
    },
    apart("image_urls", "video_list"),
)
VEO_AND_GEMINI = {
    "veo3.1-fast": _veo("frame", "reference"),
    "veo3.1-quality": _veo("frame"),
    "veo3.1-lite": _veo("frame", "reference"),
    "Veo3.1-quality-official": _veo_official("720p", "1080p", "4k"),
    "Veo3.1-fast-official": _veo_official("720p", "1080p", "4k"),
    "Veo3.1-lite-official": _veo_official("720p"),
    "gemini-omni-flash": _GEMINI_FLASH,
    "gemini_omni_flash": _GEMINI_FLASH,
    "gemini-omni-flash-preview-official": _GEMINI_OFFICIAL,
}
