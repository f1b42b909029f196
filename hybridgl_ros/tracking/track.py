"""One followed object: what is remembered of it, and how long it has been out of sight or spoken against."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from hybridgl_ros.settings import TrackingSettings
from hybridgl_ros.tracking.camera import moved_mask, moved_point, shifted
from hybridgl_ros.tracking.likeness import Expected
from hybridgl_ros.tracking.sighting import NOT_PROPOSED, Sighting
from hybridgl_ros.types import TrackState

# What being found by the expression counts, in frames: a single one against it is no refutation.
START = 2.0


@dataclass(frozen=True)
class Memory:
    """How the object was seen once, and the 2×3 transform from that frame's grid to the present one's, the camera's."""

    seen: Sighting
    path: np.ndarray = field(default_factory=lambda: np.eye(2, 3))

    def moved(self, camera: np.ndarray) -> Memory:
        """After the picture has moved by a 2×3 transform."""
        return replace(self, path=camera @ np.vstack([self.path, [0, 0, 1]]))

    def expected(self, by: np.ndarray, trust: float) -> Expected:
        """What the object should look like now. by: (2,) pixels that it has moved by itself."""
        path = shifted(self.path, by)
        return Expected(
            mask=moved_mask(self.seen.mask, path),
            centre=moved_point(self.seen.centre, path),
            side=self.seen.side * float(np.sqrt(abs(np.linalg.det(path[:, :2])))),
            trust=trust,
            seen=self.seen,
            path=path,
        )


@dataclass
class Track:
    """A followed object.

    last: as it was seen last, its features averaged. portrait: as it was last seen whole, for borders and other things
    cut it. velocity: (2,) its own motion, pixels of the grid a frame. unseen: frames out of sight since. carried:
    frames up to now on which it was in sight but not proposed. agreement: on how many frames the expression has spoken
    for it, less those on which it surely spoke against it. settled: whether it has once spoken for it long enough.
    """

    id: int
    last: Memory
    portrait: Memory
    velocity: np.ndarray = field(default_factory=lambda: np.zeros(2))
    unseen: int = 0
    carried: int = 0
    agreement: float = START
    settled: bool = False
    state: TrackState = TrackState.FOUND

    @classmethod
    def begun(cls, identity: int, sighting: Sighting) -> Track:
        """One that is seen for the first time."""
        return cls(identity, Memory(sighting), Memory(sighting))

    def expected(self, camera: np.ndarray, settings: TrackingSettings) -> tuple[Expected, ...]:
        """What it should look like in the next frame: as it was last, standing still or moving on, or whole.

        camera: 2×3, how the picture has moved; it is added to what is remembered.
        """
        self.last, self.portrait = self.last.moved(camera), self.portrait.moved(camera)
        self.velocity = camera[:, :2] @ self.velocity
        trust = 0.5 ** (self.unseen / settings.memory)
        still = np.zeros(2)
        moving = () if self.unseen else (self.last.expected(self.velocity, trust),)
        return self.last.expected(still, trust), *moving, self.portrait.expected(still, trust)

    def see(self, sighting: Sighting, settings: TrackingSettings) -> None:
        """It is in sight."""
        self.carried = self.carried + 1 if sighting.candidate.index == NOT_PROPOSED else 0
        self.state = TrackState.FOUND_AGAIN if self.state is TrackState.LOST else TrackState.FOUND
        before = self.last.seen
        self.velocity = (sighting.centre - moved_point(before.centre, self.last.path)) / (self.unseen + 1)
        self.last = Memory(replace(sighting, feature=blended(before.feature, sighting.feature, settings.adaptation)))
        if sighting.size_beside(self.portrait.seen) >= settings.whole:
            self.portrait = Memory(sighting)
        if self.unseen > settings.memory:
            # The place was no evidence any more: another one that looks like it must be possible to mend.
            self.agreement, self.settled = min(self.agreement, START), False
        self.unseen = 0

    def miss(self, settings: TrackingSettings) -> None:
        """It is out of sight."""
        self.unseen += 1
        self.state = TrackState.LOST if self.unseen >= settings.lost_after else TrackState.FOUND

    def judge(self, verdict: float, settings: TrackingSettings) -> None:
        """The expression speaks for it (1) or, more or less surely, against it (down to −1)."""
        self.agreement = min(self.agreement + verdict, settings.patience)
        self.settled = self.settled or self.agreement >= settings.patience

    def share_of(self, sighting: Sighting) -> float:
        """How much of the object a sighting shows, as a share of its area."""
        return min(1.0, sighting.size_beside(self.portrait.seen) ** 2)

    @property
    def refuted(self) -> bool:
        """Whether the expression has spoken against it long enough."""
        return self.agreement <= 0


def blended(before: np.ndarray | None, now: np.ndarray | None, share: float) -> np.ndarray | None:
    """Unit features with a share of new ones; the new ones where the old do not fit."""
    if before is None or now is None or before.shape != now.shape:
        return now
    mixed = (1 - share) * before + share * now
    return mixed / max(float(np.linalg.norm(mixed)), 1e-12)
