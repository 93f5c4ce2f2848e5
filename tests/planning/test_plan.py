"""From what is asked for to shots, and everything wrong with it in one go."""

from typing import Any

import pytest

from prefect_toapis.client.requests import VideoRequest
from prefect_toapis.planning.identity import FOLDER_ID
from prefect_toapis.planning.plan import Plan, Shot, plan_batch, single_shot
from prefect_toapis.planning.spec import BatchSpec, Character, Scene, Variant

BUCKET = "s3://videos/team"
SIGNED = "https://m.example/dog.png?v=2&X-Amz-Signature=5ec2e7"
CHARACTERS = [
    {"name": "Turbo", "username": "@a.turbo"},
    {"name": "Baron", "username": "b.baron"},
]


def planned(batch: str = "b", **spec: Any) -> Plan:
    return plan_batch(BatchSpec.model_validate(spec), batch, BUCKET)


def labels(plan: Plan) -> list[str]:
    return [shot.label for shot in plan.shots]


def test_scenes_variants_casts_and_takes_are_multiplied() -> None:
    plan = planned(
        scenes=["{hero} runs", "{hero} sleeps", "An empty street"],
        variants=[{"name": "wide"}, {"name": "tall", "aspect_ratio": "9:16", "takes": 3}],
        characters=CHARACTERS,
        casts=[{"roles": {"hero": "Turbo"}}, {"roles": {"hero": "Baron"}}],
    )
    assert plan.faults == []
    assert len(plan.shots) == (2 * 2 + 1) * (1 + 3)  # the street isn't multiplied by casts
    assert plan.videos == 20
    assert len({shot.shot_id for shot in plan.shots}) == 20
    assert labels(plan)[:5] == [
        "hero-runs / wide / Turbo",
        "hero-runs / wide / Baron",
        "hero-runs / tall / Turbo",
        "hero-runs / tall / Turbo, take 2",
        "hero-runs / tall / Turbo, take 3",
    ]
    assert labels(plan)[-4:] == [
        "an-empty-street / wide",
        "an-empty-street / tall",
        "an-empty-street / tall, take 2",
        "an-empty-street / tall, take 3",
    ]


def test_a_shot_holds_what_is_sent() -> None:
    plan = planned(
        scenes=[{"prompt": "{hero} runs, {{really}}", "image_urls": [SIGNED]}],
        variants=[{"model": "sora-2-pro", "duration": 15, "hd": True, "n": 2}],
        characters=CHARACTERS,
        casts=[{"name": "t", "roles": {"hero": "Turbo", "unused": "Baron"}}],
    )
    (shot,) = plan.shots
    assert shot.request == VideoRequest(
        prompt="@a.turbo runs, {really}",
        image_urls=[SIGNED],
        model="sora-2-pro",
        duration=15,
        hd=True,
        n=2,
    )
    assert plan.videos == 2
    assert shot.business_id(3) == f"pt{shot.shot_id}-3"


def test_strings_are_scenes_and_casts_of_one() -> None:
    plan = planned(scenes=["{character} waves"], characters=CHARACTERS, casts=["Baron"])
    assert labels(plan) == ["character-waves / sora-2 / Baron"]
    assert plan.shots[0].request.prompt == "@b.baron waves"


def test_without_casts_each_character_plays_alone() -> None:
    plan = planned(scenes=["{character} waves"], characters=CHARACTERS)
    assert [shot.request.prompt for shot in plan.shots] == ["@a.turbo waves", "@b.baron waves"]


def test_labels_and_order_are_not_identity_but_batch_and_destination_are() -> None:
    def ids(batch: str = "b", destination: str = BUCKET, **spec: Any) -> set[str]:
        asked = BatchSpec.model_validate({"characters": CHARACTERS} | spec)
        return {shot.shot_id for shot in plan_batch(asked, batch, destination).shots}

    scenes = ["{character} waves", "A dog"]
    plain = ids(scenes=scenes)
    assert len(plain) == 3
    assert ids(scenes=scenes[::-1], characters=CHARACTERS[::-1]) == plain
    assert ids(scenes=[{"name": "x", "prompt": scenes[0]}, "A dog"]) == plain
    assert ids(scenes=scenes, variants=[{"name": "y", "model": "sora-2"}]) == plain
    renamed = [{"name": "Z", "username": "a.turbo"}, {"name": "Y", "username": "b.baron"}]
    assert ids(scenes=scenes, characters=renamed, casts=["Y", "Z"]) == plain
    assert not ids(scenes=scenes, batch="c") & plain
    assert not ids(scenes=scenes, destination="s3://videos") & plain


def test_a_role_of_the_template_is_not_the_name_it_stands_for() -> None:
    (role,) = planned(scenes=["{character} waves"], characters=CHARACTERS, casts=["Turbo"]).shots
    (name,) = planned(scenes=["@a.turbo waves"]).shots
    assert role.request == name.request
    assert role.shot_id != name.shot_id


def test_folders_are_named_by_labels_and_id() -> None:
    plan = planned(
        scenes=[{"name": "The Chase!", "prompt": "{character} runs"}, {"prompt": "東京"}],
        characters=CHARACTERS,
        casts=["Turbo"],
    )
    chase, tokyo = plan.shots
    assert chase.folder == f"b/the-chase-sora-2-turbo-{chase.shot_id[:FOLDER_ID]}"
    assert tokyo.folder == f"b/scene-2-sora-2-{tokyo.shot_id[:FOLDER_ID]}"


def test_a_shot_without_signatures_is_the_same_shot() -> None:
    (shot,) = planned(scenes=[{"prompt": "A dog", "image_urls": [SIGNED]}]).shots
    safe = shot.unsigned()
    assert safe.request.given()["image_urls"] == ["https://m.example/dog.png?v=2"]
    assert safe.model_dump(exclude={"request"}) == shot.model_dump(exclude={"request"})
    assert shot.request.given()["image_urls"] == [SIGNED]  # what is sent
    assert "5ec2e7" not in safe.model_dump_json() + repr(shot)


def test_a_shot_survives_json() -> None:
    (shot,) = planned(scenes=["A dog"], variants=[{"extra": {"seed": 7}, "model": "new"}]).shots
    assert Shot.model_validate_json(shot.model_dump_json()) == shot


CLIP = "https://m.example/clip.mp4"
BAD: list[tuple[dict[str, Any], str]] = [
    (
        {"scenes": [{"name": "s", "prompt": "x", "image_urls": ["iVBORw0KGgo="]}]},
        (
            "s / v: image_urls[0]='iVBORw0KGgo=' with sora-2: not a URL (base64 is no longer "
            "accepted): upload the file and give its http(s) URL"
        ),
    ),
    (
        {"scenes": [{"name": "s", "prompt": "x", "image_urls": ["data:image/png;base64,iVBOR"]}]},
        (
            "s / v: image_urls[0]='data:image/png;base64,iVBOR' with sora-2: data: URLs are "
            "no longer accepted: upload the file and give its http(s) URL"
        ),
    ),
    (
        {"scenes": [{"name": "s", "prompt": "x", "image_urls": [CLIP, "ftp://m.example/a.png"]}]},
        (
            "s / v: image_urls[1]='ftp://m.example/a.png' with sora-2: ftp:// can't be "
            "fetched by the provider: give an http(s) URL"
        ),
    ),
    ({"variants": [{"name": "v", "n": 0}]}, "s / v: n=0 with sora-2: it must be at least 1"),
    ({"variants": [{"name": "v", "n": 5}]}, "s / v: n=5 with sora-2: it must be at most 4"),
    (
        {"variants": [{"name": "v", "hd": True}]},
        "s / v: hd=True with sora-2: it has no such field; use sora-2-pro",
    ),
    (
        {"variants": [{"name": "v", "model": "sora-2-pro", "hd": True, "duration": 25}]},
        (
            "s / v: hd=True with sora-2-pro: not together with duration=25: "
            "HD videos are 15 seconds long"
        ),
    ),
    (
        {"variants": [{"name": "v", "duration": 12}]},
        "s / v: duration=12 with sora-2: choose 10 or 15 seconds",
    ),
    (
        {"variants": [{"name": "v", "style": "noir"}]},
        (
            "s / v: style='noir' with sora-2: choose thanksgiving, comic, news, selfie, nostalgic "
            "or anime"
        ),
    ),
    (
        {
            "scenes": [
                {
                    "name": "s",
                    "prompt": "x",
                    "character_url": CLIP,
                    "character_timestamps": "1,4",
                }
            ]
        },
        (
            "s / v: character_timestamps='1,4' with sora-2: start and end must be 2 seconds apart, "
            "not 3"
        ),
    ),
    (
        {"scenes": [{"name": "s", "prompt": " "}]},
        "s / v: prompt=' ' with sora-2: say what the video shows",
    ),
    (
        {"scenes": [{"name": "s", "prompt": "{villain} laughs"}]},
        (
            'scene "s": no cast fills {villain}; add the role to a cast, '
            "or write {{villain}} for literal braces"
        ),
    ),
    (
        {"casts": [{"name": "c", "roles": {"hero": "Turbi"}}]},
        'cast "c": no character is named "Turbi"; there are Turbo',
    ),
    ({"scenes": []}, "scenes: empty; give at least one prompt"),
    ({"variants": []}, "variants: empty; omit the field to use the default"),
    (
        {"variants": [{"name": "v"}, {"name": "w"}]},
        ("s / v and s / w: duplicate shot; to buy several takes, set takes on the variant"),
    ),
    (
        {"variants": [{"name": "v", "takes": 3, "n": 2}], "max_videos": 5},
        "max_videos=5: the plan has 6 videos; raise it if intended",
    ),
]
GOOD: dict[str, Any] = {
    "scenes": [{"name": "s", "prompt": "x"}],
    "variants": [{"name": "v"}],
    "characters": [{"name": "Turbo", "username": "a.turbo"}],
}


@pytest.mark.parametrize(("spec", "fault"), BAD)
def test_each_fault_says_where_and_what_to_change(spec: dict[str, Any], fault: str) -> None:
    assert planned(**GOOD | spec).faults == [fault]


def test_one_batch_with_all_faults_gives_them_all() -> None:
    """All but the empty ones, which leave nothing to find the others in."""
    scenes = [scene for spec, _ in BAD for scene in spec.get("scenes", [])]
    variants = [variant for spec, _ in BAD for variant in spec.get("variants", [])]
    named = [
        [{**one, "name": f"{kind}{number}"} for number, one in enumerate(all_of)]
        for kind, all_of in (("s", scenes), ("v", variants))
    ]
    casts = [{"name": "c", "roles": {"hero": "Turbi"}}]
    plan = planned(**GOOD | {"scenes": named[0], "variants": named[1], "casts": casts})
    told = "\n".join(plan.faults)
    for _, fault in BAD:
        if not fault.startswith(("scenes:", "variants:", "max_videos=5:")):
            rule = fault.partition(" with sora-2")[0].partition(": ")[2]
            assert rule in told
    assert "max_videos=100: the plan has" in told
    assert len(set(plan.faults)) == len(plan.faults)


def test_what_is_missing_is_told_in_one_go_too() -> None:
    assert len(planned(scenes=[], variants=[], casts=["Turbo"]).faults) == 3


def test_a_rule_that_many_shots_break_is_told_once() -> None:
    plan = planned(scenes=["a", "b", "c"], variants=[{"name": "v", "duration": 12}])
    assert plan.faults == ["a / v (and 2 more): duration=12 with sora-2: choose 10 or 15 seconds"]


def test_the_same_prompt_twice_is_named_by_both_labels() -> None:
    plan = planned(scenes=["A dog", "A dog"])
    assert plan.faults == [
        (
            "a-dog / sora-2 and a-dog-2 / sora-2: duplicate shot; "
            "to buy several takes, set takes on the variant"
        )
    ]


def test_roles_that_no_cast_fills_together_are_all_named() -> None:
    plan = planned(
        scenes=[{"name": "s", "prompt": "{hero} and {sidekick}"}],
        characters=CHARACTERS,
        casts=[{"roles": {"hero": "Turbo"}}, {"roles": {"sidekick": "Baron"}}],
    )
    assert plan.faults == [
        (
            'scene "s": no cast fills {hero}, {sidekick}; add the role to a cast, '
            "or write {{hero}} for literal braces"
        )
    ]


def test_no_fault_shows_a_signature() -> None:
    urls = [SIGNED.replace("https", scheme) for scheme in ("ftp", "https")]
    plan = planned(scenes=[{"prompt": "", "image_urls": urls}], variants=[{"n": 0}])
    assert len(plan.faults) == 3
    assert "5ec2e7" not in str(plan.faults)


def test_a_model_that_is_unknown_is_noted_once_and_passed_through() -> None:
    variants = [{"model": "veo9", "duration": 7}, {"model": "veo9", "extra": {"seed": 1}}]
    plan = planned(scenes=["a", "b"], variants=variants)
    assert plan.faults == []
    assert plan.notes == ["veo9: not in the catalogue; its rules are unchecked"]
    assert [shot.request.given().get("duration") for shot in plan.shots] == [7, None, 7, None]


def test_characters_that_appear_nowhere_are_noted() -> None:
    note = "no scene names a role such as {character}: no character will appear"
    assert planned(scenes=["a"], characters=CHARACTERS).notes == [note]
    assert planned(scenes=["a", "{character}"], characters=CHARACTERS).notes == []


def test_a_request_alone_is_a_shot_under_requests() -> None:
    request = VideoRequest(prompt="A {dog} on the beach", duration=10, image_urls=[SIGNED])
    shot = single_shot(request, BUCKET)
    assert shot == single_shot(request.model_copy(), BUCKET)
    assert shot.request == request  # braces are text here
    assert shot.label == "a-dog-on-the-beach / sora-2"
    assert shot.folder == f"requests/a-dog-on-the-beach-sora-2-{shot.shot_id[:FOLDER_ID]}"
    others = [
        single_shot(request.model_copy(update={"prompt": "A dog"}), BUCKET),
        single_shot(request.model_copy(update={"duration": 15}), BUCKET),
        single_shot(request, "s3://videos"),
        *plan_batch(BatchSpec(scenes=[Scene(prompt=request.prompt)]), "requests", BUCKET).shots,
    ]
    assert len({shot.shot_id, *(other.shot_id for other in others)}) == 5


def test_models_are_accepted_as_they_are() -> None:
    spec = BatchSpec(
        scenes=[Scene(prompt="{character}")],
        variants=[Variant(takes=2)],
        characters=[Character(name="T", username="a.t")],
    )
    assert labels(plan_batch(spec, "b", BUCKET)) == [
        "character / sora-2 / T",
        "character / sora-2 / T, take 2",
    ]
