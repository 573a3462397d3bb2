"""What a Package may say, and how its mistakes are told."""

from datetime import timedelta

import pytest

from agent.core.kinds.documents import parse
from agent.core.kinds.parsed import Parsed
from agent.core.kinds.shape import Site
from agent.core.values import (
    AdoptPolicy,
    ChartSource,
    ConflictPolicy,
    DeletionPolicy,
    HealthCheck,
    Ignore,
    JobPolicy,
    Origin,
    Package,
    PackageName,
    PathSource,
    ReplacePolicy,
    Target,
)

PATH = "teams/shop/payments.yaml"
HEAD = """\
apiVersion: tidegate.io/v1alpha1
kind: Package
metadata: {name: payments, namespace: shop}
"""


def read(text: str, path: str = PATH) -> Parsed:
    """Return what a file of this text declares."""
    return parse(text.encode(), Site(path))


def problems(text: str) -> list[str]:
    """Return `line:column message` of each problem of a text's only package."""
    document = read(text).packages[0]
    return [f"{each.line}:{each.column} {each.message}" for each in document.problems]


def of_spec(spec: str) -> list[str]:
    """Return the problems of a package with this spec."""
    return problems(f"{HEAD}spec: {spec}\n")


def test_a_package_becomes_a_value():
    """Every field of the reference is read into the frozen value, paths from the root."""
    text = """\
apiVersion: tidegate.io/v1alpha1
kind: Package
metadata:
  name: payments
  namespace: shop
  labels: {tier: backend}
  annotations: {tidegate.io/suspend: "true"}
spec:
  source: {path: ./manifests/}
  dependsOn: [cache, infra/ingress]
  prune: false
  deletionPolicy: Orphan
  jobs: Once
  replace: Recreate
  conflicts: Hold
  adopt: Never
  approval: Automatic
  ignore: [{target: {kind: Deployment}, paths: [/spec/replicas]}]
  health: {timeout: 10m, checks: [{target: {kind: Certificate}, path: .status.ready, equals: true}]}
  serviceAccountName: deployer
  retry: {backoff: 10s, max: 10m}
  clusters: ["prod-*"]
  pruneDelay: 0s
"""
    found = read(text).packages[0].package
    assert found is not None
    assert found == Package(
        name=PackageName("shop", "payments"),
        source=PathSource("teams/shop/manifests"),
        labels={"tier": "backend"},
        annotations={"tidegate.io/suspend": "true"},
        depends_on=(PackageName("shop", "cache"), PackageName("infra", "ingress")),
        prune=False,
        deletion=DeletionPolicy.ORPHAN,
        jobs=JobPolicy.ONCE,
        replace=ReplacePolicy.RECREATE,
        conflicts=ConflictPolicy.HOLD,
        adopt=AdoptPolicy.NEVER,
        ignore=(Ignore(Target(kind="Deployment"), ("/spec/replicas",)),),
        health_timeout=timedelta(minutes=10),
        health_checks=(HealthCheck(Target(kind="Certificate"), ".status.ready", equals=True),),
        service_account="deployer",
        retry_backoff=timedelta(seconds=10),
        retry_max=timedelta(minutes=10),
        clusters=("prod-*",),
        prune_delay=timedelta(0),
        spec=found.spec,
        origin=Origin(PATH, 1),
    )
    assert found.spec["source"] == {"path": "./manifests/"}


def test_empty_fields_are_not_sent_to_the_cluster():
    """The API server refuses null; in the values of a chart it means something."""
    text = f"{HEAD}spec: {{source: {{helm: {{chart: c, values: {{a: null}}}}}}, health: null}}"
    package = read(text).packages[0].package
    assert package is not None
    assert package.spec == {"source": {"helm": {"chart": "c", "values": {"a": None}}}}


def test_a_chart_in_the_repository():
    """Values stay as written under YAML 1.2, files are found from the root."""
    text = f"""{HEAD}spec:
  source:
    helm: {{chart: ../charts/pay, values: {{on: yes, day: 2026-01-01}}, valuesFiles: [prod.yaml]}}
"""
    package = read(text).packages[0].package
    assert package is not None
    assert package.source == ChartSource(
        chart="teams/charts/pay",
        release="payments",
        values={"on": "yes", "day": "2026-01-01"},
        values_files=("teams/shop/prod.yaml",),
    )


def test_all_problems_are_told_at_once():
    """One reading tells every mistake with its place, value and remedy."""
    text = """\
apiVersion: tidegate.io/v1alpha1
kind: Package
metadata:
  name: payments
  namespace: shop
  labels: {tier: 1}
spec:
  source: {path: /etc}
  dependson: [cache]
  deletionPolicy: delete
  prune: "yes"
  health: {timeout: 10}
"""
    assert problems(text) == [
        "6:18 metadata.labels.tier: the number 1 is not text: quote it",
        (
            "8:18 spec.source.path: `/etc` is not a path relative to this file: write one such as "
            "./manifests"
        ),
        "9:3 unknown field `dependson` in spec: did you mean `dependsOn`?",
        (
            "10:19 spec.deletionPolicy: `delete` is not a value of this field: write Delete or "
            "Orphan; did you mean `Delete`?"
        ),
        "11:10 spec.prune: `yes` is not true or false: write true or false, unquoted",
        (
            "12:21 spec.health.timeout: the number 10 is not a duration: write a number with its "
            'unit, such as "10m"'
        ),
    ]


@pytest.mark.parametrize(
    ("spec", "what"),
    [
        ("{source: {path: .}, decryption: {provider: sops}}", "spec.decryption"),
        ("{source: {bundle: {url: x}}}", "spec.source.bundle"),
        ("{source: {git: {url: x}}}", "spec.source.git"),
        ("{source: {helm: {chart: redis, repo: x}}}", "spec.source.helm.repo"),
        ("{source: {helm: {chart: oci://x/y}}}", "spec.source.helm.chart: the chart `oci://x/y`"),
        ("{source: {path: https://x/y}}", "spec.source.path: the address `https://x/y`"),
        ("{source: {path: .}, approval: Manual}", "spec.approval: `Manual`"),
        ("{source: {path: .}, approval: {required: 2}}", "spec.approval: a rule for approvals"),
    ],
)
def test_later_features_are_refused_by_name(spec: str, what: str):
    """What this version can't do is refused and named, never ignored."""
    found = of_spec(spec)
    assert len(found) == 1
    assert f"{what} is not supported by this version of Tidegate (0.1); it comes" in found[0]


def test_later_annotations_are_refused():
    """Hibernation by annotation names the feature it comes with."""
    text = HEAD.replace("}", ", annotations: {tidegate.io/hibernate: 'true'}}")
    assert problems(f"{text}spec: {{source: {{path: .}}}}") == [
        (
            "3:59 metadata.annotations.tidegate.io/hibernate: the annotation tidegate.io/hibernate "
            "is "
            "not supported by this version of Tidegate (0.1); it comes with hibernation"
        )
    ]


def test_unknown_annotations_of_ours_are_refused():
    """A misspelt suspension must not pass in silence."""
    text = HEAD.replace("}", ", annotations: {tidegate.io/suspnd: 'true', example.org/x: y}}")
    assert problems(f"{text}spec: {{source: {{path: .}}}}") == [
        (
            "3:59 metadata.annotations.tidegate.io/suspnd: unknown annotation "
            "`tidegate.io/suspnd`; "
            "did you mean `tidegate.io/suspend`?"
        )
    ]


def test_an_unreadable_suspension_keeps_the_package():
    """A value that nobody can read holds; it does not drop the declaration."""
    text = HEAD.replace("}", ", annotations: {tidegate.io/suspend: 'oops'}}")
    assert problems(f"{text}spec: {{source: {{path: .}}}}") == []


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("../../../x", "leaves the repository"),
        ("../../..", "leaves the repository"),
        ("''", "is not a path relative to this file"),
        ("a\\b", "is not a path relative to this file"),
    ],
)
def test_sources_stay_inside_the_repository(path: str, says: str):
    """A path is relative to its file and never leads out of the repository."""
    assert says in of_spec(f"{{source: {{path: {path}}}}}")[0]


def test_the_root_is_a_source():
    """`..` may lead up to the root itself."""
    package = read(f"{HEAD}spec: {{source: {{path: ../..}}}}").packages[0].package
    assert package is not None
    assert package.source == PathSource(".")


def test_a_source_is_exactly_one():
    """Neither two sources nor none."""
    assert of_spec("{source: {path: a, helm: {chart: b}}}") == [
        "4:8 spec.source has path and helm: keep one of them"
    ]
    assert of_spec("{source: {}}") == ["4:8 spec.source names no source: write path or helm"]


def test_missing_fields_are_told_at_their_parent():
    """What is not there is told where it belongs."""
    assert problems(HEAD) == ["1:1 spec is missing"]
    assert of_spec("{prune: true}") == ["4:1 spec.source is missing"]


def test_a_package_nobody_can_name_makes_the_set_unknown():
    """Without a usable name the declaration may be any package's."""
    for metadata in ("{name: payments}", "{namespace: shop}", "{name: Pay, namespace: shop}", "x"):
        found = read(f"apiVersion: tidegate.io/v1alpha1\nkind: Package\nmetadata: {metadata}\n")
        assert found.packages == ()
        assert found.unknown


def test_a_misspelt_kind_is_still_a_package():
    """A typo in the kind is an error of that package, not its removal."""
    text = HEAD.replace("kind: Package", "kind: Packge")
    document = read(text).packages[0]
    assert document.name == PackageName("shop", "payments")
    assert [str(each) for each in document.problems] == [
        f"{PATH}:2:7: unknown kind `Packge`: did you mean `Package`?"
    ]


def test_a_misspelt_group_is_still_a_package():
    """A typo in the group is an error of that package, not its removal."""
    document = read(HEAD.replace("tidegate.io", "tidgate.io")).packages[0]
    assert [str(each) for each in document.problems] == [
        f"{PATH}:1:13: `tidgate.io/v1alpha1` is unknown: write tidegate.io/v1alpha1"
    ]


def test_an_unknown_version_is_told():
    """Only v1alpha1 is understood."""
    document = read(HEAD.replace("v1alpha1", "v2")).packages[0]
    assert document.problems[0].message == (
        "`tidegate.io/v2` is unknown: write tidegate.io/v1alpha1"
    )
