"""Scenes from a table: CSV, JSONL and Parquet."""

import io
import json
import sys
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_toapis.planning.plan import plan_batch
from prefect_toapis.planning.spec import BatchSpec, Scene, Variant
from prefect_toapis.planning.spec_files import open_spec
from prefect_toapis.planning.spec_tables import read_table

ROWS: list[dict[str, Any]] = [
    {
        "name": "tram",
        "prompt": 'A "yellow" tram, uphill\nat dawn',
        "image_urls": ["https://m.example/a,b.png?x=1", "stills/two words.png"],
        "character_url": None,
    },
    {
        "name": None,
        "prompt": "Ein Café",
        "image_urls": [],
        "character_url": "https://m.example/c.mp4",
    },
]
SCENES = [
    Scene(
        name="tram",
        prompt='A "yellow" tram, uphill\nat dawn',
        image_urls=["https://m.example/a,b.png?x=1", "specs/stills/two words.png"],
    ),
    Scene(prompt="Ein Café", character_url="https://m.example/c.mp4"),
]
CSV = """name,prompt,image_urls,character_url
tram,"A ""yellow"" tram, uphill
at dawn","https://m.example/a,b.png?x=1 | stills/two words.png",
,Ein Café,,https://m.example/c.mp4
"""


def parquet(rows: list[dict[str, Any]]) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), file)
    return file.getvalue()


def jsonl(rows: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


FLAT = [{**row, "image_urls": " | ".join(row["image_urls"])} for row in ROWS]
FILES = {
    "CSV": ("specs/p.csv", CSV.encode()),
    "CSV as Windows writes it": ("specs/p.CSV", CSV.replace("\n", "\r\n").encode("utf-8-sig")),
    "CSV, semicolons": (
        "specs/p.csv",
        CSV.replace(",", ";").replace("m; u", "m, u").replace("a;b", "a,b").encode(),
    ),
    "CSV, padded": ("specs/p.csv", CSV.replace("_url\n", "_url,,\n").encode() + b",,,,,\n\n"),
    "JSONL": ("specs/p.jsonl", jsonl(ROWS)),
    "JSONL as Windows writes it": (
        "specs/p.jsonl",
        b"\xef\xbb\xbf" + jsonl(FLAT).replace(b"\n", b"\r\n\r\n"),
    ),
    "Parquet": ("specs/p.parquet", parquet(ROWS)),
    "Parquet of text": ("specs/p.parquet", parquet(FLAT)),
}


@pytest.mark.parametrize(("path", "content"), FILES.values(), ids=FILES)
def test_each_kind_of_table_holds_the_same_scenes(path: str, content: bytes) -> None:
    found, faults = open_spec(content, path).batch()
    assert faults == []
    assert found.model_dump() == BatchSpec(scenes=SCENES).model_dump()
    assert found.variants == [Variant()]


def faults_of(content: str | bytes, name: str = "p.csv") -> list[str]:
    return open_spec(content.encode() if isinstance(content, str) else content, name).batch()[1]


@pytest.mark.parametrize(
    ("name", "content", "faults"),
    [
        (
            "p.csv",
            "promt,duration,prompt,n\nx,10,A dog,\n,,,\n,,,2\nA,,b,c,d\n",
            [
                "column promt: there is no such field; did you mean 'prompt'?",
                "column duration: there is no such field; duration belongs in the variants",
                "column n: there is no such field; n belongs in the variants",
                "row 4: prompt: Field required",
                "row 5: it has 5 cells, but the header has 4; quote texts that contain ','",
            ],
        ),
        ("p.csv", "prompt,,\nA,,b\n", ["row 2: it has a cell in a column without a name"]),
        (
            "p.csv",
            "prompt,name,prompt\nA,b,c\n",
            ["columns 'prompt' and 'prompt' mean the same field, prompt"],
        ),
        (
            "p.csv",
            'prompt\nA dog\n"A cat\n',
            ["it can't be read: row 3: a quoted text has no closing quote"],
        ),
        ("p.csv", b"prompt\nCaf\xe9\n", ["it can't be read: it isn't UTF-8"]),
        (
            "p.jsonl",
            '{"prompt": "A dog"}\n\n{"prompt": 5}\n"A cat"\n{"x": 1\n{"promt": "\\ud83d"}\n',
            [
                "row 3: prompt: Input should be a valid string",
                'row 4: expected an object such as {"prompt": "A dog"}',
                "row 5: it can't be read: Expecting ',' delimiter",
                "row 6: it can't be read: 'utf-8' codec can't encode",
            ],
        ),
        ("p.jsonl", "[" * 100_000, ["row 1: it can't be read: "]),
        ("p.parquet", b"PAR1", ["it can't be read: not a Parquet file, or damaged"]),
        (
            "p.parquet",
            parquet([{"prompt": "A", "image_urls": [5], "w": None}]),
            [
                "column w: there is no such field",
                "row 1: image_urls[0]: Input should be a valid string",
            ],
        ),
    ],
)
def test_all_faults_come_together_with_rows_as_a_person_counts_them(
    name: str, content: str | bytes, faults: list[str]
) -> None:
    told = faults_of(content, name)
    for one, start in zip(told, faults, strict=True):
        assert one.startswith(f"{name}: {start}")


def test_a_table_shows_none_of_its_cells_in_its_faults() -> None:
    signed = "https://m.example/a.png?X-Amz-Signature=5ec2e7"
    for name, content in {
        "p.csv": f'image_urls,x\n{signed},"{signed}\n',
        "p.jsonl": f'{{"prompt": ["{signed}"], "image_urls": {{"{signed}": 1}}}}\n"{signed}\n',
    }.items():
        told = faults_of(content, name)
        assert told
        assert "5ec2e7" not in str(told)


YAML = b"""
scenes: tables/p.csv
variants: [{durations: 3}, {name: tall, aspect_ratio: "9:16"}]
casts: [Turbo]
"""


def test_a_spec_names_the_table_of_its_scenes() -> None:
    spec = open_spec(YAML.replace(b"s: 3", b": 10"), "s3://studio/specs/lisbon.yaml")
    assert spec.table_path == "s3://studio/specs/tables/p.csv"
    found, faults = spec.with_scenes(
        read_table(b"prompt,image_urls\nA,../a.png\n", "p.csv")
    ).batch()
    assert faults == []
    assert found.scenes[0].image_urls == ["s3://studio/a.png"]  # from where the spec lies
    assert [one.aspect_ratio for one in found.variants] == [None, "9:16"]
    assert len(found.casts) == 1


def test_faults_of_a_spec_and_of_its_table_come_together() -> None:
    table = read_table(b"promt,prompt\nx,\n", "p.csv")
    found, faults = open_spec(YAML, "lisbon.yaml").with_scenes(table).batch()
    assert faults == [
        "p.csv: column promt: there is no such field; did you mean 'prompt'?",
        "p.csv: row 2: prompt: Field required",
        "lisbon.yaml: variants[0].durations: there is no such field; did you mean 'duration'?",
    ]
    assert found.variants[1].name == "tall"


@pytest.mark.parametrize(
    ("path", "table"),
    [
        ("lisbon.yaml", "tables/p.csv"),
        ("specs/lisbon.yaml", "specs/tables/p.csv"),
        ("/specs/lisbon.json", "/specs/tables/p.csv"),
    ],
)
def test_a_table_is_looked_for_beside_its_spec(path: str, table: str) -> None:
    content = b'{"scenes": "tables/p.csv"}'
    assert open_spec(content, path).table_path == table


@pytest.mark.parametrize("content", [b"scenes: [A dog]", b"scenes: A dog", b"batch: b", b"- a"])
def test_without_a_table_there_is_none_to_read(content: bytes) -> None:
    assert open_spec(content, "b.yaml").table_path is None


def test_without_pyarrow_a_parquet_table_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match=r'pip install "prefect-toapis\[tables\]"'):
        open_spec(b"", "p.parquet")
    assert faults_of("prompt\nA dog\n") == []


CELLS = st.sampled_from([*',;\t|"\n\r{}[]:', "prompt", "name", "image_urls", "A dog", "null", "5"])


@given(
    st.text(st.characters(exclude_categories=["Cs"])) | st.lists(CELLS).map("".join),
    st.sampled_from(["p.csv", "p.jsonl"]),
)
def test_no_text_makes_reading_or_planning_raise(text: str, name: str) -> None:
    spec, faults = open_spec(text.encode(), name).batch()
    assert faults or json.loads(spec.model_dump_json())
    plan_batch(spec, "b", "s3://videos")


@given(st.binary(max_size=60), st.sampled_from(["p.csv", "p.jsonl", "p.parquet", "p.yaml"]))
def test_no_bytes_make_reading_raise(content: bytes, name: str) -> None:
    open_spec(content, name).batch()
