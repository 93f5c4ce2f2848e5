"""Imports the package before mkdocstrings listens to griffe.

Prefect parses docstrings with griffe when flows and blocks are made, which is when the command line
is imported for its page; what griffe says of it there would count as warnings of this build.
"""

import prefect_toapis.cli  # noqa: F401 - for its effect
