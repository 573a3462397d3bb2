"""From documents to what a package wants, whole or not at all."""

from __future__ import annotations

import base64
import textwrap
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.core import manifests
from agent.core.desired import desire
from agent.core.encode import digest
from agent.core.order import FIRST
from agent.core.values import (
    ChartSource,
    Complete,
    ConflictPolicy,
    Desired,
    GroupKind,
    Ignore,
    JobPolicy,
    Key,
    KindInfo,
    Origin,
    Package,
    PackageName,
    PathSource,
    Reason,
    ReplacePolicy,
    Rules,
    Target,
    Unknown,
)

Kinds = dict[GroupKind, KindInfo]

PACKAGE = Package(PackageName("shop", "web"), PathSource("shop/web"))
CHART = replace(PACKAGE, source=ChartSource("shop/chart", "web", {}))


def resolved(
    text: str, package: Package = PACKAGE, kinds: Kinds | None = None
) -> Complete | Unknown:
    """Read YAML as the file `web.yaml` and resolve it."""
    read = manifests.read(textwrap.dedent(text).encode(), "web.yaml")
    assert not read.problems
    return desire(
        package, read.manifests, kinds or {}, "c0ffee", lambda path: ("beef", f"Ada of {path}")
    )


def objects(
    text: str, package: Package = PACKAGE, kinds: Kinds | None = None
) -> tuple[Desired, ...]:
    """Resolve YAML that has no problem."""
    wanted = resolved(text, package, kinds)
    assert isinstance(wanted, Complete), wanted
    return wanted.objects


def only(text: str, package: Package = PACKAGE, kinds: Kinds | None = None) -> Desired:
    """Resolve YAML that holds one object."""
    (wanted,) = objects(text, package, kinds)
    return wanted


def says(text: str, package: Package = PACKAGE) -> str:
    """Resolve YAML that is refused, and give the reason."""
    wanted = resolved(text, package)
    assert isinstance(wanted, Unknown), wanted
    assert wanted.reason is Reason.RENDER_FAILED
    return wanted.says


def config(annotations: str = "") -> str:
    """A ConfigMap with annotations in flow style."""
    return f"""
        apiVersion: v1
        kind: ConfigMap
        metadata: {{name: web, annotations: {{{annotations}}}}}
    """


def test_an_object_is_named_placed_and_traced():
    """Whole value: the namespace is the package's, the origin names file, line and author."""
    manifest = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"replicas": 2, "paused": None},
    }
    text = """
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: web}
        spec: {replicas: 2, paused: null}
        status: {replicas: 1}
    """
    wanted = Desired(
        Key("apps", "Deployment", "shop", "web"),
        "apps/v1",
        manifest,
        digest(manifest),
        0,
        Rules(),
        Origin("web.yaml", 2, "beef", "Ada of web.yaml"),
    )
    assert only(text) == wanted


def test_an_empty_render_is_complete():
    """Whether nothing is wanted on purpose is asked elsewhere."""
    assert resolved("") == Complete("c0ffee", digest([]), ())


@settings(max_examples=25, deadline=None)
@given(st.permutations(["a", "b", "c", "d"]))
def test_the_order_of_documents_is_irrelevant(names: list[str]):
    """The digest of a package stands for its content."""
    text = "\n---\n".join(
        f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}" for name in names
    )
    wanted = resolved(text)
    assert isinstance(wanted, Complete)
    assert [each.key.name for each in wanted.objects] == ["a", "b", "c", "d"]
    assert wanted.digest == digest(
        [[*each.key, each.digest] for each in sorted(wanted.objects, key=lambda each: each.key)]
    )


# --- scope ---------------------------------------------------------------------------------------


def test_cluster_scoped_kinds_lose_a_namespace():
    """Exported manifests carry one that the server would refuse."""
    wanted = only("""
        apiVersion: rbac.authorization.k8s.io/v1
        kind: ClusterRole
        metadata: {name: reader, namespace: shop}
    """)
    assert wanted.key == Key("rbac.authorization.k8s.io", "ClusterRole", "", "reader")
    assert wanted.manifest["metadata"] == {"name": "reader"}


DEFINITION = """
    apiVersion: apiextensions.k8s.io/v1
    kind: CustomResourceDefinition
    metadata: {name: zones.example.com, creationTimestamp: null}
    spec:
      group: example.com
      names: {kind: Zone, plural: zones}
      scope: Cluster
      preserveUnknownFields: false
    status: {conditions: []}
"""
ZONE = """
    apiVersion: example.com/v1
    kind: Zone
    metadata: {name: north}
"""


def test_a_definition_beside_the_object_tells_its_scope():
    """And comes before everything else, without what the server would drop."""
    definition, zone = objects(f"{ZONE}\n---\n{DEFINITION}")
    assert (definition.key.kind, definition.wave) == ("CustomResourceDefinition", FIRST)
    assert "status" not in definition.manifest
    assert "preserveUnknownFields" not in definition.manifest["spec"]
    assert definition.manifest["metadata"] == {"name": "zones.example.com"}
    assert zone.key.namespace == ""


def test_discovery_knows_best():
    """A served kind has the scope the server says."""
    zone = GroupKind("example.com", "Zone")
    info = KindInfo("example.com", "Zone", "zones", namespaced=False, versions=("v1",))
    assert only(ZONE, kinds={zone: info}).key.namespace == ""
    assert only(ZONE).key.namespace == "shop"


# --- what is applied -----------------------------------------------------------------------------


def test_text_of_a_secret_becomes_data():
    """Text wins, as on the server; base64 loses its line breaks."""
    wanted = only("""
        apiVersion: v1
        kind: Secret
        metadata: {name: web}
        data: {password: b2xk, certificate: "YWJj\\nZGVm\\n"}
        stringData: {password: new, empty: }
    """)
    assert wanted.manifest["data"] == {
        "password": base64.b64encode(b"new").decode(),
        "certificate": "YWJjZGVm",
        "empty": "",
    }
    assert "stringData" not in wanted.manifest


def test_secret_values_of_another_type_are_refused_without_telling_them():
    """The value itself may be the secret."""
    text = "{apiVersion: v1, kind: Secret, metadata: {name: web}, stringData: {pin: 4711}}"
    told = says(text)
    assert told == "web.yaml:1: Secret shop/web: stringData: `pin` must be a string: quote it"


def test_rules_of_aggregated_roles_belong_to_the_controller():
    """Applying an empty list would wipe them."""
    wanted = only("""
        apiVersion: rbac.authorization.k8s.io/v1
        kind: ClusterRole
        metadata: {name: reader}
        aggregationRule: {clusterRoleSelectors: []}
        rules: []
    """)
    assert "rules" not in wanted.manifest


def test_what_only_a_server_writes_is_dropped():
    """A manifest copied from a cluster is as good as a written one."""
    wanted = only("""
        apiVersion: v1
        kind: ConfigMap
        metadata:
          name: web
          uid: 0e9d
          resourceVersion: "7"
          generation: 3
          selfLink: /api
          managedFields: []
          creationTimestamp: null
          labels: {tidegate.io/package: 01ab, tidegate.io/instance: default, tier: web}
          annotations:
            kubectl.kubernetes.io/last-applied-configuration: "{}"
            tidegate.io/owner: default/prod/shop/web
    """)
    assert wanted.manifest["metadata"] == {
        "name": "web",
        "namespace": "shop",
        "labels": {"tier": "web"},
    }


def test_suspension_of_an_object_is_read_and_not_applied():
    """Applied, it would outlive its removal from Git."""
    held = only(config('tidegate.io/suspend: "true", tidegate.io/suspend-reason: CHG-1'))
    free = only(config())
    assert held.suspend == {"tidegate.io/suspend": "true", "tidegate.io/suspend-reason": "CHG-1"}
    assert "annotations" not in held.manifest["metadata"]
    assert free.suspend == {}


# --- rules ---------------------------------------------------------------------------------------


def test_annotations_override_the_package():
    """Whole value: every annotation, and the package's settings where there is none."""
    package = replace(PACKAGE, jobs=JobPolicy.ONCE, conflicts=ConflictPolicy.HOLD)
    wanted = only(
        config(
            'tidegate.io/wave: "-3", tidegate.io/prune: disabled, tidegate.io/replace: Recreate,'
            ' tidegate.io/jobs: "Recreate, Force", tidegate.io/job-history: "1"'
        ),
        package,
    )
    assert wanted.wave == -3
    assert wanted.rules == Rules(
        jobs=JobPolicy.RECREATE,
        force=True,
        replace=ReplacePolicy.RECREATE,
        replace_workload=True,
        conflicts=ConflictPolicy.HOLD,
        prune=False,
        job_history=1,
    )


@pytest.mark.parametrize(
    ("annotation", "told"),
    [
        ('tidegate.io/wave: "first"', "`first` is not valid: write a whole number from -9999"),
        ("tidegate.io/prune: never", "`never` is not valid: write disabled or enabled"),
        ("tidegate.io/jobs: Rerun", "write Skip, Recreate, RecreateFinished, Once or Recreate,F"),
        ('tidegate.io/jobs: "Skip,Force"', "Force goes with Recreate only"),
        ("tidegate.io/replace: Yes please", "write Hold or Recreate"),
        ("tidegate.io/conflicts: Mine", "write Git or Live or Hold"),
        ('tidegate.io/job-history: "-1"', "write a whole number from 0 to 100"),
        ('tidegate.io/waves: "1"', "is unknown: did you mean tidegate.io/wave?"),
        ("tidegate.io/colour: blue", "has no meaning on an object of a package"),
    ],
)
def test_an_annotation_that_cannot_be_read_is_never_ignored(annotation: str, told: str):
    """The object is not applied under settings that nobody wrote."""
    assert told in says(config(annotation))


def test_ignore_rules_go_to_the_objects_they_name():
    """By kind, group, name and namespace; a star stands for a part of a name."""
    package = replace(
        PACKAGE,
        ignore=(
            Ignore(Target(kind="ConfigMap"), ("/data/a",)),
            Ignore(Target(kind="ConfigMap", group="", name="w*", namespace="shop"), ("/data/b",)),
            Ignore(Target(kind="Secret"), ("/data/c",)),
            Ignore(Target(name="other"), ("/data/d",)),
        ),
    )
    assert only(config(), package).rules.ignore == ("/data/a", "/data/b")


@pytest.mark.parametrize(
    "scaler",
    [
        """
        apiVersion: autoscaling/v2
        kind: HorizontalPodAutoscaler
        metadata: {name: web}
        spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}}
        """,
        """
        apiVersion: keda.sh/v1alpha1
        kind: ScaledObject
        metadata: {name: web}
        spec: {scaleTargetRef: {name: web}}
        """,
    ],
)
def test_replicas_belong_to_the_autoscaler(scaler: str):
    """Only those of the workload it names."""
    deployments = """
        {apiVersion: apps/v1, kind: Deployment, metadata: {name: web}}
        ---
        {apiVersion: apps/v1, kind: Deployment, metadata: {name: worker}}
    """
    found = objects(f"{textwrap.dedent(scaler)}\n---\n{textwrap.dedent(deployments)}")
    ignored = {each.key.name: each.rules.ignore for each in found if each.key.kind == "Deployment"}
    assert ignored == {"web": ("/spec/replicas",), "worker": ()}


# --- Jobs ----------------------------------------------------------------------------------------


def job(image: str, annotations: str = "") -> str:
    """A Job without a name of its own."""
    return f"""
        apiVersion: batch/v1
        kind: Job
        metadata: {{generateName: migrate-, annotations: {{{annotations}}}}}
        spec: {{template: {{spec: {{containers: [{{name: a, image: "{image}"}}]}}}}}}
    """


def test_a_nameless_job_is_named_after_its_content():
    """The same content is the same Job, other content another one."""
    first, again, other = only(job("a:1")), only(job("a:1")), only(job("a:2"))
    assert first == again
    assert first.key.name == "migrate-" + first.digest.removeprefix("sha256:")[:8]
    assert first.manifest["metadata"]["name"] == first.key.name
    assert other.key.name != first.key.name


def test_another_policy_is_no_new_content_of_a_job():
    """Changing when a Job may run again never runs it again."""
    once = only(job("a:1", "tidegate.io/jobs: Once"))
    skip = only(job("a:1", "tidegate.io/jobs: Skip"))
    assert (once.key, once.digest) == (skip.key, skip.digest)
    assert once.rules.jobs is JobPolicy.ONCE


def test_a_generated_name_fits_a_label():
    """Pods of the Job carry its name as a label."""
    wanted = only(job("a:1").replace("migrate-", "m" * 63))
    assert len(wanted.key.name) == 63


def test_other_kinds_need_a_name():
    """A generated name would be a new object at every sync."""
    text = "{apiVersion: v1, kind: ConfigMap, metadata: {generateName: web-}}"
    assert says(text).endswith("generateName works for Jobs only: give it a metadata.name")


# --- hooks of Helm -------------------------------------------------------------------------------


def hook(moments: str, kind: str = "batch/v1, kind: Job", weight: int = 0) -> str:
    """A hook of a chart."""
    annotations = f'{{helm.sh/hook: "{moments}", helm.sh/hook-weight: "{weight}"}}'
    return f"{{apiVersion: {kind}, metadata: {{name: hook, annotations: {annotations}}}}}"


@pytest.mark.parametrize(
    ("moments", "weight", "wave"),
    [
        ("pre-install,pre-upgrade", -5, -20_004),
        ("pre-upgrade", 0, -19_999),
        ("post-install", 3, 20_002),
        ("post-install,pre-upgrade", 0, 19_999),
        ("post-install,test", 0, 19_999),
        ("pre-upgrade,post-upgrade", 0, 19_999),
        ("pre-install,post-install,pre-upgrade,post-upgrade", 0, -19_999),
    ],
)
def test_hooks_run_before_or_after_all_waves(moments: str, weight: int, wave: int):
    """Jobs among them run once per content."""
    wanted = only(hook(moments, weight=weight), CHART)
    assert (wanted.wave, wanted.rules.jobs) == (wave, JobPolicy.ONCE)


def test_other_hooks_are_left_out_and_named():
    """Tests, rollbacks and deletions are no part of what should be there."""
    wanted = resolved(hook("test", "v1, kind: Pod"), CHART)
    assert isinstance(wanted, Complete)
    assert (wanted.objects, wanted.notes) == ((), ("Pod shop/hook is a test hook: left out",))


def test_a_wave_of_its_own_goes_before_that_of_the_hook():
    """Whoever wrote it meant it."""
    text = hook("pre-install").replace("helm.sh/hook:", 'tidegate.io/wave: "2", helm.sh/hook:')
    assert only(text, CHART).wave == 2


def test_hooks_mean_nothing_outside_a_chart():
    """The file is an ordinary manifest there."""
    wanted = only(hook("test"))
    assert (wanted.wave, wanted.rules.jobs) == (0, JobPolicy.SKIP)


def test_a_wave_on_a_definition_is_told_to_have_no_effect():
    """Namespaces and definitions come first, whatever they say."""
    wanted = resolved("""
        apiVersion: v1
        kind: Namespace
        metadata: {name: shop, annotations: {tidegate.io/wave: "4"}}
    """)
    assert isinstance(wanted, Complete)
    assert wanted.objects[0].wave == FIRST
    assert wanted.notes == (
        "Namespace shop is applied before all waves: tidegate.io/wave 4 has no effect on it",
    )


# --- refusals ------------------------------------------------------------------------------------


def test_every_problem_is_told_with_its_line():
    """One round of corrections is enough."""
    text = """
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: 8080}
        ---
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: a/b}
        ---
        apiVersion: tidegate.io/v1alpha1
        kind: Package
        metadata: {name: inner}
    """
    assert says(text).splitlines() == [
        "web.yaml:2: metadata.name must be a string, this is the number 8080: quote it",
        "web.yaml:6: ConfigMap shop/a/b: metadata.name may not contain `/` or `%`",
        "web.yaml:10: Package shop/inner: a package can't apply kinds of tidegate.io: take it out",
    ]


def test_an_object_declared_twice_names_both_places():
    """Also when one of them leaves the namespace to the package."""
    text = """
        {apiVersion: v1, kind: ConfigMap, metadata: {name: web}}
        ---
        {apiVersion: v1, kind: ConfigMap, metadata: {name: web, namespace: shop}}
    """
    assert says(text) == "web.yaml:4: ConfigMap shop/web is already declared in web.yaml:2"


def test_a_long_list_of_problems_is_cut():
    """Twenty are told, the others counted."""
    text = "\n---\n".join(["{apiVersion: v1, kind: ConfigMap}"] * 25)
    assert says(text).splitlines()[-1] == "and 5 more"
