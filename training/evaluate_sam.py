"""Choose the small SAM's thresholds on validation scenes, measure it on held-out ones, and write its card.

    python training/evaluate_sam.py --run DIR --validation val.zip --install hybridgl_ros/models/embedded

``DIR`` is the output of ``train_sam.py``. With ``--install`` the weights and their card are written into that
folder; without it the numbers are only printed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from sam_scores import MISSED_IOU, ProposalScores, choose_thresholds, measure_overlaps, score
from tqdm import tqdm
from train_sam import FACTS_NAME, WEIGHTS_NAME

from hybridgl_ros.models.embedded_sam import EMBEDDED_SIZES, build_embedded_sam
from hybridgl_ros.models.state import read_state
from hybridgl_ros.proposals.sam import SamProposals
from hybridgl_ros.settings import ProposalSettings
from hybridgl_ros.tabletop.dataset import TabletopSet, heldout_path

RATINGS = (0.4, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85)
STABILITIES = (0.0, 0.3, 0.5, 0.6, 0.7, 0.8)
SUPPRESSIONS = (0.7,)
AREA = 50
TOLERANCE = 0.005


def load_proposals(weights: Path) -> SamProposals:
    """The proposal generator over weights that ``train_sam.py`` wrote."""
    sam = build_embedded_sam()
    sam.load_state_dict(read_state(weights))
    return SamProposals(sam)


def summary(scores: ProposalScores) -> dict[str, Any]:
    """Scores as they stand in the card."""
    return {
        "scenes": len(scores.counts),
        "objects": len(scores.ious),
        "mean_best_proposal_iou": round(scores.mean_best_iou, 4),
        f"missed_below_iou_{MISSED_IOU}": round(scores.missed, 4),
        "mean_proposals_per_scene": round(scores.proposals, 2),
        "mean_best_proposal_iou_by_shape": {shape: round(iou, 4) for shape, iou in scores.by_shape().items()},
    }


def card(
    weights: bytes,
    settings: ProposalSettings,
    run: dict[str, Any],
    validation: ProposalScores,
    heldout: ProposalScores,
) -> dict[str, Any]:
    """The model card: file, architecture, settings, training and measured quality."""
    return {
        "name": "sam_tabletop",
        "sha256": hashlib.sha256(weights).hexdigest(),
        "size": len(weights),
        "licence": "Apache-2.0",
        "text": "Small SAM for the simulated tabletop; not for photographs. Only single foreground points "
        "with three masks each were trained: no boxes, mask prompts, background points or single mask.",
        "architecture": {
            "classes": "segment_anything.modeling",
            "parameters": sum(parameter.numel() for parameter in build_embedded_sam().parameters()),
            "sizes": asdict(EMBEDDED_SIZES),
        },
        "settings": {
            f"proposals.{name}": getattr(settings, name)
            for name in (
                "points_per_side",
                "predicted_iou_threshold",
                "stability_threshold",
                "nms_threshold",
                "minimum_region_area",
            )
        },
        "data": "Scenes of hybridgl_ros.tabletop, 320x240, seven shapes in eight colours and two sizes; "
        "training, validation and held-out scenes share no group of objects.",
        "training": {"script": "training/train_sam.py", **run},
        "threshold_choice": f"on validation: fewest proposals within {TOLERANCE} of the best mean IoU",
        "validation": summary(validation),
        "heldout": summary(heldout),
    }


def main(options: argparse.Namespace) -> None:
    """Choose, measure, print, and install if asked to."""
    weights = options.run / WEIGHTS_NAME
    run = json.loads((options.run / FACTS_NAME).read_text(encoding="utf-8"))
    proposals = load_proposals(weights)
    scenes = TabletopSet(options.validation)[: options.validation_scenes]
    settings = choose_thresholds(
        proposals,
        scenes,
        ratings=RATINGS,
        stabilities=STABILITIES,
        suppressions=SUPPRESSIONS,
        area=AREA,
        tolerance=TOLERANCE,
    )
    validation = score(measure_overlaps(proposals, scenes, settings))
    print(settings, summary(validation), flush=True)
    scenes = tqdm(TabletopSet(options.heldout)[: options.heldout_scenes], desc="held out", unit="scene")
    heldout = score(measure_overlaps(proposals, scenes, settings))
    content = weights.read_bytes()
    text = json.dumps(card(content, settings, run, validation, heldout), indent=2) + "\n"
    print(text)
    if options.install:
        options.install.mkdir(parents=True, exist_ok=True)
        replace_file(options.install / WEIGHTS_NAME, content)
        replace_file((options.install / WEIGHTS_NAME).with_name("sam_tabletop.json"), text.encode())


def replace_file(path: Path, content: bytes) -> None:
    """Write a file that is never seen half done."""
    part = path.with_name(path.name + ".part")
    part.write_bytes(content)
    os.replace(part, path)


def parse_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, required=True, help="output folder of train_sam.py")
    parser.add_argument("--validation", type=Path, required=True, help="zip of validation scenes")
    parser.add_argument("--heldout", type=Path, default=heldout_path(), help="zip of held-out scenes")
    parser.add_argument("--validation-scenes", type=int, help="only the first N scenes of it")
    parser.add_argument("--heldout-scenes", type=int, help="only the first N scenes of it")
    parser.add_argument("--install", type=Path, help="folder to write the weights and their card into")
    return parser.parse_args()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(1)
    main(parse_options())
