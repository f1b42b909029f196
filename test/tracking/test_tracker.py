"""Following without models: what keeps its number, what is lost, and what the expression may change."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from disc_scenes import RADIUS, SETTINGS, Disc, answer_of, ground, scene_of
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridgl_ros.tracking.sighting import NOT_PROPOSED
from hybridgl_ros.tracking.tracker import Tracker, Trackers
from hybridgl_ros.types import Answer, Scene, TrackState

MEANT, LIKE, OTHER = Disc(50, 60, 0), Disc(110, 60, 0), Disc(80, 100, 3)
FOUND, LOST, AGAIN = TrackState.FOUND, TrackState.LOST, TrackState.FOUND_AGAIN


@pytest.fixture
def tracker() -> Tracker:
    return Tracker(itertools.count(1))


def follow(
    tracker: Tracker, discs: Sequence[Disc], scores: Sequence[float], image: np.ndarray | None = None, **more: bool
) -> Answer:
    """Follow on one frame of the discs, of which those in the picture have these scores."""
    scene = scene_of(discs, image)
    return tracker.follow(scene, answer_of(scene, scores, **more), SETTINGS)


def where(answer: Answer) -> tuple[float, float]:
    """The mean column and row of an answer's mask."""
    rows, columns = np.nonzero(answer.mask)
    return columns.mean(), rows.mean()


def test_what_is_found_has_a_number_and_keeps_it(tracker: Tracker) -> None:
    for _ in range(3):
        answer = follow(tracker, [MEANT, OTHER], [0.9, 0.1])
        assert answer.found and answer.tracking.ids == (1,) and answer.tracking.states == (FOUND,)
    assert tracker.lost == tracker.found_again == 0


def test_an_answer_that_jumps_to_a_look_alike_is_held_back_until_it_has_lasted(tracker: Tracker) -> None:
    for _ in range(5):
        follow(tracker, [MEANT, LIKE], [0.9, 0.2])
    held = [follow(tracker, [MEANT, LIKE], [0.1, 0.9]) for _ in range(SETTINGS.patience + 1)]
    numbers = [answer.tracking.ids for answer in held]
    changed = numbers.index((2,))
    assert 3 <= changed <= SETTINGS.patience
    assert set(numbers[:changed]) == {(1,)} and set(numbers[changed:]) == {(2,)}
    assert where(held[0]) == pytest.approx((MEANT.x, MEANT.y)) and "another object" in held[0].notes[-1]
    assert where(held[-1]) == pytest.approx((LIKE.x, LIKE.y))
    (event,) = held[changed].tracking.events
    assert event.startswith("object 1 is not followed any more")


def test_a_wrong_beginning_is_mended_soon(tracker: Tracker) -> None:
    follow(tracker, [MEANT, LIKE], [0.1, 0.9])
    for _ in range(3):
        answer = follow(tracker, [MEANT, LIKE], [0.9, 0.0])
    assert answer.tracking.ids == (2,) and where(answer) == pytest.approx((MEANT.x, MEANT.y))


@pytest.mark.parametrize("nothing", [0.0, 0.25, 1.0])
def test_an_expression_that_finds_nothing_speaks_with_less_weight(nothing: float) -> None:
    """As "between the cone and the cube" does, when the cone has left the picture."""
    tracker, settings_ = Tracker(itertools.count(1)), replace(SETTINGS, nothing=nothing)
    scene = scene_of([MEANT, OTHER])
    tracker.follow(scene, answer_of(scene, [0.9, 0.0]), settings_)
    kept = 0
    for _ in range(40):
        answer = tracker.follow(scene, answer_of(scene, [0.0, 0.0]), settings_)
        if not answer.found:
            break
        assert answer.tracking.ids == (1,) and where(answer) == pytest.approx((MEANT.x, MEANT.y))
        kept += 1
    # It has spoken for the object as much as for two frames, and speaks against it as surely as it can.
    assert kept == (40 if nothing == 0 else 2 / nothing - 1)
    assert nothing == 0 or answer.reason == "there is none"


def test_two_that_are_meant_alike_are_not_exchanged(tracker: Tracker) -> None:
    follow(tracker, [MEANT, LIKE], [0.81, 0.8])
    for turn in range(30):
        answer = follow(tracker, [MEANT, LIKE], [0.8, 0.81] if turn % 2 else [0.81, 0.8])
        assert answer.tracking.ids == (1,)


def test_once_settled_only_the_phrase_can_speak_against_it(tracker: Tracker) -> None:
    for _ in range(SETTINGS.patience):
        follow(tracker, [MEANT, LIKE], [0.9, 0.1])
    for _ in range(3 * SETTINGS.patience):
        scene = scene_of([MEANT, LIKE])
        answer = answer_of(scene, [0.0, 0.9])  # it is no longer the left one, say, but the phrase fits both
        alike = tuple(replace(entry, similarity=0.9, semantic=0.9) for entry in answer.candidates)
        answer = tracker.follow(scene, replace(answer, candidates=alike, objects=alike[:1]), SETTINGS)
        assert answer.tracking.ids == (1,)


def test_lost_and_found_again(tracker: Tracker) -> None:
    follow(tracker, [MEANT, OTHER], [0.9, 0.1])
    states = []
    for number in range(6):
        answer = follow(tracker, [OTHER], [0.1]) if number < 4 else follow(tracker, [OTHER, MEANT], [0.1, 0.9])
        states.append((answer.tracking.states or answer.tracking.lost_states)[0])
        assert (answer.tracking.ids or answer.tracking.lost) == (1,)
        assert answer.found == (number >= 4)
        assert answer.mask.any() == (number >= 4)
        assert number >= 4 or answer.reason.startswith("object 1 is out of sight")
    assert states == [FOUND, LOST, LOST, LOST, AGAIN, FOUND]
    assert (tracker.lost, tracker.found_again) == (1, 1)


def test_what_was_found_again_and_is_out_of_sight_the_frame_after_was_found_again_once(tracker: Tracker) -> None:
    follow(tracker, [MEANT, OTHER], [0.9, 0.1])
    for visible in (False, False, True, False, True):
        follow(tracker, [OTHER, MEANT] if visible else [OTHER], [0.1, 0.9] if visible else [0.1])
    assert (tracker.lost, tracker.found_again) == (1, 1)


def test_a_look_alike_elsewhere_does_not_take_the_place_of_what_is_hidden(tracker: Tracker) -> None:
    for _ in range(4):
        follow(tracker, [MEANT, LIKE], [0.9, 0.2])
    for _ in range(4):
        answer = follow(tracker, [LIKE], [0.9])
        assert not answer.found and answer.tracking.lost == (1,)
    answer = follow(tracker, [LIKE, MEANT], [0.5, 0.6])
    assert answer.tracking.ids == (1,) and where(answer) == pytest.approx((MEANT.x, MEANT.y))


def test_what_is_seen_but_not_proposed_is_carried_over_for_a_while(tracker: Tracker) -> None:
    follow(tracker, [MEANT, OTHER], [0.9, 0.1])
    for number in range(1, SETTINGS.carry + 2):
        answer = follow(tracker, [OTHER], [0.1], scene_of([MEANT, OTHER]).image)
        assert answer.found == (number <= SETTINGS.carry)
    assert not answer.found and answer.tracking.lost == (1,)


def test_what_is_carried_over_moves_with_the_picture(tracker: Tracker) -> None:
    follow(tracker, [MEANT, OTHER], [0.9, 0.1])
    moved = [MEANT.moved(6, -4), OTHER.moved(6, -4)]
    answer = follow(tracker, moved[1:], [0.1], scene_of(moved, ground(6, -4)).image)
    assert answer.tracking.ids == (1,) and answer.found
    assert where(answer) == pytest.approx((56, 56), abs=0.5)
    (entry,) = answer.objects
    assert entry.index == NOT_PROPOSED and entry.box == pytest.approx((44, 44, 24, 24), abs=1)
    hidden = scene_of([Disc(56, 56, 5, 40)], ground(6, -4)).image
    assert not follow(tracker, moved[1:], [0.1], hidden).found


def test_frames_without_anything(tracker: Tracker) -> None:
    for _ in range(3):
        answer = follow(tracker, [], [])
        assert not answer.found and answer.tracking.ids == answer.tracking.lost == ()
        assert answer.reason == "there is none"
    assert follow(tracker, [MEANT], [0.9]).tracking.ids == (1,)
    assert follow(tracker, [], []).tracking.lost == (1,)


def test_each_object_of_a_plural_has_its_own_number(tracker: Tracker) -> None:
    first = follow(tracker, [MEANT, LIKE, OTHER], [0.9, 0.8, 0.1], several=True)
    assert sorted(first.tracking.ids) == [1, 2]
    places = dict(zip(first.tracking.ids, (entry.mask for entry in first.objects), strict=True))
    second = follow(tracker, [LIKE, OTHER, MEANT], [0.9, 0.1, 0.8], several=True)
    for number, entry in zip(second.tracking.ids, second.objects, strict=True):
        assert np.array_equal(entry.mask, places[number])
    third = follow(tracker, [LIKE, OTHER], [0.9, 0.1], several=True)
    assert third.found and len(third.objects) == 1 and len(third.tracking.lost) == 1
    assert np.array_equal(third.mask, third.objects[0].mask)


def test_switched_off_the_answer_is_the_expressions(tracker: Tracker) -> None:
    follow(tracker, [MEANT, LIKE], [0.9, 0.1])
    scene = scene_of([MEANT, LIKE])
    answer = answer_of(scene, [0.1, 0.9])
    assert tracker.follow(scene, answer, replace(SETTINGS, enabled=False)) is answer
    assert tracker.tracks == ()


def test_a_picture_of_another_size_begins_anew_or_goes_on_but_never_fails(tracker: Tracker) -> None:
    follow(tracker, [MEANT], [0.9])
    small = scene_of([MEANT])
    proposals = replace(small.proposals, masks=small.proposals.masks[:, ::2, ::3])
    scene = Scene(small.image[::2, ::3], proposals, small.features, None, (0, 0))
    assert tracker.follow(scene, answer_of(scene, [0.9]), SETTINGS).tracking is not None


def test_scenes_without_features_are_followed_by_place(tracker: Tracker) -> None:
    for column in (40, 44, 48):
        scene = replace(scene_of([Disc(column, 60, 0), LIKE]), features=None)
        answer = tracker.follow(scene, answer_of(scene, [0.9, 0.1]), SETTINGS)
        assert answer.tracking.ids == (1,)


PLACES = st.builds(Disc, st.integers(30, 130), st.integers(30, 90), st.integers(1, 5))
SHIFTS = st.tuples(st.integers(-RADIUS, RADIUS), st.integers(-RADIUS, RADIUS))


def apart(discs: Sequence[Disc]) -> bool:
    return all(np.hypot(a.x - b.x, a.y - b.y) > 3 * RADIUS for a, b in itertools.combinations(discs, 2))


@given(others=st.lists(PLACES, max_size=3), shift=SHIFTS, camera=st.booleans(), doubt=st.booleans())
@settings(max_examples=40, deadline=None)
def test_no_shift_of_up_to_a_radius_changes_the_identity(
    others: list[Disc], shift: tuple[int, int], camera: bool, doubt: bool
) -> None:
    discs = [disc for disc in [Disc(80, 60, 0), *others] if apart([disc, Disc(80, 60, 0)]) or disc.kind == 0]
    tracker = Tracker(itertools.count(1))
    follow(tracker, discs, [0.9, *[0.1] * (len(discs) - 1)])
    moved = [disc.moved(*shift) if camera or number == 0 else disc for number, disc in enumerate(discs)]
    scores = [0.4 if doubt else 0.9, *[0.45 if doubt else 0.1] * (len(discs) - 1)]
    answer = follow(tracker, moved, scores, ground(*shift) if camera else ground())
    assert answer.tracking.ids == (1,)
    truth = scene_of(moved).proposals.masks[0]
    assert np.array_equal(answer.mask, truth)


@given(order=st.permutations(range(4)), mirror=st.booleans())
@settings(max_examples=25, deadline=None)
def test_neither_order_nor_side_matters(order: list[int], mirror: bool) -> None:
    frames = [
        ([MEANT, LIKE, OTHER, Disc(30, 25, 1)], [0.9, 0.4, 0.1, 0.0]),
        ([MEANT.moved(7, 3), LIKE, OTHER, Disc(30, 25, 1)], [0.5, 0.7, 0.1, 0.0]),
        ([MEANT.moved(300, 0), LIKE, OTHER, Disc(30, 25, 1)], [0.6, 0.2, 0.1]),
        ([MEANT.moved(14, 6), LIKE, OTHER, Disc(30, 25, 1)], [0.5, 0.6, 0.1, 0.0]),
    ]

    def told(change: bool) -> list[tuple]:
        tracker, lines = Tracker(itertools.count(1)), []
        for discs, scores in frames:
            scene = scene_of(discs)
            if change:
                kept = [place for place in order if place < len(scores)]
                scene = scene_of([entry for entry in discs if entry.x < 200])
                scene = replace(
                    scene,
                    proposals=replace(scene.proposals, masks=scene.proposals.masks[kept]),
                    features=scene.features[kept],
                )
                scores = [scores[place] for place in kept]
                if mirror:
                    masks = scene.proposals.masks[..., ::-1].copy()
                    image = scene.image[:, ::-1].copy()
                    scene = replace(scene, image=image, proposals=replace(scene.proposals, masks=masks), memory={})
            answer = tracker.follow(scene, answer_of(scene, scores), SETTINGS)
            mask = answer.mask[:, ::-1] if change and mirror else answer.mask
            lines.append((answer.tracking, mask.sum(), mask.tobytes()))
        return lines

    assert told(False) == told(True)


def test_numbers_are_never_given_twice() -> None:
    trackers = Trackers()
    seen = []
    for expression in ("a", "b", "a", "c"):
        answer = follow(trackers.of(expression), [MEANT], [0.9])
        seen.append(answer.tracking.ids[0])
    assert seen == [1, 2, 1, 3]
    assert trackers.following == 3
    trackers.keep(["b"])
    assert trackers.following == 1
    assert follow(trackers.of("b"), [MEANT], [0.9]).tracking.ids == (2,)
    assert follow(trackers.of("a"), [MEANT], [0.9]).tracking.ids == (4,)


def test_what_was_lost_is_counted_after_its_expression_is_gone() -> None:
    trackers = Trackers()
    follow(trackers.of("a"), [MEANT], [0.9])
    for _ in range(SETTINGS.lost_after):
        follow(trackers.of("a"), [], [])
    follow(trackers.of("a"), [MEANT], [0.9])
    assert (trackers.lost, trackers.found_again) == (1, 1)
    trackers.keep([])
    assert (trackers.following, trackers.lost, trackers.found_again) == (0, 1, 1)
