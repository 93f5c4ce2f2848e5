"""A PostgreSQL server of one's own: with several workers SQLite blocks itself for a minute."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path


@contextmanager
def postgres() -> Iterator[str]:
    """Run it, and give its URL for Prefect."""
    programs = _programs()
    user = "postgres" if os.geteuid() == 0 else None  # it refuses to be root's
    # Not pytest's folder: the path of a socket must be short, and only root enters that.
    with tempfile.TemporaryDirectory() as folder:
        data = f"{folder}/data"
        if user:
            shutil.chown(folder, user)
        # No pipes: the server would keep them open.
        run = partial(subprocess.run, check=True, user=user, cwd=folder, stdout=subprocess.DEVNULL)
        run([programs / "initdb", "-D", data, "-U", "prefect", "-A", "trust", "--no-sync"])
        control = [programs / "pg_ctl", "-D", data, "-w"]
        only_the_socket = f"-k {folder} -c listen_addresses= -F"
        run([*control, "-l", f"{folder}/log", "-o", only_the_socket, "start"])
        try:
            yield f"postgresql+asyncpg://prefect@/postgres?host={folder}"
        finally:
            run([*control, "-m", "immediate", "stop"])


def _programs() -> Path:
    """Where the newest ones are; Debian's are on no PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if there := shutil.which("initdb"):
        found.append(Path(there))
    assert found, "there is no PostgreSQL: install Debian's package `postgresql`"
    return found[-1].resolve().parent
