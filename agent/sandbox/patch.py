"""JSON patch (RFC 6902) and JSON merge patch (RFC 7386); never changes its input."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from agent.sandbox.refusals import RefusalError

if TYPE_CHECKING:
    from collections.abc import Mapping


def merge(value: Any, patch: Any) -> Any:
    """Return a value with a merge patch; null removes."""
    if not isinstance(patch, dict):
        return patch
    found = dict(value) if isinstance(value, dict) else {}
    for name, each in patch.items():
        if each is None:
            found.pop(name, None)
        else:
            found[name] = merge(found.get(name), each)
    return found


def operations(value: Any, patch: Any) -> Any:
    """Return a value with a JSON patch.

    Raises:
        RefusalError: 422, an operation fails or a test does not hold.
    """
    found = orjson.loads(orjson.dumps(value))
    if not isinstance(patch, list):
        raise _failed()
    for each in patch:
        try:
            found = _step(found, each)
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise _failed() from error
    return found


def _failed() -> RefusalError:
    says = "the server rejected our request due to an error in our request"
    return RefusalError(422, "Invalid", says)


def _step(root: Any, step: Mapping[str, Any]) -> Any:
    path = _parts(step["path"])
    match step["op"]:
        case "add":
            return _add(root, path, step["value"])
        case "remove":
            return _remove(root, path)[0]
        case "replace":
            _get(root, path)
            return _put(root, path, step["value"])
        case "test":
            if _get(root, path) != step["value"]:
                raise ValueError(step["path"])
            return root
        case "move":
            root, taken = _remove(root, _parts(step["from"]))
            return _add(root, path, taken)
        case "copy":
            copied = orjson.loads(orjson.dumps(_get(root, _parts(step["from"]))))
            return _add(root, path, copied)
        case other:
            raise ValueError(other)


def _parts(pointer: str) -> list[str]:
    if pointer and not pointer.startswith("/"):
        raise ValueError(pointer)
    return [each.replace("~1", "/").replace("~0", "~") for each in pointer.split("/")[1:]]


def _index(items: list[Any], name: str) -> int:
    number = int(name)
    if not 0 <= number < len(items):
        raise IndexError(name)
    return number


def _get(root: Any, path: list[str]) -> Any:
    for name in path:
        root = root[_index(root, name)] if isinstance(root, list) else root[name]
    return root


def _add(root: Any, path: list[str], value: Any) -> Any:
    if not path:
        return value
    parent = _get(root, path[:-1])
    if isinstance(parent, list):
        at = len(parent) if path[-1] == "-" else int(path[-1])
        if not 0 <= at <= len(parent):
            raise IndexError(path[-1])
        parent.insert(at, value)
    else:
        parent[path[-1]] = value
    return root


def _put(root: Any, path: list[str], value: Any) -> Any:
    if not path:
        return value
    parent = _get(root, path[:-1])
    if isinstance(parent, list):
        parent[_index(parent, path[-1])] = value
    else:
        parent[path[-1]] = value
    return root


def _remove(root: Any, path: list[str]) -> tuple[Any, Any]:
    parent = _get(root, path[:-1])
    if isinstance(parent, list):
        return root, parent.pop(_index(parent, path[-1]))
    return root, parent.pop(path[-1])
