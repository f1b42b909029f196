"""A small tabletop set, made on the fly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hybridgl_ros.tabletop.dataset import Expression, ObjectTruth, TabletopScene, TabletopWriter

SIZE = (48, 64)


def scene(identity: str, seed: int) -> TabletopScene:
    """Noise with three rectangles for objects; one expression of it names nothing, two name the same object."""
    generator = np.random.default_rng(seed)
    instances = np.zeros(SIZE, np.uint8)
    instances[4:20, 4:20] = 1
    instances[8:40, 30:50] = 2
    instances[42:46, 2 + seed : 12 + seed] = 3
    depth = np.full(SIZE, 0.75, np.float32)
    depth[:3] = np.nan
    return TabletopScene(
        id=identity,
        group=seed,
        image=generator.integers(0, 256, (*SIZE, 3), dtype=np.uint8),
        instances=instances,
        depth=depth,
        intrinsics=np.array([[60.0, 0, 31.5], [0, 60.0, 23.5], [0, 0, 1]]),
        objects=tuple(
            ObjectTruth(k, "cube", "red", "small", (0.1, 0.0, 0.75), int((instances == k).sum())) for k in (1, 2, 3)
        ),
        expressions=(
            Expression("the red cube", 1, "plain"),
            Expression("the cube left of the ball", 1, "relation", ("left",)),
            Expression("The big cube", 2, "size"),
            Expression("the green mug", None, "absent", ("none",)),
        ),
        camera={},
    )


@pytest.fixture(scope="session")
def tabletop_zip(tmp_path_factory) -> Path:
    """A set of three scenes with four expressions each."""
    path = tmp_path_factory.mktemp("tabletop") / "small.zip"
    with TabletopWriter(path, seed=0, split="heldout", width=SIZE[1], height=SIZE[0]) as writer:
        for number in range(3):
            writer.add(scene(f"s.{number}", number))
    return path
