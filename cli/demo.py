"""`prefect-toapis demo`: a whole batch, without an account."""

import os
import signal
import subprocess
import sys
import tempfile
from importlib.resources import as_file, files
from json import loads
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from prefect_toapis.blocks import S3Credentials
from prefect_toapis.cli.command_output import CommandOutput, command_output
from prefect_toapis.cli.local_s3 import local_s3, require_rclone
from prefect_toapis.simulator import Simulator, SimulatorSettings, require_encoder

BUCKET = "videos"


def demo(
    *,
    folder: Path = Path("demo-videos"),
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Generate and store a batch of videos without an account, in under a minute.

    It runs `prefect-toapis generate` on a shipped spec (2 scenes x 2 variants x 2 casts), with the
    provider simulated on localhost, a real S3 server over a folder, and a separate Prefect server:
    your Prefect profile and database aren't changed.

    Args:
        folder: Where the S3 server stores the bucket; created if missing.
        json: Print a JSON object: that of `generate`, and what was paid.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):  # so that the S3 server is stopped, too
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    with command_output(json=json) as output:
        require_rclone()
        require_encoder()
        for each in (folder, folder / BUCKET):
            each.mkdir(mode=0o700, parents=True, exist_ok=True)
        _make_videos(output, folder)


def _make_videos(output: CommandOutput, folder: Path) -> None:
    settings = SimulatorSettings(draw_prompts=True, short_side=360, render_seconds=(4, 12))
    with (
        tempfile.TemporaryDirectory(prefix="prefect-toapis-") as home,
        local_s3(folder) as s3,
        Simulator(settings) as simulator,
        as_file(files("prefect_toapis.cli") / "demo.yaml") as spec,
    ):
        output.show(
            "2 scenes x 2 variants x 2 casts: 8 videos.\n"
            f"The provider is simulated at {simulator.url}, the S3 bucket is a folder,\n"
            "and a separate Prefect server is starting (about 10 seconds).\n"
        )
        code, printed = _generate(spec, _environment(simulator, s3, home), json=output.json)
        paid, spent = len(simulator.ledger.paid), simulator.ledger.credits_spent
    made = loads(printed) if printed else {}
    error = made.pop("error", None)
    output.facts(**made, folder=str(folder), paid=paid, credits_paid=spent)
    if code:
        output.exit(code, error)
    output.show(
        f"Paid, as counted by the simulator: {paid} submissions, {spent:g} credits.\n\n"
        f"Videos:      {folder / BUCKET}/*/*/video-1.mp4\n"
        f"Manifest:    {folder / BUCKET}/*/manifest.jsonl\n"
        f"Spec:        {Path(__file__).with_name('demo.yaml')}"
    )


def _generate(spec: Path, environment: dict[str, str], *, json: bool) -> tuple[int, str]:
    """Run `prefect-toapis generate`, pass signals on to it, and return its exit code and object."""
    command = [sys.executable, "-m", "prefect_toapis.cli", "generate", str(spec)]
    command += ["--json"] if json else []
    running = subprocess.Popen(  # noqa: S603 - this program
        command, env=environment, stdout=subprocess.PIPE if json else None, text=True
    )

    def pass_on(*_: object) -> None:
        running.terminate()

    # A terminal sends Ctrl-C to both. Handlers, because ignored signals would be inherited.
    handlers = {signal.SIGINT: _nothing, signal.SIGTERM: pass_on, signal.SIGHUP: pass_on}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    printed, _ = running.communicate()
    for number, handler in before.items():
        signal.signal(number, handler)
    code = running.returncode
    return (code if code >= 0 else 128 - code), printed or ""  # the usual code of a signal


def _nothing(*_: object) -> None:
    pass


def _environment(simulator: Simulator, s3: S3Credentials, home: str) -> dict[str, str]:
    """Return the user's environment with another account, bucket and Prefect profile."""
    own = {name: value for name, value in os.environ.items() if not _is_theirs(name)}
    secret = s3.aws_secret_access_key
    return own | {
        "TOAPIS_API_KEY": simulator.api_key,
        "TOAPIS_BASE_URL": simulator.url,
        "TOAPIS_BUCKET": f"s3://{BUCKET}",
        "AWS_ACCESS_KEY_ID": s3.aws_access_key_id or "",
        "AWS_SECRET_ACCESS_KEY": secret.get_secret_value() if secret else "",
        "AWS_ENDPOINT_URL_S3": s3.endpoint_url or "",
        "AWS_REGION": s3.region_name or "",
        "PREFECT_HOME": home,
        "PREFECT_SERVER_EPHEMERAL_ENABLED": "true",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",  # 20 isn't enough under load
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "NO_PROXY": "127.0.0.1,localhost",
    }


def _is_theirs(name: str) -> bool:
    return name.startswith(("PREFECT_", "AWS_", "TOAPIS_"))
