"""A camera that turns and zooms before a stored scene, and something that passes in front of it.

A camera that only turns about its centre and changes its focal length sees a homography of what it saw, whatever the
depth is: x' ~ K' R K⁻¹ x (Hartley and Zisserman, Multiple View Geometry, §8.4). So picture, instances and depth stay
exact; there is no parallax. The focal length is large enough that the view never leaves the stored picture.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from .dataset import TabletopScene

LARGEST_ZOOM = 8.0
HALVINGS = 24
OCCLUDER_COLOUR = (94, 88, 82)
OCCLUDER_DEPTH = 0.12


@dataclass(frozen=True)
class Motion:
    """How the camera moves, and what passes before it.

    pan, tilt, roll: amplitudes in degrees; pan and roll swing once, tilt twice a period. zoom: by how much the focal
    length grows until half a period, as a share. period: in frames. occluder_every: frames from one passing of the
    occluder to the next, 0 for never; the first is whole when the first such span is over. occluder_frames: how long
    it is in the picture. occluder_width: its share of the picture's width.
    """

    pan: float = 0.0
    tilt: float = 0.0
    roll: float = 0.0
    zoom: float = 0.0
    period: int = 60
    occluder_every: int = 0
    occluder_frames: int = 12
    occluder_width: float = 0.3

    @property
    def moves(self) -> bool:
        """Whether the camera ever moves."""
        return any((self.pan, self.tilt, self.roll, self.zoom))

    def phase(self, frame: int) -> float:
        """How far a period is gone, in radians; to the bit the same in every period."""
        return 2 * np.pi * (frame % self.period) / self.period

    def rotation(self, frame: int) -> NDArray[np.float64]:
        """3×3, from the optical frame at rest to that of a frame."""
        phase = self.phase(frame)
        pan, tilt, roll = np.radians([self.pan, self.tilt, self.roll]) * np.sin([phase, 2 * phase, phase])
        about_y = np.array([[np.cos(pan), 0, -np.sin(pan)], [0, 1, 0], [np.sin(pan), 0, np.cos(pan)]])
        about_x = np.array([[1, 0, 0], [0, np.cos(tilt), np.sin(tilt)], [0, -np.sin(tilt), np.cos(tilt)]])
        about_z = np.array([[np.cos(roll), np.sin(roll), 0], [-np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
        return about_z @ about_x @ about_y

    def magnification(self, frame: int) -> float:
        """Focal length of a frame, as a multiple of the shortest one."""
        return 1 + self.zoom * (1 - np.cos(self.phase(frame))) / 2

    def occluded(self, frame: int, width: int) -> slice:
        """The columns of a picture of that width that the occluder covers; it comes in on the left."""
        if not self.occluder_every:
            return slice(0, 0)
        step = frame % self.occluder_every - (self.occluder_every - self.occluder_frames)
        broad = self.occluder_width * width
        left = (width + broad) * (step + 1) / (self.occluder_frames + 1) - broad
        if step < 0:
            return slice(0, 0)
        return slice(max(0, round(left)), max(0, min(width, round(left + broad))))


def seen(scene: TabletopScene, motion: Motion, frame: int) -> TabletopScene:
    """A scene as the camera sees it in a frame: picture, instances, depth, intrinsics, and the objects' places.

    Its expressions are said of the scene at rest, and name the same objects. Raises ValueError for a motion that the
    stored picture does not cover.
    """
    shown = turned(scene, motion, frame) if motion.moves else scene
    columns = motion.occluded(frame, scene.instances.shape[1])
    return covered(shown, columns) if columns.stop > columns.start else shown


def turned(scene: TabletopScene, motion: Motion, frame: int) -> TabletopScene:
    height, width = scene.instances.shape
    matrix, rotation = scene.intrinsics, motion.rotation(frame)
    least = least_zoom(tuple(matrix.ravel().tolist()), (height, width), motion)
    intrinsics = zoomed(matrix, least * motion.magnification(frame))
    back = matrix @ rotation.T @ np.linalg.inv(intrinsics)
    flags = cv2.WARP_INVERSE_MAP
    instances = cv2.warpPerspective(scene.instances, back, (width, height), flags=flags | cv2.INTER_NEAREST)
    image = cv2.warpPerspective(
        scene.image, back, (width, height), flags=flags | cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    pixels = np.stack([*np.meshgrid(np.arange(width), np.arange(height)), np.ones((height, width))], axis=-1)
    forward = (pixels @ np.linalg.inv(matrix).T @ rotation[2]).astype(np.float32)
    depth = cv2.warpPerspective(scene.depth * forward, back, (width, height), flags=flags | cv2.INTER_NEAREST)
    camera = dict(scene.camera)
    if "rotation" in camera:
        camera["rotation"] = (np.array(camera["rotation"]) @ rotation.T).tolist()
    places = [tuple((rotation @ truth.position).tolist()) for truth in scene.objects]
    return counted(
        replace(
            scene,
            image=np.asarray(image, np.uint8),
            instances=np.asarray(instances, np.uint8),
            depth=depth,
            intrinsics=intrinsics,
            objects=tuple(replace(truth, position=place) for truth, place in zip(scene.objects, places, strict=True)),
            camera=camera,
        )
    )


def covered(scene: TabletopScene, columns: slice) -> TabletopScene:
    """A scene with the occluder before some columns."""
    image, instances, depth = scene.image.copy(), scene.instances.copy(), scene.depth.copy()
    image[:, columns], instances[:, columns], depth[:, columns] = OCCLUDER_COLOUR, 0, OCCLUDER_DEPTH
    return counted(replace(scene, image=image, instances=instances, depth=depth))


def counted(scene: TabletopScene) -> TabletopScene:
    """A scene whose objects know how many of their pixels are seen."""
    pixels = np.bincount(scene.instances.ravel(), minlength=256)
    objects = tuple(replace(truth, pixels=int(pixels[truth.instance])) for truth in scene.objects)
    return replace(scene, objects=objects)


def zoomed(matrix: NDArray[np.float64], factor: float) -> NDArray[np.float64]:
    """A 3×3 pinhole matrix with a longer focal length."""
    return matrix * np.array([[factor, factor, 1], [1, factor, 1], [1, 1, 1]])


@lru_cache(maxsize=64)
def least_zoom(intrinsics: tuple[float, ...], size: tuple[int, int], motion: Motion) -> float:
    """The smallest magnification with which no frame shows anything outside an (H, W) picture.

    Raises ValueError when that is more than LARGEST_ZOOM.
    """
    matrix = np.array(intrinsics).reshape(3, 3)
    height, width = size
    ends = np.array([width - 1, height - 1], np.float64)
    corners = np.array([[0, 0, 1], [ends[0], 0, 1], [0, ends[1], 1], [*ends, 1]])
    turns = np.array([motion.rotation(frame).T for frame in range(motion.period)])
    zooms = [motion.magnification(frame) for frame in range(motion.period)]

    def inside(least: float) -> bool:
        rays = np.array([corners @ np.linalg.inv(zoomed(matrix, least * zoom)).T for zoom in zooms])
        seen = rays @ np.swapaxes(matrix @ turns, 1, 2)
        places = seen[..., :2] / np.maximum(seen[..., 2:], 1e-9)
        return bool((seen[..., 2] > 0).all() and (places >= -1e-9).all() and (places <= ends + 1e-9).all())

    if inside(1.0):
        return 1.0
    low, high = 1.0, LARGEST_ZOOM
    if not inside(high):
        raise ValueError("the camera turns further than the stored pictures reach")
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if inside(middle) else (middle, high)
    return high
