"""What the small CLIP sees: local and blurred views of a mask, zoomed windows, imperfect masks and junk masks."""

from __future__ import annotations

import random
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIZE, PATCH = 224, 16
GRID = SIZE // PATCH
FILL = (123, 117, 104)
"""CLIP's mean colour, so that the fill is zero after normalisation."""
BLUR_KERNEL = 15
OUTLINE = 8

Picture = NDArray[np.uint8]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Window:
    """The part of the frame a view shows: corner and extent in pixels, possibly beyond the frame; mirrored or not."""

    x: int
    y: int
    width: int
    height: int
    mirrored: bool = False


def whole_frame(mask: Mask, mirrored: bool = False) -> Window:
    """The window used at inference: the full frame."""
    return Window(0, 0, mask.shape[1], mask.shape[0], mirrored)


def object_window(mask: Mask, share: float, rng: random.Random) -> Window:
    """A window of the frame's aspect in which the mask's box spans ``share`` of the side, somewhere inside it."""
    height, width = mask.shape
    x0, y0, box_width, box_height = cv2.boundingRect(mask.view(np.uint8))
    scale = max(box_width / width, box_height / height) / share
    wide, high = max(16, round(width * scale)), max(12, round(height * scale))
    slack_x, slack_y = wide - box_width, high - box_height
    x = x0 - round(slack_x * rng.uniform(0.15, 0.85))
    y = y0 - round(slack_y * rng.uniform(0.15, 0.85))
    return Window(x, y, wide, high, rng.random() < 0.5)


def shifted_frame(mask: Mask, rng: random.Random, reach: float = 0.15) -> Window:
    """The full frame moved a little, and mirrored half the time: the object keeps its size."""
    height, width = mask.shape
    x0, y0, box_width, box_height = cv2.boundingRect(mask.view(np.uint8))
    x = round(width * rng.uniform(-reach, reach))
    y = round(height * rng.uniform(-reach, reach))
    x = min(max(x, x0 + box_width - width), x0) if box_width < width else 0
    y = min(max(y, y0 + box_height - height), y0) if box_height < height else 0
    return Window(x, y, width, height, rng.random() < 0.5)


def local_picture(image: Picture, mask: Mask) -> Picture:
    """The image inside the mask, CLIP's mean colour outside (§3.2)."""
    filled = np.empty_like(image)
    filled[:] = FILL
    cv2.copyTo(image, mask.view(np.uint8), filled)
    return filled


def blurred_picture(image: Picture, mask: Mask, blurred: Picture | None = None) -> Picture:
    """The image inside the mask, its Gaussian blur outside (§3.2)."""
    result = cv2.GaussianBlur(image, (BLUR_KERNEL, BLUR_KERNEL), 0) if blurred is None else blurred.copy()
    cv2.copyTo(image, mask.view(np.uint8), result)
    return result


def look(picture: Picture, window: Window) -> Picture:
    """The window as 224×224×3, antialiased bilinear, aspect not kept."""
    part = _cut(picture, window, FILL)
    resized = np.asarray(Image.fromarray(part).resize((SIZE, SIZE), Image.Resampling.BILINEAR))
    return resized[:, ::-1] if window.mirrored else resized


def token_shares(mask: Mask, window: Window) -> NDArray[np.float32]:
    """Share of each token's patch that the mask covers, 14×14; a token is inside when it is above zero."""
    part = _cut(mask.astype(np.float32), window, 0.0)
    shares = cv2.resize(part, (GRID, GRID), interpolation=cv2.INTER_AREA)
    return shares[:, ::-1] if window.mirrored else shares


def outline(mask: Mask, window: Window) -> NDArray[np.float32]:
    """The mask's silhouette within its box, 8×8 shares, and the box in the window (centre, extent): (68,) float32."""
    x0, y0, box_width, box_height = cv2.boundingRect(mask.view(np.uint8))
    box = mask[y0 : y0 + box_height, x0 : x0 + box_width].astype(np.float32)
    silhouette = cv2.resize(box, (OUTLINE, OUTLINE), interpolation=cv2.INTER_AREA)
    x, y = (x0 + box_width / 2 - window.x) / window.width, (y0 + box_height / 2 - window.y) / window.height
    if window.mirrored:
        silhouette, x = silhouette[:, ::-1], 1 - x
    return np.float32([*silhouette.flat, x, y, box_width / window.width, box_height / window.height])


def patches(view: Picture) -> Picture:
    """A 224×224×3 view as (196, 768) uint8 patches in the order of the patch embedding's weights."""
    return view.reshape(GRID, PATCH, GRID, PATCH, 3).transpose(0, 2, 4, 1, 3).reshape(GRID * GRID, -1)


def relight(image: Picture, rng: random.Random) -> Picture:
    """A small change of exposure and contrast."""
    gain, lift = rng.uniform(0.85, 1.15), rng.uniform(-10, 10)
    table = np.clip((np.arange(256) - 128) * gain + 128 + lift, 0, 255).astype(np.uint8)
    return cv2.LUT(image, table)


def imperfect(mask: Mask, rng: random.Random) -> Mask:
    """The mask as a proposal generator may draw it: grown, shrunk, or with a wobbling edge."""
    reach = rng.choice((3, 3, 5, 5, 7))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    style, pixels = rng.random(), mask.view(np.uint8)
    if style < 0.35:
        changed = cv2.dilate(pixels, kernel).astype(bool)
    elif style < 0.6:
        changed = cv2.erode(pixels, kernel).astype(bool)
    else:
        height, width = mask.shape
        noise = np.random.default_rng(rng.getrandbits(32)).normal(0, 0.35, (height // 8, width // 8)).astype(np.float32)
        soft = cv2.GaussianBlur(pixels.astype(np.float32), (9, 9), 0)
        changed = soft + cv2.resize(noise, (width, height)) * (soft > 0.02) * (soft < 0.98) > 0.5
    return changed if changed.sum() > 0.5 * mask.sum() else mask


def junk(instances: Picture, rng: random.Random) -> Mask | None:
    """A proposal that is no object: a piece of table, a part of an object, two objects in one, or object and table.

    Returns None when the draw came out empty or too close to an object.
    """
    present = [int(value) for value in np.unique(instances) if value]
    if not present:
        return None
    chosen = instances == rng.choice(present)
    style = rng.random()
    if style < 0.25:
        mask = _ellipse(instances.shape, rng) & (instances == 0)
    elif style < 0.55:
        mask = _part(chosen, rng)
    elif style < 0.75 and len(present) > 1:
        first, second = rng.sample(present, 2)
        mask = (instances == first) | (instances == second)
    else:
        kernel = np.ones((rng.choice((25, 35, 45)),) * 2, np.uint8)
        mask = cv2.dilate(chosen.view(np.uint8), kernel).astype(bool)
    overlap = max((mask & (instances == k)).sum() / max(1, (mask | (instances == k)).sum()) for k in present)
    return mask if mask.sum() >= 150 and overlap < 0.6 else None


def _ellipse(shape: tuple[int, ...], rng: random.Random) -> Mask:
    height, width = shape
    canvas = np.zeros((height, width), np.uint8)
    centre = rng.randrange(width), rng.randrange(height)
    axes = rng.randrange(15, 90), rng.randrange(15, 70)
    cv2.ellipse(canvas, centre, axes, rng.uniform(0, 180), 0, 360, 1, -1)
    return canvas.astype(bool)


def _part(mask: Mask, rng: random.Random) -> Mask:
    """A cut through the mask's pixels that keeps a fifth to a half of them."""
    rows, columns = np.nonzero(mask)
    angle = rng.uniform(0, 2 * np.pi)
    along = rows * np.sin(angle) + columns * np.cos(angle)
    kept = along < np.quantile(along, rng.uniform(0.2, 0.5))
    part = np.zeros_like(mask)
    part[rows[kept], columns[kept]] = True
    return part


def _cut(array: NDArray, window: Window, fill: tuple[int, int, int] | float) -> NDArray:
    height, width = array.shape[:2]
    left, top = max(0, -window.x), max(0, -window.y)
    right, bottom = max(0, window.x + window.width - width), max(0, window.y + window.height - height)
    part = array[max(0, window.y) : window.y + window.height, max(0, window.x) : window.x + window.width]
    if left or top or right or bottom:
        part = cv2.copyMakeBorder(part, top, bottom, left, right, cv2.BORDER_CONSTANT, value=fill)
    return np.ascontiguousarray(part)
