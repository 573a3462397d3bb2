"""Kustomizations are built by the real program, from what they reach and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from agent.core.manifests import Document
from agent.core.values import PathSource, Unknown

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.edges.render.render import Programs

SOURCE = PathSource("web/prod")
BASE = {
    "web/base/kustomization.yaml": "resources: [web.yaml]\n",
    "web/base/web.yaml": """\
apiVersion: v1
kind: Service
metadata: {name: web}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: web}
data: {on: "yes", mode: "0777"}
""",
}
PROD = {
    **BASE,
    "web/prod/kustomization.yaml": """\
resources: [../base]
namePrefix: prod-
configMapGenerator: [{name: made, literals: [a=b]}]
generatorOptions: {disableNameSuffixHash: true}
""",
}


def config(name: str, data: dict[str, str]) -> dict[str, Any]:
    """A ConfigMap."""
    return {"apiVersion": "v1", "data": data, "kind": "ConfigMap", "metadata": {"name": name}}


def test_objects_stand_where_they_were_written(
    tree: Callable, render: Callable, programs: Programs
):
    """File and line of the base, of the generator for what it made; no trace in the object."""
    raw = render(tree(PROD), SOURCE, programs)
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "prod-web"}}
    assert sorted(raw.documents, key=str) == sorted(
        (
            Document(service, 1, "web/base/web.yaml"),
            Document(config("prod-web", {"on": "yes", "mode": "0777"}), 5, "web/base/web.yaml"),
            Document(config("prod-made", {"a": "b"}), 1, "web/prod/kustomization.yaml"),
        ),
        key=str,
    )


def test_a_file_that_sets_its_own_metadata_is_left_alone(
    tree: Callable, render: Callable, programs: Programs
):
    """The objects then stand at the kustomization."""
    files = {**BASE, "web/base/kustomization.yaml": "{resources: [web.yaml]}\n"}
    raw = render(tree(files), PathSource("web/base"), programs)
    assert {(each.path, each.line) for each in raw.documents} == {
        ("web/base/kustomization.yaml", 1)
    }


def test_only_what_is_reached_is_exported_and_counts(
    tree: Callable, render: Callable, programs: Programs
):
    """A change elsewhere costs no second build; one in a base does."""
    one = tree({**PROD, "other/a.yaml": "1"})
    two = tree({**PROD, "other/a.yaml": "2"})
    three = tree({**PROD, "web/base/web.yaml": PROD["web/base/web.yaml"] + "# changed\n"})
    first, second = render(one, SOURCE, programs), render(two, SOURCE, programs)
    assert first == second
    assert (one.exports, two.exports) == (["web/base", "web/prod"], [])
    assert render(three, SOURCE, programs).digest != first.digest
    assert three.exports == ["web/base", "web/prod"]


def test_the_root_may_be_a_kustomization(tree: Callable, render: Callable, programs: Programs):
    """Its folder is exported whole."""
    commit = tree({"kustomization.yaml": "resources: [web/base]\n", **BASE})
    raw = render(commit, PathSource("."), programs)
    assert {each.path for each in raw.documents} == {"web/base/web.yaml"}
    assert commit.exports == [""]


def test_an_empty_kustomization_renders_to_nothing(
    tree: Callable, render: Callable, programs: Programs
):
    """Whether nothing is believed is decided elsewhere."""
    raw = render(tree({"web/prod/kustomization.yaml": "resources: []\n"}), SOURCE, programs)
    assert raw.documents == ()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("resources:\n- https://example.com/a.yaml", "3: `https://example.com/a.yaml` is remote"),
        ("bases: [github.com/a/b//c?ref=v1]", "2: `github.com/a/b//c?ref=v1` is remote"),
        ("resources: [missing.yaml]", "2: `missing.yaml` is not in the repository"),
        ("resources: [../../../elsewhere]", "2: `../../../elsewhere` is not in the repository"),
        ("resources: [../base/web.yaml]", "2: `../base/web.yaml` is a file outside this folder"),
        ("resources: [../empty]", "web/empty:1: there is no kustomization.yaml in this folder"),
        ("helmCharts: [{name: a}]", "2: helmCharts is refused, it fetches charts"),
        ("patches: [{path: 'http://a/b'}]", "2: `http://a/b` is remote"),
        ("configMapGenerator: [{files: ['a=https://b']}]", "2: `https://b` is remote"),
        ("secretGenerator: [{envs: [.env]}]", "2: `.env` is not in the repository"),
        ("patches: [{path: p.yaml}]", "2: `p.yaml` is not in the repository"),
        ("a: 1\na: 2", "3: the key `a` is already set in line 2"),
    ],
)
def test_what_a_commit_does_not_hold_is_refused(
    text: str, told: str, tree: Callable, render: Callable
):
    """With file and line, before any program is started."""
    files = {**BASE, "web/empty/a.txt": "", "web/prod/kustomization.yaml": f"# why\n{text}\n"}
    unknown = render(tree(files), SOURCE)
    assert isinstance(unknown, Unknown)
    assert told in unknown.says


def test_the_programs_own_words_are_told_without_this_machine(
    tree: Callable, render: Callable, programs: Programs
):
    """Paths are those of the repository."""
    text = "resources: [../base]\nunknown: field\n"
    unknown = render(tree({**BASE, "web/prod/kustomization.yaml": text}), SOURCE, programs)
    assert isinstance(unknown, Unknown)
    assert unknown.says.startswith("kustomize failed: ")
    assert "unknown field" in unknown.says
    assert "tidegate-render" not in unknown.says


def test_a_tree_that_must_not_reach_a_disk_is_refused(
    tree: Callable, render: Callable, programs: Programs
):
    """The reason is the export's."""
    commit = tree({**PROD, "web/base/link": "x"}, {"web/base/link": 0o120000})
    unknown = render(commit, SOURCE, programs)
    assert isinstance(unknown, Unknown)
    assert unknown.says == "web/base/link is a link"


def test_a_missing_program_is_named(tree: Callable, render: Callable):
    """And where to get it."""
    unknown = render(tree(PROD), SOURCE)
    assert isinstance(unknown, Unknown)
    assert unknown.says.startswith("this package needs kustomize, which can't be run: ")
    assert "https://github.com/kubernetes-sigs/kustomize/releases" in unknown.says
