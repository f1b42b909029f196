"""Compare the `official` preset with recorded numbers of the published code.

    python test/golden/check.py FILE...

Takes scenes (NAME.npz with its NAME.json) and parse lists (*.json); other files are passed over.
Prints the largest error of every entry and the agreement of parses and selections.
Exits 0 only when everything lies inside the tolerance: features and logits 1e-3 relative, maps and network inputs
1e-3 absolute, candidates, selections and parses equal.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import torch

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from hybridgl_ros.clip.encoder import ClipEncoder
from hybridgl_ros.clip.fusion import Batch, region_features, token_masked
from hybridgl_ros.clip.views import Views
from hybridgl_ros.config import load_config, replace
from hybridgl_ros.language.parser import ExpressionParser
from hybridgl_ros.language.pipeline import load_pipeline, pipeline_name
from hybridgl_ros.language.rules import load_rules
from hybridgl_ros.models.loading import ClipModel
from hybridgl_ros.segmenter import ReferringSegmenter
from hybridgl_ros.settings import Config
from hybridgl_ros.types import Parse, Scene

sys.path.insert(0, str(Path(__file__).resolve().parent))
from seeded_clip import seed_clip

TOLERANCE = 1e-3
MODES = {"G2L": "G2L", "L2G": "L2G", "G2L_and_L2G": "G2L+L2G"}


@dataclass(frozen=True)
class Finding:
    """One compared entry: an error with its tolerance, or a share of equal entries (tolerance 0)."""

    entry: str
    error: float
    tolerance: float

    @property
    def passed(self) -> bool:
        return self.error <= self.tolerance


def relative(got: np.ndarray, wanted: np.ndarray) -> float:
    """Largest difference over the largest wanted value."""
    return float(np.abs(np.asarray(got) - wanted).max() / max(np.abs(wanted).max(), 1e-12))


def absolute(got: np.ndarray, wanted: np.ndarray) -> float:
    return float(np.abs(np.asarray(got) - wanted).max())


def different(got: Any, wanted: Any) -> float:
    return float(got != wanted)


def build_clip(arch: dict[str, Any]) -> ClipEncoder:
    """The seeded CLIP of a scene's `arch` entry."""
    model = open_clip.CLIP(
        embed_dim=arch["embed_dim"],
        quick_gelu=arch["act"] == "quick_gelu",
        vision_cfg={
            "image_size": arch["image_size"],
            "layers": arch["layers"],
            "width": arch["width"],
            "head_width": arch["width"] // arch["heads"],
            "patch_size": arch["patch"],
        },
        text_cfg={
            "context_length": arch["context"],
            "vocab_size": arch["vocab"],
            "width": arch["text_width"],
            "heads": arch["text_heads"],
            "layers": arch["text_layers"],
        },
    ).eval()
    seed_clip(model)
    return ClipEncoder(ClipModel.of(model))


def parse_entry(parse: Parse) -> dict[str, Any]:
    """A parse in the form of the golden files."""
    entry = {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(parse).items()}
    entry.pop("size")
    return entry


class SceneCheck:
    """One recorded scene and the library's own answers to it."""

    def __init__(self, path: Path, config: Config, parser: ExpressionParser) -> None:
        self.recorded = np.load(path, allow_pickle=False)
        self.queries = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        self.image = self.recorded["image"]
        width = int(self.recorded["mask_shape"][2])
        self.masks = np.unpackbits(self.recorded["masks"], axis=-1, count=width).astype(bool)
        self.clip = build_clip(json.loads(str(self.recorded["arch"])))
        self.segmenter = ReferringSegmenter(config, NoProposals(), self.clip, parser)

    def findings(self) -> Iterator[Finding]:
        scene = self.segmenter.encode(self.image, masks=self.masks)
        yield Finding("boxes_xywh", absolute(scene.proposals.boxes, self.recorded["boxes_xywh"]), 0)
        yield from self.inputs()
        yield from self.features()
        for number, query in enumerate(self.queries):
            yield from self.query(scene, number, query)

    def inputs(self) -> Iterator[Finding]:
        views = Views(self.clip, self.image, self.segmenter.config.features)
        first = torch.from_numpy(self.masks[:1])
        for entry, got in (("local_input_0", views.local(first)), ("global_input_0", views.blurred(first))):
            yield Finding(entry, absolute(got[0].numpy(), self.recorded[entry]), TOLERANCE)

    def features(self) -> Iterator[Finding]:
        for entry in self.recorded.files:
            if entry.startswith("features_"):
                yield Finding(entry, relative(self.feature(entry[len("features_") :]), self.recorded[entry]), TOLERANCE)

    def feature(self, name: str) -> np.ndarray:
        """Region features as named in the golden files, e.g. `G2L_start7`."""
        mode, _, start = name.partition("_start")
        config = replace(self.segmenter.config, {"features.start_block": int(start or 9)})
        if mode == "token_masking":
            return self.token_masked_local(config)
        settings = replace(config, {"features.mode": MODES[mode]}).features
        return region_features(self.clip, self.image, self.masks, settings).numpy()

    def token_masked_local(self, config: Config) -> np.ndarray:
        """The published code's token masking, which starts from the local view rather than the whole image."""
        views, masks = Views(self.clip, self.image, config.features), torch.from_numpy(self.masks)
        with torch.inference_mode():
            batch = Batch(self.clip, views, masks, views.coverage(masks), config.features)
            return token_masked(batch, batch.before_start(views.local(masks))).numpy()

    def query(self, scene: Scene, number: int, query: dict[str, Any]) -> Iterator[Finding]:
        segmenter = self.segmenter
        parse = segmenter.parser.parse(query["parse"]["text"])
        with torch.inference_mode():
            maps = segmenter.maps(scene, parse)
            scores, semantic = segmenter.score(scene, parse, maps)
        answer = segmenter.refer(scene, query["parse"]["text"])
        candidates = semantic.candidates.numpy()
        logits = scores.similarity * self.clip.logit_scale
        yield Finding("parse", different(parse_entry(parse), query["parse"]), 0)
        yield Finding("gem", absolute(answer.localisation, self.recorded[f"gem_{number}"]), TOLERANCE)
        yield Finding("logits", relative(logits, query["logits"]), TOLERANCE)
        yield Finding("hybrid", different(int(logits.argmax()), query["hybrid"]), 0)
        yield Finding("candidates", different(candidates.tolist(), query["candidates"]), 0)
        yield Finding("relation_scores", relative(scores.semantic[candidates], query["relation_scores"]), TOLERANCE)
        yield Finding("guidance", relative(scores.guidance, query["guidance"]), TOLERANCE)
        yield Finding("final", relative(scores.fused[candidates], query["final"]), TOLERANCE)
        yield Finding("selected", different(answer.candidates[0].index, query["selected"]), 0)


class NoProposals:
    """The golden scenes bring their own masks."""

    def generate(self, image: np.ndarray, settings: Any, progress: Any = None) -> Any:
        raise AssertionError("the masks are given")


def parse_findings(path: Path, parser: ExpressionParser) -> Iterator[Finding]:
    for entry in json.loads(path.read_text(encoding="utf-8")):
        yield Finding("parse", different(parse_entry(parser.parse(entry["text"])), entry), 0)


def check_file(path: Path, config: Config, parser: ExpressionParser) -> list[Finding] | None:
    """All findings of one file; None when it is not a golden file of its own."""
    if path.suffix == ".npz":
        return list(SceneCheck(path, config, parser).findings())
    if path.suffix == ".json" and not path.with_suffix(".npz").exists():
        return list(parse_findings(path, parser))
    return None


def report(path: Path, findings: Iterable[Finding]) -> bool:
    """Print a line for every entry; True when all passed."""
    groups: dict[str, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(finding.entry, []).append(finding)
    print(path.name)
    for entry, group in groups.items():
        worst = max(group, key=lambda finding: finding.error)
        passed = sum(finding.passed for finding in group)
        kind = "equal" if worst.tolerance == 0 else f"largest error {worst.error:.2e} (tolerance {worst.tolerance:g})"
        print(f"  {'ok  ' if passed == len(group) else 'FAIL'} {entry:24} {passed}/{len(group)} {kind}")
    return all(finding.passed for group in groups.values() for finding in group)


def golden_config() -> Config:
    return load_config("embedded", preset="official", overrides={"models.device": "cpu"})


def main(arguments: list[str]) -> int:
    config = golden_config()
    pipeline = load_pipeline(config.models.spacy)
    parser = ExpressionParser(pipeline, load_rules(config.text.rules))
    print(f"spaCy pipeline {pipeline_name(pipeline)}, torch {torch.__version__}")
    results = {}
    for name in arguments:
        path = Path(name)
        findings = check_file(path, config, parser)
        if findings is not None:
            results[path.name] = report(path, findings)
    print(f"{sum(results.values())} of {len(results)} files agree")
    return 0 if results and all(results.values()) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
