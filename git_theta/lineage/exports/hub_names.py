"""Names of models on the Hugging Face Hub, in the URIs of parents that aren't in the repository."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

_PREFIX = "hf:"

#: The address of the Hub.
HUB = "https://huggingface.co"


@dataclass(frozen=True, slots=True)
class HubName:
    """A model on the Hub.

    Attributes:
        name: `org/name`, or `name` alone.
        revision: A branch, a tag or a commit; empty if none is given.
    """

    name: str
    revision: str = ""

    @property
    def url(self) -> str:
        """The address of its page."""
        at = f"/tree/{quote(self.revision)}" if self.revision else ""
        return f"{HUB}/{quote(self.name)}{at}"


def hub_name(uri: str) -> HubName | None:
    """The model that a URI such as `hf:org/name@revision` names; `None` for any other URI."""
    if not uri.startswith(_PREFIX) or len(uri) == len(_PREFIX):
        return None
    name, _, revision = uri.removeprefix(_PREFIX).partition("@")
    return HubName(name, revision) if name else None
