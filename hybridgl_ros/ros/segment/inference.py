"""What the cameras of a process share: the one thread in which models work, and the models."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor

from hybridgl_ros.ros.segment.model_store import ModelStore, Segmenter
from hybridgl_ros.ros.segment.turns import Turns
from hybridgl_ros.settings import Config

Work = Callable[[], None]


class Inference:
    """Does one piece of work at a time; whoever hands in work takes turns with the others.

    models: to be used in the thread only. make_segmenter: loads the models of a configuration, in the thread.
    """

    def __init__(self, make_segmenter: Callable[[Config], Segmenter]) -> None:
        self.models = ModelStore(make_segmenter)
        self._turns: Turns[tuple[Future[None], Work]] = Turns()
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="inference")

    def hand_in(self, owner: Hashable, work: Work) -> Future[None]:
        """Have something done, after what the same owner has handed in before; it can be cancelled until it begins."""
        done: Future[None] = Future()
        self._turns.put(owner, (done, work))
        self._pool.submit(self._take_turn)
        return done

    def _take_turn(self) -> None:
        turn = self._turns.take()
        if turn is None:
            return
        done, work = turn
        if not done.set_running_or_notify_cancel():
            return
        try:
            work()
        except BaseException as error:
            done.set_exception(error)
        else:
            done.set_result(None)
