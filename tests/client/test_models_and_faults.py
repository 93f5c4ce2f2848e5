"""Each documented model: every rule broken once, with the full text of the fault.

The rules are the provider's pages', not the catalogue's files'.
"""

from typing import Any

import pytest

from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.client.request_rules import check
from prefect_toapis.client.requests import VideoRequest

SHIPPED = Catalogue.shipped()
A, B, CLIP, SONG = (f"https://files.example/{name}" for name in ("a", "b", "d.mp4", "e.mp3"))
FIRST, LAST = {"url": A, "role": "first_frame"}, {"url": B, "role": "last_frame"}
STYLE = {"url": A, "role": "reference_image"}
MOTION = {"url": CLIP, "role": "reference_video"}
VOICE = {"url": SONG, "role": "reference_audio"}
SIX = "16:9, 9:16, 1:1, 4:3, 3:4 or 21:9"
GROK = "16:9, 9:16, 1:1, 3:2 or 2:3"

# model, fields, the field that is named, the rule in words
Broken = tuple[str, dict[str, Any], str, str]

VEO: list[Broken] = [
    *[
        (f"veo3.1-{kind}", {"duration": 4}, "duration", "choose 8 seconds")
        for kind in ("fast", "quality", "lite")
    ],
    ("veo3.1-fast", {"aspect_ratio": "1:1"}, "aspect_ratio", "choose 16:9 or 9:16"),
    ("veo3.1-fast", {"resolution": "480p"}, "resolution", "choose 720p, 1080p or 4k"),
    ("veo3.1-fast", {"generation_type": "x"}, "generation_type", "choose frame or reference"),
    ("veo3.1-quality", {"generation_type": "reference"}, "generation_type", "choose frame"),
    ("veo3.1-quality", {"image_urls": [A] * 3}, "image_urls", "it takes 2 at most, not 3"),
    *[
        (
            *("veo3.1-lite", {"enable_gif": True, "resolution": size}, "enable_gif"),
            f"not together with resolution='{size}': GIFs are 720p",
        )
        for size in ("1080p", "4k")
    ],
    ("Veo3.1-fast-official", {"duration": 5}, "duration", "choose 4, 6 or 8 seconds"),
    ("Veo3.1-fast-official", {"size": "1:1"}, "size", "choose 16:9 or 9:16"),
    ("Veo3.1-lite-official", {"resolution": "1080p"}, "resolution", "choose 720p"),
    (
        *("Veo3.1-fast-official", {"lastFrame": B}, "lastFrame"),
        "give image_urls too; lastFrame has no effect without it",
    ),
    (
        *("Veo3.1-quality-official", {"referenceImages": [A], "image_urls": [B]}, "image_urls"),
        "give either image_urls or referenceImages, not both",
    ),
    (
        *("Veo3.1-fast-official", {"referenceImages": [A] * 4}, "referenceImages"),
        "it takes 3 at most, not 4",
    ),
    (
        *("Veo3.1-fast-official", {"personGeneration": "all"}, "personGeneration"),
        "choose allow_adult or dont_allow",
    ),
    (
        *("Veo3.1-fast-official", {"compressionQuality": "none"}, "compressionQuality"),
        "choose optimized or lossless",
    ),
    ("Veo3.1-fast-official", {"resizeMode": "fit"}, "resizeMode", "choose pad or crop"),
    ("Veo3.1-fast-official", {"generateAudio": 1}, "generateAudio", "its type must be boolean"),
]
PREVIEW = "gemini-omni-flash-preview-official"
GEMINI: list[Broken] = [
    ("gemini-omni-flash", {"duration": 8}, "duration", "choose 4, 6 or 10 seconds"),
    ("gemini-omni-flash", {"image_urls": [A] * 4}, "image_urls", "it takes 3 at most, not 4"),
    (
        *("gemini-omni-flash", {"resolution": "1080p", "aspect_ratio": "9:16"}, "resolution"),
        "not together with aspect_ratio='9:16': 1080p is landscape only",
    ),
    (PREVIEW, {"duration": 11}, "duration", "it must be at most 10 seconds"),
    (PREVIEW, {"resolution": "1080p"}, "resolution", "choose 720p"),
    (PREVIEW, {"image_urls": [A] * 11}, "image_urls", "it takes 10 at most, not 11"),
    (PREVIEW, {"video_list": [{}]}, "video_list[0].video_url", "this model needs it"),
    (PREVIEW, {"video_list": [{"video_url": CLIP}] * 4}, "video_list", "it takes 3 at most, not 4"),
    (
        *(PREVIEW, {"image_urls": [A], "video_list": [{"video_url": CLIP}]}, "image_urls"),
        "give either image_urls or video_list, not both",
    ),
    (PREVIEW, {"temperature": 2.5}, "temperature", "it must be at most 2"),
    (PREVIEW, {"topP": 1.5}, "topP", "it must be at most 1"),
    (
        *(PREVIEW, {"task": "remix"}, "task"),
        "choose text_to_video, image_to_video, reference_to_video or edit",
    ),
]
PRO_FAST, PRO = "doubao-seedance-1-0-pro-fast", "doubao-seedance-1-0-pro-quality"
PRO_15 = "doubao-seedance-1-5-pro"
EITHER_IMAGES = "give either image_urls or image_with_roles, not both"
TWO = "choose first_frame, last_frame or reference_image"
FRAMES = "frames and references can't be combined"
LATE = "the provider fails this late (InvalidParameter.TaskTypeConstraint); use adaptive"
SEEDANCE: list[Broken] = [
    *[
        (one, {"duration": 1}, "duration", "it must be at least 2 seconds")
        for one in (PRO_FAST, PRO)
    ],
    (PRO_15, {"duration": 3}, "duration", "it must be at least 4 seconds"),
    *[
        (one, {"duration": 13}, "duration", "it must be at most 12 seconds")
        for one in (PRO_FAST, PRO, PRO_15)
    ],
    (PRO, {"aspect_ratio": "adaptive"}, "aspect_ratio", f"choose {SIX}"),
    (PRO_15, {"resolution": "4k"}, "resolution", "choose 480p, 720p or 1080p"),
    (PRO, {"seed": -2}, "seed", "it must be at least -1"),
    (PRO_15, {"seed": 2**32}, "seed", "it must be at most 4294967295"),
    *[
        (one, {"image_urls": [A], "image_with_roles": [FIRST]}, "image_urls", EITHER_IMAGES)
        for one in (PRO_FAST, PRO, PRO_15, "seedance-2", "seedance-2-mini", "seedance-2-5")
    ],
    (
        *(PRO_FAST, {"image_with_roles": [LAST]}, "image_with_roles[0].role"),
        "choose first_frame or reference",
    ),
    (
        *(PRO, {"image_with_roles": [FIRST, FIRST]}, "image_with_roles"),
        "2 items have role first_frame; it takes 1 at most",
    ),
    (
        *(PRO_15, {"image_with_roles": [STYLE]}, "image_with_roles[0].role"),
        "choose first_frame or last_frame",
    ),
    (
        PRO,
        {"resolution": "1080p", "image_with_roles": [{"url": A, "role": "reference"}]},
        "resolution",
        "not together with image_with_roles.role=reference: references are up to 720p",
    ),
    *[
        (
            f"seedance-2{kind}",
            {"duration": 16},
            "duration",
            "it must be 4 to 15 seconds, or 0 or -1",
        )
        for kind in ("", "-fast")
    ],
    ("seedance-2-mini", {"duration": -1}, "duration", "it must be at least 4 seconds"),
    ("seedance-2-5", {"duration": 0}, "duration", "it must be 4 to 30 seconds, or -1"),
    ("seedance-2", {"resolution": "2k"}, "resolution", "choose 480p, 720p, 1080p or 4k"),
    *[
        (f"seedance-2-{kind}", {"resolution": "1080p"}, "resolution", "choose 480p or 720p")
        for kind in ("fast", "mini", "5")
    ],
    (
        *("seedance-2", {"image_with_roles": [{"url": A, "role": "x"}]}),
        *("image_with_roles[0].role", TWO),
    ),
    (
        *("seedance-2", {"image_with_roles": [STYLE] * 10}, "image_with_roles"),
        "10 items have role reference_image; it takes 9 at most",
    ),
    *[
        (
            *(one, {"image_with_roles": [FIRST, STYLE]}, "image_with_roles"),
            f"not together with image_with_roles.role=reference_image: {FRAMES}",
        )
        for one in ("seedance-2", "seedance-2-fast", "seedance-2-mini", "seedance-2-5")
    ],
    (
        "seedance-2",
        {"image_with_roles": [LAST], "video_with_roles": [MOTION]},
        "image_with_roles",
        f"not together with video_with_roles: {FRAMES}",
    ),
    (
        *("seedance-2-fast", {"audio_with_roles": [VOICE]}, "audio_with_roles"),
        (
            "give image_urls, image_with_roles or video_with_roles too; "
            "audio_with_roles has no effect without it"
        ),
    ),
    *[
        (
            *("seedance-2", {"tools": [{"type": "web_search"}], name: value}, "tools"),
            f"give either tools or {name}, not both",
        )
        for name, value in (("image_urls", [A]), ("video_with_roles", [MOTION]))
    ],
    *[
        (
            "seedance-2-mini",
            {"image_urls": [A], name: [each] * 4},
            name,
            "it takes 3 at most, not 4",
        )
        for name, each in (("video_with_roles", MOTION), ("audio_with_roles", VOICE))
    ],
    ("seedance-2-5", {"output_format": "avi"}, "output_format", "choose mp4 or mov"),
    (
        *("seedance-2-5", {"image_urls": [A] * 31}, "image_urls"),
        "it takes 30 at most, not 31",
    ),
    (
        *("seedance-2-5", {"video_with_roles": [MOTION] * 11}, "video_with_roles"),
        "it takes 10 at most, not 11",
    ),
    (
        *("seedance-2-5", {"video_operation": "edit", "duration": 5}, "video_operation"),
        "not without video_with_roles: there is no video to edit or extend",
    ),
    *[
        (
            "seedance-2-5",
            {"video_operation": "extend", "video_with_roles": [MOTION], **seconds},
            "video_operation",
            f"not {words}: extending a video needs a duration in seconds",
        )
        for seconds, words in (
            ({}, "without duration"),
            ({"duration": -1}, "together with duration=-1"),
        )
    ],
    (
        "seedance-2-5",
        {"video_operation": "edit", "video_with_roles": [MOTION], "aspect_ratio": "16:9"},
        "video_operation",
        f"not together with aspect_ratio='16:9': {LATE}",
    ),
    (
        "seedance-2-5",
        {"image_with_roles": [FIRST], "aspect_ratio": "1:1"},
        "image_with_roles",
        f"not together with aspect_ratio='1:1': {LATE}",
    ),
]
KLING: list[Broken] = [
    (
        *("kling-v2-6", {"prompt": "x" * 2501}, "prompt"),
        "2,501 characters exceed this model's limit of 2,500",
    ),
    ("kling-v2-6", {"duration": 6}, "duration", "choose 5 or 10 seconds"),
    (
        *("kling-v2-6", {"audio": True}, "audio"),
        "not together with mode='std': sound needs mode pro",
    ),
    ("kling-v3", {"mode": "fast"}, "mode", "choose std or pro"),
    ("kling-v3", {"duration": 16}, "duration", "it must be at most 15 seconds"),
    (
        *("kling-v3", {"prompt": "x" * 2501}, "prompt"),
        "2,501 characters exceed this model's limit of 2,500",
    ),
    (
        *("kling-v3", {"image_with_roles": [{"url": A, "role": "x"}]}),
        *(
            "image_with_roles[0].role",
            "choose first_frame, last_frame, reference or reference_image",
        ),
    ),
    ("kling-3.0-turbo", {"duration": 2}, "duration", "it must be at least 3 seconds"),
    ("kling-3.0-turbo", {"resolution": "4k"}, "resolution", "choose 720p or 1080p"),
    ("kling-v3-omni", {"aspect_ratio": "4:3"}, "aspect_ratio", "choose 16:9, 9:16 or 1:1"),
    ("kling-video-o1", {"duration": 11}, "duration", "it must be at most 10 seconds"),
    (
        *("kling-v3-omni", {"audio": True, "video_list": [{"video_url": CLIP}]}, "audio"),
        "not together with video_list: the sound is that of the video",
    ),
    (
        "kling-video-o1",
        {"video_list": [{"video_url": CLIP, "refer_type": "x"}]},
        *("video_list[0].refer_type", "choose base or feature"),
    ),
    (
        *("kling-v3-omni", {"video_list": [{"video_url": CLIP}] * 2}, "video_list"),
        "it takes 1 at most, not 2",
    ),
    (
        "kling-v3-omni",
        {"image_list": [{"image_url": A, "type": "end_frame"}]},
        *("image_list", "an end frame needs a first frame"),
    ),
]
WAN: list[Broken] = [
    ("wan2.6", {"duration": 6}, "duration", "choose 5, 10 or 15 seconds"),
    ("wan2.6", {"resolution": "480p"}, "resolution", "choose 720p or 1080p"),
    ("wan2.6", {"shot_type": "long"}, "shot_type", "choose single or multi"),
    ("wan2.6", {"image_urls": [A] * 2}, "image_urls", "it takes 1 at most, not 2"),
    (
        *("wan2.6", {"image_urls": [A], "reference_urls": [CLIP]}, "image_urls"),
        "give either image_urls or reference_urls, not both",
    ),
    (
        *("wan2.6", {"image_urls": [A], "aspect_ratio": "16:9"}, "aspect_ratio"),
        "give either aspect_ratio or image_urls, not both",
    ),
    ("wan2.6-flash", {}, "image_urls", "give image_urls or reference_urls"),
    ("wan2.6-flash", {"reference_urls": []}, "image_urls", "give image_urls or reference_urls"),
]
SIX_SECONDS = "not together with duration=10: 1080P videos are 6 seconds long"
MINIMAX: list[Broken] = [
    *[
        (
            f"MiniMax-Hailuo-{kind}",
            {"duration": 10, "resolution": "1080P", **more},
            "resolution",
            SIX_SECONDS,
        )
        for kind, more in (("02", {}), ("2.3", {}), ("2.3-Fast", {"image_urls": [A]}))
    ],
    ("MiniMax-Hailuo-02", {"resolution": "720P"}, "resolution", "choose 512P, 768P or 1080P"),
    ("MiniMax-Hailuo-02", {"image_urls": [A] * 2}, "image_urls", "it takes 1 at most, not 2"),
    (
        *("MiniMax-Hailuo-02", {"resolution": "512P", "last_frame_image": B}, "resolution"),
        "not together with last_frame_image: last frames need 768P or 1080P",
    ),
    (
        *("MiniMax-Hailuo-2.3", {"prompt": "x" * 2001}, "prompt"),
        "2,001 characters exceed this model's limit of 2,000",
    ),
    ("MiniMax-Hailuo-2.3", {"resolution": "512P"}, "resolution", "choose 768P or 1080P"),
    ("MiniMax-Hailuo-2.3-Fast", {}, "image_urls", "this model needs it"),
    (
        *("MiniMax-H3", {"prompt": "x" * 7001}, "prompt"),
        "7,001 characters exceed this model's limit of 7,000",
    ),
    ("MiniMax-H3", {"duration": 3}, "duration", "it must be at least 4 seconds"),
    ("MiniMax-H3", {"resolution": "1080p"}, "resolution", "choose 2K or 768p"),
    ("MiniMax-H3", {"image_urls": [A] * 10}, "image_urls", "it takes 9 at most, not 10"),
    (
        *("MiniMax-H3", {"aspect_ratio": "adaptive"}, "aspect_ratio"),
        (
            "not without image_urls or image_with_roles or video_with_roles: "
            "there is nothing to adapt to"
        ),
    ),
    (
        *("MiniMax-H3", {"image_with_roles": [FIRST, STYLE]}, "image_with_roles"),
        f"not together with image_with_roles.role=reference_image: {FRAMES}",
    ),
    (
        *("MiniMax-H3", {"audio_with_roles": [VOICE]}, "audio_with_roles"),
        (
            "give image_urls, image_with_roles or video_with_roles too; "
            "audio_with_roles has no effect without it"
        ),
    ),
    (
        "MiniMax-H3",
        {
            "image_with_roles": [STYLE] * 9,
            "video_with_roles": [MOTION] * 3,
            "audio_with_roles": [VOICE],
        },
        "image_with_roles",
        (
            "image_with_roles and video_with_roles and audio_with_roles have 13 items; "
            "this model takes 12 at most"
        ),
    ),
]
MEDIA = "give image_urls, url or video_list"
VIDU: list[Broken] = [
    (
        "viduq3-pro",
        {"prompt": "x" * 5001},
        "prompt",
        "5,001 characters exceed this model's limit of 5,000",
    ),
    ("viduq3-pro", {"duration": 17}, "duration", "it must be at most 16 seconds"),
    ("viduq3-turbo", {"duration": 0}, "duration", "it must be at least 1 seconds"),
    ("viduq3-turbo", {"image_urls": [A] * 3}, "image_urls", "it takes 2 at most, not 3"),
    (
        "viduq3-pro",
        {"audio_type": "music"},
        "audio_type",
        "choose all, speech_only or sound-effect_only",
    ),
    ("viduq3-pro", {"resolution": "720P"}, "resolution", "choose 540p, 720p or 1080p"),
    ("viduq3", {}, "image_urls", "this model needs it"),
    ("viduq3", {"image_urls": [A], "duration": 2}, "duration", "it must be at least 3 seconds"),
    ("viduq3", {"image_urls": [A] * 8}, "image_urls", "it takes 7 at most, not 8"),
    (
        *("viduq3", {"image_urls": [A], "subjects": [{"name": "a", "images": [A] * 4}]}),
        *("subjects[0].images", "it takes 3 at most, not 4"),
    ),
    ("viduq3-pro-fast", {}, "image_urls", "this model needs it"),
    *[(f"viduq3-{kind}", {}, "image_urls", MEDIA) for kind in ("ad", "drama", "mix")],
    ("viduq3-ad", {"url": CLIP, "resolution": "720p"}, "resolution", "choose 720P or 1080P"),
]
ACTIONS = "choose text-to-video, image-to-video, reference-to-video or video-edit"
OTHERS: list[Broken] = [
    ("happyhorse-1.1", {"action": "dance"}, "action", ACTIONS),
    ("happyhorse-1.1", {"duration": 2}, "duration", "it must be at least 3 seconds"),
    ("happyhorse-1.1", {"resolution": "1080p"}, "resolution", "choose 720P or 1080P"),
    ("happyhorse-1.1", {"audio_setting": "on"}, "audio_setting", "choose auto or origin"),
    (
        *("happyhorse-1.1", {"action": "video-edit"}, "action"),
        "not without url: give the video as url",
    ),
    (
        *("happyhorse-1.1", {"action": "reference-to-video"}, "action"),
        "not without reference_images: give the references",
    ),
    (
        *("happyhorse-1.1", {"reference_images": [A] * 10}, "reference_images"),
        "it takes 9 at most, not 10",
    ),
    (
        "happyhorse-1.1",
        {"action": "video-edit", "url": CLIP, "reference_images": [A] * 6},
        *("reference_images", "reference_images have 6 items; this model takes 5 at most"),
    ),
    ("grok-imagine-1.0-video", {"duration": 5}, "duration", "it must be at least 6 seconds"),
    ("grok-imagine-1.0-video", {"quality": "1080p"}, "quality", "choose 480p or 720p"),
    ("grok-imagine-1.0-video", {"image_urls": [A] * 8}, "image_urls", "it takes 7 at most, not 8"),
    ("grok-video-1.0", {"duration": 16}, "duration", "it must be at most 15 seconds"),
    ("grok-video-1.0", {"aspect_ratio": "4:3"}, "aspect_ratio", f"choose {GROK}"),
    (
        *("grok-video-1.0", {"image": A, "reference_images": [A] * 8}, "image"),
        "image and reference_images have 9 items; this model takes 8 at most",
    ),
    ("grok-video-1.5", {}, "image", "this model needs it"),
    ("grok-video-1.5", {"image": A, "resolution": "1080p"}, "resolution", "choose 480p or 720p"),
]


@pytest.mark.parametrize(
    ("model", "fields", "field", "rule"),
    [*VEO, *GEMINI, *SEEDANCE, *KLING, *WAN, *MINIMAX, *VIDU, *OTHERS],
)
def test_a_broken_rule_is_reported_alone_and_in_full(
    model: str, fields: dict[str, Any], field: str, rule: str
) -> None:
    request = VideoRequest.model_validate({"model": model, "prompt": "A dog", **fields})
    found = [(fault.field, fault.rule) for fault in check(request, SHIPPED)]
    assert found == [(field, rule)]
