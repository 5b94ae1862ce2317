"""CycloneDX: a machine-learning bill of materials (ML-BOM) in JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import quote
from uuid import NAMESPACE_URL, uuid5

from git_theta.lineage.exports.hub_names import hub_name
from git_theta.lineage.exports.library import required_library
from git_theta.lineage.exports.lineage_document import (
    PRODUCER,
    ExportedModel,
    ExportedParent,
    HashedFile,
    LineageDocument,
    joined,
)
from git_theta.version import __version__

if TYPE_CHECKING:
    from cyclonedx.model import ExternalReference, HashType, Property
    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import Component
    from packageurl import PackageURL

#: Names of properties begin with this.
_PREFIX = "git-theta:"


def cyclonedx_bytes(document: LineageDocument) -> bytes:
    """The bill of materials: a component for each model, with its parents as ancestors.

    Raises:
        UsageError: cyclonedx-python-lib isn't installed.
    """
    required_library("cyclonedx.model.bom", "cyclonedx-python-lib")
    from cyclonedx.output.json import JsonV1Dot7

    return (JsonV1Dot7(_bom(document)).output_as_string(indent=2) + "\n").encode()


def _bom(document: LineageDocument) -> Bom:
    from cyclonedx.model.bom import Bom, BomMetaData
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.model.tool import ToolRepository

    components = {model.node.path: _component(model) for model in document.models}
    subjects = [components[model.node.path] for model in document.subjects]
    root = subjects[0] if len(subjects) == 1 else None
    tool = Component(name="git-theta", version=__version__, type=ComponentType.APPLICATION)
    key = " ".join([PRODUCER, document.url, document.commit, *sorted(document.chosen)])
    bom = Bom(
        serial_number=uuid5(NAMESPACE_URL, key),
        metadata=BomMetaData(
            timestamp=document.date,
            tools=ToolRepository(components=[tool]),
            component=root,
            properties=_properties({"commit": document.commit, "repository": document.url}),
        ),
        components=[component for component in components.values() if component is not root],
    )
    for model in document.models:
        above = [components[parent.derivation.parent] for parent in model.parents]
        bom.register_dependency(components[model.node.path], above)
    return bom


def _component(model: ExportedModel) -> Component:
    from cyclonedx.model.component import Component, ComponentType, Pedigree

    node = model.node
    return Component(
        type=ComponentType.MACHINE_LEARNING_MODEL,
        name=node.path,
        version=node.model or None,
        bom_ref=f"model:{node.path}",
        purl=_package_url(node.path),
        hashes=_hashes(model.files),
        components=_parts(node.path, model.files),
        pedigree=Pedigree(ancestors=list(map(_ancestor, model.parents))) if model.parents else None,
        external_references=[_card(model.card)] if model.card else [],
        properties=_properties(
            {
                "format": node.format,
                "parameters": str(node.parameters or ""),
                "verified": joined(model.verified),
                "stated": joined((*model.stated, *(("command",) if model.run else ()))),
                "command": "\n".join(model.run.command) if model.run else "",
                "remarks": "\n".join(model.remarks),
            }
        ),
    )


def _ancestor(parent: ExportedParent) -> Component:
    """The version of a parent that a model was made from, with what's said of the derivation."""
    from cyclonedx.model.component import Component, ComponentType

    edge = parent.derivation
    return Component(
        type=ComponentType.MACHINE_LEARNING_MODEL,
        name=edge.parent,
        version=edge.parent_model or None,
        purl=_package_url(edge.parent),
        hashes=_hashes(parent.files),
        components=_parts("", parent.files),
        properties=_properties(
            {
                "relation": edge.relation,
                "source": edge.source,
                "why": edge.why,
                "frozen": "\n".join(edge.frozen),
                "verified": joined(parent.verified),
                "stated": joined(parent.stated),
                "remarks": "\n".join(parent.unknown),
            }
        ),
    )


def _parts(model: str, files: tuple[HashedFile, ...]) -> list[Component]:
    """Components for the files of a model that has several.

    Args:
        model: The model's path, for references to them; empty for none.
        files: The files.
    """
    from cyclonedx.model.component import Component, ComponentType

    if len(files) < 2:
        return []
    return [
        Component(
            type=ComponentType.FILE,
            name=file.path,
            bom_ref=f"file:{model}:{file.path}" if model else None,
            hashes=_hashes((file,)),
        )
        for file in files
    ]


def _hashes(files: tuple[HashedFile, ...]) -> Iterable[HashType]:
    """The digests of a model's only file; none if it has several."""
    from cyclonedx.model import HashAlgorithm, HashType

    if len(files) != 1:
        return []
    return [
        HashType(alg=HashAlgorithm.SHA_256, content=files[0].sha256),
        HashType(alg=HashAlgorithm.BLAKE3, content=files[0].blake3),
    ]


def _card(card: HashedFile) -> ExternalReference:
    from cyclonedx.model import ExternalReference, ExternalReferenceType, XsUri

    return ExternalReference(
        type=ExternalReferenceType.MODEL_CARD, url=XsUri(quote(card.path)), hashes=_hashes((card,))
    )


def _package_url(name: str) -> PackageURL | None:
    """The package URL of a model on the Hugging Face Hub."""
    from packageurl import PackageURL

    found = hub_name(name)
    if found is None:
        return None
    namespace, _, model = found.name.rpartition("/")
    return PackageURL("huggingface", namespace or None, model, found.revision or None) if model else None


def _properties(values: dict[str, str]) -> list[Property]:
    from cyclonedx.model import Property

    return [Property(name=f"{_PREFIX}{name}", value=value) for name, value in values.items() if value]
