"""Single tasks in a flow of your own: a picture becomes a video, and the video another one.

Run it as `python examples/single_tasks.py still.png`. Account and bucket come from the Prefect
blocks named "default".
"""

import sys

from prefect import flow

from prefect_toapis import (
    Generation,
    RemixRequest,
    RunSettings,
    StoredVideo,
    ToAPIsCredentials,
    VideoBucket,
    VideoRequest,
    download_video,
    get_balance,
    poll_video,
    remix_video,
    submit_video,
)

USUAL = RunSettings()


@flow(log_prints=True)
def day_and_night(
    picture: str,
    credentials: ToAPIsCredentials,
    bucket: VideoBucket,
    settings: RunSettings = USUAL,
) -> list[StoredVideo]:
    """Make a video from a picture, and remix it.

    Each step is a task with its own retries. With a bucket, a step is paid once however often the
    flow runs: the same request is found again by its record there.

    Args:
        picture: A path, or s3://bucket/key.
        credentials: The ToAPIs account that pays.
        bucket: Where the videos and the records go.
        settings: Waits and retries.

    Returns:
        Both videos.
    """
    request = VideoRequest(
        prompt="The camera moves slowly towards the house, morning light",
        image_urls=[picture],  # a file is uploaded first
        duration=10,
        aspect_ratio="16:9",
    )
    day = submit_video(request, credentials=credentials, bucket=bucket, settings=settings)
    videos = stored(day, credentials, bucket, settings)

    change = RemixRequest(task_id=day.task_id, prompt="The same at night, windows lit")
    night = remix_video(change, credentials=credentials, bucket=bucket, settings=settings)
    videos += stored(night, credentials, bucket, settings)

    balance = get_balance(credentials=credentials, settings=settings)
    print(f"{balance.remain_credits} credits left")
    return videos


def stored(
    generation: Generation,
    credentials: ToAPIsCredentials,
    bucket: VideoBucket,
    settings: RunSettings,
) -> list[StoredVideo]:
    """Wait for a generation, and stream its video into the bucket."""
    done = poll_video(generation, credentials=credentials, bucket=bucket, settings=settings)
    return download_video(done, credentials=credentials, bucket=bucket, settings=settings)


if __name__ == "__main__":
    account, videos = ToAPIsCredentials.load("default"), VideoBucket.load("default")
    for video in day_and_night(sys.argv[1], account, videos):
        print(video.uri)
