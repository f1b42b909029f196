"""The nodes' own settings, described like the method's; their values are in `config/nodes`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from hybridgl_ros.config import check, find_file, read_yaml
from hybridgl_ros.errors import ConfigError
from hybridgl_ros.settings import describe, setting

Settings = TypeVar("Settings")


@dataclass(frozen=True)
class SegmentSettings:
    """Of segment_node."""

    config: str = setting("Configuration: a name (embedded, photo) or the path of a YAML file.", stage="models")
    preset: str = setting("Preset in place of the configuration's: robot, paper or official.", stage="models")
    mode: str = setting("once: each expression is answered on the newest frame; continuous: the newest expression"
                        " is answered on every new frame.", choices=("once", "continuous"))  # fmt: skip
    image_transport: str = setting("raw reads image, compressed reads image/compressed, auto either, raw rather.",
                                   choices=("auto", "raw", "compressed"), stage="models")  # fmt: skip
    depth_transport: str = setting("raw reads depth, compressedDepth reads depth/compressedDepth.",
                                   choices=("raw", "compressedDepth"), stage="models")  # fmt: skip
    depth_slop: float = setting("Seconds between the stamps of a picture and of its depth, and seconds that an answer"
                                " waits for it, at most.", low=0.0, high=10.0)  # fmt: skip
    rectified: bool = setting("Pictures and depth are rectified: the projection matrix of camera_info counts, its lens"
                              " does not.")  # fmt: skip
    target_frame: str = setting("Frame that ~/pose is published in, through tf2; empty: the camera's.",
                                stage="models")  # fmt: skip
    autostart: bool = setting("Load the models and begin by itself; otherwise a lifecycle manager, or ros2 lifecycle"
                              " set, configures and activates the node.", stage="models")  # fmt: skip
    expression_limit: int = setting("Longer expressions (characters) are refused.", low=1, high=100000)
    list_limit: int = setting("Expressions of a list that are answered; further ones are refused.", low=1, high=1000,
                              stage="models")  # fmt: skip
    waiting_limit: int = setting(
        "Expressions that may wait for an answer at once; a list counts as one.", low=1, high=256, stage="models"
    )
    expression_deadline: float = setting("Seconds after which an expression of the topic that still waits is dropped;"
                                         " 0: never. Calls bring their own.", low=0.0, high=3600.0)  # fmt: skip
    scene_cache: int = setting("Encoded frames kept, for further expressions on the same picture.", low=0, high=1000)
    jpeg_quality: int = setting("Quality of ~/overlay/compressed.", low=1, high=100)
    png_level: int = setting("Effort for ~/mask/compressed: 0 is fastest, 9 smallest.", low=0, high=9)
    image_timeout: float = setting(
        "Silence (s) of the camera after which a hint is logged and the state is stale.",
        low=1.0,
        high=3600.0,
    )
    diagnostics_window: float = setting("Seconds that rates and latencies of the diagnostics look back.", low=1.0,
                                        high=3600.0, stage="models")  # fmt: skip
    rerun: str = setting("Record every answer for the Rerun viewer: a file FILE.rrd, which is replaced, or spawn, which"
                         " opens the viewer; empty: off.", stage="models")  # fmt: skip


@dataclass(frozen=True)
class CameraSettings:
    """Of sim_camera."""

    scenes: str = setting("Tabletop set, a zip or a folder of zips; empty: the held-out set.", stage="models")
    scene: int = setting("Index of the scene shown; a change shows that scene next.", low=0, high=1000000)
    frames_per_scene: int = setting("Frames before the next scene is shown; 0 holds the scene.", low=0, high=1000000)
    rate: float = setting("Frames per second.", low=0.01, high=1000.0, stage="models")
    frame_id: str = setting("Optical frame of the camera.", stage="models")
    pan: float = setting("How far the camera turns to either side (degrees).", low=0.0, high=10.0)
    tilt: float = setting("How far it turns up and down (degrees), twice in a period.", low=0.0, high=6.0)
    roll: float = setting("How far it rolls to either side (degrees).", low=0.0, high=20.0)
    zoom: float = setting("By how much its focal length grows and shrinks again, as a share.", low=0.0, high=1.0)
    motion_period: int = setting("Frames until the motion repeats.", low=4, high=100000)
    occluder_every: int = setting("Frames from one passing of something before the camera to the next; 0: nothing"
                                  " passes.", low=0, high=100000)  # fmt: skip
    occluder_frames: int = setting("Frames that it is in the picture.", low=1, high=100000)
    occluder_width: float = setting("Its width, as a share of the picture's.", low=0.0, high=1.0)
    bag: str = setting("Bag to write before the first frame: image, depth, expression and truth from the first scene"
                       " on; empty: none.", stage="models")  # fmt: skip
    bag_storage: str = setting("Format of the bag.", choices=("mcap", "sqlite3"), stage="models")
    bag_frames: int = setting("Frames in the bag, one an expression.", low=1, high=1000000, stage="models")


def default_settings(kind: type[Settings], node: str) -> Settings:
    """The settings of `config/nodes/<node>.yaml`. Raises ConfigError when they do not match the description."""
    values = read_yaml(find_file(f"nodes/{node}"))
    known = describe(kind)
    if set(values) != set(known):
        raise ConfigError(f"nodes/{node}.yaml: wants exactly {', '.join(known)}")
    return kind(**{name: check(known[name], value) for name, value in values.items()})
