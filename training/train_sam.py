"""Train the small SAM on a rendered tabletop, from scratch or (``--start``) from trained weights.

    python training/train_sam.py --data SHARDS --validation val.zip --out DIR --minutes 90 --seed 0

Writes ``checkpoint.pt`` (run the same command again to go on from it), ``metrics.jsonl`` and, whenever the
validation score rises, ``sam_tabletop.safetensors.gz`` with ``run.json``. ``evaluate_sam.py`` then chooses
thresholds and writes the model's card. The folder of shards is read again during training, so the renderer
may still be filling it.
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import json
import logging
import os
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import torch
from sam_data import ExamplePool, make_batch
from sam_losses import auxiliary_loss, mask_losses
from sam_network import AuxiliaryHeads, decode_points, encode_crops
from sam_schedule import FINE_TUNING, Budget, Recipe
from sam_scores import PERMISSIVE, measure_overlaps, score
from sam_weights import save_weights
from segment_anything.modeling import Sam
from torch import nn

from hybridgl_ros.models.embedded_sam import build_embedded_sam
from hybridgl_ros.models.state import read_state
from hybridgl_ros.proposals.sam import SamProposals
from hybridgl_ros.tabletop.dataset import TabletopSet

WEIGHTS_NAME = "sam_tabletop.safetensors.gz"
FACTS_NAME = "run.json"
_LOG_STEPS = 50

log = logging.getLogger("train_sam")


class Trainer:
    """The model, its averaged copy and the optimiser of one run."""

    def __init__(self, recipe: Recipe, seed: int, *, bf16: bool, start: Path | None = None) -> None:
        torch.manual_seed(seed)
        self.recipe = recipe
        self.bf16 = bf16
        self.rng = np.random.default_rng(seed)
        self.sam = build_embedded_sam().train()
        self.heads = AuxiliaryHeads()
        if start is None:
            nn.init.trunc_normal_(self.sam.image_encoder.pos_embed, std=0.02)
        else:
            self.sam.load_state_dict(read_state(start))
        self.average = copy.deepcopy(self.sam).eval().requires_grad_(False)
        self.parameters = [*self.sam.parameters(), *self.heads.parameters()]
        decayed = [parameter for parameter in self.parameters if parameter.ndim > 1]
        plain = [parameter for parameter in self.parameters if parameter.ndim <= 1]
        groups = [
            {"params": decayed, "weight_decay": recipe.weight_decay},
            {"params": plain, "weight_decay": 0.0},
        ]
        self.optimiser = torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=(0.9, 0.98))
        self.step_number = 0
        self.best_score = 0.0

    def step(self, pool: ExamplePool, progress: float) -> dict[str, float]:
        """One optimiser step on a fresh batch; returns the losses to log."""
        stage = self.recipe.stage(progress)
        batch = make_batch(pool.examples, self.rng, batch=stage.batch, side=stage.side, points=stage.points)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
            embeddings = encode_crops(self.sam, batch.pixels, batch.valid, batch.origins)
            logits, quality = decode_points(self.sam, embeddings, batch.origins, batch.points)
            foreground, offset = self.heads(embeddings)
        weights = self.recipe.bce(progress), self.recipe.sharp_weight
        losses = mask_losses(logits, quality, batch.masks, batch.targets, *weights)
        auxiliary = auxiliary_loss(foreground, offset, batch.masks)
        for group in self.optimiser.param_groups:
            group["lr"] = self.recipe.rate(progress)
        self.optimiser.zero_grad()
        (losses.total + auxiliary).backward()
        nn.utils.clip_grad_norm_(self.parameters, self.recipe.gradient_norm)
        self.optimiser.step()
        self.step_number += 1
        self._update_average()
        return {
            "mask": losses.mask.item(),
            "quality": losses.quality.item(),
            "auxiliary": auxiliary.item(),
            "iou": losses.best_iou.item(),
        }

    @torch.no_grad()
    def _update_average(self) -> None:
        decay = min(self.recipe.average_decay, (1 + self.step_number) / (10 + self.step_number))
        torch._foreach_lerp_(list(self.average.parameters()), list(self.sam.parameters()), 1 - decay)

    def save(self, path: Path, seconds: float) -> None:
        """Write everything needed to go on, under its name only once it is complete."""
        state = {name: getattr(self, name).state_dict() for name in ("sam", "heads", "average", "optimiser")}
        counters = {
            "step": self.step_number,
            "best": self.best_score,
            "seconds": seconds,
            "rng": json.dumps(self.rng.bit_generator.state),
        }
        part = path.with_name(path.name + ".part")
        torch.save(state | counters, part)
        os.replace(part, path)

    def resume(self, path: Path) -> float:
        """Load what ``save`` wrote; returns the seconds spent so far."""
        state = torch.load(path, weights_only=True)
        for name in ("sam", "heads", "average", "optimiser"):
            getattr(self, name).load_state_dict(state[name])
        self.step_number, self.best_score = state["step"], state["best"]
        self.rng.bit_generator.state = json.loads(state["rng"])
        return state["seconds"]


def validate(sam: Sam, scenes: TabletopSet, count: int) -> dict[str, float]:
    """Scores of the proposals on the first ``count`` scenes, at low fixed thresholds."""
    scores = score(measure_overlaps(SamProposals(sam), scenes[:count], PERMISSIVE))
    return {"mean_best_iou": scores.mean_best_iou, "missed": scores.missed, "proposals": scores.proposals}


def train(options: argparse.Namespace) -> None:
    """Run until the budget is spent."""
    options.out.mkdir(parents=True, exist_ok=True)
    recipe = Recipe() if options.start is None else FINE_TUNING
    trainer = Trainer(recipe, options.seed, bf16=options.bf16, start=options.start)
    checkpoint = options.out / "checkpoint.pt"
    spent = trainer.resume(checkpoint) if checkpoint.exists() else 0.0
    pool = ExamplePool(options.data, options.pattern)
    log.info("%d scenes; recipe %s", pool.rescan(), asdict(recipe))
    if not pool.examples:
        raise SystemExit(f"{options.data}: no shards named {options.pattern}")
    budget = Budget(options.minutes, options.steps, spent)
    saved = validated = rescanned = budget.seconds()
    running: dict[str, float] = {}
    while (progress := budget.progress(trainer.step_number)) < 1:
        for name, value in trainer.step(pool, progress).items():
            running[name] = 0.95 * running.get(name, value) + 0.05 * value
        now = budget.seconds()
        if trainer.step_number % _LOG_STEPS == 0:
            text = " ".join(f"{name} {value:.4f}" for name, value in running.items())
            log.info("step %d %.1f%% %.0f s, %s", trainer.step_number, 100 * progress, now, text)
        if now - rescanned > options.rescan_seconds:
            pool.rescan(limit=1)
            rescanned = budget.seconds()
        if now - saved > options.save_seconds:
            trainer.save(checkpoint, now)
            saved = now
        if now - validated > options.validate_seconds:
            report(trainer, options, len(pool.examples), now)
            validated = budget.seconds()
    trainer.save(checkpoint, budget.seconds())
    report(trainer, options, len(pool.examples), budget.seconds())


def report(trainer: Trainer, options: argparse.Namespace, scenes: int, seconds: float) -> None:
    """Validate the averaged weights, log the scores, and export the weights if they are the best so far."""
    scores = validate(trainer.average, TabletopSet(options.validation), options.validation_scenes)
    improved = scores["mean_best_iou"] > trainer.best_score
    log.info("validation %s%s", scores, " (best so far)" if improved else "")
    facts = {
        "seed": options.seed,
        "steps": trainer.step_number,
        "training_scenes": scenes,
        "minutes": round(seconds / 60, 1),
        "started_from": None if options.start is None else hashlib.sha256(options.start.read_bytes()).hexdigest(),
        "recipe": asdict(trainer.recipe),
    }
    with (options.out / "metrics.jsonl").open("a") as stream:
        stream.write(json.dumps({"steps": facts["steps"], "minutes": facts["minutes"]} | scores) + "\n")
    if improved:
        trainer.best_score = scores["mean_best_iou"]
        save_weights(trainer.average, options.out / WEIGHTS_NAME)
        (options.out / FACTS_NAME).write_text(json.dumps(facts), encoding="utf-8")


def parse_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of training shards")
    parser.add_argument("--pattern", default="train-*.zip", help="which files of it are training shards")
    parser.add_argument("--validation", type=Path, required=True, help="zip of validation scenes")
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoint, metrics and weights")
    parser.add_argument("--start", type=Path, help="trained weights to go on from, with the recipe for fine-tuning")
    parser.add_argument("--minutes", type=float, default=90.0, help="length of the run")
    parser.add_argument("--steps", type=int, help="length of the run in steps instead: repeatable exactly")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--bf16", action="store_true", help="autocast to bfloat16 (processors that have it)")
    parser.add_argument("--validation-scenes", type=int, default=40)
    parser.add_argument("--validate-seconds", type=float, default=600.0)
    parser.add_argument("--save-seconds", type=float, default=240.0)
    parser.add_argument("--rescan-seconds", type=float, default=60.0)
    return parser.parse_args()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    train(parse_options())
