"""What the launch files would start and what they refuse: under `launch` where there is one, else under a fake."""

from __future__ import annotations

import importlib.util
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import fake_launch
import pytest
from typer.testing import CliRunner
from wrong_arguments import WRONG

from hybridgl_ros.errors import ConfigError
from hybridgl_ros.ros.bags import evaluate_bag
from hybridgl_ros.ros.common import launching
from hybridgl_ros.ros.segment.cameras import Camera, cameras_of
from hybridgl_ros.settings import Description

REPOSITORY = Path(__file__).resolve().parents[3]
FOLDER = REPOSITORY / "launch"
REAL = importlib.util.find_spec("launch_ros") is not None


class RecordedNode:
    """In place of launch_ros's Node: keeps what it was made with."""

    made: ClassVar[list[RecordedNode]] = []

    def __init__(self, **options: Any) -> None:
        self.options = options

    def visit(self, context: Any) -> None:
        self.context = context
        self.made.append(self)

    @property
    def parameters(self) -> dict[str, Any]:
        given = [entry for entry in self.options["parameters"] if not isinstance(entry, str)]
        return {
            name: value.evaluate(self.context) if hasattr(value, "evaluate") else value
            for entry in given
            for name, value in entry.items()
        }

    def option(self, name: str) -> str | None:
        arguments = self.options["arguments"]
        return arguments[arguments.index(name) + 1] if name in arguments else None


def visit(entity: Any, context: Any) -> None:
    for part in entity.visit(context) or ():
        visit(part, context)


@pytest.fixture
def launch(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[RecordedNode]]:
    """launch(FILE, "name:=value", ...) → the nodes that would be started; included_by: another launch file's name."""
    if not REAL:
        fake_launch.install(monkeypatch)

    def run(file: str, *words: str, included_by: str = "", namespace: str = "") -> list[RecordedNode]:
        import launch_ros.actions
        from launch.launch_description_sources import PythonLaunchDescriptionSource

        from launch import LaunchContext

        monkeypatch.setattr(launch_ros.actions, "Node", RecordedNode)
        monkeypatch.setattr(RecordedNode, "made", [])
        monkeypatch.setattr(sys, "argv", ["ros2", "launch", "a_package", included_by or file, *words])
        context = LaunchContext(argv=list(words))
        context.launch_configurations.update(word.split(":=", 1) for word in words)
        if namespace:
            context.launch_configurations["ros_namespace"] = namespace
        visit(PythonLaunchDescriptionSource(str(FOLDER / file)).get_launch_description(context), context)
        return RecordedNode.made

    return run


def test_nothing_is_passed_on_that_was_not_given(launch) -> None:
    (node,) = launch("segment.launch.py")
    options = node.options
    assert (options["package"], options["executable"], options["name"]) == ("hybridgl_ros", *["segment_node"] * 2)
    assert (REPOSITORY / "scripts" / options["executable"]).is_file()
    assert (options["parameters"], options["remappings"], options["namespace"]) == ([], [], "")


def sample(description: Description) -> tuple[str, Any]:
    """A value that fits, as text and in its type."""
    if description.choices:
        return description.choices[-1], description.choices[-1]
    if description.type is str:
        return "photo", "photo"
    value = description.type(description.low if description.low is not None else 1)
    return str(value), value


@pytest.mark.parametrize("argument", launching.PARAMETERS)
def test_each_argument_becomes_its_parameter(launch, argument: str) -> None:
    text, value = sample(launching.parameter_descriptions()[argument])
    (node,) = launch("segment.launch.py", f"{argument}:={text}")
    assert node.parameters == {launching.PARAMETERS[argument]: value}


def test_depth_and_calibration_are_remapped(launch) -> None:
    (node,) = launch("segment.launch.py", "depth:=/cam/depth", "camera_info:=/cam/info")
    assert node.options["remappings"] == [("depth", "/cam/depth"), ("camera_info", "/cam/info")]


def test_the_other_arguments(launch, tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    file.write_text("/**: {ros__parameters: {fusion.alpha: 0.5, use_sim_time: true}}\n")
    words = ("image:=/cam/image", "expression:=", "namespace:=arm", "log_level:=DEBUG", f"params_file:={file}")
    (node,) = launch("segment.launch.py", *words)
    assert node.options["remappings"] == [("image", "/cam/image")]
    assert node.options["namespace"] == "arm"
    assert node.options["ros_arguments"] == ["--log-level", "DEBUG"]
    # The file's own use_sim_time stands.
    assert node.options["parameters"] == [str(file)]
    (node,) = launch("segment.launch.py", f"params_file:={file}", "use_sim_time:=false")
    assert node.options["parameters"][0] == str(file)
    assert node.parameters == {"use_sim_time": False}


@pytest.mark.parametrize(("word", "reason"), WRONG)
def test_a_wrong_value_names_its_argument_and_starts_nothing(launch, word: str, reason: str) -> None:
    with pytest.raises(ConfigError) as refused:
        launch("segment.launch.py", word)
    assert reason in str(refused.value)
    with pytest.raises(ConfigError):
        launch("segment.launch.py", word, included_by="robot.launch.py")
    assert RecordedNode.made == []


@pytest.mark.parametrize("content", ["alpha: [", "just words", ""])
def test_a_params_file_without_parameters_is_refused(launch, tmp_path: Path, content: str) -> None:
    file = tmp_path / "params.yaml"
    file.write_text(content)
    with pytest.raises(ConfigError, match=r"params_file: .*params\.yaml: ") as refused:
        launch("segment.launch.py", f"params_file:={file}")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("file", ["segment.launch.py", "evaluate.launch.py"])
@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("alhpa:=0.5", "unknown launch argument 'alhpa'; did you mean 'alpha'?"),
        ("imge:=/cam", "unknown launch argument 'imge'; did you mean 'image'?"),
        ("xyz:=1", "unknown launch argument 'xyz'; --show-args lists those there are"),
    ],
)
def test_a_misspelt_argument_is_refused(launch, tmp_path: Path, file: str, word: str, reason: str) -> None:
    with pytest.raises(ConfigError) as refused:
        launch(file, word, f"bag:={tmp_path}") if file.startswith("evaluate") else launch(file, word)
    assert str(refused.value) == reason


def test_included_by_another_file_a_likely_misspelling_is_a_warning(launch, caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("segment.launch.py").propagate = True
    with caplog.at_level(logging.WARNING):
        (node,) = launch("segment.launch.py", "alhpa:=0.5", "robot:=r2", included_by="robot.launch.py")
    warnings = launching.lookalikes(["alhpa", "robot", "alpha"], launching.PARAMETERS)
    assert warnings == ["launch argument 'alhpa' is none of segment.launch.py; did you mean 'alpha'?"]
    assert node.options["parameters"] == []
    if not REAL:
        assert [record.getMessage() for record in caplog.records] == warnings


def test_several_cameras_are_one_process(launch) -> None:
    words = (
        "cameras:=front, wrist",
        "image:=/one/rgb,/two/rgb",
        "depth:=depth/registered",
        "alpha:=0.5",
        "namespace:=arm",
    )
    (node,) = launch("segment.launch.py", *words)
    assert (node.options["executable"], node.options["namespace"], node.options["remappings"]) == (
        "segment_node",
        "arm",
        [],
    )
    # Parameters of a named node would be those of /arm/segment_node, which is none of them.
    assert node.options["name"] is None
    assert node.parameters == {"fusion.alpha": 0.5}
    cameras, others = cameras_of(node.options["arguments"])
    assert others == []
    assert cameras == [
        Camera("front", ("image:=/one/rgb", "depth:=depth/registered")),
        Camera("wrist", ("image:=/two/rgb", "depth:=depth/registered")),
    ]


def test_a_topic_is_given_once_or_for_each_camera(launch) -> None:
    with pytest.raises(ConfigError, match="depth: 3 topics for 2 cameras"):
        launch("segment.launch.py", "cameras:=front,wrist", "depth:=/a,/b,/c")
    (node,) = launch("segment.launch.py", "cameras:=front,wrist", "image:=image,/two/rgb", "expression:=/expression")
    cameras, _ = cameras_of(node.options["arguments"])
    assert [camera.rules for camera in cameras] == [
        ("expression:=/expression",),
        ("image:=/two/rgb", "expression:=/expression"),
    ]


def test_rviz_is_started_where_each_camera_is(launch, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="rviz2 is not installed"):
        launch("segment.launch.py", "rviz:=true")
    assert RecordedNode.made == []
    monkeypatch.setattr(launching, "check_rviz", lambda: None)
    words = ("rviz:=true", "namespace:=arm", "image:=/rgb", "rviz_frame:=optical")
    node, window = launch("segment.launch.py", *words)
    assert (window.options["namespace"], window.options["remappings"]) == ("arm", node.options["remappings"])
    assert window.options["arguments"] == ["-d", str(REPOSITORY / "rviz" / "hybridgl.rviz"), "-f", "optical"]
    assert Path(window.options["arguments"][1]).is_file()
    _, *windows = launch("segment.launch.py", "cameras:=front,/wrist", "image:=/one,/two", *words[:2])
    assert [window.options["namespace"] for window in windows] == ["arm/front", "/wrist"]
    assert [window.options["remappings"] for window in windows] == [[("image", "/one")], [("image", "/two")]]


def exited(node: RecordedNode, code: int, shutting_down: bool = False) -> Any:
    """What launch is told to do when a node has ended."""
    context = SimpleNamespace(is_shutdown=shutting_down)
    return node.options["on_exit"](SimpleNamespace(process_name="the_node-1", returncode=code), context)


def test_launch_fails_when_its_only_node_died(launch) -> None:
    (node,) = launch("segment.launch.py")
    with pytest.raises(RuntimeError, match="the_node-1 died with exit code 1"):
        exited(node, 1)
    with pytest.raises(RuntimeError, match="exit code -11"):
        exited(node, -11)
    (ending,) = exited(node, 0)
    assert type(ending).__name__ == "Shutdown"
    assert exited(node, 1, shutting_down=True) is None


def test_a_node_that_is_respawned_does_not_end_the_launch(launch) -> None:
    (node,) = launch("segment.launch.py", "respawn:=true")
    assert node.options["respawn"] is True and node.options["on_exit"] is None
    (node,) = launch("segment.launch.py")
    assert node.options["respawn"] is False and node.options["on_exit"] is not None


@pytest.mark.parametrize(("word", "required"), [("", False), ("required:=true", True), ("required:=false", False)])
def test_a_larger_launch_goes_on_without_the_node_unless_it_is_required(launch, word: str, required: bool) -> None:
    (node,) = launch("segment.launch.py", *([word] if word else []), included_by="robot.launch.py")
    assert (node.options["on_exit"] is not None) is required


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    return tmp_path / "bag"


def test_evaluating_starts_node_and_player_on_the_bags_time(launch, bag: Path) -> None:
    bag.mkdir()
    node, player = launch("evaluate.launch.py", f"bag:={bag}", "image:=/cam")
    assert node.parameters == {"mode": "continuous", "use_sim_time": True}
    assert player.options["executable"] == "evaluate_bag"
    assert (REPOSITORY / "scripts" / "evaluate_bag").is_file()
    assert player.options["arguments"] == [str(bag), "--online", "--node", "/segment_node"]
    assert player.options["remappings"] == node.options["remappings"] == [("image", "/cam")]


@pytest.mark.parametrize("included_by", ["", "robot.launch.py"])
def test_evaluating_ends_with_the_node_and_with_the_player(launch, bag: Path, included_by: str) -> None:
    """Not after the player has waited in vain for a node that died."""
    bag.mkdir()
    for process in launch("evaluate.launch.py", f"bag:={bag}", included_by=included_by):
        with pytest.raises(RuntimeError, match="exit code 1"):
            exited(process, 1)
        assert type(exited(process, 0)[0]).__name__ == "Shutdown"


@pytest.mark.parametrize(
    ("outer", "own", "name"),
    [
        ("", "", "/segment_node"),
        ("", "arm", "/arm/segment_node"),
        ("/robot", "", "/robot/segment_node"),
        ("/robot", "arm", "/robot/arm/segment_node"),
        ("/robot", "/arm", "/arm/segment_node"),
    ],
)
def test_the_player_looks_for_the_node_where_it_is(launch, bag: Path, outer: str, own: str, name: str) -> None:
    bag.mkdir()
    node, player = launch("evaluate.launch.py", f"bag:={bag}", *([f"namespace:={own}"] if own else []), namespace=outer)
    assert player.option("--node") == name
    # Both get the group's namespace from launch.
    assert node.options["namespace"] == player.options["namespace"] == own


def test_a_bag_is_that_of_one_camera(launch, bag: Path) -> None:
    bag.mkdir()
    with pytest.raises(ConfigError, match="unknown launch argument 'cameras'"):
        launch("evaluate.launch.py", f"bag:={bag}", "cameras:=front,wrist")


def test_a_bag_that_is_not_there_starts_nothing(launch, bag: Path) -> None:
    with pytest.raises(ConfigError, match="bag: no such file or folder: .*bag"):
        launch("evaluate.launch.py", f"bag:={bag}")
    assert RecordedNode.made == []
    with pytest.raises(RuntimeError, match="bag"):
        launch("evaluate.launch.py")


def test_every_option_of_the_player_is_one_of_the_command(launch, bag: Path) -> None:
    bag.mkdir()
    options = (
        "out:=a",
        "rate:=inf",
        "limit:=3",
        "timeout:=5",
        "compare:=b",
        "offline:=true",
        "topics:=image=/a truth=/b",
    )
    _, player = launch("evaluate.launch.py", f"bag:={bag}", *options)
    assert (player.option("--rate"), player.option("--compare")) == ("inf", "b")
    outcome = CliRunner().invoke(evaluate_bag.app, player.options["arguments"])
    # Taken as they are; what is wrong is the empty folder.
    assert "lacks its metadata.yaml" in str(outcome.exception)
