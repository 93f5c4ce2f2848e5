"""Detects secrets that Prefect masked."""

from pydantic import SecretStr


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
