"""Readers of settings: Git's configuration, tracked files, merge rules, and attributes."""

from __future__ import annotations

import json
from random import Random

from git_theta.combine.mergekit import read as mergekit_read
from git_theta.encoding.allowed_updates import parse_update_names
from git_theta.git.plumbing.command import parse_config
from git_theta.git.repository.gitattributes import tracked_patterns, untrack, value_of
from git_theta.legacy.metadata import parse_metadata
from git_theta.merging.row_order import row_keys
from git_theta.merging.rule_text import parse_lines, parse_toml
from git_theta.merging.rules import MergeRules
from git_theta.merging.settings_versions import parsed_settings
from git_theta.merging.tokens import TOKENIZER
from git_theta.settings import from_config, parse_size
from git_theta.sharding.index_file import false_claims, parse_index
from git_theta.sharding.merged_index import index_bytes, merge_indexes
from git_theta.store.lfs.http_settings import HttpSettings
from tests.fuzz.target import Target

_KEYS = (
    "theta.threads",
    "theta.maxdepth",
    "theta.fetch",
    "theta.hooks",
    "theta.update",
    "theta.materialisethreshold",
    "http.sslverify",
    "http.https://example.org.proxy",
    "http.https://*.org/.extraheader",
    "lfs.activitytimeout",
    "lfs.dialtimeout",
)
_VALUES = (
    "1",
    "0",
    "true",
    "auto",
    "lazy",
    "256m",
    "dense,delta",
    "",
    "²",
    "٣",
    "9" * 5000,
    "Authorization: x",
    "[",
)


def config(random: Random) -> bytes:
    """The output of `git config --list -z`."""
    count = random.randrange(6)
    return b"".join(f"{random.choice(_KEYS)}\n{random.choice(_VALUES)}\0".encode() for _ in range(count))


def read_config(data: bytes) -> None:
    """Read all settings that git-theta has."""
    settings = parse_config(data)
    http = HttpSettings(settings, {})
    for url in ("https://example.org/lfs", "http://[::1]:80/x"):
        http.tls(url)
        http.headers(url, own=True)
    found = from_config(settings, {})
    assert found.thread_count > 0
    parse_update_names(found.update)


_RULE = (
    '[[merge]]\nstrategy = "ties"\npath = ["*.pt"]\nparameters = "a.*"\n[merge.options]\ndensity = 0.5\n',
    '[[merge]]\nstrategy = "average"\n',
    '[remote]\nurl = "s3://bucket/x"\n',
)


def toml(random: Random) -> bytes:
    """A `.theta/config.toml`."""
    return "".join(random.choice(_RULE) for _ in range(random.randrange(4))).encode()


def read_toml(data: bytes) -> None:
    """Read merge rules, and look for those of a parameter."""
    rules = MergeRules(parse_toml(data, "config.toml")).of_path("a/b.pt")
    assert list(rules.to_try("a.b/c"))


def tokenizer(random: Random) -> bytes:
    """A file of tokens."""
    ids = {f"t{number}": number for number in range(random.randrange(6))}
    vocabulary: object = ids if random.random() < 0.5 else [[token, -1.5] for token in ids]
    added = [{"id": random.choice((len(ids), 0)), "content": "<s>", "special": True}]
    return json.dumps({"added_tokens": added, "model": {"type": "BPE", "vocab": vocabulary}}).encode()


def read_tokenizer(data: bytes) -> None:
    """Read the tokens of a vocabulary, and give rows their names."""
    tokens = parsed_settings(TOKENIZER, data)
    assert len(row_keys(5, tokens)) == 5


_MERGEKIT = (
    "merge_method: ties\nbase_model: c\nmodels: [{model: a}, {model: b, parameters: {density: [0, 1]}}]\n",
    "merge_method: passthrough\nslices:\n  - sources: [{model: a, layer_range: [0, 4]}]\n",
    "parameters:\n  weight: [{filter: mlp, value: 0.5}, {value: 1e-4}]\n  normalize: true\n",
    "dtype: bfloat16\n",
)


def mergekit(random: Random) -> bytes:
    """A merge for mergekit."""
    return "".join(random.sample(_MERGEKIT, random.randint(1, 4))).encode()


def read_mergekit(data: bytes) -> None:
    """Read a merge for mergekit."""
    assert mergekit_read.read_config(data, "merge.yml").models


def rules(random: Random) -> bytes:
    """Merge rules in lines."""
    words = (
        "density=0.5",
        "path=*.pt",
        "parameters='a b'",
        "weights=1,2",
        "rename=a.*=*",
        "dtype=BF16",
        "rows=union",
        '"',
        "x=",
        "path=[a-",
        "path=a**b*c",
    )
    lines = (
        " ".join((random.choice(("ties", "rows=ours")), *random.sample(words, random.randrange(4))))
        for _ in range(2)
    )
    return ";".join(lines).encode()


def read_rules(data: bytes) -> None:
    """Read merge rules, whose text gives them again."""
    found = parse_lines(data.decode("utf-8", "surrogateescape"))
    assert parse_lines("\n".join(map(str, found)).replace(";", "")) or not found or b";" in data
    assert list(MergeRules(found).of_path("a/b.pt").to_try("a.b/c"))


def attributes(random: Random) -> bytes:
    """A `.gitattributes`."""
    lines = (
        "*.pt filter=theta diff=theta",
        '"a b" filter=theta',
        "[attr]x y",
        "# no",
        "a -filter",
        "*.bin theta-merge=x",
    )
    return "\n".join(random.choice(lines) for _ in range(random.randrange(6))).encode()


def read_attributes(data: bytes) -> None:
    """Read patterns of tracked files, and untrack them; then none is left."""
    text = data.decode("utf-8", "surrogateescape")
    patterns = tracked_patterns(text)
    for pattern in patterns:
        value_of(text, pattern, "theta-merge")
    assert not tracked_patterns(untrack(text, patterns)[0])


def size(random: Random) -> bytes:
    """A size, such as `256m`."""
    return f"{random.randrange(1000)}{random.choice('kmgKMG')}{random.choice(('', 'b', 'iB'))}".encode()


def read_size(data: bytes) -> None:
    """Read a size."""
    assert parse_size(data.decode("utf-8", "replace")) >= 0


def metadata(random: Random) -> bytes:
    """The metadata of a model that git-theta 0.2 stored."""
    tensor = {"shape": "(2, 3)", "dtype": "float32", "hash": [1, 2]}
    pointer = {"version": "v", "oid": random.randbytes(32).hex(), "size": "5"}
    update = {"update_type": random.choice(("dense", "sparse")), "last_commit": None}
    leaf = {"tensor_metadata": tensor, "lfs_metadata": pointer, "theta_metadata": update}
    return json.dumps({"a": {"b": leaf, "c": leaf}}).encode()


def shard_index(random: Random) -> bytes:
    """The index of a model's shards: base, ours and theirs, one after the other."""

    def version() -> dict[str, object]:
        places = {f"p{number}": f"shard-{random.randrange(1, 4)}" for number in range(random.randrange(1, 6))}
        metadata = {"total_size": random.randrange(1000), "total_parameters": 3, "note": random.choice("ab")}
        return {"metadata": metadata, "weight_map": places}

    return b"\0".join(json.dumps(version(), indent=2).encode() for _ in range(3))


def read_shard_index(data: bytes) -> None:
    """Read three versions of an index, merge them, and write the result, which reads as the same."""
    texts = [*data.split(b"\0"), b"", b""][:3]
    base, ours, theirs = (parse_index(text, "i") for text in texts)
    assert not false_claims(ours, ours.places)
    merged = merge_indexes(
        base, ours, theirs, [dict.fromkeys(each.places, 4) for each in (base, ours, theirs)]
    )
    written = parse_index(index_bytes(merged.document, texts[1]), "i")
    assert written.places == merged.document["weight_map"]
    assert merge_indexes(base, ours, ours).document["weight_map"] == ours.places


_TOML = (
    b"[",
    b"]",
    b"[[merge]]",
    b"strategy",
    b"=",
    b'"""',
    b"inf",
    b"nan",
    b"1979-05-27",
    b"\\u0000",
    b"\xff",
    b"{",
)

SETTINGS_TARGETS = (
    Target("config", config, read_config, tuple(f"\0{key}\n".encode() for key in _KEYS), share=0.6),
    Target("toml", toml, read_toml, _TOML),
    Target("mergekit", mergekit, read_mergekit, (b"&a", b"*a", b"<<", b"!!int", b"{", b"[", b"- ", b".inf")),
    Target(
        "tokenizer", tokenizer, read_tokenizer, (b"[", b"{", b"null", b"-1", b"1e99", b"9" * 5000, b"\\ud800")
    ),
    Target(
        "shard-index",
        shard_index,
        read_shard_index,
        (b"{", b"[", b"null", b"9" * 5000, b"\\ud800", b"..", b'"weight_map"', b"NaN", b"-1"),
        share=0.7,
    ),
    Target("merge-rules", rules, read_rules, (b"'", b'"', b"\\", b"=", b";", b"path=", b"[!", b"*" * 40)),
    Target("attributes", attributes, read_attributes, (b"\n", b'"', b" ", b"\\", b"filter=theta", b"[attr]")),
    Target(
        "size", size, lambda data: parse_size(data.decode("utf-8", "replace")), ("²".encode(), "٣".encode())
    ),
    Target(
        "legacy-metadata", metadata, parse_metadata, (b"null", b"(", b"9" * 30, b"{", b"[[", b"NaN", b'""')
    ),
)
