"""Charts are rendered by the real helm, without a network, a cluster or a home."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from agent.core.manifests import Document
from agent.core.values import ChartSource, Unknown
from agent.edges.render.helm import Capabilities

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from agent.edges.render.render import Programs

CHART = "apiVersion: v2\nname: nice\nversion: 1.0.0\n"
TEMPLATE = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: "{{ .Release.Name }}", namespace: "{{ .Release.Namespace }}"}
data: {size: "{{ .Values.size }}", colour: "{{ .Values.colour }}"}
"""


def chart(**values: Any) -> ChartSource:
    """The chart in `charts/web`, released as `web-1`."""
    return ChartSource("charts/web", "web-1", values)


def files(template: str = TEMPLATE, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """A chart with one template."""
    return {
        "charts/web/Chart.yaml": CHART,
        "charts/web/values.yaml": "size: 1\ncolour: none\n",
        "charts/web/templates/config.yaml": template,
        **(more or {}),
    }


def config(data: Mapping[str, Any], name: str = "web-1", namespace: str = "shop") -> dict[str, Any]:
    """What TEMPLATE renders to."""
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def test_a_template_is_rendered_with_all_values(
    tree: Callable, render: Callable, programs: Programs
):
    """Files first, then the values of the package; the object stands at its template."""
    source = ChartSource("charts/web", "web-1", {"colour": "red"}, ("values/big.yaml",))
    commit = tree(files(more={"values/big.yaml": "size: 9\ncolour: blue\n"}))
    raw = render(commit, source, programs)
    wanted = config({"size": "9", "colour": "red"})
    assert raw.documents == (Document(wanted, 1, "charts/web/templates/config.yaml"),)


def test_definitions_and_hooks_are_part_of_it(tree: Callable, render: Callable, programs: Programs):
    """Tests too: who leaves them out can then name them."""
    hook = 'kind: Pod\napiVersion: v1\nmetadata: {name: t, annotations: {helm.sh/hook: "test"}}\n'
    definition = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n"
    more = {
        "charts/web/crds/a.yaml": f"{definition}metadata: {{name: a}}\n",
        "charts/web/templates/tests/t.yaml": hook,
    }
    raw = render(tree(files(more=more)), chart(), programs)
    assert [(each.value["kind"], each.path) for each in raw.documents] == [
        ("CustomResourceDefinition", "charts/web/crds/a.yaml"),
        ("ConfigMap", "charts/web/templates/config.yaml"),
        ("Pod", "charts/web/templates/tests/t.yaml"),
    ]


def test_random_values_are_left_out_and_named(tree: Callable, render: Callable, programs: Programs):
    """A password that is new at each render would be changed at each sync."""
    random = TEMPLATE.replace("{{ .Values.size }}", "{{ randAlphaNum 20 }}")
    raw = render(tree(files(random)), chart(), programs)
    assert [each.value for each in raw.documents] == [config({"colour": "none"})]
    assert raw.notes == (
        "ConfigMap web-1: data.size differs at every render: left out, set it by values",
    )


def test_a_chart_that_reads_the_clock_is_named(
    tree: Callable, render: Callable, programs: Programs
):
    """Two renders within one day may well agree."""
    dated = TEMPLATE.replace("{{ .Values.size }}", '{{ now | date "2006" }}')
    raw = render(tree(files(dated)), chart(), programs)
    assert raw.notes == ("charts/web reads the clock: its render may change with time",)


def test_templates_are_told_of_the_cluster(tree: Callable, render: Callable, programs: Programs):
    """Its version, and the kinds it serves."""
    asking = TEMPLATE.replace("{{ .Values.size }}", "{{ .Capabilities.KubeVersion.Version }}")
    asking = asking.replace("{{ .Values.colour }}", '{{ .Capabilities.APIVersions.Has "a.io/v1" }}')
    told = Capabilities("v1.31.4", ("a.io/v1", "b.io/v1/B"))
    raw = render(tree(files(asking)), chart(), programs, told)
    assert [each.value for each in raw.documents] == [config({"size": "v1.31.4", "colour": "true"})]


def test_kinds_matter_only_to_charts_that_ask(tree: Callable, render: Callable, programs: Programs):
    """A definition installed somewhere renders no other chart again."""
    commit = tree(files())
    render(commit, chart(), programs, Capabilities("v1.31.4", ("a.io/v1",)))
    render(commit, chart(), programs, Capabilities("v1.31.4", ("b.io/v1",)))
    assert commit.exports == ["charts/web"]


def test_other_values_are_another_render(tree: Callable, render: Callable, programs: Programs):
    """The cache never mixes them up."""
    commit = tree(files())
    small = render(commit, chart(size=1), programs)
    large = render(commit, chart(size=2), programs)
    assert small.digest != large.digest
    assert render(commit, chart(size=1), programs) == small


def test_a_cluster_is_never_asked(tree: Callable, render: Callable, programs: Programs):
    """`lookup` finds nothing."""
    looking = TEMPLATE.replace("{{ .Values.size }}", '{{ lookup "v1" "Secret" "shop" "a" }}')
    raw = render(tree(files(looking)), chart(), programs)
    assert raw.documents[0].value["data"]["size"] == "map[]"


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (
            {"charts/web/Chart.yaml": f"{CHART}dependencies: [{{name: db, version: 1.x}}]\n"},
            "run `helm dependency build charts/web` and commit what it puts there",
        ),
        (
            {"charts/web/requirements.yaml": "dependencies: [{name: db, version: 1.x}]\n"},
            "the chart needs db, which is not in charts/web/charts",
        ),
        ({"charts/web/Chart.yaml": "name: [", "a": ""}, "charts/web/Chart.yaml:"),
    ],
)
def test_what_is_not_vendored_is_refused(
    more: dict[str, str], told: str, tree: Callable, render: Callable
):
    """Before any program is started; nothing is ever fetched."""
    unknown = render(tree(files(more=more)), chart())
    assert isinstance(unknown, Unknown)
    assert told in unknown.says


def test_a_vendored_dependency_is_part_of_the_chart(
    tree: Callable, render: Callable, programs: Programs
):
    """A folder under charts/, its objects where they are written."""
    more = {
        "charts/web/Chart.yaml": f"{CHART}dependencies: [{{name: db, version: 1.x}}]\n",
        "charts/web/charts/db/Chart.yaml": "apiVersion: v2\nname: db\nversion: 1.2.0\n",
        "charts/web/charts/db/templates/a.yaml": "{apiVersion: v1, kind: Service}\n",
    }
    raw = render(tree(files(more=more)), chart(), programs)
    assert {each.path for each in raw.documents} == {
        "charts/web/charts/db/templates/a.yaml",
        "charts/web/templates/config.yaml",
    }


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (ChartSource("charts/none", "a", {}), "the folder `charts/none` is not there"),
        (ChartSource("charts", "a", {}), "charts is no Helm chart: it has no Chart.yaml"),
        (
            ChartSource("charts/web", "a", {}, ("b.yaml",)),
            "the values file b.yaml is not in the repository",
        ),
    ],
)
def test_a_chart_that_is_not_there_is_named(
    source: ChartSource, told: str, tree: Callable, render: Callable
):
    """As are its values."""
    unknown = render(tree(files()), source)
    assert isinstance(unknown, Unknown)
    assert told in unknown.says


def test_a_failing_template_is_told_in_helms_words(
    tree: Callable, render: Callable, programs: Programs
):
    """Without the paths of this machine."""
    failing = TEMPLATE.replace("{{ .Values.size }}", '{{ fail "size is needed" }}')
    unknown = render(tree(files(failing)), chart(), programs)
    assert isinstance(unknown, Unknown)
    assert unknown.says.startswith("helm failed: ")
    assert "size is needed" in unknown.says
    assert "tidegate-render" not in unknown.says


def test_tests_with_random_names_trouble_nobody(
    tree: Callable, render: Callable, programs: Programs
):
    """They are left out later, under the names of one render."""
    hook = (
        "{apiVersion: v1, kind: Pod, metadata:"
        ' {name: "t-{{ randAlphaNum 5 | lower }}", annotations: {helm.sh/hook: test}}}\n'
    )
    raw = render(tree(files(more={"charts/web/templates/t.yaml": hook})), chart(), programs)
    assert [each.value["kind"] for each in raw.documents] == ["ConfigMap", "Pod"]
    assert raw.notes == ()
