"""Setup of a Prefect server and the bucket, as done by `prefect-toapis setup`.

`prefect.yaml`, next to this file, defines the deployments.
"""

from pathlib import Path

PREFECT_FILE = Path(__file__).with_name("prefect.yaml")
