"""Scale-out on Ray (`pip install 'hybridgl-ros[cluster]'`): one process with its own models a worker."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from rich.console import Console

from hybridgl_ros.errors import ConfigError, HybridGLError

if TYPE_CHECKING:
    from hybridgl_ros.evaluation.evaluator import Task
    from hybridgl_ros.evaluation.runner import EvaluateAll, Job

RESTARTS = 3
"""How often a worker may die, and how often an image is tried again on it."""
CONNECTING_TIME = 10.0
AUTHENTICATION_HINT = "if it wants a token, as newer ones do, set RAY_AUTH_MODE=token and have its token in ~/.ray"


class WorkerError(HybridGLError):
    """A worker died more often than it is restarted."""


def on_ray(workers: int, address: str | None = None, console: Console | None = None) -> EvaluateAll:
    """Evaluate on `workers` processes of this machine, or of the cluster at `address`.

    Every node needs this package, and the data set and the cache under the same paths. A worker takes `threads`
    CPUs, and a GPU when the device is one. Raises ConfigError when Ray is missing or the cluster does not answer.
    """
    if find_spec("ray") is None:
        raise ConfigError("several workers need Ray: pip install 'hybridgl-ros[cluster]'")

    def evaluate_all(job: Job, tasks: Sequence[Task]) -> Iterator[dict[str, Any]]:
        with cluster(workers, job.threads, address):
            yield from evaluate_in_pool(job, tasks, workers, console or Console(stderr=True))

    return evaluate_all


@contextmanager
def cluster(workers: int, threads: int, address: str | None) -> Iterator[None]:
    """A connection to a cluster, or a local one of as many CPUs as are asked for."""
    import ray

    if address:
        check_reachable(address)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    where: dict[str, Any] = (
        {"address": address}
        if address
        else {"address": "local", "num_cpus": workers * threads, "include_dashboard": False}
    )
    try:
        ray.init(**where, log_to_driver=False, logging_level=logging.WARNING)
    except Exception as error:
        # Ray raises bare exceptions, too, for example when a busy machine does not start it in time.
        ray.shutdown()
        hint = f"; {AUTHENTICATION_HINT}" if address and "RAY_AUTH_MODE" not in os.environ else ""
        raise ConfigError(f"no Ray cluster at {address or 'this machine'}: {error}{hint}") from error
    try:
        yield
    finally:
        ray.shutdown()


def check_reachable(address: str) -> None:
    """Raise ConfigError when nobody listens at HOST:PORT: Ray itself tries for a minute and more."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if port.isdigit():
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECTING_TIME).close()
        except OSError as error:
            raise ConfigError(f"no Ray cluster at {address}: {error}") from error


def evaluate_in_pool(job: Job, tasks: Sequence[Task], workers: int, console: Console) -> Iterator[dict[str, Any]]:
    """Results as they come; the pool gives each free worker the next image."""
    import ray
    from ray.util import ActorPool

    resources = {"num_cpus": job.threads, "num_gpus": gpus_a_worker(job)}
    remote = ray.remote(Worker).options(max_restarts=RESTARTS, max_task_retries=RESTARTS, **resources)
    shared = ray.put(job)
    pool: Any = ActorPool([remote.remote(shared) for _ in range(min(workers, len(tasks)))])
    lives: dict[str, int] = {}
    try:
        for actor, life, record in pool.map_unordered(lambda worker, task: worker.evaluate.remote(task), tasks):
            if lives.setdefault(actor, life) != life:
                lives[actor] = life
                console.print(
                    f"a worker died and was started again (now process {life}); its image was repeated", highlight=False
                )
            yield record
    except ray.exceptions.RayTaskError as error:
        # What the worker's code raised; its own message says more than Ray's.
        raise error.cause if isinstance(error.cause, HybridGLError) else error from None
    except ray.exceptions.RayActorError as error:
        raise WorkerError(
            f"a worker could not start, or died more than {RESTARTS} times; the same command goes on"
            f" from what is done. {error}"
        ) from error


def gpus_a_worker(job: Job) -> int:
    """1 when the models run on a GPU."""
    import ray

    device = job.runs[0].config.models.device
    return int(device.startswith("cuda") or (device == "auto" and ray.cluster_resources().get("GPU", 0) > 0))


class Worker:
    """An actor: loads the models once, then evaluates what it is given."""

    def __init__(self, job: Job) -> None:
        self._evaluator = job.evaluator()

    def evaluate(self, task: Task) -> tuple[str, int, dict[str, Any]]:
        """The actor's identity, its process, and the journal's record."""
        import ray

        return str(ray.get_runtime_context().get_actor_id()), os.getpid(), self._evaluator.evaluate(task)
