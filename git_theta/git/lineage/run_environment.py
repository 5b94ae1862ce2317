"""The environment of a command: versions of its Python and of the packages that models are trained with."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import suppress

#: Packages whose versions are recorded.
_PACKAGES = (
    "torch",
    "numpy",
    "transformers",
    "peft",
    "accelerate",
    "datasets",
    "safetensors",
    "tokenizers",
    "jax",
    "flax",
    "tensorflow",
    "keras",
    "scikit-learn",
    "git-theta",
)

_SCRIPT = """
import json, platform
from importlib import metadata
found = {"python": platform.python_version(), "platform": platform.platform(terse=True)}
for name in NAMES:
    try:
        found[name] = metadata.version(name)
    except metadata.PackageNotFoundError:
        pass
print(json.dumps(found))
"""

#: Seconds that a question may take.
_PATIENCE = 20


def run_environment(command: Sequence[str], cwd: str) -> dict[str, str]:
    """Name → version of Python and of known packages, as a command would import them; and the GPUs.

    Nothing is imported: packages' metadata tells. For a command that isn't Python's, the `python` on the path
    is asked.

    Args:
        command: The command's words.
        cwd: The folder that it runs in.
    """
    python = command[0] if os.path.basename(command[0]).startswith("python") else "python"
    found: dict[str, str] = {}
    with suppress(OSError, ValueError, subprocess.SubprocessError):
        text = _answer([python, "-c", _SCRIPT.replace("NAMES", repr(_PACKAGES))], cwd)
        found = {str(name): str(version) for name, version in json.loads(text).items()}
    found["gpu"] = _gpu(cwd)
    return found


def _gpu(cwd: str) -> str:
    """Names of the GPUs, with commas between; `none` without."""
    if shutil.which("nvidia-smi"):
        with suppress(OSError, subprocess.SubprocessError):
            names = _answer(["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"], cwd).splitlines()
            return ", ".join(names) or "none"
    return "none"


def _answer(words: Sequence[str], cwd: str) -> str:
    done = subprocess.run(words, cwd=cwd, capture_output=True, check=True, timeout=_PATIENCE)
    return done.stdout.decode("utf-8", "replace").strip()
