"""The form that the Prefect UI draws of a flow."""

from typing import Any

import pytest
from prefect import Flow
from prefect.utilities.callables import parameter_schema

from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.flows.characters import create_characters
from prefect_toapis.flows.collect import collect_batch
from prefect_toapis.flows.from_spec import generate_from_spec
from prefect_toapis.flows.generate import generate_videos
from prefect_toapis.flows.submission import submit_batch

FLOWS = [generate_videos, generate_from_spec, create_characters, submit_batch, collect_batch]


@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow.name)
def test_every_parameter_is_described(flow: Flow[..., Any]) -> None:
    shown = parameter_schema(flow)
    assert shown == flow.parameters
    assert shown.properties
    for name, parameter in shown.properties.items():
        assert parameter.get("description"), name


@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow.name)
def test_a_flow_has_a_name_and_says_what_it_does(flow: Flow[..., Any]) -> None:
    assert flow.name.startswith(("generate-", "create-", "submit-", "collect-"))
    assert flow.description


def test_only_what_can_not_be_guessed_is_required() -> None:
    assert parameter_schema(generate_videos).required == ["scenes"]
    assert parameter_schema(generate_from_spec).required == ["spec"]
    assert not parameter_schema(collect_batch).required


def test_a_batch_is_submitted_with_the_parameters_that_it_is_generated_with() -> None:
    generated, submitted = (parameter_schema(one) for one in (generate_videos, submit_batch))
    assert list(submitted.properties) == list(generated.properties)
    assert submitted.required == generated.required


CARDS = ["Scene", "Variant", "Character", "Cast", "Role", "RunSettings", "Price"]
CARDS += [f"{group}Settings" for group in ("Polling", "Retry", "Purchase", "Limit", "Shard")]
CARDS += ["WebhookSettings"]


@pytest.mark.parametrize("model", CARDS)
def test_every_field_of_a_card_is_described(model: str) -> None:
    definitions = parameter_schema(generate_videos).definitions
    assert definitions
    for name, field in definitions[model]["properties"].items():
        assert field.get("description"), name


@pytest.mark.parametrize(
    ("field", "choices"),
    [
        ("aspect_ratio", Catalogue.shipped().choices("aspect_ratio")),
        ("style", ["thanksgiving", "comic", "news", "selfie", "nostalgic", "anime"]),
    ],
)
def test_style_and_aspect_ratio_are_lists_to_choose_from(field: str, choices: list[str]) -> None:
    definitions = parameter_schema(generate_videos).definitions
    assert definitions
    shown = definitions["Variant"]["properties"][field]
    assert [option["enum"] for option in shown["anyOf"] if "enum" in option] == [choices]


def test_blocks_are_picked_and_lists_hold_cards() -> None:
    shown = parameter_schema(generate_videos)
    assert shown.definitions
    slugs = {name: one.get("block_type_slug") for name, one in shown.definitions.items()}
    assert slugs["ToAPIsCredentials"] == "toapis-credentials"
    assert slugs["VideoBucket"] == "toapis-video-bucket"
    assert shown.properties["scenes"]["items"] == {"$ref": "#/definitions/Scene"}
    assert shown.properties["on_failure"]["enum"] == ["fail", "tolerate"]
