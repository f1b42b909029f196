"""What is left of the memory, as the system and its control groups say, and what does not fit."""

from __future__ import annotations

import gc
import re
import sys
import weakref
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hybridgl_ros import memory
from hybridgl_ros.errors import ImageError, OutOfMemoryError

GB = 10**9


@pytest.fixture
def system(tmp_path):
    """system({path: content}) makes files of /proc and /sys and returns their root."""

    def make(files: dict[str, object]) -> Path:
        for name, content in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(f"{content}\n")
        return tmp_path

    return make


MEMINFO = {"proc/meminfo": "MemTotal: 16000000 kB\nMemAvailable:    8000000 kB\nSwapFree: 0 kB"}
V2 = {**MEMINFO, "proc/self/cgroup": "0::/user.slice/app.service"}
V1 = {**MEMINFO, "proc/self/cgroup": "4:memory:/docker/abc\n1:cpu,cpuacct:/docker/abc"}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, None),
        (MEMINFO, 8192 * 10**6),
        ({**V2, "sys/fs/cgroup/user.slice/app.service/memory.max": "max"}, 8192 * 10**6),
        (
            {
                **V2,
                "sys/fs/cgroup/user.slice/app.service/memory.max": 2 * GB,
                "sys/fs/cgroup/user.slice/app.service/memory.current": GB,
                "sys/fs/cgroup/user.slice/app.service/memory.stat": f"anon 5\ninactive_file {GB // 2}",
            },
            3 * GB // 2,
        ),
        # A parent's limit counts, and a container sees its own group at the mount point.
        ({**V2, "sys/fs/cgroup/user.slice/memory.max": GB, "sys/fs/cgroup/user.slice/memory.current": 0}, GB),
        ({**V2, "sys/fs/cgroup/memory.max": GB, "sys/fs/cgroup/memory.current": 2 * GB}, 0),
        (
            {
                **V1,
                "sys/fs/cgroup/memory/memory.limit_in_bytes": 3 * GB,
                "sys/fs/cgroup/memory/memory.usage_in_bytes": 2 * GB,
                "sys/fs/cgroup/memory/memory.stat": f"inactive_file 1\ntotal_inactive_file {GB}",
            },
            2 * GB,
        ),
        (
            {
                **V1,
                "sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes": 9223372036854771712,
                "sys/fs/cgroup/memory/docker/abc/memory.usage_in_bytes": GB,
            },
            8192 * 10**6,
        ),
    ],
)
def test_the_tightest_limit_counts(system, files, expected):
    assert memory.available_memory(system(files)) == expected


def test_this_machine_has_some():
    assert (memory.available_memory() or 1) > 0


def test_what_fits_passes_and_what_does_not_says_how_much_is_wanted(monkeypatch):
    memory.check_room(5 * GB, (10, 20), "a step", available=5 * GB)
    words = "a step of a 20×10 picture needs about 5.1 GB of memory, 5.0 GB are left: scale the picture down"
    with pytest.raises(ImageError, match=re.escape(words)):
        memory.check_room(51 * GB // 10, (10, 20), "a step", available=5 * GB)
    monkeypatch.setattr(memory, "available_memory", lambda: None)
    memory.check_room(10**18, (10, 20), "a step")


def test_an_allocation_that_fails_is_a_refusal_and_other_errors_stay():
    with (
        pytest.raises(ImageError, match="not enough memory for a 20×10 picture"),
        memory.refusing_what_does_not_fit((10, 20)),
    ):
        torch.empty(2**60)
    with pytest.raises(ImageError), memory.refusing_what_does_not_fit((10, 20)):
        raise MemoryError
    with pytest.raises(RuntimeError, match="else"), memory.refusing_what_does_not_fit((10, 20)):
        raise RuntimeError("something else")


@given(st.integers(0, 50), st.integers(0, 100), st.integers(1, 300))
def test_pieces_cover_everything_once_and_stay_small(count, each, most):
    parts = list(memory.pieces(count, each, most))
    assert [i for part in parts for i in range(count)[part]] == list(range(count))
    assert all(part.stop - part.start == 1 or (part.stop - part.start) * each <= most for part in parts)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (OutOfMemoryError("scale it down"), True),
        (torch.cuda.OutOfMemoryError("CUDA out of memory."), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"), True),
        (RuntimeError("shapes differ"), False),
        (ImageError("out of memory"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_errors_that_say_that_memory_ran_out(error: Exception, expected: bool) -> None:
    assert memory.ran_out(error) is expected


def test_resident_memory_is_that_of_this_process(system) -> None:
    assert memory.resident_memory(system({"proc/self/statm": "900 250 40 1 0 80 0"})) == 250 * memory.PAGE


def test_resident_memory_of_another_process(system) -> None:
    assert memory.resident_memory(system({"proc/12/statm": "900 250 40 1 0 80 0"}), 12) == 250 * memory.PAGE


def test_resident_memory_is_unknown_without_proc(tmp_path) -> None:
    assert memory.resident_memory(tmp_path) is None


@pytest.mark.parametrize("half", ["torch", "cuda"])
def test_the_gpu_is_not_asked_while_torch_is_imported(monkeypatch: pytest.MonkeyPatch, half: str) -> None:
    partial = ModuleType("torch")
    if half == "cuda":
        partial.cuda = ModuleType("torch.cuda")
    monkeypatch.setitem(sys.modules, "torch", partial)
    assert memory.gpu_memory() is None
    memory.give_back()


def test_the_gpu_s_memory_is_that_of_all_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = {0: 3 * GB, 1: 4 * GB}
    cuda = SimpleNamespace(is_initialized=lambda: True, device_count=lambda: 2, memory_reserved=taken.get)
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
    assert memory.gpu_memory() == 7 * GB


def test_what_is_made_to_last_is_not_looked_through_until_everything_is():
    class Loop:
        def __init__(self) -> None:
            self.own = self

    with memory.made_to_last():
        assert not gc.isenabled()
        lasting = weakref.ref(Loop())
    assert gc.isenabled()
    memory.give_back()
    assert lasting() is not None
    memory.give_back(everything=True)
    assert lasting() is None


def test_the_c_library_keeps_buffers_unless_the_user_has_set_it(monkeypatch):
    calls = []
    library = SimpleNamespace(mallopt=lambda option, value: calls.append((option, value)))
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda name: library)
    memory.keep_buffers({"MALLOC_ARENA_MAX": "4"})
    assert calls == []
    memory.keep_buffers({})
    assert calls == list(memory.KEEPING.values())
