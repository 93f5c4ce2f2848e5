"""The provider without HTTP: what it accepts, what it knows, what it charges."""

import heapq
import random
import threading
import uuid
from collections.abc import Callable

from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.client.requests import VideoRequest
from prefect_toapis.simulator.generations import Generation, clip_specs
from prefect_toapis.simulator.ledger import Ledger, Submission
from prefect_toapis.simulator.refusals import Refusal
from prefect_toapis.simulator.settings import SimulatorSettings
from prefect_toapis.simulator.wire import read_submission


class Provider:
    """Accepts submissions and answers for them, by a clock; nothing runs in between.

    Args:
        settings: How it behaves.
        clock: The time, in Unix seconds.
        ledger: Where it keeps its books.
    """

    def __init__(
        self, settings: SimulatorSettings, clock: Callable[[], float], ledger: Ledger
    ) -> None:
        self.clock = clock
        self._settings = settings
        self._ledger = ledger
        self._catalogue = Catalogue.shipped()
        self._random = random.Random(settings.seed)  # noqa: S311 - render times are no secrets
        self._balance = settings.balance_credits
        self._by_task_id: dict[str, Generation] = {}
        self._by_business_id: dict[str, list[Generation]] = {}
        self._failing: list[tuple[float, str, Submission]] = []
        self._refunding = threading.Lock()

    def submit(self, submission: Submission, hidden_seconds: float = 0) -> Generation:
        """Accept a submission, and charge for it.

        Args:
            submission: What arrived; the books on it are completed.
            hidden_seconds: For how long queries don't find the generation.

        Raises:
            Refusal: The provider doesn't accept it, and charges nothing.
        """
        try:
            request = read_submission(submission.body, self._catalogue)
            self._refuse_by_policy(request)
            self._charge()
        except Refusal as refusal:
            submission.refusal = refusal.code
            raise
        generation = self._new_generation(request, submission.business_id, hidden_seconds)
        self._by_task_id[generation.task_id] = generation
        if submission.business_id is not None:
            self._by_business_id.setdefault(submission.business_id, []).append(generation)
        if generation.fails:
            due = (generation.finished_at, generation.task_id, submission)
            heapq.heappush(self._failing, due)
        submission.task_id = generation.task_id
        submission.credits = self._settings.price_credits
        submission.paid = True  # last: who sees it paid finds the rest
        return generation

    def find(self, wanted: str) -> Generation | None:
        """The generation of a task id, or the newest of a business id; None if none is visible."""
        now = self.clock()
        known = self._by_task_id.get(wanted)
        found = [known] if known else self._by_business_id.get(wanted, [])
        visible = (one for one in reversed(found) if one.visible_at <= now)
        return next(visible, None)

    def generation(self, task_id: str) -> Generation | None:
        """The generation of a task id, visible or not."""
        return self._by_task_id.get(task_id)

    def refund(self) -> None:
        """Give back what was paid for the generations that have failed by now."""
        now = self.clock()
        with self._refunding:  # a test reads the ledger from its own thread
            while self._failing and self._failing[0][0] <= now:
                _, _, submission = heapq.heappop(self._failing)
                submission.refunded = True
                if self._balance is not None:
                    self._balance += submission.credits

    def _refuse_by_policy(self, request: VideoRequest) -> None:
        if self._settings.refuse_marker in request.prompt:
            raise Refusal("content_policy_violation", "The prompt violates the content policy")

    def _charge(self) -> None:
        price = self._settings.price_credits
        self.refund()
        if self._balance is not None:
            if self._balance < price:
                raise Refusal("insufficient_quota", "The balance does not cover this generation")
            self._balance -= price

    def _new_generation(
        self, request: VideoRequest, business_id: str | None, hidden_seconds: float
    ) -> Generation:
        settings = self._settings
        now = self.clock()
        drawn = settings.render_seconds
        render_seconds = self._random.uniform(*drawn) if isinstance(drawn, tuple) else drawn
        finished_at = now + render_seconds
        return Generation(
            task_id=f"video_{uuid.uuid4().hex[:26].upper()}",
            business_id=business_id,
            request=request,
            clips=clip_specs(
                request, self._catalogue, settings.short_side, captioned=settings.draw_prompts
            ),
            created_at=now,
            finished_at=finished_at,
            expires_at=finished_at + settings.result_lifetime_seconds,
            fails=settings.fail_marker in request.prompt,
            visible_at=now + hidden_seconds,
        )
