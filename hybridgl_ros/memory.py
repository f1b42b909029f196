"""What fits into memory: how much is left, and work in pieces that leave room."""

from __future__ import annotations

import ctypes
import gc
import math
import mmap
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hybridgl_ros.cgroups import group_folders, read_number
from hybridgl_ros.errors import ImageError, OutOfMemoryError

if TYPE_CHECKING:
    import torch

# glibc's mallopt: what it keeps for the next picture instead of giving it back, and how many heaps it has. In one, what
# a thread lets go is taken by the next; with two, a node under load grew for as long as it was watched.
KEEPING = {"M_MMAP_THRESHOLD": (-3, 32 * 2**20), "M_TRIM_THRESHOLD": (-1, 128 * 2**20), "M_ARENA_MAX": (-8, 1)}
# Whoever has set one of these has thought about it.
MALLOC_VARIABLES = (
    "GLIBC_TUNABLES",
    "MALLOC_ARENA_MAX",
    "MALLOC_MMAP_THRESHOLD_",
    "MALLOC_TRIM_THRESHOLD_",
    "LD_PRELOAD",
)
# Smaller pieces are not faster, larger ones take memory for nothing.
PIECE = 128 * 2**20
PAGE = mmap.PAGESIZE
OUT_OF_MEMORY = ("can't allocate memory", "out of memory")
# A version 1 group without a limit has the largest number of pages.
NO_LIMIT = 2**60


def pieces(count: int, bytes_each: int, most: int = PIECE) -> Iterator[slice]:
    """Slices of `count` things that together take at most `most` bytes, but hold one at least; about equally long."""
    step = max(1, most // max(1, bytes_each))
    step = math.ceil(count / max(1, math.ceil(count / step)))
    return (slice(first, min(first + step, count)) for first in range(0, count, step or 1))


def available_memory(root: Path = Path("/")) -> int | None:
    """Bytes this process can still take: what the system has available and what its control groups leave.

    root: where /proc and /sys are. None when nobody says.
    """
    limits = [free for free in (system_memory(root), *group_memory(root)) if free is not None]
    return max(0, min(limits)) if limits else None


def system_memory(root: Path) -> int | None:
    """MemAvailable and free swap of /proc/meminfo in bytes."""
    try:
        lines = (root / "proc/meminfo").read_text(encoding="utf-8").splitlines()
        values = {name: int(value.split()[0]) * 1024 for name, _, value in (line.partition(":") for line in lines)}
        return values["MemAvailable"] + values.get("SwapFree", 0)
    except (OSError, ValueError, IndexError, KeyError):
        return None


def group_memory(root: Path) -> Iterator[int]:
    """What each control group with a limit has left; the kernel gives file cache back when it is wanted."""
    for folder in group_folders("memory", root):
        for limit_file, usage_file in (
            ("memory.max", "memory.current"),
            ("memory.limit_in_bytes", "memory.usage_in_bytes"),
        ):
            limit, usage = read_number(folder / limit_file), read_number(folder / usage_file)
            if limit is not None and usage is not None and limit < NO_LIMIT:
                yield limit - usage + file_cache(folder)


def file_cache(folder: Path) -> int:
    """Bytes of files that a control group holds in memory."""
    try:
        lines = (folder / "memory.stat").read_text(encoding="utf-8").splitlines()
        values = dict(line.split(" ", 1) for line in lines)
        return sum(int(values.get(f"total_{name}", values.get(name, 0))) for name in ("active_file", "inactive_file"))
    except (OSError, ValueError):
        return 0


def room_on(device: torch.device) -> int | None:
    """Bytes left on a torch device, None when nobody says."""
    if device.type != "cuda":
        return available_memory()
    import torch

    kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return torch.cuda.mem_get_info(device)[0] + kept


def check_room(needed: int, size: tuple[int, int], step: str, available: int | None = None) -> None:
    """Raise ImageError when a step on an H×W picture needs more bytes than there are (None: those of the system)."""
    available = available_memory() if available is None else available
    if available is not None and needed > available:
        height, width = size
        raise ImageError(
            f"{step} of a {width}×{height} picture needs about {gigabytes(needed)} of memory,"
            f" {gigabytes(available)} are left: scale the picture down"
        )


def gigabytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB"


@contextmanager
def refusing_what_does_not_fit(size: tuple[int, int]) -> Iterator[None]:
    """Turn an allocation that failed on an H×W picture into OutOfMemoryError, which is an ImageError."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not ran_out(error):
            raise
        height, width = size
        raise OutOfMemoryError(f"there is not enough memory for a {width}×{height} picture: scale it down") from error


def ran_out(error: BaseException) -> bool:
    """Whether an exception says that an allocation failed, in main memory or on a GPU."""
    if isinstance(error, (MemoryError, OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in OUT_OF_MEMORY)


@contextmanager
def made_to_last() -> Iterator[None]:
    """For imports and models: nothing of what is made inside is looked through for rubbish, then or later.

    That would take a fifth of the time of loading, and as long again when the process ends.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        if collecting:
            gc.enable()


def keep_buffers(environment: Mapping[str, str] = os.environ) -> None:
    """Let the C library keep what a picture took for the next one, unless the user has set how it works.

    Fresh memory for every picture takes longer than all that is done with it. For programs of this package only, before
    they start threads; `give_back` returns what is kept.
    """
    if any(environment.get(name) for name in MALLOC_VARIABLES):
        return
    with suppress(OSError, AttributeError):  # only glibc has it
        library = ctypes.CDLL(None)
        for option, value in KEEPING.values():
            library.mallopt(option, value)


def give_back(everything: bool = False) -> None:
    """Return what is no longer used to the system: Python's, the C library's where it can, and the GPU's.

    everything: of what was made to last, too.
    """
    if everything:
        gc.unfreeze()
    gc.collect()
    cuda = used_cuda()
    if cuda is not None:
        cuda.empty_cache()
    with suppress(OSError, AttributeError):  # only glibc has it
        ctypes.CDLL(None).malloc_trim(0)


def resident_memory(root: Path = Path("/"), process: int | None = None) -> int | None:
    """Bytes of this or another process (its number) that lie in memory, as /proc says; None where that is not there."""
    try:
        return int((root / "proc" / str(process or "self") / "statm").read_text(encoding="utf-8").split()[1]) * PAGE
    except (OSError, ValueError, IndexError):
        return None


def gpu_memory() -> int | None:
    """Bytes that torch has taken of the GPUs; None while it uses none. Never imports torch."""
    cuda = used_cuda()
    return None if cuda is None else sum(cuda.memory_reserved(index) for index in range(cuda.device_count()))


def used_cuda() -> Any:
    """torch.cuda, once something of this process uses it; None before, and while another thread imports torch."""
    cuda = getattr(sys.modules.get("torch"), "cuda", None)
    begun = getattr(cuda, "is_initialized", None)
    return cuda if begun is not None and begun() else None
