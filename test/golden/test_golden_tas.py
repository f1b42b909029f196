"""TAS gives what its published code gave on the seeded CLIP and given captions: proposals, scores, parses, winners."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from golden_scene import GOLDEN, TOLERANCE, cat, furthest, recorded, seeded_segmenter

from hybridgl_ros.evaluation.methods._entities import EntityReader, wide_chunks
from hybridgl_ros.evaluation.methods._pictures import on_black, on_blur, square_crop
from hybridgl_ros.evaluation.methods._values import values_for
from hybridgl_ros.evaluation.methods.tas import EncodedTas, Tas, TasValues, distinct
from hybridgl_ros.language.pipeline import load_pipeline

TEXTS = [
    "the cat on the left",
    "top right cushion",
    "kitten",
    "the left ear",
    "the blanket below the cat",
    "an eye at the top",
    "the cushion to the right of the kitten",
    "the lowest paw on the bottom left",
]
CAPTIONS = [
    "a cat lying on a cushion",
    "a close up of an ear",
    "a brown blanket",
    "the eye of a kitten",
    "a wooden floor",
]
OF_THE_PICTURE = "a tabby cat sitting on a wooden floor next to a blanket"
LEAST = 300


@pytest.fixture(scope="module")
def published():
    return recorded("systems/tas_small")


@pytest.fixture(scope="module")
def encoded(published):
    """The cat with captions. The pictures of the golden files are small, so are their least proposals."""
    values = replace(values_for("tas", TasValues), least_pixels=LEAST)
    chosen = published["kept"]
    captions = [CAPTIONS[place % len(CAPTIONS)] for place in range(len(chosen))]
    return EncodedTas(Tas(seeded_segmenter(), None, None, values), cat(), chosen, [*captions, OF_THE_PICTURE])


def test_the_same_proposals_are_left(published):
    assert np.flatnonzero(distinct(cat().proposals.masks, LEAST, 0.4)).tolist() == published["kept"].tolist()


def test_pictures_of_a_proposal(published):
    scene, blur = cat(), values_for("tas", TasValues).blur
    masks, boxes = scene.proposals.masks, scene.proposals.boxes
    blurred = [np.array(square_crop(on_blur(scene.image, masks[i], blur), boxes[i])) for i in published["kept"]]
    black = [np.array(square_crop(on_black(scene.image, masks[i]), boxes[i])) for i in published["kept"]]
    assert (blurred[0] == published["blurred_0"]).all()
    for pictures, sums in ((blurred, "blurred_sums"), (black, "crop_sums")):
        assert [[*picture.shape[:2], int(picture.sum(dtype=int))] for picture in pictures] == published[sums].tolist()


@pytest.mark.parametrize("number", range(len(TEXTS)))
def test_scores_and_the_winner(number, encoded, published):
    text = TEXTS[number]
    scale = encoded._clip.logit_scale
    (feature,) = encoded._features([text])
    phrase = encoded._method.parser.parse(text).target
    negatives = encoded.negatives(phrase)
    assert phrase == str(published[f"phrase_{number}"])
    assert negatives == json.loads(str(published[f"negatives_{number}"]))
    against = (encoded._regions @ encoded._features(negatives).T).mean(dim=1)
    for got, name in (
        (encoded._regions @ feature, "image"),
        (encoded._said @ feature, "caption"),
        (against, "negative"),
    ):
        wanted = published[f"{name}_{number}"]
        assert furthest(scale * got, wanted) < TOLERANCE * np.abs(wanted).max()
    assert furthest(encoded.similarity(text, phrase), published[f"similarity_{number}"]) < TOLERANCE
    best = encoded.refer(text).candidates[0].index
    assert best == published["kept"][int(published[f"index_{number}"])]


def test_expressions_are_read_alike():
    values, pipeline = values_for("tas", TasValues), load_pipeline()
    reader = EntityReader(values.relations, values.nothing, values.superlatives)
    entries = json.loads((GOLDEN / "systems/tas_parses.json").read_text(encoding="utf-8"))
    for entry in entries:
        doc = pipeline(entry["sentence"].lower())
        chunks = wide_chunks(doc)
        found = reader.read(doc, chunks)
        got = found and {
            "phrase": str(found.phrase),
            "relations": [[[word.text for word in words], str(other.phrase)] for words, other in found.relations],
            "superlatives": [[word.text for word in words] for words in found.superlatives],
        }
        assert (got, sorted({str(chunk) for chunk in chunks.values()})) == (entry["entity"], entry["phrases"])
    assert len(entries) == 100


def test_features_are_of_length_one(encoded):
    assert torch.allclose(encoded._regions.norm(dim=1), torch.ones(len(encoded._regions)))
