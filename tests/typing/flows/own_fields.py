"""Fields that only some models have, and mistakes in the known ones."""

from prefect_toapis import Scene, Variant, VideoRequest


def given_by_name() -> list[object]:
    own = Variant(model="kling-v3", mode="pro", audio=True, duration=7, takes=2)
    scene = Scene(prompt="A tram", image_with_roles=[{"url": "a.png", "role": "first_frame"}])
    request = VideoRequest(prompt="A tram", model="seedance-2", generate_audio=False, seed=7)
    return [own, scene, request, Variant(extra={"mode": "pro"}), Variant(n=None, watermark=False)]


def mistakes() -> None:
    Variant(duration="ten")  # error
    Variant(takes="twice")  # error
    Variant(model=3)  # error
    Variant(watermark="no")  # error
    Variant(mode=object())  # error
    Scene(prompt=7)  # error
    Scene(prompt="A tram", image_urls="a.png")  # error
    VideoRequest(prompt="A tram", n="2")  # error
    VideoRequest(prompt="A tram", extra={"mode": object()})  # error
    Scene("A tram")  # error
