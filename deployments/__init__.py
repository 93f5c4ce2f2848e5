"""What a Prefect server and the bucket need besides the flows: `prefect-toapis setup` makes it.

`prefect.yaml`, beside this file, holds the deployments themselves.
"""

from pathlib import Path

PREFECT_FILE = Path(__file__).with_name("prefect.yaml")
