"""The MuJoCo model that every scene is rendered from: table, floor, lights, and several of each shape."""

from __future__ import annotations

from typing import Any

import numpy as np

from .appearance import TEXTURE_SIZE
from .layout import COPIES, HEIGHT, WIDTH, mesh_of
from .objects import SHAPES, SIZES

SUPERSAMPLING = 2
NEAR, FAR = 0.02, 20.0
"""Clipping planes, metres."""

FINISHES = 5
"""Materials ``finish0``... from matt to glossy."""

_FLOOR_DEPTH = -0.7


def body_name(shape: str, size: str, copy: int) -> str:
    """The name of the body, and of its geometry, that stands for one copy of a shape."""
    return f"{shape} {size} {copy}"


def build_model(mujoco: Any) -> Any:
    """An MjModel, from the imported ``mujoco`` module; objects are mocap bodies, one geometry each."""
    spec = mujoco.MjSpec()
    spec.visual.global_.offwidth = WIDTH * SUPERSAMPLING
    spec.visual.global_.offheight = HEIGHT * SUPERSAMPLING
    spec.visual.quality.shadowsize = 1024
    spec.visual.quality.offsamples = 0
    spec.visual.map.znear, spec.visual.map.zfar = NEAR, FAR
    spec.stat.extent = 1.0
    spec.stat.center = (0, 0, 0)
    for name in ("table", "floor"):
        spec.add_texture(
            name=name,
            type=mujoco.mjtTexture.mjTEXTURE_2D,
            builtin=mujoco.mjtBuiltin.mjBUILTIN_FLAT,
            width=TEXTURE_SIZE,
            height=TEXTURE_SIZE,
            nchannel=3,
        )
        material = spec.add_material(name=name, texuniform=True, specular=0.1, shininess=0.2)
        material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = name
    for finish, gloss in enumerate(np.linspace(0, 0.8, FINISHES)):
        spec.add_material(name=f"finish{finish}", specular=gloss, shininess=0.3 + 0.6 * gloss)
    world = spec.worldbody
    world.add_geom(
        name="table",
        type=mujoco.mjtGeom.mjGEOM_BOX,
        size=[0.5, 0.5, 0.02],
        pos=[0, 0, -0.02],
        material="table",
    )
    world.add_geom(
        name="floor",
        type=mujoco.mjtGeom.mjGEOM_PLANE,
        size=[8, 8, 1],
        pos=[0, 0, _FLOOR_DEPTH],
        material="floor",
    )
    world.add_camera(name="wrist")
    for shadow in (True, False):
        world.add_light(type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL, castshadow=shadow, pos=[0, 0, 1.5])
    for shape in SHAPES:
        for size in SIZES:
            for copy in range(COPIES):
                _add_object(mujoco, spec, shape, size, copy)
    return spec.compile()


def _add_object(mujoco: Any, spec: Any, shape: str, size: str, copy: int) -> None:
    name = body_name(shape, size, copy)
    mesh = mesh_of(shape, size, copy)
    spec.add_mesh(
        name=name,
        uservert=mesh.vertices.ravel(),
        userface=mesh.faces.ravel(),
        inertia=mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL,
        smoothnormal=True,
    )
    body = spec.worldbody.add_body(name=name, mocap=True)
    body.add_geom(
        name=name,
        type=mujoco.mjtGeom.mjGEOM_MESH,
        meshname=name,
        material="finish0",
        contype=0,
        conaffinity=0,
        rgba=[0.4, 0.4, 0.4, 1],
    )
