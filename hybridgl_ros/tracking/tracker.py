"""Answers of one expression on frame after frame, made into objects that keep their identity."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

import numpy as np

from hybridgl_ros.settings import TrackingSettings
from hybridgl_ros.tracking.camera import STILL, motion
from hybridgl_ros.tracking.carrying import carried
from hybridgl_ros.tracking.likeness import evidence, overlap
from hybridgl_ros.tracking.sighting import Sighting, View, view_of
from hybridgl_ros.tracking.track import Track
from hybridgl_ros.types import Answer, Candidate, Scene, Tracking, TrackState

# IoU from which two candidates show the same object.
SAME_OBJECT = 0.5


class Tracker:
    """Follows what one expression has found.

    The expression is the judge of what is followed, sight of where it is: an object that was found stays the answer
    while it is seen, until the expression has spoken against it for long enough, see `TrackingSettings.patience`.
    ids: gives the numbers of new objects. found_again and lost count.
    """

    def __init__(self, ids: Iterator[int]) -> None:
        self._ids = ids
        self._tracks: list[Track] = []
        self._grey: np.ndarray | None = None
        self.lost = 0
        self.found_again = 0

    @property
    def tracks(self) -> tuple[Track, ...]:
        """What is followed now."""
        return tuple(self._tracks)

    def follow(self, scene: Scene, answer: Answer, settings: TrackingSettings) -> Answer:
        """The answer on the next frame, as it is when followed objects stay the same ones.

        answer: the expression's on that frame alone; its candidates are all objects that are considered. The result's
        objects are the followed ones that are in sight; its `tracking` tells the rest. While `enabled` is off, the
        answer stays as it is, and what was followed is forgotten.
        """
        if not settings.enabled:
            self._tracks, self._grey = [], None
            return answer
        view = view_of(scene, answer, settings.resolution)
        named = sightings_of(answer.objects, view)
        sights = self._sights(view, scene.size, settings)
        for track in self._tracks:
            track.judge(verdict(track, sights.get(track.id), named, view, answer, settings), settings)
        events = [*self._drop(named), *self._update(sights, settings)]
        sights |= self._begin(named, sights, answer)
        self._grey = view.grey
        return self._told(answer, sights, events)

    def _sights(self, view: View, size: tuple[int, int], settings: TrackingSettings) -> dict[int, Sighting]:
        """Where each followed object is, if it is in sight: likeliest pairs first, nothing twice.

        One that is not among the candidates is carried over from the frame before while the picture looks the same.
        """
        camera = STILL if self._grey is None else motion(self._grey, view.grey)
        pairs, expected = [], {}
        for track in self._tracks:
            memories = track.expected(camera, settings)
            expected[track.id] = memories[:-1]
            for place, sighting in enumerate(view.sightings):
                probability = max(evidence(one, sighting).probability(settings) for one in memories)
                pairs.append((probability, track.id, place))
        sights: dict[int, Sighting] = {}
        for probability, identity, place in sorted(pairs, key=lambda pair: -pair[0]):
            sighting = view.sightings[place]
            if probability >= settings.same and identity not in sights and not is_among(sighting, sights.values()):
                sights[identity] = sighting
        for track in self._tracks:
            if track.id in sights or track.unseen or track.carried >= settings.carry or self._grey is None:
                continue
            for one in expected[track.id]:
                kept = carried(one, self._grey, view, size, settings)
                if kept is not None and not is_among(kept, sights.values()):
                    sights[track.id] = kept
                    break
        return sights

    def _drop(self, named: list[Sighting]) -> list[str]:
        """Give up what the expression has spoken against."""
        gone = [track for track in self._tracks if track.refuted]
        self._tracks = [track for track in self._tracks if not track.refuted]
        why = "the expression names another object" if named else "the expression names it no more"
        return [f"object {track.id} is not followed any more: {why}" for track in gone]

    def _update(self, sights: dict[int, Sighting], settings: TrackingSettings) -> list[str]:
        """Remember what was seen of the objects and what was not; what there is to tell."""
        events = []
        for track in self._tracks:
            before, gone = track.state, track.unseen
            if track.id in sights:
                track.see(sights[track.id], settings)
            else:
                track.miss(settings)
            if track.state is TrackState.FOUND_AGAIN:
                self.found_again += 1
                events.append(f"object {track.id} found again after {gone} frames")
            elif track.state is TrackState.LOST and before is not TrackState.LOST:
                self.lost += 1
                events.append(f"object {track.id} lost: out of sight for {track.unseen} frames")
        return events

    def _begin(self, named: list[Sighting], sights: dict[int, Sighting], answer: Answer) -> dict[int, Sighting]:
        """Follow what is named and not followed yet, as far as the expression means so many."""
        begun = {}
        for sighting in named:
            if len(self._tracks) >= capacity(answer):
                break
            if not is_among(sighting, sights.values()):
                self._tracks.append(Track.begun(next(self._ids), sighting))
                begun[self._tracks[-1].id] = sighting
        return begun

    def _told(self, answer: Answer, sights: dict[int, Sighting], events: list[str]) -> Answer:
        """The answer with the followed objects that are in sight, the most probable first."""
        states = {track.id: track.state for track in self._tracks}
        seen = sorted((one for one in states if one in sights), key=lambda one: -sights[one].candidate.score)
        away = [one for one in states if one not in sights]
        objects = tuple(sights[one].candidate for one in seen)
        tracking = Tracking(
            ids=tuple(seen),
            states=tuple(states[one] for one in seen),
            lost=tuple(away),
            lost_states=tuple(states[one] for one in away),
            events=tuple(events),
        )
        if not away and {entry.index for entry in objects} == {entry.index for entry in answer.objects}:
            return replace(answer, objects=objects, tracking=tracking)
        if not objects and not answer.found:
            return replace(answer, reason=f"{out_of_sight(away)}: {answer.reason}", tracking=tracking)
        note = "followed: on this frame alone the expression would " + (
            "name another object" if answer.found else "find nothing"
        )
        return replace(
            answer,
            found=bool(objects),
            objects=objects,
            mask=union(objects, answer),
            score=objects[-1].score if objects else answer.score,
            reason="" if objects else out_of_sight(away),
            notes=(*answer.notes, note),
            tracking=tracking,
        )


class Trackers:
    """A tracker for each expression that is followed; the numbers of their objects are never given twice.

    Any thread may call anything.
    """

    def __init__(self) -> None:
        self._ids = itertools.count(1)
        self._lock = threading.Lock()
        self._trackers: dict[str, Tracker] = {}
        self._lost = self._found_again = 0

    def of(self, expression: str) -> Tracker:
        """The tracker of an expression."""
        with self._lock:
            return self._trackers.setdefault(expression, Tracker(self._ids))

    def keep(self, expressions: Collection[str]) -> None:
        """Forget what other expressions have found."""
        with self._lock:
            for expression in [known for known in self._trackers if known not in expressions]:
                ended = self._trackers.pop(expression)
                self._lost += ended.lost
                self._found_again += ended.found_again

    @property
    def following(self) -> int:
        """How many objects are followed now."""
        return sum(len(tracker.tracks) for tracker in self._now())

    @property
    def lost(self) -> int:
        """How often one was lost."""
        return self._lost + sum(tracker.lost for tracker in self._now())

    @property
    def found_again(self) -> int:
        """How often one was found again."""
        return self._found_again + sum(tracker.found_again for tracker in self._now())

    def _now(self) -> list[Tracker]:
        with self._lock:
            return list(self._trackers.values())


def is_among(sighting: Sighting, others: Iterable[Sighting]) -> bool:
    """Whether one of the others shows the same object."""
    return any(overlap(other.mask, sighting.mask) >= SAME_OBJECT for other in others)


def sightings_of(objects: tuple[Candidate, ...], view: View) -> list[Sighting]:
    """The view's sightings of an answer's objects."""
    wanted = {entry.index for entry in objects}
    return [sighting for sighting in view.sightings if sighting.candidate.index in wanted]


def verdict(
    track: Track,
    sight: Sighting | None,
    named: list[Sighting],
    view: View,
    answer: Answer,
    settings: TrackingSettings,
) -> float:
    """1 where the expression names a followed object, else how surely it speaks against it, down to −1.

    Against one that is in sight speaks the lead of the likeliest other object, or of there being none where the
    expression finds none; less, where only a part of the object is seen. Once it is settled, only the phrase counts,
    for ranks, places and relations are said of the moment. Against one that is out of sight speaks what is found.
    """
    if sight is None:
        return -settings.absence * float(np.clip(answer.score, 0, 1)) if answer.found else 0.0
    if is_among(sight, named):
        return 1.0
    others = [entry.candidate for entry in view.sightings if overlap(sight.mask, entry.mask) < SAME_OBJECT]
    best = max((weight(entry, track, answer) for entry in others), default=0.0)
    nothing = 0.0 if answer.found else 1 - answer.score
    lead = weight(sight.candidate, track, answer) - max(best, nothing)
    told = 1.0 if answer.found else settings.nothing
    return told * track.share_of(sight) * float(np.clip(lead, -1, 0))


def weight(candidate: Candidate, track: Track, answer: Answer) -> float:
    """What the expression says of a candidate; of a settled object's frame the phrase alone."""
    if not track.settled:
        return candidate.score
    return candidate.similarity if answer.query is None else candidate.semantic


def capacity(answer: Answer) -> float:
    """How many objects an expression means."""
    count = None if answer.query is None else answer.query.count
    if count is None or count.kind == "one":
        return max(1, len(answer.objects))
    return max(count.n, len(answer.objects)) if count.kind in ("exact", "any") else np.inf


def union(objects: tuple[Candidate, ...], answer: Answer) -> np.ndarray:
    """H×W bool, all masks together."""
    mask = np.zeros_like(answer.mask)
    for entry in objects:
        mask |= entry.mask
    return mask


def out_of_sight(identities: list[int]) -> str:
    """Why nothing is found although something is followed."""
    named = " and ".join(map(str, identities))
    return f"object {named} is out of sight"
