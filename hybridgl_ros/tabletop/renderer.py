"""Rendering of layouts with MuJoCo: colour, depth and instances of one view in two passes.

Needs the extra ``hybridgl_ros[sim]`` and an OpenGL driver; on a machine without a screen Mesa's EGL software
driver. One model holds every shape, and objects are moved, painted and hidden in it: compiling is dear,
moving is not.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .appearance import imperfect, sample_paint, sample_texture
from .dataset import ObjectTruth, TabletopScene
from .layout import (
    HEIGHT,
    SPLITS,
    WIDTH,
    Layout,
    object_set_id,
    sample_layout,
    sample_object_set,
)
from .model import FAR, FINISHES, NEAR, SUPERSAMPLING, body_name, build_model

MIN_PIXELS = 500
"""A scene with an object of fewer visible pixels is rejected."""

_HELP = (
    "Rendering needs MuJoCo and an EGL driver: pip install 'hybridgl_ros[sim]', and on Debian or Ubuntu "
    "apt install libegl1 libegl-mesa0 libgl1-mesa-dri."
)
_SHOWN, _HIDDEN = 0, 5


class RendererUnavailableError(RuntimeError):
    """MuJoCo or the OpenGL driver is missing; the message names the packages."""


class TabletopRenderer:
    """Renders random scenes of a split; keep one per process.

    Every scene is a function of (seed, split, index) alone, whatever was rendered before, on one version of
    MuJoCo and of the OpenGL driver. Raises RendererUnavailableError when MuJoCo or EGL is missing.
    """

    def __init__(self) -> None:
        os.environ.setdefault("MUJOCO_GL", "egl")
        try:
            import mujoco
        except (ImportError, AttributeError, RuntimeError) as error:
            raise RendererUnavailableError(f"{_HELP} ({error})") from error
        self._mj: Any = mujoco
        self._model = build_model(mujoco)
        self._data = mujoco.MjData(self._model)
        self._scene = mujoco.MjvScene(self._model, maxgeom=200)
        self._options = mujoco.MjvOption()
        self._view = mujoco.MjvCamera()
        self._view.type = mujoco.mjtCamera.mjCAMERA_FIXED
        self._view.fixedcamid = 0
        try:
            self._gl = mujoco.GLContext(WIDTH * SUPERSAMPLING, HEIGHT * SUPERSAMPLING)
            self._gl.make_current()
            self._context = mujoco.MjrContext(self._model, mujoco.mjtFontScale.mjFONTSCALE_100)
        except Exception as error:
            # The driver layers raise types of their own (EGLError, FatalError, ...) for what is missing.
            raise RendererUnavailableError(f"{_HELP} ({error})") from error
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._context)
        self._context.readDepthMap = mujoco.mjtDepthMap.mjDEPTH_ZEROFAR

    def close(self) -> None:
        """Free the OpenGL context."""
        self._context.free()
        self._gl.free()

    def render_scene(self, seed: int, split: str, index: int, variety: float = 0.0) -> TabletopScene:
        """Scene number ``index`` of a split, without expressions.

        A share ``variety`` of the scenes is varied: poses, shades, objects in and on others. The rest are the same
        scenes as with ``variety`` 0.
        """
        place = [seed, SPLITS.index(split), index]
        varied = bool(np.random.default_rng([*place, 1]).random() < variety)
        rng = np.random.default_rng(place)
        while True:
            specs = sample_object_set(rng, split, varied)
            layout = sample_layout(rng, specs, varied)
            if layout is None:
                continue
            scene = self.render(layout, rng, f"{split}-{index:05d}", object_set_id(specs))
            if min(truth.pixels for truth in scene.objects) >= MIN_PIXELS:
                return scene

    def render(self, layout: Layout, rng: np.random.Generator, name: str, group: int) -> TabletopScene:
        """One picture of a layout in a random look, without expressions."""
        geoms = self._arrange(layout)
        self._decorate(layout, geoms, rng)
        self._mj.mj_kinematics(self._model, self._data)
        self._mj.mj_camlight(self._model, self._data)
        self._mj.mjv_updateScene(
            self._model,
            self._data,
            self._options,
            None,
            self._view,
            self._mj.mjtCatBit.mjCAT_ALL,
            self._scene,
        )
        image = imperfect(self._read_colour(), rng)
        ids, depth = self._read_ids_and_depth()
        instances = np.zeros_like(ids, dtype=np.uint8)
        for instance, geom in enumerate(geoms, start=1):
            instances[ids == geom] = instance
        return TabletopScene(
            id=name,
            group=group,
            image=image,
            instances=instances,
            depth=depth,
            intrinsics=layout.camera.intrinsics,
            objects=_truths(layout, instances),
            expressions=(),
            camera={
                "position": layout.camera.position.round(5).tolist(),
                "rotation": layout.camera.rotation.round(6).tolist(),
            },
        )

    def _arrange(self, layout: Layout) -> list[int]:
        model, data, mujoco = self._model, self._data, self._mj
        model.geom_group[:] = _HIDDEN
        model.geom_group[[model.geom("table").id, model.geom("floor").id]] = _SHOWN
        geoms = []
        for placed in layout.objects:
            name = body_name(placed.spec.shape, placed.spec.size, placed.copy)
            slot = model.body(name).mocapid[0]
            data.mocap_pos[slot] = placed.position
            mujoco.mju_mat2Quat(data.mocap_quat[slot], placed.rotation.ravel())
            geoms.append(model.geom(name).id)
        model.geom_group[geoms] = _SHOWN
        camera = layout.camera
        model.cam_pos[0] = camera.position
        model.cam_fovy[0] = np.degrees(2 * np.arctan(HEIGHT / 2 / camera.focal))
        mujoco.mju_mat2Quat(model.cam_quat[0], (camera.rotation * (1, -1, -1)).ravel())
        return geoms

    def _decorate(self, layout: Layout, geoms: list[int], rng: np.random.Generator) -> None:
        model = self._model
        for placed, geom in zip(layout.objects, geoms, strict=True):
            model.geom_rgba[geom, :3] = sample_paint(rng, placed.spec.colour, placed.shade)
            model.geom_matid[geom] = model.material(f"finish{rng.integers(FINISHES)}").id
        for name, repeats in (("table", (1.5, 5.0)), ("floor", (0.5, 2.0))):
            texture = model.texture(name).id
            start = model.tex_adr[texture]
            pixels = sample_texture(rng).ravel()
            model.tex_data[start : start + pixels.size] = pixels
            self._mj.mjr_uploadTexture(model, self._context, texture)
            model.mat_texrepeat[model.material(name).id] = rng.uniform(*repeats)
        reach = max(float(np.abs(placed.points[:, :2]).max()) for placed in layout.objects)
        half = reach + rng.uniform(0.02, 0.5, 2)
        model.geom_size[model.geom("table").id] = (*half, 0.02)
        self._light(rng)

    def _light(self, rng: np.random.Generator) -> None:
        model = self._model
        share = rng.uniform(0.25, 0.5)
        for light, strength in ((0, rng.uniform(0.45, 0.75)), (1, rng.uniform(0.05, 0.3))):
            angle, height = rng.uniform(0, 2 * np.pi), np.radians(rng.uniform(40, 80))
            level = np.cos(height)
            towards = np.array([np.cos(angle) * level, np.sin(angle) * level, np.sin(height)])
            model.light_pos[light] = towards * 1.5
            model.light_dir[light] = -towards
            model.light_diffuse[light] = strength * (1 + rng.uniform(-0.06, 0.06, 3))
            model.light_specular[light] = strength * rng.uniform(0.2, 0.8)
        model.vis.headlight.ambient = np.full(3, share)
        model.vis.headlight.diffuse = np.full(3, rng.uniform(0.1, 0.3))
        model.vis.headlight.specular = np.zeros(3)

    def _read_colour(self) -> NDArray[np.uint8]:
        width, height = WIDTH * SUPERSAMPLING, HEIGHT * SUPERSAMPLING
        pixels = np.empty((height, width, 3), np.uint8)
        self._draw(pixels, None, segment=False)
        cells = pixels[::-1].reshape(HEIGHT, SUPERSAMPLING, WIDTH, SUPERSAMPLING, 3)
        return cells.mean(axis=(1, 3), dtype=np.float32).round().astype(np.uint8)

    def _read_ids_and_depth(self) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Geometry id (-1 for none) and depth in metres (NaN for none), H×W each."""
        codes = np.empty((HEIGHT, WIDTH, 3), np.uint8)
        buffer = np.empty((HEIGHT, WIDTH), np.float32)
        self._draw(codes, buffer, segment=True)
        numbers = codes[::-1].astype(np.int32) @ np.array([1, 1 << 8, 1 << 16], np.int32)
        table = np.full(self._scene.ngeom + 1, -1, np.int32)
        for geom in self._scene.geoms[: self._scene.ngeom]:
            if geom.objtype == self._mj.mjtObj.mjOBJ_GEOM and geom.segid >= 0:
                table[geom.segid + 1] = geom.objid
        # The buffer holds reversed depth: 1 at the near plane, 0 at the far one.
        inverse = buffer[::-1].astype(np.float64) * (1 / NEAR - 1 / FAR) + 1 / FAR
        depth = np.where(buffer[::-1] > 0, 1 / inverse, np.nan)
        return table[numbers], depth.astype(np.float32)

    def _draw(self, pixels: NDArray[np.uint8], depth: NDArray[np.float32] | None, segment: bool) -> None:
        flags = self._mj.mjtRndFlag
        self._scene.flags[flags.mjRND_SEGMENT] = segment
        self._scene.flags[flags.mjRND_IDCOLOR] = segment
        area = self._mj.MjrRect(0, 0, pixels.shape[1], pixels.shape[0])
        self._mj.mjr_render(area, self._scene, self._context)
        self._mj.mjr_readPixels(pixels, depth, area, self._context)


def _truths(layout: Layout, instances: NDArray[np.uint8]) -> tuple[ObjectTruth, ...]:
    counts = np.bincount(instances.ravel(), minlength=len(layout.objects) + 1)
    truths = []
    for instance, placed in enumerate(layout.objects, start=1):
        x, y, z = layout.camera.to_optical(placed.position[None])[0]
        spec = placed.spec
        carried = placed.holder is not None and layout.objects[placed.holder].spec.shape == "cube"
        holder = None if placed.holder is None else placed.holder + 1
        truths.append(
            ObjectTruth(
                instance=instance,
                shape=spec.shape,
                colour=spec.colour,
                size=spec.size,
                position=(float(x), float(y), float(z)),
                pixels=int(counts[instance]),
                pose=placed.pose,
                shade=placed.shade,
                inside=None if carried else holder,
                on=holder if carried else None,
            )
        )
    return tuple(truths)
