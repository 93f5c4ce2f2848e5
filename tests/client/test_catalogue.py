"""The catalogue is data: these are the published page's own words."""

import pytest
from pydantic import ValidationError

from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.client.requests import IN_METADATA, VideoRequest

PAGE_FIELDS = {
    *("prompt", "duration", "aspect_ratio", "image_urls", "thumbnail"),
    *("n", "watermark", "private", "style", "storyboard"),
    *("character_url", "character_timestamps", "character_create", "character_from_task"),
}
SHIPPED = Catalogue.shipped()


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


def test_every_field_of_the_catalogue_is_a_field_of_a_request_and_the_other_way_round() -> None:
    listed = {field for rules in SHIPPED.models.values() for field in rules.fields}
    assert listed == set(VideoRequest.model_fields) - {"model", "extra"}


def test_the_fields_of_metadata_are_the_page_s() -> None:
    at_top = {"prompt", "duration", "aspect_ratio", "image_urls", "thumbnail"}
    assert PAGE_FIELDS - at_top | {"hd"} == IN_METADATA


def test_the_form_offers_every_choice_of_any_model() -> None:
    assert SHIPPED.choices("aspect_ratio") == ["16:9", "9:16"]
    assert SHIPPED.choices("style") == [
        *("thanksgiving", "comic", "news", "selfie", "nostalgic", "anime")
    ]
    assert SHIPPED.choices("duration") == [10, 15, 25, 4, 8, 12]
    properties = VideoRequest.model_json_schema()["properties"]
    offered = [option for option in properties["style"]["anyOf"] if "enum" in option]
    assert offered == [{"type": "string", "enum": SHIPPED.choices("style")}]


def test_a_rule_with_a_misspelt_name_is_an_error_rather_than_no_rule() -> None:
    with pytest.raises(ValidationError, match="maximun"):
        Catalogue.model_validate({"models": {"m": {"fields": {"n": {"maximun": 4}}}}})
