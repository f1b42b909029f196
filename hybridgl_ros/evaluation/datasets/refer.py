"""RefCOCO, RefCOCO+ and RefCOCOg as the REFER toolkit lays them out (Yu et al. 2016, Mao et al. 2016).

ROOT/<name>/refs(<split_by>).p        pickled list of refs; each is one object with several sentences
ROOT/<name>/instances.json            COCO annotations: images, masks, categories
ROOT/images/mscoco/images/train2014/  COCO pictures
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridgl_ros.errors import DatasetError
from hybridgl_ros.evaluation.datasets.pictures import Size, read_rgb
from hybridgl_ros.evaluation.datasets.refer_pickle import check_types, load_refs
from hybridgl_ros.evaluation.datasets.segmentations import decode_segmentation
from hybridgl_ros.evaluation.datasets.texts import check_expression
from hybridgl_ros.evaluation.samples import Sample

SPLIT_BY = {"refcoco": ("unc", "google"), "refcoco+": ("unc",), "refcocog": ("umd", "google")}
"""Data sets and who split them; the first is the default."""

TRUTHS = ("dataset", "official")
"""Whether what several parts of an object cover belongs to it, as COCO draws it, or is left out, as HybridGL's
published loader does (it takes the pixels that exactly one part covers)."""
IMAGES = Path("images/mscoco/images/train2014")
_COMBINED_SPLITS = {"testA": "A", "testB": "B", "testC": "C", "test": ""}

Id = int | str


class ReferDataset:
    """One split; every sentence of every ref is one sample, as the annotator typed it ("raw").

    name: with the author of the split unless it is the one whose splits the paper reports. images: folder of the COCO
    pictures when it is not below root. split_by: whose split. testA also takes refs of testAB, and test those of every
    test split, like the toolkit does. truth: how overlapping polygons are drawn, one of `TRUTHS`.
    Raises DatasetError naming file and entry.
    """

    refs_name = "refs({}).p"
    places: tuple[Path, ...] = (IMAGES,)
    with_crowds = True

    def __init__(
        self,
        name: str,
        split: str,
        root: Path,
        *,
        split_by: str | None = None,
        images: Path | None = None,
        truth: str = TRUTHS[0],
    ) -> None:
        if truth not in TRUTHS:
            raise DatasetError(f"no truth {truth!r}; there are {', '.join(TRUTHS)}")
        self.truth = truth
        self.split = split
        self.split_by = split_by or self.splitters(name)[0]
        self.name = name if self.split_by == self.splitters(name)[0] else f"{name} ({self.split_by})"
        self.root = root / name
        there = [root / place for place in self.places if (root / place).is_dir()]
        self._pictures = images or (there or [root / self.places[0]])[0]
        refs = self._select(self.load_refs(self._refs_file))
        self._images, self._annotations = self._load_instances(refs)
        self._annotations_of: dict[str, tuple[str, ...]] = {}
        self.samples = tuple(self._read(refs))
        if not self.samples:
            raise DatasetError(f"{self._refs_file}: split {split} holds no expression")

    @staticmethod
    def splitters(name: str) -> tuple[str, ...]:
        """Who split a data set, the usual one first. Raises DatasetError when there is none of this name."""
        if name not in SPLIT_BY:
            raise DatasetError(f"no REFER data set {name!r}; there are {', '.join(SPLIT_BY)}")
        return SPLIT_BY[name]

    def load_refs(self, path: Path) -> list[dict[str, Any]]:
        """The refs of every split."""
        return load_refs(path)

    def annotations_of(self, ref: dict[str, Any]) -> tuple[Id, ...]:
        """Ids of the annotations that a ref means, all of them united; none when nothing is meant."""
        return (ref["ann_id"],)

    @property
    def _refs_file(self) -> Path:
        path = self.root / self.refs_name.format(self.split_by)
        if not path.is_file():
            there = ", ".join(sorted(file.name for file in self.root.glob(self.refs_name.format("*")))) or "none"
            raise DatasetError(f"{path}: no such file; refs files there: {there}")
        return path

    def image(self, image_id: str) -> NDArray[np.uint8]:
        """H×W×3 uint8 RGB."""
        return read_rgb(self._picture(image_id), f"{self.name} image {image_id}", self._size(image_id))

    def mask(self, sample: Sample) -> NDArray[np.bool_]:
        """H×W bool."""
        size = self._size(sample.image_id)
        united = np.zeros(size, bool)
        for annotation in self._annotations_of[sample.id]:
            entry = f"{self.root / 'instances.json'}: annotation {annotation}"
            found = self._annotations[annotation]
            if self.with_crowds or not found.get("iscrowd"):
                united |= decode_segmentation(found["segmentation"], size, entry, overlaps=self.truth == TRUTHS[0])
        return united

    def files(self, sample: Sample) -> tuple[Path, ...]:
        """Its picture."""
        return (self._picture(sample.image_id),)

    def _picture(self, image_id: str) -> Path:
        return self._pictures / self._images[image_id]["file_name"]

    def _size(self, image_id: str) -> Size:
        entry = self._images[image_id]
        return entry["height"], entry["width"]

    def sample(self, identity: str, text: str, ref: dict[str, Any]) -> Sample:
        """One sentence of a ref."""
        return Sample(identity, str(ref["image_id"]), text, has_target=bool(self.annotations_of(ref)))

    def _select(self, refs: list[dict[str, Any]]) -> list[dict[str, Any]]:
        selected = [ref for ref in refs if _belongs(ref["split"], self.split)]
        if not selected:
            counts = Counter(ref["split"] for ref in refs)
            there = ", ".join(f"{split} ({count} refs)" for split, count in sorted(counts.items()))
            raise DatasetError(f"{self._refs_file}: no split {self.split!r}; there are {there}")
        return selected

    def _load_instances(
        self, refs: list[dict[str, Any]]
    ) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
        path = self.root / "instances.json"
        wanted_images = {str(ref["image_id"]) for ref in refs}
        wanted_annotations = {str(number) for ref in refs for number in self.annotations_of(ref)}
        try:
            content = json.loads(path.read_bytes())
            images = _by_id(content["images"], wanted_images, f"{path}: image")
            annotations = _by_id(content["annotations"], wanted_annotations, f"{path}: annotation")
            for entry in annotations.values():
                _ = entry["segmentation"], entry["image_id"]
        except (OSError, ValueError) as error:
            raise DatasetError(f"{path}: cannot be read ({error})") from error
        except (KeyError, TypeError) as error:
            raise DatasetError(f"{path}: not COCO annotations ({error!r})") from error
        for number, image in images.items():
            check_types(image, {"file_name": str, "height": int, "width": int}, f"{path}: image {number}")
        for ref in refs:
            check_ref(ref, self.annotations_of(ref), images, annotations, path)
        return images, annotations

    def _read(self, refs: list[dict[str, Any]]) -> list[Sample]:
        by_image: dict[str, list[Sample]] = {}
        for ref in refs:
            for sentence in ref["sentences"]:
                identity = f"ref{ref['ref_id']}-sent{sentence['sent_id']}"
                text = (sentence.get("raw") or "").strip() or sentence["sent"].strip()
                check_expression(text, f"{self._refs_file}: {identity}")
                if identity in self._annotations_of:
                    raise DatasetError(f"{self._refs_file}: {identity} is there twice")
                self._annotations_of[identity] = tuple(map(str, self.annotations_of(ref)))
                sample = self.sample(identity, text, ref)
                by_image.setdefault(sample.image_id, []).append(sample)
        return [sample for samples in by_image.values() for sample in samples]


def check_ref(
    ref: dict[str, Any],
    meant: Sequence[Id],
    images: Mapping[str, Any],
    annotations: Mapping[str, Any],
    path: Path,
) -> None:
    """Raise DatasetError when a ref's image or an annotation that it means is missing, or of another image."""
    image = ref["image_id"]
    if str(image) not in images:
        raise DatasetError(f"{path}: image {image} of ref {ref['ref_id']} is missing")
    for number in meant:
        if str(number) not in annotations:
            raise DatasetError(f"{path}: annotation {number} of ref {ref['ref_id']} is missing")
        of = annotations[str(number)]["image_id"]
        if str(of) != str(image):
            raise DatasetError(f"{path}: annotation {number} is of image {of}, its ref {ref['ref_id']} of {image}")


def _by_id(entries: list[dict[str, Any]], wanted: set[str], kind: str) -> dict[str, dict[str, Any]]:
    """Those of COCO's entries that are wanted. Raises DatasetError when one is there twice."""
    found: dict[str, dict[str, Any]] = {}
    for entry in entries:
        number = str(entry["id"])
        if number in found:
            raise DatasetError(f"{kind} {number} is there twice")
        if number in wanted:
            found[number] = entry
    return found


def _belongs(ref_split: str, split: str) -> bool:
    if ref_split == split:
        return True
    if split not in _COMBINED_SPLITS or not ref_split.startswith("test"):
        return False
    return _COMBINED_SPLITS[split] in ref_split.removeprefix("test")
