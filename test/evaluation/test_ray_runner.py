"""What a person reads when there is no cluster; working ones are tested with the runner."""

from __future__ import annotations

import pytest

from hybridgl_ros.errors import ConfigError
from hybridgl_ros.evaluation.ray_runner import cluster

ray = pytest.importorskip("ray")


@pytest.fixture
def unreachable(monkeypatch):
    def init(**options):
        raise ConnectionError("failed to connect")

    monkeypatch.setattr(ray, "init", init)
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)


def test_a_cluster_that_does_not_answer_is_named_and_tokens_are_hinted_at(unreachable):
    with pytest.raises(ConfigError, match=r"no Ray cluster at head:6379: failed to connect; .*RAY_AUTH_MODE=token"):
        cluster(2, 1, "head:6379").__enter__()


def test_no_token_is_hinted_at_where_none_is_wanted(unreachable, monkeypatch):
    with pytest.raises(ConfigError, match=r"no Ray cluster at this machine: failed to connect$"):
        cluster(2, 1, None).__enter__()
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    with pytest.raises(ConfigError, match=r"failed to connect$"):
        cluster(2, 1, "head:6379").__enter__()
