"""Inside, products are of the type that was asked for, and nothing else has changed afterwards."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from hybridgl_ros.models.precision import hold_in, multiplying_in, product_type

CPU, GPU = torch.device("cpu"), torch.device("cuda")


@pytest.mark.parametrize("before", [True, False])
def test_float32_is_float32_in_the_convolutions_of_a_gpu_too(before, monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", before)
    with multiplying_in(torch.float32, GPU):
        assert not torch.backends.cudnn.allow_tf32
    assert torch.backends.cudnn.allow_tf32 == before


def test_an_error_inside_is_not_held_back_and_leaves_nothing_changed():
    before = torch.backends.cudnn.allow_tf32
    with pytest.raises(ZeroDivisionError), multiplying_in(torch.float32, GPU):
        raise ZeroDivisionError
    assert torch.backends.cudnn.allow_tf32 == before


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_products_are_of_the_type(dtype):
    layer = nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4))
    hold_in(dtype, layer)
    assert product_type(layer) == dtype and layer[1].weight.dtype == torch.float32
    with multiplying_in(dtype, CPU):
        assert layer[0](torch.ones(1, 4)).dtype == dtype
    assert not torch.is_autocast_enabled("cpu")
