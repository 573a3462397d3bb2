"""Charts in the repository, rendered by `helm template` from an exported copy.

Never fetches a dependency and never asks a cluster: `lookup` finds nothing.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import orjson

from agent.core.encode import EncodeError, digest
from agent.core.errors import RenderError
from agent.core.hooks import hook
from agent.core.reading import at, items, mapping, text, texts
from agent.core.stable import agreed
from agent.edges.render.program import exported
from agent.edges.render.source import LINK, Raw, Work, parsed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from agent.core.manifests import Document
    from agent.core.values import ChartSource, Package
    from agent.edges.render.program import Place, Program
    from agent.edges.render.source import Revision

_FORMAT: Final = 1
"""Raised when the same output is to be read differently: old cache entries must not serve."""
_SOURCE: Final = re.compile(r"^---[ \t]*\n# Source: ([^\n]+)\n", re.MULTILINE)
_RANDOM: Final = re.compile(
    rb"\b(rand\w+|gen(CA|PrivateKey|SelfSignedCert|SignedCert)\w*|uuidv4|shuffle|bcrypt|htpasswd"
    rb"|encryptAES|now|ago|date\w*|unixEpoch|lookup)\b"
)
_CLOCK: Final = re.compile(rb"\{\{-?(?!\s*/\*)[^}]*\b(now|ago)\b")
_ASKS_CLUSTER: Final = re.compile(rb"\bCapabilities\b")
_ARCHIVE: Final = ".tgz"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What templates are told of the cluster."""

    kube_version: str = ""
    """`v1.36.3`; empty: what helm was built with."""
    api_versions: tuple[str, ...] = ()
    """`apps/v1`, `cert-manager.io/v1/Certificate` …"""


@dataclass(frozen=True, slots=True)
class _Traits:
    """What the text of a chart tells before it is rendered."""

    is_random: bool
    reads_clock: bool
    asks_cluster: bool


@dataclass(frozen=True, slots=True)
class _Chart:
    """One render of a chart: all that it depends on."""

    revision: Revision
    source: ChartSource
    namespace: str
    program: Program
    capabilities: Capabilities
    traits: _Traits

    def digest(self) -> str:
        """Return the digest of everything the output depends on."""
        files = self.revision.files
        return digest(
            {
                "renderer": "helm",
                "format": _FORMAT,
                "version": self.program.version(),
                "chart": self.source.chart,
                "tree": self.revision.folder(self.source.chart),
                "files": [[path, files[path].oid] for path in self.source.values_files],
                "values": self.source.values,
                "release": self.source.release,
                "namespace": self.namespace,
                "kube": self.capabilities.kube_version,
                "apis": sorted(self.capabilities.api_versions),
            }
        )

    def arguments(self, place: Place) -> list[str]:
        """Write the values into the scratch folder and return the command's arguments."""
        found = ["template", f"--namespace={self.namespace}", "--include-crds"]
        if self.capabilities.kube_version:
            found.append(f"--kube-version={self.capabilities.kube_version}")
        found += [f"--api-versions={each}" for each in self.capabilities.api_versions]
        contents = self.revision.contents(self.source.values_files)
        texts = [contents[path] for path in self.source.values_files]
        for number, content in enumerate([*texts, orjson.dumps(self.source.values)]):
            values = place.home / f"values-{number}.yaml"
            values.write_bytes(content)
            found.append(f"--values={values}")
        return [*found, "--", self.source.release, f"./{self.source.chart}"]


def plan(
    revision: Revision, package: Package, source: ChartSource, program: Program, told: Capabilities
) -> Work:
    """Prepare to render a chart.

    Raises:
        RenderError: no such chart, dependencies or values files, or the program is missing.
    """
    _require(revision, source)
    traits = _traits(revision, source.chart)
    if not traits.asks_cluster:
        # Else every definition installed anywhere would render every chart again.
        told = replace(told, api_versions=())
    chart = _Chart(revision, source, package.name.namespace, program, told, traits)
    try:
        key = chart.digest()
    except EncodeError as error:
        raise RenderError(f"the values of the chart {source.chart}: {error}") from error
    return Work(key, lambda: _render(chart, key))


def _render(chart: _Chart, key: str) -> Raw:
    with exported(chart.revision, (chart.source.chart,)) as place:
        arguments = chart.arguments(place)
        documents = _read(chart, chart.program.render(arguments, place))
        if not chart.traits.is_random:
            return Raw(documents, key)
        again = _read(chart, chart.program.render(arguments, place))
    same = agreed(_applied(documents), _applied(again))
    left = tuple(each for each in documents if _is_dropped(each))
    notes = same.notes
    if chart.traits.reads_clock:
        notes += (f"{chart.source.chart} reads the clock: its render may change with time",)
    return Raw(same.documents + left, key, notes)


def _applied(documents: Iterable[Document]) -> tuple[Document, ...]:
    return tuple(each for each in documents if not _is_dropped(each))


def _is_dropped(document: Document) -> bool:
    """Whether it is a test or the like: left out later, so its random name troubles nobody."""
    found = hook(texts(at(document.value, "metadata", "annotations")))
    return found is not None and found.dropped


def _read(chart: _Chart, output: bytes) -> tuple[Document, ...]:
    """Read the output template by template; Helm names each in a comment."""
    folder = chart.source.chart
    try:
        parts = _SOURCE.split(output.decode())
    except UnicodeDecodeError as error:
        raise RenderError(f"the chart {folder} renders to something that is no UTF-8") from error
    if parts[0].strip():
        raise RenderError(f"helm printed something else than templates for {folder}")
    why = f"the output of helm for {folder} is refused (lines are of the output):"
    return tuple(
        replace(document, line=1)
        for source, content in zip(parts[1::2], parts[2::2], strict=True)
        for document in parsed(content.encode(), _path(chart, source), why)
    )


def _path(chart: _Chart, source: str) -> str:
    """Return the file of a template: `name-of-the-chart/templates/web.yaml` in the comment."""
    path = posixpath.join(chart.source.chart, source.partition("/")[2])
    known = path in chart.revision.files
    return path if known else posixpath.join(chart.source.chart, "Chart.yaml")


# --- before it is rendered -----------------------------------------------------------------------


def _require(revision: Revision, source: ChartSource) -> None:
    """Refuse what helm would refuse with stranger words, or would look for outside the tree."""
    revision.folder(source.chart)
    description = posixpath.join(source.chart, "Chart.yaml")
    if description not in revision.files:
        raise RenderError(f"{source.chart} is no Helm chart: it has no Chart.yaml")
    for path in source.values_files:
        if path not in revision.files or revision.files[path].mode == LINK:
            raise RenderError(f"the values file {path} is not in the repository")
    missing = sorted(set(_dependencies(revision, source.chart)) - _vendored(revision, source.chart))
    if missing:
        names = ", ".join(missing)
        raise RenderError(
            f"{description}:1: the chart needs {names}, which is not in {source.chart}/charts: run"
            f" `helm dependency build {source.chart}` and commit what it puts there"
        )


def _dependencies(revision: Revision, chart: str) -> Iterator[str]:
    """Yield the names of charts that have to be vendored (requirements.yaml: charts of Helm 2)."""
    named = (posixpath.join(chart, name) for name in ("Chart.yaml", "requirements.yaml"))
    contents = revision.contents(path for path in named if path in revision.files)
    for path, content in contents.items():
        for document in parsed(content, path):
            for each in items(mapping(document.value).get("dependencies")):
                yield text(each.get("name"))


def _vendored(revision: Revision, chart: str) -> set[str]:
    """Return the names in charts/: folders, and archives without their version."""
    prefix = f"{posixpath.join(chart, 'charts')}/"
    below = (path.removeprefix(prefix) for path in revision.below(prefix.rstrip("/")))
    return {
        re.sub(r"-v?[0-9]+\.[^/]*$", "", name.removesuffix(_ARCHIVE))
        if name.endswith(_ARCHIVE)
        else name.partition("/")[0]
        for name in below
    }


def _traits(revision: Revision, chart: str) -> _Traits:
    """Read the templates for functions whose result is not the same each time.

    An archive may hold anything, so a chart with one counts as random and asking.
    """
    paths = [path for path in revision.below(chart) if "/templates/" in path]
    contents = revision.contents(paths).values()
    is_sealed = any(path.endswith(_ARCHIVE) for path in revision.below(chart))
    return _Traits(
        is_random=is_sealed or any(_RANDOM.search(each) for each in contents),
        reads_clock=any(_CLOCK.search(each) for each in contents),
        asks_cluster=is_sealed or any(_ASKS_CLUSTER.search(each) for each in contents),
    )
