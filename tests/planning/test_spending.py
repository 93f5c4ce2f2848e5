"""What a batch says of its money: a table, and what each error says at its own level."""

import pickle

import pytest

from prefect_toapis.client.errors import (
    GenerationFailed,
    Money,
    NotAVideo,
    StillRendering,
    ToAPIsError,
    Unavailable,
)
from prefect_toapis.errors import BatchFailed, ManifestNotWritten, ShardFailed
from prefect_toapis.planning.spending import (
    CharacterSpending,
    Spending,
    most_spent,
    spent_in_words,
    spent_on,
)
from prefect_toapis.records.stored_shots import Unstored
from prefect_toapis.reports.manifest import Manifest, ManifestRow

STORED, OPEN = Spending("stored", "spent"), Spending("open", "spent")
PERHAPS, LOST = Spending("open", "maybe spent"), Spending("failed", "spent")
FAILED, PLANNED = Spending("failed", "not spent"), Spending("planned", "not spent")


@pytest.mark.parametrize(
    ("shots", "money", "words"),
    [
        ([], "not spent", "Nothing was spent."),
        ([FAILED, PLANNED], "not spent", "Nothing was spent."),
        ([STORED], "spent", "Spent: 1 of 1 shot is stored and paid."),
        ([STORED] * 2, "spent", "Spent: 2 of 2 shots are stored and paid."),
        (
            [STORED, OPEN, PERHAPS, LOST, FAILED, PLANNED],
            "spent",
            (
                "Spent: 1 of 6 shots is stored and paid; 1 is open, and paid unless the provider "
                "fails it; 1 is open and may be paid; 1 failed, but is paid; 2 cost nothing."
            ),
        ),
        (
            [PERHAPS, PERHAPS, FAILED],
            "maybe spent",
            "Spent: 2 of 3 shots are open and may be paid; 1 cost nothing.",
        ),
        ([LOST] * 2, "spent", "Spent: 2 of 2 shots failed, but are paid."),
    ],
)
def test_what_was_spent_is_said_shot_by_shot(
    shots: list[Spending], money: Money, words: str
) -> None:
    assert most_spent(shots) == money
    assert spent_in_words(shots) == words


def test_characters_are_paid_apart_from_shots() -> None:
    made = CharacterSpending("Baron", "spent", "task_1")
    lost = CharacterSpending("Turbo", "maybe spent")
    free = CharacterSpending("Whiskers", "not spent")
    assert most_spent([PLANNED], [lost]) == "maybe spent"
    assert spent_in_words([PLANNED], [made, lost, free]) == (
        'Spent: 1 of 1 shot cost nothing; the character "Baron" is paid; '
        'the character "Turbo" may be paid.'
    )


@pytest.mark.parametrize(
    ("why", "money"),
    [
        (Unstored(status="open"), "maybe spent"),
        (Unstored(status="open", task_id="video_1"), "spent"),
        (Unstored(status="open", money="not spent"), "not spent"),
        (Unstored(status="failed", task_id="video_1"), "not spent"),
        (Unstored(status="failed", money="spent"), "spent"),
        (Unstored(status="planned"), "not spent"),
    ],
)
def test_what_a_shot_cost_follows_from_how_it_stands(why: Unstored, money: Money) -> None:
    assert spent_on(why) == money


def row(shot_id: str, **known: object) -> ManifestRow:
    given = {"scene": shot_id, "variant": "v", "model": "sora-2", "prompt": "A dog", **known}
    return ManifestRow.model_validate({"batch": "b", "shot_id": shot_id, **given})


MANIFEST = Manifest(
    batch="b",
    uri="s3://videos/b",
    rows=[
        row("one", status="stored", output=1, task_id="video_1"),
        row("one", status="stored", output=2, task_id="video_1"),
        row("two", status="open", task_id="video_2"),
        row("three", status="open", business_id="pt3-1"),
        row("four", status="failed"),
    ],
)


def test_a_batch_never_says_that_all_is_paid_nor_that_nothing_is() -> None:
    error = BatchFailed("2 of 4 shots open, 1 failed", MANIFEST)
    assert str(error) == (
        "2 of 4 shots open, 1 failed. Spent: 1 of 4 shots is stored and paid; 1 is open, and paid "
        "unless the provider fails it; 1 is open and may be paid; 1 cost nothing. "
        "Run the batch again for what is missing (a refused prompt has to be changed first): "
        "nothing is bought twice. The manifest has each reason."
    )
    assert error.money == "spent"


def test_a_run_without_a_written_manifest_names_each_generation() -> None:
    made = (CharacterSpending("Baron", "spent", "task_1"),)
    error = ManifestNotWritten("1 of 4 shots stored", MANIFEST, made)
    assert str(error).endswith(
        "\nGenerations:\n  one / v (stored): video_1\n  two / v (open): video_2"
        '\n  character "Baron": task_1'
    )
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_a_shard_says_what_it_spent_and_names_what_is_not_stored() -> None:
    unstored = {
        "two": Unstored(status="open", task_id="video_2", reason="it renders"),
        "three": Unstored(status="planned", reason="not submitted"),
    }
    error = ShardFailed("shard 1 of b", 3, unstored)
    assert "1 of 3 shots is stored and paid; 1 is open, and paid unless" in str(error)
    assert str(error).endswith("Generations not stored: video_2.")
    nothing = ShardFailed("shard 1 of b", 1, {"x": Unstored(status="failed", reason="no")})
    assert "Nothing was spent." in str(nothing)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


@pytest.mark.parametrize(
    ("error", "said", "unsaid"),
    [
        (GenerationFailed("no"), "Nothing was spent.", "paid for"),
        (NotAVideo("no"), "The generation is paid for.", "If it fails"),
        (StillRendering("no"), "paid for. If it fails, it isn't charged.", "Spent"),
        (Unavailable("no", money="spent"), "If it fails, it isn't charged", "Nothing"),
        (Unavailable("no"), "Nothing was spent.", "paid for"),
    ],
)
def test_a_generation_that_has_not_ended_is_paid_unless_it_fails(
    error: ToAPIsError, said: str, unsaid: str
) -> None:
    assert said in str(error)
    assert unsaid not in str(error)
