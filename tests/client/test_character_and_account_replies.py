"""What replies tell of characters, uploads, balances and models: parsed leniently."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_toapis.client.account_replies import Balance, read_balance, read_models, read_upload
from prefect_toapis.client.replies import CharacterReply, Reply, read_reply

PICTURE = "https://upload.toapis.com/f/image/character_task_xxx.jpg"
WHISKERS = {
    "id": "ch_6937",
    "display_name": "Turbo Whiskers",
    "profile_picture_url": PICTURE,
    "username": "duksvfkf.turbo_whis",
}
TURBO = CharacterReply("duksvfkf.turbo_whis", "ch_6937", "Turbo Whiskers", PICTURE)
MADE = {  # [D]
    "id": "task_01KC0",
    "object": "generation.task",
    "model": "sora-2",
    "status": "completed",
    "progress": 100,
    "created_at": 1765251461,
    "completed_at": 1765251507,
    "metadata": {},
    "result": {"type": "character", "data": {"characters": [WHISKERS]}},
}


def test_the_documented_reply_of_a_character_is_read() -> None:
    assert read_reply(MADE) == Reply(
        "task_01KC0",
        "completed",
        progress=100,
        characters=(TURBO,),
        created_at=1765251461,
        completed_at=1765251507,
    )


CAT = CharacterReply("cat")


@pytest.mark.parametrize(
    ("fields", "characters"),
    [
        ({}, []),
        ({"characters": [{"username": "cat"}]}, [CAT]),
        ({"result": {"characters": [{"username": "cat"}]}}, [CAT]),
        ({"result": {"data": {"characters": [{"username": "cat"}]}}}, [CAT]),
        ({"result": {"data": [], "characters": [{"username": "cat"}]}}, [CAT]),
        ({"result": {"data": {"characters": []}}, "characters": [{"username": "cat"}]}, [CAT]),
        ({"result": {"data": {"characters": None}, "characters": {}}}, []),
        ({"result": "cat", "characters": [{"username": " cat "}]}, [CAT]),
        ({"characters": [{"username": "cat", "id": 7}]}, [CharacterReply("cat", "7")]),
        (
            {"characters": [{"username": "cat", "id": None, "display_name": [], "x": 1}]},
            [CAT],
        ),
        ({"characters": [{"username": None}, {"id": "ch_1"}, {"username": ""}, None, "cat"]}, []),
        ({"characters": [{"username": n} for n in "abc"]}, [CharacterReply(n) for n in "abc"]),
        ({"characters": {"username": "cat"}}, []),
    ],
)
def test_characters_are_found_wherever_they_may_stand(
    fields: dict[str, Any], characters: list[CharacterReply]
) -> None:
    reply = read_reply({"id": "v", "status": "completed", **fields})
    assert reply
    assert list(reply.characters) == characters


def test_a_video_may_come_with_characters() -> None:
    result = {"data": [{"url": "https://files.toapis.com/a.mp4"}], "characters": [WHISKERS]}
    reply = read_reply({"id": "v", "status": "completed", "result": result})
    assert reply
    assert (len(reply.outputs), reply.characters) == (1, (TURBO,))


def test_the_picture_of_a_character_shows_in_no_repr() -> None:
    assert PICTURE not in repr(read_reply(MADE))


UPLOADED = "https://files.toapis.com/uploads/123/1737568800_abc12345.jpg"


@pytest.mark.parametrize(
    ("payload", "url"),
    [
        ({"success": True, "message": "", "data": {"id": "upload_1", "url": UPLOADED}}, UPLOADED),
        ({"data": {"url": f" {UPLOADED} "}}, UPLOADED),
        ({"success": True, "url": UPLOADED}, UPLOADED),
        ({"success": False, "data": {"url": UPLOADED}}, None),
        ({"success": False, "message": "Image too large. Maximum size is 10MB"}, None),
        ({"success": True, "data": {"url": "upload_1"}}, None),
        ({"success": True, "data": {"url": None}}, None),
        ({"success": True, "data": {}}, None),
        ({"success": True, "data": [UPLOADED]}, None),
        (None, None),
        (UPLOADED, None),
        ([], None),
        ({}, None),
    ],
)
def test_an_upload_has_a_url(payload: Any, url: str | None) -> None:
    assert read_upload(payload) == url


BALANCE = {  # [D]
    "success": True,
    "remain_balance": 10.5,
    "used_balance": 2.3,
    "remain_credits": 2100,
    "used_credits": 460,
    "credits_per_usd": 200,
    "unlimited_quota": False,
}
UNLIMITED = Balance(None, 460.0, None, unlimited=True, credits_per_usd=200.0)
SOME = Balance(2100.0, 460.0, 10.5, unlimited=False, credits_per_usd=200.0)


@pytest.mark.parametrize(
    ("payload", "balance"),
    [
        (BALANCE, SOME),
        ({"success": True, "data": BALANCE}, SOME),
        ({name: str(value) for name, value in BALANCE.items()}, SOME),
        ({**BALANCE, "remain_balance": -1}, UNLIMITED),
        ({**BALANCE, "unlimited_quota": True}, UNLIMITED),
        ({**BALANCE, "unlimited_quota": "True"}, UNLIMITED),
        ({**BALANCE, "unlimited_quota": 1}, UNLIMITED),
        ({"unlimited_quota": True, "used_credits": 460}, UNLIMITED),
        ({**BALANCE, "unlimited_quota": None, "credits_per_usd": None}, SOME),
        ({**BALANCE, "credits_per_usd": 0}, SOME),
        ({"remain_balance": 0}, Balance(0.0, None, 0.0, unlimited=False, credits_per_usd=200.0)),
        (
            {"remain_balance": 2, "credits_per_usd": 100, "remain_credits": None},
            Balance(200.0, None, 2.0, unlimited=False, credits_per_usd=100.0),
        ),
        ({"remain_credits": 5}, Balance(5.0, None, None, unlimited=False, credits_per_usd=200.0)),
        ({"success": True}, None),
        ({**BALANCE, "success": False}, None),
        ({"remain_credits": "many", "remain_balance": [], "unlimited_quota": {}}, None),
        (None, None),
        (10.5, None),
        ([BALANCE], None),
        ({}, None),
    ],
)
def test_a_balance_may_be_told_in_many_ways(payload: Any, balance: Balance | None) -> None:
    assert read_balance(payload) == balance


@pytest.mark.parametrize(
    ("payload", "models"),
    [
        ({"success": True, "object": "list", "data": [{"id": "sora-2", "object": "model"}]}, 1),
        ({"data": ["sora-2"]}, 1),
        ({"data": [{"id": "sora-2"}, {"id": None}, {}, None, 3.5j, ["sora-2"]]}, 1),
        ({"success": True, "data": []}, 0),
        ({"success": True, "data": {}}, None),
        ({"success": True}, None),
        (None, None),
        ("sora-2", None),
        (["sora-2"], None),
        ({}, None),
    ],
)
def test_models_are_a_list_of_names(payload: Any, models: int | None) -> None:
    assert read_models(payload) == (None if models is None else ["sora-2"] * models)


NAMES = [
    *("id", "task_id", "status", "data", "result", "characters", "username", "display_name"),
    *("profile_picture_url", "success", "url", "remain_balance", "remain_credits"),
    *("used_credits", "credits_per_usd", "unlimited_quota"),
]
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["completed", UPLOADED, "-1", "true"])
)
json_values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(NAMES) | st.text(), inner, max_size=6)
    ),
    max_leaves=12,
)


@given(json_values)
def test_any_json_is_read_without_an_exception_and_nothing_is_invented(payload: Any) -> None:
    reply = read_reply(payload)
    assert all(character.username for character in (reply.characters if reply else ()))
    url = read_upload(payload)
    assert url is None or url.startswith("http")
    balance = read_balance(payload)
    assert balance is None or balance.credits_per_usd
    if balance and balance.unlimited:
        assert (balance.remain_credits, balance.remain_balance) == (None, None)
    if balance and not balance.unlimited:
        assert balance.remain_credits is not None
    models = read_models(payload)
    assert models is None or all(models)
