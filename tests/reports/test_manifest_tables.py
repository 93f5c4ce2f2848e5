"""The table of a batch in Arrow, Parquet and pandas, and where it is loaded from."""

import io
import re
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prefect_toapis.records import store as reading
from prefect_toapis.records.stored_shots import MANIFEST_VERSION
from prefect_toapis.reports.manifest import Manifest, ManifestRow
from prefect_toapis.reports.manifest_tables import COLUMNS, has_pyarrow

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "manifest.md"
URI = "s3://videos/spring/b"
NOON = datetime(2026, 11, 22, 12, 0, 0, 123456, tzinfo=timezone.utc)
STORED = ManifestRow(
    batch="b",
    shot_id="abc",
    scene="tram",
    variant="v",
    cast="Turbo",
    take=2,
    status="stored",
    output=1,
    uri=f"{URI}/tram/video-1.mp4",
    key="b/tram/video-1.mp4",
    size=5_000_000_000,
    sha256="0" * 64,
    content_type="video/mp4",
    thumbnail_key="b/tram/thumbnail-1.jpg",
    model="sora-2",
    prompt="Ein Café\u2028 am Tejo",
    request={"duration": 10, "image_urls": ["https://m.example/a.png"], "seed": None},
    characters=["a.turbo"],
    task_id="video_1",
    business_id="pt-1",
    attempt=1,
    submitted_at=NOON - timedelta(minutes=3),
    stored_at=NOON,
    in_plan=False,
    note="1 of 3",
)
FAILED = ManifestRow(
    batch="b", shot_id="d", scene="nap", variant="v", status="failed", model="m", prompt="x",
    error="refused",
)  # fmt: skip
MANIFEST = Manifest(batch="b", uri=URI, rows=[STORED, FAILED])


def test_the_table_has_the_columns_of_a_row_with_fixed_types() -> None:
    assert list(COLUMNS) == list(ManifestRow.model_fields)
    for rows in ([], [FAILED], [STORED, FAILED]):
        schema = Manifest(batch="b", uri=URI, rows=rows).to_arrow().schema
        assert {one.name: str(one.type) for one in schema} == COLUMNS


def test_the_page_on_the_manifest_has_each_column_with_its_type() -> None:
    page = PAGE.read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \| ([^|]+) \|", page, re.MULTILINE)
    assert {name: kind.strip(" `") for name, kind, _ in rows} == COLUMNS
    assert all(len(meaning.strip()) > 10 for *_, meaning in rows)


def test_a_batch_survives_parquet() -> None:
    assert Manifest.from_parquet(MANIFEST.to_parquet(), uri=URI) == MANIFEST
    empty = Manifest(batch="b", uri=URI)
    assert Manifest.from_parquet(empty.to_parquet(), uri=URI) == empty


def test_a_dataframe_keeps_whole_numbers_whole_and_times_in_utc() -> None:
    frame = MANIFEST.to_pandas()
    assert list(frame.columns) == list(COLUMNS)
    assert frame["size"].dropna().tolist() == [5_000_000_000]
    assert str(frame["size"].dtype) == "Int64"
    assert str(frame["stored_at"].dtype) == "datetime64[us, UTC]"
    assert frame["request"][0].startswith('{"duration": 10')
    assert frame["characters"][0].tolist() == ["a.turbo"]


def test_polars_has_the_same_columns_and_types() -> None:
    frame = MANIFEST.to_polars()
    assert frame.columns == list(COLUMNS)
    assert frame["size"].drop_nulls().to_list() == [5_000_000_000]
    assert str(frame.schema["stored_at"]) == "Datetime(time_unit='us', time_zone='UTC')"
    assert str(frame.schema["remarks"]) == "List(String)"
    assert Manifest(batch="b", uri=URI).to_polars().columns == list(COLUMNS)


def test_a_later_version_is_named_before_anything_that_may_be_wrong_with_it() -> None:
    later = Manifest(
        batch="b", uri=URI, rows=[STORED.model_copy(update={"version": MANIFEST_VERSION + 1})]
    )
    said = f"it has schema version {MANIFEST_VERSION + 1}, and this release"
    with pytest.raises(ValueError, match=said):
        Manifest.from_jsonl(later.to_jsonl().replace('"stored"', '"archived"'), uri=URI)
    with pytest.raises(ValueError, match=said):
        Manifest.from_parquet(later.to_parquet(), uri=URI)


def test_columns_of_a_later_release_are_left_out_and_missing_ones_have_their_defaults() -> None:
    table = MANIFEST.to_arrow().append_column("mood", pa.array([20, None]))
    file = io.BytesIO()
    pq.write_table(table.drop_columns(["version", "note", "take"]), file)
    rows = Manifest.from_parquet(file.getvalue(), uri=URI).rows
    assert rows == [STORED.model_copy(update={"note": None, "take": 1}), FAILED]
    lines = MANIFEST.to_jsonl().replace('"version":1,', '"mood":20,')
    assert Manifest.from_jsonl(lines, uri=URI) == MANIFEST


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "b"
    folder.mkdir()
    (folder / "manifest.jsonl").write_text(MANIFEST.to_jsonl(), encoding="utf-8")
    (folder / "manifest.parquet").write_bytes(MANIFEST.to_parquet())
    return folder


@pytest.mark.parametrize("file", ["", "/", "/manifest.jsonl", "/manifest.parquet"])
def test_a_manifest_is_loaded_from_its_folder_or_file(folder: Path, file: str) -> None:
    loaded = Manifest.load(f"{folder}{file}")
    assert loaded.rows == MANIFEST.rows
    assert (loaded.batch, loaded.uri) == ("b", str(folder))


def test_other_places_have_readers_of_their_own(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "_readers", {})
    scheme = "shelf"
    asked: list[str] = []

    def reader(location: str) -> bytes | None:
        asked.append(location)
        return reading.read(location.replace(f"{scheme}://", f"{folder.parent}/"))

    reading.register(scheme, reader)
    assert Manifest.load(f"{scheme}://b").rows == MANIFEST.rows
    assert asked == [f"{scheme}://b/manifest.jsonl"]
    with pytest.raises(FileNotFoundError, match=f"{scheme}://x/manifest.jsonl doesn't exist"):
        Manifest.load(f"{scheme}://x")


def test_what_cannot_be_loaded_says_why(folder: Path) -> None:
    with pytest.raises(FileNotFoundError, match="A batch writes it at the end of a run"):
        Manifest.load(str(folder.parent))
    with pytest.raises(
        ValueError, match=r"gs://x/manifest.jsonl: unsupported scheme; use a path or s3://"
    ):
        Manifest.load("gs://x")
    for name, content in (("manifest.jsonl", b'{"batch": '), ("manifest.parquet", b"PAR1")):
        (folder / name).write_bytes(content)
        with pytest.raises(ValueError, match=f"{folder}/{name}: "):
            Manifest.load(f"{folder}/{name}")


def test_without_pyarrow_and_pandas_it_is_said_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert has_pyarrow()
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pandas: pip install"):
        MANIFEST.to_pandas()
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(ImportError, match=r'pip install "prefect-toapis\[polars\]"'):
        MANIFEST.to_polars()
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    for call in (MANIFEST.to_arrow, MANIFEST.to_pandas, MANIFEST.to_parquet):
        with pytest.raises(ImportError, match=r'pip install "prefect-toapis\[tables\]"'):
            call()
