"""The protocols that buying depends on: what can be bought, and the API to submit it to."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

from typing_extensions import Self

from prefect_toapis.client.decisions import Accepted
from prefect_toapis.client.errors import ToAPIsError
from prefect_toapis.client.replies import Reply
from prefect_toapis.client.requests import Request


class Submissions(Protocol):
    """The API as buying needs it; `client.account.Account` implements it."""

    @property
    def fingerprint(self) -> str:
        """Identifies the account: look-ups only find submissions with the same fingerprint."""
        ...

    async def ready(self) -> None:
        """Wait until the rate limit allows another submission."""
        ...

    async def submit(
        self,
        request: Request,
        business_id: str | None = None,
        *,
        uploads: Mapping[str, str] = MappingProxyType({}),
    ) -> Accepted:
        """Submit a request, with the URLs of the uploads that it refers to."""
        ...

    async def find(self, business_id: str) -> Reply | None:
        """Look up a generation by its business id; None if there is none."""
        ...


class Buyable(Protocol):
    """What can be bought once: a shot (a video or a remix), or a character."""

    @property
    def label(self) -> str:
        """The display label."""
        ...

    @property
    def id(self) -> str:
        """Its id, from which the business ids are derived."""
        ...

    @property
    def folder(self) -> str:
        """The folder of its files."""
        ...

    @property
    def record(self) -> str:
        """The folder of its attempts; empty: not looked up yet."""
        ...

    @property
    def labels(self) -> tuple[str, str, str]:
        """Scene, variant and cast; empty where not applicable."""
        ...

    @property
    def take(self) -> int:
        """1, 2, ..."""
        ...

    def placed(self, folder: str, record: str) -> Self:
        """Return a copy with the folder and record that the bucket has for it."""
        ...

    @property
    def request(self) -> Request:
        """The request to send."""
        ...

    @property
    def supports_lookup(self) -> bool:
        """Whether the provider can look it up by its business id."""
        ...

    def business_id(self, attempt: int) -> str:
        """Return the business id that the provider gets for an attempt."""
        ...

    def name_in(self, error: ToAPIsError) -> None:
        """Add this item's label to an error."""
        ...
