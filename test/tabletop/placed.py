"""Tables of objects for the tests of expressions, placed by hand."""

from __future__ import annotations

from hypothesis import strategies as st

from hybridgl_ros.tabletop.dataset import ObjectTruth
from hybridgl_ros.tabletop.grounding import Located
from hybridgl_ros.tabletop.objects import COLOURS, SHAPES, SIZES

WIDTH, HEIGHT, FOCAL = 320, 240, 300.0


def located(instance: int, shape: str, colour: str, x: float, y: float, z: float = 0.4, size: str = "large") -> Located:
    """An object whose box is centred at (x, y) pixels."""
    half = FOCAL * SIZES[size] / z / 2
    truth = ObjectTruth(
        instance, shape, colour, size, ((x - WIDTH / 2) / FOCAL * z, (y - HEIGHT / 2) / FOCAL * z, z), 1000
    )
    return Located(truth, (x - half, y - half, x + half, y + half))


@st.composite
def tables(draw: st.DrawFn) -> tuple[Located, ...]:
    """One to six objects anywhere."""
    return tuple(
        located(
            instance,
            draw(st.sampled_from(SHAPES)),
            draw(st.sampled_from(sorted(COLOURS))),
            draw(st.integers(20, WIDTH - 20)),
            draw(st.integers(20, HEIGHT - 20)),
            draw(st.floats(0.25, 0.6)),
            draw(st.sampled_from(sorted(SIZES))),
        )
        for instance in range(1, draw(st.integers(1, 6)) + 1)
    )
