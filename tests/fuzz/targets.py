"""All readers that are fuzzed, by name."""

from __future__ import annotations

from tests.fuzz.adapter_targets import ADAPTER_TARGETS
from tests.fuzz.evaluation_targets import EVALUATION_TARGETS
from tests.fuzz.format_targets import FORMAT_TARGETS
from tests.fuzz.manifest_targets import MANIFEST_TARGETS
from tests.fuzz.server_targets import SERVER_TARGETS
from tests.fuzz.settings_targets import SETTINGS_TARGETS
from tests.fuzz.target import Target

_ALL = (
    *ADAPTER_TARGETS,
    *EVALUATION_TARGETS,
    *FORMAT_TARGETS,
    *MANIFEST_TARGETS,
    *SERVER_TARGETS,
    *SETTINGS_TARGETS,
)

TARGETS: dict[str, Target] = {target.name: target for target in _ALL}
