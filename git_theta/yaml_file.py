"""YAML files of users and of libraries, with errors that name the file."""

from __future__ import annotations

from typing import Any

from git_theta.errors import UsageError
from git_theta.runtime.yaml import parse_yaml_file


def read_yaml_file(data: bytes, where: str) -> Any:
    """The value of a YAML file; see `git_theta.runtime.yaml.parse_yaml_file`.

    Args:
        data: The file.
        where: Name of the file for messages.

    Raises:
        UsageError: The file isn't such YAML, or PyYAML isn't installed.
    """
    try:
        return parse_yaml_file(data)
    except ImportError as error:
        raise UsageError(
            f"{where}: YAML needs PyYAML, which isn't installed", "pip install 'git-theta[yaml]'"
        ) from error
    except ValueError as error:
        raise UsageError(f"{where} isn't YAML: {error}") from error
