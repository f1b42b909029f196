"""Make the pictures of docs/method.md: what the embedded models see, propose and answer on one shipped scene.

python tools/figures.py [--scene NUMBER] [--expression TEXT]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from hybridgl_ros.drawing import draw_answer, write_image
from hybridgl_ros.explanation.pictures import draw_map, object_map
from hybridgl_ros.segmenter import ReferringSegmenter
from hybridgl_ros.tabletop.dataset import TabletopSet, validation_path
from hybridgl_ros.types import Answer

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "figures"
COLOURS = np.array(
    [(230, 80, 60), (70, 140, 230), (90, 190, 90), (240, 190, 60), (170, 100, 210), (60, 190, 190), (240, 130, 190)]
)


def draw_proposals(image: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Every N×H×W bool mask in a colour of its own over the H×W×3 uint8 RGB picture, the largest first."""
    canvas = image.astype(np.float32)
    for place, mask in enumerate(sorted(masks, key=np.sum, reverse=True)):
        canvas[mask] = 0.45 * canvas[mask] + 0.55 * COLOURS[place % len(COLOURS)]
    return canvas.round().astype(np.uint8)


def clause_maps(image: np.ndarray, answer: Answer) -> dict[str, np.ndarray]:
    """A picture a clause of the reading: how probably each candidate satisfies it."""
    masks = [candidate.mask for candidate in answer.candidates]
    return {
        f"clause-{place}": draw_map(image, object_map(masks, list(map(float, clause.probabilities))))
        for place, clause in enumerate(answer.clauses, 1)
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scene", type=int, default=3)
    parser.add_argument("--expression", default="the little cup to the right of the big mug")
    options = parser.parse_args()
    FOLDER.mkdir(exist_ok=True)
    image = TabletopSet(validation_path())[options.scene].image
    segmenter = ReferringSegmenter.from_config("embedded")
    scene = segmenter.encode(image)
    answer = segmenter.refer(scene, options.expression)
    pictures = {
        "picture": image,
        "proposals": draw_proposals(image, scene.proposals.masks),
        **clause_maps(image, answer),
        "answer": draw_answer(image, answer),
    }
    for name, picture in pictures.items():
        write_image(FOLDER / f"{name}.png", picture)
    print(f"{answer.query}: {[clause.text for clause in answer.clauses]}, found {answer.found}, {answer.score:.2f}")


if __name__ == "__main__":
    main()
