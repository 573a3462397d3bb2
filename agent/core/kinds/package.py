"""`Package`: what one team wants in one namespace, and how changes are to be made.

Never looks at the files its source names.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field

from agent.core import words
from agent.core.kinds.metadata import PackageMetadata
from agent.core.kinds.positions import Path
from agent.core.kinds.shape import (
    ClusterGlob,
    Duration,
    Fault,
    Flag,
    Name,
    RepoPath,
    Shape,
    is_label,
    later,
    refused,
    shown,
)
from agent.core.values import (
    AdoptPolicy,
    ChartSource,
    ConflictPolicy,
    DeletionPolicy,
    HealthCheck,
    Ignore,
    JobPolicy,
    Package,
    PackageName,
    PathSource,
    ReplacePolicy,
    Source,
    Target,
)

FEATURES: Final[Mapping[Path, str]] = {
    ("spec", "decryption"): "encrypted files (SOPS, age)",
    ("spec", "source", "bundle"): "remote sources",
    ("spec", "source", "git"): "remote sources",
    ("spec", "source", "helm", "repo"): "remote charts",
    ("spec", "source", "helm", "name"): "remote charts",
    ("spec", "source", "helm", "version"): "remote charts",
}
"""Fields of later versions → what they come with."""


def _local(value: Any) -> Any:
    if isinstance(value, str) and "://" in value:
        raise refused(later(f"the chart {shown(value)}", "remote charts"))
    return value


def _approval(value: Any) -> Any:
    if value != "Automatic":
        written = shown(value) if isinstance(value, str) else "a rule for approvals"
        raise refused(later(written, "approvals"))
    return value


def _dependency(text: str) -> str:
    namespace, _, name = text.rpartition("/")
    if not is_label(name) or (namespace and not is_label(namespace)):
        raise refused(f'{shown(text)} is not a package: write "name" or "namespace/name"')
    return text


def _pointer(text: str) -> str:
    if not text.startswith("/") or text == "/":
        raise refused(f"{shown(text)} is not a JSON pointer: write one such as /spec/replicas")
    return text


def _field_path(text: str) -> str:
    if not text.startswith(".") or text == ".":
        raise refused(f"{shown(text)} is not the path of a field: write one such as .status.ready")
    return text


class HelmShape(Shape):
    """A chart in the repository, its dependencies vendored."""

    chart: Annotated[RepoPath, BeforeValidator(_local)]
    """Folder of the chart, relative to this file."""
    values: dict[str, Any] = Field(default_factory=dict)
    values_files: tuple[RepoPath, ...] = ()
    """Relative to this file; later ones win, `values` over all of them."""
    release_name: Name | None = None
    """Name of the release; default: the package's."""


class SourceShape(Shape):
    """Where the manifests are: exactly one of `path` and `helm`."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["path"]}, {"required": ["helm"]}]}
    )

    path: RepoPath | None = None
    """A folder of plain YAML, or a kustomization; relative to this file."""
    helm: HelmShape | None = None


class TargetShape(Shape):
    """Which objects a rule is about; what is left out does not restrict."""

    kind: str = ""
    group: str | None = None
    name: str = ""
    namespace: str = ""


class IgnoreShape(Shape):
    """Fields that others own."""

    target: TargetShape
    paths: Annotated[tuple[Annotated[str, AfterValidator(_pointer)], ...], Field(min_length=1)]
    """JSON pointers, such as /spec/replicas."""


class HealthCheckShape(Shape):
    """Healthy when the value at `path` equals `equals`."""

    target: TargetShape
    path: Annotated[str, AfterValidator(_field_path)]
    equals: Any


class HealthShape(Shape):
    """How long a package may take to become healthy, and rules for kinds without one."""

    timeout: Duration | None = None
    checks: tuple[HealthCheckShape, ...] = ()


class RetryShape(Shape):
    """How failures are tried again."""

    backoff: Duration | None = None
    max: Duration | None = None


class PackageSpec(Shape):
    """What is wanted, and how changes are to be made."""

    source: SourceShape
    depends_on: tuple[Annotated[str, AfterValidator(_dependency)], ...] = ()
    """Packages that must be healthy first: "name" or "namespace/name"."""
    prune: Flag = True
    """Delete objects that leave the source."""
    deletion_policy: DeletionPolicy = DeletionPolicy.DELETE
    """What happens to the objects when the Package leaves Git."""
    jobs: JobPolicy = JobPolicy.SKIP
    """What to do with a Job whose content changed."""
    replace: ReplacePolicy = ReplacePolicy.HOLD
    """What to do where other immutable fields changed."""
    conflicts: ConflictPolicy = ConflictPolicy.GIT
    """Whose value a field gets that was changed on both sides."""
    adopt: AdoptPolicy = AdoptPolicy.IF_UNOWNED
    """Whether objects that exist already may be taken over."""
    approval: Annotated[Literal["Automatic"], BeforeValidator(_approval)] = "Automatic"
    ignore: tuple[IgnoreShape, ...] = ()
    health: HealthShape | None = None
    service_account_name: Name | None = None
    """Impersonated for every write of this package."""
    retry: RetryShape | None = None
    clusters: tuple[ClusterGlob, ...] = ()
    """Which agents, by `--cluster`, take the package; default: all."""
    prune_delay: Duration | None = None
    """How long something has to be gone from Git before it is deleted."""


class PackageShape(Shape):
    """A package, whole."""

    api_version: Literal[words.API_VERSION]  # type: ignore[valid-type]
    kind: Literal["Package"]
    metadata: PackageMetadata
    spec: PackageSpec


def omissions(spec: Mapping[str, Any]) -> Iterator[Fault]:
    """Yield what is missing or too much across fields."""
    source = spec.get("source")
    if not isinstance(source, Mapping):
        return
    given = [name for name in ("path", "helm") if source.get(name) is not None]
    if len(given) == 2:  # noqa: PLR2004 - both
        yield Fault(("spec", "source"), "spec.source has path and helm: keep one of them")
    elif not given and not {"bundle", "git"} & source.keys():
        yield Fault(("spec", "source"), "spec.source names no source: write path or helm")


def build(document: PackageShape, spec: Mapping[str, Any]) -> Package:
    """Return the value, which keeps `spec`, the one that was written."""
    name = PackageName(document.metadata.namespace, document.metadata.name)
    wants = document.spec
    health, retry = wants.health or HealthShape(), wants.retry or RetryShape()
    return Package(
        name=name,
        source=_source(wants.source, name.name),
        labels=document.metadata.labels,
        annotations=document.metadata.annotations,
        depends_on=tuple(_named(each, name.namespace) for each in wants.depends_on),
        prune=wants.prune,
        deletion=wants.deletion_policy,
        jobs=wants.jobs,
        replace=wants.replace,
        conflicts=wants.conflicts,
        adopt=wants.adopt,
        ignore=tuple(Ignore(_target(each.target), each.paths) for each in wants.ignore),
        health_timeout=health.timeout,
        health_checks=tuple(
            HealthCheck(_target(each.target), each.path, each.equals) for each in health.checks
        ),
        service_account=wants.service_account_name or "",
        retry_backoff=retry.backoff,
        retry_max=retry.max,
        clusters=wants.clusters,
        prune_delay=wants.prune_delay,
        spec=_without_null(spec),
    )


def _without_null(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """Leave out empty fields, which the API server refuses; a chart's values may have them."""
    return {
        name: each if name in {"values", "equals"} else _cleaned(each)
        for name, each in spec.items()
        if each is not None
    }


def _cleaned(value: Any) -> Any:
    if isinstance(value, Mapping):
        return _without_null(value)
    return [_cleaned(each) for each in value] if isinstance(value, list) else value


def _source(source: SourceShape, name: str) -> Source:
    if source.helm is None:
        return PathSource(source.path or "")
    helm = source.helm
    return ChartSource(helm.chart, helm.release_name or name, helm.values, helm.values_files)


def _named(text: str, namespace: str) -> PackageName:
    other, _, name = text.rpartition("/")
    return PackageName(other or namespace, name)


def _target(target: TargetShape) -> Target:
    return Target(target.kind, target.group, target.name, target.namespace)
