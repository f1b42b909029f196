"""A query's way: the expression as a program over the scene's objects, every step a probability for each of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from hybridgl_ros.clip.encoder import ClipEncoder
from hybridgl_ros.clip.text import TextEncoder
from hybridgl_ros.errors import ExpressionError
from hybridgl_ros.grounding.decision import Decision, decide
from hybridgl_ros.grounding.execution import Execution, Executor, Graded, Step
from hybridgl_ros.grounding.geometry import Geometry, measure
from hybridgl_ros.grounding.objects import Object, find_objects
from hybridgl_ros.language.bank import load_bank
from hybridgl_ros.language.query import (
    Count,
    Either,
    Except,
    Negation,
    Phrase,
    Position,
    Query,
    Rank,
    Reading,
    Relation,
    phrases,
)
from hybridgl_ros.progress import Progress, unwatched
from hybridgl_ros.scorers import Expression, nothing_proposed, timed
from hybridgl_ros.scorers.reasons import reason_of, uses_depth
from hybridgl_ros.scorers.recognition import Recogniser, Vocabulary
from hybridgl_ros.settings import Config
from hybridgl_ros.types import Answer, Candidate, ClauseScore, Parse, Scene

Read = Callable[[str], Reading]


NOT_CALIBRATED = "these weights are not calibrated: nothing is ever refused, and the score ranks only"
NO_DEPTH = "no depth picture: what stands lower in the picture counts as nearer"
KINDS: dict[type, str] = {
    Phrase: "phrase",
    Graded: "attribute",
    Relation: "relation",
    Rank: "rank",
    Position: "position",
    Negation: "negation",
    Except: "except",
    Either: "either",
}


@dataclass(frozen=True)
class SceneObjects:
    """The objects of a scene. features: N×d of unit length, as their best proposals were described; real: N float64."""

    objects: tuple[Object, ...]
    geometry: Geometry
    features: Tensor
    real: Tensor


class QueryScorer:
    """Executes what an expression asks for. read: turns a text into a `Reading`."""

    def __init__(self, config: Config, clip: ClipEncoder, text: TextEncoder, read: Read) -> None:
        self.config = config
        self.clip = clip
        self.text = text
        self.read = read

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The bank's text features, made when the first expression comes."""
        settings = self.config.membership
        return Vocabulary(self.text, load_bank(settings.bank), settings.prompt, self.clip.logit_scale)

    def answer(self, scene: Scene, expression: Expression, progress: Progress = unwatched) -> Answer:
        """The referents of a text, a `Query` or a `Reading`. Raises ExpressionError for a blank text."""
        timings = dict(scene.timings)
        with timed(timings, "parse", progress):
            reading = self.on_surfaces(self.reading(expression))
        if not len(scene.proposals):
            first = reading.queries[0]
            return nothing_proposed(scene, summary(reading.text, first), (*scene.notes, *reading.notes), timings, first)
        with timed(timings, "scoring", progress), torch.inference_mode():
            self.prepare([reading])
            found = self.objects(scene)
            recogniser = Recogniser(self.vocabulary, found.features, self.config.membership, found.real)
            executor = Executor(found.geometry, recogniser, self.config.grounding)
            executions = [executor.run(query) for query in reading.queries]
            decision = decide(executions, reading.weights, self.config.decision)
            similarity = recogniser.similarity(decision.execution.query.phrase)
        notes = [
            *scene.notes,
            *reading.notes,
            *recogniser.notes,
            *decision.notes,
            *self.notes(decision, found.geometry),
        ]
        return answer_of(scene, found, reading, decision, similarity, tuple(notes), timings)

    def answers(self, scene: Scene, expressions: Sequence[Expression], progress: Progress = unwatched) -> list[Answer]:
        """The referents of each; the text tower reads all phrases at once. Raises as `answer`."""
        progress("parse")
        readings = [self.on_surfaces(self.reading(one)) for one in expressions]
        if len(scene.proposals):
            progress("scoring")
            self.prepare(readings)
        return [self.answer(scene, reading, progress) for reading in readings]

    def prepare(self, readings: Sequence[Reading]) -> None:
        """Let the text tower read everything that it will be asked for some readings, all at once."""
        words = [str(query.phrase) for reading in readings for query in reading.queries]
        for phrase in (phrase for reading in readings for phrase in phrases(reading.queries)):
            words += self.vocabulary.asked(phrase)
        if words:
            self.vocabulary.encode(words)

    def reading(self, expression: Expression) -> Reading:
        """What was asked, read from a text or taken as it is."""
        if isinstance(expression, Reading):
            reading = expression
        elif isinstance(expression, Query):
            reading = Reading(str(expression), (expression,))
        elif not expression.strip():
            raise ExpressionError("the expression is empty")
        else:
            reading = self.read(expression)
        return reduced(reading, self.config.grounding.without)

    def on_surfaces(self, reading: Reading) -> Reading:
        """A reading without relations to surfaces that the image-text model does not know: all there is lies there."""
        vocabulary = self.vocabulary

        def tells_nothing(clause: object) -> bool:
            if not isinstance(clause, Relation) or clause.kind not in ("on", "inside"):
                return False
            landmark = clause.landmarks[0]
            noun = landmark.phrase.noun
            return noun in vocabulary.bank.surfaces and not vocabulary.text.knows(noun) and not landmark.clauses

        queries, notes = [], dict.fromkeys(reading.notes)
        for query in reading.queries:
            idle = [clause for clause in query.clauses if tells_nothing(clause)]
            notes |= dict.fromkeys(f"ignored: '{clause}', where everything is" for clause in idle)
            queries.append(replace(query, clauses=tuple(clause for clause in query.clauses if clause not in idle)))
        return replace(reading, queries=tuple(queries), notes=tuple(notes))

    def objects(self, scene: Scene) -> SceneObjects:
        """The scene's objects, found when the first expression comes."""
        settings = self.config.objects
        if settings not in scene.memory:
            objects = find_objects(scene.proposals, settings)
            depth = scene.depth if settings.depth else None
            masks = scene.proposals.masks[[entry.best for entry in objects]]
            scene.memory[settings] = objects, measure(masks, depth, scene.intrinsics, settings)
        objects, geometry = scene.memory[settings]
        features = F.normalize(scene.features[[entry.best for entry in objects]], dim=-1)
        real = torch.tensor([entry.real for entry in objects], dtype=torch.float64)
        return SceneObjects(objects, geometry, features, real)

    def notes(self, decision: Decision, geometry: Geometry) -> list[str]:
        """What a person should know about how the answer came about."""
        notes = []
        if not self.config.decision.calibrated:
            notes.append(NOT_CALIBRATED)
        if uses_depth(decision.execution.query) and not bool(geometry.depth.isfinite().any()):
            notes.append(NO_DEPTH)
        return notes


def reduced(reading: Reading, without: Sequence[str]) -> Reading:
    """A reading without what `grounding.without` leaves out of it."""
    if "readings" in without:
        reading = replace(reading, queries=reading.queries[:1], weights=(1.0,))
    if "counts" in without:
        reading = replace(reading, queries=tuple(replace(query, count=Count()) for query in reading.queries))
    return reading


def answer_of(
    scene: Scene,
    found: SceneObjects,
    reading: Reading,
    decision: Decision,
    similarity: Tensor,
    notes: tuple[str, ...],
    timings: dict[str, float],
) -> Answer:
    """The answer in terms of the scene's proposals."""
    query = decision.execution.query
    if not found.objects:
        return nothing_proposed(scene, summary(reading.text, query), notes, timings, query)
    order = decision.order
    place = {index: rank for rank, index in enumerate(order)}
    candidates = candidates_of(scene, found, decision, similarity)
    referents = tuple(candidates[place[i]] for i in decision.referents)
    mask = referents[0].mask if len(referents) == 1 else np.zeros(scene.size, bool)
    for entry in referents if len(referents) > 1 else ():
        mask |= entry.mask
    return Answer(
        found=decision.found,
        mask=mask,
        score=decision.score,
        similarity=candidates[0].similarity,
        margin=decision.margin,
        candidates=candidates,
        parse=summary(reading.text, query),
        reason="" if decision.found else reason_of(decision),
        notes=notes,
        timings=timings,
        objects=referents,
        query=query,
        clauses=tuple(clause_score(step, order, place) for step in decision.execution.steps),
        alternatives=tuple(other for other in reading.queries if other is not query),
    )


def candidates_of(scene: Scene, found: SceneObjects, decision: Decision, similarity: Tensor) -> tuple[Candidate, ...]:
    """The objects as candidates, the likeliest first."""
    steps, order = decision.execution.steps, list(decision.order)
    columns = (
        decision.scores,
        similarity,
        product(steps, (Relation,)),
        steps[0].factors,
        torch.full_like(steps[0].factors, float("nan")),
        product(steps, (Rank, Position)),
    )
    places = [found.objects[i].best for i in order]
    boxes = scene.proposals.boxes[places].tolist()
    partial = zip(*(values[order].tolist() for values in columns))
    return tuple(
        Candidate(index, scene.proposals.masks[index], (x, y, width, height), *values)
        for index, (x, y, width, height), values in zip(places, boxes, partial)
    )


def product(steps: tuple[Step, ...], kinds: tuple[type, ...]) -> Tensor:
    """The product of some kinds of steps for every object, N float64; NaN when there is none of them."""
    factors = [step.factors for step in steps if isinstance(step.part, kinds)]
    return torch.stack(factors).prod(dim=0) if factors else torch.full_like(steps[0].factors, float("nan"))


def clause_score(step: Step, order: tuple[int, ...], place: dict[int, int]) -> ClauseScore:
    """One step in the order of the candidates."""
    return ClauseScore(
        text=str(step.part),
        kind=KINDS[type(step.part)],
        probabilities=step.factors[list(order)].float().numpy(),
        landmarks=tuple(place[likeliest(landmark)] for landmark in step.landmarks),
    )


def likeliest(execution: Execution) -> int:
    """The object that an executed query most probably refers to."""
    return int(execution.probabilities.argmax())


def summary(text: str, query: Query) -> Parse:
    """A query in the terms of `Parse`, for those who know these."""
    relations = [clause for clause in query.clauses if isinstance(clause, Relation)]
    landmarks = [landmark for clause in relations for landmark in clause.landmarks]
    places = next((clause.places for clause in query.clauses if isinstance(clause, Position)), ())
    return Parse(
        text=text,
        sentence=text.lower(),
        target=str(query.phrase),
        head=query.phrase.noun or str(query.phrase),
        others=tuple(str(landmark.phrase) for landmark in landmarks),
        other_nouns=tuple(landmark.phrase.noun for landmark in landmarks),
        position=" ".join(places) or "none",
        relation=relations[0].kind if relations else "none",
    )
