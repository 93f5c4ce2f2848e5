"""What YAML, JSON and CSV make of a spec behind its author's back is a fault, with its line."""

import json
from typing import Any, get_args

import pyarrow as pa
import pytest
from pydantic import BaseModel, ValidationError
from tests.security.test_inputs import faults_of, parquet

from prefect_toapis import RunSettings, Scene, Variant
from prefect_toapis.planning.pricing import Price
from prefect_toapis.planning.spec import BatchSpec
from prefect_toapis.planning.spec_files import open_spec

TWICE: dict[str, tuple[str, str, str]] = {
    "at the top": (
        "b.yaml",
        "max_videos: 1\nscenes: [a]\nmax_videos: 9",
        "line 3: 'max_videos' is given twice, first in line 1",
    ),
    "inside": (
        "b.yaml",
        "scenes:\n- prompt: a\n  prompt: b",
        "line 3: 'prompt' is given twice, first in line 2",
    ),
    "in one line": (
        "b.yaml",
        "scenes: [{prompt: a, prompt: b}]",
        "line 1: 'prompt' is given twice, first in line 1",
    ),
    "in quotes": (
        "b.yaml",
        'scenes: [a]\n"scenes": [b]',
        "line 2: 'scenes' is given twice, first in line 1",
    ),
    "in extra": ("b.yaml", "variants:\n- extra: {a: {b: 1, b: 2}}", "line 2: 'b' is given twice"),
    "in another spelling": (
        "b.yaml",
        "yes: 1\ntrue: 2",
        "line 2: 'true' is given twice, first in line 1",
    ),
    "JSON": (
        "b.json",
        '{"scenes": ["a"],\n"budget_credits": 100,\n"budget_credits": 100000}',
        "line 3: 'budget_credits' is given twice, first in line 2",
    ),
    "JSON, inside": (
        "b.json",
        '{"scenes": [{"prompt": "a",\n\n"prompt": "b"}]}',
        "line 3: 'prompt' is given twice, first in line 1",
    ),
    "JSON, escaped": (
        "b.json",
        '{"scenes": ["a"], "sc\\u0065nes": []}',
        "line 1: 'scenes' is given twice",
    ),
    "JSONL": (
        "p.jsonl",
        '{"prompt": "a"}\n{"prompt": "b", "prompt": "c"}',
        "row 2: 'prompt' is given twice",
    ),
    "CSV": (
        "p.csv",
        "prompt,name,prompt\na,b,c",
        "columns 'prompt' and 'prompt' mean the same field, prompt",
    ),
    "CSV, in another case": (
        "p.csv",
        "prompt,Prompt \na,b",
        "columns 'prompt' and 'Prompt ' mean the same field, prompt",
    ),
    "Parquet": ("p.parquet", "", "columns 'prompt' and 'Prompt' mean the same field, prompt"),
}


@pytest.mark.parametrize(("name", "text", "fault"), TWICE.values(), ids=TWICE)
def test_what_is_given_twice_is_a_fault(name: str, text: str, fault: str) -> None:
    content = text.encode() or parquet(pa.table([["a"], ["b"]], names=["prompt", "Prompt"]))
    assert any(fault in told for told in faults_of(content, name))


def test_the_same_key_in_different_objects_and_merged_ones_are_no_fault() -> None:
    text = """
variants:
- &a {name: a, duration: 10}
- {<<: *a, name: b}
- {<<: [*a], name: c, duration: 15}
scenes: [{prompt: a}, {prompt: b}]
"""
    spec, faults = open_spec(text.encode(), "b.yaml").batch()
    assert faults == []
    assert [(one.name, one.duration) for one in spec.variants] == [("a", 10), ("b", 10), ("c", 15)]
    assert (
        faults_of(
            '{"scenes": [{"prompt": "a"}, {"prompt": "b"}], "variants": [{"name": "prompt"}]}',
            "b.json",
        )
        == []
    )


MEANT_AS_TEXT: list[tuple[str, str]] = [
    ("scenes:\n- {prompt: a, name: no}", "line 2: YAML reads no as false; put it in quotes"),
    ("scenes: [{prompt: 007}]", "line 1: YAML reads 007 as a number; put it in quotes"),
    ("scenes: [{prompt: 0x1F}]", "YAML reads 0x1F as a number; put it in quotes"),
    ("scenes: [{prompt: 1_000}]", "YAML reads 1_000 as a number; put it in quotes"),
    ("scenes: [{prompt: 1.5}]", "YAML reads 1.5 as a number; put it in quotes"),
    ("scenes: [{prompt: ~}]", "YAML reads ~ as nothing; put it in quotes"),
    ("scenes: [on]", "YAML reads on as true; put it in quotes"),
    ("scenes: [A, 5]", "YAML reads 5 as a number; put it in quotes"),
    ("scenes: [a]\nbatch: 007", "line 2: YAML reads 007 as a number; put it in quotes"),
    ("scenes: [a]\ncasts: [{roles: {hero: no}}]", "YAML reads no as false; put it in quotes"),
    ("scenes: [a]\ncasts: [{roles: {no: T}}]", "YAML reads no as false; put it in quotes"),
    ("scenes: [a]\nvariants: [{style: off}]", "YAML reads off as false; put it in quotes"),
    ("scenes: [a]\nbudget_credits: 0100", "YAML reads 0100 as the number 64; put it in quotes"),
    ("scenes: [a]\nvariants: [{extra: {voice: 007}}]", "as the number 7; put it in quotes"),
    ("scenes: [a]\nvariants: [{extra: {colour: 0xFF00}}]", "reads 0xFF00 as the number 65280; put"),
    (
        "scenes: [a]\nvariants: [{extra: {mask: 0b11}}]",
        "as the number 3; put it in quotes",
    ),
    ("scenes: [a]\nvariants: [{extra: {part: 1_000}}]", "as the number 1000; put it in quotes"),
    ("scenes: [a]\nvariants: [{extra: {tone: +5}}]", "as the number 5; put it in quotes"),
    ("scenes: [a]\nvariants: [{extra: {language: no}}]", "line 2: YAML reads no as false; put it"),
    ("scenes: [a]\nvariants: [{extra: {a: [{b: On}]}}]", "YAML reads On as true; put it in quotes"),
    ("scenes: [a]\nvariants: [{extra: {seed: 1e3}}]", "line 2: YAML reads 1e3 as text; put it in"),
    ("scenes: [a]\nvariants: [{extra: {mode: 0o17}}]", "YAML reads 0o17 as text; put it in quotes"),
    ("scenes: [a]\nmax_videos: 1e3", "max_videos: Input should be a valid integer"),
    (
        "scenes:\n- A dog #1 runs",
        "line 2: scenes: # starts a comment, which truncates the text; quote it",
    ),
    ("scenes:\n- prompt: A dog  # 1", "line 2: prompt: # starts a comment"),
    ("scenes:\n- prompt: #1 dog", "# starts a comment, which truncates the text; quote it"),
    ("scenes:\n- {prompt: a,\n   name: dog #1\n  }", "line 3: name: # starts a comment"),
    ("scenes: [a]\nbatch: lisbon #2", "line 2: batch: # starts a comment"),
    ("scenes: [a]\nbatch: #2", "line 2: batch: # starts a comment"),
    ("scenes: [a]\nbudget_credits: #100", "line 2: budget_credits: # starts a comment"),
    ("scenes: [a]\nsettings:\n  keep_credits:  #9", "line 3: keep_credits: # starts a comment"),
    ("scenes: [a]\nvariants:\n- style: #noir", "line 3: style: # starts a comment"),
    ("scenes: [{prompt: A dog #1}]", "quote it if it is text"),
]


@pytest.mark.parametrize(("text", "fault"), MEANT_AS_TEXT)
def test_what_yaml_makes_of_a_text_is_told_with_its_line(text: str, fault: str) -> None:
    assert any(fault in told for told in faults_of(text)), faults_of(text)


def test_comments_where_no_text_is_cut_and_texts_in_quotes_stay() -> None:
    text = """# A batch
scenes:  # what is shown
  - prompt: "A dog #1"   # the first
    name: one  # for the site
  # - left out
  - prompt: >
      A dog #2
  - 'no'
variants:
  - duration: 10  # seconds
    aspect_ratio: 16:9 #wide
    extra: {a: [true, False], b: 'no', c: "1e3", d: -7, e: 1.5, f: 1.0e+3, g: ~, h: -1:30}
settings: {retries: {failed_shots: all}}  # refused ones, too
budget_credits:  # as much as it takes
batch: 2026-11-22
"""
    text += "characters: [{name: 12:30, username: 2026-11-22 10:00}]"  # no minutes, no moment
    spec, faults = open_spec(text.encode(), "b.yaml").batch()
    assert faults == []
    assert json.dumps([*spec.variants[0].extra.values()]) == (
        '[[true, false], "no", "1e3", -7, 1.5, 1000.0, null, "-1:30"]'
    )
    assert spec.characters[0].name == "12:30"
    assert [one.prompt for one in spec.scenes] == ["A dog #1", "A dog #2\n", "no"]


SEPARATED = [
    "sep=;\nprompt;name\nA, b;c\n",
    '"sep=;"\r\nprompt;name\r\nA, b;c\r\n',
    "SEP=;\nPrompt ; NAME\nA, b;c\n",
    "sep=|\nprompt|name\nA, b|c\n",
    "\ufeffsep=\t\n PROMPT\tname\nA, b\tc\n",
]


@pytest.mark.parametrize("text", SEPARATED)
def test_a_csv_file_may_say_what_separates_it_and_headers_count_in_any_case(text: str) -> None:
    spec, faults = open_spec(text.encode(), "p.csv").batch()
    assert faults == []
    assert spec.scenes == [Scene(prompt="A, b", name="c")]
    wrong = open_spec(text.replace("A, b", "").encode(), "p.csv").batch()[1]
    assert "row 2: prompt: Field required" in wrong[0]


def numbers_of(model: type[BaseModel]) -> list[str]:
    """The fields of a model that take a number."""
    kinds = {name: field.annotation for name, field in model.model_fields.items()}
    return [name for name, kind in kinds.items() if {int, float} & {kind, *get_args(kind)}]


NUMBERS = [
    (model, name)
    for model in (Variant, RunSettings, BatchSpec, Price)
    for name in numbers_of(model)
]


@pytest.mark.parametrize(("model", "name"), NUMBERS)
def test_true_is_no_number(model: type[BaseModel], name: str) -> None:
    required: dict[str, Any] = {"model": "x", "credits": 1} if model is Price else {}
    with pytest.raises(ValidationError, match=rf"{name}\n.*give a number, not true or false"):
        model.model_validate({**required, name: True})


@pytest.mark.parametrize("value", ["yes", "on", "true", "no"])
@pytest.mark.parametrize("name", ["max_videos", "budget_credits"])
def test_a_limit_that_yaml_reads_as_true_is_a_fault(name: str, value: str) -> None:
    assert faults_of(f"scenes: [a]\n{name}: {value}") == [
        f"b.yaml: {name}: Value error, give a number, not true or false"
    ]
