from __future__ import annotations

import sys
from pathlib import Path

_ROOT = str(Path(__file__).parent.parent)

# What's installed is tested, in this process as in those that Git starts: the source tree comes last.
if _ROOT in sys.path:
    sys.path.remove(_ROOT)
    sys.path.append(_ROOT)
