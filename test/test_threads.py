"""Threads: how many a process may use, and that programs let them sleep before torch starts them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from hybridgl_ros.threads import QUIET, quiet_waiting, usable_cpus, use_threads

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, 8),
        ({"proc/self/cgroup": "0::/a/b", "sys/fs/cgroup/a/b/cpu.max": "250000 100000"}, 2),
        ({"proc/self/cgroup": "0::/a/b", "sys/fs/cgroup/a/cpu.max": "50000 100000"}, 1),
        ({"proc/self/cgroup": "0::/a/b", "sys/fs/cgroup/a/b/cpu.max": "max 100000"}, 8),
        ({"proc/self/cgroup": "0::/a/b", "sys/fs/cgroup/cpu.max": "300000 100000"}, 3),
        ({"proc/self/cgroup": "0::/a/b", "sys/fs/cgroup/cpu.max": "1600000 100000"}, 8),
        ({"proc/self/cgroup": "0::/../b", "sys/fs/cgroup/cpu.max": "nonsense"}, 8),
        (
            {
                "proc/self/cgroup": "3:cpu,cpuacct:/docker/x\n2:memory:/docker/x",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": 400000,
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": 100000,
            },
            4,
        ),
        (
            {
                "proc/self/cgroup": "3:cpuacct,cpu:/docker/x",
                "sys/fs/cgroup/cpu/docker/x/cpu.cfs_quota_us": 100000,
                "sys/fs/cgroup/cpu/docker/x/cpu.cfs_period_us": 50000,
            },
            2,
        ),
        (
            {
                "proc/self/cgroup": "1:cpu:/",
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": -1,
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": 100000,
            },
            8,
        ),
    ],
)
def test_a_process_may_use_what_affinity_and_control_groups_leave(tmp_path, files, expected):
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"{content}\n")
    assert usable_cpus(tmp_path, affinity=8) == expected


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity on this system")
def test_the_real_affinity_counts():
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert usable_cpus() == 1
    finally:
        os.sched_setaffinity(0, allowed)


def test_torch_takes_the_number_and_never_more_than_there_is():
    before = torch.get_num_threads()
    try:
        use_threads(3)
        assert torch.get_num_threads() == 3
        torch.set_num_threads(1000)
        use_threads(0)
        assert torch.get_num_threads() == usable_cpus()
        torch.set_num_threads(1)
        use_threads(0)
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


def test_what_the_user_set_is_left_alone():
    empty: dict[str, str] = {}
    quiet_waiting(empty)
    assert empty == QUIET
    for own in ({"OMP_WAIT_POLICY": "active"}, {"GOMP_SPINCOUNT": "100"}):
        environment = dict(own)
        quiet_waiting(environment)
        assert environment == own


def test_importing_the_library_changes_no_environment():
    code = (
        "import os; before = dict(os.environ); import hybridgl_ros, hybridgl_ros.cli, hybridgl_ros.segmenter;"
        " assert not any(name in os.environ and name not in before for name in ('OMP_WAIT_POLICY', 'GOMP_SPINCOUNT'))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=plain_environment(), check=False).returncode == 0


def test_the_command_waits_quietly():
    """OpenMP itself tells, when torch starts it after the command, what it was told."""
    program = """
import sys
from hybridgl_ros import cli
sys.argv = ["hybridgl", "models"]
try:
    cli.main()
except SystemExit:
    import torch
"""
    run = subprocess.run(
        [sys.executable, "-c", program],
        env={
            **plain_environment(),
            "OMP_DISPLAY_ENV": "verbose",
            "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path]),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert "OMP_WAIT_POLICY = 'PASSIVE'" in run.stderr


def plain_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in QUIET}
