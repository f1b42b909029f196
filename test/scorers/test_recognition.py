"""What words of a phrase are taken for, and what words that the image-text model never learnt change."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hybridgl_ros.config import load_config
from hybridgl_ros.grounding.execution import Executor
from hybridgl_ros.grounding.geometry import measure
from hybridgl_ros.language.bank import load_bank
from hybridgl_ros.language.query import Negation, Phrase, Query
from hybridgl_ros.scorers.recognition import Recogniser, Vocabulary

NEVER_LEARNT = {"chipped", "with handle"}


class Text:
    """A text encoder with a feature of its own for every text."""

    def knows(self, text: str) -> bool:
        return text not in NEVER_LEARNT

    def encode(self, texts):
        def feature(text):
            return torch.randn(16, generator=torch.Generator().manual_seed(sum(text.encode())))

        return torch.stack([feature(text) for text in texts])


@pytest.fixture
def recogniser(config):
    vocabulary = Vocabulary(Text(), load_bank("tabletop"), "{}", 100.0)
    features = vocabulary.encode(["cube", "ball", "ring"])
    return Recogniser(vocabulary, features, config.membership)


@pytest.fixture(scope="module")
def config():
    return load_config("embedded", preset="robot")


@pytest.fixture
def geometry(config):
    masks = np.zeros((3, 20, 60), bool)
    for place, mask in enumerate(masks):
        mask[5:15, 20 * place + 5 : 20 * place + 15] = True
    return measure(masks, None, None, config.objects)


@pytest.mark.parametrize(
    ("phrase", "noun", "attributes"),
    [
        (Phrase("green toroidal object", "", ("green", "toroidal")), "ring", ["green"]),
        (Phrase("ball-shaped object", "", ("ball-shaped",)), "ball", []),
        (Phrase("round thing", "thing", ("round",)), "round thing", []),
        (Phrase("upright reds", "reds", ("upright",)), "", ["upright", "red"]),
        (Phrase("round cube", "cube", ("round",)), "cube", ["round"]),
        (Phrase("laptop", "laptop"), "laptop", []),
    ],
    ids=str,
)
def test_what_names_the_thing(recogniser, phrase, noun, attributes):
    assert recogniser.vocabulary.split(phrase)[:2] == (noun, attributes)


@pytest.mark.parametrize("attribute", ["chipped", "with handle"])
def test_an_attribute_that_nobody_learnt_changes_nothing(recogniser, attribute, geometry, config):
    cube = Phrase("cube", "cube")
    plain = recogniser(cube).fit
    assert torch.equal(recogniser(Phrase(f"{attribute} cube", "cube", (attribute,))).fit, plain)
    executor = Executor(geometry, recogniser, config.grounding)
    excluded = Query(cube, (Negation(Phrase(attribute, "", (attribute,))),))
    assert torch.equal(executor.run(excluded).probabilities, executor.run(Query(cube)).probabilities)
    red = executor.run(Query(cube, (Negation(Phrase("red", "", ("red",))),))).probabilities
    assert not torch.equal(red, executor.run(Query(cube)).probabilities)
