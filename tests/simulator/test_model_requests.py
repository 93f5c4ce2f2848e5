"""What each family of models takes, and what it refuses: bodies in the form of the documentation.

They are written after the provider's pages and not after the catalogue, and sent without our
client.
"""

from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_toapis.simulator import Simulator
from prefect_toapis.simulator.documented_models import DOCUMENTED
from prefect_toapis.simulator.model_rules import read_fields
from prefect_toapis.simulator.refusals import Refusal
from prefect_toapis.simulator.shapes import clip_specs
from prefect_toapis.simulator.submissions import read_video

GENERATIONS = "/v1/videos/generations"
IMAGE, OTHER, CLIP, SONG = (
    f"https://files.example/{name}" for name in ("a.png", "b.png", "c.mp4", "d.mp3")
)
FIRST, LAST = {"url": IMAGE, "role": "first_frame"}, {"url": OTHER, "role": "last_frame"}
STYLE = {"url": IMAGE, "role": "reference_image"}
MOTION = {"url": CLIP, "role": "reference_video"}
VOICE = {"url": SONG, "role": "reference_audio"}

ACCEPTED: list[tuple[str, dict[str, Any]]] = [
    ("sora-2", {"duration": 15, "metadata": {"n": 4, "watermark": True, "style": "anime"}}),
    ("sora-2-pro", {"duration": 15, "metadata": {"hd": True}}),
    ("sora-2-vip", {"duration": 33}),
    ("sora-2-vvip", {"duration": 8, "metadata": {"character_url": CLIP}}),
    ("sora-2-official", {"duration": 12, "image_urls": [IMAGE, OTHER]}),
    ("veo3.1-fast", {"image_urls": [IMAGE], "metadata": {"resolution": "4k"}}),
    ("veo3.1-lite", {"duration": 8, "metadata": {"generation_type": "reference"}}),
    ("veo3.1-quality", {"metadata": {"generation_type": "frame", "enable_gif": True}}),
    ("Veo3.1-quality-official", {"size": "9:16", "metadata": {"generateAudio": True}}),
    ("Veo3.1-fast-official", {"image_urls": [IMAGE], "metadata": {"lastFrame": OTHER}}),
    ("Veo3.1-lite-official", {"metadata": {"referenceImages": [IMAGE] * 3}}),
    ("gemini-omni-flash", {"duration": 10, "resolution": "1080p", "image_urls": [IMAGE] * 3}),
    ("gemini-omni-flash-preview-official", {"video_list": [{"video_url": CLIP}]}),
    ("gemini-omni-flash-preview-official", {"metadata": {"temperature": 1, "topP": 0.5}}),
    ("doubao-seedance-1-0-pro-fast", {"duration": 2, "metadata": {"seed": -1}}),
    ("doubao-seedance-1-0-pro-quality", {"image_with_roles": [FIRST, LAST]}),
    ("doubao-seedance-1-5-pro", {"metadata": {"resolution": "1080p", "audio": True}}),
    ("seedance-2", {"prompt": "", "duration": 0, "image_with_roles": [FIRST, LAST]}),
    ("seedance-2", {"duration": -1, "resolution": "4k", "tools": [{"type": "web_search"}]}),
    ("seedance-2", {"image_urls": ["asset://abc"], "generate_audio": False}),
    ("seedance-2-fast", {"image_with_roles": [STYLE] * 9, "audio_with_roles": [VOICE]}),
    ("seedance-2-mini", {"duration": 4, "video_with_roles": [MOTION] * 3}),
    ("seedance-2-5", {"duration": 30, "audio_with_roles": [VOICE] * 10, "output_format": "mov"}),
    ("seedance-2-5", {"video_operation": "edit", "video_with_roles": [MOTION], "duration": -1}),
    ("kling-v2-6", {"mode": "pro", "audio": True, "watermark": False, "negative_prompt": "rain"}),
    ("kling-v3", {"mode": "std", "audio": True, "metadata": {"watermark": True}}),
    ("kling-v3", {"image_with_roles": [FIRST, LAST], "reference_images": [IMAGE]}),
    ("kling-3.0-turbo", {"resolution": "1080p", "watermark": True}),
    ("kling-v3-omni", {"duration": 15, "video_list": [{"video_url": CLIP, "refer_type": "base"}]}),
    ("kling-video-o1", {"metadata": {"image_list": [{"image_url": IMAGE, "type": "first_frame"}]}}),
    ("wan2.6", {"aspect_ratio": "3:4", "shot_type": "multi", "watermark": False}),
    ("wan2.6", {"prompt": "", "metadata": {"reference_urls": [CLIP]}}),
    ("wan2.6-flash", {"prompt": "", "image_urls": [IMAGE], "audio": False}),
    ("MiniMax-Hailuo-02", {"prompt": "", "image_urls": [IMAGE], "resolution": "512P"}),
    ("MiniMax-Hailuo-02", {"metadata": {"last_frame_image": IMAGE, "prompt_optimizer": False}}),
    ("MiniMax-Hailuo-2.3", {"duration": 10, "metadata": {"aigc_watermark": True}}),
    ("MiniMax-Hailuo-2.3-Fast", {"image_urls": [IMAGE], "resolution": "1080P"}),
    ("MiniMax-H3", {"prompt": "x" * 7000, "watermark": True, "resolution": "768p"}),
    ("MiniMax-H3", {"aspect_ratio": "adaptive", "image_urls": [IMAGE] * 9}),
    ("viduq3-pro", {"duration": 1, "aspect_ratio": "5:4", "metadata": {"off_peak": True}}),
    ("viduq3-turbo", {"image_urls": [IMAGE, OTHER], "audio": False}),
    (
        "viduq3",
        {"image_urls": [IMAGE] * 7, "metadata": {"subjects": [{"name": "a", "images": [IMAGE]}]}},
    ),
    ("viduq3-pro-fast", {"image_urls": [IMAGE], "metadata": {"parameters": {"audio": True}}}),
    ("viduq3-ad", {"url": CLIP}),
    ("viduq3-drama", {"video_list": [{"video_url": CLIP}], "watermark": True}),
    ("viduq3-mix", {"image_urls": [IMAGE]}),
    ("happyhorse-1.1", {"action": "text-to-video", "watermark": False}),
    ("happyhorse-1.1", {"prompt": "", "action": "image-to-video", "image_urls": [IMAGE]}),
    ("happyhorse-1.1", {"action": "video-edit", "url": CLIP, "reference_images": [IMAGE] * 5}),
    ("grok-imagine-1.0-video", {"duration": 30, "quality": "720p", "aspect_ratio": "2:3"}),
    ("grok-video-1.0", {"image": IMAGE, "reference_images": [IMAGE] * 7}),
    ("grok-video-1.5", {"image": IMAGE, "duration": 1}),
]

REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("sora-2", {"watermark": True}, "watermark"),
    ("sora-2", {"metadata": {"hd": True}}, "metadata.hd"),
    ("sora-2-pro", {"duration": 25, "metadata": {"hd": True}}, "metadata.hd"),
    ("sora-2-vvip", {"duration": 10}, "duration"),
    ("sora-2", {"metadata": {"character_timestamps": "1,3"}}, "metadata.character_timestamps"),
    ("sora-2-official", {"metadata": {"watermark": False}}, "metadata.watermark"),
    ("veo3.1-fast", {"resolution": "1080p"}, "resolution"),
    ("veo3.1-fast", {"duration": 6}, "duration"),
    ("veo3.1-quality", {"metadata": {"generation_type": "reference"}}, "metadata.generation_type"),
    (
        "veo3.1-lite",
        {"metadata": {"enable_gif": True, "resolution": "4k"}},
        "metadata.enable_gif",
    ),
    ("Veo3.1-fast-official", {"aspect_ratio": "16:9"}, "aspect_ratio"),
    ("Veo3.1-fast-official", {"generateAudio": True}, "generateAudio"),
    ("Veo3.1-lite-official", {"resolution": "1080p"}, "resolution"),
    ("Veo3.1-fast-official", {"metadata": {"lastFrame": IMAGE}}, "metadata.lastFrame"),
    (
        "Veo3.1-fast-official",
        {"image_urls": [IMAGE], "metadata": {"referenceImages": [IMAGE]}},
        "metadata.referenceImages",
    ),
    ("gemini-omni-flash", {"resolution": "1080p", "aspect_ratio": "9:16"}, "resolution"),
    ("gemini-omni-flash", {"image_urls": [IMAGE] * 4}, "image_urls"),
    ("gemini-omni-flash-preview-official", {"duration": 11}, "duration"),
    ("gemini-omni-flash-preview-official", {"metadata": {"topP": 2}}, "metadata.topP"),
    (
        "gemini-omni-flash-preview-official",
        {"image_urls": [IMAGE], "video_list": [{"video_url": CLIP}]},
        "image_urls",
    ),
    ("doubao-seedance-1-0-pro-fast", {"image_with_roles": [LAST]}, "image_with_roles[0].role"),
    ("doubao-seedance-1-0-pro-fast", {"image_with_roles": [FIRST, FIRST]}, "image_with_roles"),
    ("doubao-seedance-1-0-pro-fast", {"metadata": {"seed": 2**32}}, "metadata.seed"),
    (
        "doubao-seedance-1-0-pro-fast",
        {"resolution": "1080p", "image_with_roles": [{"url": IMAGE, "role": "reference"}]},
        "resolution",
    ),
    ("doubao-seedance-1-5-pro", {"resolution": "720p"}, "resolution"),
    ("doubao-seedance-1-5-pro", {"audio": True}, "audio"),
    ("seedance-2", {"duration": 3}, "duration"),
    ("seedance-2-mini", {"duration": -1}, "duration"),
    ("seedance-2-fast", {"resolution": "1080p"}, "resolution"),
    ("seedance-2", {"mode": "pro"}, "mode"),
    ("seedance-2", {"image_urls": [IMAGE], "image_with_roles": [FIRST]}, "image_urls"),
    ("seedance-2", {"image_with_roles": [FIRST, STYLE]}, "image_with_roles"),
    ("seedance-2", {"image_with_roles": [FIRST], "video_with_roles": [MOTION]}, "image_with_roles"),
    ("seedance-2", {"image_with_roles": [STYLE] * 10}, "image_with_roles"),
    ("seedance-2", {"audio_with_roles": [VOICE]}, "audio_with_roles"),
    ("seedance-2", {"image_urls": [IMAGE], "tools": [{"type": "web_search"}]}, "tools"),
    ("seedance-2-mini", {"video_with_roles": [MOTION] * 4}, "video_with_roles"),
    ("seedance-2-5", {"duration": 0}, "duration"),
    ("seedance-2-5", {"video_operation": "extend", "duration": 5}, "video_operation"),
    ("seedance-2-5", {"video_operation": "extend", "video_with_roles": [MOTION]}, "duration"),
    ("seedance-2-5", {"image_with_roles": [STYLE] * 31}, "image_with_roles"),
    ("kling-v2-6", {"audio": True}, "audio"),
    ("kling-v2-6", {"prompt": "x" * 2501}, "prompt"),
    ("kling-v2-6", {"metadata": {"watermark": True}}, "metadata.watermark"),
    ("kling-v3", {"watermark": True}, "watermark"),
    ("kling-v3", {"duration": 16}, "duration"),
    ("kling-3.0-turbo", {"mode": "std"}, "mode"),
    ("kling-v3-omni", {"audio": True, "video_list": [{"video_url": CLIP}]}, "audio"),
    ("kling-v3-omni", {"video_list": [{"video_url": CLIP}] * 2}, "video_list"),
    ("kling-v3-omni", {"image_list": []}, "image_list"),
    ("kling-video-o1", {"duration": 11}, "duration"),
    (
        "kling-video-o1",
        {"metadata": {"image_list": [{"image_url": IMAGE, "type": "end_frame"}]}},
        "metadata.image_list",
    ),
    ("wan2.6", {"prompt": ""}, "prompt"),
    ("wan2.6", {"image_urls": [IMAGE], "aspect_ratio": "16:9"}, "aspect_ratio"),
    ("wan2.6", {"image_urls": [IMAGE], "metadata": {"reference_urls": [CLIP]}}, "image_urls"),
    ("wan2.6", {"metadata": {"watermark": True}}, "metadata.watermark"),
    ("wan2.6-flash", {}, "image_urls"),
    ("wan2.6-flash", {"metadata": {"reference_urls": []}}, "image_urls"),
    ("wan2.6-flash", {"image_urls": [IMAGE], "aspect_ratio": "16:9"}, "aspect_ratio"),
    ("MiniMax-Hailuo-02", {"prompt": ""}, "prompt"),
    ("MiniMax-Hailuo-02", {"prompt": "x" * 2001}, "prompt"),
    ("MiniMax-Hailuo-02", {"resolution": "1080P", "duration": 10}, "resolution"),
    ("MiniMax-Hailuo-02", {"resolution": "1080p"}, "resolution"),
    (
        "MiniMax-Hailuo-02",
        {"resolution": "512P", "metadata": {"last_frame_image": IMAGE}},
        "resolution",
    ),
    ("MiniMax-Hailuo-2.3", {"resolution": "512P"}, "resolution"),
    ("MiniMax-Hailuo-2.3-Fast", {}, "image_urls"),
    ("MiniMax-H3", {"aspect_ratio": "adaptive"}, "aspect_ratio"),
    ("MiniMax-H3", {"image_with_roles": [STYLE] * 9, "video_with_roles": [MOTION] * 4}, "video"),
    (
        "MiniMax-H3",
        {
            "image_with_roles": [STYLE] * 9,
            "video_with_roles": [MOTION] * 3,
            "audio_with_roles": [VOICE],
        },
        "image_urls",
    ),
    ("viduq3-pro", {"image_urls": [IMAGE] * 3}, "image_urls"),
    ("viduq3-pro", {"metadata": {"subjects": []}}, "metadata.subjects"),
    ("viduq3-pro", {"off_peak": True}, "off_peak"),
    ("viduq3", {}, "image_urls"),
    ("viduq3", {"image_urls": [IMAGE], "duration": 2}, "duration"),
    ("viduq3-pro-fast", {}, "image_urls"),
    ("viduq3-mix", {}, "image_urls"),
    ("happyhorse-1.1", {"prompt": ""}, "prompt"),
    ("happyhorse-1.1", {"prompt": "", "action": "text-to-video", "image_urls": [IMAGE]}, "prompt"),
    ("happyhorse-1.1", {"action": "video-edit"}, "url"),
    ("happyhorse-1.1", {"action": "reference-to-video"}, "reference_images"),
    ("happyhorse-1.1", {"metadata": {"watermark": False}}, "metadata.watermark"),
    (
        "happyhorse-1.1",
        {"action": "video-edit", "url": CLIP, "reference_images": [IMAGE] * 6},
        "reference_images",
    ),
    ("grok-imagine-1.0-video", {"duration": 5}, "duration"),
    ("grok-imagine-1.0-video", {"resolution": "720p"}, "resolution"),
    ("grok-video-1.0", {"image": IMAGE, "reference_images": [IMAGE] * 8}, "reference_images"),
    ("grok-video-1.5", {}, "image"),
]


def body_of(model: str, fields: dict[str, Any]) -> dict[str, Any]:
    body = {"model": model, "prompt": "A dog", **fields}
    return {name: value for name, value in body.items() if (name, value) != ("prompt", "")}


@pytest.mark.parametrize(("model", "fields"), ACCEPTED, ids=str)
def test_takes_what_the_page_of_the_model_shows(model: str, fields: dict[str, Any]) -> None:
    assert read_fields(model, DOCUMENTED[model], body_of(model, fields))[1] == []


def test_every_documented_model_is_in_the_table() -> None:
    assert DOCUMENTED.keys() - {model for model, _ in ACCEPTED} == {"gemini_omni_flash"}


@pytest.mark.parametrize(("model", "fields", "named"), REFUSED, ids=str)
def test_refuses_what_the_page_does_not_have(
    instant: Simulator, model: str, fields: dict[str, Any], named: str
) -> None:
    headers = {"Authorization": f"Bearer {instant.api_key}"}
    reply = httpx.post(instant.url + GENERATIONS, json=body_of(model, fields), headers=headers)
    error = reply.json()["error"]
    assert (reply.status_code, error["code"]) == (400, "invalid_request")
    assert error["message"].startswith(named)
    assert not instant.ledger.paid


@pytest.mark.parametrize("model", [model for model in DOCUMENTED if model != "gemini_omni_flash"])
def test_every_model_takes_the_caller_s_own_id_and_a_callback(model: str) -> None:
    fields = next(fields for name, fields in ACCEPTED if name == model)
    inside = {"client_business_id": "order-1", **fields.get("metadata", {})}
    body = {**body_of(model, fields), "metadata": inside}
    body |= {"client_business_id": "order-1", "callback_url": "https://hooks.example/1"}
    assert read_fields(model, DOCUMENTED[model], body)[1] == []


@pytest.mark.parametrize(
    "change",
    [{"mode": None}, {"duration": True}, {"duration": "5"}, {"audio": "yes"}, {"metadata": [1]}],
    ids=str,
)
def test_refuses_values_of_another_type(change: dict[str, Any]) -> None:
    (fault,) = read_fields("kling-v3", DOCUMENTED["kling-v3"], body_of("kling-v3", change))[1]
    assert fault.startswith(f"{next(iter(change))}: ")


@pytest.mark.parametrize("model", ["Kling-V3", "veo3.1-quality-official", "minimax-h3"])
def test_names_are_case_sensitive(swift_api: httpx.Client, model: str) -> None:
    body = {"model": model, "prompt": "A dog", "anything": {"goes": 1}}
    assert swift_api.post(GENERATIONS, json=body).status_code == 200


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"video_operation": "edit", "video_with_roles": [MOTION], "aspect_ratio": "16:9"}, "Task"),
        ({"image_with_roles": [FIRST], "aspect_ratio": "9:16"}, "Task"),
        ({"image_with_roles": [FIRST], "aspect_ratio": "adaptive"}, ""),
        ({"image_with_roles": [STYLE], "aspect_ratio": "9:16"}, ""),
    ],
    ids=str,
)
def test_seedance_2_5_accepts_a_wrong_ratio_and_fails_later(
    swift: Simulator, swift_api: httpx.Client, fields: dict[str, Any], code: str
) -> None:
    task_id = swift_api.post(GENERATIONS, json=body_of("seedance-2-5", fields)).json()["id"]
    shown = swift_api.get(f"{GENERATIONS}/{task_id}").json()
    assert shown["status"] == ("failed" if code else "completed")
    if code:
        assert shown["error"]["code"] == "InvalidParameter.TaskTypeConstraint"
    assert len(swift.ledger.refunded) == bool(code)


NAMES = sorted({name for model in DOCUMENTED.values() for name in model.fields})
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.just(10**400)
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["16:9", "4k", "9999p", "std", IMAGE, "http://[", "1,3"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*NAMES, "role", "type"]), inner, max_size=3)
    ),
    max_leaves=6,
)
FIELDS = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=4)


@given(model=st.sampled_from([*DOCUMENTED, "unheard-of"]), top=FIELDS, inside=FIELDS)
def test_whatever_arrives_is_refused_or_made(
    model: str, top: dict[str, Any], inside: dict[str, Any]
) -> None:
    try:
        ordered = read_video({"prompt": "A dog", **top, "model": model, "metadata": inside})
    except Refusal:
        return
    for clip in clip_specs(ordered, None, captioned=True):
        assert (clip.width % 2, clip.height % 2) == (0, 0)
        assert 64 <= min(clip.width, clip.height) <= 2160
        assert 1 <= clip.seconds <= 60
