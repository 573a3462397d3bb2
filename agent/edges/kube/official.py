"""Loads the official client: its configuration and its pool, without the rest of the package.

`import kubernetes` runs seven packages and two OAuth libraries to read one kubeconfig: a fifth of a
second and 16 MiB, most of what `tidegate status` used to wait for. Here a package is entered
without running its `__init__`, and what only the refresh of an OIDC token calls is imported by that
call. Never changes what the client does: a name that was left out is there when it is asked for.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from agent.edges.lean import standing_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_ENTERED: Final = ("kubernetes", "kubernetes.client", "kubernetes.utils")


@dataclass(frozen=True, slots=True)
class Official:
    """What we use of the client; `Any`, for it has no types of its own."""

    config: Any
    """The module `kubernetes.config`."""
    configuration: Any
    """The class that holds address, credentials and TLS."""
    rest: Any
    """The class that makes a pool of them."""


def official() -> Official:
    """Give the client, importing it the first time."""
    if "kubernetes" not in sys.modules:
        _enter()
    return Official(
        import_module("kubernetes.config"),
        import_module("kubernetes.client.configuration").Configuration,
        import_module("kubernetes.client.rest").RESTClientObject,
    )


def _enter() -> None:
    for name in _ENTERED:
        package = _entered(name)
        sys.modules[name] = package
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], child, package)
    client: Any = sys.modules["kubernetes.client"]
    client.Configuration = import_module("kubernetes.client.configuration").Configuration
    client.ApiClient = _late("kubernetes.client.api_client", "ApiClient")
    with standing_in(*_without_oauth()):
        import_module("kubernetes.config.kube_config")


def _entered(name: str) -> ModuleType:
    """Make a package whose `__init__` runs when a name is asked for that no submodule has."""
    spec = find_spec(name)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(f"{name} is not installed", name=name)
    loader, package = spec.loader, module_from_spec(spec)

    def wanted(attribute: str) -> Any:
        if attribute.startswith("__") and attribute != "__version__":  # a look at all modules
            raise AttributeError(attribute)
        if find_spec(f"{name}.{attribute}"):
            return import_module(f"{name}.{attribute}")
        del package.__dict__["__getattr__"]
        loader.exec_module(package)
        return getattr(package, attribute)

    package.__dict__["__getattr__"] = wanted  # PEP 562
    return package


def _late(module: str, name: str) -> Callable[..., Any]:
    """Stand for a class whose module is imported by the first call."""

    def make(*args: Any, **named: Any) -> Any:
        return getattr(import_module(module), name)(*args, **named)

    return make


def _without_oauth() -> Iterator[ModuleType]:
    """Yield what lets `kube_config` be imported without OAuth."""
    session = ModuleType("requests_oauthlib")
    session.__dict__["OAuth2Session"] = _late("requests_oauthlib", "OAuth2Session")
    yield session
    for name in ("oauthlib", "oauthlib.oauth2"):
        oauth = ModuleType(name)
        oauth.__dict__["__getattr__"] = lambda part: import_module(f"oauthlib.{part}")
        yield oauth
