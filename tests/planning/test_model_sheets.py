"""What a model takes, in rows and sentences, and the smallest spec for it."""

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.client.model_rules import FieldRule, ModelRules
from prefect_toapis.planning.model_sheets import (
    PURPOSES,
    field_rows,
    model_sheet,
    rule_sentences,
    source_url,
)
from prefect_toapis.planning.plan import plan_batch
from prefect_toapis.planning.smallest_specs import smallest_spec
from prefect_toapis.planning.spec import BatchSpec
from prefect_toapis.planning.spec_files import open_spec
from prefect_toapis.simulator.documented_models import DOCUMENTED
from prefect_toapis.simulator.model_rules import read_fields

SHIPPED = Catalogue.shipped()


def rules_of(**parts: Any) -> ModelRules:
    return ModelRules.model_validate({"fields": {"a": {}, "b": {}, "c": {"type": "array"}}} | parts)


@pytest.mark.parametrize("model", SHIPPED.names())
def test_the_smallest_spec_of_a_model_is_one_video_that_client_and_simulator_accept(
    model: str,
) -> None:
    text = smallest_spec(model, SHIPPED)
    assert text
    spec, faults = open_spec(text.encode(), "spec.yaml").batch()
    plan = plan_batch(spec, "b", "s3://videos")
    assert (faults, plan.faults, plan.notes) == ([], [], [])
    [shot] = plan.shots
    assert shot.request.model == model
    assert read_fields(model, DOCUMENTED[model], shot.request.body())[1] == []


@pytest.mark.parametrize("model", SHIPPED.names())
def test_the_smallest_spec_needs_each_of_its_fields(model: str) -> None:
    spec = yaml.safe_load(smallest_spec(model, SHIPPED) or "")
    [scene] = spec["scenes"]
    for name in scene.keys() - {"prompt"}:
        fewer = {field: value for field, value in scene.items() if field != name}
        without = BatchSpec.model_validate(spec | {"scenes": [fewer]})
        assert plan_batch(without, "b", "s3://videos").faults


def test_there_is_no_spec_for_rules_that_contradict_each_other() -> None:
    rules = rules_of(
        fields={"x": {"type": "string", "required": True}, "y": {"type": "integer"}},
        conflicts=[{"values": {"x": {"given": True}}, "why": "never"}],
    )
    assert smallest_spec("odd", Catalogue(models={"odd": rules})) is None
    assert smallest_spec("missing", Catalogue(models={})) is None


@pytest.mark.parametrize(
    ("rule", "values", "default", "limits"),
    [
        ({}, "text", "", ""),
        ({"choices": ["16:9", "9:16"], "default": "16:9"}, "16:9, 9:16", "16:9", ""),
        ({"minimum": 4, "also": [-1], "unit": "seconds"}, "at least 4 seconds, or -1", "", ""),
        ({"type": "boolean", "default": False}, "true or false", "false", ""),
        ({"type": "integer", "default": 0}, "integer", "0", ""),
        ({"max_length": 2500}, "text", "", "2,500 characters at most"),
        ({"format": "segment", "seconds": [2, 2]}, '"start,end" in seconds, 2 apart', "", ""),
        (
            {"type": "string", "format": "url", "media": "audio"},
            "the URL of an audio file",
            "",
            "",
        ),
        (
            {"type": "string", "format": "url-or-asset", "media": "video"},
            "a video: a file or a URL, or asset://...",
            "",
            "",
        ),
        (
            {"format": "url", "media": "image", "max_items": 3, "used_items": 1},
            "images: files or URLs",
            "",
            "3 at most; only the first is used",
        ),
        (
            {
                "type": "string",
                "format": "url",
                "media": "image",
                "limits": {"formats": ["jpg", "png"], "megabytes": 30, "sides": [256, 5760]},
            },
            "an image: a file or a URL",
            "",
            "jpg or png; 30 MB; sides of 256 to 5760 pixels",
        ),
    ],
    ids=str,
)
def test_a_field_in_words(rule: dict[str, Any], values: str, default: str, limits: str) -> None:
    [row] = field_rows({"field": FieldRule.model_validate(rule)})
    assert (row.values, row.default, row.limits) == (values, default, limits)


def test_the_members_of_objects_have_rows_of_their_own() -> None:
    roles = {"choices": ["first", "last"], "required": True, "at_most": {"first": 1}}
    images = FieldRule.model_validate(
        {"in": "metadata", "type": "array", "items": {"url": {}, "role": roles}}
    )
    array, url, role = field_rows({"images": images})
    assert (array.name, array.place, array.values) == ("images", "metadata", "a list of objects")
    assert (url.name, url.place, url.required) == ("images[].url", "", False)
    assert (role.name, role.required, role.limits) == ("images[].role", True, "1 of first")


@pytest.mark.parametrize(
    ("rule", "required"), [({}, True), ({"required": True}, True), ({"required": False}, False)]
)
def test_a_prompt_is_required_unless_the_rules_say_otherwise(
    rule: dict[str, Any], required: bool
) -> None:
    [row] = field_rows({"prompt": FieldRule.model_validate(rule)})
    assert row.required is required


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        ({"exclusive": [["a", "b"]]}, "Give a or b, not both."),
        ({"exclusive": [["a", "b", "c"]]}, "Give a, b or c, not several."),
        ({"one_of": [["a", "b"]]}, "Give at least one of a and b."),
        ({"needs": {"a": ["b", "c"]}}, "a needs b or c."),
        ({"totals": [{"fields": ["a", "c"], "max_items": 9}]}, "a and c: together 9 at most."),
        (
            {"totals": [{"fields": ["c"], "max_items": 5, "values": {"a": "edit"}}]},
            "c: 5 at most with a=edit.",
        ),
        (
            {"conflicts": [{"values": {"a": True, "b": [1, 2]}, "why": "so"}]},
            "Not a=true and b=1 or 2: so.",
        ),
        (
            {
                "conflicts": [
                    {
                        "values": [{"a": "x"}, {"b": {"given": False}, "c": {"given": False}}],
                        "unless": {"a": {"given": True}},
                        "why": "so",
                    }
                ]
            },
            "Not a=x without b or c (unless a): so.",
        ),
        ({"slow": [{"values": {"a": True}, "hours": 48}]}, "With a=true it may take 48 hours."),
        ({"open": True}, "It has further fields, which are sent unchecked."),
    ],
    ids=str,
)
def test_a_rule_in_words(parts: dict[str, Any], sentence: str) -> None:
    assert rule_sentences(rules_of(**parts)) == [sentence]


@pytest.mark.parametrize(
    ("source", "url"),
    [
        ("", ""),
        ("https://docs.example/wan-9", "https://docs.example/wan-9"),
        (
            "videos/wan2.6/generation",
            "https://github.com/toapis/docs/blob/main/docs/en/api-reference/videos/wan2.6/generation.mdx",
        ),
        (
            "cn/videos/vidu-ali/generation",
            "https://github.com/toapis/docs/blob/main/docs/cn/api-reference/videos/vidu-ali/generation.mdx",
        ),
    ],
)
def test_the_page_of_a_model(source: str, url: str) -> None:
    assert source_url(rules_of(source=source)) == url


@pytest.mark.parametrize("model", SHIPPED.names())
def test_a_sheet_has_all_fields_and_known_purposes(model: str) -> None:
    rules = SHIPPED.models[model]
    sheet = model_sheet(model, rules, SHIPPED)
    assert {row["name"].partition("[")[0] for row in sheet["fields"]} == {*rules.fields}
    assert {*sheet["purposes"]} <= {*PURPOSES}
    assert sheet["source"].startswith("https://")
    for row in sheet["fields"]:
        assert row["values"]


@given(st.lists(st.sampled_from(SHIPPED.names()), min_size=1, max_size=3, unique=True))
def test_a_sheet_depends_on_the_model_alone(models: list[str]) -> None:
    some = Catalogue(models={model: SHIPPED.models[model] for model in models})
    for model in models:
        rules = SHIPPED.models[model]
        assert model_sheet(model, rules, some) == model_sheet(model, rules, SHIPPED)
