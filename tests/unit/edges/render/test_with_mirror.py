"""Rendering from a real repository, by the real programs, without a way out."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from agent.core.values import (
    ChartSource,
    Complete,
    Key,
    Origin,
    Package,
    PackageName,
    PathSource,
    Unknown,
)
from agent.edges.git.address import Remote
from agent.edges.git.mirror import Mirror
from agent.edges.render.cache import Cache
from agent.edges.render.render import Programs, Renderer, resolve

if TYPE_CHECKING:
    from pathlib import Path

    from git_server import Repository

    from agent.core.values import Rendered, Source

FILES = {
    "shop/base/kustomization.yaml": "resources: [web.yaml]\n",
    "shop/base/web.yaml": "\n{apiVersion: v1, kind: ConfigMap, metadata: {name: web}}\n",
    "shop/prod/kustomization.yaml": "resources: [../base]\nnamePrefix: prod-\n",
    "shop/plain/a.yaml": "{apiVersion: v1, kind: ConfigMap, metadata: {name: plain}}\n",
    "shop/chart/Chart.yaml": "apiVersion: v2\nname: nice\nversion: 1.0.0\n",
    "shop/chart/templates/a.yaml": (
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: {{ .Release.Name }}}}\n"
    ),
}

Resolve = "Callable[[dict[str, Any], Source], Rendered]"


@pytest.fixture
def resolved(tmp_path: Path, repository: Repository, programs: Programs) -> Resolve:
    """Commit files, then resolve a source at that commit."""

    def call(files: dict[str, Any], source: Source) -> Rendered:
        mirror = Mirror(tmp_path / "mirror", Remote(repository.url, "main"))
        repository.commit(files)
        commit = mirror.fetch()
        package = Package(PackageName("shop", "web"), source)
        raw = Renderer(mirror, Cache(tmp_path / "cache"), programs).render(package, commit)

        def author_of(path: str) -> tuple[str, str]:
            author = mirror.blame(commit, [path])[path]
            return author.commit, str(author)

        return resolve(raw, package, {}, commit, author_of)

    return call


@pytest.mark.parametrize(
    ("source", "name", "path", "line"),
    [
        (PathSource("shop/plain"), "plain", "shop/plain/a.yaml", 1),
        (PathSource("shop/prod"), "prod-web", "shop/base/web.yaml", 2),
        (ChartSource("shop/chart", "nice", {}), "nice", "shop/chart/templates/a.yaml", 1),
    ],
)
def test_each_source_resolves(source: Source, name: str, path: str, line: int, resolved: Resolve):
    """To one object that knows its file and its author."""
    wanted = resolved(FILES, source)
    assert isinstance(wanted, Complete), wanted
    (found,) = wanted.objects
    assert found.key == Key("", "ConfigMap", "shop", name)
    origin = Origin(path, line, wanted.commit, "Ada Author <ada@example.com>")
    assert found.origin == origin


def test_a_chart_reads_no_file_of_this_machine(
    tmp_path: Path, resolved: Resolve, monkeypatch: pytest.MonkeyPatch
):
    """Neither a token in the environment nor a file outside the chart."""
    secret = tmp_path / "token"
    secret.write_text("canary")
    monkeypatch.setenv("TOKEN", "canary")
    template = (
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {"
        'outside: "{{ .Files.Get "../../token" }}{{ .Files.Get "TOKEN" }}",'
        ' value: "{{ .Values.TOKEN }}"}}\n'
    ).replace("TOKEN", str(secret), 1)
    wanted = resolved(
        {**FILES, "shop/chart/templates/a.yaml": template}, ChartSource("shop/chart", "nice", {})
    )
    assert isinstance(wanted, Complete), wanted
    assert wanted.objects[0].manifest["data"] == {"outside": "", "value": ""}


def test_a_kustomization_opens_no_file_of_this_machine(tmp_path: Path, resolved: Resolve):
    """It is refused before kustomize sees it."""
    secret = tmp_path / "token"
    secret.write_text("canary")
    up = os.path.relpath(secret, "/")
    text = f"configMapGenerator: [{{name: a, files: [a={'../' * 12}{up}, b={secret}]}}]\n"
    wanted = resolved({"shop/prod/kustomization.yaml": text}, PathSource("shop/prod"))
    assert isinstance(wanted, Unknown)
    assert wanted.says.count("is not in the repository") == 2
