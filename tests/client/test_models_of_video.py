"""Each documented model: a request with its fields, and the exact JSON that is sent.

The bodies are written after the provider's pages, not after the catalogue's files.
"""

import json
from typing import Any

import pytest

from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.client.request_rules import check
from prefect_toapis.client.requests import VideoRequest

SHIPPED = Catalogue.shipped()
A, B, C, CLIP, SONG = (f"https://files.example/{name}" for name in ("a", "b", "c", "d.mp4", "e"))
FIRST, LAST = {"url": A, "role": "first_frame"}, {"url": B, "role": "last_frame"}
STYLE = {"url": A, "role": "reference_image"}
MOTION = {"url": CLIP, "role": "reference_video"}
VOICE = {"url": SONG, "role": "reference_audio"}
WIDE = {"aspect_ratio": "16:9"}

Sent = tuple[str, dict[str, Any], dict[str, Any]]  # model, at the top level, in metadata

SORA_TOP = {"image_urls": [A, B], "thumbnail": False, "aspect_ratio": "9:16"}
SORA_IN: dict[str, Any] = {
    "n": 4,
    "watermark": False,
    "private": True,
    "style": "anime",
    "storyboard": True,
    "character_url": CLIP,
    "character_timestamps": "1,3",
    "character_create": False,
}
SORA: list[Sent] = [
    ("sora-2", {**SORA_TOP, "duration": 10}, SORA_IN),
    ("sora-2-pro", {**SORA_TOP, "duration": 15}, {**SORA_IN, "hd": True}),
    ("sora-2-pro", {"duration": 25}, {"hd": False}),
    ("sora-2-vip", {**SORA_TOP, "duration": 33}, SORA_IN),
    ("sora-2-vvip", {**SORA_TOP, "duration": 12}, SORA_IN),
    ("sora-2-official", {**WIDE, "duration": 12, "image_urls": [A, B]}, {}),
]
VEO_IN = {"generation_type": "frame", "resolution": "720p", "enable_gif": True}
OFFICIAL_IN = {
    "generateAudio": False,
    "negativePrompt": "rain",
    "personGeneration": "dont_allow",
    "lastFrame": B,
    "compressionQuality": "lossless",
    "resizeMode": "pad",
}
OFFICIAL_TOP = {"duration": 6, "size": "9:16", "image_urls": [A]}
REFERENCES = {"referenceImages": [A, B, C], "generateAudio": True}
VEO: list[Sent] = [
    ("veo3.1-fast", {**WIDE, "duration": 8, "image_urls": [A, B]}, VEO_IN),
    ("veo3.1-fast", {"image_urls": [A, B, C]}, {"generation_type": "reference"}),
    ("veo3.1-quality", {**WIDE, "duration": 8, "image_urls": [A, B]}, VEO_IN),
    ("veo3.1-lite", {"duration": 8}, {"resolution": "4k", "enable_gif": False}),
    ("Veo3.1-quality-official", {**OFFICIAL_TOP, "resolution": "4k"}, OFFICIAL_IN),
    ("Veo3.1-fast-official", {**OFFICIAL_TOP, "resolution": "1080p"}, OFFICIAL_IN),
    ("Veo3.1-fast-official", {"duration": 4}, REFERENCES),
    ("Veo3.1-lite-official", {**OFFICIAL_TOP, "resolution": "720p"}, OFFICIAL_IN),
]
GEMINI: list[Sent] = [
    (
        "gemini-omni-flash",
        {**WIDE, "duration": 10, "resolution": "1080p", "image_urls": [A, B, C]},
        {},
    ),
    (
        "gemini-omni-flash-preview-official",
        {"duration": 10, **WIDE, "resolution": "720p", "video_list": [{"video_url": CLIP}]},
        {
            "temperature": 1.5,
            "topP": 0.5,
            "candidateCount": 1,
            "task": "edit",
            "previous_interaction_id": "i-1",
        },
    ),
    ("gemini-omni-flash-preview-official", {"image_urls": [A] * 10}, {"top_p": 1}),
]
ONE = {"duration": 2, "aspect_ratio": "21:9", "resolution": "1080p"}
TWO: dict[str, Any] = {
    "duration": 15,
    "aspect_ratio": "adaptive",
    "resolution": "480p",
    "generate_audio": False,
    "return_last_frame": False,
    "seed": 7,
    "trace_id": "t-1",
}
INPUTS = {"image_with_roles": [STYLE], "video_with_roles": [MOTION], "audio_with_roles": [VOICE]}
SEARCH = {"tools": [{"type": "web_search"}]}
SEEDANCE: list[Sent] = [
    ("doubao-seedance-1-0-pro-fast", {**ONE, "image_with_roles": [FIRST]}, {"seed": -1}),
    ("doubao-seedance-1-0-pro-fast", {"duration": 12, "image_urls": [A]}, {}),
    ("doubao-seedance-1-0-pro-quality", {**ONE, "image_with_roles": [FIRST, LAST]}, {"seed": 7}),
    (
        "doubao-seedance-1-0-pro-quality",
        {"resolution": "720p", "image_with_roles": [{"url": A, "role": "reference"}]},
        {"seed": 4294967295},
    ),
    (
        "doubao-seedance-1-5-pro",
        {"duration": 4, "aspect_ratio": "3:4", "image_with_roles": [FIRST, LAST]},
        {"resolution": "1080p", "seed": 7, "audio": False, "camerafixed": True},
    ),
    ("doubao-seedance-1-5-pro", {"image_urls": [A, B, C]}, {"audio": True}),
    ("seedance-2", {**TWO, **INPUTS, "resolution": "4k"}, {}),
    ("seedance-2", {"duration": -1, **SEARCH}, {}),
    ("seedance-2", {"image_with_roles": [{"url": "asset://a-1", "role": "first_frame"}]}, {}),
    ("seedance-2-fast", {**TWO, **INPUTS, "duration": 0}, {}),
    ("seedance-2-mini", {**TWO, **INPUTS, "duration": 4}, {}),
    ("seedance-2-mini", {"image_urls": ["data:image/png;base64,iVBORw0K", A]}, {}),
    ("seedance-2-5", {**TWO, **INPUTS, "duration": 30, "output_format": "mov"}, {}),
    (
        "seedance-2-5",
        {"duration": 5, "video_operation": "extend", "video_with_roles": [MOTION] * 10},
        {},
    ),
    ("seedance-2-5", {"duration": -1, "audio_with_roles": [VOICE] * 10}, {}),
]
ROLES = [*({"url": A, "role": role} for role in ("first_frame", "last_frame", "reference"))]
V26 = {**WIDE, "mode": "pro", "audio": True, "reference_images": [A], "image_with_roles": ROLES}
OMNI = {**WIDE, "mode": "std", "audio": False}
BASE = {"video_url": CLIP, "refer_type": "base", "keep_original_sound": "no"}
OMNI_IN = {
    "image_list": [
        {"image_url": A, "type": "first_frame"},
        {"image_url": B, "type": "end_frame"},
        {"image_url": C},
    ],
    "element_list": [{"url": A, "type": "person", "role": "hero"}],
    "watermark": False,
}
KLING: list[Sent] = [
    ("kling-v2-6", {**V26, "duration": 10, "negative_prompt": "rain", "watermark": False}, {}),
    ("kling-v3", {**V26, "duration": 3}, {"negative_prompt": "rain", "watermark": False}),
    ("kling-v3", {"audio": True, "mode": "std"}, {}),
    (
        "kling-3.0-turbo",
        {
            "reference_images": [A],
            "resolution": "1080p",
            "duration": 15,
            "aspect_ratio": "1:1",
            "watermark": False,
        },
        {},
    ),
    ("kling-v3-omni", {**OMNI, "duration": 15, "video_list": [BASE]}, OMNI_IN),
    ("kling-video-o1", {**OMNI, "duration": 10, "video_list": [BASE]}, OMNI_IN),
]
WAN: list[Sent] = [
    (
        "wan2.6",
        {
            "aspect_ratio": "3:4",
            "resolution": "720p",
            "duration": 15,
            "negative_prompt": "rain",
            "seed": 7,
            "prompt_extend": False,
            "audio": False,
            "shot_type": "multi",
            "watermark": False,
        },
        {"reference_urls": [CLIP]},
    ),
    ("wan2.6", {"image_urls": [A]}, {}),
    (
        "wan2.6-flash",
        {
            "image_urls": [A],
            "resolution": "1080p",
            "duration": 5,
            "audio": False,
            "watermark": False,
        },
        {},
    ),
    ("wan2.6-flash", {"audio": True}, {"reference_urls": [CLIP]}),
]
HAILUO = {"duration": 6, "resolution": "1080P", "image_urls": [A]}
HAILUO_IN = {"prompt_optimizer": False, "fast_pretreatment": False, "aigc_watermark": False}
H3: dict[str, Any] = {"duration": 15, "resolution": "768p", "watermark": False}
MINIMAX: list[Sent] = [
    ("MiniMax-Hailuo-02", HAILUO, {**HAILUO_IN, "last_frame_image": B}),
    ("MiniMax-Hailuo-02", {"resolution": "512P", "duration": 10}, {}),
    ("MiniMax-Hailuo-2.3", HAILUO, HAILUO_IN),
    ("MiniMax-Hailuo-2.3-Fast", HAILUO, HAILUO_IN),
    ("MiniMax-H3", {**H3, **INPUTS, "aspect_ratio": "adaptive"}, {}),
    ("MiniMax-H3", {**H3, "aspect_ratio": "21:9", "image_with_roles": [FIRST, LAST]}, {}),
    ("MiniMax-H3", {"resolution": "2K", "image_urls": [A] * 9}, {}),
]
VIDU_IN = {
    "auto_subjects": False,
    "voice_id": "v-1",
    "audio_type": "sound-effect_only",
    "off_peak": True,
    "payload": "p",
}
VIDU_TOP = {"resolution": "540p", "aspect_ratio": "5:4", "audio": False, "seed": 7}
SUBJECT = {"name": "cat", "images": [A, B, C]}
ALI = {"duration": 5, "resolution": "1080P", "audio": False, "watermark": False, "seed": 7}
VIDU: list[Sent] = [
    ("viduq3-pro", {**VIDU_TOP, "duration": 1, "image_urls": [A, B]}, VIDU_IN),
    ("viduq3-turbo", {**VIDU_TOP, "duration": 16, "image_urls": [A, B]}, VIDU_IN),
    (
        "viduq3",
        {**VIDU_TOP, "duration": 3, "image_urls": [A] * 7},
        {**VIDU_IN, "subjects": [SUBJECT] * 7},
    ),
    ("viduq3-pro-fast", {**ALI, "image_urls": [A]}, {}),
    ("viduq3-ad", {**ALI, "url": CLIP}, {}),
    ("viduq3-drama", {**ALI, "image_urls": [A, B]}, {"parameters": {"style": "noir"}}),
    ("viduq3-mix", {**ALI, "url": CLIP, "image_urls": [A]}, {}),
    ("viduq3-mix", {"video_list": [{"video_url": CLIP}]}, {}),
]
HORSE: dict[str, Any] = {
    "duration": 15,
    "resolution": "720P",
    "aspect_ratio": "3:4",
    "seed": 7,
    "watermark": False,
}
OTHERS: list[Sent] = [
    ("happyhorse-1.1", {**HORSE, "action": "text-to-video"}, {}),
    ("happyhorse-1.1", {**HORSE, "action": "image-to-video", "image_urls": [A]}, {}),
    ("happyhorse-1.1", {"action": "reference-to-video", "reference_images": [A] * 9}, {}),
    (
        "happyhorse-1.1",
        {
            "action": "video-edit",
            "url": CLIP,
            "reference_images": [A] * 5,
            "audio_setting": "origin",
        },
        {},
    ),
    (
        "grok-imagine-1.0-video",
        {"aspect_ratio": "3:2", "duration": 30, "quality": "720p", "image_urls": [A] * 7},
        {},
    ),
    (
        "grok-video-1.0",
        {
            "aspect_ratio": "2:3",
            "duration": 1,
            "resolution": "480p",
            "image": A,
            "reference_images": [B] * 7,
        },
        {},
    ),
    (
        "grok-video-1.5",
        {"aspect_ratio": "1:1", "duration": 15, "resolution": "720p", "image": A},
        {},
    ),
]
ALL = [*SORA, *VEO, *GEMINI, *SEEDANCE, *KLING, *WAN, *MINIMAX, *VIDU, *OTHERS]


def test_every_model_of_the_catalogue_is_in_the_table() -> None:
    assert {model for model, *_ in ALL} == set(SHIPPED.models)


@pytest.mark.parametrize(("model", "top", "inside"), ALL)
def test_each_field_is_sent_once_and_where_the_page_says(
    model: str, top: dict[str, Any], inside: dict[str, Any]
) -> None:
    extra = {} if model != "viduq3-drama" else {"metadata": inside}
    fields = top if extra else {**top, **inside}
    request = VideoRequest.model_validate(
        {"model": model, "prompt": "A dog", **fields, "extra": extra}
    )
    expected = {
        "model": model,
        "prompt": "A dog",
        **top,
        "client_business_id": "mine-1",
        **({"metadata": inside} if inside else {}),
    }
    assert [str(fault) for fault in check(request, SHIPPED)] == []
    sent = json.dumps(request.body("mine-1"), sort_keys=True)
    assert sent == json.dumps(expected, sort_keys=True)


WITHOUT_PROMPT: list[tuple[str, dict[str, Any]]] = [
    ("seedance-2", {"image_with_roles": [FIRST]}),
    ("seedance-2-fast", {"image_urls": [A]}),
    ("seedance-2-mini", {"video_with_roles": [MOTION]}),
    ("seedance-2-5", {"audio_with_roles": [VOICE]}),
    ("wan2.6", {"image_urls": [A]}),
    ("wan2.6-flash", {"image_urls": [A]}),
    ("MiniMax-Hailuo-02", {"image_urls": [A]}),
    ("happyhorse-1.1", {"action": "image-to-video", "image_urls": [A]}),
]


@pytest.mark.parametrize(("model", "fields"), WITHOUT_PROMPT)
def test_an_optional_prompt_is_left_out(model: str, fields: dict[str, Any]) -> None:
    request = VideoRequest.model_validate({"model": model, **fields})
    assert [str(fault) for fault in check(request, SHIPPED)] == []
    assert request.body() == {"model": model, **fields}


@pytest.mark.parametrize("model", sorted({*SHIPPED.models} - {name for name, _ in WITHOUT_PROMPT}))
def test_other_models_need_a_prompt(model: str) -> None:
    (said,) = [
        fault.rule for fault in check(VideoRequest(model=model), SHIPPED) if fault.field == "prompt"
    ]
    assert said == "say what the video shows"
