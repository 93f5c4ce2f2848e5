"""Shared fields of the blocks: logos, and detection of masked secrets."""

from pydantic import HttpUrl, SecretStr

_PREFECT = (
    "https://raw.githubusercontent.com/PrefectHQ/prefect/"
    "420d0d6a78bb6df1fc18bcf188fdad43c1d22ea9/assets/block-logos"
)
_PREFECT_AWS = "https://cdn.sanity.io/images/3ugk85nk/production"

KEY = HttpUrl(f"{_PREFECT}/secret.png")
FOLDER = HttpUrl(f"{_PREFECT}/filesystem.png")
AWS = HttpUrl(f"{_PREFECT_AWS}/d74b16fe84ce626345adf235a47008fea2869a60-225x225.png")


def is_masked(secret: SecretStr) -> bool:
    """Return whether a secret is only Prefect's mask.

    Prefect stores a block that is passed as a flow parameter from Python with `**********` in
    place of its secrets; a later retry of that run gets the mask instead of the secret.

    Example:
        >>> is_masked(SecretStr("**********")), is_masked(SecretStr("sk-1"))
        (True, False)
    """
    return set(secret.get_secret_value()) == {"*"}


def why_masked(secret: str) -> str:
    """Return the message about a masked secret, with what to do.

    Args:
        secret: Name of the secret: "API key".
    """
    return (
        f"the {secret} is masked (**********), because the block was passed as a flow parameter "
        "from Python: save the block and pass the loaded one by its reference, or choose it in "
        "the UI, or leave the parameter empty to use the block named `default`"
    )
