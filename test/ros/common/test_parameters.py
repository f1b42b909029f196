"""Parameters are the settings: same names, types, ranges, texts and defaults."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from rcl_interfaces.msg import ParameterType
from rcl_interfaces.srv import GetParameters
from rclpy.node import Node
from rclpy.parameter import Parameter

from hybridgl_ros.config import load_config, values_of
from hybridgl_ros.errors import ConfigError
from hybridgl_ros.ros.common.parameters import apply_changes, declare_config, declare_settings
from hybridgl_ros.ros.common.settings import CameraSettings, SegmentSettings, default_settings
from hybridgl_ros.settings import descriptions

TYPES = {
    bool: ParameterType.PARAMETER_BOOL,
    int: ParameterType.PARAMETER_INTEGER,
    float: ParameterType.PARAMETER_DOUBLE,
    str: ParameterType.PARAMETER_STRING,
    list[str]: ParameterType.PARAMETER_STRING_ARRAY,
    list[float]: ParameterType.PARAMETER_DOUBLE_ARRAY,
}


@pytest.fixture
def make_node(ros: None) -> Iterator[Callable[..., Node]]:
    nodes: list[Node] = []

    def make(**overrides) -> Node:
        parameters = [Parameter(name.replace("__", "."), value=value) for name, value in overrides.items()]
        nodes.append(Node("parameter_test", parameter_overrides=parameters))
        return nodes[-1]

    yield make
    for node in nodes:
        node.destroy_node()


def declare_all(node: Node):
    settings = declare_settings(node, default_settings(SegmentSettings, "segment_node"))
    return settings, declare_config(node, settings)


def test_every_setting_is_a_described_parameter_with_the_configurations_value(make_node) -> None:
    node = make_node()
    _, config = declare_all(node)
    assert config == load_config("embedded")
    for name, known in descriptions().items():
        descriptor = node.describe_parameter(name)
        assert descriptor.type == TYPES[known.type], name
        assert descriptor.description == known.text
        assert descriptor.read_only == (known.stage == "models")
        for choice in known.choices:
            assert choice in descriptor.additional_constraints
        if known.low is not None:
            (bounds,) = [*descriptor.integer_range, *descriptor.floating_point_range]
            assert (bounds.from_value, bounds.to_value) == (known.low, known.high)
        value = node.get_parameter(name).value
        wanted = values_of(config)[name]
        assert (list(value) if isinstance(wanted, list) else value) == wanted


def test_overrides_reach_the_configuration(make_node) -> None:
    node = make_node(fusion__alpha=0.25, preset="official", relations__without_other=["left"])
    _, config = declare_all(node)
    assert config.fusion.alpha == 0.25
    assert config.relations.without_other == ["left"]
    assert config.text.rules == "official"


def test_a_whole_number_is_a_float_and_an_empty_list_is_any_kind_of_list(make_node) -> None:
    node = make_node()
    if not hasattr(node, "add_pre_set_parameters_callback"):
        pytest.skip("this rclpy has no callback before parameters are set")
    declare_all(node)
    kinds = Parameter.Type
    lists = [name for name, known in descriptions().items() if known.type == list[str] and known.live]
    given = [Parameter(name, kinds.BOOL_ARRAY, []) for name in lists]
    given += [Parameter("fusion.alpha", value=1), Parameter("scene_cache", value=2)]
    results = node.set_parameters(given)
    assert [result.reason for result in results if not result.successful] == []
    assert node.get_parameter("fusion.alpha").value == 1.0
    assert node.describe_parameter("fusion.alpha").type == TYPES[float]
    assert lists and all(node.describe_parameter(name).type == TYPES[list[str]] for name in lists)
    assert all(list(node.get_parameter(name).value) == [] for name in lists)
    for wrong in (
        Parameter("scene_cache", value=1.5),
        Parameter("fusion.alpha", value=2),
        Parameter(lists[0], value=[True]),
    ):
        assert not node.set_parameters([wrong])[0].successful
    assert node.get_parameter("scene_cache").value == 2


def test_an_empty_list_stays_a_list_of_strings(make_node, tmp_path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text("preset: paper\nmodels: {sam: sam_tabletop, clip: clip_tabletop, spacy: auto, device: cpu, "
                    "dtype: float32}\nguidance: {positions: []}\n", encoding="utf-8")  # fmt: skip
    node = make_node(config=str(path))
    _, config = declare_all(node)
    assert config.guidance.positions == []
    assert node.describe_parameter("guidance.positions").type == ParameterType.PARAMETER_STRING_ARRAY


@pytest.mark.parametrize(
    ("overrides", "error"),
    [
        ({"config": "nowhere"}, ConfigError),
        ({"preset": "nowhere"}, ConfigError),
        ({"models__sam": "sam_tabeltop"}, ConfigError),
        ({"mode": "sometimes"}, ConfigError),
        ({"features__mode": "X"}, ConfigError),
        ({"fusion__alpha": 2.0}, ConfigError),
        ({"fusion__alpha": "much"}, ConfigError),
    ],
)
def test_bad_overrides_are_refused_at_the_start(make_node, overrides: dict, error: type[Exception]) -> None:
    with pytest.raises(error):
        declare_all(make_node(**overrides))


def test_changes_are_checked_together_and_others_names_passed_over() -> None:
    settings, config = default_settings(SegmentSettings, "segment_node"), load_config("embedded")
    settings, config = apply_changes(settings, config, {"mode": "continuous", "fusion.alpha": 1, "use_sim_time": True})
    assert settings.mode == "continuous"
    assert config.fusion.alpha == 1.0
    with pytest.raises(ConfigError, match=r"blur_kernel must be odd"):
        apply_changes(settings, config, {"features.blur_kernel": 16})
    with pytest.raises(ConfigError, match="one of once, continuous"):
        apply_changes(settings, config, {"mode": "twice"})


def test_camera_defaults_match_their_description() -> None:
    assert default_settings(CameraSettings, "sim_camera").rate > 0


def test_a_running_node_takes_live_settings_and_refuses_the_others(shared_node) -> None:
    def change(name: str, value: object) -> str:
        return shared_node.client.set_parameter(shared_node.topic("segment_node"), name, value)

    assert change("fusion.alpha", 0.25) == ""
    assert change("fusion.alpha", 0.6) == ""
    assert "read-only" in change("models.sam", "sam_vit_h")
    assert "read-only" in change("preset", "official")
    assert "out of range" in change("fusion.alpha", 1.5)
    assert "must be odd" in change("features.blur_kernel", 16)
    assert "not one of" in change("mode", "twice")
    assert "Wrong parameter type" in change("fusion.alpha", "much")
    shared_node.assert_still_good()


def test_a_changed_setting_counts_from_the_next_expression_on(shared_node) -> None:
    def score() -> float:
        (found,) = shared_node.client.refer("the red block", shared_node.frame()).objects
        return found.score

    assert score() == pytest.approx(0.6)
    assert shared_node.client.set_parameter(shared_node.topic("segment_node"), "fusion.alpha", 0.125) == ""
    assert score() == pytest.approx(0.125)
    assert shared_node.client.set_parameter(shared_node.topic("segment_node"), "fusion.alpha", 0.6) == ""


def test_whole_numbers_may_stand_for_floats(make_node) -> None:
    _, config = declare_all(make_node(fusion__alpha=1))
    assert config.fusion.alpha == 1.0


def test_a_file_with_an_empty_list_and_a_slip_of_the_pen(start, tmp_path) -> None:
    path = tmp_path / "parameters.yaml"
    path.write_text(
        "/**:\n  ros__parameters:\n    fusion: {alhpa: 0.25, beta: 1.0}\n    guidance: {positions: []}\n"
        "    qos_overrides: {/elsewhere: {subscription: {depth: 3}}}\n",
        encoding="utf-8",
    )
    node = start("--params-file", str(path))
    node.wait_for_models()
    assert "no parameter 'fusion.alhpa'; did you mean 'fusion.alpha'?" in node.log
    assert "no parameter 'qos_overrides./elsewhere.subscription.depth'" in node.log
    assert "guidance.positions" not in node.log
    client = node.client.node.create_client(GetParameters, node.topic("segment_node/get_parameters"))
    names = ["guidance.positions", "fusion.alpha"]
    positions, alpha = node.client.call(client, GetParameters.Request(names=names)).values
    assert list(positions.string_array_value) == []
    assert alpha.double_value == 0.6
    node.client.node.destroy_client(client)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["-p", "config:=nowhere"], "no configuration 'nowhere'"),
        (["-p", "config:=3"], "config: wants str, got 3"),
        (["-p", "fusion.alpha:=7.0"], "fusion.alpha: 7.0 is outside"),
        (["-p", "fusion.alpha:=abc"], "fusion.alpha: wants float, got 'abc'"),
        (["-r", "image:=/bad", "-p", "qos_overrides./bad.subscription.reliability:=good"], "one of"),
        (["-p", "models.device:=quantum"], "there is cpu"),
        (["--log-level", "loud"], "--log-level loud"),
        (["--params-file", "/nope.yaml"], "/nope.yaml"),
        (["--no-such-argument"], "--no-such-argument"),
    ],
)
def test_a_bad_start_ends_with_one_line(start, arguments: list[str], reason: str) -> None:
    node = start(*arguments, marks=("load",))
    assert node.process.wait(timeout=60) == 1
    assert reason in node.log
    assert "Traceback" not in node.log
    assert len([line for line in node.log.splitlines() if "[rcl]" not in line]) == 1
