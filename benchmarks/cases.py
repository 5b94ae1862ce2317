"""Measurements. Each case takes one home per tool and yields rows; tools take turns in every step."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections import defaultdict
from typing import TYPE_CHECKING

from benchmarks import deltas, memory, weights
from benchmarks.bases import bases
from benchmarks.compacted import compacted
from benchmarks.edits import edits
from benchmarks.formats import formats
from benchmarks.forms import forms
from benchmarks.opaque import opaque
from benchmarks.pairs import pairs
from benchmarks.remotes import remotes
from benchmarks.rows import Row
from benchmarks.series import series
from benchmarks.steps import MODEL, Plan, begin, expect, in_turn, remove, row, sha256

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from benchmarks.sandbox import Repository
    from benchmarks.steps import Samples

ADAPTERS = 200
_STARTS = 15
#: 148 layers of BERT's size: 4.3 GB in float32.
_LARGE_LAYERS = 148
#: 28 layers: 446 MB in bfloat16.
_BF16_LAYERS = 28


def verbs(plan: Plan) -> Iterator[Row]:
    """Add, add again after a small change, status, checkout: 438 MB of float32."""
    yield from _verbs(plan, plan.checkpoint(), "")


def verbs_bf16(plan: Plan) -> Iterator[Row]:
    """The same verbs on 446 MB of bfloat16."""
    yield from _verbs(plan, plan.checkpoint("BF16", _BF16_LAYERS), ", bf16")


def tuned(plan: Plan) -> Iterator[Row]:
    """Add a fully fine-tuned model of 438 MB, and check a delta out beside a whole value."""
    adds: dict[str, list[float]] = defaultdict(list)
    whole, delta, ratios, peak = [], [], [], 0.0
    for repetition in range(plan.repeat):
        repositories = begin(plan, f"tuned-{repetition}")
        for name, repository in in_turn(repositories, repetition):
            path = repository.path / MODEL
            shutil.copyfile(plan.checkpoint(), path)
            repository.git("add", MODEL)
            repository.commit()
            weights.tune(path, seed=repetition)
            os.sync()
            adds[name].append(repository.timed("add", MODEL))
            repository.commit()
            if name != "theta":
                continue
            after = sha256(path)
            for rev, samples in (("HEAD~1", whole), ("HEAD", delta)):
                path.unlink()
                samples.append(repository.timed("checkout", "--quiet", rev, "--", MODEL))
            expect(repository, after)
            ratios.append(delta[-1] / whole[-1])
            if memory.available() and not repetition:
                weights.tune(path, seed=99)
                peak = memory.peak(repository, "add", MODEL).filter / 1e6
        remove(repositories)
    yield row("git add, every tensor changed", "s", adds, limit=0.8, relative=True)
    yield Row("git checkout, whole values", "s", tuple(whole))
    yield Row("git checkout, deltas", "s", tuple(delta))
    yield Row("checkout of deltas, in times of whole values", "times", tuple(ratios), limit=3)
    if peak:
        yield Row("memory of filter, every tensor changed", "MB", (peak,), limit=600)


def merge(plan: Plan) -> Iterator[Row]:
    """Merge two versions of a model by average: a tenth of the tensors changed on both sides.

    Git LFS can't merge; the time of its `git add` of that file is the reference.
    """
    source, samples = plan.checkpoint(), defaultdict(list)
    stored, peak = [], 0.0
    for repetition in range(plan.repeat):
        repositories = begin(plan, f"merge-{repetition}")
        for name, repository in in_turn(repositories, repetition):
            shutil.copyfile(source, repository.path / MODEL)
            if name != "theta":
                samples[name].append(repository.timed("add", MODEL))
                continue
            _diverge(repository, repetition)
            before = repository.stored_bytes()
            command = ("merge", "--quiet", "--message", "merge", "side")
            samples[name].append(repository.timed(*command))
            stored.append((repository.stored_bytes() - before) / 1e3)
            if memory.available() and not repetition:
                repository.git("reset", "--quiet", "--hard", "HEAD~1")
                peak = memory.peak(repository, *command).filter / 1e6
        remove(repositories)
    yield row("git merge by average, beside an add", "s", samples, limit=0.5, relative=True)
    yield Row("new bytes of the merge", "KB", tuple(stored), limit=64)
    if peak:
        yield Row("memory of merge driver and filter", "MB", (peak,), limit=600)


def _diverge(repository: Repository, seed: int) -> None:
    """Commit the file, and two branches that changed the same tenth of its tensors; `main` is checked out."""
    path = repository.path / MODEL
    repository.git("add", MODEL)
    repository.commit()
    repository.git("branch", "side")
    for branch in ("main", "side"):
        repository.git("checkout", "--quiet", branch)
        weights.change(path, share=0.1, seed=100 * seed + len(branch) + (branch == "side"))
        repository.git("add", MODEL)
        repository.commit()
    repository.git("checkout", "--quiet", "main")
    repository.settle()


def peaks(plan: Plan) -> Iterator[Row]:
    """Peak anonymous memory of git and of the filter at 438 MB."""
    yield from _peaks(plan, plan.checkpoint(), "")


def large(plan: Plan) -> Iterator[Row]:
    """Seconds (once) and peak memory with a 4 GB file."""
    source = plan.checkpoint(layers=_LARGE_LAYERS)
    yield from _verbs(Plan(plan.homes, plan.folder, 1), source, ", 4 GB")
    yield from _peaks(plan, source, ", 4 GB")


def sizes(plan: Plan) -> Iterator[Row]:
    """Stored bytes of a first commit as a share of the file: real checkpoints and their bf16 casts."""
    for index, model in enumerate(plan.models or (plan.checkpoint(),)):
        half = plan.folder / f"cast-{index}.safetensors"
        weights.cast(model, half)
        real = bool(plan.models)
        yield _size(plan, model, f"stored size, {model.stem}", 0.835 if real else None)
        yield _size(plan, half, f"stored size, {model.stem} as bf16", 0.670 if real else None)


def versions(plan: Plan) -> Iterator[Row]:
    """The cost of a new version when the old one is stored, beside other schemes. Without Git."""
    base = plan.families / "base" / MODEL if plan.families else plan.checkpoint()
    for pair in pairs(base, plan.families, plan.published, plan.folder):
        yield deltas.measure(pair, plan.folder)
    tuned = plan.families / "full" / "checkpoint-25" / MODEL if plan.families else None
    for pair in (*forms(base, tuned, plan.folder), *edits(base, tuned, plan.folder)):
        yield deltas.measure(pair, plan.folder)


def elsewhere(plan: Plan) -> Iterator[Row]:
    """The cost of a fine-tune whose base is in other files, shards, layers or versions. Without Git."""
    base = plan.families / "base" / MODEL if plan.families else plan.checkpoint()
    tuned = plan.families / "full" / "checkpoint-25" / MODEL if plan.families else None
    yield from bases(base, tuned, plan.folder)


def afterwards(plan: Plan) -> Iterator[Row]:
    """Bytes that a compact and a prune leave, beside those that adds stored."""
    base = plan.families / "base" / MODEL if plan.families else plan.checkpoint()
    yield from compacted(plan.homes[0], base)


def unsplit(plan: Plan) -> Iterator[Row]:
    """The cost of new versions of files that aren't split, beside `zstd --patch-from`. Without Git."""
    yield from opaque(plan.folder)


def other_formats(plan: Plan) -> Iterator[Row]:
    """Seconds to add one model in each format, beside safetensors. Without Git."""
    yield from formats(plan.folder, plan.repeat)


def startup(plan: Plan) -> Iterator[Row]:
    """Seconds of the smallest command, and until the filter process has answered git's greeting."""
    repositories = begin(plan, "startup")
    versions, filters = defaultdict(list), defaultdict(list)
    for _ in range(_STARTS):
        for name, repository in repositories.items():
            home = repository.home
            start = time.perf_counter()
            home.run(*home.tool.version, cwd=repository.path)
            versions[name].append(time.perf_counter() - start)
            filters[name].append(_handshake(repository))
    yield row("git theta --version", "s", versions, limit=0.15)
    yield row("filter process start", "s", filters, limit=0.20)
    remove(repositories)


def adapters(plan: Plan) -> Iterator[Row]:
    """One `git add` of two hundred adapters of 1 MB: seconds, and processes that git started for it."""
    folder = plan.folder / "adapters"
    folder.mkdir()
    for index in range(ADAPTERS):
        weights.write(folder / f"adapter-{index:03}.safetensors", weights.lora(), seed=index)
    seconds, processes = defaultdict(list), defaultdict(list)
    for repetition in range(plan.repeat):
        repositories = begin(plan, f"adapters-{repetition}")
        for name, repository in in_turn(repositories, repetition):
            shutil.copytree(folder, repository.path / "adapters")
            trace = plan.folder / f"trace-{name}-{repetition}"
            seconds[name].append(repository.timed("add", "adapters", GIT_TRACE2_EVENT=str(trace)))
            repository.stored_bytes()
            processes[name].append(float(_started(trace)))
        remove(repositories)
    yield row(f"git add of {ADAPTERS} adapters of 1 MB", "s", seconds, limit=5)
    yield row("processes for them", "processes", processes, limit=1)


CASES: Mapping[str, Callable[[Plan], Iterator[Row]]] = {
    "verbs": verbs,
    "verbs-bf16": verbs_bf16,
    "tuned": tuned,
    "merge": merge,
    "memory": peaks,
    "sizes": sizes,
    "deltas": versions,
    "bases": elsewhere,
    "compact": afterwards,
    "opaque": unsplit,
    "formats": other_formats,
    "startup": startup,
    "adapters": adapters,
    "versions": series,
    "remotes": remotes,
    "large": large,
}


def _verbs(plan: Plan, source: Path, label: str) -> Iterator[Row]:
    def beside(name: str, samples: Samples, limit: float) -> Row:
        return row(name + label, "s", samples, limit=limit, relative=True)

    adds: dict[str, list[float]] = defaultdict(list)
    for repetition in range(plan.repeat):
        repositories = begin(plan, f"first-{repetition}")
        for name, repository in in_turn(repositories, repetition):
            shutil.copyfile(source, repository.path / MODEL)
            adds[name].append(repository.timed("add", MODEL))
            repository.stored_bytes()
        if repetition < plan.repeat - 1:
            remove(repositories)
    yield beside("first git add", adds, 0.40)
    for repository in repositories.values():
        repository.commit()

    def changed(repository: Repository, repetition: int) -> float:
        weights.change(repository.path / MODEL, seed=repetition)
        seconds = repository.timed("add", MODEL)
        repository.commit()
        return seconds

    def touched(repository: Repository, _repetition: int) -> float:
        os.utime(repository.path / MODEL)
        seconds = repository.timed("status")
        repository.settle()
        return seconds

    def restored(repository: Repository, _repetition: int) -> float:
        before = sha256(repository.path / MODEL)
        (repository.path / MODEL).unlink()
        seconds = repository.timed("checkout", "--", MODEL)
        expect(repository, before)
        repository.settle()
        return seconds

    def switched(repository: Repository, _repetition: int) -> float:
        after = sha256(repository.path / MODEL)
        seconds = repository.timed("checkout", "--quiet", "HEAD~1")
        if sha256(repository.path / MODEL) == after:
            raise RuntimeError(f"{repository.home.tool.name}: the checkpoint didn't change with the commit")
        repository.settle()
        seconds += repository.timed("checkout", "--quiet", "main")
        expect(repository, after)
        repository.settle()
        return seconds / 2

    yield beside("git add, 1 of 100 tensors changed", _measure(plan, repositories, changed), 0.20)
    yield beside("git status after touch", _measure(plan, repositories, touched), 0.15)
    yield beside("git checkout of the file", _measure(plan, repositories, restored), 0.45)
    yield beside("git checkout of a commit, 1 of 100 changed", _measure(plan, repositories, switched), 0.45)
    remove(repositories)


def _peaks(plan: Plan, source: Path, label: str) -> Iterator[Row]:
    if not memory.available():
        return
    repositories = begin(plan, "memory")
    git: dict[str, dict[str, float]] = defaultdict(dict)
    filters: dict[str, dict[str, float]] = defaultdict(dict)

    def watch(verb: str, *arguments: str) -> None:
        for name, repository in repositories.items():
            found = memory.peak(repository, *arguments)
            git[verb][name], filters[verb][name] = found.git / 1e6, found.filter / 1e6

    for repository in repositories.values():
        shutil.copyfile(source, repository.path / MODEL)
    watch("add", "add", MODEL)
    for repository in repositories.values():
        repository.stored_bytes()
        repository.commit()
        os.utime(repository.path / MODEL)
    watch("status after touch", "status")
    for repository in repositories.values():
        repository.settle()
        (repository.path / MODEL).unlink()
    watch("checkout", "checkout", "--", MODEL)
    for verb in git:
        for who, peak, limit in (("git", git[verb], 50), ("filter", filters[verb], 400)):
            samples = {name: [value] for name, value in peak.items()}
            yield row(f"memory of {who}, {verb}{label}", "MB", samples, limit=limit)
    remove(repositories)


def _size(plan: Plan, source: Path, name: str, limit: float | None) -> Row:
    repositories = begin(plan, "size")
    shares = {}
    for tool, repository in repositories.items():
        shutil.copyfile(source, repository.path / MODEL)
        repository.git("add", MODEL)
        shares[tool] = [repository.stored_bytes() / source.stat().st_size]
    remove(repositories)
    return row(name, "of file", shares, limit=limit)


def _handshake(repository: Repository) -> float:
    """Seconds from the start of the filter's shell until it has told its capabilities."""
    start = time.perf_counter()
    with subprocess.Popen(
        ["sh", "-c", repository.home.filter_command()],
        cwd=repository.path,
        env=repository.home.env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        start = time.perf_counter()
        for lines in (("git-filter-client", "version=2"), ("capability=clean", "capability=smudge")):
            for line in lines:
                process.stdin.write(b"%04x%s\n" % (len(line) + 5, line.encode()))
            process.stdin.write(b"0000")
            process.stdin.flush()
            while (size := int(process.stdout.read(4) or b"0", 16)) > 0:
                process.stdout.read(size - 4)
        seconds = time.perf_counter() - start
        process.stdin.close()
    return seconds


def _started(trace: Path) -> int:
    """How many processes the traced git started itself; `git add` starts none but filters.

    Raises:
        RuntimeError: None, so no filter ran and nothing was measured.
    """
    events = map(json.loads, trace.read_text().splitlines())
    # The session of a git that another one started has a slash.
    count = sum(bool(event["event"] == "child_start" and "/" not in event["sid"]) for event in events)
    if not count:
        raise RuntimeError("git started no filter: the tool isn't installed, or doesn't track the files")
    return count


def _measure(
    plan: Plan, repositories: Mapping[str, Repository], step: Callable[[Repository, int], float]
) -> Samples:
    samples: dict[str, list[float]] = defaultdict(list)
    for repetition in range(plan.repeat):
        for name, repository in in_turn(repositories, repetition):
            samples[name].append(step(repository, repetition))
    return samples
