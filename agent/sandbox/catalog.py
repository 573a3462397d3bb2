"""Which kinds are served, where, and of which shape: the built-in ones and those of definitions.

Never keeps an object.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson

from agent.core.schema import from_crd, from_openapi
from agent.sandbox.shapes import Shape, Shapes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from agent.core.schema import Node

_DATA: Final = Path(__file__).with_name("builtin.json")
_META: Final = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
_ENVELOPE: Final = ("apiVersion", "kind")


@dataclass(frozen=True, slots=True, eq=False)
class Resource:
    """One kind in one version, and everything that is known of it."""

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool
    singular: str = ""
    list_kind: str = ""
    short: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    has_status: bool = False
    schema_name: str = ""
    """Of a built-in kind: its name in the OpenAPI document."""
    custom: tuple[Shape, Node] | None = field(default=None, repr=False)
    """Of a custom resource: its shape and its topology."""
    schema: Mapping[str, Any] | None = field(default=None, repr=False)
    """Of a custom resource: its structural schema."""
    columns: tuple[Mapping[str, Any], ...] = ()
    """Of a custom resource: its printer columns."""

    @property
    def is_custom(self) -> bool:
        """Whether a definition made it."""
        return self.custom is not None

    @property
    def shape(self) -> Shape:
        """Its fields and their types."""
        return self.custom[0] if self.custom else built_in().shape(self.schema_name)

    @property
    def node(self) -> Node:
        """Its topology, for field sets."""
        return self.custom[1] if self.custom else built_in().node(self.schema_name)

    @property
    def api_version(self) -> str:
        """As an object has it."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def prefix(self) -> str:
        """`api/v1` or `apis/apps/v1`."""
        return f"apis/{self.api_version}" if self.group else f"api/{self.version}"

    @property
    def stored(self) -> str:
        """Under which name its objects are kept: versions, and the two kinds of Event, share it."""
        group = "" if self.group == "events.k8s.io" else self.group
        return f"{self.plural}.{group}" if group else self.plural


class BuiltIn:
    """What `builtin.json` says; shapes and topologies are made when first asked for."""

    def __init__(self) -> None:
        found = orjson.loads(_DATA.read_bytes())
        self.version: str = found["kubernetes"]
        self.schemas: Mapping[str, Any] = found["schemas"]
        self._listed = found["resources"]
        self._shapes = Shapes(self.schemas)
        self._nodes: dict[str, Node] = {}
        self._names = {
            _gvk(gvk): name
            for name, schema in self.schemas.items()
            for gvk in schema.get("x-kubernetes-group-version-kind", ())
        }
        self.metadata = self._shapes.named(_META)

    def shape(self, name: str) -> Shape:
        """Give the shape of a named schema."""
        return self._shapes.named(name)

    def node(self, name: str) -> Node:
        """Give the topology of a kind's schema."""
        found = self._nodes.get(name)
        if found is None:
            kind = _gvk(self.schemas[name]["x-kubernetes-group-version-kind"][0])
            document = {"components": {"schemas": self.closure([name])}}
            found = self._nodes[name] = from_openapi(document)[kind]
        return found

    def resources(self) -> Iterator[Resource]:
        """Yield all built-in kinds."""
        for each in self._listed:
            group, _, version = each["version"].rpartition("/")
            kind = each["kind"]
            name = self._names[each["version"], kind]
            yield Resource(
                group,
                version,
                kind,
                each["plural"],
                each["namespaced"],
                each["singular"],
                f"{kind}List",
                tuple(each["short"]),
                tuple(each["categories"]),
                each["status"],
                name,
            )

    def closure(self, names: Iterable[str]) -> dict[str, Any]:
        """Give these schemas and all they refer to, as an OpenAPI document has them."""
        found: dict[str, Any] = {}
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name not in found and name in self.schemas:
                found[name] = self.schemas[name]
                waiting += _references(self.schemas[name])
        return found


@lru_cache(maxsize=1)
def built_in() -> BuiltIn:
    """Read the file once."""
    return BuiltIn()


def _gvk(gvk: Mapping[str, str]) -> tuple[str, str]:
    return f"{gvk['group']}/{gvk['version']}".removeprefix("/"), gvk["kind"]


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, list):
        for each in schema:
            yield from _references(each)
    elif isinstance(schema, dict):
        for key, value in schema.items():
            if key == "$ref" and isinstance(value, str):
                yield value.rpartition("/")[2]
            else:
                yield from _references(value)


# --- custom resources ----------------------------------------------------------------------------


def defined(definition: Mapping[str, Any]) -> Iterator[Resource]:
    """Yield the served versions of a CustomResourceDefinition, the preferred one first."""
    spec, names = definition["spec"], definition["spec"]["names"]
    kind = names["kind"]
    nodes = from_crd(definition)
    versions = [each for each in spec["versions"] if each.get("served")]
    for each in sorted(versions, key=lambda version: _preference(version["name"])):
        schema = each.get("schema", {}).get("openAPIV3Schema") or {}
        api_version = f"{spec['group']}/{each['name']}"
        yield Resource(
            spec["group"],
            each["name"],
            kind,
            names["plural"],
            spec["scope"] == "Namespaced",
            names.get("singular", ""),
            names.get("listKind", ""),
            tuple(names.get("shortNames", ())),
            tuple(names.get("categories", ())),
            "status" in (each.get("subresources") or {}),
            custom=(_custom_shape(schema), nodes[api_version, kind]),
            schema=schema,
            columns=tuple(each.get("additionalPrinterColumns", ())),
        )


def _custom_shape(schema: Mapping[str, Any]) -> Shape:
    shape = Shapes({}).inline(schema)
    shape.fields.update(dict.fromkeys(_ENVELOPE, Shape("string")), metadata=built_in().metadata)
    return shape


_VERSION: Final = re.compile(r"v(\d+)(?:(alpha|beta)(\d+))?")
_STAGES: Final = {None: 0, "beta": 1, "alpha": 2}


def _preference(version: str) -> tuple[int, int, int, str]:
    """Order as Kubernetes does: v2, v1, v1beta2, v1beta1, v1alpha1, the rest by name."""
    match = _VERSION.fullmatch(version)
    if match is None:
        return 3, 0, 0, version
    return _STAGES[match[2]], -int(match[1]), -int(match[3] or 0), ""


class Catalog:
    """Everything served now."""

    def __init__(self) -> None:
        self._built_in = tuple(built_in().resources())
        self._defined: dict[str, tuple[Resource, ...]] = {}
        self._made: dict[str, tuple[str, int]] = {}
        self._by_path: dict[tuple[str, str, str], Resource] = {}
        self._by_kind: dict[tuple[str, str], Resource] = {}
        self._index()

    def __iter__(self) -> Iterator[Resource]:
        yield from self._built_in
        for name in sorted(self._defined):
            yield from self._defined[name]

    def at(self, group: str, version: str, plural: str) -> Resource | None:
        """Find what a path names."""
        return self._by_path.get((group, version, plural))

    def of(self, api_version: str, kind: str) -> Resource | None:
        """Find what an object names."""
        return self._by_kind.get((api_version, kind))

    def groups(self) -> Iterator[tuple[str, str]]:
        """Yield each group and version once, preferred versions first."""
        yield from dict.fromkeys((each.group, each.version) for each in self)

    def of_version(self, group: str, version: str) -> list[Resource]:
        """List what a group version has."""
        return [each for each in self if (each.group, each.version) == (group, version)]

    def define(self, definition: Mapping[str, Any]) -> None:
        """Serve the kinds of an established definition, as its newest generation has them."""
        metadata = definition["metadata"]
        name, made = metadata["name"], (metadata["uid"], metadata["generation"])
        if self._made.get(name) != made:
            self._made[name] = made
            self._defined[name] = tuple(defined(definition))
            self._index()

    def forget(self, name: str) -> None:
        """Serve the kinds of a definition no more."""
        if self._defined.pop(name, None):
            del self._made[name]
            self._index()

    def defined_by(self, name: str) -> tuple[Resource, ...]:
        """Give the kinds that a definition made."""
        return self._defined.get(name, ())

    def _index(self) -> None:
        self._by_path = {(each.group, each.version, each.plural): each for each in self}
        self._by_kind = {(each.api_version, each.kind): each for each in self}
