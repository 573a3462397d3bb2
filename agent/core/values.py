"""The values a pass is made of: facts in, a decision out.

No behaviour lives here beyond how a name prints; every value is frozen, and mappings in them are
never changed after they are made.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta

    from agent.core.contest import Fight
    from agent.core.policies import AgentPolicy, Override, Suspension, SyncWindow
    from agent.core.schema import Node

Manifest: TypeAlias = "Mapping[str, Any]"
"""A Kubernetes object as parsed: read only, JSON types."""


class _Absent:
    """A field that is not there, which is not the same as one that is null."""

    def __repr__(self) -> str:
        return "ABSENT"

    def __bool__(self) -> bool:
        return False


ABSENT: Final = _Absent()


# --- names -------------------------------------------------------------------------------------


class PackageName(NamedTuple):
    """A package, the way people write it: `namespace/name`."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


class Key(NamedTuple):
    """One object in one cluster; the namespace of a cluster-scoped object is empty."""

    group: str
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        where = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f"{self.kind} {where}"


class GroupKind(NamedTuple):
    """A kind without its version."""

    group: str
    kind: str


@dataclass(frozen=True, slots=True)
class KindInfo:
    """What discovery says of a kind."""

    group: str
    kind: str
    plural: str
    namespaced: bool
    versions: tuple[str, ...]
    """Served versions, preferred first, without the group: `("v1", "v1beta1")`."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value came from: a line in Git, or a live object."""

    path: str = ""
    line: int = 0
    commit: str = ""
    author: str = ""
    """`Name <email>` of the commit that last changed the file."""
    object: str = ""
    """Set instead of the others for a live annotation: the key of the object, printed."""

    def __str__(self) -> str:
        if self.object:
            return self.object
        return f"{self.path}:{self.line}" if self.path else "unknown"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in a file of the repository, and what to write instead."""

    path: str
    line: int
    column: int
    message: str
    kind: str = ""
    """The declared kind concerned, where it is known: `Package`, `SyncWindow` …"""
    name: str = ""
    """`namespace/name` or name of the declaration concerned, where it could be read."""

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}: {self.message}"


# --- policies of packages and objects ----------------------------------------------------------


class JobPolicy(StrEnum):
    """What to do with a Job whose content changed (gates.md, Jobs)."""

    SKIP = "Skip"
    RECREATE = "Recreate"
    RECREATE_FINISHED = "RecreateFinished"
    ONCE = "Once"


class ReplacePolicy(StrEnum):
    """What to do with another object whose changed fields are immutable."""

    HOLD = "Hold"
    RECREATE = "Recreate"


class ConflictPolicy(StrEnum):
    """Whose value a field gets that was changed on both sides."""

    GIT = "Git"
    LIVE = "Live"
    HOLD = "Hold"


class AdoptPolicy(StrEnum):
    """Whether an object that exists already may be taken over."""

    IF_UNOWNED = "IfUnowned"
    NEVER = "Never"
    ALWAYS = "Always"


class DeletionPolicy(StrEnum):
    """What happens to the objects of a Package that leaves Git."""

    DELETE = "Delete"
    ORPHAN = "Orphan"


class Grade(StrEnum):
    """What a suspension or a closed window holds."""

    ALL = "All"
    APPLY = "Apply"
    PRUNE = "Prune"
    DRIFT = "Drift"
    UPGRADES = "Upgrades"
    JOBS = "Jobs"


@dataclass(frozen=True, slots=True)
class Rules:
    """The settings in force for one object: the package's, overridden by annotations."""

    jobs: JobPolicy = JobPolicy.SKIP
    force: bool = False
    """`tidegate.io/jobs: Recreate,Force`: a running Job may be replaced."""
    replace: ReplacePolicy = ReplacePolicy.HOLD
    replace_workload: bool = False
    """The object itself says `tidegate.io/replace: Recreate` (needed for workloads)."""
    conflicts: ConflictPolicy = ConflictPolicy.GIT
    adopt: AdoptPolicy = AdoptPolicy.IF_UNOWNED
    prune: bool = True
    """False: the object itself says `tidegate.io/prune: disabled`."""
    ignore: tuple[str, ...] = ()
    """JSON pointers of fields that others own."""
    job_history: int = 3


@dataclass(frozen=True, slots=True)
class Target:
    """Which objects a rule is about; empty fields match everything."""

    kind: str = ""
    group: str | None = None
    name: str = ""
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class Ignore:
    """Fields that others own: JSON pointers in the objects a target names."""

    target: Target
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """A custom health rule: healthy when the value at `path` equals `equals`."""

    target: Target
    path: str
    equals: Any


@dataclass(frozen=True, slots=True)
class PathSource:
    """A folder of plain YAML, or a kustomization when `kustomization.yaml` is there."""

    path: str
    """Relative to the repository's root, normalised, without a leading `./`."""


@dataclass(frozen=True, slots=True)
class ChartSource:
    """A Helm chart in the repository, its dependencies vendored."""

    chart: str
    """Folder of the chart, relative to the repository's root."""
    release: str
    values: Manifest
    values_files: tuple[str, ...] = ()


Source: TypeAlias = PathSource | ChartSource


@dataclass(frozen=True, slots=True)
class Package:
    """A declared package (declarations.md)."""

    name: PackageName
    source: Source
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    depends_on: tuple[PackageName, ...] = ()
    prune: bool = True
    deletion: DeletionPolicy = DeletionPolicy.DELETE
    jobs: JobPolicy = JobPolicy.SKIP
    replace: ReplacePolicy = ReplacePolicy.HOLD
    conflicts: ConflictPolicy = ConflictPolicy.GIT
    adopt: AdoptPolicy = AdoptPolicy.IF_UNOWNED
    ignore: tuple[Ignore, ...] = ()
    health_timeout: timedelta | None = None
    health_checks: tuple[HealthCheck, ...] = ()
    service_account: str = ""
    retry_backoff: timedelta | None = None
    retry_max: timedelta | None = None
    clusters: tuple[str, ...] = ()
    prune_delay: timedelta | None = None
    """None: 0 s for objects and 5 minutes for the whole package."""
    spec: Manifest = field(default_factory=dict)
    """The spec as written, for the Package in the cluster."""
    origin: Origin = field(default_factory=Origin)


# --- what a source renders to ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Desired:
    """One object Git wants, ready to be compared and applied."""

    key: Key
    api_version: str
    manifest: Manifest
    digest: str
    wave: int = 0
    rules: Rules = field(default_factory=Rules)
    origin: Origin = field(default_factory=Origin)
    suspend: Mapping[str, str] = field(default_factory=dict)
    """Declared `tidegate.io/suspend*` annotations: read by the gate, never applied (an applied
    one would outlive its removal from Git), and no part of manifest or digest."""


@dataclass(frozen=True, slots=True)
class Complete:
    """All that a package wants at one commit; only this proves an absence."""

    commit: str
    digest: str
    objects: tuple[Desired, ...]
    notes: tuple[str, ...] = ()
    """What was left out on purpose, such as dropped Helm hooks."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """Why nobody can say what a package wants now."""

    reason: Reason
    says: str
    origin: Origin = field(default_factory=Origin)
    commit: str = ""
    content: str = ""
    """Digest of what it could not be made of, where that is known."""


Rendered: TypeAlias = Complete | Unknown


# --- what is live ------------------------------------------------------------------------------


class HealthStatus(StrEnum):
    """The six words of kstatus."""

    CURRENT = "Current"
    IN_PROGRESS = "InProgress"
    FAILED = "Failed"
    TERMINATING = "Terminating"
    NOT_FOUND = "NotFound"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class Health:
    """How an object is doing, and the sentence that says why."""

    status: HealthStatus
    says: str = ""


@dataclass(frozen=True, slots=True)
class Live:
    """One object as observed: facts only, no judgement."""

    key: Key
    uid: str
    version: str
    """resourceVersion."""
    packed: bytes
    """The whole object, compressed (`agent.core.encode.unpack`)."""
    marks: Mapping[str, str] = field(default_factory=dict)
    """Its labels and annotations under `tidegate.io/`, and the marks of other tools."""
    managers: tuple[str, ...] = ()
    """Names of all field managers, in the order of managedFields."""
    controlled: bool = False
    """It has a controller ownerReference: another object's child is never ours."""
    leaving: bool = False
    """deletionTimestamp is set."""
    health: Health = Health(HealthStatus.UNKNOWN)
    unanswered: datetime | None = None
    """For a custom resource without a status: when we wrote it last (managedFields time)."""
    suspended: datetime | None = None
    """When its `tidegate.io/suspend` was set, where it has one (managedFields time)."""
    finished: str = ""
    """For a Job: `Complete` or `Failed` once it is over."""


@dataclass(frozen=True, slots=True)
class NamespaceFacts:
    """Labels and annotations of one Namespace: live, or declared where it is not there yet."""

    name: str
    exists: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    declared_labels: Mapping[str, str] = field(default_factory=dict)
    declared_annotations: Mapping[str, str] = field(default_factory=dict)
    declared_by: tuple[PackageName, ...] = ()
    since: Mapping[str, datetime] = field(default_factory=dict)
    """When each live `tidegate.io/` annotation was set (managedFields time)."""
    origin: Origin = field(default_factory=Origin)


@dataclass(frozen=True, slots=True)
class Root:
    """The live Package object: only what may hold (annotations) and what status needs."""

    uid: str
    version: str
    generation: int
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    since: Mapping[str, datetime] = field(default_factory=dict)
    """When each live `tidegate.io/` annotation was set (managedFields time)."""
    spec: Manifest = field(default_factory=dict)
    told: str = ""
    """Digest of its status: what was told before a restart need not be told again."""


# --- what is remembered ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Finished:
    """A Job content that ran: it is done, also after its TTL removed it."""

    digest: str
    result: str
    """`Complete` or `Failed`."""
    at: datetime


@dataclass(frozen=True, slots=True)
class Entry:
    """One object we have, or intend to have."""

    uid: str = ""
    """Empty until the first apply was seen to land."""
    digest: str = ""
    """Digest of the manifest last applied; empty when only intended."""
    expected: str = ""
    """Digest of the server's object projected onto the manifest's fields."""
    wave: int = 0
    finished: Finished | None = None
    skipped: str = ""
    """Digest of a Job content that policy skipped; it never runs by accident."""
    tombstone: datetime | None = None
    """Since when Git no longer wants it."""
    keeps: bool = False
    """Git said `tidegate.io/prune: disabled` of it when it last wanted it: it is not deleted."""
    ran: tuple[str, ...] = ()
    """Digests of earlier contents of a Job that completed, the oldest first."""


@dataclass(frozen=True, slots=True)
class Intent:
    """A replacement begun: this uid is to go, and this content to come back."""

    uid: str
    digest: str


@dataclass(frozen=True, slots=True)
class Clearance:
    """Deletions that an Override let happen, until all are done: their plan changes meanwhile."""

    plan: str
    """Digest of the plan that the Override names."""
    uids: tuple[str, ...]
    """The live objects that this plan deletes, sorted."""


@dataclass(frozen=True, slots=True)
class Applied:
    """The revision all of whose objects were applied."""

    commit: str
    digest: str
    package: Package | None = None
    """The declaration it was rendered by: it can be rendered again although Git says otherwise."""


@dataclass(frozen=True, slots=True)
class Transition:
    """One change of state, in the package's append-only history."""

    seq: int
    time: datetime
    before: str
    after: str
    reason: str
    revision: str = ""
    cause: str = ""
    actor: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """The last state told and what is not in Git yet; what makes transitions true."""

    state: str = ""
    reason: str = ""
    since: datetime | None = None
    seq: int = 0
    tail: tuple[Transition, ...] = ()
    """The last 20, oldest first."""
    pushed: int = 0
    """The highest seq known to be in the status branch."""
    conditions: tuple[tuple[str, str, datetime], ...] = ()
    """(type, status, since) of each condition as last told: lastTransitionTime."""


@dataclass(frozen=True, slots=True)
class Review:
    """A suspension that ended and waits for its resume preview to be approved."""

    reason: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Inventory:
    """All that is remembered of one package; losing it loses proofs, never objects."""

    package: PackageName
    declared: Package | None = None
    """The last valid declaration: it decides how the package ends once Git lost it."""
    labels: Mapping[str, str] | None = None
    """The package's labels that were last let in; a relabelling waits like any change."""
    applied: Applied | None = None
    attempted: str = ""
    """The newest commit a pass began to apply."""
    entries: Mapping[Key, Entry] = field(default_factory=dict)
    intents: Mapping[Key, Intent] = field(default_factory=dict)
    cleared: Clearance | None = None
    told: Told = field(default_factory=Told)
    gone: datetime | None = None
    """Since when Git no longer declares the package."""
    review: Review | None = None
    handled_sync: str = ""
    """The last value of `tidegate.io/sync-requested-at` that was answered."""


# --- questions to the server -------------------------------------------------------------------


class Ask(StrEnum):
    """What a question is for."""

    APPLY = "Apply"
    """Would this server-side apply be accepted (dry run)?"""
    CREATE = "Create"
    """Would the object be valid on its own, under a throw-away name (dry run)?"""
    READ = "Read"
    """What is there now?"""


@dataclass(frozen=True, slots=True)
class Question:
    """A request that changes nothing, whose answer planning needs."""

    key: Key
    ask: Ask
    digest: str
    """Digest of the desired manifest it is about."""
    body: Manifest = field(default_factory=dict)
    uid: str = ""


@dataclass(frozen=True, slots=True)
class FieldCause:
    """One cause of a refusal, as the server's Status gives it."""

    reason: str
    field: str
    message: str


@dataclass(frozen=True, slots=True)
class Accepted:
    """The server would take it; `expected` is the projection digest it would have."""

    expected: str = ""


@dataclass(frozen=True, slots=True)
class Rejected:
    """The server refused; `message` is redacted and trimmed."""

    code: int
    reason: str
    message: str
    causes: tuple[FieldCause, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """An object that exists and is not (yet) ours."""

    live: Live


@dataclass(frozen=True, slots=True)
class NotThere:
    """The server has no such object."""


Says: TypeAlias = Accepted | Rejected | Found | NotThere


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said to a question or to a write; a fact for the next pass.

    It holds for the desired `digest` and, where `uid` is set, for that live object.
    """

    key: Key
    ask: Ask
    digest: str
    says: Says
    uid: str = ""


# --- facts -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Dependency:
    """A package this one waits for."""

    name: PackageName
    ready: bool
    says: str = ""


@dataclass(frozen=True, slots=True)
class Policies:
    """The policies in force: the last good set."""

    windows: tuple[SyncWindow, ...] = ()
    suspensions: tuple[Suspension, ...] = ()
    overrides: tuple[Override, ...] = ()
    agent: AgentPolicy | None = None
    valid: bool = True
    """False: no good set was ever loaded, so nothing may be applied."""
    says: str = ""
    """Why the newest set is not the one in force, or empty."""
    commit: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """All that one pass over one package knows."""

    instance: str
    cluster: str
    package: PackageName
    declaration: Package | None
    """None: the package left Git, which a complete set proves."""
    policies: Policies
    new: Rendered
    base: Rendered
    live: Mapping[Key, Live]
    """Our objects, and others that were found under a key we want."""
    inventory: Inventory
    now: datetime
    root: Root | None = None
    namespaces: Mapping[str, NamespaceFacts] = field(default_factory=dict)
    claims: Mapping[Key, tuple[PackageName, ...]] = field(default_factory=dict)
    """Packages (this one too) that declare a key of ours at the newest revision."""
    holders: Mapping[Key, PackageName] = field(default_factory=dict)
    """Other packages that have a key we want in their inventory."""
    movers: Mapping[Key, PackageName] = field(default_factory=dict)
    """Keys we want whose present holder no longer declares them: moves."""
    unrendered: tuple[PackageName, ...] = ()
    """Other packages that nobody can render now: a move to them can't be ruled out."""
    unknown_set: str = ""
    """Why nobody knows which packages there are: a move to one more can't be ruled out either."""
    dependencies: tuple[Dependency, ...] = ()
    inherited: tuple[Standing, ...] = ()
    """Holds of packages from which objects move to this one, limited to those objects."""
    scaled: frozenset[Key] = frozenset()
    """Workloads whose replicas an autoscaler in the cluster owns."""
    fights: Mapping[Key, Fight] = field(default_factory=dict)
    """Objects that were repaired again and again lately."""
    sync_request: str = ""
    """A value of `tidegate.io/sync-requested-at` that this pass answers."""
    rewritten: bool = False
    """The new commit does not descend from the applied one."""
    follows: frozenset[str] = frozenset()
    """Revisions that Overrides name and the new one is, or descends from."""
    matches: frozenset[str] = frozenset()
    """Those of them at which the package was as it is at the new one."""
    removed_together: tuple[PackageName, ...] = ()
    """All packages that leave Git now, for the budget of removals."""
    kinds: Mapping[GroupKind, KindInfo] = field(default_factory=dict)
    schemas: Mapping[tuple[str, str], Node] = field(default_factory=dict)
    """(apiVersion, kind) → list topology."""
    answers: tuple[Answer, ...] = ()
    saved: bool = True
    """The inventory is as the cluster has it."""


# --- plan --------------------------------------------------------------------------------------


class Cause(StrEnum):
    """Why a field or an object is to change."""

    GIT = "Git"
    DRIFT = "Drift"
    CONFLICT = "Conflict"
    GONE = "Gone"
    ADOPT = "Adopt"
    MOVE = "Move"
    ASLEEP = "Asleep"


@dataclass(frozen=True, slots=True)
class Change:
    """One field that is to change; ABSENT on a side where the field is not there."""

    path: str
    cause: Cause
    before: Any = ABSENT
    after: Any = ABSENT
    by: str = ""
    """Who made the live value: `manager (operation), time`."""


class Action(StrEnum):
    """What the agent will do with an object."""

    CREATE = "Create"
    UPDATE = "Update"
    REPLACE = "Replace"
    PRUNE = "Prune"
    KEEP = "Keep"


@dataclass(frozen=True, slots=True)
class Step:
    """What the plan does with one object."""

    key: Key
    action: Action
    wave: int = 0
    changes: tuple[Change, ...] = ()
    body: Manifest | None = None
    """The manifest to apply, for CREATE, UPDATE and REPLACE."""
    digest: str = ""
    uid: str = ""
    """The live object that is to be updated, replaced or deleted."""
    version: str = ""
    """Its resourceVersion, where the decision rests on its content."""
    refusal: Hold | None = None
    """Why planning itself says not now, or never: adoption, ownership, replacement."""
    notice: Hold | None = None
    """What is withheld of this step while the rest of it may run: a conflicting field."""
    restores: bool = False
    """Puts back what we deleted: no gate holds it."""
    reason: Reason | None = None
    """For KEEP: what is worth telling, such as JobSkipped."""
    says: str = ""
    fold: tuple[str, ...] = ()
    """Client-side field managers to fold into ours when adopting."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything the agent would do to one package, before any gate is asked."""

    package: PackageName
    steps: tuple[Step, ...]
    digest: str
    commit: str = ""
    held_commit: str = ""
    """A newer revision that an Upgrades hold keeps waiting, or empty."""
    waiting: int = 0
    """How many objects that newer revision would change."""


# --- gates -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Hold:
    """A refusal is a value: who says not now, why, where it is written, and until when."""

    gate: str
    reason: Reason
    says: str
    origin: Origin = field(default_factory=Origin)
    until: datetime | None = None
    by: str = ""


@dataclass(frozen=True, slots=True)
class Held:
    """A hold, the steps it keeps from running now, and whether it is about the whole package."""

    hold: Hold
    keys: frozenset[Key] = frozenset()
    whole: bool = False
    stops: bool = True
    """It keeps new revisions out, and not just deletions, repairs or Jobs."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A hold in force now, by a suspension or a closed window, before any step is known."""

    hold: Hold
    grades: frozenset[Grade]
    keys: frozenset[Key] | None = None
    """None: everything in the package."""
    by_labels: bool = False
    """It chose the package by its labels, so a relabelling might slip away from it."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """What one gate says of one plan."""

    held: tuple[Held, ...] = ()
    next: datetime | None = None
    """The earliest instant at which this gate may say something else."""
    deadline: datetime | None = None
    """When writing has to stop, for a window that closes."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What all gates together say of a plan at one instant."""

    admitted: tuple[Step, ...]
    held: tuple[Held, ...] = ()
    deadline: datetime | None = None
    next: datetime | None = None


# --- effects -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Remember:
    """Write the inventory; everything after it waits for it."""

    inventory: Inventory


@dataclass(frozen=True, slots=True)
class Apply:
    """Server-side apply; with an empty uid it creates or fails (resourceVersion "1")."""

    key: Key
    body: Manifest
    digest: str
    uid: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class Adopt:
    """Fold client-side managers into ours by a JSON patch tested on resourceVersion, then apply."""

    key: Key
    uid: str
    version: str
    managers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete exactly this object: uid and resourceVersion are preconditions."""

    key: Key
    uid: str
    version: str
    propagation: str = "Background"
    """`Background`, `Foreground` or `Orphan`."""


Effect: TypeAlias = Remember | Apply | Adopt | Delete


@dataclass(frozen=True, slots=True)
class Decision:
    """What a pass will do."""

    plan: Plan
    verdict: Verdict
    questions: tuple[Question, ...]
    effects: tuple[Effect, ...]


# --- outcomes ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WasApplied:
    """The server took it; `live` is what it answered."""

    key: Key
    digest: str
    live: Live
    displaced: tuple[str, ...] = ()
    """Managers whose values we took."""


@dataclass(frozen=True, slots=True)
class WasDeleted:
    """The server took the deletion; the object may still be leaving."""

    key: Key
    uid: str


@dataclass(frozen=True, slots=True)
class WasRefused:
    """The server said no; it becomes an Answer."""

    key: Key
    digest: str
    says: Rejected
    uid: str = ""


@dataclass(frozen=True, slots=True)
class WasNotTried:
    """The deadline, the lease or an earlier failure came first."""

    key: Key
    why: str


@dataclass(frozen=True, slots=True)
class WasUnknown:
    """No answer came: the write may or may not have landed; read before deciding."""

    key: Key
    why: str


Outcome: TypeAlias = WasApplied | WasDeleted | WasRefused | WasNotTried | WasUnknown


@dataclass(frozen=True, slots=True)
class Result:
    """One pass over one package, whole."""

    facts: Facts
    decision: Decision
    outcomes: tuple[Outcome, ...] = ()


# --- words -------------------------------------------------------------------------------------


class State(StrEnum):
    """What a package is doing, in one word."""

    UNKNOWN = "Unknown"
    PENDING = "Pending"
    PROGRESSING = "Progressing"
    SYNCED = "Synced"
    DRIFTED = "Drifted"
    WAITING = "Waiting"
    SUSPENDED = "Suspended"
    HIBERNATED = "Hibernated"
    INTERRUPTED = "Interrupted"
    FAILED = "Failed"
    DELETING = "Deleting"


class Reason(StrEnum):
    """Why, in one word; documented in docs/reference/reasons.md."""

    SYNCED = "Synced"
    PROGRESSING = "Progressing"
    SUSPENDED = "Suspended"
    SUSPEND_UNREADABLE = "SuspendUnreadable"
    WINDOW_CLOSED = "WindowClosed"
    WINDOW_INVALID = "WindowInvalid"
    POLICY_INVALID = "PolicyInvalid"
    DEPENDENCY_NOT_READY = "DependencyNotReady"
    APPROVAL_REQUIRED = "ApprovalRequired"
    BUDGET_EXCEEDED = "BudgetExceeded"
    HISTORY_REWRITTEN = "HistoryRewritten"
    PRUNE_HELD = "PruneHeld"
    DELETION_HELD = "DeletionHeld"
    OWNED_BY_OTHER = "OwnedByOther"
    DECLARED_TWICE = "DeclaredTwice"
    ADOPTION_REFUSED = "AdoptionRefused"
    NAMESPACE_MISSING = "NamespaceMissing"
    CONTESTED = "Contested"
    CONFLICTED = "Conflicted"
    BASE_UNKNOWN = "BaseUnknown"
    JOB_SKIPPED = "JobSkipped"
    JOB_FAILED = "JobFailed"
    REPLACEMENT_HELD = "ReplacementHeld"
    INTERRUPTED = "Interrupted"
    SOURCE_UNAVAILABLE = "SourceUnavailable"
    SET_UNKNOWN = "SetUnknown"
    DECLARATION_INVALID = "DeclarationInvalid"
    RENDER_FAILED = "RenderFailed"
    EMPTY_RENDER = "EmptyRender"
    APPLY_FAILED = "ApplyFailed"
    HEALTH_TIMEOUT = "HealthTimeout"
    UNHEALTHY = "Unhealthy"
    FORBIDDEN = "Forbidden"
