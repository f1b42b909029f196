"""Downloads against a server on this machine that behaves well, breaks off, or lies."""

from __future__ import annotations

import errno
import hashlib
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from hybridgl_ros.errors import WeightsError
from hybridgl_ros.models import cache, download
from hybridgl_ros.models.registry import Checkpoint

CONTENT = bytes(range(256)) * 4000


class Server(ThreadingHTTPServer):
    """Serves CONTENT. supports_range: answers 206. break_after: bytes of a body after which it hangs up.

    status: answer of the first `failures` requests. requests: the Range headers received.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = CONTENT
        self.supports_range = True
        self.break_after: int | None = None
        self.status = 200
        self.failures = 0
        self.requests: list[str | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/weights/model.pt"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        server, asked = self.server, self.headers["Range"]
        server.requests.append(asked)
        if len(server.requests) <= server.failures:
            self.send_error(server.status)
            return
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and server.supports_range else 0
        if start >= len(server.content):
            self.send_error(416)
            return
        body = server.content[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: server.break_after])

    def log_message(self, *_) -> None:
        """Keep the test output quiet."""


@pytest.fixture
def server(monkeypatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """The cache folder of the checkpoint `model`."""
    monkeypatch.setenv("HYBRIDGL_CACHE", str(tmp_path))
    return tmp_path / "model"


def checkpoint(url: str, content: bytes = CONTENT) -> Checkpoint:
    return Checkpoint(
        "model", "clip", "ViT-B-16", url, Path("model.pt"), len(content), hashlib.sha256(content).hexdigest(), "MIT", ""
    )


def fetch(entry: Checkpoint, **options) -> Path:
    return download.download(entry, pause=0, attempts=3, **options)


def test_brings_the_file_and_reports_progress(server, folder):
    seen = []
    path = fetch(checkpoint(server.url), progress=lambda done, total: seen.append((done, total)))
    assert path == folder / "model.pt"
    assert path.read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert not list(folder.glob("*.part"))


def test_a_file_that_is_there_is_not_asked_for_again(server, folder):
    fetch(checkpoint(server.url))
    fetch(checkpoint(server.url))
    assert len(server.requests) == 1


def test_goes_on_after_every_break_without_loading_anything_twice(server, folder):
    server.break_after = 5 * download.BLOCK
    path = fetch(checkpoint(server.url))
    assert path.read_bytes() == CONTENT
    assert server.requests == [None, "bytes=327680-", "bytes=655360-", "bytes=983040-"]


def test_goes_on_in_a_later_call(server, folder):
    folder.mkdir()
    (folder / "model.pt.part").write_bytes(CONTENT[:1000])
    assert fetch(checkpoint(server.url)).read_bytes() == CONTENT
    assert server.requests == ["bytes=1000-"]


def test_a_complete_part_file_is_only_checked(server, folder):
    folder.mkdir()
    (folder / "model.pt.part").write_bytes(CONTENT)
    assert fetch(checkpoint(server.url)).read_bytes() == CONTENT
    assert server.requests == []


def test_starts_anew_when_the_server_cannot_resume(server, folder):
    server.supports_range = False
    folder.mkdir()
    (folder / "model.pt.part").write_bytes(b"?" * 1000)
    assert fetch(checkpoint(server.url)).read_bytes() == CONTENT


def test_starts_anew_when_the_server_refuses_the_range(server, folder):
    server.content = CONTENT[:500]
    folder.mkdir()
    (folder / "model.pt.part").write_bytes(b"?" * 1000)
    unsized = Checkpoint(
        "model", "clip", "", server.url, Path("model.pt"), 0, hashlib.sha256(server.content).hexdigest(), "", ""
    )
    assert fetch(unsized).read_bytes() == server.content
    assert server.requests == ["bytes=1000-", None]


def test_gives_up_when_it_gets_no_further_and_keeps_what_it_has(server, folder):
    server.supports_range = False
    server.break_after = download.BLOCK
    with pytest.raises(WeightsError, match="gave up on 127.0.0.1.*65536 bytes are kept.*--mirror.*--from"):
        fetch(checkpoint(server.url))
    # The first transfer got somewhere, three more did not.
    assert len(server.requests) <= 4
    assert (folder / "model.pt.part").read_bytes() == CONTENT[: download.BLOCK]
    assert not (folder / "model.pt").exists()


def test_tries_again_when_the_server_is_busy(server, folder):
    server.status, server.failures = 503, 2
    assert fetch(checkpoint(server.url)).read_bytes() == CONTENT
    assert len(server.requests) == 3


def test_an_address_that_is_gone_is_reported_at_once(server, folder):
    server.status, server.failures = 404, 99
    with pytest.raises(WeightsError, match=r"HTTP 404 Not Found for http://127.*--mirror"):
        fetch(checkpoint(server.url))
    assert len(server.requests) == 1


def test_no_server_at_all(folder):
    with pytest.raises(WeightsError, match="gave up on 127.0.0.1:9 after 3 attempts"):
        fetch(checkpoint("http://127.0.0.1:9/model.pt"))


def test_a_wrong_file_of_the_right_size_is_thrown_away(server, folder):
    server.content = CONTENT[::-1]
    with pytest.raises(WeightsError, match="SHA-256.*expected.*hybridgl download model"):
        fetch(checkpoint(server.url))
    assert list(folder.iterdir()) == []
    server.content = CONTENT
    assert fetch(checkpoint(server.url)).read_bytes() == CONTENT


def test_a_file_of_another_size_is_refused_before_it_is_loaded(server, folder):
    server.content = b"<html>please log in</html>"
    with pytest.raises(WeightsError, match=f"a file of 26 bytes, expected {len(CONTENT)}"):
        fetch(checkpoint(server.url))
    assert list(folder.iterdir()) == []


def test_a_damaged_file_in_the_cache_is_replaced(server, folder):
    path = fetch(checkpoint(server.url))
    path.write_bytes(b"damaged")
    assert fetch(checkpoint(server.url)).read_bytes() == CONTENT


def test_takes_a_mirror(server, folder):
    mirror = server.url.rsplit("/", 1)[0] + "/"
    assert fetch(checkpoint("http://127.0.0.1:9/gone/model.pt"), mirror=mirror).read_bytes() == CONTENT


def test_takes_a_local_file(tmp_path, folder):
    source = tmp_path / "from-a-friend.pt"
    source.write_bytes(CONTENT)
    assert fetch(checkpoint("http://127.0.0.1:9/model.pt"), source=source).read_bytes() == CONTENT
    assert source.exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "there is no file"), (b"short", "has 5 bytes, expected"), (CONTENT[::-1], "SHA-256")],
)
def test_refuses_a_local_file_that_is_not_the_one(tmp_path, folder, content, message):
    source = tmp_path / "other.pt"
    if content is not None:
        source.write_bytes(content)
    with pytest.raises(WeightsError, match=message):
        fetch(checkpoint("http://127.0.0.1:9/model.pt"), source=source)
    assert not (folder / "model.pt").exists()


def test_too_little_room_is_told_before_anything_is_written(server, folder, monkeypatch):
    usage = download.shutil.disk_usage(folder.parent)
    monkeypatch.setattr(download.shutil, "disk_usage", lambda _: usage._replace(free=1000))
    with pytest.raises(WeightsError, match=r"0 MB free, 1 MB are needed"):
        fetch(checkpoint(server.url))
    assert list(folder.iterdir()) == []


def test_a_disk_that_fills_up_is_reported(server, folder, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(download.os, "replace", full)
    with pytest.raises(WeightsError, match="is full; make room and run the same command again"):
        fetch(checkpoint(server.url))


def test_a_cache_that_cannot_be_a_folder_is_reported(server, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(WeightsError, match="cannot write to"):
        fetch(checkpoint(server.url), cache=tmp_path / "file")


def test_weights_in_the_package_need_no_download(tmp_path, folder):
    path = tmp_path / "own.pt"
    path.write_bytes(CONTENT)
    local = Checkpoint("own", "clip", "", None, path, 0, hashlib.sha256(CONTENT).hexdigest(), "", "")
    assert fetch(local) == path


def test_the_cache_follows_xdg_and_its_own_variable(monkeypatch, tmp_path):
    monkeypatch.delenv("HYBRIDGL_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert download.cache_directory() == tmp_path / "hybridgl"
    monkeypatch.setenv("HYBRIDGL_CACHE", str(tmp_path / "own"))
    assert download.cache_directory() == tmp_path / "own"
    assert download.cache_directory(tmp_path / "given") == tmp_path / "given"


def test_a_large_file_is_hashed_once_and_again_after_a_change(server, folder, monkeypatch):
    monkeypatch.setattr(cache, "REMEMBERED_SIZE", 1000)
    hashed = []
    sha256_of = cache.sha256_of
    monkeypatch.setattr(cache, "sha256_of", lambda path: hashed.append(path) or sha256_of(path))
    entry = checkpoint(server.url)
    path = fetch(entry)
    assert cache.checked_weights(entry) == path
    assert len(hashed) == 1
    before = path.stat()
    path.write_bytes(CONTENT[:-1] + b"!")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(WeightsError, match=r"damaged.*hybridgl download model"):
        cache.checked_weights(entry)
    assert hashed[1:] == [path]
