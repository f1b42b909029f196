"""Let a small SAM draw its proposals on training scenes, so that the small CLIP learns from what it will be shown.

    python training/clip_proposals.py --sam runs/sam/sam_tabletop.safetensors.gz SHARD.zip [SHARD.zip ...]

Writes ``SHARD.npz`` beside each shard: masks that fit an object imperfectly, and masks that fit none (parts, shadows,
several objects at once). Masks in between belong to neither and are left out.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from evaluate_sam import load_proposals
from sam_scores import PERMISSIVE
from tqdm import tqdm

from hybridgl_ros.tabletop.dataset import TabletopScene, TabletopSet

FITS, MISSES = 0.7, 0.5
SMALLEST = 150
"""Masks of fewer pixels are left out."""


def labels(masks: np.ndarray, scene: TabletopScene) -> np.ndarray:
    """For each mask (N×H×W bool) the instance that it fits, 0 where it fits none, -1 in between."""
    truth = np.stack([scene.mask(item.instance).ravel() for item in scene.objects]).astype(np.float32)
    drawn = masks.reshape(len(masks), -1).astype(np.float32)
    overlap = drawn @ truth.T
    iou = overlap / (drawn.sum(1)[:, None] + truth.sum(1) - overlap)
    best = iou.max(axis=1)
    instances = np.array([item.instance for item in scene.objects])[iou.argmax(axis=1)]
    return np.where(best >= FITS, instances, np.where(best < MISSES, 0, -1))


def main() -> None:
    """Command line entry."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shards", nargs="+", type=Path)
    parser.add_argument("--sam", type=Path, required=True, help="weights that train_sam.py wrote")
    options = parser.parse_args()
    torch.set_num_threads(1)
    generator = load_proposals(options.sam)
    settings = replace(PERMISSIVE, predicted_iou_threshold=0.4)
    for shard in options.shards:
        names, masks, instances = [], [], []
        for scene in tqdm(TabletopSet(shard), desc=shard.stem, unit="scene"):
            found = generator.generate(scene.image, settings).masks
            found = found[found.reshape(len(found), -1).sum(axis=1) >= SMALLEST]
            for mask, label in zip(found, labels(found, scene)):
                if label >= 0:
                    names.append(scene.id)
                    masks.append(np.packbits(mask))
                    instances.append(label)
        part = shard.with_suffix(".part.npz")
        np.savez_compressed(part, scenes=np.array(names), masks=np.array(masks), instances=np.array(instances))
        os.replace(part, shard.with_suffix(".npz"))


if __name__ == "__main__":
    main()
