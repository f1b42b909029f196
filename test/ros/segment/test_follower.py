"""Continuous mode without threads: futures are finished by hand."""

from __future__ import annotations

from concurrent.futures import Future

import pytest

from hybridgl_ros.ros.segment.follower import Follower


class Asked:
    def __init__(self) -> None:
        self.expressions: list[str] = []
        self.futures: list[Future] = []
        self.refuse = False

    def __call__(self, expression: str) -> Future | None:
        if self.refuse:
            return None
        self.expressions.append(expression)
        self.futures.append(Future())
        return self.futures[-1]


@pytest.fixture
def asked() -> Asked:
    return Asked()


def test_frames_without_an_expression_ask_nothing(asked: Asked) -> None:
    Follower(asked).wake()
    assert asked.expressions == []


def test_many_frames_during_one_answer_ask_once_more(asked: Asked) -> None:
    follower = Follower(asked)
    follower.follow("cup")
    for _ in range(5):
        follower.wake()
    assert asked.expressions == ["cup"]
    asked.futures[0].set_result(None)
    assert asked.expressions == ["cup", "cup"]
    asked.futures[1].set_result(None)
    assert asked.expressions == ["cup", "cup"]


def test_a_new_expression_during_an_answer_is_asked_next(asked: Asked) -> None:
    follower = Follower(asked)
    follower.follow("cup")
    follower.follow("plate")
    asked.futures[0].set_result(None)
    assert asked.expressions == ["cup", "plate"]


def test_an_empty_expression_ends_it(asked: Asked) -> None:
    follower = Follower(asked)
    follower.follow("cup")
    follower.follow("")
    asked.futures[0].set_result(None)
    follower.wake()
    assert asked.expressions == ["cup"]


def test_after_a_refusal_the_next_frame_asks_again(asked: Asked) -> None:
    follower = Follower(asked)
    asked.refuse = True
    follower.follow("cup")
    asked.refuse = False
    follower.wake()
    assert asked.expressions == ["cup"]


def test_a_cancelled_question_is_not_repeated(asked: Asked) -> None:
    follower = Follower(asked)
    follower.follow("cup")
    follower.wake()
    asked.futures[0].cancel()
    asked.futures[0].set_running_or_notify_cancel()
    assert asked.expressions == ["cup"]


def test_an_expression_that_comes_while_another_is_refused_is_asked(asked: Asked) -> None:
    def ask(expression: str) -> Future | None:
        if expression == "cup":
            follower.follow("plate")
            return None
        return asked(expression)

    follower = Follower(ask)
    follower.follow("cup")
    assert asked.expressions == ["plate"]


def test_a_refusal_without_news_is_not_repeated(asked: Asked) -> None:
    refused: list[str] = []
    follower = Follower(refused.append)
    follower.follow("cup")
    assert refused == ["cup"]
