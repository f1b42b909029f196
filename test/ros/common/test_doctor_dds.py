"""The doctor, which knows no ROS, looks at the same variables and files as the ROS layer."""

from hybridgl_ros.doctor import hardware, surroundings
from hybridgl_ros.ros.common import dds


def test_the_doctor_knows_what_decides_about_dds() -> None:
    assert hardware.PROFILE_VARIABLES == dds.PROFILE_VARIABLES
    assert set(hardware.DDS_VARIABLES) == {*dds.DDS_VARIABLES, "RMW_IMPLEMENTATION"}
    assert surroundings.DEFAULT_PROFILES == dds.DEFAULT_PROFILES
    assert hardware.FAST_DDS == dds.FAST_DDS
