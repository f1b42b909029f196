"""What the models saw and said, on a time line for the Rerun viewer (extra `rerun`).

A frame has the entities `camera/image`, `camera/depth`, `camera/cloud` and `proposals`; each expression on it has its
own under `answers/EXPRESSION`: `text`, `mask`, `maps/…`, `candidates` and `clauses/…`.
"""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

import numpy as np

from hybridgl_ros.errors import ConfigError
from hybridgl_ros.explanation.parts import parts_of, total_of
from hybridgl_ros.metric.cloud import back_projected
from hybridgl_ros.presentation import report
from hybridgl_ros.types import Answer, Proposals, Scene

SPAWN = "spawn"
TIME_LINE = "frame"
LISTED = 10


def rerun_module() -> ModuleType:
    """The SDK. Raises ConfigError with the command that installs it."""
    try:
        import rerun
    except ImportError as error:
        raise ConfigError(
            f"recordings for Rerun need its SDK ({error}); run: pip install 'hybridgl-ros[rerun]'"
        ) from None
    return rerun


class Recording:
    """A recording into a file FILE.rrd, or into a viewer that is started (`spawn`); a context manager.

    Raises ConfigError when the SDK is not installed, or for a file of another kind.
    """

    def __init__(self, target: str) -> None:
        if target != SPAWN and Path(target).suffix != ".rrd":
            raise ConfigError(f"a recording goes to a file FILE.rrd or to {SPAWN}, got {target!r}")
        self._rerun = rerun_module()
        self._stream: Any = self._rerun.RecordingStream("hybridgl")
        self._frames = 0
        if target == SPAWN:
            self._stream.spawn()
        else:
            self._stream.save(target)

    def __enter__(self) -> Recording:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Write what is not written yet."""
        self._stream.flush()
        self._stream.disconnect()

    def frame(self, scene: Scene) -> None:
        """Begin the next frame: its picture, depth and proposals."""
        rerun = self._rerun
        self._stream.set_time(TIME_LINE, sequence=self._frames)
        self._frames += 1
        self._log("camera/image", rerun.Image(scene.image))
        if scene.depth is not None:
            self._log("camera/depth", rerun.DepthImage(np.nan_to_num(scene.depth), meter=1.0))
            if scene.intrinsics is not None:
                pixels = np.argwhere(np.isfinite(scene.depth))
                rows, columns = pixels.T
                points = back_projected(pixels, scene.depth[rows, columns], scene.intrinsics)
                self._log("camera/cloud", rerun.Points3D(points, colors=scene.image[rows, columns]))
        self._log("proposals", rerun.SegmentationImage(labelled(scene.proposals, scene.size)))

    def answer(self, expression: str, answer: Answer) -> None:
        """What an expression refers to on the frame that was begun last."""
        rerun, place = self._rerun, f"answers/{entity(expression)}"
        self._log(f"{place}/text", rerun.TextDocument(report(expression, answer, LISTED)))
        self._log(f"{place}/mask", rerun.SegmentationImage(answer.mask.astype(np.uint8)))
        for name, values in (("localisation", answer.localisation), ("guidance", answer.guidance)):
            if values is not None:
                self._log(f"{place}/maps/{name}", rerun.Image(np.asarray(values, np.float32), color_model="L"))
        if answer.candidates:
            self._log(f"{place}/candidates", rerun.BarChart(np.array(total_of(answer).values)))
            for part in parts_of(answer):
                self._log(f"{place}/clauses/{entity(part.text)}", rerun.BarChart(np.array(part.values)))

    def _log(self, place: str, what: Any) -> None:
        self._stream.log(place, what)


def labelled(proposals: Proposals, size: tuple[int, int]) -> np.ndarray:
    """H×W uint16: 0 where no proposal is, else 1 and up; smaller ones lie on larger ones."""
    labels = np.zeros(size, np.uint16)
    for index in np.argsort([-int(mask.sum()) for mask in proposals.masks], kind="stable"):
        labels[proposals.masks[index]] = index + 1
    return labels


def entity(text: str) -> str:
    """A text as one part of an entity's path."""
    return re.sub(r"[^\w]+", "_", text).strip("_") or "_"
