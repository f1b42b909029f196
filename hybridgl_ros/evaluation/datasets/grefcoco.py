"""gRefCOCO (Liu, Ding and Jiang, GRES, CVPR 2023): expressions that mean one object, several, or none.

ROOT/grefcoco/grefs(unc).json   list of refs as in RefCOCO; ann_id is a list, [-1] where nothing is meant
ROOT/grefcoco/instances.json    COCO annotations
ROOT/images/train2014/          COCO pictures, or where RefCOCO has them

Source: gres_model/data/datasets/grefer.py of the authors' ReLA.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hybridgl_ros.errors import DatasetError
from hybridgl_ros.evaluation.datasets.refer import IMAGES, Id, ReferDataset
from hybridgl_ros.evaluation.datasets.refer_pickle import Kind, load_json_refs
from hybridgl_ros.evaluation.metrics import PLURAL
from hybridgl_ros.evaluation.samples import Sample

NAME = "grefcoco"
NOTHING = (-1, None)
"""What stands for an annotation where nothing is meant."""
FIELDS: dict[str, Kind] = {
    "ref_id": int,
    "ann_id": (list, int, type(None)),
    "image_id": int,
    "split": str,
    "sentences": list,
}


class GRefDataset(ReferDataset):
    """One split; an expression for several objects is scored on all of them together, and has the tag `plural`.

    Annotations of crowds belong to no mask, as in the authors' loader. Raises DatasetError naming file and entry.
    """

    refs_name = "grefs({}).json"
    places = (Path("images/train2014"), IMAGES)
    with_crowds = False
    tells_kinds = False

    def __init__(self, split: str, root: Path, *, images: Path | None = None) -> None:
        super().__init__(NAME, split, root, images=images)

    @staticmethod
    def splitters(name: str) -> tuple[str, ...]:
        """See `ReferDataset.splitters`."""
        return ("unc",)

    def load_refs(self, path: Path) -> list[dict[str, Any]]:
        """The refs of every split, from JSON."""
        refs = load_json_refs(path, FIELDS)
        for ref in refs:
            means = self.annotations_of(ref)
            if any(number in NOTHING or type(number) is not int for number in means):
                raise DatasetError(f"{path}: ref {ref['ref_id']}: ann_id is {ref['ann_id']!r}")
        return refs

    def annotations_of(self, ref: dict[str, Any]) -> tuple[Id, ...]:
        """Every object that is meant, each once."""
        means = ref["ann_id"] if isinstance(ref["ann_id"], list) else [ref["ann_id"]]
        return () if not means or (len(means) == 1 and means[0] in NOTHING) else tuple(dict.fromkeys(means))

    def sample(self, identity: str, text: str, ref: dict[str, Any]) -> Sample:
        """One sentence of a ref."""
        count = len(self.annotations_of(ref))
        return Sample(identity, str(ref["image_id"]), text, (PLURAL,) if count > 1 else (), bool(count))
