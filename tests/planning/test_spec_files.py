"""A batch from a file: YAML or JSON, all faults in one go."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_toapis.planning.plan import plan_batch
from prefect_toapis.planning.spec import BatchSpec, Cast, Character, Scene, Variant
from prefect_toapis.planning.spec_files import open_spec

LISBON = """
batch: 2026-11-22
scenes:
  - A dog on the beach
  - {name: chase, prompt: "{hero} chases a tram", character_timestamps: "1,3"}
variants:
  - {name: wide, duration: 10, aspect_ratio: 16:9}
  - name: tall
    aspect_ratio: 9:16
characters:
  - {name: Turbo, username: "@a.turbo"}
casts:
  - {roles: {hero: Turbo}}
  - Turbo
settings: {purchases: {on_absent: resend, lookup_window_seconds: 30}}
"""


def read_spec(text: str, name: str) -> tuple[BatchSpec, list[str]]:
    return open_spec(text.encode(), name).batch()


def faults_of(text: str, name: str = "b.yaml") -> list[str]:
    return read_spec(text, name)[1]


def test_yaml_is_read_as_people_write_it() -> None:
    spec, faults = read_spec(LISBON, "lisbon.yaml")
    assert faults == []
    assert spec.batch == "2026-11-22"  # no date
    assert [one.aspect_ratio for one in spec.variants] == ["16:9", "9:16"]  # no minutes
    assert spec.scenes[0] == Scene(prompt="A dog on the beach")
    assert spec.scenes[1].character_timestamps == "1,3"
    assert spec.variants[0] == Variant(name="wide", duration=10, aspect_ratio="16:9")
    assert spec.characters == [Character(name="Turbo", username="a.turbo")]
    assert spec.casts == [
        Cast.model_validate({"roles": {"hero": "Turbo"}}),
        Cast.model_validate("Turbo"),
    ]
    assert spec.settings.purchases.lookup_window_seconds == 30


def test_json_is_read_where_the_name_says_so() -> None:
    spec, _ = read_spec(LISBON, "lisbon.yaml")
    assert read_spec(spec.model_dump_json(), "lisbon.json") == (spec, [])
    assert faults_of("scenes: [A dog]", "b.json") == [
        "b.json: it can't be read: Expecting value: line 1 column 1 (char 0)"
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            "scenes: [{prompt: A dog, promt: A dog}]",
            "scenes[0].promt: there is no such field; did you mean 'prompt'?",
        ),
        (
            "scenes: [a]\nvariants: [{durations: 10}]",
            "variants[0].durations: there is no such field; did you mean 'duration'?",
        ),
        (
            "scenes: [{prompt: A dog, duration: 10}]",
            "scenes[0].duration: there is no such field; it belongs in variants",
        ),
        (
            "scenes: [a]\nstyle: anime",
            "style: there is no such field; it belongs in variants",
        ),
        (
            "scenes: [a]\non_absent: resend",
            "on_absent: there is no such field; it belongs in settings.purchases",
        ),
        (
            "scenes: [a]\nsettle_seconds: 5",
            (
                "settle_seconds: there is no such field; "
                "did you mean 'settings.purchases.lookup_window_seconds'?"
            ),
        ),
        (
            "scenes: [a]\nvarients: [{n: 2}]",
            "varients: there is no such field; did you mean 'variants'?",
        ),
        (
            "scenes: [a]\nsettings: {settle: 3, on_absnt: stop}",
            "settings.on_absnt: there is no such field; did you mean 'purchases.on_absent'?",
        ),
        (
            "scenes: [a]\nsettings: {lookup_window_seconds: 5}",
            (
                "settings.lookup_window_seconds: there is no such field; "
                "did you mean 'purchases.lookup_window_seconds'?"
            ),
        ),
        (
            "scenes: [a]\nsettings: {polling: {first_second: 5}}",
            "settings.polling.first_second: there is no such field; did you mean 'first_seconds'?",
        ),
        (
            "scenes: [a]\nsettings: {purchases: {shards: {size: 5}}}",
            "settings.purchases.shards: there is no such field; it belongs in settings",
        ),
        (
            "scenes: [a]\nsettings: {purchases: {prices: [{model: m, credit: 5}]}}",
            "settings.purchases.prices[0].credit: there is no such field; did you mean 'credits'?",
        ),
        (
            "scenes: [a]\ncasts: [{roles: [{roll: hero, character: T}]}]",
            "casts[0].roles[0].roll: there is no such field; did you mean 'role'?",
        ),
        ("scenes: [a]\nbucket: x", "bucket: there is no such field"),
        (
            "scenes: [a]\ncasts: [{roles: {hero: 5}}]",
            "casts[0].roles[0].character: Input should be a valid string",
        ),
        (
            "scenes: [a]\nvariants: [{n: many}]",
            (
                "variants[0].n: Input should be a valid integer, "
                "unable to parse string as an integer"
            ),
        ),
        (
            "scenes: A dog",
            "scenes: give a list, or the name of a table (.csv, .tsv, .jsonl, .parquet)",
        ),
        ("scenes: 5", "scenes: Input should be a valid list"),
        ("scenes: [a]\nsettings: [x]", "settings: Input should be"),
        ("scenes: [[a]]", "scenes[0]: Input should be a valid dictionary"),
        ("scenes: [a]\nvariants:", "variants: Input should be a valid list"),
        ("scenes: [a]\n1: 2", "[1]: Keys should be strings"),
        ("- A dog", "expected fields such as scenes: and variants:"),
        ("", "expected fields such as scenes: and variants:"),
        ("A dog", "expected fields such as scenes: and variants:"),
        ("scenes: [a", "it can't be read: line 1, column 11: expected ',' or ']', but got"),
        ("a: \0", "it can't be read: unacceptable character #x0000"),
        ("!!bool maybe", "it can't be read: 'maybe'"),
        ("!!int ''", "it can't be read: string index out of range"),
        ("!!timestamp x", "it can't be read: "),
        ("scenes: !!set {a}", "it can't be read: Object of type set is not JSON"),
        ("extra: &a [*a]", "it can't be read: Circular reference detected"),
        (r'scenes: ["\ud83d"]', "it can't be read: 'utf-8' codec can't encode"),
        ("[" * 2000, "it can't be read: maximum recursion depth"),
    ],
)
def test_a_fault_says_where_and_what(text: str, fault: str) -> None:
    assert any(told.startswith(f"b.yaml: {fault}") for told in faults_of(text)), faults_of(text)


def test_all_faults_of_the_file_and_those_of_the_plan_come_together() -> None:
    text = """
scenes:
  - {prompt: A dog, image_urls: ["ftp://m.example/a.png"], dog: 1}
  - 5
  - {promt: A cat}
variants:
  - {duration: 12, n: many}
characters: Turbo
"""
    spec, faults = read_spec(text, "b.yaml")
    assert [fault.split(": ")[1] for fault in faults] == [
        "scenes[0].dog",
        "scenes[1]",
        "scenes[2].prompt",
        "scenes[2].promt",
        "variants[0].n",
        "characters",
    ]
    planned = plan_batch(spec, "b", "s3://videos").faults
    assert [fault.split("=")[0] for fault in planned] == [
        "a-dog / sora-2-12s: duration",
        "a-dog / sora-2-12s: image_urls[0]",
    ]


def test_what_cannot_be_saved_leaves_an_empty_batch() -> None:
    assert read_spec("? 1\n: {}\n", "b.yaml")[0] == BatchSpec()
    assert read_spec("settings: {max_in_flight: {}}\n? null\n: 1", "b.yaml")[0] == BatchSpec()


@pytest.mark.parametrize("tag", ["python/object/apply:os.mkdir", "python/object/new:os.mkdir"])
def test_tags_cannot_run_code(tag: str, tmp_path: Path) -> None:
    made = tmp_path / "made"
    (fault,) = faults_of(f"scenes: !!{tag} ['{made}']")
    assert "could not determine a constructor for the tag" in fault
    assert not made.exists()


@pytest.mark.parametrize("name", ["b.yaml", "b.json"])
def test_a_file_that_cannot_be_read_shows_none_of_its_signed_urls(name: str) -> None:
    url = "https://m.example/a.png?X-Amz-Signature=5ec2e7"
    for text in (f'{{"scenes": ["{url}"', f"a: [{url} [\nb", f"a: '{url}", f"a: {url}: x"):
        (fault,) = faults_of(text, name)
        assert "5ec2e7" not in fault


def test_text_that_is_not_in_utf_8_is_a_fault() -> None:
    (fault,) = open_spec("scenes: [Café]".encode("latin-1"), "b.yaml").batch()[1]
    assert "'utf-8' codec can't decode" in fault


def test_a_byte_order_mark_is_no_part_of_the_text() -> None:
    for name in ("b.yaml", "b.json"):
        found, faults = open_spec(b'\xef\xbb\xbf{"scenes": ["A dog"]}', name).batch()
        assert (faults, [scene.prompt for scene in found.scenes]) == ([], ["A dog"])


TEXTS = st.text(st.characters(exclude_categories=["Cs"])) | st.text(
    "[]{}:,-!&*?|>#'\"\n 0129aA_.", max_size=40
)
YAMLISH = st.sampled_from(
    [*"[]{}1=", "\n", "\n- ", ": ", "''", " ", "scenes", "variants", "casts", "settings", "16:9"]
) | st.sampled_from(
    ["&a ", "*a", "<<", "!!int ", "!!set ", "!!binary ", "!!timestamp ", "!!float "]
)


@given(TEXTS | st.lists(YAMLISH).map("".join), st.sampled_from(["b.yaml", "b.json"]))
def test_no_text_makes_reading_or_planning_raise(text: str, name: str) -> None:
    spec, faults = read_spec(text, name)
    assert faults or json.loads(spec.model_dump_json())
    plan_batch(spec, "b", "s3://videos")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["prompt", "name", "roles", "role", "character", "n", "extra", "x"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*BatchSpec.model_fields, "promts"]), VALUES, max_size=4))
def test_no_data_makes_reading_or_planning_raise(data: dict[str, object]) -> None:
    spec, faults = read_spec(json.dumps(data), "b.json")
    assert faults or spec.model_dump_json()
    plan_batch(spec, "b", "s3://videos")


FOREIGN = [
    "scenes: [{prompt: A dog, image_urls: [/etc/passwd]}]",
    "scenes: [{prompt: A dog, image_urls: [~/.ssh/id_rsa]}]",
    "scenes: [{prompt: A dog, character_url: /home/clip.mp4}]",
    "{scenes: [A dog], characters: [{name: Turbo, url: /home/clip.mp4, timestamps: '1,3'}]}",
]


@pytest.mark.parametrize("content", FOREIGN)
def test_a_spec_in_s3_can_not_name_files_of_the_machine_that_reads_it(content: str) -> None:
    spec, faults = open_spec(content.encode(), "s3://studio/specs/lisbon.yaml").batch()
    assert faults[0].endswith(": a spec in S3 can only name files in S3")
    assert not [*spec.scenes, *spec.characters]  # nothing of it is opened
    assert open_spec(content.encode(), "/home/specs/lisbon.yaml").batch()[1] == []


@pytest.mark.parametrize("table", ["/etc/passwd.csv", "~/prompts.csv"])
def test_nor_a_table_there(table: str) -> None:
    spec = open_spec(f"scenes: {table}".encode(), "s3://studio/specs/lisbon.yaml")
    assert spec.table_path is None
    assert "the name of a table" in spec.batch()[1][0]
