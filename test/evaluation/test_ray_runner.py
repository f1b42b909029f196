"""What a person reads when there is no cluster; working ones are tested with the runner."""

from __future__ import annotations

import socket

import pytest

from hybridgl_ros.errors import ConfigError
from hybridgl_ros.evaluation.ray_runner import cluster

ray = pytest.importorskip("ray")


@pytest.fixture
def refusing(monkeypatch):
    """HOST:PORT where somebody listens whom Ray cannot talk to."""

    def init(**options):
        raise ConnectionError("failed to connect")

    monkeypatch.setattr(ray, "init", init)
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def test_a_cluster_that_refuses_is_named_and_tokens_are_hinted_at(refusing):
    with pytest.raises(ConfigError, match=rf"no Ray cluster at {refusing}: failed to connect; .*RAY_AUTH_MODE=token"):
        cluster(2, 1, refusing).__enter__()


def test_no_token_is_hinted_at_where_none_is_wanted(refusing, monkeypatch):
    with pytest.raises(ConfigError, match=r"no Ray cluster at this machine: failed to connect$"):
        cluster(2, 1, None).__enter__()
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    with pytest.raises(ConfigError, match=r"failed to connect$"):
        cluster(2, 1, refusing).__enter__()


@pytest.mark.parametrize("address", ["127.0.0.1:{port}", "ray://127.0.0.1:{port}"])
def test_nobody_at_the_address_is_said_at_once(address):
    with socket.create_server(("127.0.0.1", 0)) as server:
        closed = address.format(port=server.getsockname()[1])
    with pytest.raises(ConfigError, match=rf"no Ray cluster at {closed}: .*refused"):
        cluster(2, 1, closed).__enter__()
