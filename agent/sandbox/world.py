"""What all parts of one sandbox share: objects, kinds, time, chance. Never answers a request."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from agent.sandbox.catalog import Catalog
from agent.sandbox.kinds import Allocator, node_ports
from agent.sandbox.store import Store, Stored

if TYPE_CHECKING:
    import random
    from collections.abc import Callable
    from datetime import datetime

    from agent.sandbox.apply import Managers
    from agent.sandbox.catalog import Resource

_LETTERS: Final = "bcdfghjklmnpqrstvwxz2456789"
"""Of generated names: no vowels and nothing that looks like another (apimachinery `rand`)."""
_TRIES: Final = 10_000


@dataclass
class World:
    """One cluster."""

    clock: Callable[[], datetime]
    chance: random.Random
    store: Store = field(default_factory=Store)
    catalog: Catalog = field(default_factory=Catalog)

    def now(self) -> str:
        """Tell the time as objects have it."""
        return self.clock().isoformat()[:19] + "Z"

    def uid(self) -> str:
        """Make a uid; the same seed makes the same ones."""
        return str(uuid.UUID(int=self.chance.getrandbits(128), version=4))

    def suffix(self, length: int = 5) -> str:
        """Make the end of a generated name."""
        return "".join(self.chance.choices(_LETTERS, k=length))

    def allocator(self) -> Allocator:
        """Give what makes addresses and ports of Services."""
        return Allocator(self.now, self._address, self._port)

    def stored(
        self, found: dict[str, Any], managers: Managers, managed: list[dict[str, Any]]
    ) -> Stored:
        """Give an object its next version and its managedFields, ready to be committed."""
        version = self.store.version + 1
        metadata = {**found["metadata"], "resourceVersion": str(version)}
        if managed:
            metadata["managedFields"] = managed
        return Stored({**found, "metadata": metadata}, managers, version, found["apiVersion"])

    def named(self, resource: Resource, namespace: str, name: str) -> Stored | None:
        """Look an object up."""
        return self.store.get(resource.stored, (namespace, name))

    def _address(self) -> str:
        taken = {each.object["spec"].get("clusterIP") for each in self.store.all("services")}
        for _ in range(_TRIES):
            number = self.chance.randrange(2, 65_534)
            address = f"10.0.{number >> 8}.{number & 255}"
            if address not in taken:
                return address
        raise RuntimeError("no cluster IP is left")

    def _port(self) -> int:
        taken = {
            port.get("nodePort")
            for each in self.store.all("services")
            for port in each.object["spec"].get("ports") or ()
        }
        return self.chance.choice([port for port in node_ports() if port not in taken])
