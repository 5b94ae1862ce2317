from __future__ import annotations

import subprocess
import sys


def test_memory_is_kept_and_garbage_is_not_looked_for() -> None:
    code = (
        "import gc\n"
        "from git_theta.runtime.malloc import keep_memory\n"
        "keep_memory()\n"
        "blocks = [bytearray(3 << 20) for _ in range(20)]\n"
        "blocks.clear()\n"
        "print(gc.isenabled())\n"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"
