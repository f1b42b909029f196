"""The report as a status, with diagnostic_updater and without."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from std_msgs.msg import Header

from hybridgl_ros.config import load_config, replace
from hybridgl_ros.ros.segment import diagnostics
from hybridgl_ros.ros.segment.diagnostics import Diagnostics, Report, model_values, summary_of
from hybridgl_ros.ros.segment.engine import ModelState

REPORT = Report(DiagnosticStatus.WARN, "the models are loading", {"models": "loading", "frames bad": 3})


class FakeTimer:
    cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class FakeUpdater:
    """Calls its tasks as diagnostic_updater does."""

    def __init__(self, node: object) -> None:
        self.timer = FakeTimer()
        self.tasks: dict[str, Callable] = {}
        self.hardware = ""
        self.published: list[DiagnosticStatus] = []

    def setHardwareID(self, name: str) -> None:
        self.hardware = name

    def add(self, name: str, fill: Callable) -> None:
        self.tasks[name] = fill
        self.addedTaskCallback(name)

    def addedTaskCallback(self, name: str) -> None:
        self.published.append(DiagnosticStatus(name=name, level=DiagnosticStatus.OK, message="Node starting up"))

    def force_update(self) -> None:
        self.published = [
            fill(DiagnosticStatus(name=f"segment_node: {name}", hardware_id=self.hardware))
            for name, fill in self.tasks.items()
        ]


class FakeNode:
    """A node that keeps what it publishes."""

    def __init__(self) -> None:
        self.published: list = []

    def get_name(self) -> str:
        return "segment_node"

    def get_fully_qualified_name(self) -> str:
        return "/robot/segment_node"

    def create_publisher(self, *arguments: object) -> FakeNode:
        assert arguments[1] == "/diagnostics"
        return self

    def publish(self, message: object) -> None:
        self.published.append(message)

    def get_clock(self) -> FakeNode:
        return self

    now = get_clock

    def to_msg(self):
        return Header().stamp


class FakeCamera:
    def __init__(self, silence: str = "", age: float | None = 0.1, lost: int = 0) -> None:
        self.age, self.lost = age, lost
        self.silence = lambda timeout: silence


class FakeDepth:
    def __init__(self, problem: str = "") -> None:
        self.problem = lambda: problem


def plain(status: DiagnosticStatus) -> tuple:
    return (
        status.level,
        status.name,
        status.hardware_id,
        status.message,
        {pair.key: pair.value for pair in status.values},
    )


def test_both_ways_say_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnostics, "Updater", FakeUpdater)
    through = Diagnostics(FakeNode(), lambda: REPORT)
    assert through._updater.published == []
    through.publish()
    monkeypatch.setattr(diagnostics, "Updater", None)
    node = FakeNode()
    Diagnostics(node, lambda: REPORT).publish()
    updater = through._updater
    (own,), (theirs,) = node.published[0].status, updater.published
    assert plain(own) == plain(theirs)
    assert plain(own)[1] == "segment_node: /robot/segment_node"
    assert plain(own)[3:] == ("the models are loading", {"models": "loading", "frames bad": "3"})
    assert updater.timer.cancelled and own.hardware_id


@pytest.mark.parametrize(
    ("lifecycle", "models", "camera", "level", "message"),
    [
        ("unconfigured", ModelState.FAILED, FakeCamera(), DiagnosticStatus.ERROR, "no weights"),
        ("configuring", ModelState.LOADING, FakeCamera(), DiagnosticStatus.WARN, "the models are loading"),
        ("inactive", ModelState.READY, FakeCamera(), DiagnosticStatus.WARN, "the node is inactive"),
        ("active", ModelState.READY, FakeCamera("silence", None), DiagnosticStatus.WARN, "silence"),
        ("active", ModelState.READY, FakeCamera("silence", 9.0), DiagnosticStatus.STALE, "silence"),
        ("active", ModelState.READY, FakeCamera(), DiagnosticStatus.OK, "running"),
        (
            "active",
            ModelState.READY,
            FakeCamera(lost=2),
            DiagnosticStatus.OK,
            "running; 2 images were lost on their way",
        ),
    ],
)
def test_level_and_message(lifecycle: str, models: ModelState, camera, level: bytes, message: str) -> None:
    assert summary_of(lifecycle, models, "no weights", camera, FakeDepth(), 5.0) == (level, message)


def test_depth_that_is_of_no_use_is_told_while_all_else_is_well() -> None:
    depth = FakeDepth("too late")
    _, message = summary_of("active", ModelState.READY, "", FakeCamera(), depth, 5.0)
    assert message == "running; answers are in 2D: too late"
    _, message = summary_of("inactive", ModelState.READY, "", FakeCamera(), depth, 5.0)
    assert "too late" not in message


def test_an_unknown_model_is_told_and_no_error() -> None:
    values = model_values(replace(load_config("embedded"), {"models.sam": "sam_unheard_of"}))
    assert values["model sam"] == "sam_unheard_of"
    assert "sam_unheard_of" in str(values["checksum sam"])
    assert len(str(values["checksum clip"])) == 64
