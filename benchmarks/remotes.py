"""Push and clone through one Git LFS server on this machine, for both tools."""

from __future__ import annotations

import shutil
from collections import defaultdict
from typing import TYPE_CHECKING

from benchmarks import weights
from benchmarks.sandbox import Repository
from benchmarks.steps import MODEL, begin, expect, in_turn, remove, row, sha256

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmarks.rows import Row
    from benchmarks.steps import Plan
    from tests.helpers.git_host import Host

#: The number of parameters of the second model; Git LFS gets a file for each.
MANY = 5000
_ELEMENTS = 25_600


def remotes(plan: Plan) -> Iterator[Row]:
    """Push a new model of 438 MB, clone it, push a fine-tune by LoRA; push a model of 5,000 parameters."""
    from tests.helpers import git_host

    with git_host.serving(plan.folder / "host") as host:
        yield from _one_model(plan, host)
        yield from _many(plan, host)


def _one_model(plan: Plan, host: Host) -> Iterator[Row]:
    pushes, clones, sizes = (defaultdict[str, list[float]](list) for _ in range(3))
    tuned: list[float] = []
    for repetition in range(plan.repeat):
        made = begin(plan, f"push-{repetition}")
        for name, repository in in_turn(made, repetition):
            path = repository.path / MODEL
            shutil.copyfile(plan.checkpoint(), path)
            repository.git("add", MODEL)
            repository.git("commit", "--quiet", "--message", "model")
            repository.git("remote", "add", "origin", host.repository(f"{name}/push-{repetition}"))
            pushes[name].append(repository.timed("push", "--quiet", "origin", "main"))
            sent = _received(host, name, repetition)
            sizes[name].append(sent / 1e6)
            clones[name].append(_clone(repository, sha256(path)))
            if name == "theta":
                weights.add_low_rank(path, seed=repetition)
                repository.git("add", MODEL)
                repository.git("commit", "--quiet", "--message", "fine-tune")
                repository.git("push", "--quiet", "origin", "main")
                share = (_received(host, name, repetition) - sent) / path.stat().st_size
                tuned.append(share)
        remove(made)
    yield row("git push of a new model", "s", pushes, limit=0.8, relative=True)
    yield row("bytes of it at the server", "MB", sizes, limit=0.85, relative=True)
    yield row("git clone with checkout", "s", clones, limit=0.6, relative=True)
    yield row("bytes pushed for a fine-tune by LoRA", "of file", {"theta": tuned}, limit=0.02)


def _many(plan: Plan, host: Host) -> Iterator[Row]:
    pushes = defaultdict[str, list[float]](list)
    source = plan.folder / "many.safetensors"
    weights.write(source, {f"layer{index:04}.weight": (_ELEMENTS // 64, 64) for index in range(MANY)}, "F32")
    for repetition in range(min(plan.repeat, 3)):
        made = begin(plan, f"many-{repetition}")
        for name, repository in in_turn(made, repetition):
            if name == "theta":
                shutil.copyfile(source, repository.path / MODEL)
            else:
                _split(source, repository.path)
            repository.git("add", ".")
            repository.git("commit", "--quiet", "--message", "many")
            repository.git("remote", "add", "origin", host.repository(f"{name}/many-{repetition}"))
            pushes[name].append(repository.timed("push", "--quiet", "origin", "main"))
        remove(made)
    yield row("git push of 5,000 parameters of 100 KB", "s", pushes, limit=0.2, relative=True)


def _split(source: Path, folder: Path) -> None:
    """Write a file for each tensor, as Git LFS would need to store tensors apart."""
    size = 4 * _ELEMENTS
    with source.open("rb") as file:
        file.seek(weights.read_header(source)[1])
        for index in range(MANY):
            (folder / f"layer{index:04}.safetensors").write_bytes(file.read(size))


def _clone(repository: Repository, digest: str) -> float:
    home = repository.home
    url = repository.git("remote", "get-url", "origin").strip()
    target = home.root / "clone"
    seconds = Repository(home, home.root).timed("clone", "--quiet", url, str(target))
    expect(Repository(home, target), digest)
    shutil.rmtree(target)
    return seconds


def _received(host: Host, tool: str, repetition: int) -> int:
    """Bytes of one repository's objects at the server."""
    folder = host.folder / "objects" / tool / f"push-{repetition}"
    found = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    if not found:
        raise RuntimeError(f"{tool} sent nothing to {folder}")
    return found
