"""What the inference thread does when memory runs out, and what it gives back."""

from __future__ import annotations

import weakref
from dataclasses import dataclass

import numpy as np
import pytest

from hybridgl_ros.config import load_config, replace
from hybridgl_ros.economy import batch_sizes
from hybridgl_ros.errors import ImageError, OutOfMemoryError, WeightsError
from hybridgl_ros.progress import unwatched
from hybridgl_ros.ros.segment.engine import Engine, ModelState
from hybridgl_ros.ros.segment.model_store import ModelStore
from hybridgl_ros.ros.segment.refusals import RefusedError

PICTURE = np.zeros((2, 3, 3), np.uint8)


@dataclass(frozen=True)
class FakeAnswer:
    sizes: dict[str, int]
    notes: tuple[str, ...] = ("a note",)
    objects: tuple = ()


class Greedy:
    """Fits into memory only with batches up to a size; one_step: whether encoding or answering runs out."""

    def __init__(self, fits: int, error: Exception, encoding: bool = True) -> None:
        self.fits, self.error, self.encoding = fits, error, encoding
        self.attempts = self.configured = self.completed = 0
        self.config = load_config("embedded")

    def with_config(self, config) -> Greedy:
        self.config = config
        self.configured += 1
        return self

    def complete(self) -> None:
        self.completed += 1
        raise WeightsError("a broken pipeline")

    def need(self) -> None:
        self.attempts += 1
        if max(batch_sizes(self.config).values()) > self.fits:
            raise self.error

    def encode(self, image, *, progress):
        if self.encoding:
            self.need()
        return [image]

    def refer(self, scene, expression, progress):
        if not self.encoding:
            self.need()
        answer = FakeAnswer(batch_sizes(self.config))
        return answer if isinstance(expression, str) else [answer] * len(expression)


def ask(tried: Engine, picture: np.ndarray = PICTURE, expression: str = "cup") -> FakeAnswer:
    (result,) = tried.answers(picture, "no depth", [expression], unwatched)
    if isinstance(result, Exception):
        raise result
    answer, places = result
    assert places == ()
    return answer


def engine(segmenter, sizes: int = 32) -> Engine:
    config = replace(load_config("embedded"), {"features.batch_size": sizes, "proposals.points_per_batch": sizes})
    made = Engine(ModelStore(lambda config: segmenter), config, 2)
    made.load(str)
    assert made.state is ModelState.READY
    return made


RAN_OUT = [MemoryError(), RuntimeError("CUDA out of memory. Tried to allocate"), OutOfMemoryError("not enough")]


@pytest.mark.parametrize("encoding", [True, False])
@pytest.mark.parametrize("error", RAN_OUT, ids=lambda error: type(error).__name__)
def test_batches_are_halved_until_they_fit_and_stay_so(error: Exception, encoding: bool) -> None:
    segmenter = Greedy(8, error, encoding)
    tried = engine(segmenter)
    answer = ask(tried)
    assert set(answer.sizes.values()) == {8}
    assert answer.notes[0] == "a note"
    assert "features.batch_size 8, proposals.points_per_batch 8" in answer.notes[1]
    assert tried.economy == "features.batch_size 8, proposals.points_per_batch 8"
    attempts = segmenter.attempts
    assert ask(tried, PICTURE + 1).notes == ("a note",)
    assert segmenter.attempts == attempts + 1


@pytest.mark.parametrize("encoding", [True, False])
def test_several_are_tried_together_with_smaller_batches(encoding: bool) -> None:
    tried = engine(Greedy(8, MemoryError(), encoding))
    results = tried.answers(PICTURE, "no depth", ["cup", "fork"], unwatched)
    assert [set(answer.sizes.values()) for answer, _ in results] == [{8}, {8}]
    assert all("smaller batches" in answer.notes[1] for answer, _ in results)


def test_without_success_the_answer_is_an_error_and_the_next_one_is_tried() -> None:
    segmenter = Greedy(0, MemoryError("no room"))
    tried = engine(segmenter, 4)
    with pytest.raises(OutOfMemoryError, match="no room"):
        ask(tried)
    assert segmenter.attempts == 3
    segmenter.fits = 100
    assert ask(tried).sizes == dict.fromkeys(ask(tried, expression="").sizes, 1)


def test_batch_sizes_that_are_set_anew_count_in_full() -> None:
    segmenter = Greedy(8, MemoryError())
    tried = engine(segmenter)
    ask(tried)
    tried.configure(replace(load_config("embedded"), {"features.batch_size": 6, "proposals.points_per_batch": 7}), 2)
    assert tried.economy == ""
    assert sorted(ask(tried).sizes.values()) == [6, 7]


@pytest.mark.parametrize("error", [ImageError("too narrow"), RuntimeError("shapes differ"), ValueError("other")])
def test_other_errors_are_not_tried_again(error: Exception) -> None:
    segmenter = Greedy(0, error)
    tried = engine(segmenter)
    with pytest.raises(type(error), match=str(error)):
        ask(tried)
    assert (segmenter.attempts, tried.economy) == (1, "")


def test_unloading_leaves_nothing_of_the_models() -> None:
    segmenter = Greedy(100, MemoryError())
    kept = weakref.ref(segmenter)
    tried = Engine(ModelStore(lambda config, made=[segmenter]: made.pop()), load_config("embedded"), 2)
    del segmenter
    tried.load(str)
    ask(tried)
    assert tried.cached == 1
    tried.unload()
    assert kept() is None
    assert (tried.state, tried.cached) == (ModelState.NONE, 0)
    with pytest.raises(RefusedError, match="no models"):
        ask(tried)


def test_models_are_configured_once_a_configuration() -> None:
    segmenter = Greedy(100, MemoryError())
    tried = engine(segmenter)
    for _ in range(3):
        ask(tried)
    assert segmenter.configured == 1
    changed = replace(load_config("embedded"), {"features.batch_size": 7})
    tried.configure(changed, 2)
    assert ask(tried).sizes["features.batch_size"] == 7
    assert segmenter.configured == 2
    tried.unload()
    tried.load(str)
    ask(tried)
    assert segmenter.configured == 3


def test_what_the_first_answer_did_without_is_loaded_once_and_its_failure_reported() -> None:
    segmenter, told = Greedy(100, MemoryError()), []
    tried = engine(segmenter)
    for _ in range(3):
        tried.complete(told.append)
    assert segmenter.completed == 1
    assert [str(error) for error in told] == ["a broken pipeline"]
    assert ask(tried).sizes
    tried.unload()
    tried.complete(told.append)
    tried.load(str)
    tried.complete(told.append)
    assert segmenter.completed == len(told) == 2
