"""Threads for the callbacks of rclpy's MultiThreadedExecutor."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from threading import Event
from typing import Any

from rclpy.context import Context
from rclpy.executors import MultiThreadedExecutor

# Seconds that a thread may take to begin: none is free after that.
BEGINNING = 0.05
# Seconds: longer than most callbacks last, shorter than anybody would notice.
HEAD_START = 0.002


class PromptPool(ThreadPoolExecutor):
    """Begins what is handed in, and gives it a moment to be done, before the caller goes on.

    The executor offers a callback over and over until a thread has begun with it, and so keeps that thread from
    beginning; hundreds of offers were counted for one picture, and tenths of a second.
    """

    def submit(self, work: Callable[..., Any], /, *arguments: Any, **options: Any) -> Future[Any]:
        """See ThreadPoolExecutor; returns when it is done, or has had its moment."""
        begun = Event()

        def begin() -> Any:
            begun.set()
            return work(*arguments, **options)

        done = super().submit(begin)
        if begun.wait(BEGINNING):
            wait([done], timeout=HEAD_START)
        return done


def prompt_executor(threads: int, context: Context | None = None) -> MultiThreadedExecutor:
    """A MultiThreadedExecutor with such a pool."""
    executor = MultiThreadedExecutor(num_threads=threads, context=context)
    if isinstance(getattr(executor, "_executor", None), ThreadPoolExecutor):
        executor._executor = PromptPool(threads)
    return executor
