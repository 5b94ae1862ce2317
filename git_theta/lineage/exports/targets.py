"""The formats that a lineage can be exported to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from git_theta.lineage.exports.cyclonedx_bom import cyclonedx_bytes
from git_theta.lineage.exports.graphml import graphml_bytes
from git_theta.lineage.exports.in_toto_statements import in_toto_bytes
from git_theta.lineage.exports.lineage_document import LineageDocument
from git_theta.lineage.exports.model_card import model_card_bytes
from git_theta.lineage.exports.openlineage_events import openlineage_bytes

#: Name of a format → writer of a document.
EXPORTS: Final[Mapping[str, Callable[[LineageDocument], bytes]]] = MappingProxyType(
    {
        "modelcard": model_card_bytes,
        "cyclonedx": cyclonedx_bytes,
        "in-toto": in_toto_bytes,
        "openlineage": openlineage_bytes,
        "graphml": graphml_bytes,
    }
)
