"""Writes the pages of the commands from the commands themselves: `python docs/make.py`.

`man/git-theta.1` is the manual page. `commands/NAME.md` is one page a command, followed by the text of
`commands/extra/NAME.md` if there is one. `plugins.md` quotes files of `examples`. The same commands and files
give the same bytes; nothing has a date.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from git_theta import __version__, errors
from git_theta.cli import COMMANDS, cli
from git_theta.settings import DEFAULT_DEPTH, DEPTH_FACTOR

DOCS = Path(__file__).parent

DESCRIPTION = (
    (
        "git-theta versions checkpoints: files that hold the parameters of a model. After `git theta "
        "install` and `git theta track '*.safetensors'`, ordinary git commands do the work."
    ),
    (
        "Git stores a small text, the manifest, in place of a checkpoint. It has a line for each parameter. "
        "The values are objects beside Git's own, each stored once. What `git checkout` writes is, byte for "
        "byte, what `git add` read."
    ),
    "Checkpoints are never unpickled, and nothing in them is executed.",
)

SETTINGS = {
    "theta.materialiseThreshold": (
        "Files of at least this size are written after Git has finished, so that Git never holds them in "
        "memory. A number with an optional k, m or g. The default is 256m."
    ),
    "theta.threads": (
        "Threads for hashing, compression and decoding. 0, the default, means one a core, at most 8."
    ),
    "theta.hooks": "Whether the filter installs hooks where they're missing. The default is true.",
    "theta.update": (
        "Which updates a changed parameter may be stored as. `auto`, the default, means delta, sparse, "
        "low-rank and rows; `dense` means none; otherwise names with commas between. For some files, the "
        "attribute `theta-update` says it instead: see `git theta track --update`."
    ),
    "theta.maxDepth": (
        f"How many updates should stand on each other, the dense value at the bottom included. The default "
        f"is {DEFAULT_DEPTH}. Deeper chains are smaller, and slower to check out. Updates that save much by "
        f"it may make them up to {DEPTH_FACTOR} times as deep."
    ),
    "theta.maxWork": (
        "How much work the values of a file may take beyond what their stored bytes pay for, so that a "
        "stranger's file of some bytes can't take years: a size, in bytes decoded or numbers computed. The "
        "default is 4g. Raise it for a file that is refused, if you trust its author."
    ),
    "theta.maxMemory": (
        "How much memory decoding a value may take. The default is 512m, for about 60 inputs of a merge."
    ),
    "theta.merge": (
        "How merges combine a parameter that several sides changed: a strategy, and its options as "
        "`OPTION=VALUE` with spaces between. The default is `average`. `git theta merge --list` has them "
        "all. With `ask`, merges ask on the terminal, as `git theta merge-tool` does."
    ),
    "theta.mergeRule": (
        "As `theta.merge`, for some parameters, with `parameters=GLOB`, or some files, with `path=GLOB`. "
        "There may be several; the last one that matches counts, before `theta.merge`."
    ),
    "theta.fetch": (
        "With `lazy`, a checkout leaves the manifests of files whose objects aren't here; `git theta pull` "
        "gets them later. The default is `auto`."
    ),
    "theta.remote.NAME.url": (
        "The place of a Git remote's objects, if not its own repository: `s3://BUCKET/PREFIX`, `gs://`, "
        "`az://`, `ssh://HOST/PATH`, a folder, or a URL whose scheme a package of plugins offers. Buckets "
        "need the extra: pip install 'git-theta[buckets]'."
    ),
    "theta.pruneRecent": (
        "How long `git theta prune` keeps what versions need: `10 days`, the default, `2w`, `36h`. A number "
        "alone is in days."
    ),
    "theta.pruneVerifyRemote": (
        "Whether `git theta prune` asks the remote for each object before it deletes it. The default is true."
    ),
}

VARIABLES = {
    "GIT_THETA_THREADS": "As `theta.threads`, and stronger.",
    "GIT_THETA_SKIP_SMUDGE": "If `1`, as `theta.fetch=lazy`.",
    "GIT_THETA_MERGE": "Merge rules with semicolons between, stronger than those of the configuration.",
}

FILES = {
    ".gitattributes": "Which files are tracked. Written by `git theta track`.",
    ".theta/lineage": "Which model was made from which, a record a model. Written by `git theta lineage`.",
    ".theta/config.toml": "Merge rules for everybody with the repository: `[[merge]]` tables.",
    ".git/theta/objects": "The objects: the values of parameters, each file named by its SHA-256.",
    ".git/theta/cache.sqlite": "What is known of files that were read before. Safe to delete.",
    ".git/theta/sketches-1.sqlite": "Some elements of stored values, to find similar ones. Safe to delete.",
    ".git/theta/tmp": "Files being written. `git theta fsck` and `git theta checkout` remove leftovers.",
    ".git/hooks": (
        "pre-push sends objects. Where others have post-checkout, post-merge or post-rewrite, "
        "ours writes large checkpoints before they run."
    ),
}

CODES = (
    errors.ThetaError,
    errors.UsageError,
    errors.FormatError,
    errors.ManifestError,
    errors.MissingObjectError,
    errors.CorruptError,
    errors.GitError,
)


@dataclass(frozen=True, slots=True)
class Page:
    """What there is to say about a command.

    Attributes:
        name: The command.
        summary: One line.
        usage: How to call it.
        paragraphs: The help text; a paragraph is one line.
        options: How an option is written → what it does.
        examples: Lines of shell.
    """

    name: str
    summary: str
    usage: str
    paragraphs: tuple[str, ...]
    options: dict[str, str]
    examples: tuple[str, ...]


def pages() -> Iterator[Page]:
    """A page for each command, in the order of help."""
    context = click.Context(cli)
    for name, summary in COMMANDS.items():
        command = cli.get_command(context, name)
        assert command is not None  # noqa: S101
        arguments = [_argument(param) for param in command.params if isinstance(param, click.Argument)]
        options = {
            _written(param): param.help or ""
            for param in command.params
            if isinstance(param, click.Option) and not param.hidden
        }
        usage = " ".join(["git theta", name, *(["[OPTIONS]"] if options else []), *arguments])
        paragraphs = tuple(" ".join(part.split()) for part in re.split(r"\n\s*\n", command.help or ""))
        yield Page(name, summary, usage, paragraphs, options, _examples(command.epilog or ""))


def _argument(param: click.Argument) -> str:
    written = param.metavar or (param.name or "").upper()
    if not param.required and param.metavar is None:
        written = f"[{written}]"
    return written + ("..." if param.nargs == -1 else "")


def _written(param: click.Option) -> str:
    written = ", ".join(param.opts)
    if param.secondary_opts:
        written += " / " + ", ".join(param.secondary_opts)
    if isinstance(param.type, click.Choice):
        written += f" [{'|'.join(map(str, param.type.choices))}]"
    elif not param.is_flag:
        written += f" {(param.metavar or param.type.name).upper()}"
    return written


def _examples(epilog: str) -> tuple[str, ...]:
    _, _, text = epilog.partition("Examples:\n")
    return tuple(textwrap.dedent(text).strip().splitlines())


# Markdown


def markdown(page: Page) -> str:
    """The page of a command, without its extra text."""
    parts = [
        f"# git theta {page.name}",
        page.summary,
        f"```\n{page.usage}\n```",
        *(_no_markup(paragraph) for paragraph in page.paragraphs),
    ]
    if page.options:
        rows = (f"| `{_cell(key)}` | {_cell(_no_markup(text))} |" for key, text in page.options.items())
        parts.append("\n".join(["| option | what it does |", "|---|---|", *rows]))
    if page.examples:
        parts += ["## Examples", "\n".join(["```", *page.examples, "```"])]
    return "\n\n".join(parts) + "\n"


def _no_markup(text: str) -> str:
    """Escape what Markdown would read as emphasis or a tag, outside of code."""
    pieces = re.split(r"(`[^`]*`)", text)
    return "".join(
        piece if piece.startswith("`") else re.sub(r"([*<_\[])", r"\\\1", piece) for piece in pieces
    )


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


# roff


def manual(found: list[Page]) -> str:
    """The manual page, as roff with the `man` macros."""
    lines = [
        '.\\" Made by docs/make.py. Edit the commands, not this file.',
        f'.TH GIT-THETA 1 "" "git-theta {__version__}" "Git Manual"',
        ".SH NAME",
        f"git\\-theta \\- {_roff('version machine-learning models with Git, parameter by parameter')}",
        ".SH SYNOPSIS",
        *_synopsis("git theta COMMAND [ARGUMENTS]"),
        ".SH DESCRIPTION",
    ]
    lines += _paragraphs(DESCRIPTION)
    lines += [".SH COMMANDS"]
    for page in found:
        lines += [f".SS {_quoted(page.name)}", _markup(page.summary), ".sp", *_synopsis(page.usage)]
        lines += _paragraphs(page.paragraphs)
        lines += _definitions(page.options)
        if page.examples:
            lines += [".PP", "Examples:", ".PP", ".RS 4", ".nf", *map(_roff, page.examples), ".fi", ".RE"]
    lines += [".SH FILES", *_definitions(FILES)]
    lines += [".SH CONFIGURATION", "Set with", "\\fBgit config\\fR."]
    lines += _definitions(SETTINGS)
    lines += [".SH ENVIRONMENT", *_definitions(VARIABLES)]
    lines += [".SH EXIT STATUS", *_definitions({"0": "All is well.", **_codes()})]
    lines += [".SH SEE ALSO"]
    others = ["git(1)", "gitattributes(5)", "githooks(5)", "git-config(1)", "git-lfs(1)"]
    lines += [",\n".join(f"\\fB{_roff(name[:-3])}\\fR{name[-3:]}" for name in others)]
    return "\n".join(lines) + "\n"


def _codes() -> dict[str, str]:
    found = {str(kind.exit_code): (kind.__doc__ or "").strip().splitlines()[0] for kind in CODES}
    return {
        **found,
        "1": "Any other failure.",
        "130": "Interrupted.",
        "141": "The reader of the output went away.",
    }


def _synopsis(usage: str) -> list[str]:
    git, theta, *rest = usage.split(" ")
    words = [git, theta, *rest[: 0 if rest[0].isupper() else 1]]
    arguments = [_roff(word) for word in rest[len(words) - 2 :]]
    return [" ".join([f"\\fB{_roff(' '.join(words))}\\fR", *arguments])]


def _paragraphs(paragraphs: tuple[str, ...]) -> list[str]:
    return [line for paragraph in paragraphs for line in (".PP", *_sentences(paragraph))]


def _definitions(entries: dict[str, str]) -> list[str]:
    return [
        line
        for term, text in entries.items()
        for line in (".TP", f"\\fB{_roff(term)}\\fR", *(_sentences(text) or ["\\&"]))
    ]


def _sentences(text: str) -> list[str]:
    """One line a sentence: roff then spaces them well, and changes are easy to see."""
    return [_markup(sentence) for sentence in re.split(r"(?<=[.]) ", text) if sentence]


def _markup(text: str) -> str:
    """Escape a text; what is between backquotes becomes bold."""
    pieces = text.split("`")
    return "".join(
        f"\\fB{_roff(piece)}\\fR" if index % 2 else _roff(piece, start=index == 0)
        for index, piece in enumerate(pieces)
    )


def _roff(text: str, *, start: bool = True) -> str:
    """Escape plain text: backslashes, hyphens that are typed, quotes that must stay straight."""
    for plain, escaped in (
        ("\\", "\\e"),
        ("-", "\\-"),
        ("'", "\\(aq"),
        ("`", "\\(ga"),
        ("^", "\\(ha"),
        ("~", "\\(ti"),
    ):
        text = text.replace(plain, escaped)
    return f"\\&{text}" if start and text.startswith(".") else text


def _quoted(text: str) -> str:
    return f'"{_roff(text)}"'


#: A quoted file: its path below `docs` in a comment, then a block of code.
_QUOTE = re.compile(r"(<!-- (examples/\S+) -->\n\n```\w*\n).*?(^```\n)", re.DOTALL | re.MULTILINE)


def with_quotes(text: str) -> str:
    """A page whose quoted files are as they're now."""

    def quoted(match: re.Match[str]) -> str:
        return match[1] + (DOCS / match[2]).read_text(encoding="utf-8") + match[3]

    return _QUOTE.sub(quoted, text)


def outputs() -> dict[Path, str]:
    """Every generated file: path below `docs` → text."""
    found = list(pages())
    texts = {Path("man/git-theta.1"): manual(found)}
    for page in found:
        extra = DOCS / "commands" / "extra" / f"{page.name}.md"
        text = markdown(page)
        if extra.exists():
            text += "\n" + extra.read_text(encoding="utf-8").strip() + "\n"
        texts[Path("commands") / f"{page.name}.md"] = text
    plugins = Path("plugins.md")
    texts[plugins] = with_quotes((DOCS / plugins).read_text(encoding="utf-8"))
    return texts


def main() -> None:
    """Write every generated file."""
    for path, text in outputs().items():
        target = DOCS / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
