"""Model cards: YAML as the Hugging Face Hub reads it, and the lineage in words and tables below."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from git_theta.errors import UsageError
from git_theta.lineage.exports.hub_names import hub_name
from git_theta.lineage.exports.library import required_library
from git_theta.lineage.exports.lineage_document import (
    ExportedModel,
    ExportedParent,
    LineageDocument,
    joined,
)
from git_theta.lineage.sources.model_card import RELATIONS

#: The relation of an edge that says no more than that there is one.
_UNSTATED = "derived"

#: Punctuation that Markdown or HTML may read as its own. A backslash takes that meaning away.
_MARKS = re.compile(r"([\\`*_{}\[\]()<>#+!|&~$^@:])")


def model_card_bytes(document: LineageDocument) -> bytes:
    """The card of a model.

    Raises:
        UsageError: The document isn't about one model, or PyYAML isn't installed.
    """
    yaml: Any = required_library("yaml", "PyYAML")
    if len(document.subjects) != 1:
        raise UsageError(
            f"a model card is of one model, not of {len(document.subjects)}",
            "name the model: git theta lineage export --to modelcard MODEL",
        )
    (model,) = document.subjects
    head = yaml.safe_dump(_head(document, model), sort_keys=False, allow_unicode=True, width=1 << 20)
    body = "\n".join(_body(document, model))
    return f"---\n{head}---\n\n{body}\n".encode()


def _head(document: LineageDocument, model: ExportedModel) -> dict[str, Any]:
    """The YAML: keys of the Hub, and one of git-theta with all that was recorded and checked."""
    bases, relation = _hub_bases(document, model)
    head: dict[str, Any] = {}
    if bases:
        head["base_model"] = bases[0] if len(bases) == 1 else bases
    if bases and relation in RELATIONS:
        head["base_model_relation"] = relation
    own = {
        "path": model.node.path,
        "commit": document.commit,
        "repository": document.url,
        "model": model.node.model,
        "files": [{"path": file.path, "size": file.size, "sha256": file.sha256} for file in model.files],
        "parents": list(map(_parent, model.parents)),
        "verified": list(model.verified),
        "stated": list(model.stated),
        "remarks": list(model.remarks),
    }
    head["git-theta"] = {key: value for key, value in own.items() if value not in ("", [])}
    return head


def _parent(parent: ExportedParent) -> dict[str, Any]:
    edge = parent.derivation
    fields = {
        "name": edge.parent,
        "model": edge.parent_model,
        "relation": edge.relation,
        "source": edge.source,
        "why": edge.why,
        "frozen": list(edge.frozen),
        "verified": list(parent.verified),
        "stated": list(parent.stated),
        "remarks": list(parent.unknown),
    }
    return {key: value for key, value in fields.items() if value not in ("", [])}


def _hub_bases(document: LineageDocument, model: ExportedModel) -> tuple[list[str], str]:
    """The nearest ancestors on the Hub, and how the model was derived from them.

    Parents in the repository have no name there, so their parents count. The relation is that of all
    derivations on the way that have one; empty if these differ.
    """
    names: dict[str, None] = {}
    relations: set[str] = set()
    waiting, seen = [model], {model.node.path}
    while waiting:
        for parent in waiting.pop(0).parents:
            edge = parent.derivation
            on_hub = hub_name(edge.parent)
            if on_hub:
                names[on_hub.name] = None
            elif edge.parent in document.by_path and edge.parent not in seen:
                seen.add(edge.parent)
                waiting.append(document.by_path[edge.parent])
            if edge.relation != _UNSTATED:
                relations.add(edge.relation)
    return list(names), relations.pop() if len(relations) == 1 else ""


def _body(document: LineageDocument, model: ExportedModel) -> Iterator[str]:
    yield "## Lineage"
    yield ""
    yield f"Of {_escaped(model.node.path)} at commit `{document.commit[:12]}`."
    if model.parents:
        yield ""
        yield "| made from | relation | version | verified | stated |"
        yield "|---|---|---|---|---|"
        for parent in model.parents:
            edge = parent.derivation
            cells = (edge.parent, edge.relation, edge.parent_model[7:19], *_claims(parent))
            yield f"| {' | '.join(map(_escaped, cells))} |"
    if model.run:
        yield ""
        yield f"Stated, not verified: it was made by the command {_escaped(' '.join(model.run.command))}."
    if model.files:
        yield ""
        yield "| file | bytes | SHA-256, verified |"
        yield "|---|---|---|"
        for file in model.files:
            yield f"| {_escaped(file.path)} | {file.size} | `{file.sha256}` |"
    for remark in (*model.remarks, *(each for parent in model.parents for each in parent.unknown)):
        yield ""
        yield f"Not verified: {_escaped(remark)}."


def _claims(parent: ExportedParent) -> tuple[str, str]:
    return joined(parent.verified), joined(parent.stated)


def _escaped(text: str) -> str:
    """Text that Markdown and HTML take as it is."""
    return _MARKS.sub(r"\\\1", text)
