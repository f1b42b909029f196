"""What a scene looks like beyond its geometry: paint, table patterns, and the camera's imperfections."""

from __future__ import annotations

import colorsys

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from .objects import COLOURS, SHADES

TEXTURE_SIZE = 256


def sample_paint(rng: np.random.Generator, colour: str, shade: str | None = None) -> tuple[float, float, float]:
    """One RGB value (0 to 1) of a named colour. Raises KeyError for a name the tabletop does not know."""
    ranges = COLOURS[colour] if shade is None else SHADES[colour, shade]
    hue, saturation, value = (rng.uniform(low, high) for low, high in ranges)
    return colorsys.hsv_to_rgb(hue % 1.0, saturation, value)


def sample_texture(rng: np.random.Generator) -> NDArray[np.uint8]:
    """A pattern in two related, rather dull colours, TEXTURE_SIZE² ×3 uint8 RGB."""
    hue, saturation, value = rng.uniform(0, 1), rng.beta(1.2, 3) * 0.6, rng.uniform(0.25, 0.85)
    if rng.random() < 0.4:
        hue, saturation = rng.uniform(0.05, 0.11), rng.uniform(0.25, 0.6)
    contrast = rng.uniform(0.05, 0.35)
    first = np.array(colorsys.hsv_to_rgb(hue, saturation, value))
    second_value = np.clip(value + rng.choice([-1, 1]) * contrast, 0.12, 0.95)
    second = np.array(colorsys.hsv_to_rgb((hue + rng.normal(0, 0.03)) % 1, saturation, second_value))
    pattern = _PATTERNS[int(rng.integers(len(_PATTERNS)))](rng)[..., None]
    grain = rng.normal(0, rng.uniform(0, 0.03), (TEXTURE_SIZE, TEXTURE_SIZE, 1))
    mixed = first + (second - first) * pattern + grain
    return (np.clip(mixed, 0, 1) * 255).astype(np.uint8)


def imperfect(image: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """The picture as a small camera would give it: blur, exposure, tone, white balance, vignette and noise.

    ``image`` is H×W×3 uint8 RGB, and so is the result.
    """
    radius = rng.uniform(0, 0.9)
    soft = np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(radius)), np.float32) / 255
    gain = rng.uniform(0.85, 1.15) * rng.uniform(0.95, 1.05, 3)
    toned = np.clip(soft * gain.astype(np.float32), 0, 1) ** np.float32(rng.uniform(0.85, 1.15))
    height, width = image.shape[:2]
    y, x = np.linspace(-1, 1, height, dtype=np.float32)[:, None], np.linspace(-1, 1, width, dtype=np.float32)
    toned *= (1 - np.float32(rng.uniform(0, 0.12)) * (x * x + y * y))[..., None]
    toned += rng.standard_normal(image.shape, np.float32) * np.float32(rng.uniform(0.002, 0.016))
    return (np.clip(toned, 0, 1) * 255).round().astype(np.uint8)


def _noise(rng: np.random.Generator, cells: tuple[int, int], octaves: int = 4) -> NDArray[np.float64]:
    total = np.zeros((TEXTURE_SIZE, TEXTURE_SIZE))
    for octave in range(octaves):
        rows, columns = (min(count * 2**octave, TEXTURE_SIZE) for count in cells)
        grid = Image.fromarray(rng.random((rows, columns)).astype(np.float32))
        total += np.asarray(grid.resize((TEXTURE_SIZE, TEXTURE_SIZE), Image.Resampling.BICUBIC)) / 2**octave
    low, high = total.min(), total.max()
    return (total - low) / (high - low)


def _axes() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    ramp = np.linspace(0, 1, TEXTURE_SIZE, endpoint=False)
    return ramp[None, :], ramp[:, None]


def _plain(rng: np.random.Generator) -> NDArray[np.float64]:
    return np.full((TEXTURE_SIZE, TEXTURE_SIZE), rng.random())


def _clouds(rng: np.random.Generator) -> NDArray[np.float64]:
    return _noise(rng, (int(rng.integers(2, 12)),) * 2)


def _wood(rng: np.random.Generator) -> NDArray[np.float64]:
    x, _ = _axes()
    waves = np.sin(2 * np.pi * (x * rng.integers(4, 16) + rng.uniform(0.5, 2) * _noise(rng, (2, 8))))
    return 0.35 * (waves + 1) + 0.3 * _noise(rng, (4, 64), 2)


def _checks(rng: np.random.Generator) -> NDArray[np.float64]:
    x, y = _axes()
    count = int(rng.integers(2, 9))
    return ((x * count).astype(int) + (y * count).astype(int)) % 2 * 1.0


def _stripes(rng: np.random.Generator) -> NDArray[np.float64]:
    x, y = _axes()
    inside = (x * rng.integers(3, 16)) % 1 < rng.uniform(0.2, 0.8)
    return np.broadcast_to(inside, (y + x).shape).astype(np.float64)


def _tiles(rng: np.random.Generator) -> NDArray[np.float64]:
    x, y = _axes()
    count, joint = int(rng.integers(2, 7)), rng.uniform(0.04, 0.12)
    joints = np.maximum((x * count) % 1 < joint, (y * count) % 1 < joint).astype(np.float64)
    return joints * 0.8 + 0.2 * _noise(rng, (8, 8))


def _speckle(rng: np.random.Generator) -> NDArray[np.float64]:
    return (_noise(rng, (48, 48), 2) > rng.uniform(0.5, 0.75)).astype(np.float64)


def _weave(rng: np.random.Generator) -> NDArray[np.float64]:
    x, y = _axes()
    count = int(rng.integers(12, 32))
    return 0.5 + 0.25 * np.sin(2 * np.pi * count * x) + 0.25 * np.sin(2 * np.pi * count * y)


_PATTERNS = (_plain, _clouds, _clouds, _wood, _wood, _checks, _stripes, _tiles, _speckle, _weave)
