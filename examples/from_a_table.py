"""A table of prompts in, the same table with its videos out: CSV or Parquet, local or in S3.

Run it as `python examples/from_a_table.py s3://studio/prompts.parquet`; it writes
`prompts-videos.parquet` beside it. Of the table it needs the columns `name` and `prompt`, and
leaves the others as they are. It needs pandas and pyarrow. Account and bucket come from the
Prefect blocks named "default", or else from TOAPIS_API_KEY and TOAPIS_BUCKET.
"""

import io
import sys
from pathlib import Path

import pandas as pd
from prefect import flow, task

from prefect_toapis import (
    Manifest,
    RunSettings,
    Scene,
    ToAPIsCredentials,
    Variant,
    VideoBucket,
    generate_videos,
)

VARIANTS = [
    Variant(name="wide", duration=10, aspect_ratio="16:9"),
    Variant(name="tall", duration=10, aspect_ratio="9:16"),
]
USUAL = RunSettings()


@flow
def from_a_table(
    table: str,
    credentials: ToAPIsCredentials | None = None,
    bucket: VideoBucket | None = None,
    settings: RunSettings = USUAL,
) -> str:
    """Make the videos of a table, and write it again with where they are.

    The batch is named after the table: run it again with more rows, and only those are bought.

    Args:
        table: A path, or s3://bucket/key, of a .csv or .parquet file.
        credentials: The ToAPIs account that pays. Empty: the block named "default".
        bucket: The bucket for the videos. Empty: the block named "default".
        settings: Timeouts, limits and retries.

    Returns:
        Where the table with the videos is.
    """
    prompts = read_prompts(table, bucket)
    manifest = generate_videos(
        [Scene(name=row.name, prompt=row.prompt) for row in prompts.itertuples(index=False)],
        VARIANTS,
        batch=Path(table).stem,
        credentials=credentials,
        bucket=bucket,
        on_failure="tolerate",  # the table tells which failed, and why
        settings=settings,
    )
    return write_results(table, prompts, manifest, bucket)


@task
def read_prompts(table: str, bucket: VideoBucket | None) -> pd.DataFrame:
    """The table as it is."""
    if not table.startswith("s3://"):
        return parsed(table, Path(table).read_bytes())
    store, key = place(table, bucket)
    content = store.read(key)
    if content is None:
        raise FileNotFoundError(table)
    return parsed(table, content)


@task
def write_results(
    table: str, prompts: pd.DataFrame, manifest: Manifest, bucket: VideoBucket | None
) -> str:
    """The table with a row for each video, beside the one with the prompts."""
    videos = manifest.to_pandas().query("in_plan").rename(columns={"scene": "name"})
    columns = ["name", "variant", "status", "uri", "sha256", "error"]
    content = written(table, prompts.merge(videos[columns], on="name", how="left"))
    result = f"{table.rpartition('.')[0]}-videos{Path(table).suffix}"
    if table.startswith("s3://"):
        store, key = place(result, bucket)
        store.write(key, content, "application/octet-stream")
    else:
        Path(result).write_bytes(content)
    return result


def place(uri: str, bucket: VideoBucket | None) -> tuple[VideoBucket, str]:
    """The folder in S3, with the credentials of the videos' bucket, and the name in it."""
    folder, _, name = uri.rpartition("/")
    return VideoBucket.from_uri(folder, bucket.credentials if bucket else None), name


def parsed(name: str, content: bytes) -> pd.DataFrame:
    """A table from a file's content."""
    file = io.BytesIO(content)
    return pd.read_parquet(file) if name.endswith(".parquet") else pd.read_csv(file)


def written(name: str, table: pd.DataFrame) -> bytes:
    """The content of a file with a table."""
    if not name.endswith(".parquet"):
        return table.to_csv(index=False).encode()
    file = io.BytesIO()
    table.to_parquet(file, index=False)
    return file.getvalue()


if __name__ == "__main__":
    print(from_a_table(sys.argv[1]))
