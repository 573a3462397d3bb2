"""Carries out the effects of a pass on the cluster; never decides one.

Every write is conditional on what was seen: a creation fails where something exists, an update
where the object is another, a deletion where it has changed since.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, assert_never

import orjson

from agent.core.encode import EncodeError
from agent.core.errors import AgentError, ClusterError
from agent.core.identity import is_user
from agent.core.inventory import head_name
from agent.core.live import record
from agent.core.values import (
    Adopt,
    Apply,
    Delete,
    Effect,
    GroupKind,
    Key,
    Rejected,
    Remember,
    WasApplied,
    WasDeleted,
    WasNotTried,
    WasRefused,
    WasUnknown,
)
from agent.edges.kube import fold, verbs
from agent.edges.kube.paths import path
from agent.edges.kube.refusal import CONFLICT, is_gone, is_taken, rejected
from agent.edges.kube.seam import Request, Response
from agent.edges.kube.sending import Barred, Lost

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime

    from agent.core.identity import Home
    from agent.core.values import KindInfo, Manifest, Outcome, PackageName
    from agent.edges.kube.notebook import Notebook
    from agent.edges.kube.seam import Transport
    from agent.edges.kube.sending import Bar, Sender, Sent

Item = TypeVar("Item")
Done = TypeVar("Done")


class Executor(Protocol):
    """Request threads; `concurrent.futures.ThreadPoolExecutor` is one."""

    def map(self, function: Callable[[Item], Done], items: Iterable[Item], /) -> Iterable[Done]:
        """Call the function for each item, results in the order of the items."""
        ...


class Paths(Protocol):
    """Where the API server serves a kind."""

    def __call__(self, key: Key, api_version: str) -> str:
        """Return the path of an object; an empty version means the preferred one.

        Raises:
            ClusterError: the server does not serve the kind.
        """
        ...


@dataclass(frozen=True, slots=True)
class _Work:
    """What all writes of one `perform` share."""

    package: PackageName
    impersonate: str
    bar: Bar


def served_paths(find: Callable[[GroupKind], KindInfo | None]) -> Paths:
    """Return paths by what discovery finds."""

    def where(key: Key, api_version: str) -> str:
        info = find(GroupKind(key.group, key.kind))
        if info is None:
            raise ClusterError(
                f"the cluster does not serve {key.kind} of {key.group or 'core'}: apply its CRD"
                " first, or correct its apiVersion"
            )
        version = api_version.rpartition("/")[2] or info.versions[0]
        return path(info, version, key.namespace, key.name)

    return where


class Writer:
    """The writes of packages; one for all workers, each package by one of them at a time."""

    def __init__(  # noqa: PLR0913 - what it is made of, each once
        self,
        *,
        transport: Transport,
        sender: Sender,
        notebook: Notebook,
        executor: Executor,
        paths: Paths,
        home: Home,
        redact: Callable[[str], str],
    ) -> None:
        """Take the parts; `redact` is the exit for text of the server."""
        self._transport = transport
        self._sender = sender
        self._notebook = notebook
        self._executor = executor
        self._paths = paths
        self._home = home
        self._redact = redact
        self._stopped = False

    def stop(self) -> None:
        """Start no further write to a package; what was sent is still awaited, and remembered."""
        self._stopped = True

    def perform(
        self,
        package: PackageName,
        effects: Sequence[Effect],
        deadline: datetime | None,
        now: Callable[[], datetime],
        impersonate: str = "",
    ) -> tuple[Outcome, ...]:
        """Carry out effects in order and say what became of each.

        A Remember is a barrier: it waits for what is before it, and what is after it is not tried
        if it failed. Between barriers, objects are written in parallel, effects on one object in
        their order. A Remember that succeeded has no outcome, every other effect has one; an Adopt
        that succeeded is a WasApplied without a digest.

        Args:
            package: Whose effects they are.
            effects: What to do.
            deadline: From when on nothing more is started, or None.
            now: The clock the deadline is compared with.
            impersonate: The user to act as; empty means the agent itself.
        """
        if impersonate and not is_user(impersonate):
            return self._impersonation_refused(effects, impersonate)
        work = _Work(package, impersonate, self._bar(deadline, now))
        outcomes: list[Outcome] = []
        failed = ""
        for stage in _stages(effects):
            if failed:
                outcomes += (WasNotTried(self._key(effect), failed) for effect in stage)
            elif isinstance(stage[0], Remember):
                found = self._remember(stage[0])
                outcomes += found
                failed = "the inventory could not be written first" if found else ""
            else:
                outcomes += self._in_parallel(stage, work)
        return tuple(outcomes)

    def _bar(self, deadline: datetime | None, now: Callable[[], datetime]) -> Bar:
        def why() -> str:
            if self._stopped:
                return "the agent is stopping"
            if deadline is not None and now() >= deadline:
                return f"the deadline {deadline.isoformat()} has passed"
            return ""

        return why

    # --- barriers and batches --------------------------------------------------------------

    def _remember(self, effect: Remember) -> tuple[Outcome, ...]:
        sent = self._notebook.remember(effect.inventory)
        if sent is None or (isinstance(sent, Response) and is_taken(sent)):
            return ()
        return (self._failure(self._key(effect), "", "", sent),)

    def _in_parallel(self, stage: Sequence[Effect], work: _Work) -> Iterator[Outcome]:
        """Write the objects of a batch; an error in one is raised when all others have ended."""
        chains: dict[Key, list[Effect]] = {}
        for effect in stage:
            chains.setdefault(self._key(effect), []).append(effect)

        def attempt(chain: list[Effect]) -> tuple[Outcome, ...] | AgentError:
            try:
                return tuple(self._in_order(chain, work))
            except AgentError as error:
                return error

        if len(chains) == 1:
            ended = [attempt(chain) for chain in chains.values()]
        else:
            ended = list(self._executor.map(attempt, chains.values()))
        for each in ended:
            if isinstance(each, AgentError):
                raise each
            yield from each

    def _in_order(self, chain: Sequence[Effect], work: _Work) -> Iterator[Outcome]:
        """Write one object; after a failure nothing more is tried on it."""
        failed, newest = "", ""
        for effect in chain:
            if failed:
                yield WasNotTried(self._key(effect), failed)
                continue
            if newest and isinstance(effect, Apply) and effect.version:
                # The version that was read is the one before our own fold.
                effect = replace(effect, version=newest)  # noqa: PLW2901
            outcome = self._write(effect, work)
            yield outcome
            if isinstance(outcome, WasApplied):
                newest = outcome.live.version
            elif not isinstance(outcome, WasDeleted):
                failed = "the write before it did not succeed"

    # --- one object ------------------------------------------------------------------------

    def _write(self, effect: Effect, work: _Work) -> Outcome:
        try:
            match effect:
                case Apply():
                    return self._apply(effect, work)
                case Adopt():
                    return self._adopt(effect, work)
                case Delete():
                    return self._delete(effect, work)
                case Remember():
                    raise AgentError("an inventory is no object of a package")
                case _:
                    assert_never(effect)
        except ClusterError as error:
            return WasNotTried(self._key(effect), self._redact(str(error)))
        except EncodeError as error:
            refusal = Rejected(400, "BadRequest", self._redact(str(error)))
            return WasRefused(self._key(effect), getattr(effect, "digest", ""), refusal)

    def _apply(self, effect: Apply, work: _Work) -> Outcome:
        where = self._paths(effect.key, effect.body.get("apiVersion", ""))
        request = verbs.apply(where, _conditional(effect), impersonate=work.impersonate)
        sent = self._sender.send("apply", request, package=str(work.package), bar=work.bar)
        if isinstance(sent, Response) and is_taken(sent):
            return _applied(effect.key, effect.digest, sent)
        failure = self._failure(effect.key, effect.digest, effect.uid, sent)
        return failure if effect.uid else _exists_already(failure)

    def _adopt(self, effect: Adopt, work: _Work) -> Outcome:
        where = self._paths(effect.key, "")
        read = self._transport.send(Request("GET", where, impersonate=work.impersonate))
        if not is_taken(read):
            return self._failure(effect.key, "", effect.uid, read)
        live = orjson.loads(read.body)
        metadata = live["metadata"]
        if (metadata["uid"], metadata["resourceVersion"]) != (effect.uid, effect.version):
            says = f"{effect.key} has changed since its adoption was planned"
            return WasRefused(effect.key, "", Rejected(CONFLICT, "Conflict", says), effect.uid)
        patch = fold.patch(live, effect.managers)
        if not patch:
            return WasApplied(effect.key, "", record(live))
        request = verbs.json_patch(where, patch, work.impersonate)
        sent = self._sender.send("adopt", request, package=str(work.package), bar=work.bar)
        if isinstance(sent, Response) and is_taken(sent):
            return _applied(effect.key, "", sent)
        return self._failure(effect.key, "", effect.uid, sent)

    def _delete(self, effect: Delete, work: _Work) -> Outcome:
        if not (effect.uid and effect.version):
            return WasNotTried(effect.key, "a deletion needs the uid and version that were seen")
        request = verbs.delete(
            self._paths(effect.key, ""),
            effect.uid,
            effect.version,
            effect.propagation,
            work.impersonate,
        )
        sent = self._sender.send("delete", request, package=str(work.package), bar=work.bar)
        if isinstance(sent, Response) and (is_taken(sent) or is_gone(sent, effect.key.name)):
            return WasDeleted(effect.key, effect.uid)
        return self._failure(effect.key, "", effect.uid, sent)

    def _failure(self, key: Key, digest: str, uid: str, sent: Sent) -> Outcome:
        match sent:
            case Barred(why=why):
                return WasNotTried(key, self._redact(why))
            case Lost(why=why):
                return WasUnknown(key, self._redact(why))
            case Response():
                says = _another_object(key, rejected(sent, self._redact))
                return WasRefused(key, digest, says, uid)

    def _key(self, effect: Effect) -> Key:
        if isinstance(effect, Remember):
            name = head_name(self._home, effect.inventory.package)
            return Key("", "ConfigMap", self._home.namespace, name)
        return effect.key

    def _impersonation_refused(self, effects: Sequence[Effect], user: str) -> tuple[Outcome, ...]:
        says = f"{user!r} names nobody to act as: check spec.serviceAccountName of the package"
        refusal = Rejected(403, "Forbidden", says)
        return tuple(WasRefused(self._key(effect), "", refusal) for effect in effects)


def _stages(effects: Sequence[Effect]) -> Iterator[list[Effect]]:
    """Split at the barriers: each Remember alone, what is between them together."""
    for barrier, stage in groupby(effects, lambda effect: isinstance(effect, Remember)):
        if barrier:
            yield from ([effect] for effect in stage)
        else:
            yield list(stage)


def _conditional(effect: Apply) -> Manifest:
    """Return the body with what the write depends on.

    resourceVersion "1" never belongs to an object, so the server creates it or says 409; a uid
    makes the apply update-only (both proved on Kubernetes 1.36).
    """
    metadata: dict[str, Any] = dict(effect.body.get("metadata", {}))
    if effect.uid:
        metadata["uid"] = effect.uid
    if not effect.uid:
        metadata["resourceVersion"] = "1"
    elif effect.version:
        metadata["resourceVersion"] = effect.version
    return {**effect.body, "metadata": metadata}


def _applied(key: Key, digest: str, sent: Response) -> Outcome:
    try:
        return WasApplied(key, digest, record(orjson.loads(sent.body)))
    except ValueError as error:
        return WasUnknown(key, f"the API server's answer can't be read: {error}")


def _another_object(key: Key, says: Rejected) -> Rejected:
    """Name a uid that is not the live one a conflict.

    Where an object of that name exists, the API server calls it 422 `metadata.uid: field is
    immutable` (seen on 1.36), which must never read as "replace the object".
    """
    if not any(cause.field == "metadata.uid" for cause in says.causes):
        return says
    return Rejected(CONFLICT, "Conflict", f"{key} is another object now than the one that was seen")


def _exists_already(outcome: Outcome) -> Outcome:
    """Name the 409 of a creation for what it is; one about something else (a quota) stays."""
    if not (isinstance(outcome, WasRefused) and outcome.says.code == CONFLICT):
        return outcome
    if "resourcequotas" in outcome.says.message:
        return outcome
    return replace(outcome, says=replace(outcome.says, reason="AlreadyExists"))
