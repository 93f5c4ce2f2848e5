"""Every spec, table and manifest is either valid or a list of faults: no other exception."""

import contextlib
import io
import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from tests.security.tally import INPUTS

from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.client.plain_text import printable
from prefect_toapis.planning.file_references import files_in
from prefect_toapis.planning.plan import Plan, plan_batch
from prefect_toapis.planning.pricing import price_of
from prefect_toapis.planning.spec import BatchSpec
from prefect_toapis.planning.spec_files import open_spec
from prefect_toapis.records.plan_file import PlanFile, read_plan
from prefect_toapis.reports.artifacts import (
    gallery_markdown,
    headline,
    shortfall,
    shot_table,
)
from prefect_toapis.reports.gallery import gallery_html
from prefect_toapis.reports.manifest import Manifest
from prefect_toapis.reports.plan_artifacts import plan_markdown

MODELS = ["sora-2", "sora-2-pro", "kling-v3", "veo3.1-fast", "seedance-2", "new", "sora*", "["]
NASTY = st.sampled_from(
    [
        *MODELS,
        *("no", "~", "{hero}", "{character}", "{{hero}}", "@a.turbo", "a.turbo", "1,3", "16:9"),
        *(
            "https://m.example/a.png",
            "./a.png",
            "s3://b/a.mp4",
            "s3://",
            "data:image/png;base64,AA",
        ),
        *(
            "http://[",
            f"sha256:{'ab' * 32}",
            "A dog #1",
            "b/shot",
            "../x/y",
            "../..",
            "all",
            "none",
        ),
        *("\0", "\x1b[2J", "\u202e", "\ud800", "/dev/zero", "~nobody/x"),
        *("{date}", "{scheduled:x}", "Europe/Lisbon"),
    ]
)
NUMBERS = st.integers() | st.floats() | st.sampled_from([0, 1, 2, 4, 10, 10**9, 10**400, -1, 1e308])
SCALARS = st.none() | st.booleans() | NUMBERS | NASTY | st.text(max_size=8)
FIELDS = sorted(
    {"scenes", "variants", "characters", "casts", "settings", "batch", "max_videos", "metadata"}
    | {"budget_credits", "on_failure", "prompt", "name", "image_urls", "remix_of", "model", "n"}
    | {"duration", "takes", "extra", "url", "username", "timestamps", "from_task", "roles", "role"}
    | {"character", "hero", "character_url", "prices", "credits", "per", "time_zone", "seed"}
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=12,
)


@st.composite
def objects(
    draw: st.DrawFn,
    /,
    required: dict[str, st.SearchStrategy[Any]],
    **fields: st.SearchStrategy[Any],
) -> dict[str, Any]:
    """Objects that are mostly right, and sometimes hold anything in a field."""
    made: dict[str, Any] = draw(st.fixed_dictionaries(required, optional=fields))
    if made and draw(st.integers(0, 9)) == 0:
        made[draw(st.sampled_from([*made, "x"]))] = draw(VALUES)
    return made


TEXTS = NASTY | st.text(max_size=8)
SCENES = TEXTS | objects(
    {"prompt": TEXTS},
    name=TEXTS,
    image_urls=st.lists(TEXTS, max_size=2),
    character_url=TEXTS,
    character_timestamps=TEXTS,
    remix_of=TEXTS,
)
EXTRAS = st.dictionaries(st.sampled_from([*FIELDS, "aspect_ratio"]), VALUES, max_size=3)
VARIANTS = objects(
    {},
    name=TEXTS,
    model=st.sampled_from(MODELS),
    duration=st.sampled_from([10, 15, 25]),
    aspect_ratio=TEXTS,
    n=st.integers(1, 4),
    takes=st.integers(1, 3),
    extra=EXTRAS,
)
CHARACTERS = objects({"name": TEXTS}, username=TEXTS, url=TEXTS, from_task=TEXTS, timestamps=TEXTS)
CASTS = TEXTS | objects({}, name=TEXTS, roles=st.dictionaries(TEXTS, TEXTS, max_size=3))
CREDITS = st.floats(0, 1e12) | st.integers(0, 10**12)
PRICES = objects(
    {"model": st.sampled_from(MODELS), "credits": CREDITS}, per=st.sampled_from(["second", "video"])
)
SPECS = objects(
    {"scenes": st.lists(SCENES, min_size=1, max_size=3)},
    variants=st.lists(VARIANTS, max_size=3),
    characters=st.lists(CHARACTERS, max_size=3),
    casts=st.lists(CASTS, max_size=3),
    batch=TEXTS,
    max_videos=st.integers(),
    budget_credits=CREDITS,
    settings=objects(
        {},
        time_zone=TEXTS,
        purchases=objects({}, prices=st.lists(PRICES, max_size=2)),
        retries=objects({}, client_seconds=st.floats(0, 1e9)),
        retry_seconds=st.floats(0, 1e9),  # the same by its flat name
    ),
)


def use(spec: BatchSpec) -> Plan:
    """All that is done with a spec before its batch is bought."""
    files_in(spec)
    plan = plan_batch(spec, "b", "s3://videos")
    assert not [fault for fault in plan.faults if not isinstance(fault, str)]
    for shot in plan.shots:
        assert shot.folder.startswith("b/")
        assert ".." not in shot.folder
        assert shot.label == printable(shot.label, 10_000)
    if plan.faults:
        return plan
    kept = PlanFile(batch="b", destination="s3://videos", shots=plan.shots)
    read = read_plan(kept.to_json(), "b/plan.json", "s3://videos/b/plan.json")
    assert read.shots == [one.unsigned() for one in plan.shots]
    for shot in plan.shots:
        body = shot.request.body(shot.business_id(1))
        assert json.loads(json.dumps(body, allow_nan=False)) == body
        assert "\0" not in json.dumps(body).replace("\\u0000", "\0")
        price_of(shot.request, spec.settings.purchases.prices, Catalogue.current())
    return plan


@settings(deadline=None)
@given(SPECS)
def test_any_data_is_a_spec_or_a_validation_error_and_any_spec_has_a_plan(
    data: dict[str, Any],
) -> None:
    INPUTS["specs in code"] += 1
    with contextlib.suppress(ValidationError):
        use(BatchSpec.model_validate(data))


@settings(deadline=None)
@given(SPECS, st.booleans())
def test_any_data_in_a_file_is_a_spec_or_faults(data: dict[str, Any], as_json: bool) -> None:
    INPUTS["spec files"] += 1
    text = json.dumps(data) if as_json else yaml.safe_dump(data, allow_unicode=True)
    spec, faults = open_spec(
        text.encode(errors="surrogatepass"), "b.json" if as_json else "b.yaml"
    ).batch()
    plan = use(spec)
    assert faults or plan.faults or plan.shots


PIECES = st.sampled_from(
    [
        *"[]{}1=#|>-?!&*%@`'\",",
        *("\n", "\n- ", "\n  ", ": ", " #", "<<: *a", "&a ", "*a", "? ", "---\n", "0x1F", "007"),
        *("!!int ", "!!set ", "!!binary ", "!!timestamp ", "!!float ", "!!omap ", "!!python/x "),
        *("1_000", "12:30", "2026-11-22", "2026-11-22 10:00", ".inf", "no"),
        *FIELDS,
    ]
)


@settings(deadline=None)
@given(
    st.lists(PIECES | st.text(max_size=3), max_size=40).map("".join),
    st.sampled_from(["yaml", "json"]),
)
def test_any_text_is_a_spec_or_faults(text: str, kind: str) -> None:
    INPUTS["texts"] += 1
    use(open_spec(text.encode(errors="surrogatepass"), f"b.{kind}").batch()[0])


CELLS = st.sampled_from(
    [*',;\t|"\n\r{}[]:', "prompt", "Name", " image_urls ", "sep=;\n", "null", "5"]
)


@settings(deadline=None)
@given(
    st.binary(max_size=60)
    | st.lists(CELLS | TEXTS).map(lambda all_of: "".join(all_of).encode(errors="replace")),
    st.sampled_from(["csv", "jsonl", "parquet", "yaml", "json"]),
)
def test_any_bytes_are_a_table_or_faults(content: bytes, kind: str) -> None:
    INPUTS["tables"] += 1
    use(open_spec(content, f"p.{kind}").batch()[0])


FEW = max(20, settings().max_examples // 10)  # each is read by a process of its own
COLUMNS = st.sampled_from(["prompt", "Prompt", "name", "image_urls", "remix_of", "x", ""])
ARROW = st.one_of(
    st.lists(st.none() | st.text(st.characters(exclude_categories=["Cs"])), min_size=2, max_size=2),
    st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), min_size=2, max_size=2),
    st.lists(st.none() | st.lists(st.none() | st.just("./a.png")), min_size=2, max_size=2),
    st.lists(st.none() | st.binary(), min_size=2, max_size=2),
    st.lists(st.none() | st.datetimes(), min_size=2, max_size=2),
    st.lists(st.fixed_dictionaries({"a": st.just("b")}), min_size=2, max_size=2),
)


@settings(deadline=None, max_examples=FEW)
@given(st.lists(st.tuples(COLUMNS, ARROW), max_size=4), st.data())
def test_any_parquet_file_is_a_table_or_faults(
    columns: list[tuple[str, list[Any]]], data: st.DataObject
) -> None:
    INPUTS["Parquet files"] += 1
    table = pa.table([pa.array(one) for _, one in columns], names=[name for name, _ in columns])
    file = io.BytesIO()
    pq.write_table(table, file)
    content = bytearray(file.getvalue())
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=2)):
        content[place] ^= data.draw(st.integers(0, 255))
    use(open_spec(bytes(content), "p.parquet").batch()[0])


ROWS = objects(
    {"shot_id": TEXTS, "scene": TEXTS, "variant": TEXTS, "model": TEXTS, "prompt": TEXTS}
    | {"status": st.sampled_from(["stored", "failed", "open", "planned"]), "batch": TEXTS},
    version=st.just(1),
    cast=TEXTS,
    take=st.just(1),
    output=st.just(1),
    uri=TEXTS,
    key=TEXTS,
    size=st.integers(0, 2**63 - 1),
    thumbnail_key=TEXTS,
    request=EXTRAS,
    characters=st.lists(TEXTS, max_size=2),
    submitted_at=st.datetimes().map(str),
    stored_at=st.datetimes().map(str) | st.just("0001-01-01T00:00:00+14:00"),
    error=TEXTS,
    note=TEXTS,
)


def show(manifest: Manifest) -> None:
    """All that is done with a manifest."""
    headline(manifest), shortfall(manifest), shot_table(manifest), plan_markdown(manifest, {})
    gallery_markdown(manifest, {}, None)
    gallery_html(manifest).encode()
    manifest.to_jsonl()
    manifest.to_parquet()


@settings(deadline=None)
@given(st.lists(ROWS, max_size=3))
def test_any_rows_are_a_manifest_that_can_be_shown_or_a_value_error(
    rows: list[dict[str, Any]],
) -> None:
    INPUTS["manifests"] += 1
    text = "".join(json.dumps(row) + "\n" for row in rows)
    try:
        manifest = Manifest.from_jsonl(text, uri="s3://videos/b")
    except ValueError:
        return
    show(manifest)


@settings(deadline=None)
@given(
    st.binary(max_size=80)
    | st.lists(CELLS | TEXTS).map(lambda all_of: "".join(all_of).encode(errors="replace"))
)
def test_any_bytes_are_a_manifest_or_a_value_error(content: bytes) -> None:
    INPUTS["manifests"] += 1
    for name in ("manifest.jsonl", "manifest.parquet"):
        with contextlib.suppress(ValueError):
            Manifest.from_file(content, f"s3://videos/b/{name}")


def test_nesting_without_end_is_refused_as_well() -> None:
    deep = '{"request": ' + "[" * 100_000 + "]" * 100_000 + "}"
    for content in (deep, "[" * 100_000, '{"a":' * 5_000):
        with contextlib.suppress(ValueError):
            Manifest.from_jsonl(content, uri="s3://videos/b")
        for name in ("b.json", "b.yaml", "p.jsonl"):
            assert open_spec(content.encode(), name).batch()[1]
