"""A family of models with a diamond, whose records have commands, for the tests of cascades."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from tests.helpers.checkpoints import safetensors_arrays, safetensors_bytes
from tests.helpers.repo import Repo

#: Child → parents. Each is made by `make.py` with the number in `data/CHILD.txt`.
FAMILY = {"left": ("base",), "right": ("base",), "soup": ("left", "right"), "tail": ("soup",)}

#: Makes the mean of its inputs plus a number: `make.py OUT NUMBER-FILE INPUT…`. The path of the output goes
#: to a log beside the repository. Nothing is imported that takes time.
MAKE = b"""
import array, struct, sys
out, number, *inputs = sys.argv[1:]
files = [open(each, "rb").read() for each in inputs]
start = 8 + struct.unpack("<Q", files[0][:8])[0]
lists = [array.array("f", each[start:]) for each in files]
step = float(open(number).read())
mean = array.array("f", (sum(values) / len(values) + step for values in zip(*lists)))
open("../made.log", "a").write(out + "\\n")
open(out, "wb").write(files[0][:start] + mean.tobytes())
"""

#: Prints the mean of a model's values as JSON; of two models, also the first one's less the second one's.
MEASURE = b"""
import array, json, struct, sys
means = []
for each in sys.argv[1:]:
    data = open(each, "rb").read()
    values = array.array("f", data[8 + struct.unpack("<Q", data[:8])[0]:])
    means.append(sum(values) / len(values))
print(json.dumps({"mean": means[0], "gap": means[0] - means[-1]}))
"""


def path_of(name: str) -> str:
    """The path of a model of the family."""
    return f"{name}/model.safetensors"


def base_weights(seed: int = 0, offset: float = 0.0) -> bytes:
    """A file of three matrices."""
    random = np.random.default_rng(seed)
    return safetensors_bytes(
        {f"l.{i}": (random.standard_normal((16, 16)) + offset).astype("f4") for i in range(3)}
    )


def family(repo: Repo) -> Repo:
    """The repository with the family, all committed."""
    repo.write(path_of("base"), base_weights())
    repo.write("make.py", MAKE)
    repo.write("measure.py", MEASURE)
    for number, name in enumerate(FAMILY, 1):
        repo.write(f"data/{name}.txt", f"{number}\n".encode())
    repo.commit("start")
    for name, parents in FAMILY.items():
        sources = [word for parent in parents for word in ("--from", parent)]
        relation = "merge" if len(parents) > 1 else "finetune"
        command = (sys.executable, "make.py", "{out}", f"data/{name}.txt", *map(path_of, parents))
        repo.theta("run", *sources, "--out", path_of(name), "--relation", relation, "--", *command)
    repo.git("commit", "-q", "-m", "family")
    log_of(repo).unlink()
    return repo


def log_of(repo: Repo) -> Path:
    """The log of what was made."""
    return repo.path.parent / "made.log"


def made(repo: Repo) -> list[str]:
    """Names of the models that were made, in order."""
    log = log_of(repo)
    return [line.partition("/")[0] for line in log.read_text().splitlines()] if log.exists() else []


def mean_of(repo: Repo, name: str) -> float:
    """The mean of a model's values in the work tree."""
    return float(np.mean([value.mean() for value in safetensors_arrays(repo.read(path_of(name))).values()]))


def new_base(repo: Repo, offset: float = 10.0) -> None:
    """Commit another version of the base, whose mean is higher."""
    repo.write(path_of("base"), base_weights(1, offset))
    repo.commit("another base")


def state(repo: Repo) -> tuple[str, str, dict[str, bytes]]:
    """The commit of HEAD, the index, and the files of the work tree."""
    files = {
        str(path.relative_to(repo.path)): path.read_bytes()
        for path in sorted(repo.path.rglob("*"))
        if path.is_file() and ".git/" not in str(path)
    }
    return repo.git("rev-parse", "HEAD"), repo.git("ls-files", "-s"), files
