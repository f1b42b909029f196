"""What a person sees of an answer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hybridgl_ros import memory
from hybridgl_ros.drawing import (
    CAPTION_WIDTH,
    LANDMARK,
    REFERENT,
    RUNNER_UP,
    caption,
    caption_below,
    draw_answer,
    read_image,
    write_image,
)
from hybridgl_ros.errors import ImageError
from hybridgl_ros.language.query import Phrase, Query
from hybridgl_ros.types import Answer, Candidate, ClauseScore, Parse, Tracking, TrackState


def blank(height: int, width: int) -> np.ndarray:
    return np.full((height, width, 3), 100, np.uint8)


def square(shape, top: int, left: int, side: int) -> np.ndarray:
    mask = np.zeros(shape, bool)
    mask[top : top + side, left : left + side] = True
    return mask


def answer_over(shape, text: str = "the mug") -> Answer:
    masks = [square(shape, 20, 20, 20), square(shape, 20, 70, 20)]
    candidates = tuple(
        Candidate(index, mask, (float(20 + 50 * index), 20.0, 19.0, 19.0), 0.5, 0.2, 0.0, 0.0, 0.0, 0.0)
        for index, mask in enumerate(masks)
    )
    parse = Parse(text=text, sentence=text, target=text, head=text)
    return Answer(True, masks[0], 0.5, 0.2, 0.1, candidates, parse)


@pytest.mark.parametrize("dtype", [np.uint16, np.int32])
def test_sixteen_bits_are_scaled(tmp_path, dtype):
    values = np.arange(0, 65536, 257, dtype=dtype).reshape(16, 16)
    Image.fromarray(values).save(tmp_path / "deep.tiff")
    read = read_image(tmp_path / "deep.tiff")
    assert np.abs(read.astype(int) - np.arange(256).reshape(16, 16, 1)).max() <= 1


@pytest.mark.parametrize("values", [np.full((4, 4), 0.5, np.float32), np.full((4, 4), 70000, np.int32)])
def test_values_without_a_range_of_their_own_are_refused(tmp_path, values):
    Image.fromarray(values).save(tmp_path / "odd.tiff")
    with pytest.raises(ImageError, match=r"odd.tiff: not readable as a picture: it has neither 8 nor 16 bits"):
        read_image(tmp_path / "odd.tiff")


def test_the_referent_keeps_its_colours_the_rest_is_darkened_and_the_image_kept():
    image = blank(100, 120)
    image[30, 30] = 250, 245, 235
    original = image.copy()
    drawn = draw_answer(image, answer_over((100, 120)))
    assert np.array_equal(image, original)
    assert drawn.shape == image.shape
    assert drawn.dtype == np.uint8
    assert drawn[30, 30].tolist() == [250, 245, 235]
    assert drawn[28, 30].tolist() == [100, 100, 100]
    assert drawn[30, 80].tolist() == [50, 50, 50]
    assert (drawn == REFERENT).all(-1).any()
    assert drawn[20, 75].tolist() == list(RUNNER_UP)


def test_nothing_found_leaves_the_picture_as_it_is_above_the_caption():
    image = blank(100, 120)
    nothing = replace(
        answer_over((100, 120)), found=False, mask=np.zeros((100, 120), bool), candidates=(), reason="no proposals"
    )
    drawn = draw_answer(image, nothing)
    assert np.array_equal(drawn[:70], image[:70])
    assert not np.array_equal(drawn[70:], image[70:])


def test_all_referents_and_their_landmarks_are_outlined():
    shape = (160, 160)
    masks = [square(shape, top, left, 20) for top, left in ((5, 5), (5, 60), (60, 5), (60, 60))]
    candidates = tuple(
        Candidate(index, mask, (0.0, 0.0, 2.0, 2.0), 0.9 - index / 10, 0.2, 0.0, 0.0, 0.0, 0.0)
        for index, mask in enumerate(masks)
    )
    likely = np.full(4, 0.5, np.float32)
    clauses = (
        ClauseScore("mug", "phrase", likely),
        ClauseScore("near(ball)", "relation", likely, (3, 0)),
        ClauseScore("except(pen)", "except", likely, (2,)),
    )
    answer = replace(
        answer_over(shape),
        mask=masks[0] | masks[1],
        candidates=candidates,
        objects=candidates[:2],
        clauses=clauses,
        query=Query(Phrase("mug")),
    )
    drawn = draw_answer(blank(*shape), answer)
    borders = [tuple(drawn[top, left + 10]) for top, left in ((5, 5), (5, 60), (60, 5), (60, 60))]
    assert borders == [REFERENT, REFERENT, RUNNER_UP, LANDMARK]
    assert drawn[15, 15].tolist() == drawn[15, 70].tolist() == [100, 100, 100]
    assert drawn[70, 15].tolist() == drawn[70, 70].tolist() == [50, 50, 50]


def test_followed_objects_have_their_numbers():
    answer = answer_over((120, 160))
    plain, first, second = (
        draw_answer(np.zeros((120, 160, 3), np.uint8), replace(answer, tracking=tracking))
        for tracking in (None, Tracking((1,), (TrackState.FOUND,)), Tracking((2,), (TrackState.FOUND,)))
    )
    assert (plain != first).any() and (first != second).any()


def test_a_caption_has_as_many_lines_as_half_the_picture_holds():
    assert np.array_equal(caption(blank(40, 200), "one", "two"), caption(blank(40, 200), "one"))
    assert not np.array_equal(caption(blank(80, 200), "one", "two"), caption(blank(80, 200), "one"))
    below = caption_below(blank(80, 200), "one", "x" * 500)
    assert np.array_equal(below[:80], blank(80, 200)) and below.shape[0] > 100 and below.shape[1] == 200


@pytest.mark.parametrize("size", [(1, 1), (3, 500), (500, 3), (48, 64), (100, CAPTION_WIDTH)])
def test_any_size_can_be_drawn(size):
    mask = np.ones(size, bool)
    whole = replace(
        answer_over((100, 120)), mask=mask, candidates=(replace(answer_over((100, 120)).candidates[0], mask=mask),)
    )
    assert draw_answer(blank(*size), whole).shape == (*size, 3)


@pytest.mark.parametrize("text", ["", "x" * 10_000, "лево от синего шара", "红色的杯子", "two\nlines\x00"])
def test_a_caption_of_any_text_stays_inside_the_picture(text):
    image = blank(60, 100)
    drawn = caption(image, text)
    assert drawn.shape == image.shape
    assert np.array_equal(drawn[:40], image[:40])


def test_a_long_caption_is_shortened_visibly():
    assert not np.array_equal(caption(blank(60, 100), "a" * 200), caption(blank(60, 100), "a" * 12))


def test_pictures_are_read_upright_and_as_rgb(tmp_path):
    grey = Image.fromarray(np.arange(6, dtype=np.uint8).reshape(2, 3))
    exif = grey.getexif()
    exif[0x0112] = 6  # turned by a quarter
    grey.save(tmp_path / "turned.png", exif=exif)
    assert read_image(tmp_path / "turned.png").shape == (3, 2, 3)
    Image.new("RGBA", (5, 4), (10, 20, 30, 255)).save(tmp_path / "alpha.png")
    assert read_image(tmp_path / "alpha.png")[0, 0].tolist() == [10, 20, 30]


def test_files_that_are_no_pictures_are_refused(tmp_path):
    (tmp_path / "text.jpg").write_text("not a picture")
    for name in ("text.jpg", "missing.jpg"):
        with pytest.raises(ImageError, match=name):
            read_image(tmp_path / name)
    with pytest.raises(ImageError):
        read_image(tmp_path)


def test_masks_are_written_black_and_white(tmp_path):
    mask = square((10, 12), 2, 3, 4)
    write_image(tmp_path / "mask.png", mask)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "mask.png")), mask * np.uint8(255))


@pytest.mark.filterwarnings("error")
def test_a_picture_that_does_not_fit_is_refused_before_it_is_decoded(tmp_path, monkeypatch):
    Image.new("L", (20000, 15000)).save(tmp_path / "huge.png")
    with pytest.raises(ImageError, match=r"huge.png: more than 179 million pixels are not read"):
        read_image(tmp_path / "huge.png")
    Image.new("L", (12000, 9000)).save(tmp_path / "big.png")
    monkeypatch.setattr(memory, "available_memory", lambda: 10**9)
    monkeypatch.setattr(Image.Image, "convert", lambda *_: pytest.fail("decoded"))
    with pytest.raises(ImageError, match=r"big.png: reading of a 12000×9000 picture needs"):
        read_image(tmp_path / "big.png")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full disk at hand")
@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_a_full_disk_is_told_with_the_files_name(tmp_path, suffix):
    (tmp_path / f"mask.{suffix}").symlink_to("/dev/full")
    with pytest.raises(OSError, match=rf"No space left on device: '.*mask.{suffix}'"):
        write_image(tmp_path / f"mask.{suffix}", blank(40, 40))
