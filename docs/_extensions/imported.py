"""Imports the package before mkdocstrings listens to griffe.

Prefect parses docstrings with griffe when flows and blocks are made, which is when the command line
is imported for its page; what griffe says of it there would count as warnings of this build.
"""

from prefect_toapis.cli import app

app.resolved_commands()  # each is imported when it is asked for
