"""A case in YAML → a world in which it happened, up to the pass that is to be judged.

was:       what the agent applied at first (objects in shorthand, see `manifest`)
package:   {labels, annotations, …spec}, `package_was` where it was declared otherwise then
policies:  documents in force at the last revision, `policies_was` at the first one
since:     what happened after that, in order; one of the verbs of `EVENTS` each
git:       what the newest revision renders to; by default what it was; `as committed` in `since`;
           `removed` when the package left Git, `{unknown: RenderFailed}` when nobody can say
others:    {namespace/name: {was: …, git: …}} — other packages
facts:     fields of Facts set by hand, as the codec writes them
"""

from __future__ import annotations

from dataclasses import fields as fields_of
from dataclasses import replace
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from functools import cache
from typing import TYPE_CHECKING, Any, get_type_hints

import yaml
from facts_builder import PAYMENTS

from agent.core import codec, values
from agent.core.composer import Document
from agent.core.desired import desire
from agent.core.kinds.documents import parse
from agent.core.kinds.shape import Site
from agent.core.policies import AgentPolicy, Override, Suspension, SyncWindow
from agent.core.values import (
    Facts,
    Key,
    NamespaceFacts,
    Package,
    PackageName,
    Policies,
    Problem,
    Reason,
    Rendered,
    Root,
    Unknown,
)
from agent.passes.observe import observe
from simulated.world import Killed, World, new_world

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

Case = dict[str, Any]

API_VERSIONS = {
    "Deployment": "apps/v1",
    "StatefulSet": "apps/v1",
    "Job": "batch/v1",
    "HorizontalPodAutoscaler": "autoscaling/v2",
    "RoleBinding": "rbac.authorization.k8s.io/v1",
    "CustomResourceDefinition": "apiextensions.k8s.io/v1",
    "Widget": "example.com/v1",
}
CLUSTER_SCOPED = frozenset({"Namespace", "CustomResourceDefinition"})


def manifest(short: Mapping[str, Any]) -> dict[str, Any]:
    """Write an object out.

    `name`, `namespace`, `generateName`, `labels` and `annotations` belong to its metadata; `set`
    holds annotations under `tidegate.io/`.
    """
    rest = dict(short)
    names = ("name", "namespace", "generateName", "labels", "annotations", "ownerReferences")
    metadata = {name: rest.pop(name) for name in names if name in rest}
    ours = {f"tidegate.io/{name}": str(value) for name, value in rest.pop("set", {}).items()}
    if ours:
        metadata["annotations"] = {**metadata.get("annotations", {}), **ours}
    if rest["kind"] not in CLUSTER_SCOPED:
        metadata.setdefault("namespace", "shop")
    return {"apiVersion": API_VERSIONS.get(rest["kind"], "v1"), "metadata": metadata, **rest}


def rendered(package: Package, objects: Iterable[Mapping[str, Any]]) -> Rendered:
    """Resolve objects as the source of a package."""
    read = [
        Document(manifest(each), place + 1, "shop/payments/all.yaml")
        for place, each in enumerate(objects)
    ]
    return desire(package, read, {}, "", lambda _: ("c0ffee", "Ada <ada@example.com>"))


def package_of(name: PackageName, spec: Mapping[str, Any]) -> Package:
    """Read a Package as Git declares it."""
    return _package(str(name), yaml.safe_dump(dict(spec)))


@cache
def _package(path: str, text: str) -> Package:
    name, rest = _name(path), yaml.safe_load(text)
    metadata = {each: rest.pop(each) for each in ("labels", "annotations") if each in rest}
    document = {
        "apiVersion": "tidegate.io/v1alpha1",
        "kind": "Package",
        "metadata": {"name": name.name, "namespace": name.namespace, **metadata},
        "spec": {"source": {"path": f"{name.namespace}/{name.name}"}, **rest},
    }
    (found,) = parse(yaml.safe_dump(document).encode(), Site(f"{name}.yaml")).packages
    assert found.package is not None, found.problems
    return found.package


def policies_of(text: str) -> Policies:
    """Read policy documents; every one has to be valid."""
    parsed = parse(text.encode(), Site("policies/all.yaml", guarded=True)).policies
    assert not any(each.problems for each in parsed), parsed
    found = [each.policy for each in parsed]
    return Policies(
        windows=tuple(each for each in found if isinstance(each, SyncWindow)),
        suspensions=tuple(each for each in found if isinstance(each, Suspension)),
        overrides=tuple(each for each in found if isinstance(each, Override)),
        agent=next((each for each in found if isinstance(each, AgentPolicy)), None),
    )


# --- what may happen -----------------------------------------------------------------------------


def key_in(objects: Iterable[Key], text: str) -> Key:
    """Find a live object by `Kind/name`; `Kind/name-*` is the first whose name begins so."""
    kind, name = text.split("/")
    keys = sorted(key for key in objects if key.kind == kind)
    return next(key for key in keys if fnmatchcase(key.name, name))


def _later(world: World, event: Case) -> None:
    number, unit = int(event["later"][:-1]), event["later"][-1]
    names = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
    world.clock.at += timedelta(**{names[unit]: number})


def _annotate(world: World, event: Case) -> None:
    """Annotate the live Package or a Namespace, as somebody with kubectl."""
    marks = {f"tidegate.io/{name}": str(value) for name, value in event["set"].items()}
    since = dict.fromkeys(marks, world.clock())
    if event["annotate"] == "Package":
        world.cluster.roots[PAYMENTS] = Root("uid-p", "1", 1, annotations=marks, since=since)
    else:
        name = event["annotate"].removeprefix("Namespace/")
        world.cluster.spaces[name] = NamespaceFacts(
            name, exists=True, annotations=marks, since=since, labels=event.get("labels", {})
        )


def _kill(world: World, event: Case) -> None:
    """Run until the nth place where a process may die, and start again."""
    world.steps, world.die_at = 0, event["kill"]
    try:
        world.run()
    except Killed:
        pass
    else:
        raise AssertionError(f"there are only {world.steps} steps")
    world.die_at = 0
    world.restart()


def _commit(world: World, event: Case) -> None:
    world.git.commit_of()
    package = world.git.packages[PAYMENTS]
    world.git.declare(package, _render(package, event["commit"], world))


def _deleted(world: World, event: Case) -> None:
    how = event.get("how", "Background")
    world.api.delete(key_in(world.api.objects, event["delete"]), propagation=how, by="kubectl")


def _finish(world: World, event: Case) -> None:
    """End the first such Job that still runs."""
    running = {key: found for key, found in world.api.objects.items() if "status" not in found}
    world.api.finish(key_in(running, event["finish"]), event.get("as", "Complete"))


def _git(world: World, event: Case) -> None:
    """Set a switch of the repository: `{git: base_lost}`."""
    setattr(world.git, event["git"], True)


EVENTS: Mapping[str, Callable[[World, Case], None]] = {
    "edit": lambda world, event: world.api.edit(
        key_in(world.api.objects, event["edit"]), event["set"], event.get("by", "kubectl-edit")
    ),
    "create": lambda world, event: world.api.create(
        manifest(event["create"]), event.get("by", "kubectl-create")
    ),
    "delete": _deleted,
    "finish": _finish,
    "expire": lambda world, event: world.api.expire(key_in(world.api.objects, event["expire"])),
    "settle": lambda world, _: world.api.settle(),
    "run": lambda world, _: world.run(),
    "look": lambda world, _: world.look(PAYMENTS) and None,
    "restart": lambda world, _: world.restart(),
    "kill": _kill,
    "later": _later,
    "annotate": _annotate,
    "commit": _commit,
    "git": _git,
}


# --- the story -----------------------------------------------------------------------------------


def _render(package: Package, given: Any, world: World) -> Rendered:
    if isinstance(given, dict):
        reason = Reason(given["unknown"])
        return Unknown(reason, f"{reason}: line 3", commit=world.git.commit)
    return rendered(package, given)


def _name(text: str) -> PackageName:
    return PackageName(*text.split("/"))


def _first_revision(case: Case, world: World) -> None:
    """Apply what was there, as far as anything was."""
    world.git.commit_of()
    world.git.policies = policies_of(case.get("policies_was", ""))
    was = case.get("package_was", case.get("package", {}))
    if "was" in case:
        package = package_of(PAYMENTS, was)
        world.git.declare(package, rendered(package, case["was"]))
    for name, other in case.get("others", {}).items():
        if "was" in other:
            package = package_of(_name(name), other.get("package", {}))
            world.git.declare(package, rendered(package, other["was"]))
    world.run()


def _newest_revision(case: Case, world: World) -> None:
    git = case.get("git", case.get("was"))
    if git == "as committed":
        git = None
    elif any(name in case for name in ("git", "package_was", "others", "policies")):
        world.git.commit_of()
    world.git.policies = policies_of(case.get("policies", ""))
    for name, other in case.get("others", {}).items():
        package = package_of(_name(name), other.get("package", {}))
        given = other.get("git", other.get("was"))
        if given == "removed":
            world.git.remove(package.name)
        else:
            world.git.declare(package, _render(package, given, world))
    if git == "removed":
        world.git.remove(PAYMENTS)
    elif git == "invalid":
        world.git.remove(PAYMENTS)
        problem = Problem("shop/payments.yaml", 7, 3, "spec.prune: must be true or false")
        world.git.invalid = {PAYMENTS: (problem,)}
    elif git == "unreadable":
        world.git.remove(PAYMENTS)
        world.git.complete = False
    elif git is not None:
        package = package_of(PAYMENTS, case.get("package", {}))
        world.git.declare(package, _render(package, git, world))


def told(case: Case) -> World:
    """Return the world in which the case happened."""
    world = new_world()
    for name, space in case.get("namespaces", {}).items():
        world.cluster.spaces[name] = codec.load(NamespaceFacts, {"name": name, **space})
    _first_revision(case, world)
    early = case.get("since", [])
    for event in early:
        verb = next(name for name in EVENTS if name in event)
        EVENTS[verb](world, event)
    world.git.rewritten = case.get("rewritten", False)
    world.git.base_lost = case.get("base_lost", False)
    _newest_revision(case, world)
    for event in case.get("then", []):
        verb = next(name for name in EVENTS if name in event)
        EVENTS[verb](world, event)
    if "now" in case:
        world.clock.at = datetime.fromisoformat(case["now"])
    return world


def facts_of(case: Case, world: World) -> Facts:
    """Observe that world, and set what the case sets by hand."""
    facts = observe(PAYMENTS, world, world.clock())
    assert facts is not None
    names = {**vars(values), **codec._NAMES, "Fight": Any, "Node": Any, "SyncWindow": Any}
    names |= {"Suspension": Any, "Override": Any, "AgentPolicy": Any}
    hints = get_type_hints(Facts, localns=names)
    known = {each.name for each in fields_of(Facts)}
    given = {
        name: codec.load(hints[name], value) if name in known else value
        for name, value in case.get("facts", {}).items()
    }
    return replace(facts, **given)
