"""What the models saw and said, on a time line for the Rerun viewer (extra `rerun`).

A frame has the entities `camera/image`, `camera/depth`, `camera/cloud` and `proposals`; each expression on it has its
own under `answers/EXPRESSION`: `text`, `mask`, `maps/…`, `candidates` and `clauses/…`. For people to look at: pictures
are JPEG, clouds thinned.
"""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

import numpy as np

from hybridgl_ros.errors import ConfigError
from hybridgl_ros.explanation.parts import parts_of, total_of
from hybridgl_ros.metric.pinhole import back_projected
from hybridgl_ros.presentation import report
from hybridgl_ros.types import Answer, Proposals, Scene

SPAWN = "spawn"
TIME_LINE = "frame"
STAMPS = "stamp"
LISTED = 10
JPEG_QUALITY = 90
POINTS = 20_000
"""More points of a cloud are thinned."""


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

    A file of an earlier recording is replaced when there is something to record. What is logged stands at the time that
    was set last in the same thread. Raises ConfigError when the SDK is not installed, for a file of another kind and
    for one that cannot be written.
    """

    def __init__(self, target: str) -> None:
        if target != SPAWN and Path(target).suffix != ".rrd":
            raise ConfigError(f"a recording goes to a file FILE.rrd or to {SPAWN}, got {target!r}")
        self._rerun = rerun_module()
        self._stream: Any = self._rerun.RecordingStream("hybridgl")
        self._frames = 0
        self._target = target
        self._begun = False
        if target == SPAWN:
            self._begin()
            return
        try:
            Path(target).open("ab").close()
        except OSError as error:
            raise ConfigError(f"recording {target}: cannot be written: {error}") from error

    def __enter__(self) -> Recording:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Write what is not written yet."""
        if not self._begun:
            if Path(self._target).stat().st_size:
                return
            self._begin()
        self._stream.flush()
        self._stream.disconnect()

    def frame(self, scene: Scene, stamp: int | None = None) -> None:
        """Begin the next frame: its picture, depth and proposals. stamp: nanoseconds, for a time line of its own."""
        self.at(TIME_LINE, self._frames)
        if stamp is not None:
            self._stream.set_time(STAMPS, timestamp=np.datetime64(stamp, "ns"))
        self._frames += 1
        self.clear("answers")
        self.picture(scene.image, scene.depth, scene.intrinsics)
        self.proposals("proposals", scene.proposals, scene.size)

    def answer(self, expression: str, answer: Answer) -> None:
        """What an expression refers to on the frame that was begun last."""
        self.said(f"answers/{entity(expression)}", expression, answer)

    def at(self, line: str, number: int) -> None:
        """Go to a place on a time line."""
        if not self._begun:
            self._begin()
        self._stream.set_time(line, sequence=number)

    def clear(self, place: str) -> None:
        """End what an entity, and all below it, showed until now."""
        self._log(place, self._rerun.Clear(recursive=True))

    def picture(self, image: np.ndarray, depth: np.ndarray | None, intrinsics: np.ndarray | None) -> None:
        """H×W×3 uint8 RGB; with depth, H×W metres, and the 3×3 pinhole matrix also a cloud of points."""
        rerun = self._rerun
        self.clear("camera")
        self._log("camera/image", rerun.Image(image).compress(jpeg_quality=JPEG_QUALITY))
        if depth is None:
            return
        self._log("camera/depth", rerun.DepthImage(np.nan_to_num(depth), meter=1.0))
        if intrinsics is not None:
            pixels = np.argwhere(np.isfinite(depth))
            pixels = pixels[:: -(-len(pixels) // POINTS) or 1]
            rows, columns = pixels.T
            points = back_projected(pixels, depth[rows, columns], intrinsics)
            self._log("camera/cloud", rerun.Points3D(points, colors=image[rows, columns]))

    def proposals(self, place: str, proposals: Proposals, size: tuple[int, int]) -> None:
        """N masks as one picture of labels. size: (H, W)."""
        self._log(place, self._rerun.SegmentationImage(labelled(proposals, size)))

    def mask(self, place: str, mask: np.ndarray) -> None:
        """H×W bool."""
        self._log(place, self._rerun.SegmentationImage(mask.astype(np.uint8)))

    def text(self, place: str, text: str) -> None:
        """A document of plain text."""
        self._log(place, self._rerun.TextDocument(text))

    def number(self, place: str, value: float) -> None:
        """A point of a curve."""
        self._log(place, self._rerun.Scalars([value]))

    def said(self, place: str, expression: str, answer: Answer) -> None:
        """All that is known of an answer: text, mask, maps, and what each clause says of each candidate."""
        rerun = self._rerun
        self.text(f"{place}/text", report(expression, answer, LISTED))
        self.mask(f"{place}/mask", answer.mask)
        for name, values in (("localisation", answer.localisation), ("guidance", answer.guidance)):
            if values is not None:
                self._log(f"{place}/maps/{name}", rerun.Image(np.asarray(values, np.float16), color_model="L"))
        if answer.candidates:
            self._log(f"{place}/candidates", rerun.BarChart(np.array(total_of(answer).values)))
            for part in parts_of(answer):
                self._log(f"{place}/clauses/{entity(part.text)}", rerun.BarChart(np.array(part.values)))

    def _begin(self) -> None:
        """Let what is logged go to the file or the viewer."""
        self._begun = True
        try:
            if self._target == SPAWN:
                self._stream.spawn()
            else:
                self._stream.save(self._target)
        except (OSError, RuntimeError) as error:
            raise ConfigError(f"recording {self._target}: {error}") from error

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
