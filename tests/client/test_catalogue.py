"""The catalogue is data: these are the published page's own words."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.client.errors import InvalidCatalogue
from prefect_toapis.client.requests import (
    IN_METADATA,
    CharacterRequest,
    ExtendRequest,
    RemixRequest,
    VideoRequest,
)

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
        ("sora-2-official", {"prompt", "duration", "aspect_ratio", "image_urls"}),
    ],
)
def test_a_model_takes_the_fields_that_are_documented_for_it(model: str, fields: set[str]) -> None:
    assert set(SHIPPED.models[model].fields) == fields


def test_every_field_of_a_request_is_a_field_of_a_model() -> None:
    assert set(VideoRequest.model_fields) - {"model", "extra"} <= set(SHIPPED.fields)
    for rules in SHIPPED.models.values():
        assert set(rules.character or {}) <= set(CharacterRequest.model_fields)
        assert set(rules.remix or {}) <= set(RemixRequest.model_fields)
        assert set(rules.extend or {}) <= set(ExtendRequest.model_fields)


def test_every_model_names_its_family_its_page_and_what_it_is_for() -> None:
    assert len(SHIPPED.names()) == len(SHIPPED.models) == 42
    assert [name for name, rules in SHIPPED.models.items() if not rules.family] == []
    assert [name for name, rules in SHIPPED.models.items() if "videos/" not in rules.source] == []
    assert [name for name, rules in SHIPPED.models.items() if not rules.purposes] == []


def test_the_models_with_undocumented_fields_are_those_described_in_chinese_only() -> None:
    assert [name for name, rules in SHIPPED.models.items() if rules.open] == [
        *("viduq3-pro-fast", "viduq3-ad", "viduq3-drama", "viduq3-mix")
    ]


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("Kling-V3", "kling-v3"),
        ("veo3.1-FAST-official", "Veo3.1-fast-official"),
        ("minimax-h3", "MiniMax-H3"),
        ("gemini_omni_flash", "gemini-omni-flash"),
        ("GEMINI_OMNI_FLASH", "gemini-omni-flash"),
        ("Wan-9", "Wan-9"),
    ],
)
def test_a_model_is_found_by_any_spelling_of_its_name(written: str, name: str) -> None:
    assert SHIPPED.canonical(written) == name
    assert VideoRequest(prompt="A dog", model=written).body()["model"] == name
    assert SHIPPED.rules_of(written) is SHIPPED.models.get(name)


@pytest.mark.parametrize(
    "model", ["sora-3", "kling", "kling-9", "my-kling-v3", "veo3.1-pro", "seedance-1", "wan2.5", ""]
)
def test_a_model_that_no_entry_fits_has_no_rules(model: str) -> None:
    assert SHIPPED.rules_of(model) is None


def test_remixes_extensions_and_characters_are_made_by_the_documented_models() -> None:
    grok = ["grok-video-1.0", "grok-video-1.5"]
    assert SHIPPED.taking("remix") == [
        *("sora-2", "sora-2-pro", "sora-2-vip", "sora-2-official"),
        *grok,
    ]
    assert SHIPPED.taking("extend") == grok
    assert SHIPPED.taking("character") == [*("sora-2", "sora-2-pro", "sora-2-vip", "sora-2-vvip")]


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
    own = "models: {a: {fields: {}}, b-*: {fields: {}}, 'c?': {fields: {}}, 'd[12]': {fields: {}}}"
    assert Catalogue.extended(own).names() == [*SHIPPED.names(), "a"]


def test_the_form_offers_every_choice_of_any_model() -> None:
    ratios = {"16:9", "9:16", "1:1", "4:3", "3:4", "21:9", "3:2", "2:3", "adaptive"}
    assert set(SHIPPED.choices("aspect_ratio")) == ratios
    assert SHIPPED.choices("style") == [
        *("thanksgiving", "comic", "news", "selfie", "nostalgic", "anime")
    ]
    assert SHIPPED.choices("duration")[:6] == [10, 15, 25, 4, 8, 12]
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
  kling-*: {fields: {prompt: {}}}
  kling-v3-p*: {fields: *fields}
  kling-v3-pro: {fields: {prompt: {}, aspect_ratio: {choices: ["5:4"]}}}
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
    assert set(extended.choices("aspect_ratio")) == {*SHIPPED.choices("aspect_ratio"), "5:4"}


def test_a_name_counts_before_a_pattern_and_the_longest_pattern_before_others() -> None:
    extended = Catalogue.extended(OWN)
    assert extended.rules_of("kling-v3-pro") == extended.models["kling-v3-pro"]
    assert extended.rules_of("kling-v3-plus") == extended.models["kling-v3-p*"]
    assert extended.rules_of("kling-v2") == extended.models["kling-*"]
    assert extended.rules_of("kling-v3") == SHIPPED.models["kling-v3"]


def test_an_entry_replaces_the_shipped_one_in_any_spelling_of_its_name() -> None:
    extended = Catalogue.extended("models: {KLING-V3: {fields: {prompt: {}}}}")
    assert "kling-v3" not in extended.models
    assert extended.rules_of("kling-v3") == extended.models["KLING-V3"]
    assert len(extended.models) == len(SHIPPED.models)


def test_a_catalogue_may_be_a_file(tmp_path: Path) -> None:
    path = tmp_path / "models.yaml"
    path.write_text(OWN, encoding="utf-8")
    assert Catalogue.extended(path) == Catalogue.extended(OWN)


MODEL = "models: {new: {fields: {x: %s}}}"
TWO = "models: {new: {fields: {mode: {}, list: {items: {role: {}}}}, %s}}"


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
        ("", ": expected models: with an entry for each"),
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
        (MODEL % "{maximun: 4}", "Extra inputs are not permitted; did you mean maximum?"),
        (MODEL % "{plaec: top}", "fields.x.plaec: Extra inputs are not permitted"),
        (MODEL % "{in: body}", ": models.new.fields.x.in: Input should be 'top' or 'metadata'"),
        (MODEL % "{items: {y: {chioces: [1]}}}", "did you mean choices?"),
        ("models: {new: {feilds: {}}}", "did you mean fields?"),
        ("models: {new: {fields: {}, conflict: []}}", "did you mean conflicts?"),
        ("models: {new: {fields: {}, zzzzzz: 1}}", "zzzzzz: Extra inputs are not permitted"),
        (MODEL % "{choices: [a, b], default: c}", "default: c breaks the field's own rule"),
        (MODEL % "{minimum: 3, default: 2}", "default: 2 breaks the field's own rule"),
        (MODEL % "{maximum: 3, default: 4}", "default: 4 breaks the field's own rule"),
        (MODEL % "{choices: [a], at_most: {b: 1}}", "at_most: b is not one of its choices"),
        (MODEL % "{also: [-1]}", "also doesn't apply to a field without minimum or maximum"),
        (MODEL % "{limits: {megabytes: 5}}", "limits doesn't apply to a field without media"),
        (MODEL % "{type: string, used_items: 1}", "used_items doesn't apply to a field of type"),
        (TWO % "conflicts: [{values: {mood: a}, why: w}]", "conflicts: mood is not one of the"),
        (TWO % "conflicts: [{values: {moed: a}, why: w}]", "fields; did you mean mode?"),
        (TWO % "conflicts: [{values: {mode: a}, unless: {y: 1}, why: w}]", "conflicts: y is not"),
        (TWO % "conflicts: [{values: {mode: a}}]", ": models.new.conflicts.0.why: Field required"),
        (
            TWO % "conflicts: [{values: {list.rol: a}, why: w}]",
            "list: rol is not one of the fields",
        ),
        (TWO % "conflicts: [{values: {list.rol: a}, why: w}]", "did you mean role?"),
        (TWO % "exclusive: [[mode, tone]]", "exclusive: tone is not one of the fields"),
        (TWO % "one_of: [[mode, tone]]", "one_of: tone is not one of the fields"),
        (TWO % "needs: {tone: [mode]}", "needs: tone is not one of the fields"),
        (TWO % "needs: {mode: [tone]}", "needs: tone is not one of the fields"),
        (TWO % "totals: [{fields: [tone], max_items: 1}]", "totals: tone is not one of the fields"),
        (TWO % "slow: [{values: {tone: 1}, hours: 2}]", "slow: tone is not one of the fields"),
        (TWO % "slow: [{values: {mode: a}, hours: 169}]", "hours: Input should be less than or"),
        (TWO % "slow: [{values: {mode: a}, hours: 0}]", "hours: Input should be greater than 0"),
        (TWO % "for: [dancing]", ": models.new.for.0: Input should be 'text'"),
        ("models: {a: {fields: {}}, A: {fields: {}}}", "A names two models, a and A"),
        (
            "models: {a: {fields: {}, aliases: [B]}, b: {fields: {}}}",
            "b names two models, a and b",
        ),
        (
            "models: {new: {fields: {}, aliases: [Sora-2]}}",
            "Sora-2 names two models, sora-2 and new",
        ),
        (
            "models: {new: {fields: {seed: {}, metadata.seed: {}}}}",
            "seed: it is listed twice, once as metadata.seed",
        ),
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
    with pytest.raises(InvalidCatalogue, match=r"nowhere\.yaml: there is no such file"):
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
    assert "5:4" in offered


def test_a_catalogue_that_is_named_but_broken_is_an_error_rather_than_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOAPIS_CATALOGUE", str(tmp_path / "nowhere.yaml"))
    with pytest.raises(InvalidCatalogue, match="nowhere"):
        Catalogue.current()
