"""`git theta export`."""

from __future__ import annotations

import re
from pathlib import Path

import click

from git_theta.export.plan import DTYPES
from git_theta.export.targets import TARGETS
from git_theta.git.merge.export_model import ExportChoices, export_model

_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "KI": 1 << 10, "MI": 1 << 20, "GI": 1 << 30}

_SIZE = re.compile(r"(\d{1,15})\s*([KMG]?I?)B?", re.ASCII)

_EPILOG = """\b
Examples:
  git theta export HEAD~1:model.pt model.safetensors
  git theta export last.ckpt --params 'state_dict/*' --strip state_dict/ weights.safetensors
  git theta export v2:llama --to safetensors --dtype BF16 --max-shard-size 5GB out/model.safetensors
  git theta export model.safetensors --dtype F16 model.gguf
"""


def _shard_size(_context: click.Context, _option: click.Parameter, text: str | None) -> int | None:
    """The number of bytes in a size as Hugging Face's libraries write it: `5GB`, `500MiB`."""
    if text is None:
        return None
    match = _SIZE.fullmatch(text.strip().upper())
    if not match or not int(match[1]) or match[2] == "I":
        raise click.BadParameter(f"{text!r} isn't a size such as 5GB, 500MB or 2GiB")
    return int(match[1]) * _UNITS[match[2]]


@click.command("export", epilog=_EPILOG, short_help="Write a model in another format.")
@click.argument("model", metavar="[REV:]PATH")
@click.argument("output", metavar="OUT", type=click.Path(path_type=Path))
@click.option(
    "--to", "target", type=click.Choice([*TARGETS]), help="The format; by default, OUT's name says it."
)
@click.option(
    "--dtype",
    type=click.Choice(DTYPES, case_sensitive=False),
    help="Convert floating-point tensors of 16 bits or more, rounding to nearest.",
)
@click.option("--params", multiple=True, metavar="NAME|GLOB", help="Only these parameters; may be repeated.")
@click.option("--strip", default="", metavar="PREFIX", help="Leave this beginning of names out.")
@click.option(
    "--max-shard-size",
    "shard_size",
    callback=_shard_size,
    metavar="SIZE",
    help="Split the model into files of at most this size, and write their index: safetensors and pt.",
)
@click.option("--force", is_flag=True, help="Overwrite files that are there.")
def command(
    model: str,
    output: Path,
    target: str | None,
    dtype: str | None,
    params: tuple[str, ...],
    strip: str,
    shard_size: int | None,
    force: bool,
) -> None:
    """Write the tensors of a model to OUT, in another format, dtype or number of files.

    The model is a checkpoint file, a folder in which a library saved one (with shards or without), or a
    version in Git: REV:PATH, the path of which may be such a folder, too. No repository is needed for files.

    Without --dtype, every value keeps its bits. Quantised values are never converted. Only tensors are
    written, and the metadata from safetensors to safetensors: what is left out is said. With
    --max-shard-size, OUT names the index: model.safetensors becomes model-00001-of-00003.safetensors and so
    on, and model.safetensors.index.json.
    """
    export_model(model, output, ExportChoices(target, dtype, params, strip, shard_size, force))
