"""Answers as messages."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import numpy as np
from geometry_msgs.msg import Point, Pose, Quaternion, Vector3
from sensor_msgs.msg import RegionOfInterest
from std_msgs.msg import Header

from hybridgl_ros.drawing import runners_up
from hybridgl_ros.explanation.parts import parts_of
from hybridgl_ros.metric.placement import Placement
from hybridgl_ros.msg import ReferredObject, ReferredObjects
from hybridgl_ros.presentation import reading, score_name
from hybridgl_ros.ros.common.conversion import mask_message
from hybridgl_ros.types import Answer, Candidate

UNKNOWN = dict.fromkeys("xyz", math.nan)


def referred_objects(
    answer: Answer,
    expression: str,
    header: Header,
    latency: float,
    count: int = 1,
    places: Sequence[Placement | str] = (),
) -> list[ReferredObject]:
    """Every referent, then runners-up until there are `count`, each group by descending score.

    places: where the referents are, or why that is not known. When nothing is found, one object that says so.
    """
    common = partial(described, answer, expression, header, latency)
    if not answer.found:
        return [nothing_found(answer, common(answer.candidates[0] if answer.candidates else None))]
    referents = list(answer.objects)
    ranked = [*referents, *runners_up(answer)]
    objects = []
    for number, (candidate, lead) in enumerate(zip(ranked, leads([entry.score for entry in ranked]), strict=True)):
        if number == max(count, len(referents)):
            break
        message = common(candidate)
        message.found = number < len(referents)
        message.margin = lead
        place(message, candidate.mask, candidate.score, candidate.similarity)
        put(message, places[number] if number < min(len(places), len(referents)) else "")
        if answer.tracking is not None and message.found:
            message.track_id, message.track_state = answer.tracking.ids[number], answer.tracking.states[number]
        objects.append(message)
    return objects


def all_referents(answer: Answer, objects: Sequence[ReferredObject]) -> ReferredObjects:
    """The answer as one message; objects: those of `referred_objects`."""
    referents = [entry for entry in objects if entry.found]
    first = objects[0]
    return ReferredObjects(
        header=first.header,
        expression=first.expression,
        query=first.query,
        found=len(referents),
        score=float(answer.score),
        reason=first.reason,
        notes=first.notes,
        objects=referents,
        lost_track_ids=[] if answer.tracking is None else list(answer.tracking.lost),
        latency=first.latency,
    )


def nothing_found(answer: Answer, message: ReferredObject) -> ReferredObject:
    """A message of the best candidate, completed: how close it came, and no pixels."""
    place(message, answer.mask, answer.score, answer.similarity)
    message.margin = leads([candidate.score for candidate in answer.candidates] or [math.nan])[0]
    put(message, "")
    if answer.tracking is not None and answer.tracking.lost:
        message.track_id, message.track_state = answer.tracking.lost[0], answer.tracking.lost_states[0]
    return message


def described(
    answer: Answer, expression: str, header: Header, latency: float, candidate: Candidate | None
) -> ReferredObject:
    """A message of what all objects of an answer have in common, and of what each part says of this one."""
    parse = answer.parse
    # None for a followed object that is not proposed in this frame.
    rank = next((rank for rank, entry in enumerate(answer.candidates) if entry is candidate), None)
    parts = () if rank is None else parts_of(answer)
    return ReferredObject(
        header=header,
        expression=expression,
        query=reading(answer),
        clauses=[part.text for part in parts],
        probabilities=[part.values[rank or 0] for part in parts],
        reason=answer.reason,
        notes=list(answer.notes),
        target=parse.target,
        relation="" if parse.relation == "none" else parse.relation,
        other_phrases=list(parse.others),
        position="" if parse.position == "none" else parse.position,
        latency=latency,
        margin=math.nan,
    )


def place(message: ReferredObject, mask: np.ndarray, score: float, similarity: float) -> None:
    """Fill in mask, box and scores."""
    message.mask = mask_message(mask, message.header)
    message.roi = region(mask)
    message.score = float(score)
    message.similarity = float(similarity)


def put(message: ReferredObject, where: Placement | str) -> None:
    """Fill in the place, or NaN and the reason why it is not known."""
    message.has_position = isinstance(where, Placement)
    if isinstance(where, Placement):
        message.pose, message.distance = pose_message(where), where.distance
        message.extent = Vector3(**dict(zip("xyz", where.extent.tolist(), strict=True)))
    else:
        message.position_reason = where
        message.pose = Pose(position=Point(**UNKNOWN), orientation=Quaternion(**UNKNOWN, w=math.nan))
        message.extent, message.distance = Vector3(**UNKNOWN), math.nan


def pose_message(placement: Placement) -> Pose:
    """Middle and axes of an object, in the camera's optical frame."""
    position = Point(**dict(zip("xyz", placement.position.tolist(), strict=True)))
    return Pose(position=position, orientation=Quaternion(**dict(zip("xyzw", placement.quaternion, strict=True))))


def region(mask: np.ndarray) -> RegionOfInterest:
    """The smallest box around an H×W bool mask; all zero for an empty one."""
    rows = np.flatnonzero(mask.any(axis=1))
    if not len(rows):
        return RegionOfInterest()
    columns = np.flatnonzero(mask[rows[0] : rows[-1] + 1].any(axis=0))
    return RegionOfInterest(
        x_offset=int(columns[0]),
        y_offset=int(rows[0]),
        width=int(columns[-1] - columns[0] + 1),
        height=int(rows[-1] - rows[0] + 1),
    )


def leads(scores: list[float]) -> list[float]:
    """By how much each score of a ranking leads over the next; NaN for the last."""
    return [-step for step in np.diff(scores).tolist()] + [math.nan]


def summary(answer: Answer) -> str:
    """One line for a person: what was found and how sure, or why nothing was; then the notes."""
    if answer.query is None:
        what = f"{answer.parse.target!r} found"
    else:
        what = f"{len(answer.objects)} found, read as '{answer.query}'"
    found = f"{what}, {score_name(answer)} {answer.score:.3f}, margin {answer.margin:.3f}"
    return "; ".join([found if answer.found else answer.reason, *answer.notes])
