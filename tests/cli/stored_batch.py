"""A batch in a bucket, as a run leaves it: three shots, one of them with two outputs."""

from hashlib import sha256

from prefect_toapis import Manifest, VideoBucket
from prefect_toapis.reports.manifest import ManifestRow

BATCH = "spring"
CONTENT = {  # by the name of the file that `fetch` writes
    "tram-wide.mp4": b"tram" * 3_000_000,  # several pieces
    "market-wide.mp4": b"market",
    "market-wide-2.mp4": b"market, again",
}


def _row(shot: str, scene: str, name: str, output: int = 1) -> ManifestRow:
    key = f"{BATCH}/{scene}-wide-{shot[:12]}/video-{output}.mp4"
    return ManifestRow(
        batch=BATCH,
        shot_id=shot,
        scene=scene,
        variant="wide",
        status="stored",
        output=output,
        key=key,
        uri=f"s3://videos/{key}",
        size=len(CONTENT[name]),
        sha256=sha256(CONTENT[name]).hexdigest(),
        model="sora-2",
        prompt=f"A {scene}",
    )


TRAM = _row("x2k4n7q3bd5fabcdefghijklmn", "tram", "tram-wide.mp4")
MARKET = _row("a7b3c5d7e2f4abcdefghijklmn", "market", "market-wide.mp4")
MARKET_2 = _row("a7b3c5d7e2f4abcdefghijklmn", "market", "market-wide-2.mp4", 2)
FAILED = ManifestRow(
    batch=BATCH,
    shot_id="q7b3c5d7e2f4abcdefghijklmn",
    scene="beach",
    variant="wide",
    status="failed",
    model="sora-2",
    prompt="A beach",
)


def store_batch(bucket: VideoBucket) -> None:
    """Write manifest and videos."""
    rows = [TRAM, MARKET, MARKET_2, FAILED]
    manifest = Manifest(batch=BATCH, uri=bucket.uri(BATCH), rows=rows)
    bucket.write(f"{BATCH}/manifest.jsonl", manifest.to_jsonl().encode(), "application/x-ndjson")
    for row, content in zip(rows, CONTENT.values(), strict=False):
        bucket.write(row.key or "", content, "video/mp4")
