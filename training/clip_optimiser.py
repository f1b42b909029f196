"""Muon for the matrices of the transformer blocks, AdamW for the rest.

Shape lies in directions of the features that vary far less than colour does; Adam's step hardly reaches them within
a few hundred steps, an orthogonalised step does. ``torch.optim.Muon`` iterates in bfloat16, which is many times
slower than float32 on a CPU without bfloat16 units, hence this small version of the same rule.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)


def orthogonalise(gradient: Tensor, steps: int = 5) -> Tensor:
    """The nearest semi-orthogonal matrix, roughly, by Newton-Schulz iterations (Jordan et al. 2024)."""
    a, b, c = _COEFFICIENTS
    tall = gradient.shape[0] > gradient.shape[1]
    x = gradient.T if tall else gradient
    x = x / (x.norm() + 1e-7)
    for _ in range(steps):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.T if tall else x


class Muon(torch.optim.Optimizer):
    """Momentum, orthogonalised, for 2-D weights; the step's RMS is 0.2·lr, as AdamW's typically is."""

    def __init__(self, params: Iterable[nn.Parameter], weight_decay: float = 0.0, momentum: float = 0.95) -> None:
        super().__init__(params, {"lr": 0.0, "weight_decay": weight_decay, "momentum": momentum, "scale": 1.0})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One step on every parameter that has a gradient; stacked query-key-value matrices are split first."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                buffer = self.state[parameter].setdefault("momentum", torch.zeros_like(parameter))
                buffer.lerp_(parameter.grad, 1 - group["momentum"])
                direction = parameter.grad.lerp(buffer, group["momentum"])
                rows, columns = parameter.shape
                parts = direction.chunk(3) if rows == 3 * columns else (direction,)
                update = torch.cat([orthogonalise(part) * (0.2 * max(part.shape) ** 0.5) for part in parts])
                parameter.mul_(1 - group["lr"] * group["weight_decay"]).add_(update, alpha=-group["lr"])


def build_optimisers(
    matrices: list[nn.Parameter], fast: list[nn.Parameter], rest: list[nn.Parameter]
) -> list[torch.optim.Optimizer]:
    """Optimisers of block matrices, of heads and embeddings (five times the rate), and of everything else."""
    groups = [
        {"params": fast, "weight_decay": 0.0, "scale": 5.0},
        {"params": [p for p in rest if p.ndim >= 2], "weight_decay": 0.03, "scale": 1.0},
        {"params": [p for p in rest if p.ndim < 2], "weight_decay": 0.0, "scale": 1.0},
    ]
    return [
        Muon(matrices, weight_decay=0.03),
        torch.optim.AdamW(groups, lr=0.0, betas=(0.9, 0.98), fused=True),
    ]


def set_learning_rate(optimisers: list[torch.optim.Optimizer], muon: float, adam: float) -> None:
    """Set the rate of every group to its optimiser's rate times the group's scale."""
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group["lr"] = (muon if isinstance(optimiser, Muon) else adam) * group["scale"]
