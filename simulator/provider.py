"""The provider without HTTP: what it accepts, what it knows, what it charges."""

import heapq
import random
import threading
import uuid
from collections.abc import Callable
from typing import Any

from prefect_toapis.simulator.characters import Character, invent
from prefect_toapis.simulator.charges import charge
from prefect_toapis.simulator.creations import read_creation
from prefect_toapis.simulator.dialects import Wordings, task_id_in
from prefect_toapis.simulator.generations import Failure, Generation, Handling, Order
from prefect_toapis.simulator.ledger import Kind, Ledger, Submission
from prefect_toapis.simulator.model_rules import Ordered, fails_late
from prefect_toapis.simulator.refusals import Refusal
from prefect_toapis.simulator.settings import SimulatorSettings
from prefect_toapis.simulator.shapes import clip_specs
from prefect_toapis.simulator.submissions import offered, read_derived, read_video
from prefect_toapis.simulator.webhooks import Webhooks, read_callback

_TASK_TYPE = "InvalidParameter.TaskTypeConstraint"  # [D]: of what is accepted, and fails later
_PICTURE_SIDE = 720  # of a character's, in pixels


class Provider:
    """Accepts submissions and answers for them, by a clock; nothing runs in between.

    Args:
        settings: How it behaves.
        clock: The time, in Unix seconds.
        ledger: Where it keeps its books.
        webhooks: Told of the tasks whose end is to be announced.
    """

    def __init__(
        self,
        settings: SimulatorSettings,
        clock: Callable[[], float],
        ledger: Ledger,
        webhooks: Webhooks | None = None,
    ) -> None:
        self.clock = clock
        self.models = offered(settings.offered_models)
        self._settings = settings
        self._ledger = ledger
        self._webhooks = webhooks
        self.wordings = Wordings(settings.dialect, settings.seed)
        self._random = random.Random(settings.seed)  # noqa: S311 - render times are no secrets
        self._balance = settings.balance_credits
        self._by_task_id: dict[str, Generation] = {}
        self._by_folder: dict[str, Generation] = {}
        self._by_business_id: dict[str, list[Generation]] = {}
        self._characters: dict[str, Character] = {}
        self._failing: list[tuple[float, str, Submission]] = []
        self._refunding = threading.Lock()

    def submit(
        self, submission: Submission, body: dict[str, Any], handling: Handling
    ) -> Generation:
        """Accept a submission, and charge for it.

        Args:
            submission: What arrived; the books on it are completed.
            body: Its JSON, with public URLs.
            handling: What faults make of it.

        Raises:
            Refusal: The provider doesn't accept it, and charges nothing.
        """
        try:
            callback = read_callback(body, self._settings.webhooks)
            order = self._order(submission, body)
            self._refuse_by_policy(order)
            price = self._price(order)
            self._charge(price)
        except Refusal as refusal:
            submission.refusal = refusal.code
            raise
        generation = self._new_generation(order, submission.business_id, handling)
        self._remember(generation)
        if generation.failure:
            due = (generation.finished_at, generation.task_id, submission)
            heapq.heappush(self._failing, due)
        if self._webhooks and callback:
            self._webhooks.expect(generation, callback)
        submission.task_id = generation.task_id
        submission.credits = price
        submission.paid = True  # last: who sees it paid finds the rest
        return generation

    def find(self, wanted: str) -> Generation | None:
        """The generation of a task id, or the newest of a business id; None if none is visible."""
        now = self.clock()
        known = self._by_task_id.get(wanted)
        if known:
            return known if known.visible_at <= now else None
        for task in reversed(self._by_business_id.get(wanted, [])):
            if task.visible_at <= now and task.created_at + task.handling.unnamed_seconds <= now:
                return task
        return None

    def find_creation(self, task_id: str) -> Generation | None:
        """The character task of a task id; None if none is visible."""
        found = self.find(task_id) if task_id in self._by_task_id else None
        return found if found and found.order.kind == "character" else None

    def generation(self, task_id: str) -> Generation | None:
        """The generation of a task id, visible or not."""
        return self._by_task_id.get(task_id)

    def in_folder(self, name: str) -> Generation | None:
        """The generation whose files lie in a folder of the media port."""
        return self._by_folder.get(name)

    def knows(self, business_id: str | None) -> bool:
        """Whether a submission with this id of the caller's own was accepted."""
        return business_id in self._by_business_id

    def last_but(self, generation: Generation | None = None) -> Generation | None:
        """The generation accepted last, other than the given; None if there is none."""
        others = (task for task in reversed(self._by_task_id.values()) if task is not generation)
        return next(others, None)

    def character(self, path: str) -> Character | None:
        """The character whose picture is at a path of the media port."""
        return self._characters.get(path)

    def balance(self) -> float | None:
        """What is left, in credits; None for unlimited."""
        self.refund()
        return self._balance

    def refund(self) -> None:
        """Give back what was paid for the generations that have failed by now."""
        now = self.clock()
        with self._refunding:  # a test reads the ledger from its own thread
            while self._failing and self._failing[0][0] <= now:
                _, _, submission = heapq.heappop(self._failing)
                submission.refunded = True
                if self._balance is not None:
                    self._balance += submission.credits

    def _price(self, order: Order) -> float:
        settings = self._settings
        if order.kind == "character":
            return settings.character_price_credits
        return settings.price_credits if order.price is None else order.price

    def _order(self, submission: Submission, body: dict[str, Any]) -> Order:
        if submission.kind == "character":
            creation = read_creation(body)
            if creation.from_task is not None:
                self._finished_video(creation.from_task)
            made_from = creation.url or creation.from_task or ""
            return Order("character", creation.model, made_from, characters=1)
        if submission.remix_of is not None:
            ordered = read_derived("remix", body)
            if self._finished_video(submission.remix_of).order.private:
                raise Refusal("invalid_request", "Private videos can't be remixed")
        elif submission.extend_of is not None:
            ordered = read_derived("extend", body)
            self._finished_video(submission.extend_of)
        else:
            only = frozenset(self.models) if self._settings.only_offered else None
            ordered = read_video(body, only)
            self._refuse_unknown_character(ordered)
        return self._video_order(submission.kind, ordered, body)

    def _refuse_unknown_character(self, ordered: Ordered) -> None:
        """[D]: `character_url` may be the id of a finished character task in place of a URL."""
        wanted = ordered.value("character_url")
        if not isinstance(wanted, str) or "://" in wanted:
            return
        found = self.find_creation(wanted)
        if found is None or found.state(self.clock())[0] != "completed":
            message = "character_url: it is neither a URL nor a finished character task"
            raise Refusal("invalid_request", message)

    def _finished_video(self, task_id: str) -> Generation:
        found = self.find(task_id) if task_id in self._by_task_id else None
        if found is None:
            raise Refusal("task_not_found", "No such task")
        if found.state(self.clock())[0] != "completed" or not found.order.clips:
            raise Refusal("invalid_request", "The task is not a completed video")
        return found

    def _video_order(self, kind: Kind, ordered: Ordered, body: dict[str, Any]) -> Order:
        settings = self._settings
        late = fails_late(ordered)
        prices = settings.prices
        return Order(
            kind=kind,
            model=ordered.model,
            prompt=ordered.value("prompt") or "",
            clips=clip_specs(ordered, settings.short_side, captioned=settings.draw_prompts),
            characters=(ordered.value("character_create") is True)
            + ordered.has("character_from_task"),
            thumbnails=ordered.value("thumbnail") is True,
            private=ordered.value("private") is True,
            off_peak=ordered.value("off_peak") is True,
            failure=Failure(_TASK_TYPE, late) if late else None,
            price=prices(body) if callable(prices) else charge(ordered, prices),
        )

    def _refuse_by_policy(self, order: Order) -> None:
        if self._settings.refuse_marker in order.prompt:
            raise Refusal("content_policy_violation", "The prompt violates the content policy")

    def _charge(self, price: float) -> None:
        self.refund()
        if self._balance is not None:
            if self._balance < price:
                raise Refusal("insufficient_quota", "The balance does not cover this generation")
            self._balance -= price

    def _new_generation(
        self, order: Order, business_id: str | None, handling: Handling
    ) -> Generation:
        now = self.clock()
        finished_at = now + self._render_seconds(order)
        failure = Failure() if self._settings.fail_marker in order.prompt else order.failure
        wording, drawn = self.wordings.generation(order.kind, order.prompt)
        identifier = uuid.uuid4().hex[:26]
        return Generation(
            task_id=task_id_in(wording.ids, identifier, drawn),
            business_id=business_id,
            order=order,
            characters=() if failure else tuple(self._invented(order.characters)),
            created_at=now,
            finished_at=finished_at,
            expires_at=finished_at + self._settings.result_lifetime_seconds,
            failure=failure,
            visible_at=now + handling.hidden_seconds,
            handling=handling,
            wording=wording,
            folder=f"video_{identifier.upper()}",
        )

    def _render_seconds(self, order: Order) -> float:
        drawn = self._settings.render_seconds
        if order.off_peak:
            drawn = self._settings.off_peak_render_seconds
        if order.kind == "character" and self._settings.character_render_seconds is not None:
            drawn = self._settings.character_render_seconds
        return self._random.uniform(*drawn) if isinstance(drawn, tuple) else drawn

    def _invented(self, count: int) -> list[Character]:
        settings = self._settings
        first = len(self._characters) + 1
        return [
            invent(
                f"{settings.seed}-{number}",
                settings.short_side or _PICTURE_SIDE,
                captioned=settings.draw_prompts,
            )
            for number in range(first, first + count)
        ]

    def _remember(self, generation: Generation) -> None:
        self._by_task_id[generation.task_id] = generation
        self._by_folder[generation.folder] = generation
        self._characters |= {made.picture_path: made for made in generation.characters}
        named = generation.order.kind != "character" or self._settings.characters_have_business_ids
        if named and generation.business_id is not None:
            self._by_business_id.setdefault(generation.business_id, []).append(generation)
