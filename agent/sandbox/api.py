"""The embedded Kubernetes API: `handle(request)` answers as a real server does, or refuses.

Never opens a socket, never starts a thread, never looks at another clock than the one it is given.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakSet

import orjson

from agent.edges.kube.seam import Response
from agent.sandbox import bodies, discovery, gc, refusals
from agent.sandbox.catalog import built_in
from agent.sandbox.controllers import jobs, pods, spaces, volumes, workloads
from agent.sandbox.controllers.site import Site
from agent.sandbox.deletion import Deletion, options
from agent.sandbox.reads import Reads, form_of
from agent.sandbox.refusals import CREATED, OK, RefusalError, not_in_the_sandbox, not_served
from agent.sandbox.route import Target, target
from agent.sandbox.views import seen
from agent.sandbox.watch import WatchStream
from agent.sandbox.world import World
from agent.sandbox.writes import Options, Writes

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from agent.edges.kube.seam import Request
    from agent.sandbox.writes import Written

Object = dict[str, Any]
_JSON: Final = {"content-type": "application/json"}
_NAMESPACES: Final = ("default", "kube-node-lease", "kube-public", "kube-system")
_HEALTH: Final = frozenset({"healthz", "livez", "readyz"})
_STEPS: Final = 100
"""More rounds than any chain of owners needs to settle."""
_QUESTIONS: Final = {plural: (group, kind) for group, plural, kind in discovery.REVIEWS}
USER: Final = "sandbox-admin"


@dataclass(frozen=True, slots=True)
class Asked:
    """One answered request, as an audit log has it."""

    at: datetime
    method: str
    path: str
    code: int
    user_agent: str
    dry_run: bool


class Sandbox:
    """One cluster in memory; safe from any thread."""

    def __init__(
        self,
        clock: Callable[[], datetime],
        *,
        seed: int = 0,
        pods_ready_after: timedelta = timedelta(seconds=1),
        jobs_done_after: timedelta = timedelta(seconds=2),
        journal: Callable[[Asked], None] | None = None,
    ) -> None:
        """Start with the namespaces every cluster has.

        Args:
            clock: The time, UTC; controllers and bookmarks go by it when `step` is called.
            seed: Of uids, names and addresses: the same requests get the same answers.
            pods_ready_after: How long a Pod needs to become ready.
            jobs_done_after: How long a Job's Pod runs.
            journal: Told of every request that was answered.
        """
        self.world = World(clock, random.Random(seed))  # noqa: S311 - no secret
        self._writes = Writes(self.world)
        self._deletion = Deletion(self.world)
        self._reads = Reads(self.world)
        self._site = Site(
            self.world, self._writes, self._deletion, pods_ready_after, jobs_done_after
        )
        self._journal = journal
        self._watches: WeakSet[WatchStream] = WeakSet()
        self._settled = 0
        self._looked = clock()
        self._known: tuple[int, list[datetime]] = (0, [])
        with self.world.store.lock:
            self._begin()

    def _begin(self) -> None:
        namespaces = self.world.catalog.of("v1", "Namespace")
        assert namespaces is not None  # noqa: S101 - it is built in
        for name in _NAMESPACES:
            body = {"metadata": {"name": name}}
            self._writes.create(Target(namespaces, "", "", ""), body, Options("kube-apiserver"))

    # --- asking ----------------------------------------------------------------------------------

    def handle(self, request: Request, user_agent: str = "") -> Response | WatchStream:
        """Answer one request; a refusal is an answer too."""
        with self.world.store.lock:
            try:
                answer = self._answer(request, user_agent)
            except RefusalError as error:
                answer = Response(error.code, orjson.dumps(error.status()), _JSON)
        if self._journal is not None:
            code = answer.status if isinstance(answer, Response) else OK
            dry = ("dryRun", "All") in request.query
            now = self.world.clock()
            self._journal(Asked(now, request.method, request.path, code, user_agent, dry))
        if isinstance(answer, WatchStream):
            self._watches.add(answer)
        return answer

    def _answer(self, request: Request, user_agent: str) -> Response | WatchStream:
        if request.impersonate:
            raise not_in_the_sandbox("impersonate", "everybody may do everything here")
        if len(request.body) > refusals.LARGEST_BODY:
            raise refusals.too_large()
        found = self._elsewhere(request)
        if found is not None:
            aggregated = found.get("kind") == "APIGroupDiscoveryList"
            headers = {"content-type": discovery.AGGREGATED} if aggregated else _JSON
            return Response(OK, orjson.dumps(found), headers)
        if request.method == "POST" and (review := self._review(request)):
            return Response(CREATED, orjson.dumps(review), _JSON)
        where = target(self.world.catalog, request)
        if request.method == "GET":
            return self._read(where, request)
        return self._write(where, request, user_agent)

    def step(self) -> bool:
        """Let controllers do what is due by the clock; tells whether anything changed."""
        with self.world.store.lock:
            before = self.world.store.version
            rounds = _STEPS if self.is_due() else 0
            self._looked = self.world.clock()
            for _ in range(rounds):
                version = self.world.store.version
                for part in (pods, workloads, jobs, volumes, spaces):
                    part.step(self._site)
                gc.collect(self._site)
                if self.world.store.version == version:
                    break
            self._settled = self.world.store.version
            changed = self._settled != before
        for watch in list(self._watches):
            if watch.is_over:
                self._watches.discard(watch)
            else:
                watch.tick()
        return changed

    def due(self) -> datetime | None:
        """Tell when `step` has something to do, if nobody asks for anything before."""
        with self.world.store.lock:
            since = min(self._looked, self.world.clock())
            return next((each for each in self._instants() if each > since), None)

    def _instants(self) -> list[datetime]:
        """All instants that matter to what is stored, in order; they change with it alone."""
        version, known = self._known
        if version != self.world.store.version:
            parts = (part.due(self._site) for part in (pods, workloads, jobs))
            known = sorted(chain.from_iterable(parts))
            self._known = self.world.store.version, known
        return known

    def is_due(self) -> bool:
        """Whether anything has changed, or an instant has come, since the last step."""
        with self.world.store.lock:
            if self._settled != self.world.store.version:
                return True
            due = self.due()
            return due is not None and due <= self.world.clock()

    def compact(self) -> None:
        """Forget past versions: watches and lists from before get a 410."""
        self.world.store.compact()

    def close(self) -> None:
        """End all watches."""
        for watch in list(self._watches):
            watch.close()

    # --- what is no object -----------------------------------------------------------------------

    def _elsewhere(self, request: Request) -> Object | None:
        parts = request.path.strip("/").split("/")
        if request.method != "GET":
            return None
        match parts:
            case ["version"]:
                return _version()
            case [name, *_] if name in _HEALTH:
                return {"status": "ok"}
            case ["openapi", "v3", *rest]:
                return self._schemas(rest)
            case ["api"] | ["apis"] | ["api", _] | ["apis", _] | ["apis", _, _]:
                return self._discovery(parts, request.accept)
            case _:
                return None

    def _schemas(self, rest: list[str]) -> Object:
        if not rest:
            return discovery.schema_index(self.world.catalog)
        group = rest[1] if rest[0] == "apis" else ""
        found = discovery.schemas(self.world.catalog, group, rest[-1])
        if found is None:
            raise not_served()
        return found

    def _discovery(self, parts: list[str], accept: str) -> Object:
        catalog = self.world.catalog
        found: Object | None
        match parts:
            case [name] if "as=APIGroupDiscoveryList" in accept:
                found = discovery.aggregated(catalog, core=name == "api")
            case ["api"]:
                found = {"kind": "APIVersions", "apiVersion": "v1", "versions": ["v1"]}
            case ["apis"]:
                found = discovery.groups(catalog)
            case ["api", version]:
                found = discovery.resources(catalog, "", version)
            case ["apis", group]:
                found = discovery.group(catalog, group)
            case _:
                found = discovery.resources(catalog, parts[1], parts[2])
        if found is None:
            raise not_served()
        return found

    def _review(self, request: Request) -> Object | None:
        """Answer who one is and what one may: there is one user, who may do everything."""
        name = request.path.rpartition("/")[2]
        if name not in _QUESTIONS:
            return None
        asked = _question(name, request)
        if name == "selfsubjectreviews":
            groups = ["system:masters", "system:authenticated"]
            return {**asked, "status": {"userInfo": {"username": USER, "groups": groups}}}
        return {**asked, "status": {"allowed": True, "reason": "the sandbox has no RBAC"}}

    # --- objects ---------------------------------------------------------------------------------

    def _read(self, where: Target, request: Request) -> Response | WatchStream:
        form, query = form_of(request.accept), dict(request.query)
        if query.get("watch") in ("1", "true"):
            return self._reads.watch(where, query, form)
        if where.name:
            return Response(OK, self._reads.get(where, form), _JSON)
        return Response(OK, self._reads.collection(where, query, form), _JSON)

    def _write(self, where: Target, request: Request, user_agent: str) -> Response:
        query = dict(request.query)
        body = bodies.parsed(request.body, request.content_type) if request.body else None
        if request.method == "DELETE":
            return self._delete(where, body, query)
        asked = Options(
            query.get("fieldManager") or _manager(request, user_agent),
            query.get("dryRun") == "All",
            query.get("force") in ("true", "1"),
            query.get("fieldValidation") or "Warn",
        )
        written = self._written(where, request, body, asked)
        code = CREATED if written.is_new else OK
        shown = self._reads.show(
            where.resource, seen(where.resource, written.stored), form_of(request.accept)
        )
        return Response(code, shown, _JSON)

    def _written(self, where: Target, request: Request, body: Any, asked: Options) -> Written:
        match request.method, request.content_type.partition(";")[0]:
            case "POST", _ if not where.name:
                return self._writes.create(where, body, asked)
            case "PUT", _ if where.name:
                return self._writes.update(where, body, asked)
            case "PATCH", bodies.APPLY if where.name:
                return self._writes.apply(where, body, asked)
            case "PATCH", (bodies.JSON_PATCH | bodies.MERGE_PATCH) as kind if where.name:
                return self._writes.patch(where, body, kind, asked)
            case "PATCH", bodies.STRATEGIC if where.name:
                raise refusals.unsupported_media(
                    "the sandbox does no strategic merge: use `kubectl apply --server-side`, or"
                    " `kubectl patch --type=merge`"
                )
            case "PATCH", _ if where.name:
                raise refusals.unsupported_media("415: Unsupported Media Type")
        raise refusals.method_not_allowed()

    def _delete(self, where: Target, body: Any, query: dict[str, str]) -> Response:
        asked = options(body, query)
        if where.name:
            return Response(OK, self._deletion.delete(where, asked), _JSON)
        listed = orjson.loads(self._reads.collection(where, query, ""))
        for item in listed["items"]:
            metadata = item["metadata"]
            one = where._replace(namespace=metadata.get("namespace", ""), name=metadata["name"])
            self._deletion.delete(one, asked)
        return Response(OK, orjson.dumps(listed), _JSON)


def _question(name: str, request: Request) -> Object:
    """Read a question; kubectl's comes as protobuf, and its answer does not depend on it."""
    if request.content_type.startswith(bodies.JSON):
        asked = bodies.parsed(request.body, request.content_type)
        return asked if isinstance(asked, dict) else {}
    group, kind = _QUESTIONS[name]
    return {"apiVersion": f"{group}/v1", "kind": kind, "metadata": {}, "spec": {}}


def _manager(request: Request, user_agent: str) -> str:
    """Name who writes without saying so; an apply has to say it."""
    if request.content_type.startswith(bodies.APPLY):
        return ""
    return user_agent.partition("/")[0] or "unknown"


def _version() -> Object:
    whole = built_in().version
    major, minor, _ = whole.split(".")
    return {
        "major": major,
        "minor": minor,
        "gitVersion": f"v{whole}+sandbox",
        "gitCommit": "",
        "gitTreeState": "",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "",
        "compiler": "",
        "platform": "",
    }
