"""The webhook secrets, from the environment."""

import os

from pydantic import SecretStr

from prefect_toapis.client.webhooks import WebhookSecrets

SECRET = "TOAPIS_WEBHOOK_SECRET"  # noqa: S105 - the name of a variable
PREVIOUS_SECRET = "TOAPIS_WEBHOOK_PREVIOUS_SECRET"  # noqa: S105 - likewise


def secrets_from_environment(
    variable: str = SECRET, previous_variable: str = PREVIOUS_SECRET
) -> WebhookSecrets:
    """The secrets that environment variables hold.

    Args:
        variable: Names the current one.
        previous_variable: Names the one before; it may be unset or empty.

    Raises:
        ValueError: The current one is unset or empty.
    """
    current = SecretStr(os.environ.get(variable, "").strip())
    if not current.get_secret_value():
        raise ValueError(f"{variable} is not set: give it the secret that the provider shows")
    previous = SecretStr(os.environ.get(previous_variable, "").strip())
    return WebhookSecrets(current, previous if previous.get_secret_value() else None)
