"""What a user asks for, as models."""

import inspect
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.planning.spec import BatchSpec, Cast, Character, Role, Scene, Variant

FORMS: list[type[BaseModel]] = [Scene, Variant, Character, Role, Cast]


@pytest.mark.parametrize("form", FORMS)
def test_every_field_of_a_form_is_described(form: type[BaseModel]) -> None:
    for name, field in form.model_fields.items():
        assert field.description, f"{form.__name__}.{name}"
        assert field.description.endswith((".", ")."))


@pytest.mark.parametrize("form", FORMS)
def test_every_form_says_what_it_is(form: type[BaseModel]) -> None:
    assert inspect.getdoc(form)


@pytest.mark.parametrize(
    ("field", "choices"),
    [
        ("aspect_ratio", Catalogue.shipped().choices("aspect_ratio")),
        ("style", ["thanksgiving", "comic", "news", "selfie", "nostalgic", "anime"]),
    ],
)
def test_the_form_offers_choices_but_the_model_takes_others(field: str, choices: list[str]) -> None:
    options = Variant.model_json_schema()["properties"][field]["anyOf"]
    assert {"title": "Choose", "type": "string", "enum": choices} in options
    assert Variant.model_validate({field: "of a later model"})


def test_defaults() -> None:
    assert Variant() == Variant(model="sora-2", n=None, takes=1)
    spec = BatchSpec()
    assert (spec.scenes, spec.variants, spec.characters, spec.casts) == ([], [Variant()], [], [])
    assert (spec.batch, spec.max_videos, spec.on_failure) == (None, 100, "fail")


def test_no_default_is_shared_between_batches() -> None:
    BatchSpec().scenes.append(Scene(prompt="A dog"))
    BatchSpec().variants[0].takes = 2
    assert BatchSpec() == BatchSpec(scenes=[], variants=[Variant()])


def test_strings_and_mappings_are_accepted_where_they_are_clear() -> None:
    assert Scene.model_validate("A dog") == Scene(prompt="A dog")
    assert Cast.model_validate("Turbo") == Cast(roles=[Role(character="Turbo")])
    both = Cast.model_validate({"roles": {"hero": "Turbo", "sidekick": "Baron"}})
    assert both.roles == [
        Role(role="hero", character="Turbo"),
        Role(role="sidekick", character="Baron"),
    ]
    assert Cast.model_validate(both.model_dump()) == both


@pytest.mark.parametrize("username", ["duksvfkf.turbo", "@duksvfkf.turbo", "  @duksvfkf.turbo\n"])
def test_a_username_may_be_pasted_with_its_at_sign(username: str) -> None:
    assert Character(name="Turbo", username=username).username == "duksvfkf.turbo"


BAD: list[tuple[type[BaseModel], Any]] = [
    (Scene, {"promt": "A dog"}),
    (Scene, {"prompt": "A dog", "duration": 10}),
    (Scene, 5),
    (Variant, {"takes": 0}),
    (Variant, {"n": "many"}),
    (Variant, "tall"),
    (Character, {"username": "a.turbo"}),
    (Cast, {"roles": {"hero": 5}}),
    (Cast, {"roles": "Turbo"}),
    (BatchSpec, {"bucket": "s3://videos"}),
]


@pytest.mark.parametrize(("model", "value"), BAD)
def test_what_is_misspelt_or_out_of_range_is_refused(model: type[BaseModel], value: Any) -> None:
    with pytest.raises(ValidationError):
        model.model_validate(value)
