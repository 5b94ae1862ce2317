"""`git theta plugins`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from git_theta import formats, strategies, updates
from git_theta.cli.render import print_json, print_table
from git_theta.registry import PluginOffer, Registry
from git_theta.report.text import printable
from git_theta.runtime.output import say
from git_theta.store import remote_factory


@click.command(
    "plugins",
    short_help="List formats, updates, strategies and remotes.",
    epilog="""\b
Examples:
  git theta plugins
  git theta plugins --external
""",
)
@click.option("--external", is_flag=True, help="Leave built-in plugins out.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(external: bool, as_json: bool) -> None:
    """List every plugin with the package that it comes from, and whether it can be used.

    A plugin is a format, an update, a merge strategy or a remote. Installed packages may offer more of them.
    Each is loaded, so that those that can't be used are found.
    """
    found = [offer for offer in _offers() if not (external and offer.origin.builtin)]
    if as_json:
        print_json([_as_json(offer) for offer in found])
    elif found:
        print_table(
            ("kind", "name", "package", "version", "health"),
            (
                (
                    offer.kind,
                    _shown(offer.name),
                    _shown(offer.origin.distribution),
                    _shown(offer.origin.version),
                    _shown(offer.health),
                )
                for offer in found
            ),
        )
    else:
        say("No installed package offers plugins.")


def _registries() -> Iterator[Registry[Any]]:
    yield formats.registry()
    yield updates.registry()
    yield strategies.registry()
    yield remote_factory.registry()


def _offers() -> Iterator[PluginOffer]:
    for registry in _registries():
        yield from registry.offers()


def _shown(text: object) -> str:
    return printable(str(text)).replace("%25", "%")


def _as_json(offer: PluginOffer) -> dict[str, Any]:
    return {
        "kind": offer.kind,
        "name": offer.name,
        "distribution": offer.origin.distribution,
        "version": offer.origin.version,
        "builtin": offer.origin.builtin,
        "health": offer.health.state,
        "reason": offer.health.reason,
    }
