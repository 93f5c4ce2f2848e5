"""The catalogue is data: these are the published page's own words."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.client.errors import InvalidCatalogue
from prefect_toapis.client.requests import IN_METADATA, CharacterRequest, RemixRequest, VideoRequest

PAGE_FIELDS = {
    *("prompt", "duration", "aspect_ratio", "image_urls", "thumbnail"),
    *("n", "watermark", "private", "style", "storyboard"),
    *("character_url", "character_timestamps", "character_create", "character_from_task"),
}
SHIPPED = Catalogue.shipped()
KNOWN_NAMES = ("sora-2", "sora-2-pro", "sora-2-vip", "sora-2-vvip", "sora-2-official")


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        ("sora-2", PAGE_FIELDS),
        ("sora-2-pro", PAGE_FIELDS | {"hd"}),
        ("sora-2-vip", PAGE_FIELDS),
        ("sora-2-vvip", PAGE_FIELDS),
        ("sora-2-official", PAGE_FIELDS),
    ],
)
def test_a_model_takes_the_fields_that_are_documented_for_it(model: str, fields: set[str]) -> None:
    assert set(SHIPPED.models[model].fields) == fields


def test_every_field_of_a_known_model_is_a_field_of_a_request_and_the_other_way_round() -> None:
    known = [rules for rules in SHIPPED.models.values() if not rules.open]
    assert {field for rules in known for field in rules.fields} == set(
        VideoRequest.model_fields
    ) - {"model", "extra"}
    for rules in known:
        assert set(rules.character or {}) <= set(CharacterRequest.model_fields)
        assert set(rules.remix or {}) <= set(RemixRequest.model_fields)


@pytest.mark.parametrize("model", ["veo3.1-fast", "veo3.1-pro", "kling-v3", "seedance-1.0-pro"])
def test_the_later_families_are_open_and_described_by_the_names_that_the_pages_give(
    model: str,
) -> None:
    rules = SHIPPED.rules_of(model)
    assert rules
    assert rules.open
    assert set(rules.fields) == {
        *("prompt", "resolution", "mode", "seed", "image_with_roles", "reference_images")
    }


@pytest.mark.parametrize("model", ["sora-3", "kling", "Kling-v3", "my-kling-v3", "wan2.5", ""])
def test_a_model_that_no_entry_fits_has_no_rules(model: str) -> None:
    assert SHIPPED.rules_of(model) is None


def test_remixes_and_characters_are_made_by_the_documented_models() -> None:
    assert SHIPPED.taking("remix") == ["sora-2", "sora-2-pro", "sora-2-vip", "sora-2-official"]
    assert SHIPPED.taking("character") == [
        *("sora-2", "sora-2-pro", "sora-2-vip", "sora-2-vvip", "sora-2-official")
    ]


def test_the_fields_of_metadata_are_the_page_s() -> None:
    at_top = {"prompt", "duration", "aspect_ratio", "image_urls", "thumbnail"}
    assert PAGE_FIELDS - at_top | {"hd"} == IN_METADATA


@pytest.mark.parametrize("model", SHIPPED.taking("character"))
def test_the_fields_of_urls_say_what_kind_of_file_they_take(model: str) -> None:
    rules = SHIPPED.models[model]
    fields = {**rules.fields, **(rules.character or {})}
    assert {name: rule.media for name, rule in fields.items() if rule.media} == {
        "image_urls": "image",
        "character_url": "video",
        "url": "video",
    }
    assert [name for name, rule in fields.items() if rule.holds_urls and not rule.media] == []


def test_patterns_are_not_among_the_names() -> None:
    assert SHIPPED.names() == list(KNOWN_NAMES)
    own = "models: {a: {fields: {}}, b-*: {fields: {}}, 'c?': {fields: {}}, 'd[12]': {fields: {}}}"
    assert Catalogue.extended(own).names() == [*KNOWN_NAMES, "a"]


def test_the_form_offers_every_choice_of_any_model() -> None:
    assert SHIPPED.choices("aspect_ratio") == ["16:9", "9:16"]
    assert SHIPPED.choices("style") == [
        *("thanksgiving", "comic", "news", "selfie", "nostalgic", "anime")
    ]
    assert SHIPPED.choices("duration") == [10, 15, 25, 4, 8, 12]
    properties = VideoRequest.model_json_schema()["properties"]
    offered = [option for option in properties["style"]["anyOf"] if "enum" in option]
    assert [one["enum"] for one in offered] == [SHIPPED.choices("style")]


def test_a_rule_with_a_misspelt_name_is_an_error_rather_than_no_rule() -> None:
    with pytest.raises(ValidationError, match="maximun"):
        Catalogue.model_validate({"models": {"m": {"fields": {"n": {"maximun": 4}}}}})


OWN = """
fields: &fields {prompt: {}, duration: {choices: [5, 8]}}
models:
  sora-2: {fields: *fields}
  kling-v3*: {fields: *fields}
  kling-v3-pro: {fields: {prompt: {}, aspect_ratio: {choices: ["1:1"]}}}
  wan-9: {fields: *fields, open: true}
"""


def durations(catalogue: Catalogue, model: str) -> tuple[str | int, ...] | None:
    rules = catalogue.rules_of(model)
    return rules.fields["duration"].choices if rules and "duration" in rules.fields else None


def test_a_catalogue_of_one_s_own_adds_models_and_replaces_those_of_the_same_name() -> None:
    extended = Catalogue.extended(OWN)
    assert durations(extended, "wan-9") == durations(extended, "sora-2") == (5, 8)
    assert extended.models["sora-2"].remix is None, "the whole entry is replaced"
    assert extended.models["sora-2-pro"] == SHIPPED.models["sora-2-pro"]
    assert durations(SHIPPED, "sora-2") == (10, 15)
    assert extended.choices("aspect_ratio") == ["16:9", "9:16", "1:1"]


def test_a_name_counts_before_a_pattern_and_the_longest_pattern_before_others() -> None:
    extended = Catalogue.extended(OWN)
    assert extended.rules_of("kling-v3-pro") == extended.models["kling-v3-pro"]
    assert extended.rules_of("kling-v3-fast") == extended.models["kling-v3*"]
    assert extended.rules_of("kling-v2") == SHIPPED.models["kling-*"]


def test_a_catalogue_may_be_a_file(tmp_path: Path) -> None:
    path = tmp_path / "models.yaml"
    path.write_text(OWN, encoding="utf-8")
    assert Catalogue.extended(path) == Catalogue.extended(OWN)


MODEL = "models: {new: {fields: {x: %s}}}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("models:\n  new: [", ", line 2, column 9: expected the node content"),
        ("models: {a: 1", ", line 1, column 14: "),
        ("models: \x00", ": unacceptable character"),
        ("models: *nothing", ", line 1, column 9: found undefined alias"),
        ("models: !!python/object:os.system {}", ", line 1, column 9: could not determine"),
        ("models: 2001-99-99", ": month must be in 1..12"),
        ("[" * 5_000, ": maximum recursion depth"),
        ("", ": Input should be"),
        ("modles: {}", ": models: Field required"),
        ("models: [new]", ": models: Input should be"),
        ("models: {new: {}}", ": models.new.fields: Field required"),
        ("models: {new: {fields: {}, opn: true}}", ": models.new.opn: Extra inputs"),
        (MODEL % "{maximun: 4}", ": models.new.fields.x.maximun: Extra inputs"),
        (MODEL % "{type: text}", ": models.new.fields.x.type: Input should be 'string'"),
        (MODEL % "{pattern: '['}", ": models.new.fields.x.pattern: "),
        (MODEL % "{type: string, minimum: 1}", "minimum doesn't apply to a field of type string"),
        (MODEL % "{type: array, pattern: a}", "pattern doesn't apply to a field of type array"),
        (MODEL % "{media: sound, format: url}", ": models.new.fields.x.media: Input should be"),
        (MODEL % "{media: image}", "media doesn't apply to a field without format: url or"),
        (MODEL % "{media: image, format: segment}", "media doesn't apply to a field without"),
        (MODEL % "{items: {y: {}}, type: object}", "items doesn't apply to a field of type object"),
        (MODEL % "{items: {y: {}}, minimum: 1}", "minimum and items are of different types"),
        (MODEL % "{items: {y: {}}, format: url}", "items are objects; format and choices don't"),
        (MODEL % "{items: {y: {}}, choices: [1]}", "items are objects; format and choices don't"),
        (MODEL % "{items: {y: {opn: 1}}}", ": models.new.fields.x.items.y.opn: Extra inputs"),
        (MODEL % "{items: [y]}", ": models.new.fields.x.items: Input should be"),
        (MODEL % "{max_items: 1, minimum: 1}", "minimum and max_items are of different types"),
    ],
)
def test_what_is_wrong_with_a_catalogue_is_told_with_file_and_place(
    tmp_path: Path, text: str, said: str
) -> None:
    path = tmp_path / "models.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidCatalogue) as raised:
        Catalogue.extended(path)
    assert raised.value.message.startswith(str(path))
    assert said in raised.value.message
    assert "TOAPIS_CATALOGUE" in str(raised.value)
    with pytest.raises(InvalidCatalogue, match="the catalogue's text"):
        Catalogue.extended(text)


words = st.sampled_from(
    ["models", "new", "fields", "type", "minimum", "&a", "*a", "<<", ": ", "{", "}", "[", "]", ","]
)


@given(st.lists(words | st.text(max_size=3), max_size=20).map("".join))
def test_any_text_is_a_catalogue_or_an_error_that_says_so(text: str) -> None:
    try:
        result: Catalogue | str = Catalogue.extended(text)
    except InvalidCatalogue as error:
        result = error.message
    if isinstance(result, Catalogue):
        assert set(SHIPPED.models) <= set(result.models)
    else:
        assert result.startswith("the catalogue's text")


def test_a_file_that_can_t_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidCatalogue, match=r"nowhere\.yaml: No such file"):
        Catalogue.extended(tmp_path / "nowhere.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"models: {\xfc: {}}")
    with pytest.raises(InvalidCatalogue, match=r"latin\.yaml: it is not UTF-8"):
        Catalogue.extended(tmp_path / "latin.yaml")


def test_the_catalogue_in_use_is_the_one_that_the_environment_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TOAPIS_CATALOGUE", raising=False)
    assert Catalogue.current() is SHIPPED
    monkeypatch.setenv("TOAPIS_CATALOGUE", " ")
    assert Catalogue.current() is SHIPPED
    path = tmp_path / "models.yaml"
    path.write_text(OWN, encoding="utf-8")
    monkeypatch.setenv("TOAPIS_CATALOGUE", str(path))
    assert durations(Catalogue.current(), "wan-9") == (5, 8)
    assert Catalogue.current() is Catalogue.current(), "the file is read once"
    offered = VideoRequest.model_json_schema()["properties"]["aspect_ratio"]["anyOf"][0]["enum"]
    assert offered == ["16:9", "9:16", "1:1"]


def test_a_catalogue_that_is_named_but_broken_is_an_error_rather_than_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOAPIS_CATALOGUE", str(tmp_path / "nowhere.yaml"))
    with pytest.raises(InvalidCatalogue, match="nowhere"):
        Catalogue.current()
