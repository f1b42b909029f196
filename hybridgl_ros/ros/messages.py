"""Answers as messages."""

from __future__ import annotations

import math

import numpy as np
from sensor_msgs.msg import RegionOfInterest
from std_msgs.msg import Header

from hybridgl_ros.msg import ReferredObject
from hybridgl_ros.ros.conversion import mask_message
from hybridgl_ros.types import Answer


def referred_objects(
    answer: Answer, expression: str, header: Header, latency: float, count: int = 1
) -> list[ReferredObject]:
    """The answer first, then up to count − 1 runners-up by descending score; only the answer when nothing is found."""
    first = described(answer, expression, header, latency)
    first.found = answer.found
    place(first, answer.mask, answer.score, answer.similarity)
    objects = [first]
    ranked = answer.candidates if answer.found else answer.candidates[:1]
    for candidate in ranked[1:count]:
        runner_up = described(answer, expression, header, latency)
        place(runner_up, candidate.mask, candidate.score, candidate.similarity)
        objects.append(runner_up)
    for message, lead in zip(objects, leads([candidate.score for candidate in answer.candidates]), strict=False):
        message.margin = lead
    return objects


def described(answer: Answer, expression: str, header: Header, latency: float) -> ReferredObject:
    """A message of what all objects of an answer have in common."""
    parse = answer.parse
    return ReferredObject(
        header=header,
        expression=expression,
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


def region(mask: np.ndarray) -> RegionOfInterest:
    """The smallest box around an H×W bool mask; all zero for an empty one."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return RegionOfInterest()
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
    found = f"{answer.parse.target!r} found, score {answer.score:.3f}, margin {answer.margin:.3f}"
    return "; ".join([found if answer.found else answer.reason, *answer.notes])
