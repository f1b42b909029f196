"""How torch waits; standard library only, so that it can come before torch."""

from __future__ import annotations

import os


def quiet_waiting() -> None:
    """Let idle OpenMP threads sleep instead of spin, unless the user has decided; to be called before torch starts."""
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    os.environ.setdefault("GOMP_SPINCOUNT", "0")
