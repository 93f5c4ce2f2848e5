"""What can be bought once, and where: the two protocols that buying is written against."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

from typing_extensions import Self

from prefect_toapis.client.decisions import Accepted
from prefect_toapis.client.errors import ToAPIsError
from prefect_toapis.client.replies import Reply
from prefect_toapis.client.requests import Request


class Submissions(Protocol):
    """What buying needs of the API; `client.account.Account` is one."""

    @property
    def fingerprint(self) -> str:
        """Of the account: two submissions with the same one are found by each other's look-ups."""
        ...

    async def ready(self) -> None:
        """Wait until the allowance has room for one submission."""
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
        """Look a generation up."""
        ...


class Buyable(Protocol):
    """What can be bought once: a shot (a video or a remix), or a character that is made."""

    @property
    def label(self) -> str:
        """As people see it."""
        ...

    @property
    def id(self) -> str:
        """Its identity, from which the business ids are made."""
        ...

    @property
    def folder(self) -> str:
        """Where what is bought goes."""
        ...

    @property
    def record(self) -> str:
        """Where its attempts are kept; empty: not looked up yet."""
        ...

    @property
    def labels(self) -> tuple[str, str, str]:
        """Scene, variant and cast, or as much of that as it has."""
        ...

    @property
    def take(self) -> int:
        """1, 2, ..."""
        ...

    def placed(self, folder: str, record: str) -> Self:
        """The same, where the bucket has it."""
        ...

    @property
    def request(self) -> Request:
        """What is sent."""
        ...

    @property
    def supports_lookup(self) -> bool:
        """Whether the provider tells of it by its business id."""
        ...

    def business_id(self, attempt: int) -> str:
        """The id of an attempt as the provider sees it."""
        ...

    def name_in(self, error: ToAPIsError) -> None:
        """Have an error say what it is about."""
        ...
