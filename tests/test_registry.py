"""Plugins by name: built-in ones, those of installed packages, and those that can't be used."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import pytest

from git_theta import __version__, formats, strategies, updates
from git_theta.entry_points import Origin
from git_theta.errors import FormatError, PluginError, UsageError
from git_theta.registry import PluginOffer, Registry, protocol_members
from tests.helpers import plugins

GROUP = "git_theta.tests"

TOOL = """
class Tool:
    name = "{name}"
    def use(self):
        return "{name} of {origin}"
"""


class Tool(Protocol):
    """The protocol of the plugins in these tests."""

    name: str

    def use(self) -> str: ...


class Hammer:
    name = "hammer"

    def use(self) -> str:
        return "built in"


class Saw:
    name = "saw"

    def use(self) -> str:
        return "built in"


Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Install a package that offers tools."""
    monkeypatch.syspath_prepend(tmp_path)

    def add(distribution: str, code: str, name: str = "drill", version: str = "1.0") -> None:
        plugins.install(tmp_path, distribution, {f"{GROUP}:{name}": "Tool"}, code, version)
        monkeypatch.delitem(sys.modules, distribution.replace("-", "_"), raising=False)

    return add


def registry(builtins: Mapping[str, str] | None = None) -> Registry[Tool]:
    chosen = {"hammer": f"{__name__}:Hammer", "saw": f"{__name__}:Saw"} if builtins is None else builtins
    return Registry("tool", GROUP, Tool, chosen)


def offer(tools: Registry[Tool], name: str) -> list[PluginOffer]:
    return [each for each in tools.offers() if each.name == name]


def test_a_plugin_is_made_once() -> None:
    tools = registry()
    assert tools.get("hammer") is tools.get("hammer")
    assert formats.registry() is formats.registry()


def test_a_built_in_plugin_is_found_without_a_look_at_installed_packages() -> None:
    code = (
        "import sys; from git_theta import updates; updates.registry().get('dense');"
        "assert 'importlib.metadata' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_plugin_of_a_package(install: Install) -> None:
    install("power-tools", TOOL.format(name="drill", origin="power-tools"), version="2.1")
    tools = registry()
    assert tools.get("drill").use() == "drill of power-tools"
    assert tools.origin("drill") == Origin("power-tools", "2.1")
    assert str(tools.health("drill")) == "ok"
    assert [tool.name for tool in tools] == ["hammer", "saw", "drill"]
    assert tools.failures() == ()


def test_a_built_in_plugin_comes_from_git_theta() -> None:
    assert registry().origin("hammer") == Origin("git-theta", __version__, builtin=True)


def test_a_missing_plugin_says_what_to_install() -> None:
    with pytest.raises(PluginError) as caught:
        registry().get("drill")
    assert caught.value.message == "there's no tool called 'drill'; known: hammer, saw"
    assert f"the package that offers 'drill' as one of {GROUP}" in caught.value.hint
    assert f"{sys.executable} -m pip install" in caught.value.hint
    assert isinstance(caught.value, UsageError)


def test_a_package_cannot_replace_a_built_in_plugin(install: Install) -> None:
    install("imitation", TOOL.format(name="hammer", origin="imitation"), "hammer")
    tools = registry()
    assert tools.get("hammer").use() == "built in"
    assert [tool.use() for tool in tools] == ["built in", "built in"]
    assert tools.origin("hammer").builtin
    ours, theirs = offer(tools, "hammer")
    assert ours.health.state == "ok"
    assert str(theirs.health) == "shadowed: git-theta has a built-in hammer"
    assert str(theirs.origin) == "imitation 1.0"


def test_a_name_that_two_packages_offer_is_not_used(install: Install) -> None:
    install("one", TOOL.format(name="drill", origin="one"))
    install("other", TOOL.format(name="drill", origin="other"), version="3")
    install("third", TOOL.format(name="file", origin="third"), "file")
    tools = registry()
    with pytest.raises(PluginError, match=r"'drill' is offered by several packages: one 1\.0 and other 3"):
        tools.get("drill")
    with pytest.raises(PluginError, match="several packages"):
        tools.origin("drill")
    assert [tool.name for tool in tools] == ["hammer", "saw", "file"]
    assert [str(each.health) for each in offer(tools, "drill")] == [
        "ambiguous: offered by one 1.0 and other 3"
    ] * 2
    assert [str(each.origin) for each in offer(tools, "drill")] == ["one 1.0", "other 3"]


BROKEN = {
    "import": ("import nonesuch", "ModuleNotFoundError: No module named 'nonesuch'"),
    "exit": ("import sys; sys.exit('no GPU')", "SystemExit: no GPU"),
    "syntax": ("class Tool(:", "SyntaxError: "),
    "attribute": ("", "AttributeError: module 'power_tools' has no attribute 'Tool'"),
    "not callable": ("Tool = 3", "TypeError: 'int' object is not callable"),
    "constructor": ("class Tool:\n def __init__(self, size): ...", "TypeError: "),
    "lacks a method": ("class Tool:\n name = 'drill'", "it has no use"),
    "inherits a stub": (
        f"from {__name__} import Tool as Protocol\nclass Tool(Protocol):\n name = 'drill'",
        "it has no use",
    ),
    "lacks everything": ("class Tool: ...", "it has no name, use"),
    "other name": (
        TOOL.format(name="drills", origin=""),
        "its name is 'drills', and its entry point's 'drill'",
    ),
}


@pytest.mark.parametrize(("code", "reason"), BROKEN.values(), ids=BROKEN)
def test_a_broken_plugin_is_an_error_only_where_it_is_needed(
    install: Install, code: str, reason: str
) -> None:
    install("power-tools", code)
    tools = registry()
    assert [tool.name for tool in tools] == ["hammer", "saw"]
    (failure,) = tools.failures()
    start = f"the tool 'drill' of power-tools 1.0 can't be used: {reason}"
    assert failure.message.startswith(start)
    assert failure.reason.startswith(reason)
    for _ in range(2):
        with pytest.raises(PluginError) as caught:
            tools.get("drill")
        assert caught.value.message.startswith(start)
        assert "uninstall power-tools" in caught.value.hint
    (found,) = offer(tools, "drill")
    assert str(found.health).startswith(f"broken: {reason}")
    assert tools.get("saw").use() == "built in"


def test_what_a_plugin_prints_while_it_loads_goes_to_stderr(
    install: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    install("power-tools", "print('welcome')" + TOOL.format(name="drill", origin="power-tools"))
    registry().get("drill")
    assert capsys.readouterr() == ("", "welcome\n")


def test_threads_that_load_plugins_leave_stdout_alone(install: Install) -> None:
    names = [f"drill{number}" for number in range(8)]
    for name in names:
        slow = "import time; time.sleep(0.02)" + TOOL.format(name=name, origin=name)
        install(f"package-{name}", slow, name)
    before, tools = sys.stdout, registry()
    with ThreadPoolExecutor(8) as pool:
        assert [tool.name for tool in pool.map(tools.get, names)] == names
        list(pool.map(lambda _: registry().get("hammer"), names))
    assert sys.stdout is before


def test_what_a_plugin_raises_in_use_names_the_plugin(install: Install) -> None:
    install("power-tools", TOOL.format(name="drill", origin="power-tools"))
    tools = registry()
    with pytest.raises(PluginError) as caught, tools.guard("drill"):
        raise ZeroDivisionError("by zero")
    assert caught.value.message == "the tool 'drill' of power-tools 1.0 fails: ZeroDivisionError: by zero"
    for passing in (OSError("disk"), FormatError("damaged"), LookupError("as agreed")):
        with pytest.raises(type(passing)), tools.guard("drill", LookupError):
            raise passing
    with pytest.raises(ZeroDivisionError), tools.guard("hammer"):
        raise ZeroDivisionError


def test_a_built_in_plugin_that_lacks_a_dependency_is_skipped() -> None:
    tools = registry({"hammer": f"{__name__}:Hammer", "laser": "nonesuch:Laser"})
    assert [tool.name for tool in tools] == ["hammer"]
    with pytest.raises(PluginError, match=r"'laser' of git-theta .* No module named 'nonesuch'"):
        tools.get("laser")


def test_members_of_a_protocol() -> None:
    class Longer(Tool, Protocol):
        size: int

        def sharpen(self) -> None: ...

        def _private(self) -> None: ...

    assert protocol_members(Tool) == ("name", "use")
    assert protocol_members(Longer) == ("name", "use", "size", "sharpen")


@pytest.mark.parametrize("family", [formats, updates, strategies])
def test_every_built_in_plugin_is_healthy(family: object) -> None:
    found = family.registry()  # type: ignore[attr-defined]
    assert [each for each in found.offers() if each.origin.builtin and each.health.state != "ok"] == []
    assert len(list(found)) >= len([each for each in found.offers() if each.origin.builtin])


def test_a_mistyped_name_gets_the_one_that_is_like_it() -> None:
    with pytest.raises(PluginError) as caught:
        strategies.registry().get("avrage")
    assert caught.value.hint.startswith("did you mean 'average'? Or else upgrade")
    with pytest.raises(PluginError) as caught:
        strategies.registry().get("zzzz")
    assert caught.value.hint.startswith("upgrade git-theta")
