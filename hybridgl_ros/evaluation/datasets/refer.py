"""RefCOCO, RefCOCO+ and RefCOCOg as the REFER toolkit lays them out (Yu et al. 2016, Mao et al. 2016).

ROOT/<name>/refs(<split_by>).p        pickled list of refs; each is one object with several sentences
ROOT/<name>/instances.json            COCO annotations: images, masks, categories
ROOT/images/mscoco/images/train2014/  COCO pictures
"""

from __future__ import annotations

import json
import pickle
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridgl_ros.errors import DatasetError
from hybridgl_ros.evaluation.datasets.pictures import Size, read_rgb, write_png
from hybridgl_ros.evaluation.datasets.refer_pickle import check_types, load_refs
from hybridgl_ros.evaluation.datasets.segmentations import decode_segmentation, encode_rle
from hybridgl_ros.evaluation.datasets.texts import check_expression
from hybridgl_ros.evaluation.samples import ReferringDataset, Sample, target_mask

SPLIT_BY = {"refcoco": ("unc", "google"), "refcoco+": ("unc",), "refcocog": ("umd", "google")}
"""Data sets and who split them; the first is the default."""

TRUTHS = ("dataset", "official")
"""Whether what several parts of an object cover belongs to it, as COCO draws it, or is left out, as HybridGL's
published loader does (it takes the pixels that exactly one part covers)."""
IMAGES = Path("images/mscoco/images/train2014")
_COMBINED_SPLITS = {"testA": "A", "testB": "B", "testC": "C", "test": ""}


class ReferDataset:
    """One split; every sentence of every ref is one sample, as the annotator typed it ("raw").

    name: with the author of the split unless it is the one whose splits the paper reports. images: folder of the COCO
    pictures when it is not below root. split_by: whose split. testA also takes refs of testAB, and test those of every
    test split, like the toolkit does. truth: how overlapping polygons are drawn, one of `TRUTHS`.
    Raises DatasetError naming file and entry.
    """

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
        if name not in SPLIT_BY:
            raise DatasetError(f"no REFER data set {name!r}; there are {', '.join(SPLIT_BY)}")
        self.split = split
        self.split_by = split_by or SPLIT_BY[name][0]
        self.name = name if self.split_by == SPLIT_BY[name][0] else f"{name} ({self.split_by})"
        self.root = root / name
        self._pictures = images or root / IMAGES
        refs = self._select(load_refs(self._refs_file))
        self._images, self._annotations = self._load_instances(refs)
        self._annotation_of: dict[str, int] = {}
        self.samples = tuple(self._read(refs))
        if not self.samples:
            raise DatasetError(f"{self._refs_file}: split {split} holds no expression")

    @property
    def _refs_file(self) -> Path:
        path = self.root / f"refs({self.split_by}).p"
        if not path.is_file():
            there = ", ".join(sorted(file.name for file in self.root.glob("refs(*).p"))) or "none"
            raise DatasetError(f"{path}: no such file; refs files there: {there}")
        return path

    def image(self, image_id: str) -> NDArray[np.uint8]:
        """H×W×3 uint8 RGB."""
        entry = self._images[int(image_id)]
        return read_rgb(self._pictures / entry["file_name"], f"{self.name} image {image_id}", self._size(image_id))

    def mask(self, sample: Sample) -> NDArray[np.bool_]:
        """H×W bool."""
        annotation = self._annotation_of[sample.id]
        entry = f"{self.root / 'instances.json'}: annotation {annotation}"
        size = self._size(sample.image_id)
        return decode_segmentation(self._annotations[annotation], size, entry, overlaps=self.truth == TRUTHS[0])

    def files(self, sample: Sample) -> tuple[Path, ...]:
        """Its picture."""
        return (self._pictures / self._images[int(sample.image_id)]["file_name"],)

    def _size(self, image_id: str) -> Size:
        entry = self._images[int(image_id)]
        return entry["height"], entry["width"]

    def _select(self, refs: list[dict[str, Any]]) -> list[dict[str, Any]]:
        selected = [ref for ref in refs if _belongs(ref["split"], self.split)]
        if not selected:
            counts = Counter(ref["split"] for ref in refs)
            there = ", ".join(f"{split} ({count} refs)" for split, count in sorted(counts.items()))
            raise DatasetError(f"{self._refs_file}: no split {self.split!r}; there are {there}")
        return selected

    def _load_instances(self, refs: list[dict[str, Any]]) -> tuple[dict[int, dict[str, Any]], dict[int, Any]]:
        path = self.root / "instances.json"
        wanted_images = {ref["image_id"] for ref in refs}
        wanted_annotations = {ref["ann_id"] for ref in refs}
        try:
            content = json.loads(path.read_bytes())
            images = _by_id(content["images"], wanted_images, f"{path}: image")
            annotations = _by_id(content["annotations"], wanted_annotations, f"{path}: annotation")
            segmentations = {number: entry["segmentation"] for number, entry in annotations.items()}
            image_of = {number: entry["image_id"] for number, entry in annotations.items()}
        except (OSError, ValueError) as error:
            raise DatasetError(f"{path}: cannot be read ({error})") from error
        except (KeyError, TypeError) as error:
            raise DatasetError(f"{path}: not COCO annotations ({error!r})") from error
        for number, image in images.items():
            check_types(image, {"file_name": str, "height": int, "width": int}, f"{path}: image {number}")
        for ref in refs:
            image, annotation = ref["image_id"], ref["ann_id"]
            if image not in images:
                raise DatasetError(f"{path}: image {image} of ref {ref['ref_id']} is missing")
            if annotation not in segmentations:
                raise DatasetError(f"{path}: annotation {annotation} of ref {ref['ref_id']} is missing")
            if image_of[annotation] != image:
                raise DatasetError(
                    f"{path}: annotation {annotation} is of image {image_of[annotation]}, "
                    f"its ref {ref['ref_id']} of {image}"
                )
        return images, segmentations

    def _read(self, refs: list[dict[str, Any]]) -> list[Sample]:
        by_image: dict[int, list[Sample]] = {}
        for ref in refs:
            for sentence in ref["sentences"]:
                identity = f"ref{ref['ref_id']}-sent{sentence['sent_id']}"
                text = (sentence.get("raw") or "").strip() or sentence["sent"].strip()
                check_expression(text, f"{self._refs_file}: {identity}")
                if identity in self._annotation_of:
                    raise DatasetError(f"{self._refs_file}: {identity} is there twice")
                self._annotation_of[identity] = ref["ann_id"]
                sample = Sample(identity, str(ref["image_id"]), text)
                by_image.setdefault(ref["image_id"], []).append(sample)
        return [sample for samples in by_image.values() for sample in samples]


def _by_id(entries: list[dict[str, Any]], wanted: set[int], kind: str) -> dict[int, dict[str, Any]]:
    """Those of COCO's entries that are wanted. Raises DatasetError when one is there twice."""
    found: dict[int, dict[str, Any]] = {}
    for entry in entries:
        if entry["id"] in found:
            raise DatasetError(f"{kind} {entry['id']} is there twice")
        if entry["id"] in wanted:
            found[entry["id"]] = entry
    return found


def _belongs(ref_split: str, split: str) -> bool:
    if ref_split == split:
        return True
    if split not in _COMBINED_SPLITS or not ref_split.startswith("test"):
        return False
    return _COMBINED_SPLITS[split] in ref_split.removeprefix("test")


def write_refer(dataset: ReferringDataset, root: Path, *, name: str = "refcoco", split_by: str = "unc") -> int:
    """Write a data set as REFER files, pictures as PNG and masks as compressed RLE, both exact.

    Samples of one image with the same mask become one ref of several sentences. The layout cannot say that
    nothing is meant: samples without a target are left out. Returns how many samples were written.
    """
    pictures = root / IMAGES
    pictures.mkdir(parents=True, exist_ok=True)
    (root / name).mkdir(exist_ok=True)
    collector = _Collector(dataset.split)
    for sample in dataset.samples:
        if sample.has_target:
            collector.add(dataset, sample, pictures)
    with (root / name / f"refs({split_by}).p").open("wb") as file:
        pickle.dump(collector.refs, file, protocol=2)
    categories = [{"id": 1, "name": "object", "supercategory": "object"}]
    content = {"images": collector.images, "annotations": collector.annotations, "categories": categories}
    (root / name / "instances.json").write_text(json.dumps(content), encoding="utf-8")
    return collector.sentences


class _Collector:
    """Numbers images, annotations, refs and sentences as they come."""

    def __init__(self, split: str) -> None:
        self.split = split
        self.images: list[dict[str, Any]] = []
        self.annotations: list[dict[str, Any]] = []
        self.refs: list[dict[str, Any]] = []
        self.sentences = 0
        self._image_numbers: dict[str, int] = {}
        self._ref_of_mask: dict[tuple[int, str], dict[str, Any]] = {}

    def add(self, dataset: ReferringDataset, sample: Sample, pictures: Path) -> None:
        number = self._image_numbers.get(sample.image_id) or self._add_image(dataset, sample.image_id, pictures)
        mask = target_mask(dataset, sample)
        rle = encode_rle(mask)
        key = (number, rle["counts"])
        if key not in self._ref_of_mask:
            self._ref_of_mask[key] = self._add_ref(number, mask, rle)
        ref = self._ref_of_mask[key]
        self.sentences += 1
        text = " ".join(sample.expression.lower().split())
        ref["sent_ids"].append(self.sentences)
        ref["sentences"].append(
            {"sent_id": self.sentences, "raw": sample.expression, "sent": text, "tokens": text.split()}
        )

    def _add_image(self, dataset: ReferringDataset, image_id: str, pictures: Path) -> int:
        number = len(self.images) + 1
        self._image_numbers[image_id] = number
        pixels = dataset.image(image_id)
        file_name = f"COCO_train2014_{number:012d}.png"
        write_png(pixels, pictures / file_name)
        height, width = pixels.shape[:2]
        self.images.append({"id": number, "file_name": file_name, "height": height, "width": width})
        return number

    def _add_ref(self, image: int, mask: NDArray[np.bool_], rle: dict[str, Any]) -> dict[str, Any]:
        number = len(self.annotations) + 1
        rows, columns = np.nonzero(mask)
        low = columns.min(), rows.min()
        box = [int(value) for value in (*low, columns.max() - low[0] + 1, rows.max() - low[1] + 1)]
        self.annotations.append(
            {
                "id": number,
                "image_id": image,
                "category_id": 1,
                "iscrowd": 0,
                "bbox": box,
                "area": int(mask.sum()),
                "segmentation": rle,
            }
        )
        ref = {
            "ref_id": number,
            "ann_id": number,
            "image_id": image,
            "category_id": 1,
            "split": self.split,
            "file_name": f"COCO_train2014_{image:012d}_{number}.png",
            "sent_ids": [],
            "sentences": [],
        }
        self.refs.append(ref)
        return ref
