"""Masks that another system made, read from a file; see `hybridgl_ros.evaluation.predictions`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hybridgl_ros.evaluation.predictions import Predictions
from hybridgl_ros.evaluation.samples import Sample
from hybridgl_ros.language.parser import ExpressionParser
from hybridgl_ros.language.pipeline import load_pipeline
from hybridgl_ros.language.reader import QueryParser
from hybridgl_ros.language.rules import load_rules
from hybridgl_ros.language.vocabulary import load_vocabulary
from hybridgl_ros.scorers.query import summary
from hybridgl_ros.settings import Config
from hybridgl_ros.types import Answer, Parse

SETTINGS: Mapping[str, Any] = {}
FROM_FILE = True


@dataclass(frozen=True)
class RecordedAnswers:
    """The lines of a file as answers. parse: reads an expression, for the breakdown only."""

    predictions: Predictions
    parse: Callable[[str], Parse]

    def find(self, split: str, sample: Sample, size: tuple[int, int]) -> Answer | None:
        """The answer to one sample on an image of a size (H, W); None when the file has no line for it.

        Raises DatasetError for a damaged mask.
        """
        prediction = self.predictions.find(split, sample)
        if prediction is None:
            return None
        mask = self.predictions.mask(prediction, size)
        return Answer(
            found=bool(mask.any()),
            mask=mask,
            score=math.nan if prediction.score is None else prediction.score,
            similarity=math.nan,
            margin=math.nan,
            candidates=(),
            parse=self.parse(sample.expression),
        )

    def nothing(self, sample: Sample, size: tuple[int, int]) -> Answer:
        """What stands for a line that is missing."""
        return Answer(
            found=False,
            mask=np.zeros(size, bool),
            score=math.nan,
            similarity=math.nan,
            margin=math.nan,
            candidates=(),
            parse=self.parse(sample.expression),
            reason="the file has no line for it",
        )


def build(config: Config, source: Path) -> RecordedAnswers:
    """The answers of a file. Raises DatasetError as `Predictions`."""
    pipeline = load_pipeline(config.models.spacy)
    if config.scoring.method == "query":
        reader = QueryParser(pipeline, load_vocabulary())
        return RecordedAnswers(Predictions(source), lambda text: summary(text, reader.read(text).queries[0]))
    return RecordedAnswers(Predictions(source), ExpressionParser(pipeline, load_rules(config.text.rules)).parse)
