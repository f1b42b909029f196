"""Train the small CLIP on tabletop scenes, from scratch or (``--start``) from trained weights, on one CPU core.

    python training/train_clip.py --train 'scenes/train-*.zip' --val scenes/val.zip --work build/clip --minutes 90

Writes ``checkpoint.pt`` every few minutes and goes on from it when started again; exports the averaged weights with
their card whenever the validation score improves. See ``training/README.md``.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import logging
import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from clip_data import RamScene, ScenePool, ViewBatch, draw_frames, draw_views
from clip_export import export
from clip_losses import (
    ATTRIBUTES,
    TextBanks,
    bank_loss,
    contrast_loss,
    draw_texts,
    frame_heads_loss,
    heads_loss,
    level_loss,
    map_loss,
    usual_features,
    wording_loss,
)
from clip_model import Heads, TextTower, VisionPasses, build_model, normalise_patches, start_from_data
from clip_optimiser import build_optimisers, set_learning_rate
from clip_schedule import TUNING, TUNING_RATE, Progress, Step
from clip_text import CompactTokenizer, Wording, usual_words
from clip_views import OUTLINE
from evaluate_clip import accuracy, words_accuracy, zoomed_shape_accuracy
from safetensors.torch import load
from torch import Tensor, nn
from torch.nn import functional as F

from hybridgl_ros.tabletop.dataset import TabletopSet, heldout_path

log = logging.getLogger("train_clip")
OUTPUT = Path(__file__).parents[1] / "hybridgl_ros" / "models" / "embedded"
MUON_RATE, ADAM_RATE = 3e-3, 1e-3
AVERAGE = {"zoom": 0.97, "wide": 0.98, "fuse": 0.99, "final": 0.995, "words": 0.9, "tune": 0.99, "settle": 0.99}
OBJECTS = 8
OUTLINES = OUTLINE * OUTLINE + 4


class Learner(nn.Module):
    """Everything that is trained, under one state dict: ``model.*``, ``text.rows``, ``heads.*``."""

    def __init__(self) -> None:
        super().__init__()
        self.model = build_model()
        self.tokenizer = CompactTokenizer(self.model.context_length)
        self.text = TextTower(self.model, len(self.tokenizer))
        self.heads = Heads(self.model.visual.conv1.weight.shape[0], sum(ATTRIBUTES), OUTLINES)
        self.passes = VisionPasses(self.model)
        self.model.token_embedding.requires_grad_(False)

    @torch.no_grad()
    def start(self, path: Path) -> None:
        """Take trained weights; words they do not know start beside the usual word that they stand for."""
        state = {name: tensor.float() for name, tensor in load(gzip.decompress(path.read_bytes())).items()}
        table = state.pop("token_embedding.weight")
        self.model.load_state_dict(state, strict=False)
        originals = torch.tensor(self.tokenizer.original_ids[1:])
        rows = torch.cat([torch.zeros(1, table.shape[1]), table[originals]])
        unknown = (rows == 0).all(dim=1)
        known = rows[~unknown]
        rows[unknown] = known.mean(0) + 0.3 * known.std() * torch.randn(int(unknown.sum()), rows.shape[1])
        for word, usual in usual_words().items():
            like = rows[self.tokenizer.rows_of(usual.split()[-1])].mean(0)
            for row in self.tokenizer.rows_of(word):
                if unknown[row]:
                    rows[row] = like + 0.3 * known.std() * torch.randn_like(like)
        rows[0] = 0.0
        self.text.rows.copy_(rows)

    def groups(self) -> tuple[list[nn.Parameter], list[nn.Parameter], list[nn.Parameter]]:
        """Trained parameters: matrices of the transformer blocks, heads and token embeddings, the rest."""
        matrices: list[nn.Parameter] = []
        fast: list[nn.Parameter] = []
        rest: list[nn.Parameter] = []
        for name, parameter in self.named_parameters():
            if not parameter.requires_grad:
                continue
            if "resblocks" in name and parameter.ndim == 2:
                matrices.append(parameter)
            else:
                (fast if name.startswith(("heads.", "text.rows")) else rest).append(parameter)
        return matrices, fast, rest

    def encode(self, texts: list[str]) -> Tensor:
        """Text features (T, d)."""
        return self.text(*self.tokenizer(texts))


class Trainer:
    """The training loop and its state."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.rng = random.Random(options.seed)
        torch.manual_seed(options.seed)
        self.pool = ScenePool(options.train)
        self.pool.rescan(limit=options.shards)
        self.learner = Learner()
        self.average = Learner().requires_grad_(False)
        self.progress = Progress(options.minutes * 60)
        self.teacher: tuple[Tensor, Tensor] | None = None
        if options.start is not None:
            self.progress = Progress(options.minutes * 60, stage=TUNING[0], rate=TUNING_RATE)
            self.learner.start(options.start)
            self.teacher = usual_features(self.learner.encode)
            self.average.load_state_dict(self.learner.state_dict())
        self.best = (False, 0.0)
        self.optimisers = build_optimisers(*self.learner.groups())
        self.checkpoint = options.work / "checkpoint.pt"
        if self.checkpoint.exists():
            self.resume()
        elif options.start is None:
            patches = torch.cat([draw_views(self.pool, plan, self.rng).local for plan in self._start_plans()])
            start_from_data(self.learner.model, normalise_patches(patches.flatten(0, 1)))
            self.average.load_state_dict(self.learner.state_dict())
        self.wording = Wording(self.rng)
        self.stopping = False
        signal.signal(signal.SIGTERM, lambda *_: setattr(self, "stopping", True))

    def _start_plans(self) -> list[Any]:
        return [step.views for step in [Progress(1.0).draw_step(self.rng)] * 6]

    def run(self) -> None:
        """Train until the budget is spent, or save and return on SIGTERM."""
        saved = evaluated = time.monotonic()
        running: list[float] = []
        self.seen: list[float] = []
        while self.progress.share < 1.0:
            started = time.monotonic()
            step = self.progress.draw_step(self.rng)
            running.append(self.take(step))
            now = time.monotonic()
            self.progress.spent += now - started
            self.progress.steps += 1
            if self.progress.steps % 20 == 0:
                self.pool.rescan()
            if self.progress.steps % 50 == 0:
                at, means = self.progress, (float(np.mean(running)), float(np.mean(self.seen or [0.0])))
                report = "%s step %d share %.3f loss %.3f shape %.3f scenes %d"
                log.info(report, at.stage, at.steps, at.share, *means, len(self.pool.scenes))
                running.clear()
                self.seen.clear()
            if now - evaluated > self.options.evaluate_seconds:
                self.evaluate()
                evaluated = time.monotonic()
            if self.progress.advance():
                log.info("stage %s", self.progress.stage)
            if self.stopping:
                self.save()
                return
            if now - saved > self.options.save_seconds:
                self.save()
                saved = time.monotonic()
        self.evaluate(final=True)
        self.save()

    def take(self, step: Step) -> float:
        """One optimiser step; returns its loss."""
        learner = self.learner
        learner.passes.depth = self.average.passes.depth = self.progress.depth(len(learner.passes.blocks))
        if step.kind == "texts":
            assert self.teacher is not None
            loss = wording_loss(*self.teacher, learner.encode, self.wording, step.views.count, self.rng)
        elif step.kind == "frames":
            frames = draw_frames(self.pool, step.views.count, OBJECTS, self.rng)
            tokens, supervised = learner.passes.map_tokens(frames.patches)
            loss = map_loss(tokens, frames, learner.encode, self.wording, self.rng)
            loss = loss + frame_heads_loss(learner.heads, supervised, frames)
        else:
            batch = draw_views(self.pool, step.views, self.rng)
            banks = TextBanks(learner.encode, self.wording, sized=bool((batch.size >= 0).any()))
            if batch.blurred is None:
                result = learner.passes.plain(batch.local, batch.keep)
                loss = self.match(result.feature, batch, banks) + heads_loss(learner.heads, result.supervised, batch)
            else:
                fused, alone, context = learner.passes.fused(batch.local, batch.blurred, batch.inside, batch.keep)
                loss = self.match(fused, batch, banks)
                loss = loss + 0.5 * self.match(alone, batch, banks) + 0.35 * self.match(context, batch, banks)
        rate = self.progress.learning_rate()
        set_learning_rate(self.optimisers, muon=MUON_RATE * rate, adam=ADAM_RATE * rate)
        learner.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(learner.parameters(), 5.0)
        for optimiser in self.optimisers:
            optimiser.step()
        with torch.no_grad():
            learner.model.logit_scale.clamp_(max=float(np.log(100)))
            momentum = min(AVERAGE[self.progress.stage], self.progress.steps / (self.progress.steps + 10))
            for mean, value in zip(self.average.parameters(), learner.parameters()):
                if value.requires_grad:
                    mean.lerp_(value, 1 - momentum)
        return float(loss.detach())

    def match(self, features: Tensor, batch: ViewBatch, banks: TextBanks) -> Tensor:
        """Loss of image features (B, d) against texts: banks, contrast over the batch, contrast within the scene."""
        unit, scale = F.normalize(features, dim=-1), self.learner.model.logit_scale.exp()
        known_shape = batch.shape >= 0
        guesses = (unit.detach() @ banks.shape.detach().T).argmax(1)
        self.seen.append(float((guesses == batch.shape)[known_shape].float().mean()))
        texts, positives, known, same_scene = draw_texts(batch, self.wording, self.rng)
        logits = scale * F.normalize(self.learner.encode(texts), dim=-1) @ unit.T
        loss = bank_loss(unit, batch, banks, scale) + level_loss(unit, batch, banks)
        loss = loss + 0.5 * contrast_loss(logits, positives, known)
        return loss + contrast_loss(logits, positives, known & same_scene)

    def evaluate(self, final: bool = False) -> None:
        """Score the averaged weights on validation scenes, move the stage, export the best so far and the last.

        A score through the fused path outranks any score of the local view, which is all that early stages train.
        """
        if not self.options.val.exists():
            return
        self.average.eval()
        stage, scenes = self.progress.stage, TabletopSet(self.options.val)
        count = len(scenes) if final else min(len(scenes), self.options.val_scenes)
        ram = [RamScene.of(scenes[i]) for i in range(count)]
        views = ("local",) if stage in ("zoom", "wide") else ("local", "fused", "blurred")
        with torch.no_grad():
            numbers = accuracy(self.average.passes, self.average.encode, ram, views)
            if stage == "zoom":
                numbers["zoomed/shape"] = zoomed_shape_accuracy(self.average.passes, self.average.encode, ram)
            if stage in TUNING:
                numbers |= words_accuracy(self.average.passes, self.average.encode, ram)
        view, kinds = "fused" if "fused" in views else "local", ("colour_shape", "shape", "size")
        if stage in TUNING:
            kinds += ("synonym", "synonym_shape", "pose", "shade", "absent_auroc")
        score = sum(numbers[f"{view}/{kind}"] for kind in kinds)
        log.info("val %d scenes, score %.3f: %s", count, score, numbers)
        self.progress.advance(numbers["zoomed/shape"] if stage == "zoom" else numbers["local/shape"])
        rank = (view == "fused", score)
        if final or (rank > self.best and stage != "zoom"):
            self.best = rank
            self.export({"scenes": count, **numbers}, final)

    def export(self, validation: dict[str, float], final: bool) -> None:
        """Write the averaged weights and their card into the package."""
        data = "hybridgl_ros.tabletop, 320x240; training, validation and held-out scenes share no group of objects"
        start = self.options.start
        facts: dict[str, Any] = {
            "data": {"scenes": len(self.pool.scenes), "source": data},
            "training": {
                "script": "training/train_clip.py",
                "cores": 1,
                "minutes": round(self.progress.spent / 60, 1),
                "steps": self.progress.steps,
                "seed": self.options.seed,
                "started_from": start and hashlib.sha256(start.read_bytes()).hexdigest(),
                "stage": self.progress.stage,
                "note": self.options.note,
            },
            "validation": validation,
        }
        if final and heldout_path().exists():
            heldout = TabletopSet(heldout_path())
            seen = [RamScene.of(scene) for scene in heldout]
            numbers = accuracy(self.average.passes, self.average.encode, seen)
            numbers |= words_accuracy(self.average.passes, self.average.encode, seen)
            facts["heldout"] = {"scenes": len(heldout), **numbers}
            log.info("held-out: %s", facts["heldout"])
        path = export(self.average.model, self.average.state_dict(), self.average.tokenizer, self.options.out, facts)
        log.info("exported %s, %.2f MB", path, path.stat().st_size / 1e6)

    def save(self) -> None:
        """Write the checkpoint atomically."""
        state = {
            "learner": self.learner.state_dict(), "average": self.average.state_dict(), "best": self.best,
            "optimisers": [optimiser.state_dict() for optimiser in self.optimisers], "rng": self.rng.getstate(),
            "progress": (self.progress.spent, self.progress.steps, self.progress.stage),
        }  # fmt: skip
        part = self.checkpoint.with_suffix(".part")
        torch.save(state, part)
        os.replace(part, self.checkpoint)

    def resume(self) -> None:
        """Go on from the checkpoint."""
        state = torch.load(self.checkpoint, weights_only=True)
        self.learner.load_state_dict(state["learner"])
        self.average.load_state_dict(state["average"])
        for optimiser, saved in zip(self.optimisers, state["optimisers"]):
            optimiser.load_state_dict(saved)
        self.progress.spent, self.progress.steps, self.progress.stage = state["progress"]
        self.best = tuple(state["best"])
        version, internal, gauss = state["rng"]
        self.rng.setstate((version, tuple(internal), gauss))
        log.info("resumed at step %d, share %.3f", self.progress.steps, self.progress.share)


def main() -> None:
    """Command line entry."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--train", required=True, help="glob of the training shards; new ones join as they appear")
    parser.add_argument("--val", type=Path, required=True, help="validation set")
    parser.add_argument("--work", type=Path, required=True, help="folder of checkpoint.pt")
    parser.add_argument("--start", type=Path, help="trained weights to go on from: new words, then all of it gently")
    parser.add_argument("--minutes", type=float, default=90, help="budget of training time (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=20, help="default: %(default)s")
    parser.add_argument("--shards", type=int, default=1000, help="shards to read at the start (default: all)")
    parser.add_argument(
        "--out", type=Path, default=OUTPUT, help="folder of the exported weights (default: the package)"
    )
    parser.add_argument("--note", default="", help="remark for the card")
    parser.add_argument("--val-scenes", type=int, default=50, help="validation scenes of an intermediate evaluation")
    parser.add_argument("--evaluate-seconds", type=float, default=180)
    parser.add_argument("--save-seconds", type=float, default=200)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(1)
    options.work.mkdir(parents=True, exist_ok=True)
    Trainer(options).run()


if __name__ == "__main__":
    main()
