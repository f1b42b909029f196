"""Image encoders that multiply in half precision: autocast, over weights that are held in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

PRODUCTS = (nn.Linear, nn.Conv2d, nn.MultiheadAttention)


def hold_in(dtype: torch.dtype, encoder: Any) -> None:
    """Give the layers of products weights of a type; norms and positions stay float32.

    Autocast would make them of it in every pass, which takes longer than some of the products.
    """
    for layer in products(encoder):
        layer.to(dtype)


def product_type(encoder: Any) -> torch.dtype:
    """The type that the weights of products are held in."""
    return next(parameter.dtype for layer in products(encoder) for parameter in layer.parameters())


@contextmanager
def multiplying_in(dtype: torch.dtype, device: torch.device) -> Iterator[None]:
    """Inside, products are of a type; float32 is float32 also in a GPU's convolutions, which would round to TF32."""
    if dtype != torch.float32:
        with torch.autocast(device.type, dtype=dtype):
            yield
    elif device.type == "cuda":
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            yield
    else:
        yield


def products(encoder: Any) -> Iterator[nn.Module]:
    return (layer for layer in encoder.modules() if isinstance(layer, PRODUCTS))
