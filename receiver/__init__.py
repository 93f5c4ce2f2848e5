"""Receives the provider's webhooks and emits them as Prefect events; mounts into any ASGI app.

Example:
    ```python
    from prefect_toapis.receiver import webhook_app
    from starlette.applications import Starlette
    from starlette.routing import Mount

    app = Starlette(routes=[Mount("/toapis", webhook_app())])  # the webhook: /toapis/webhook
    ```
"""

from prefect_toapis.receiver.app import webhook_app
from prefect_toapis.receiver.secrets_from_env import secrets_from_environment

__all__ = ["secrets_from_environment", "webhook_app"]
