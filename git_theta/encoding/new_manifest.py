"""New manifests: completed, and checked to be ones that every reader accepts."""

from __future__ import annotations

from collections.abc import Iterable

from git_theta.encoding.budget import check_values
from git_theta.encoding.update_providers import with_providers
from git_theta.errors import ExcessError, ManifestError
from git_theta.model.manifest import Manifest
from git_theta.model.manifest_text import check_limits
from git_theta.store.base import Store


def completed(manifest: Manifest, store: Store, earlier: Iterable[Manifest] = ()) -> Manifest:
    """A new manifest with the records of the packages that it needs.

    Args:
        manifest: A manifest whose entries come from the earlier ones, or were made here.
        store: Where its objects are.
        earlier: Manifests with records.

    Raises:
        ExcessError: Nobody could check the file out again: its values take more than the limits allow.
        ManifestError: The manifest is larger than those that can be read.
    """
    made = with_providers(manifest, earlier)
    try:
        check_limits(made)
        check_values(made.entries, store)
    except (ExcessError, ManifestError) as error:
        raise type(error)(f"the file couldn't be checked out again: {error.message}", error.hint) from error
    return made
