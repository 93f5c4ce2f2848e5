"""A generation, as the tasks hand it on."""

from prefect_toapis.batches.generation import Generation
from prefect_toapis.batches.plan import single_shot
from prefect_toapis.client.replies import Output, Reply
from prefect_toapis.client.requests import VideoRequest

SIGNED = "https://files.example/7712.mp4?sig=5ec2e7"
DONE = Reply("video_1", "completed", outputs=(Output(SIGNED, "mp4", SIGNED),))
QUEUED = Generation(task_id="video_1", business_id="pt-1", n=2)


def test_a_reply_updates_a_copy() -> None:
    done = QUEUED.after(DONE)
    assert (done.status, done.outputs) == ("completed", DONE.outputs)
    assert (done.task_id, done.business_id, done.n) == ("video_1", "pt-1", 2)
    assert (QUEUED.status, QUEUED.outputs) == ("queued", ())
    assert done.after(Reply("video_1", "in_progress")).outputs == ()


def test_urls_are_neither_shown_nor_serialised() -> None:
    done = QUEUED.after(DONE)
    shown = f"{done!r} {done} {done.model_dump()} {done.model_dump_json()}"
    assert "5ec2e7" not in shown
    assert "7712" not in shown
    assert Generation.model_validate_json(done.model_dump_json()).outputs == ()


def test_it_is_called_like_its_shot_or_by_its_id() -> None:
    assert QUEUED.label == "video_1"
    shot = single_shot(VideoRequest(prompt="A dog"), "s3://videos")
    assert QUEUED.model_copy(update={"shot": shot}).label == shot.label
