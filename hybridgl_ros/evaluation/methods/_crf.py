"""A dense CRF of two labels (Krähenbühl & Koltun, NeurIPS 2011): sharpens a map along the edges of the picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hybridgl_ros.evaluation.methods._lattice import Lattice

LEAST = 1e-5
"""Probabilities are kept this far from 0."""


@dataclass(frozen=True)
class CrfValues:
    """Rounds of mean field; of the smoothing and the appearance term their weights and spreads, in pixels and in grey
    levels; the colour (BGR) that is taken from the picture's."""

    rounds: int
    smooth_weight: float
    smooth_pixels: float
    appearance_weight: float
    appearance_pixels: float
    appearance_levels: float
    mean: Sequence[float]


class DenseCrf:
    """The two pairwise terms of one image (H×W×3 uint8 RGB) for any number of maps."""

    def __init__(self, image: np.ndarray, values: CrfValues) -> None:
        self._rounds = values.rounds
        rows, columns = np.indices(image.shape[:2])
        places = np.stack([columns.ravel(), rows.ravel()], axis=1).astype(np.float64)
        colours = without_mean(image, values.mean).reshape(-1, 3).astype(np.float64)
        appearance = np.hstack([places / values.appearance_pixels, colours / values.appearance_levels])
        self._terms = [
            Term(values.smooth_weight, places / values.smooth_pixels),
            Term(values.appearance_weight, appearance),
        ]

    def refine(self, probability: np.ndarray) -> np.ndarray:
        """H×W in [0, 1], how likely each pixel is meant → the same after mean field, float64."""
        meant = np.clip(probability.ravel().astype(np.float64), LEAST, 1)
        other = np.clip(1 - probability.ravel().astype(np.float64), LEAST, 1)
        unary = np.log(meant) - np.log(other)
        found = sigmoid(unary)
        for _ in range(self._rounds):
            found = sigmoid(unary + sum(term.push(found) for term in self._terms))
        return found.reshape(probability.shape)


class Term:
    """A Potts term with a Gaussian kernel, normalised symmetrically."""

    def __init__(self, weight: float, features: np.ndarray) -> None:
        self._weight = weight
        self._lattice = Lattice(features)
        self._norm = 1 / np.sqrt(self._lattice.filter(np.ones(len(features))) + 1e-20)
        self._all = self._filter(np.ones(len(features)))

    def push(self, found: np.ndarray) -> np.ndarray:
        """What the neighbours add to the log odds. found: N, probability of each pixel."""
        return self._weight * (2 * self._filter(found) - self._all)

    def _filter(self, values: np.ndarray) -> np.ndarray:
        return self._norm * self._lattice.filter(self._norm * values)


def without_mean(image: np.ndarray, mean: Sequence[float]) -> np.ndarray:
    """H×W×3 uint8 BGR, the mean taken away; what falls below 0 comes out above, as published."""
    shifted = image[..., ::-1].astype(np.float32) - np.asarray(mean)
    return shifted.astype(np.int64).astype(np.uint8)


def sigmoid(values: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(0.5 * values))
