"""The webhook secrets, from the environment."""

import os

from pydantic import SecretStr

from prefect_toapis.client.webhooks import WebhookSecrets

SECRET = "TOAPIS_WEBHOOK_SECRET"  # noqa: S105 - the name of a variable
PREVIOUS_SECRET = "TOAPIS_WEBHOOK_PREVIOUS_SECRET"  # noqa: S105 - likewise


def secrets_from_environment(
    variable: str = SECRET, previous_variable: str = PREVIOUS_SECRET
) -> WebhookSecrets:
    """Read the webhook secrets from environment variables.

    Args:
        variable: The variable of the current secret.
        previous_variable: The variable of the previous secret; may be unset or empty.

    Raises:
        ValueError: The current secret is unset or empty.
    """
    current = SecretStr(os.environ.get(variable, "").strip())
    if not current.get_secret_value():
        raise ValueError(f"{variable} is not set: set it to the secret shown by the provider")
    previous = SecretStr(os.environ.get(previous_variable, "").strip())
    return WebhookSecrets(current, previous if previous.get_secret_value() else None)
