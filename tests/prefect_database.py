"""A migrated database of Prefect, made once for a run of the tests: migrating takes ten seconds."""

import fcntl
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from tests.environments import of_a_user, unmeasured

FOLDER = "TESTS_PREFECT_DATABASE"
"""The environment variable with the folder that all workers of pytest share."""

_NAME = "prefect.db"


def with_database(home: Path, name: str = _NAME) -> Path:
    """Put the database into a folder, and return the folder.

    Args:
        home: For a server's PREFECT_HOME; it is made if it isn't there.
        name: What the server calls its database.
    """
    home.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(_template(), home / name)
    return home


def _template() -> Path:
    folder = Path(os.environ[FOLDER])
    made = folder / _NAME
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            _migrate(folder / "home")
            (folder / "home" / _NAME).rename(made)
    return made


def _migrate(home: Path) -> None:
    home.mkdir()
    own = unmeasured(of_a_user()) | {"PREFECT_HOME": str(home), "DO_NOT_TRACK": "1"}
    upgrade = [sys.executable, "-m", "prefect", "server", "database", "upgrade", "--yes"]
    subprocess.run(upgrade, env=own, cwd=home, check=True, capture_output=True)
    with closing(sqlite3.connect(home / _NAME)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
