"""Prompts in, finished videos in your own S3 bucket: a Prefect integration for the ToAPIs API.

The public names are listed in `__init__.pyi`, for type checkers and for this module alike.
"""

from importlib import import_module
from typing import Any

import lazy_loader

# Imported when first used: most programs need few of them, and Prefect alone takes a second.
_import_name, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> Any:
    """Import a public name."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import_module(f"{__name__}.blocks")  # Prefect knows the blocks then, and s3:// can be read
    return _import_name(name)
