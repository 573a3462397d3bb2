"""Plain files are read whole, or refused by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from agent.core.manifests import Document
from agent.core.values import Origin, PathSource, Reason, Unknown

if TYPE_CHECKING:
    from collections.abc import Callable

MAP = "{apiVersion: v1, kind: ConfigMap, metadata: {name: %s}}"
SOURCE = PathSource("web")


def config(name: str) -> dict[str, Any]:
    """What MAP means."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}


def test_every_manifest_below_the_folder_is_read(tree: Callable, render: Callable):
    """YAML and JSON, at any depth, and nothing else."""
    raw = render(
        tree(
            {
                "web/a.yaml": f"# why\n---\n{MAP % 'a'}\n---\n{MAP % 'b'}\n",
                "web/deep/c.json": '{"apiVersion": "v1", "kind": "ConfigMap",'
                ' "metadata": {"name": "c"}}',
                "web/README.md": "not: [yaml",
                "website/d.yaml": MAP % "d",
            }
        ),
        SOURCE,
    )
    assert raw.documents == (
        Document(config("a"), 3, "web/a.yaml"),
        Document(config("b"), 5, "web/a.yaml"),
        Document(config("c"), 1, "web/deep/c.json"),
    )


def test_the_root_may_be_a_source(tree: Callable, render: Callable):
    """Hidden files in it are left out and named."""
    raw = render(
        tree({"a.yaml": MAP % "a", ".github/workflows/ci.yaml": "on: push"}), PathSource(".")
    )
    assert [each.path for each in raw.documents] == ["a.yaml"]
    assert raw.notes == (".github/workflows/ci.yaml is hidden: left out",)


def test_a_source_may_hold_its_own_package(tree: Callable, render: Callable):
    """Declarations are read elsewhere."""
    declaration = "apiVersion: tidegate.io/v1alpha1\nkind: Package\n"
    raw = render(tree({"web/a.yaml": MAP % "a", "web/package.yaml": declaration}), SOURCE)
    assert [each.path for each in raw.documents] == ["web/a.yaml"]


def test_the_same_content_has_the_same_digest(tree: Callable, render: Callable):
    """Whatever else changes in the repository."""
    one = render(tree({"web/a.yaml": MAP % "a", "b.txt": "1"}), SOURCE)
    two = render(tree({"web/a.yaml": MAP % "a", "b.txt": "2"}), SOURCE)
    three = render(tree({"web/a.yaml": MAP % "b", "b.txt": "2"}), SOURCE)
    assert one.digest == two.digest
    assert one.digest != three.digest


def test_a_link_is_followed_inside_the_repository(tree: Callable, render: Callable):
    """The object is where the link is."""
    files = {"web/a.yaml": "../shared/a.yaml", "shared/a.yaml": MAP % "a"}
    raw = render(tree(files, {"web/a.yaml": 0o120000}), SOURCE)
    assert raw.documents == (Document(config("a"), 1, "web/a.yaml"),)


@pytest.mark.parametrize(
    ("files", "modes", "told"),
    [
        (
            {"web/a.yaml": "a: [", "web/b.yaml": "a: 1\na: 2"},
            {},
            "web/b.yaml:2: the key `a` is already set in line 1",
        ),
        (
            {"web/a.yaml": "../../etc/passwd"},
            {"web/a.yaml": 0o120000},
            "web/a.yaml:1: is a link to no file of the repository",
        ),
        (
            {"web/vendor": ""},
            {"web/vendor": 0o160000},
            "web/vendor:1: is a submodule: copy its manifests here",
        ),
        (
            {"web/chart/Chart.yaml": "name: a", "web/chart/templates/a.yaml": "{{ x }}"},
            {},
            "web/chart/Chart.yaml:1: a Helm chart is no plain YAML: name it in a Package of its",
        ),
        (
            {"web/base/kustomization.yaml": ""},
            {},
            "name it in a Package of its own as spec.source.path: web/base",
        ),
        ({"elsewhere/a.yaml": ""}, {}, "the folder `web` is not there (commit c0ffee)"),
        ({"web": ""}, {}, "the folder `web` is a file: name its folder (commit c0ffee)"),
    ],
)
def test_what_cannot_be_applied_is_refused(
    files: dict[str, str], modes: dict[str, int], told: str, tree: Callable, render: Callable
):
    """Nobody knows then what the package wants."""
    unknown = render(tree(files, modes), SOURCE)
    assert isinstance(unknown, Unknown)
    assert (unknown.reason, unknown.origin) == (Reason.RENDER_FAILED, Origin())
    assert unknown.commit == "c0ffee"
    assert told in unknown.says


def test_what_a_link_names_is_part_of_the_source(tree: Callable, render: Callable):
    """It may stand outside the folder, and change without it."""
    link = {"web/a.yaml": 0o120000}
    one = {"web/a.yaml": "../shared/a.yaml", "shared/a.yaml": MAP % "a"}
    two = {"web/a.yaml": "../shared/a.yaml", "shared/a.yaml": MAP % "b"}
    assert render(tree(one, link), SOURCE).documents[0].value == config("a")
    assert render(tree(two, link), SOURCE).documents[0].value == config("b")
