"""Gaussian filtering of values at points of any dimension, on the permutohedral lattice (Adams et al., 2010)."""

from __future__ import annotations

import numpy as np


class Lattice:
    """The lattice of N points; filters in time linear in N.

    features: N×d float, points in units of the Gaussian's standard deviation. Filtering is not normalised.
    """

    def __init__(self, features: np.ndarray) -> None:
        keys, ranks, weights = enclosing_simplices(features)
        count, dimensions = features.shape
        corners = np.arange(dimensions + 1)
        shifts = np.where(
            ranks[:, None, :-1] > dimensions - corners[:, None], corners[:, None] - dimensions - 1, corners[:, None]
        )
        points = (keys[:, None, :-1] + shifts).reshape(-1, dimensions)
        # Room for the neighbours, which differ by at most d in each coordinate.
        least = points.min(axis=0) - dimensions
        spans = points.max(axis=0) + dimensions + 1 - least
        strides = np.concatenate([[1], np.cumprod(spans[:-1])])
        codes, self._vertices = np.unique((points - least) @ strides, return_inverse=True)
        self._weights = weights.ravel()
        self._count, self._corners = count, dimensions + 1
        self._size = len(codes)
        steps = [
            strides @ (np.eye(dimensions + 1, dtype=np.int64)[axis, :-1] * (dimensions + 1) - 1)
            for axis in range(dimensions + 1)
        ]
        self._neighbours = [(places(codes, codes + step), places(codes, codes - step)) for step in steps]
        self._scale = 1 / (1 + 2.0**-dimensions)

    def filter(self, values: np.ndarray) -> np.ndarray:
        """Gaussian-weighted sums of N values around each of the N points, float64."""
        spread = (self._weights.reshape(self._count, self._corners) * values[:, None]).ravel()
        # The last entry stands for vertices that are not there.
        grid = np.bincount(self._vertices, spread, self._size + 1)
        for before, after in self._neighbours:
            grid[:-1] += 0.5 * (grid[before] + grid[after])
        gathered = grid[self._vertices] * self._weights
        return self._scale * gathered.reshape(self._count, self._corners).sum(axis=1)


def enclosing_simplices(features: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The simplex around each point: its remainder-0 vertex N×(d+1) int64, the rank of each coordinate N×(d+1), and the
    barycentric weights N×(d+1) by remainder."""
    count, dimensions = features.shape
    axes = np.arange(dimensions)
    scaled = features * (np.sqrt(2 / 3) * (dimensions + 1) / np.sqrt((axes + 1) * (axes + 2)))
    elevated = np.zeros((count, dimensions + 1))
    total = np.zeros(count)
    for axis in axes[::-1]:
        elevated[:, axis + 1] = total - (axis + 1) * scaled[:, axis]
        total += scaled[:, axis]
    elevated[:, 0] = total
    nearest = np.rint(elevated / (dimensions + 1)).astype(np.int64)
    surplus = nearest.sum(axis=1)
    vertex = nearest * (dimensions + 1)
    order = np.argsort(-(elevated - vertex), axis=1, kind="stable")
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.broadcast_to(np.arange(dimensions + 1), order.shape).copy(), axis=1)
    ranks += surplus[:, None]
    wrapped = np.where(ranks < 0, 1, np.where(ranks > dimensions, -1, 0)) * (dimensions + 1)
    ranks, vertex = ranks + wrapped, vertex + wrapped
    offsets = (elevated - vertex) / (dimensions + 1)
    by_rank = np.empty_like(offsets)
    np.put_along_axis(by_rank, ranks, offsets, axis=1)
    descending = by_rank[:, ::-1]
    weights = descending - np.roll(descending, 1, axis=1)
    weights[:, 0] = 1 + descending[:, 0] - by_rank[:, 0]
    return vertex, ranks, weights


def places(codes: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Where each wanted code lies in the sorted codes; one past the last where it is not there."""
    found = np.minimum(np.searchsorted(codes, wanted), len(codes) - 1)
    return np.where(codes[found] == wanted, found, len(codes))
