"""What is wrong with a table of 300 rows, as its author reads it: once, and with the rows."""

from collections.abc import Callable
from typing import NamedTuple

import pytest

from prefect_toapis.planning.file_references import File, file_faults
from prefect_toapis.planning.plan import plan_batch
from prefect_toapis.planning.spec import BatchSpec
from prefect_toapis.planning.spec_files import open_spec
from prefect_toapis.planning.spec_tables import read_table

ROWS = 300


def table(header: str, row: Callable[[int], str]) -> str:
    return "\n".join([header, *map(row, range(ROWS)), ""])


def planned(content: str | bytes, name: str = "p.csv", spec: str = "") -> list[str]:
    """The faults of a table (named in a spec), and those of its plan."""
    data = content.encode() if isinstance(content, str) else content
    file = open_spec(data, name)
    if spec:
        file = open_spec(spec.encode(), "lisbon.yaml").with_scenes(read_table(data, name))
    batch, faults = file.batch()
    large = batch.model_copy(update={"max_videos": 100_000})
    plan = plan_batch(large, "b", "s3://studio") if batch.scenes else None
    return faults + (plan.faults if plan else [])


class Trouble(NamedTuple):
    content: str
    faults: list[str]
    spec: str = ""
    name: str = "p.csv"


TROUBLES = {
    "a misspelt column": Trouble(
        table("name,promt", lambda n: f"n{n},A dog {n}"),
        ["column promt: there is no such field; did you mean 'prompt'?"],
    ),
    "columns of a variant": Trouble(
        table("Prompt,Aspect Ratio,Duration (s)", lambda n: f"A dog {n},16:9,10"),
        [
            (
                "column Aspect Ratio: there is no such field; aspect_ratio belongs in the "
                "variants of a spec that names this table"
            ),
            (
                "column Duration (s): there is no such field; duration belongs in the variants "
                "of a spec that names this table"
            ),
        ],
    ),
    "no header": Trouble(
        table("A cat sleeps,cats", lambda n: f"A dog {n},dogs"),
        ["the first row must name the columns, such as prompt; it has: A cat sleeps, cats"],
    ),
    "no prompts": Trouble(table("name", lambda n: f"n{n}"), ["it has no column prompt"]),
    "only a header": Trouble("prompt,name\n", ["it has no rows below its header"]),
    "nothing": Trouble("\n", ["it can't be read: it is empty"]),
    "the same field thrice": Trouble(
        table("Prompt,prompt,PROMPT ", lambda n: f"a,b,A dog {n}"),
        ["columns 'Prompt', 'prompt' and 'PROMPT ' mean the same field, prompt"],
    ),
    "no quotes": Trouble(
        table("name,prompt", lambda n: f"n{n},A dog, running" if n % 2 else f"n{n},A dog {n}"),
        [
            (
                "rows 3, 5, 7, 9, 11, 13, 15, 17 and 142 more: it has 3 cells, but the header "
                "has 2; quote texts that contain ','"
            )
        ],
    ),
    "a quote that never ends": Trouble(
        'prompt\nA dog\n"A cat\nA bird\n',
        ["it can't be read: row 3: a quoted text has no closing quote"],
    ),
    "quotes within quotes": Trouble(
        'prompt\n"A "big" dog"\n',
        [
            (
                "it can't be read: row 2: there is text after a closing quote; double the quotes "
                'within a text: ""'
            )
        ],
    ),
    "empty prompts": Trouble(
        table("name,prompt", lambda n: f"n{n},{'' if 8 <= n < 20 else f'A dog {n}'}"),
        ["rows 10-21: prompt: Field required"],
    ),
    "numbers for texts": Trouble(
        "\n".join(f'{{"prompt": "A dog {n}", "name": {n}}}' for n in range(ROWS)),
        ["rows 1-300: name: Input should be a valid string"],
        name="p.jsonl",
    ),
    "lines that aren't JSON": Trouble(
        "\n".join(f'{{"prompt": "A" "dog {n}"}}' for n in range(ROWS)),
        ["rows 1-300: it can't be read: Expecting ',' delimiter: line 1 column 16 (char 15)"],
        name="p.jsonl",
    ),
    "a cell that isn't JSON": Trouble(
        table("prompt,image_with_roles", lambda n: f"A dog {n},[{n}"),
        ["rows 2-301: image_with_roles: Expecting ',' delimiter: line 1 column 3 (char 2)"],
    ),
    "URLs that can't be fetched": Trouble(
        table("name,prompt,Image URLs", lambda n: f"n{n},A dog {n},ftp://media.example/{n}.png"),
        [
            (
                "rows 2-301: n0 / sora-2 (and 299 more): image_urls[0]='ftp://media.example/0.png' "
                "with sora-2: ftp:// can't be fetched by the provider: give an http(s) URL"
            )
        ],
    ),
    "texts that are too long, each by its own length": Trouble(
        table("name,prompt", lambda n: f"n{n}," + "x" * (40_000 + n)),
        [
            (
                'rows 2-301: scene "n0" (and 299 more): prompt: 40,000 characters exceed the '
                "limit of 32,000"
            ),
            (
                f"rows 2-301: n0 / sora-2 (and 299 more): prompt='{'x' * 59}… with sora-2: 40,000 "
                "characters exceed the limit of 32,000"
            ),
        ],
    ),
    "a role that nobody plays": Trouble(
        table("name,prompt", lambda n: f"n{n},{{hero}} runs {n}"),
        [
            (
                'rows 2-301: scene "n0" (and 299 more): no cast fills {hero}; add the role to a '
                "cast, or write {{hero}} for literal braces"
            )
        ],
    ),
    "a wrong variant, and a rule that only some rows break": Trouble(
        table("name,prompt,mode", lambda n: f"n{n},A dog {n},{'pro' if n in {7, 8} else ''}"),
        [
            "rows 2-301: n0 / v (and 299 more): duration=12 with sora-2: choose 10 or 15 seconds",
            (
                "rows 9-10: n7 / v (and 1 more): mode='pro' with sora-2: it has no such field; use "
                "kling-v2-6, kling-v3, kling-v3-omni or kling-video-o1"
            ),
        ],
        spec="scenes: p.csv\nvariants: [{name: v, duration: 12}]",
    ),
    "the same scene again": Trouble(
        table("name,prompt", lambda n: f"n{n},A dog {n % 299}"),
        [
            (
                "rows 2 and 301: n0 / sora-2 and n299 / sora-2: duplicate shot; to buy several "
                "takes, set takes on the variant"
            )
        ],
    ),
    "a remix with fields that it doesn't take": Trouble(
        table("name,prompt,remix_of", lambda n: f"n{n},A dog {n},video_1"),
        [
            (
                'rows 2-301: scene "n0" with v (and 299 more): style: not allowed in a remix; it '
                "takes only aspect_ratio, duration, model, prompt, size"
            )
        ],
        spec="scenes: p.csv\nvariants: [{name: v, style: anime}]",
    ),
    "a spreadsheet": Trouble(
        "PK\3\4", ["it is a spreadsheet; save it as CSV (UTF-8), and give that file"], name="p.xlsx"
    ),
}


@pytest.mark.parametrize("trouble", TROUBLES.values(), ids=TROUBLES)
def test_a_fault_of_many_rows_is_said_once_with_the_rows(trouble: Trouble) -> None:
    expected = [f"{trouble.name}: {fault}" for fault in trouble.faults]
    assert planned(trouble.content, trouble.name, trouble.spec) == expected


def test_different_faults_of_few_rows_are_each_said() -> None:
    found = planned("name,prompt,image_urls\na,A,ftp://a.b/1.png\nb,B,ftp://a.b/2.png\n")
    assert [fault.split(":")[1:3] for fault in found] == [
        [" row 2", " a / sora-2"],
        [" row 3", " b / sora-2"],
    ]


def test_rows_are_those_of_the_scenes_that_are_left() -> None:
    content = '{"prompt": 1}\n{"prompt": "{hero} runs", "name": "run"}'
    assert planned(content, "p.jsonl")[1].startswith('p.jsonl: row 2: scene "run": no cast')


def test_files_are_listed_with_all_rows_that_name_them() -> None:
    content = table("name,prompt,image_urls", lambda n: f"n{n},A dog {n},logo.png|stills/{n}.png")
    spec = open_spec(content.encode(), "p.csv").batch()[0]
    stills = [File(f"stills/{n}.png", "image") for n in range(ROWS)]
    logo = File("logo.png", "image")
    assert file_faults(spec, {logo: "it is empty"}) == [
        'p.csv: rows 2-301: scene "n0" (and 299 more): logo.png: it is empty'
    ]
    assert file_faults(spec, dict.fromkeys(stills[10:], "there is no such file")) == [
        'p.csv: rows 12-301: scene "n10" (and 289 more): stills/10.png: there is no such file'
    ]
    assert len(file_faults(spec, dict.fromkeys(stills[:3], "there is no such file"))) == 3


def test_without_a_table_each_file_is_listed() -> None:
    scenes = [{"prompt": f"A dog {n}", "image_urls": [f"{n}.png", "a.png"]} for n in range(9)]
    spec = BatchSpec.model_validate({"scenes": scenes})
    missing = {File(f"{n}.png", "image"): "there is no such file" for n in range(9)}
    assert len(file_faults(spec, missing)) == 9
    assert file_faults(spec, {File("a.png", "image"): "it is empty"}) == [
        'scene "a-dog-0" (and 8 more): a.png: it is empty'
    ]


HEADERS = {
    "as the field": "name,prompt,image_urls,negative_prompt",
    "capitals": "NAME,Prompt,Image_URLs,NEGATIVE_PROMPT",
    "blanks": " Name , Prompt ,Image URLs,negative  prompt",
    "hyphens": "name,prompt,image-urls,Negative-Prompt",
    "in quotes, with line breaks": '"name","prompt","image\nURLs","Negative\nPrompt"',
    "non-breaking spaces": "name,prompt,\u00a0image\u00a0URLs,negative\u00a0prompt\u00a0",
    "two byte order marks": "\ufeff\ufeffname,prompt,imageURLs,Negative Prompt",
}


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
def test_a_header_means_a_field_however_it_is_written(header: str) -> None:
    row = "tram,A tram,https://media.example/a.png,rain"
    found = read_table(f"{header}\n{row}\n".encode(), "p.csv")
    assert found.faults == []
    assert [*found.rows[0]] == ["name", "prompt", "image_urls", "negative_prompt"]


SCENES = [{"name": "tram", "prompt": "A tram, uphill; slowly"}, {"prompt": "Ein Café"}]
LINES = ['name,"prompt"', 'tram,"A tram, uphill; slowly"', ",Ein Café", ""]
SEMICOLONS = ["name;prompt", 'tram;"A tram, uphill; slowly"', ";Ein Café", ""]
TABS = ["Name\tPrompt", "tram\tA tram, uphill; slowly", "\tEin Café", ""]
WRITERS = {
    "Google Sheets": "\r\n".join(LINES).encode(),
    "LibreOffice": "\n".join(LINES).encode(),
    "Numbers": "\r\n".join(SEMICOLONS).encode(),
    "Excel, CSV UTF-8": "\r\n".join(SEMICOLONS).encode("utf-8-sig"),
    "Excel, CSV for Macintosh": "\r".join(SEMICOLONS).encode(),
    "Excel, Unicode text": "\r\n".join(TABS).encode("utf-16"),
    "big-endian": b"\xfe\xff" + "\r\n".join(TABS).encode("utf-16-be"),
    "sep": "\r\n".join(["sep=;", *SEMICOLONS]).encode(),
    "sep, in capitals, quoted, with a byte order mark": "\r\n".join(
        ['"SEP=;"', *SEMICOLONS]
    ).encode("utf-8-sig"),
    "sep, as a spreadsheet pads it": "\n".join(["sep=|;;", "name|prompt", *TABS[1:]])
    .replace("\t", "|")
    .encode(),
    "sep in UTF-16": "\r\n".join(["sep=\t", *TABS]).encode("utf-16"),
    "empty rows first": "\n".join([",", "", *LINES]).encode(),
}


@pytest.mark.parametrize("content", WRITERS.values(), ids=WRITERS)
def test_csv_is_read_as_programs_write_it(content: bytes) -> None:
    found = read_table(content, "p.csv")
    assert (found.rows, found.faults, found.row_faults) == (SCENES, [], [])
    empty_rows = 2 if content.startswith(b",\n") else 0
    assert found.numbers == [2 + empty_rows, 3 + empty_rows]


def test_tsv_is_a_table() -> None:
    assert read_table("\n".join(TABS).encode(), "p.TSV").rows == SCENES
