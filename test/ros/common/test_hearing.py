"""A process that nobody can write to any more finds that out, and starts anew."""

from __future__ import annotations

import re
import signal
import threading
from pathlib import Path

import pytest

from hybridgl_ros.ros.common import hearing
from hybridgl_ros.ros.common.hearing import HearingWatch, lost_ports

LIBRARY = "7f00-7f01 r--p 0 fe:00 1 /usr/lib/libc.so.6\n"
MINE = "7f02-7f03 rw-s 0 00:1b 2 /dev/shm/fastrtps_port7411"
OTHER = "7f04-7f05 rw-s 0 00:1b 3 /dev/shm/fastrtps_port7413"
DELETED = " (deleted)\n"


def process(folder: Path, maps: str, *opened: str) -> Path:
    """A folder as /proc has it."""
    (folder / "fd").mkdir()
    for number, target in enumerate(opened):
        (folder / "fd" / str(number)).symlink_to(target)
    (folder / "maps").write_text(LIBRARY + maps)
    return folder


@pytest.mark.parametrize(
    ("maps", "lost"),
    [
        (MINE + "\n", set()),
        (MINE + DELETED, {"fastrtps_port7411"}),
        # A new one in its place, as Fast DDS does where it mends a port.
        (MINE + DELETED + MINE + "\n", set()),
        # A neighbour that has ended.
        (MINE + "\n" + OTHER + DELETED, set()),
    ],
)
def test_a_port_that_is_listened_to_and_deleted(tmp_path: Path, maps: str, lost: set[str]) -> None:
    opened = ("/dev/null", "socket:[1]", "/dev/shm/fastrtps_port7411_el", "/dev/shm/fastrtps_0123456789abcdef")
    assert lost_ports(process(tmp_path, maps, *opened)) == lost


def test_no_such_system_hears(tmp_path: Path) -> None:
    assert lost_ports(tmp_path) == set()


def test_what_passes_is_no_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hearing, "PERIOD", 0.001)
    looks = iter([{"a"}, {"a"}, set(), {"a"}, {"a"}, {"a"}])
    called = threading.Event()
    with HearingWatch(called.set, lambda: next(looks)) as watch:
        assert called.wait(60)
    assert watch.lost and not list(looks)


def test_a_node_that_nothing_reaches_starts_anew(start) -> None:
    node = start()
    node.wait_for_models()
    assert node.client.refer("the red block", node.frame()).success
    opened = [entry.readlink() for entry in Path(f"/proc/{node.process.pid}/fd").iterdir()]
    ports = [Path(re.sub("_el$", "", str(link))) for link in opened if re.search(r"_port\d+_el$", str(link))]
    assert ports
    for port in ports:
        port.unlink()
    loaded = node.gate.with_suffix(".loaded")
    node.client.wait_for(lambda: loaded.read_text().count("models") == 2 or None, "a new start")
    assert "no message reaches it" in node.log
    node.wait_for_models()
    node.meet()
    node.assert_still_good()
    node.process.send_signal(signal.SIGINT)
    assert node.process.wait(60) == 0
