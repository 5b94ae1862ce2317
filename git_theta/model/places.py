"""Places: indices that are spread evenly over a range."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def spread_places(count: int, most: int) -> NDArray[np.intp]:
    """At most so many of the indices below `count`, ascending, the first and the last among them."""
    import numpy as np

    return np.arange(count) if count <= most else np.linspace(0, count - 1, most).astype(np.intp)
