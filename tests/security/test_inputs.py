"""Every input has a bound, which is told in words before it is reached."""

import io
import os
import socket
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image, PngImagePlugin

from prefect_toapis import Manifest, S3Credentials, Scene, Variant
from prefect_toapis.blocks.media_files import read_media
from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.client.errors import InvalidCatalogue, InvalidPrices, InvalidRequest
from prefect_toapis.client.local_files import read_file
from prefect_toapis.client.request_rules import check
from prefect_toapis.client.requests import RemixRequest, VideoRequest
from prefect_toapis.flows.inputs import read_spec_file
from prefect_toapis.planning.parquet_files import ParquetBounds, parquet_rows
from prefect_toapis.planning.plan import Plan, plan_batch
from prefect_toapis.planning.price_files import prices_in_use
from prefect_toapis.planning.products import MOST_SHOTS
from prefect_toapis.planning.spec import BatchSpec
from prefect_toapis.planning.spec_files import open_spec
from prefect_toapis.reports.thumbnails import MOST_PIXELS, first_frame, image_size, small_poster

MEMORY = 700_000_000  # bytes of address space that a process may add while it refuses a bomb


def faults_of(content: str | bytes, name: str = "b.yaml") -> list[str]:
    return open_spec(content.encode() if isinstance(content, str) else content, name).batch()[1]


def parquet(table: pa.Table, **how: Any) -> bytes:
    file = io.BytesIO()
    pq.write_table(table, file, **how)
    return file.getvalue()


def repeated(text: str, times: int) -> pa.Array:
    """A column of one text, many times: a few bytes of a file."""
    return pa.DictionaryArray.from_arrays(pa.array([0] * times, pa.int32()), [text])


def laughs(levels: int) -> str:
    """A hundred million values in 300 bytes."""
    tens = [
        f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]" for level in range(1, levels)
    ]
    return "\n".join(["a0: &a0 [x, x, x, x, x, x, x, x, x, x]", *tens, "scenes: [A dog]"])


TOO_MUCH: dict[str, tuple[str, str | bytes, str]] = {
    "values behind aliases": (
        "b.yaml",
        laughs(9),
        "more than 500,000 values after expanding aliases",
    ),
    "texts behind aliases": (
        "b.yaml",
        f"a: &a {'x' * 100_000}\nb: [{', '.join(['*a'] * 1000)}]",
        "more than 64,000,000 characters after expanding aliases",
    ),
    "merged aliases": (
        "b.yaml",
        "a: &a {"
        + ", ".join(f"k{n}: 1" for n in range(1000))
        + "}\nb: &b {<<: ["
        + ", ".join(["*a"] * 100)
        + "]}\nc: {<<: ["
        + ", ".join(["*b"] * 100)
        + "]}",
        "more than 500,000 values after expanding aliases",
    ),
    "a chain of aliases": (
        "b.yaml",
        "a0: &a0 [x]\n" + "\n".join(f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 3000)),
        "nested more than 50 deep",
    ),
    "itself": ("b.yaml", "a: &a {b: [*a]}", "Circular reference detected"),
    "nesting in YAML": ("b.yaml", "[" * 100_000, "line 1 is nested more than 50 deep"),
    "blocks in YAML": ("b.yaml", "- " * 100_000, "line 1 is nested more than 50 deep"),
    "nesting in JSON": ("b.json", '{"a":\n' * 100_000, "line 51 is nested more than 50 deep"),
    "a number": ("b.yaml", f"max_videos: !!int {'1:' * 5000}1", "a number this long"),
    "bytes of YAML": ("b.yaml", b"#" * 9_000_000, "9.0 MB exceeds the limit of 8 MB"),
    "bytes of JSON": ("b.json", b" " * 33_000_000, "33.0 MB exceeds the limit of 32 MB"),
    "bytes of a table": ("p.csv", b"x" * 65_000_000, "65.0 MB exceeds the limit of 64 MB"),
    "values of JSON": ("b.json", "[" + "1," * 3_100_000 + "1]", "more than 3,000,000 values"),
    "rows of CSV": ("p.csv", "prompt\n" + "A\n" * 100_001, "it exceeds the limit of 100,000 rows"),
    "cells of CSV": (
        "p.csv",
        "prompt\n" + "," * 11_000_000,
        "it exceeds the limit of 10,000,000 cells",
    ),
    "a cell": (
        "p.csv",
        "prompt\nA\n" + "x" * 200_000,
        "row 3: field larger than field limit (131072)",
    ),
    "an open quote": ("p.csv", 'prompt\n"A' + "\nx" * 99_000, "larger than field limit"),
    "columns": (
        "p.csv",
        ",".join(f"c{n}" for n in range(1001)) + "\nA" + ",1" * 1000,
        "exceeds the limit of 1,000 columns",
    ),
    "nesting in JSONL": ("p.jsonl", "[" * 100_000, "row 1: it can't be read: "),
    "rows of Parquet": (
        "p.parquet",
        parquet(pa.table({"prompt": repeated("A", 100_001)})),
        "100,001 rows exceed the limit of 100,000",
    ),
    "columns of Parquet": (
        "p.parquet",
        parquet(pa.table({"prompt": ["A"], **{f"c{n}": [1] for n in range(1000)}})),
        "1,001 columns exceed the limit of 1,000",
    ),
    "a value of Parquet": (
        "p.parquet",
        parquet(pa.table({"prompt": pa.array([b"x" * 2000], pa.binary(2000))})),
        "values of 2,000 bytes exceed the limit of 1,000",
    ),
    "a text of Parquet, many times": (
        "p.parquet",
        parquet(pa.table({"prompt": repeated("x" * 1_000_000, 100_000)}), store_schema=False),
        "its texts exceed the limit of 128 MB",
    ),
    "a text in lists of Parquet": (
        "p.parquet",
        parquet(
            pa.table(
                {"image_urls": pa.ListArray.from_arrays([0, 1000], repeated("x" * 1_000_000, 1000))}
            ),
            store_schema=False,
        ),
        "its texts exceed the limit of 128 MB",
    ),
    "packed Parquet": (
        "p.parquet",
        parquet(
            pa.table({"prompt": ["x" * 90_000_000] * 3}), compression="zstd", use_dictionary=False
        ),
        "270.0 MB unpacked exceed the limit of 256 MB",
    ),
    "nulls in a list of Parquet": (
        "p.parquet",
        parquet(pa.table({"image_urls": pa.array([[None] * 3_000_000], pa.list_(pa.string()))})),
        "3,000,000 values exceed the limit of 2,000,000",
    ),
    "a name": (
        "b.yaml",
        f"scenes: [{{prompt: A, name: {'x' * 201}}}]",
        "201 characters exceed the limit of 200 for names",
    ),
    "a batch's name": (
        "b.yaml",
        "scenes: [A]\nsettings: {retries: {task_delays_seconds: [" + "1," * 60 + "]}}",
        "at most 50",
    ),
    "roles": (
        "b.json",
        '{"scenes": ["A"], "casts": [{"roles": {'
        + ",".join(f'"r{n}": "T"' for n in range(101))
        + "}}]}",
        "at most 100 items",
    ),
    "extra": (
        "b.json",
        '{"scenes": ["A"], "variants": [{"extra": {"x": [' + "1," * 10_000 + "1]}}]}",
        "10,000 values",
    ),
}


@pytest.mark.parametrize(("name", "content", "fault"), TOO_MUCH.values(), ids=TOO_MUCH)
def test_what_is_too_much_is_a_fault(name: str, content: str | bytes, fault: str) -> None:
    told = faults_of(content, name)
    assert any(fault in one for one in told), [one[:200] for one in told[:5]]
    assert all(len(one) < 1000 for one in told)
    assert len(told) < 1500


def test_of_a_parquet_file_only_the_wanted_columns_are_read() -> None:
    content = parquet(pa.table({"Prompt": ["A"], "notes": ["x" * 1000]}))
    bounds = ParquetBounds(rows=1, columns=2, values=1, unpacked=1000, characters=1)
    found = parquet_rows(content, {"prompt"}, bounds)
    assert found.columns == ["Prompt", "notes"]
    assert found.rows == [{"Prompt": "A"}]


BOMBS = ["values behind aliases", "a text of Parquet, many times", "packed Parquet"]


@pytest.mark.skipif(sys.platform != "linux", reason="bounds the address space of a process")
@pytest.mark.parametrize("kind", BOMBS)
def test_a_bomb_is_refused_in_little_memory(kind: str, tmp_path: Path) -> None:
    name, content, _ = TOO_MUCH[kind]
    file = tmp_path / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    bounded_run(
        "from prefect_toapis.planning.spec_files import open_spec\nimport pyarrow.parquet\n",
        f"content = open({str(file)!r}, 'rb').read()\n"
        f"assert open_spec(content, {name!r}).batch()[1]",
    )


def bounded_run(before: str, code: str) -> None:
    """Run code in a process that may add little memory once its imports are done."""
    bound = (
        "import resource\n"
        "used = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        f"resource.setrlimit(resource.RLIMIT_AS, (used + {MEMORY},) * 2)\n"
    )
    subprocess.run([sys.executable, "-c", before + bound + code], check=True, timeout=120)


def planned(**spec: Any) -> Plan:
    return plan_batch(BatchSpec.model_validate(spec), "b", "s3://videos")


def test_max_videos_is_reckoned_before_a_product_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []
    monkeypatch.setattr(
        "prefect_toapis.planning.plan.business_id", lambda *_: made.append(None), raising=True
    )
    plan = planned(
        scenes=[f"{{hero}} number {number}" for number in range(1000)],
        variants=[{"name": f"v{number}", "takes": 100, "n": 4} for number in range(1000)],
        characters=[{"name": f"c{number}", "username": f"a.c{number}"} for number in range(1000)],
        casts=[{"roles": {"hero": f"c{number}"}} for number in range(1000)],
    )
    assert plan.faults[-1].startswith("max_videos=100: the plan has 400000000000 videos; ")
    assert len(plan.shots) <= 2000
    assert not made


def test_a_plan_of_too_many_videos_still_has_its_other_faults() -> None:
    plan = planned(scenes=["A"], variants=[{"name": "v", "duration": 12, "takes": 100, "n": 4}])
    assert len(plan.faults) == 2
    assert plan.faults[1].startswith("max_videos=100: the plan has 400 videos")
    assert "duration=12 with sora-2: choose 10 or 15 seconds" in plan.faults[0]


def test_a_batch_has_a_bound_of_its_own_whatever_max_videos_is() -> None:
    scenes = [f"Number {number}" for number in range(1001)]
    plan = planned(scenes=scenes, variants=[{"takes": 100}], max_videos=10**9)
    assert plan.faults == [
        f"100,100 shots exceed the limit of {MOST_SHOTS:,} per batch; split the batch"
    ]


def test_a_large_batch_is_planned_by_work_that_grows_with_it() -> None:
    """No clock: the comparisons of names are counted, which were 50 for each scene and scene."""

    class Counted(str):
        compared = 0
        __slots__ = ()

        def __eq__(self, other: object) -> bool:
            Counted.compared += 1
            return str.__eq__(self, other)

        __hash__ = str.__hash__

    from prefect_toapis.planning.labels import _distinct

    names = [Counted(f"s{number % 1000}") for number in range(2000)]
    assert len(set(_distinct(list(names), "scene"))) == 2000
    assert Counted.compared < 20 * len(names)


@pytest.mark.parametrize(
    ("limit", "fault"),
    [
        (100, "max_videos=100: the plan has at least 505000 videos; raise it"),
        (10**9, "too many combinations of roles and casts to try"),
    ],
)
def test_casts_are_not_tried_without_end_for_scenes_of_ever_other_roles(
    limit: int, fault: str
) -> None:
    roles = [f"r{number}" for number in range(20)]
    sets = [names for size in (2, 3) for names in combinations(roles, size)]
    plan = planned(
        scenes=["".join(f"{{{role}}}" for role in names) for names in sets],
        characters=[{"name": f"c{number}", "username": f"a.c{number}"} for number in range(5000)],
        casts=[{"roles": dict.fromkeys(roles, f"c{number}")} for number in range(5000)],
        max_videos=limit,
    )
    assert len(sets) * 5000 > 6_000_000
    assert any(one.startswith(fault) for one in plan.faults), plan.faults[-1]
    assert len(plan.shots) <= 2000


def test_a_prompt_that_its_roles_blow_up_is_a_fault() -> None:
    roles = [{"role": "hero", "character": f"c{number}"} for number in range(100)]
    plan = planned(
        scenes=["{hero} " * 1000],
        characters=[{"name": f"c{n}", "username": f"a.{'x' * 150}{n}"} for n in range(100)],
        casts=[{"roles": roles}],
    )
    assert any("exceed the limit of 32,000" in fault for fault in plan.faults)


@pytest.mark.parametrize(
    ("request_", "fault"),
    [
        (
            VideoRequest(prompt="A dog\0"),
            "prompt='A dog\\x00' with sora-2: it contains a NUL character",
        ),
        (
            VideoRequest(prompt="A", image_urls=["https://m.example/\0"]),
            "it contains a NUL character",
        ),
        (VideoRequest(prompt="A", model="new", extra={"x": {"y": ["\0"]}}), "a NUL character"),
        (VideoRequest(prompt="A", model="new", extra={"\0": 1}), "a NUL character"),
        (VideoRequest(prompt="A", model="new", extra={"x": float("inf")}), "JSON can't represent"),
        (VideoRequest(prompt="A", duration=10**400), "it exceeds 64 bits"),
        (VideoRequest(prompt="x" * 32_001), "32,001 characters exceed the limit of 32,000"),
        (VideoRequest(prompt="A", model="x" * 201), "201 characters exceed the limit of 200"),
        (
            VideoRequest(prompt="A", image_urls=[f"https://m.example/{'x' * 9000}"]),
            "it exceeds 8,192 characters",
        ),
        (RemixRequest(task_id="a\0", prompt="A"), "task_id='a\\x00' with sora-2: it contains"),
    ],
)
def test_a_request_of_code_is_checked_likewise(
    request_: VideoRequest | RemixRequest, fault: str
) -> None:
    (found,) = check(request_, Catalogue.shipped())
    assert fault in str(found)
    assert "\0" not in str(found)


NUL_SPECS = [
    {"scenes": ["A dog\0"]},
    {"scenes": [{"prompt": "A", "name": "a\0"}]},
    {"scenes": [{"prompt": "A", "image_urls": ["a\0.png"]}]},
    {"scenes": [{"prompt": "A", "remix_of": "video_\0"}]},
    {"scenes": ["A"], "variants": [{"name": "\0"}]},
    {"scenes": ["A"], "variants": [{"model": "\0"}]},
    {"scenes": ["A"], "variants": [{"extra": {"a": {"\0": "b"}}}]},
    {"scenes": ["A"], "characters": [{"name": "\0", "username": "a.b"}]},
    {"scenes": ["A"], "characters": [{"name": "T", "url": "c\0.mp4"}]},
    {"scenes": ["A"], "casts": [{"name": "\0"}]},
    {"scenes": ["A"], "casts": [{"roles": {"\0": "T"}}]},
    {"scenes": ["A"], "casts": ["\0"]},
    {"scenes": ["A"], "batch": "\0"},
    {"scenes": ["A"], "settings": {"time_zone": "\0"}},
    {"scenes": ["A"], "settings": {"webhooks": {"callback_url": "https://m.example/\0"}}},
]


@pytest.mark.parametrize("spec", NUL_SPECS, ids=str)
def test_nul_is_refused_in_every_text_of_a_spec(spec: dict[str, Any]) -> None:
    import json

    told = faults_of(json.dumps(spec), "b.json")
    assert any("it contains a NUL character" in fault for fault in told)
    assert "\0" not in "".join(told)
    with pytest.raises(ValueError, match="NUL"):
        BatchSpec.model_validate(spec)


def test_nul_in_a_table_is_refused_too() -> None:
    assert (
        "row 2: prompt: Value error, it contains a NUL character"
        in faults_of("prompt\nA\0\n", "p.csv")[0]
    )


# Files


@pytest.fixture
def places(tmp_path: Path) -> dict[str, str]:
    """Paths that are no regular files."""
    os.mkfifo(tmp_path / "fifo")
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(tmp_path / "socket"))
    listening.close()
    (tmp_path / "environ").symlink_to("/proc/self/environ")
    return {
        "a folder": str(tmp_path),
        "a pipe": str(tmp_path / "fifo"),
        "a socket": str(tmp_path / "socket"),
        "a device": "/dev/zero",
        "standard input": "/dev/stdin",
        "a system file": "/proc/self/environ",
        "a link to one": str(tmp_path / "environ"),
        "nobody's home": "~no-such-user/x",
        "NUL": "a\0b",
    }


KINDS = [
    *("a folder", "a pipe", "a socket", "a device", "standard input"),
    *("a system file", "a link to one", "nobody's home", "NUL"),
]
WHY = "not a file|a system file|no such user|contain NUL"


@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_no_file_is_refused_wherever_a_path_is_read(
    kind: str, places: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = places[kind]
    with pytest.raises(ValueError, match=WHY):
        read_file(path, 1000)
    for suffix in ("", ".yaml"):
        _, (fault,) = await read_spec_file(path + suffix if suffix == "" else path, None)
        assert fault.startswith("spec ")
    with pytest.raises(InvalidRequest, match=WHY):
        await read_media(path, "image")
    if "\0" not in path:
        monkeypatch.setenv("TOAPIS_CATALOGUE", path)
        with pytest.raises(InvalidCatalogue, match=WHY):
            Catalogue.current()
        monkeypatch.setenv("TOAPIS_PRICES", path)
        with pytest.raises(InvalidPrices, match=WHY):
            prices_in_use([])
    problem = S3Credentials(ca_bundle=path).problem()
    assert problem is not None
    assert problem.startswith("there is no CA bundle ")


@pytest.mark.parametrize("path", ["/dev/zero", "/proc/self/environ"])
def test_a_manifest_is_no_device_either(path: str, tmp_path: Path) -> None:
    link = tmp_path / "manifest.jsonl"
    link.symlink_to(path)
    with pytest.raises(ValueError, match=WHY):
        Manifest.load(str(link))


def test_a_file_that_is_longer_than_it_may_be_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "large"
    with file.open("wb") as writing:
        writing.truncate(10**12)
    with pytest.raises(ValueError, match=r"1000000\.0 MB exceeds the limit of 1 MB"):
        read_file(file, 1_000_000)


# Pictures


def png(width: int, height: int) -> bytes:
    """A PNG of one colour: a thousandth of what it takes when it is decoded."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    pack, line = zlib.compressobj(9), bytes(width * 3 + 1)
    rows = b"".join(pack.compress(line) for _ in range(height)) + pack.flush()
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def with_a_large_text() -> bytes:
    """A small PNG beside whose picture there is a text of 300 MB."""
    info, file = PngImagePlugin.PngInfo(), io.BytesIO()
    info.add_text("a", "x" * 300_000_000, zip=True)
    Image.new("RGB", (30, 20)).save(file, "PNG", pnginfo=info)
    return file.getvalue()


FORMATS: list[tuple[str, dict[str, Any]]] = [
    ("JPEG", {}),
    ("JPEG", {"progressive": True}),
    ("JPEG", {"exif": b"Exif\0\0" + bytes(60_000)}),
    ("PNG", {}),
    ("GIF", {}),
    ("WEBP", {}),
    ("WEBP", {"lossless": True}),
    ("WEBP", {"exif": b"Exif\0\0MM\0*" + bytes(30)}),
]


@pytest.mark.parametrize("size", [(1, 1), (300, 200), (5000, 3)])
@pytest.mark.parametrize(("kind", "how"), FORMATS)
def test_the_size_of_a_picture_is_in_its_header(
    kind: str, how: dict[str, Any], size: tuple[int, int]
) -> None:
    file = io.BytesIO()
    Image.new("RGB", size, "red").save(file, kind, **how)
    assert image_size(file.getvalue()) == size
    assert small_poster(file.getvalue())


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xd8", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF0000WEBPVP8X"]
)
def test_a_header_that_is_cut_off_has_no_size(content: bytes) -> None:
    assert image_size(content) is None
    with pytest.raises(ValueError, match="it has no picture"):
        small_poster(content)


def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    bomb = png(16_000, 15_000)
    assert len(bomb) < 800_000
    assert MOST_PIXELS < 16_000 * 15_000
    with pytest.raises(ValueError, match="16000 x 15000 pixels exceed the limit of 50 million"):
        small_poster(bomb)
    (tmp_path / "bomb.png").write_bytes(bomb)
    (tmp_path / "text.png").write_bytes(with_a_large_text())
    bounded_run(
        "import av, io\nfrom prefect_toapis.reports.thumbnails import first_frame, small_poster\n",
        f"place = {str(tmp_path)!r}\n"
        "bomb, text = (open(f'{place}/{name}.png', 'rb').read() for name in ('bomb', 'text'))\n"
        "assert small_poster(text)\n"
        "for content in (bomb, text):\n"
        "    try:\n"
        "        first_frame(io.BytesIO(content))\n"
        "        raise SystemExit('it was decoded')\n"
        "    except ValueError:\n"
        "        pass\n",
    )


def test_a_picture_in_a_video_is_no_frame() -> None:
    with pytest.raises(ValueError, match="it has no picture"):
        first_frame(io.BytesIO(png(4, 4)))


# Other faults of specs


def test_a_remix_takes_nothing_of_extra_as_a_field_of_its_own() -> None:
    extras: list[dict[str, Any]] = [
        *({"prompt": 5}, {"duration": "x"}, {"model": []}, {"task_id": "y"}, {"seed": 7})
    ]
    for extra in extras:
        plan = planned(scenes=[{"prompt": "A", "remix_of": "video_1"}], variants=[{"extra": extra}])
        (fault,) = plan.faults
        assert f"{next(iter(extra))}: not allowed in a remix" in fault
        assert plan.shots[0].request == RemixRequest(task_id="video_1", prompt="A")
    assert (
        planned(scenes=[{"prompt": "A", "remix_of": "video_1"}], variants=[Variant()]).faults == []
    )


REFUSED_SETTINGS: list[dict[str, Any]] = [
    {"polling.timeout_seconds": float("inf")},
    {"retries.client_seconds": float("nan")},
    {"polling.interval_seconds": 1e300},
    {"purchases.min_remaining_credits": float("inf")},
    {"limits.max_in_flight": 10**12},
    {"retries.task_delays_seconds": [-1]},
    {"purchases.prices": [{"model": "x", "credits": 1}] * 1001},
    {"time_zone": "x" * 201},
]


@pytest.mark.parametrize("setting", REFUSED_SETTINGS, ids=lambda one: next(iter(one)))
def test_settings_have_bounds(setting: dict[str, Any]) -> None:
    [(where, value)] = setting.items()
    for step in reversed(where.split(".")):
        value = {step: value}
    with pytest.raises(ValueError, match=f"settings.{where}"):
        BatchSpec.model_validate({"scenes": ["A"], "settings": value})


def test_no_error_of_a_spec_shows_its_input() -> None:
    signed: list[Callable[[], object]] = [
        lambda: Scene.model_validate({"prompt": ["5ec2e7"]}),
        lambda: Variant.model_validate({"extra": "5ec2e7"}),
        lambda: BatchSpec.model_validate({"scenes": {"x": "5ec2e7"}}),
        lambda: VideoRequest.model_validate({"prompt": {"x": "5ec2e7"}}),
    ]
    for make in signed:
        with pytest.raises(ValueError, match="valid") as refused:
            make()
        assert "5ec2e7" not in str(refused.value)
