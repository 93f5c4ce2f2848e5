"""Where the videos are, in replies of every shape."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_toapis.client.replies import Output, read_reply
from prefect_toapis.client.result_urls import absolute_url, read_outputs

A = "https://cdn.example/v/a.mp4?sig=1"
B = "https://cdn.example/v/b.mp4?sig=2"
BARE = "https://cdn.example/objects/123"  # no suffix says what it is
PICTURE = "https://cdn.example/v/a.jpg"
CONTENT = "/v1/videos/video_1/content"


@pytest.mark.parametrize(
    ("fields", "urls"),
    [
        ({"result": {"data": [{"url": A}, {"url": B}]}}, [A, B]),
        ({"result": {"data": {"url": A}}}, [A]),
        ({"result": {"data": [A, B]}}, [A, B]),
        ({"result": {"url": A}}, [A]),
        ({"result": {"url": [A, B]}}, [A, B]),
        ({"result": [{"url": A}]}, [A]),
        ({"result": A}, [A]),
        ({"result": {"videos": [{"url": A}, {"url": B}]}}, [A, B]),
        ({"result": {"video": {"url": A}}}, [A]),
        ({"task_result": {"videos": [{"id": "x", "url": A, "duration": "5"}]}}, [A]),
        ({"url": A}, [A]),
        ({"url": [A, B]}, [A, B]),
        ({"urls": [A, B]}, [A, B]),
        ({"video_url": A}, [A]),
        ({"videoUrl": A}, [A]),
        ({"VIDEO-URL": A}, [A]),
        ({"video": A}, [A]),
        ({"videos": [A, B]}, [A, B]),
        ({"output": A}, [A]),
        ({"output": [A]}, [A]),
        ({"output": [[A], [B]]}, [A, B]),
        ({"outputs": [{"video": {"url": A}}, {"video": {"url": B}}]}, [A, B]),
        ({"output": {"video_url": BARE}}, [BARE]),
        ({"content": {"video_url": A}}, [A]),
        ({"metadata": {"url": A, "size": "720x720"}}, [A]),
        ({"metadata": json.dumps({"url": A})}, [A]),
        ({"data": A}, [A]),
        ({"data": {"data": {"url": A}}}, [A]),
        ({"download_url": BARE}, [BARE]),
        ({"play_url": BARE}, [BARE]),
        ({"file": {"download": {"href": BARE}}}, [BARE]),
        ({"resultJson": json.dumps({"resultUrls": [A, B]})}, [A, B]),
        ({"fail_reason": A}, [A]),
        ({"result": {"data": [{"resource": BARE}]}}, [BARE]),
        ({"result": {"data": [{"anything": BARE}]}}, [BARE]),
        ({"anything": A}, [A]),
        ({"video_url_1": A, "video_url_2": B}, [A, B]),
        ({"videos": {"0": {"url": A}, "1": {"url": B}}}, [A, B]),
        ({"result": {"data": [{"videos": [{"url": A}]}, {"videos": [{"url": B}]}]}}, [A, B]),
        ({"url": f"  {A}\n"}, [A]),
        ({"url": "HTTPS://cdn.example/a.MP4"}, ["HTTPS://cdn.example/a.MP4"]),
        ({"url": CONTENT}, [CONTENT]),
        ({"url": "static/out/a.mp4"}, ["static/out/a.mp4"]),
        ({"metadata": {"video_urls": [A, B]}}, [A, B]),
        ({"files": [{"mime": "image/png", "url": BARE}, {"mime": "video/mp4", "url": A}]}, [A]),
        ({"assets": [{"role": "last_frame", "url": BARE}, {"role": "video", "url": A}]}, [A]),
        ({"url": "v1/videos/video_1/content"}, ["v1/videos/video_1/content"]),
        ({"url": "//cdn.example/a.mp4"}, ["//cdn.example/a.mp4"]),
        ({"type": "image_to_video", "result": {"type": "image2video", "url": A}}, [A]),
        ({"image_to_video_url": BARE}, [BARE]),
    ],
)
def test_a_video_is_found_by_the_names_that_gateways_use(
    fields: dict[str, Any], urls: list[str]
) -> None:
    task = {"id": "video_1", "status": "completed", **fields}
    for shape in [
        task,
        {"code": "success", "message": "", "data": task},
        {"code": 0, "data": {"data": [task]}},
        {"success": True, "response": json.dumps(task)},
        json.dumps(task),
    ]:
        reply = read_reply(shape)
        assert reply
        assert (reply.task_id, reply.status) == ("video_1", "completed")
        assert [output.url for output in reply.outputs] == urls


@pytest.mark.parametrize(
    "fields",
    [
        {"thumbnail_url": BARE},
        {"thumbnail": PICTURE, "cover": BARE, "coverUrl": BARE, "poster_url": BARE},
        {"result": {"data": [{"last_frame_url": BARE, "first_frame_url": BARE}]}},
        {"preview_url": B, "gif_url": B, "video_cover_url": B, "video_thumbnail": BARE},
        {"url": PICTURE},
        {"url": "https://cdn.example/a.gif"},
        {"url": "https://cdn.example/a.m3u8"},
        {"url": "https://cdn.example/a.mp3"},
        {"url": f"{A}&x-oss-process=video/snapshot,t_1"},
        {"result": {"data": [{"type": "image", "url": BARE}]}},
        {"result": {"data": [{"mime_type": "image/png", "url": BARE}]}},
        {"audio_url": BARE, "music": {"url": BARE}},
        {"input": {"video_url": B}, "request": {"url": B}, "params": {"video": B}},
        {"param": json.dumps({"video_url": B}), "original_request": json.dumps({"url": B})},
        {"image_urls": [BARE], "reference_images": [BARE], "reference_video_url": B},
        {"character_url": B, "characters": [{"profile_picture_url": BARE, "video_url": B}]},
        {"callback_url": "https://team.example/hook", "webhook": {"url": "https://team.example/"}},
        {"error": {"message": "No", "url": "https://docs.example/errors"}},
        {"status_url": BARE, "cancel_url": BARE, "docs_url": BARE, "share_url": BARE},
        {"url": "https://toapis.com/v1/videos/generations/video_1"},
        {"prompt": A},
        {"anything": BARE},
        {"url": "see https://cdn.example/a.mp4"},
        {"url": "a.mp4"},
        {"url": "cdn.example/a.mp4"},
        {"metadata": {"product_link": "https://shop.example/1", "asset_url": BARE}},
        {"url": "s3://bucket/a.mp4"},
        {"url": "data:video/mp4;base64,AAAA"},
        {"url": "https://"},
        {"url": "https://[bad/a.mp4"},
        {"url": "https://cdn.example/" + "a" * 9000},
        {"format": "video/mp4", "content": "video/mp4"},
        {"url": True, "videos": [None, 1, {}, []]},
        {"result": "{not json"},
    ],
)
def test_pictures_echoes_and_other_addresses_are_no_videos(fields: dict[str, Any]) -> None:
    assert read_outputs({"id": "video_1", "status": "completed", **fields}) == ()
    both = read_outputs({"id": "video_1", **fields, "result": {"data": [{"url": A}]}})
    assert [output.url for output in both] == [A]


@pytest.mark.parametrize(
    ("fields", "urls"),
    [
        ({"url": A, "watermark_url": B, "no_watermark_url": BARE}, [A]),
        ({"watermark_url": B, "no_watermark_url": A}, [A]),
        ({"result": {"data": [{"url": A, "watermarked_url": B}, {"url": B}]}}, [A, B]),
        ({"url": A, "download_url": B}, [A]),
        ({"url": A, "result": {"data": [{"url": A}]}}, [A]),
        ({"url": A, "result": {"data": [{"url": A}, {"url": B}]}}, [A, B]),
        ({"videos": [{"url": A}, {"url": A}, {"url": B}]}, [A, B]),
        ({"url": "https://cdn.example/a.m3u8", "download_url": A}, [A]),
        ({"video_path": "/data/out/a.mp4", "play_link": A}, [A]),
    ],
)
def test_the_same_video_in_several_places_is_one_output(
    fields: dict[str, Any], urls: list[str]
) -> None:
    assert [output.url for output in read_outputs(fields)] == urls


@pytest.mark.parametrize(
    "fields",
    [
        {"thumbnail_url": PICTURE, "video_url": A},
        {"result": {"cover_url": PICTURE, "videos": [A]}},
        {"result": {"data": [{"url": A, "thumbnail": {"url": PICTURE}}]}},
        {"video_url": A, "thumbnails": [PICTURE]},
    ],
)
def test_the_thumbnail_comes_along(fields: dict[str, Any]) -> None:
    assert read_outputs(fields) == (Output(A, thumbnail_url=PICTURE),)


@pytest.mark.parametrize(
    ("url", "root", "absolute"),
    [
        (A, "https://toapis.com", A),
        (CONTENT, "https://toapis.com", f"https://toapis.com{CONTENT}"),
        (CONTENT, "https://gw.example/toapis", f"https://gw.example/toapis{CONTENT}"),
        (f"/toapis{CONTENT}", "https://gw.example/toapis", f"https://gw.example/toapis{CONTENT}"),
        (CONTENT[1:], "https://toapis.com", f"https://toapis.com{CONTENT}"),
        ("videos/video_1/content", "https://toapis.com", f"https://toapis.com{CONTENT}"),
        ("static/a.mp4", "https://toapis.com", "https://toapis.com/static/a.mp4"),
        ("//cdn.example/a.mp4", "http://127.0.0.1:8000", "http://cdn.example/a.mp4"),
    ],
)
def test_a_relative_url_is_below_the_root_of_the_api(url: str, root: str, absolute: str) -> None:
    assert absolute_url(url, root) == absolute
    reply = read_reply({"id": "v", "video_url": url, "thumbnail": url})
    assert reply
    assert reply.below(root).outputs == (Output(absolute, thumbnail_url=absolute),)


def test_a_walk_has_an_end() -> None:
    deep: Any = {"url": A}
    for _ in range(500):
        deep = {"data": deep}
    assert read_outputs(deep) == ()
    many = {"videos": [f"https://cdn.example/{n}.mp4" for n in range(100_000)]}
    assert len(read_outputs(many)) == 32
    strings: Any = A
    for _ in range(12):
        strings = json.dumps({"data": strings})
    assert read_outputs({"data": strings}) == ()


NAMES = st.sampled_from(
    ["url", "video_url", "data", "result", "videos", "output", "thumbnail", "input", "type", "x"]
)
VALUES = st.sampled_from([A, B, BARE, PICTURE, CONTENT, "image", "", None, True, 3])
trees = st.recursive(
    VALUES | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=15,
)


@given(st.dictionaries(NAMES, trees))
def test_what_is_found_stands_in_the_reply_and_is_there_once(task: dict[str, Any]) -> None:
    urls = [output.url for output in read_outputs(task)]
    assert len(urls) == len(set(urls))
    assert set(urls) <= {A, B, BARE, CONTENT}
    assert all(json.dumps(url) in json.dumps(task) for url in urls)
