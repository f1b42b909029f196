"""Each set of models is loaded once and dropped with its last user."""

from __future__ import annotations

import weakref
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridgl_ros.config import load_config, replace
from hybridgl_ros.errors import WeightsError
from hybridgl_ros.ros.segment.model_store import ModelStore
from hybridgl_ros.settings import Config

EMBEDDED = load_config("embedded")
OTHER_MODELS = replace(EMBEDDED, {"models.dtype": "bfloat16"})
OTHER_RULES = replace(EMBEDDED, {"text.rules": "official"})
OTHER_SETTINGS = replace(EMBEDDED, {"fusion.alpha": 0.25, "features.batch_size": 3})
KINDS = {"embedded": (EMBEDDED, OTHER_SETTINGS), "other type": (OTHER_MODELS,), "other rules": (OTHER_RULES,)}


class Models:
    """What was loaded, and how often."""

    def __init__(self) -> None:
        self.times = 0

    def load(self, config: Config) -> Models:
        self.times += 1
        return Models()


def test_settings_that_touch_no_weights_share_them() -> None:
    models = Models()
    store = ModelStore(models.load)
    first = store.take(EMBEDDED)
    assert store.take(OTHER_SETTINGS) is first
    assert (models.times, len(store)) == (1, 1)
    assert store.take(OTHER_MODELS) is not first
    assert store.take(OTHER_RULES) is not first
    assert (models.times, len(store)) == (3, 3)


def test_the_last_user_takes_them_along() -> None:
    store = ModelStore(Models().load)
    kept = weakref.ref(store.take(EMBEDDED))
    store.take(OTHER_SETTINGS)
    store.leave(EMBEDDED)
    assert kept() is not None
    store.leave(OTHER_SETTINGS)
    assert (kept(), len(store)) == (None, 0)


def test_what_could_not_be_loaded_is_nobodys() -> None:
    reasons = ["sam_vit_h is missing"]

    def load(config: Config) -> Models:
        if reasons:
            raise WeightsError(reasons.pop())
        return Models()

    store = ModelStore(load)
    with pytest.raises(WeightsError):
        store.take(EMBEDDED)
    assert len(store) == 0
    store.take(EMBEDDED)
    store.leave(EMBEDDED)
    assert len(store) == 0


@given(st.data())
def test_there_is_what_is_used_and_nothing_else(data: st.DataObject) -> None:
    store = ModelStore(Models().load)
    users: list[tuple[str, Config]] = []
    for _ in range(data.draw(st.integers(0, 20))):
        if users and data.draw(st.booleans()):
            _, config = users.pop(data.draw(st.integers(0, len(users) - 1)))
            store.leave(config)
        else:
            kind = data.draw(st.sampled_from(sorted(KINDS)))
            users.append((kind, data.draw(st.sampled_from(KINDS[kind]))))
            store.take(users[-1][1])
        assert len(store) == len(Counter(kind for kind, _ in users))
