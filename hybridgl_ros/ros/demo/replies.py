"""What the demonstration asks, and its answers as JSON, as a table and as a picture.

What is asked is not picked by hand: for each kind of expression below, in this order, the first expression of that kind
that people wrote for the validation scenes, in a scene that no earlier kind has taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import itemgetter

import numpy as np
from rich.table import Table
from rich.text import Text

from hybridgl_ros.drawing import REFERENT, caption_below, darken_around, outline
from hybridgl_ros.evaluation.datasets.tabletop import of_people
from hybridgl_ros.msg import ReferredObject
from hybridgl_ros.pixels import unpack_rows
from hybridgl_ros.tabletop.dataset import Expression, TabletopSet

KINDS = {
    "attribute": "attribute",
    "relation": "side",
    "ordinal": "ordinal",
    "between": "between",
    "negation": "negation",
    "plural": "plural",
    "absent": "absent",
}
"""Kinds of expressions as the demonstration calls them, and as people's expressions are tagged."""
BY_TOPIC = ("relation", "plural")
COLUMNS = 3
TRUTH_COLOUR = (60, 220, 90)


@dataclass(frozen=True)
class Question:
    """An expression to be asked while a scene is shown; kind: one of `KINDS`."""

    scene: int
    scene_id: str
    kind: str
    expression: Expression


@dataclass(frozen=True)
class Reply:
    """What came back. objects: all referents, or the one that says that there is none. image: H×W×3 uint8 RGB.

    truth: H×W bool, all that is meant; iou: of all referents and the truth, None where nothing is meant.
    """

    question: Question
    objects: tuple[ReferredObject, ...]
    image: np.ndarray
    truth: np.ndarray

    @property
    def first(self) -> ReferredObject:
        """What all objects have in common, and the surest of them."""
        return self.objects[0]

    @property
    def score(self) -> float:
        """Of the least sure object."""
        return self.objects[-1].score

    @property
    def mask(self) -> np.ndarray:
        """H×W bool, all referents."""
        return np.any([unpack_rows(entry.mask) > 0 for entry in self.objects], axis=0)

    @property
    def iou(self) -> float | None:
        if not self.question.expression.instances:
            return None
        return float((self.mask & self.truth).sum() / max(1, (self.mask | self.truth).sum()))

    def record(self) -> dict[str, object]:
        """As answers.json holds it."""
        return {
            "expression": self.question.expression.text,
            "kind": self.question.kind,
            "query": self.first.query,
            "expected_found": bool(self.question.expression.instances),
            "found": self.first.found,
            "score": self.score,
            "iou": self.iou,
            "latency_ms": 1000.0 * self.first.latency,
        }


def choose_questions(scenes: TabletopSet) -> list[Question]:
    """One question a kind, each of another scene; see the module's text."""
    said = sorted(of_people(scenes), key=itemgetter(0))
    chosen: list[Question] = []
    for name, kind in KINDS.items():
        taken = {question.scene for question in chosen}
        chosen.append(
            next(
                Question(index, scenes.record(index)["id"], name, expression)
                for index, expressions in said
                for expression in expressions
                if expression.kind == kind and index not in taken
            )
        )
    return chosen


def contact_sheet(replies: list[Reply]) -> np.ndarray:
    """The frames with answer (outlined, the rest darkened) and truth (green line) side by side, H×W×3 uint8 RGB."""
    tiles = [tile_of(reply) for reply in replies]
    tiles += [np.full_like(tiles[0], 255)] * (-len(tiles) % COLUMNS)
    rows = [np.concatenate(tiles[start : start + COLUMNS], axis=1) for start in range(0, len(tiles), COLUMNS)]
    return np.concatenate(rows)


def tile_of(reply: Reply) -> np.ndarray:
    """A frame with answer and truth; below it what was asked, how it was read, and what came of it."""
    tile = darken_around(reply.image, reply.mask) if reply.first.found else reply.image.copy()
    for entry in reply.objects:
        outline(tile, unpack_rows(entry.mask) > 0, REFERENT, 2)
    outline(tile, reply.truth, TRUTH_COLOUR, 1)
    return caption_below(tile, reply.question.expression.text, reply.first.query, outcome(reply))


def outcome(reply: Reply) -> str:
    """What came of a question, in a few words."""
    if not reply.first.found:
        return reply.first.reason if reply.iou is None else f"not found · {reply.first.reason}"
    several = f"{len(reply.objects)} found, " if len(reply.objects) > 1 else ""
    right = "but there is none" if reply.iou is None else f"IoU {reply.iou:.2f}"
    return f"{several}p {reply.score:.2f} · {right}"


def table(replies: list[Reply]) -> Table:
    """The answers for a terminal."""
    result = Table("kind", "expression, and how it was read", "asked by", "found", "score", "IoU", "latency")
    for reply in replies:
        said = Text(f"{reply.question.expression.text}\n→ {reply.first.query}")
        asked = "topic" if reply.question.kind in BY_TOPIC else "service"
        count = sum(entry.found for entry in reply.objects)
        iou = "–" if reply.iou is None else f"{reply.iou:.2f}"
        latency = f"{1000 * reply.first.latency:.0f} ms"
        result.add_row(
            reply.question.kind, said, asked, str(count) if count else "no", f"{reply.score:.3f}", iou, latency
        )
    return result
