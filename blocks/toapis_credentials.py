"""The block with the API key of a ToAPIs account."""

import os
from typing import TYPE_CHECKING

from prefect.blocks.abstract import CredentialsBlock
from pydantic import ConfigDict, Field, SecretStr, field_validator
from typing_extensions import Self

from prefect_toapis.blocks import block_fields
from prefect_toapis.blocks.block_fields import is_masked, why_masked
from prefect_toapis.client.urls import DEFAULT_BASE_URL, api_root, without_query

if TYPE_CHECKING:
    from prefect_toapis.client.transport import ToAPIsClient


class ToAPIsCredentials(CredentialsBlock):
    """The key of a ToAPIs account: it pays for the videos.

    Args:
        api_key: From the provider's API Key Management Page.
        base_url: Where the API is, with or without `/v1`.

    Example:
        ```python
        from prefect_toapis import ToAPIsCredentials

        ToAPIsCredentials(api_key="sk-...").save("default")
        credentials = ToAPIsCredentials.load("default")
        ```
    """

    model_config = ConfigDict(hide_input_in_errors=True)

    _block_type_name = "ToAPIs Credentials"
    _block_type_slug = "toapis-credentials"
    _logo_url = block_fields.KEY

    api_key: SecretStr = Field(
        title="API key", description="From the provider's API Key Management Page."
    )
    base_url: str = Field(
        default=DEFAULT_BASE_URL,
        title="Base URL",
        description="Where the API is, with or without /v1. Change it only for a proxy or a test.",
    )

    @field_validator("base_url")
    @classmethod
    def _is_url(cls, value: str) -> str:
        api_root(value)
        return without_query(value.strip())

    @classmethod
    def from_environment(cls) -> Self | None:
        """Return the key in `TOAPIS_API_KEY`, for the API at `TOAPIS_BASE_URL` if that is set.

        Returns:
            None if `TOAPIS_API_KEY` is not set or empty.

        Raises:
            ValueError: `TOAPIS_BASE_URL` is not a URL.
        """
        key = SecretStr(os.environ.get("TOAPIS_API_KEY", "").strip())
        if not key.get_secret_value():
            return None
        base_url = os.environ.get("TOAPIS_BASE_URL", "").strip() or DEFAULT_BASE_URL
        return cls(api_key=key, base_url=base_url)

    def problem(self) -> str | None:
        """Return why the key can't be valid, judging by its form; None if it may be.

        Example:
            >>> ToAPIsCredentials(api_key="").problem()
            'the API key is empty'
        """
        key = self.api_key.get_secret_value()
        if not key.strip():
            return "the API key is empty"
        if is_masked(self.api_key):
            return why_masked("API key")
        if not key.isascii() or not key.isprintable() or " " in key:
            return "the API key contains white space or other invalid characters"
        return None

    def get_client(self) -> "ToAPIsClient":
        """Return an API client with this key."""
        # On first use: workers that only register blocks need no HTTP client.
        from prefect_toapis.client.transport import ToAPIsClient  # noqa: PLC0415

        return ToAPIsClient(self.api_key, self.base_url)
