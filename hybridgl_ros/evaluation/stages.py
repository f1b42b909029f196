"""The stages that depend on the image only, each computed at most once an image: SAM, region features, map tokens."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np
import torch
from pycocotools import mask as coco
from torch import Tensor

from hybridgl_ros.checks import make_scene
from hybridgl_ros.evaluation.cache import Entry, StageCache, checksum, image_digest
from hybridgl_ros.evaluation.dependencies import processor, stage_dependencies
from hybridgl_ros.evaluation.samples import Geometry
from hybridgl_ros.segmenter import ReferringSegmenter
from hybridgl_ros.types import Proposals, Scene

MEMORY_ONLY = ("points_per_batch", "batch_size")
"""Settings that change how much is computed at once, not the result."""


@dataclass(frozen=True)
class Usage:
    """What one stage of one image took.

    seconds: spent now. cached: whether it came from disk. cost: seconds it took when it was computed.
    """

    stage: str
    seconds: float
    cached: bool
    cost: float


class Stages:
    """Runs the image stages of one loaded segmenter, through the disk cache when there is one.

    models: what is known of the weights, by kind (sam, clip), as `config_models`. Results of the newest image stay in
    memory, so that the rows of a table share them without a disk cache, too.
    """

    def __init__(self, segmenter: ReferringSegmenter, cache: StageCache | None, models: Mapping[str, str]) -> None:
        self.segmenter = segmenter
        self.models = dict(models)
        self._cache = cache
        self._digest = ""
        self._geometry: Geometry | None = None
        self._held: dict[str, Entry] = {}
        self._proposals: dict[str, Proposals] = {}
        self._usage: list[Usage] = []

    def start(self, image: np.ndarray, geometry: Geometry | None = None) -> str:
        """Forget the results of the image before; returns this one's digest."""
        self._digest = image_digest(image)
        self._geometry = geometry
        self._held, self._proposals, self._usage = {}, {}, []
        return self._digest

    def usage(self) -> list[Usage]:
        """What the stages took since the image started."""
        return list(self._usage)

    def scene(self, segmenter: ReferringSegmenter, image: np.ndarray) -> Scene:
        """As `segmenter.encode` of the image that was started, with its depth.

        The segmenter shares its models with the one given at the start.
        """
        before = len(self._usage)
        proposals, made_of = self.proposals(segmenter, image)
        features = self.entry(
            "features",
            {
                "proposals": made_of,
                "clip": self.models["clip"],
                "settings": relevant(segmenter.config.features),
            },
            lambda: {"features": segmenter.features(image, proposals)},
        )
        tokens, grid = None, (0, 0)
        if segmenter.config.guidance.coherence and len(proposals):
            tokens, grid = self._map_tokens(segmenter, image, proposals)
        timings = {usage.stage: usage.seconds for usage in self._usage[before:]}
        device = segmenter.clip.device
        scene = make_scene(image, proposals, features.tensors["features"].to(device), tokens, grid, timings)
        return with_geometry(scene, self._geometry)

    def proposals(self, segmenter: ReferringSegmenter, image: np.ndarray) -> tuple[Proposals, str]:
        """The image's proposals and a checksum of them."""
        entry = self.entry(
            "proposals",
            {"sam": self.models["sam"], "settings": relevant(segmenter.config.proposals)},
            lambda: pack(segmenter.generator.generate(image, segmenter.config.proposals)),
        )
        if entry.checksum not in self._proposals:
            self._proposals[entry.checksum] = unpack(entry.tensors)
        return self._proposals[entry.checksum], entry.checksum

    def _map_tokens(
        self, segmenter: ReferringSegmenter, image: np.ndarray, proposals: Proposals
    ) -> tuple[Tensor, tuple[int, int]]:
        def compute() -> dict[str, Tensor]:
            tokens, grid = segmenter.map_tokens(image, proposals)
            return {"grid": torch.tensor(grid)} | ({} if tokens is None else {"tokens": tokens})

        guidance = segmenter.config.guidance
        settings = {"map_size": guidance.map_size, "map_blocks": guidance.map_blocks}
        entry = self.entry("localisation", {"clip": self.models["clip"], "settings": settings}, compute)
        rows, columns = entry.tensors["grid"].tolist()
        return entry.tensors["tokens"].to(segmenter.clip.device), (rows, columns)

    def entry(
        self,
        stage: str,
        inputs: Mapping[str, Any],
        compute: Callable[[], dict[str, Tensor]],
    ) -> Entry:
        """The tensors of a stage for the image that was started: from memory, from disk, or computed and stored.

        inputs: what the result depends on beside the image, the processor, and `stage_dependencies`.
        """
        clip = self.segmenter.clip
        inputs = {
            "image": self._digest,
            "processor": processor(str(clip.device)),
            "dtype": str(clip.dtype),
            **stage_dependencies(stage),
            **inputs,
        }
        key = f"{stage} {sorted(inputs.items())}"
        if key not in self._held:
            self._held[key] = self._load_or_compute(stage, inputs, compute)
        return self._held[key]

    def _load_or_compute(
        self, stage: str, inputs: Mapping[str, Any], compute: Callable[[], dict[str, Tensor]]
    ) -> Entry:
        started = time.perf_counter()
        found = self._cache.load(stage, inputs) if self._cache else None
        if found is not None:
            self._usage.append(Usage(stage, time.perf_counter() - started, True, found.seconds))
            return found
        started = time.perf_counter()
        tensors = {name: tensor.detach().cpu() for name, tensor in compute().items()}
        seconds = time.perf_counter() - started
        self._usage.append(Usage(stage, seconds, False, seconds))
        if self._cache:
            self._cache.store(stage, inputs, tensors, seconds)
        return Entry(tensors, checksum(tensors), seconds)


def with_geometry(scene: Scene, geometry: Geometry | None) -> Scene:
    """The scene with the depth and the intrinsics, as far as scenes hold them."""
    known = {entry.name for entry in fields(Scene)}
    values = {} if geometry is None else {name: value for name, value in vars(geometry).items() if name in known}
    return replace(scene, **values) if values else scene


def relevant(settings: Any) -> dict[str, Any]:
    """A section's settings that change its stage's result."""
    return {name: value for name, value in asdict(settings).items() if name not in MEMORY_ONLY}


def pack(proposals: Proposals) -> dict[str, Tensor]:
    """Proposals as tensors, the masks as COCO's run-length code (about a hundredth of the pixels)."""
    codes = [coco.encode(np.asfortranarray(mask, dtype=np.uint8))["counts"] for mask in proposals.masks]
    return {
        "counts": torch.tensor(list(b"".join(codes)), dtype=torch.uint8),
        "lengths": torch.tensor([len(code) for code in codes], dtype=torch.int64),
        "size": torch.tensor(proposals.masks.shape[1:], dtype=torch.int64),
        "boxes": torch.from_numpy(proposals.boxes),
        "predicted_iou": torch.from_numpy(proposals.predicted_iou),
        "stability": torch.from_numpy(proposals.stability),
        "dropped": torch.tensor([proposals.dropped]),
    }


def unpack(tensors: Mapping[str, Tensor]) -> Proposals:
    """What `pack` packed."""
    size = tensors["size"].tolist()
    counts, masks, start = tensors["counts"].numpy().tobytes(), [], 0
    for length in tensors["lengths"].tolist():
        masks.append(coco.decode({"size": size, "counts": counts[start : start + length]}).astype(bool))
        start += length
    return Proposals(
        masks=np.stack(masks) if masks else np.zeros((0, *size), bool),
        boxes=tensors["boxes"].numpy(),
        predicted_iou=tensors["predicted_iou"].numpy(),
        stability=tensors["stability"].numpy(),
        dropped=int(tensors["dropped"]),
    )
