"""rclpy's MultiThreadedExecutor, with threads that begin at once, and that survives what is destroyed meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor, wait
from threading import Event
from typing import Any

from rclpy.context import Context
from rclpy.exceptions import InvalidHandle
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


class PromptExecutor(MultiThreadedExecutor):
    """See PromptPool. What is destroyed between being ready and being taken is no work.

    rclpy leaves the callback group of such an entity (an event of a subscription that is exchanged, say) locked for
    good, and with it the node deaf and dumb.
    """

    def __init__(self, threads: int, context: Context | None = None) -> None:
        super().__init__(num_threads=threads, context=context)
        if isinstance(getattr(self, "_executor", None), ThreadPoolExecutor):
            self._executor = PromptPool(threads)

    def _make_handler(self, entity: Any, node: Any, take_from_wait_list: Callable[[Any], Any], *rest: Any) -> Any:
        """As rclpy's; whatever fails while it is taken fails where rclpy expects failures, in the callback."""

        def take(ready: Any) -> Any:
            try:
                return take_from_wait_list(ready)
            except InvalidHandle:
                return None
            except Exception as error:
                return failing(error)

        return super()._make_handler(entity, node, take_from_wait_list if rest else take, *rest)


def failing(error: Exception) -> Callable[[], Coroutine[Any, Any, None]]:
    """A callback that raises this."""

    async def fail() -> None:
        raise error

    return fail
