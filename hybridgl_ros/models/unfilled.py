"""Models whose weights come from elsewhere: made without values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode


@contextmanager
def unfilled() -> Iterator[None]:
    """What is made inside takes neither time nor memory for its values: they are to be assigned."""
    with torch.device("meta"), WithoutInitialisation():
        yield


class WithoutInitialisation(TorchFunctionMode):
    """torch's initialisers do nothing, and what is drawn at random is drawn on the CPU.

    On the meta device both would import torch's compiler, which takes longer than loading the weights.
    """

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if getattr(func, "__module__", "") == "torch.nn.init":
            return kwargs["tensor"] if "tensor" in kwargs else args[0]
        if func is torch.randn:
            kwargs = {**kwargs, "device": "cpu"}
        return func(*args, **kwargs)
