from __future__ import annotations

import json
import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridgl_ros.errors import DatasetError
from hybridgl_ros.evaluation.samples import Outcome, Subset

NUMBERS = st.none() | st.floats(width=64)


@given(
    score=NUMBERS,
    iou=st.none() | st.floats(0, 1),
    chosen=st.none() | st.integers(0, 500),
    expression=st.text(),
    tags=st.lists(st.text(), max_size=3),
    timings=st.dictionaries(st.text(max_size=5), st.floats(0, 1e6), max_size=3),
)
def test_an_outcome_survives_a_file_unchanged(score, iou, chosen, expression, tags, timings):
    outcome = Outcome(
        "a", "i", expression, tuple(tags), True, True, score, 0.1, None, 3, 7, iou, 0.9, 0.1, chosen, 4, 0.2,
        {"others": ("the ball", ("x",))}, timings,
    )  # fmt: skip
    text = json.dumps(outcome.to_json(), allow_nan=False)
    again = Outcome.from_json(json.loads(text))
    assert again == outcome
    assert json.dumps(again.to_json(), allow_nan=False) == text


def test_an_outcome_takes_what_the_library_gives(make_outcome):
    outcome = make_outcome(
        score=np.float32(0.1),
        margin=math.inf,
        similarity=np.float32("nan"),
        intersection=np.int64(3),
        found=np.True_,
        chosen=np.int64(1),
        timings={"sam": np.float64(0.5)},
    )
    assert outcome.score == float(np.float32(0.1))
    assert outcome.margin is None
    assert outcome.similarity is None
    assert json.loads(json.dumps(outcome.to_json()))["found"] is True


def test_an_outcome_with_other_fields_is_refused(make_outcome):
    record = make_outcome().to_json()
    with pytest.raises(DatasetError, match=r"missing \['iou'\], unknown \['IoU'\]"):
        Outcome.from_json({("IoU" if key == "iou" else key): value for key, value in record.items()})


def test_a_subset_reads_like_the_whole(tabletop):
    subset = pickle.loads(pickle.dumps(Subset(tabletop, tabletop.samples[2:4])))
    assert subset.samples == tabletop.samples[2:4]
    assert (subset.name, subset.split) == (tabletop.name, tabletop.split)
    sample = subset.samples[0]
    assert np.array_equal(subset.image(sample.image_id), tabletop.image(sample.image_id))
    assert np.array_equal(subset.mask(sample), tabletop.mask(sample))
    assert subset.scene(sample.image_id).id == sample.image_id
