"""YAML from files that somebody else may have written."""

from __future__ import annotations

from typing import Any

#: The tag of the key `<<`, which merges maps: a few lines of it can stand for any number of keys.
_MERGE = "tag:yaml.org,2002:merge"


def parse_yaml_file(data: bytes) -> Any:
    """The value of a YAML file, of maps, lists, texts, numbers, dates and truth values; no other objects.

    Time is in proportion to the size, about a second for 64 KiB.

    Raises:
        ImportError: PyYAML isn't installed.
        ValueError: The bytes aren't YAML, a key is there twice or is `<<`, or lists are nested too deeply.
    """
    import yaml

    loader = None
    try:
        loader = yaml.SafeLoader(data)
        node = loader.get_single_node()
        _check_keys(node, yaml.MappingNode, yaml.SequenceNode)
        return loader.construct_document(node) if node is not None else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"line {mark.line + 1}: " if mark else ""
        raise ValueError(f"{place}{error.problem or error.context}") from error
    except yaml.YAMLError as error:
        raise ValueError(str(error).partition("\n")[0]) from error
    except RecursionError as error:
        raise ValueError("it has too many levels") from error
    except (ArithmeticError, AttributeError, LookupError, TypeError) as error:
        # Texts with a tag that isn't theirs, such as `!!float x`.
        raise ValueError(f"a value isn't valid: {error}") from error
    finally:
        if loader is not None:
            loader.dispose()


def _check_keys(root: Any, mapping: type, sequence: type) -> None:
    """Check the keys of all maps.

    Raises:
        ValueError: A map has a key twice, or the key `<<`.
    """
    waiting, seen = [root], set()
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, sequence):
            waiting += node.value  # type: ignore[attr-defined]
        elif isinstance(node, mapping):
            known = set()
            for key, value in node.value:  # type: ignore[attr-defined]
                line = f"line {key.start_mark.line + 1}"
                if key.tag == _MERGE:
                    raise ValueError(f"{line}: the key << isn't supported")
                if isinstance(key.value, str):
                    if key.value in known:
                        raise ValueError(f"{line}: the key {key.value!r} is there twice")
                    known.add(key.value)
                waiting += (key, value)
