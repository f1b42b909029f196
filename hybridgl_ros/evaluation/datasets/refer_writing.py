"""Any data set written as REFER files."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridgl_ros.evaluation.datasets.pictures import write_png
from hybridgl_ros.evaluation.datasets.refer import IMAGES
from hybridgl_ros.evaluation.datasets.segmentations import encode_rle
from hybridgl_ros.evaluation.samples import ReferringDataset, Sample, target_mask


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
