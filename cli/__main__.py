"""`python -m prefect_toapis.cli`."""

from prefect_toapis.cli import main

main()
