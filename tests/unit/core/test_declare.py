"""What a whole revision declares: discovery, last good policies, unknown sets, the cache."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha1
from typing import TYPE_CHECKING

import pytest

from agent.core.declare import Declaration, Layout, Revision, declare
from agent.core.kinds.parsed import NOTHING
from agent.core.values import Origin, PackageName

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from agent.core.declared import Declared

FREEZE = """\
apiVersion: tidegate.io/v1alpha1
kind: SyncWindow
metadata: {name: freeze}
spec:
  effect: Deny
  timeZone: UTC
  recurring: [{from: "00:00", to: "24:00"}]
  match: [{packages: {names: ["*"]}}]
"""
ZONELESS = FREEZE.replace("  timeZone: UTC\n", "")
AGENT = """\
apiVersion: tidegate.io/v1alpha1
kind: AgentPolicy
metadata: {name: default}
spec: {timeZone: Europe/Berlin}
"""
OWN_HOLD = """\
apiVersion: tidegate.io/v1alpha1
kind: Suspension
metadata: {name: hold, namespace: shop}
spec: {reason: moving, indefinite: true}
"""


def package(name: str, spec: str = "{source: {path: ./manifests}}") -> str:
    """Return the text of a package; a name without a namespace is in `shop`."""
    namespace, _, own = name.rpartition("/")
    return (
        "apiVersion: tidegate.io/v1alpha1\n"
        f"kind: Package\nmetadata: {{name: {own}, namespace: {namespace or 'shop'}}}\n"
        f"spec: {spec}\n"
    )


@dataclass(frozen=True)
class Blob:
    """A file as the tree names it."""

    oid: str


class Repository:
    """Files of one revision, and what was read of them."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self.data = {path: text.encode() for path, text in files.items()}
        self.asked: list[str] = []

    def read(self, paths: Sequence[str]) -> dict[str, bytes]:
        """Return contents, and remember that they were wanted."""
        self.asked += paths
        return {path: self.data[path] for path in paths}

    def revision(self, commit: str = "c1", **authors: tuple[str, str]) -> Revision:
        """Return it as declare takes it."""
        blobs = {path: Blob(sha1(data).hexdigest()) for path, data in self.data.items()}  # noqa: S324
        return Revision(commit, blobs, self.read, authors.get("authors", {}))


def declaring(
    files: Mapping[str, str], last: Declared | None = None, commit: str = "c1"
) -> Declared:
    """Return what files declare in the default layout."""
    return declare(Repository(files).revision(commit), Layout(), last).declared


def names(declared: Declared) -> list[str]:
    """Return the valid packages."""
    return [str(name) for name in declared.packages]


def told(declared: Declared) -> list[str]:
    """Return every problem as `path:line:column: message`."""
    return [str(problem) for problem in declared.problems]


# --- discovery ---------------------------------------------------------------------------------


def test_packages_are_found_anywhere():
    """Every YAML file with our apiVersion at the start of a line declares."""
    found = declaring(
        {
            "a.yaml": package("a"),
            "deep/er/b.yml": f"# ours\n---\n{package('b')}---\n{package('c')}",
            "c.txt": package("text"),
            "d.yaml": "kind: ConfigMap\ndata:\n  x: |\n    apiVersion: tidegate.io/v1alpha1\n",
        }
    )
    assert (names(found), found.complete, found.problems) == (
        ["shop/a", "shop/b", "shop/c"],
        True,
        (),
    )


def test_only_the_path_is_searched_and_the_policies():
    """`--path` limits where packages come from; policies are found wherever they are."""
    files = {"apps/a.yaml": package("a"), "b.yaml": package("b"), "policies/f.yaml": FREEZE}
    found = declare(Repository(files).revision(), Layout(path="apps")).declared
    assert (names(found), len(found.policies.windows)) == (["shop/a"], 1)


def test_source_folders_declare_nothing():
    """Manifests and templates that mention us are not declarations, readable or not."""
    found = declaring(
        {
            "a.yaml": package("a", "{source: {helm: {chart: chart}}}"),
            "chart/templates/p.yaml": package("{{ .Release.Name }}") + "{{ end }}",
        }
    )
    assert (names(found), found.complete, found.problems) == (["shop/a"], True, ())


def test_a_source_folder_may_hold_its_own_package():
    """`source: {path: .}` beside the manifests is fine."""
    found = declaring({"a/package.yaml": package("a", "{source: {path: .}}"), "a/cm.yaml": "a: 1"})
    assert (names(found), found.problems) == (["shop/a"], ())


def test_a_package_in_anothers_source_is_told_and_kept():
    """A package at the root must not make those below look removed."""
    found = declaring(
        {
            "package.yaml": package("root", "{source: {path: .}}"),
            "b/package.yaml": package("b", "{source: {path: .}}"),
        }
    )
    assert names(found) == ["shop/root"]
    assert list(found.invalid) == [PackageName("shop", "b")]
    assert told(found) == [
        (
            "b/package.yaml:1:1: lies in the source folder of shop/root (package.yaml:1), so it is "
            "one of its manifests: move it out, or narrow that source"
        )
    ]


def test_two_packages_may_share_a_source():
    """The same folder can be declared twice, for two namespaces say."""
    found = declaring({"a.yaml": package("x/a"), "b.yaml": package("y/b")})
    assert names(found) == ["x/a", "y/b"]


def test_packages_for_other_clusters_are_left_out():
    """`clusters` chooses agents; the same name may be declared once for each."""
    found = declaring(
        {
            "a.yaml": package("a", '{source: {path: a}, clusters: ["prod-*"]}'),
            "b.yaml": package("a", "{source: {path: b}, clusters: [dev]}"),
        }
    )
    assert (names(found), found.problems) == (["shop/a"], ())


# --- what is wrong -----------------------------------------------------------------------------


def test_one_bad_package_leaves_its_neighbours_alone():
    """An invalid package is invalid by name; the others are as good as ever."""
    found = declaring({"a.yaml": package("a"), "b.yaml": package("b", "{source: {}}")})
    assert (names(found), found.complete) == (["shop/a"], True)
    assert found.invalid == {PackageName("shop", "b"): found.problems}
    assert told(found) == ["b.yaml:4:8: spec.source names no source: write path or helm"]


@pytest.mark.parametrize(
    "text",
    [
        "apiVersion: tidegate.io/v1alpha1\nkind: [Package\n",
        "apiVersion: tidegate.io/v1alpha1\nkind: Package\nmetadata: {name: x}\n",
        "apiVersion: tidegate.io/v1alpha1\nkind: Package\nkind: Package\n",
        "apiVersion: tidegate.io/v1alpha1\nkind: !thing Package\n",
    ],
)
def test_a_file_that_cannot_be_understood_makes_the_set_unknown(text: str):
    """Nobody can say which package was meant, so none may be taken for removed."""
    found = declaring({"a.yaml": package("a"), "b.yaml": text})
    assert (names(found), found.complete) == (["shop/a"], False)
    assert found.says.startswith("which packages there are is unknown, none is removed: b.yaml:")


def test_a_file_that_cannot_be_read_makes_the_set_unknown():
    """A blob that Git does not give is asked for again, not remembered."""
    repository = Repository({"a.yaml": package("a")})
    revision = repository.revision()
    lost = Revision("c1", revision.files, lambda _: {})
    first = declare(lost, Layout())
    assert (first.declared.complete, first.parsed) == (False, {})
    second = declare(revision, Layout(), first.declared, first.parsed)
    assert (names(second.declared), second.declared.complete) == (["shop/a"], True)


def test_a_commit_without_any_file_makes_the_set_unknown():
    """Removing every file is a mistake more often than a wish."""
    declared = declare(Revision("c1", {}, lambda _: {}), Layout()).declared
    assert (declared.complete, declared.packages, declared.problems) == (False, {}, ())


def test_declared_twice_is_wrong_in_both_places():
    """Nobody can say which one is meant."""
    found = declaring({"a.yaml": package("a"), "b.yaml": package("a")})
    assert (names(found), list(found.invalid)) == ([], [PackageName("shop", "a")])
    assert told(found) == [
        "a.yaml:1:1: shop/a is declared twice, also at b.yaml:1",
        "b.yaml:1:1: shop/a is declared twice, also at a.yaml:1",
    ]


def test_circles_of_dependencies_are_named():
    """Every package on a circle says the way around; those that wait for it are fine."""
    found = declaring(
        {
            "a.yaml": package("a", "{source: {path: a}, dependsOn: [b]}"),
            "b.yaml": package("b", "{source: {path: b}, dependsOn: [c]}"),
            "c.yaml": package("c", "{source: {path: c}, dependsOn: [a]}"),
            "d.yaml": package("d", "{source: {path: d}, dependsOn: [a, missing]}"),
            "e.yaml": package("e", "{source: {path: e}, dependsOn: [e]}"),
        }
    )
    assert names(found) == ["shop/d"]
    assert told(found)[0] == (
        "a.yaml:4:27: dependsOn goes in a circle: shop/a → shop/b → shop/c → shop/a"
    )
    assert told(found)[3] == "e.yaml:4:27: dependsOn goes in a circle: shop/e → shop/e"


# --- policies ----------------------------------------------------------------------------------


def test_no_policy_path_is_an_empty_set():
    """A path that never existed restricts nothing."""
    found = declaring({"a.yaml": package("a")})
    assert (found.policies.valid, found.policies.windows, found.policies.says) == (True, (), "")


def test_an_invalid_policy_keeps_the_last_good_set():
    """One mistake in the policy path keeps every policy as it was, and says so."""
    good = declaring({"policies/f.yaml": FREEZE})
    bad = {"policies/f.yaml": FREEZE.replace("Deny", "Denny"), "policies/a.yaml": AGENT}
    found = declaring(bad, good, commit="c2").policies
    assert (found.valid, found.commit, found.agent) == (True, "c1", None)
    assert found.windows == good.policies.windows
    assert found.says == (
        "the policies are invalid (policies/f.yaml:5:11: spec.effect: `Denny` is not a value of "
        "this field: write Allow or Deny; did you mean `Deny`?): those of commit c1 stay in force"
    )


def test_an_invalid_policy_with_nothing_before_is_no_set():
    """Without any good set nothing may be applied."""
    found = declaring({"policies/f.yaml": "apiVersion: tidegate.io/v1alpha1\nkind: [\n"}).policies
    assert (found.valid, found.windows) == (False, ())
    assert found.says.endswith("and no good set was ever loaded")


def test_a_vanished_policy_path_keeps_the_last_good_set():
    """Losing the folder must not end a freeze, for as long as it stays lost."""
    good = declaring({"policies/f.yaml": FREEZE})
    gone = declaring({"a.yaml": package("a")}, good, commit="c2")
    still = declaring({"a.yaml": package("a")}, gone, commit="c3")
    assert still.policies.windows == good.policies.windows
    assert still.policies.says == (
        "the policy path policies/ is gone: those of commit c1 stay in force"
    )


def test_a_folder_that_returns_without_the_freeze_ends_it():
    """A folder that is there says what is in force, if only by a README."""
    good = declaring({"policies/f.yaml": FREEZE})
    gone = declaring({}, good, commit="c2")
    back = declaring({"policies/README.md": "none"}, gone, commit="c3").policies
    assert (back.windows, back.says, back.commit) == ((), "", "c3")


def test_a_misspelt_group_in_the_policy_path_is_a_policy():
    """A freeze with a typo in its group is an error, not silence."""
    found = declaring({"policies/f.yaml": FREEZE.replace("tidegate.io", "tide-gate.dev")})
    assert found.policies.valid is False


def test_windows_take_the_zone_of_the_repository():
    """The default comes from AgentPolicy; without one the window is invalid."""
    found = declaring({"policies/f.yaml": ZONELESS, "policies/a.yaml": AGENT})
    assert found.policies.windows[0].schedule.zone == "Europe/Berlin"
    assert told(declaring({"policies/f.yaml": ZONELESS})) == [
        (
            "policies/f.yaml:1:1: spec.timeZone is missing: write an IANA name, or a default in "
            "AgentPolicy spec.timeZone"
        )
    ]


def test_policies_are_declared_once():
    """Two of one kind and name, or two AgentPolicies, are an error in both places."""
    found = declaring(
        {
            "policies/a.yaml": AGENT,
            "policies/b.yaml": AGENT.replace("default", "other"),
            "policies/f.yaml": FREEZE + "---\n" + FREEZE,
        }
    )
    assert len(found.problems) == 4
    assert told(found)[2] == (
        "policies/f.yaml:1:1: SyncWindow freeze is declared twice, also at policies/f.yaml:10"
    )


def test_a_team_may_hold_its_own_namespace():
    """A suspension beside the packages reaches its namespace only, also in a source folder."""
    found = declaring(
        {"shop/p.yaml": package("a", "{source: {path: .}}"), "shop/hold.yaml": OWN_HOLD}
    )
    assert [(each.name, each.scope) for each in found.policies.suspensions] == [("hold", "shop")]
    assert found.problems == ()


def test_a_teams_mistake_holds_that_team_only():
    """Its last good version stays, or its namespace is held; the others' policies go on."""
    good = declaring({"policies/f.yaml": FREEZE, "shop/hold.yaml": OWN_HOLD})
    bad = {"policies/a.yaml": AGENT, "shop/hold.yaml": OWN_HOLD.replace("reason", "raeson")}
    found = declaring(bad, good, commit="c2").policies
    assert (found.windows, found.commit) == ((), "c2")
    assert found.suspensions == good.policies.suspensions
    fresh = declaring(bad).policies
    assert [(each.scope, each.until) for each in fresh.suspensions] == [("shop", None)]
    assert fresh.suspensions[0].reason.startswith("Suspension hold can't be read: shop/hold.yaml:4")


def test_a_teams_unreadable_file_keeps_its_policies():
    """A file that is no YAML any more does not resume what it held."""
    good = declaring({"shop/hold.yaml": OWN_HOLD})
    found = declaring({"shop/hold.yaml": OWN_HOLD + "]"}, good, commit="c2")
    assert found.policies.suspensions == good.policies.suspensions
    assert found.complete is False


# --- origins and the cache ---------------------------------------------------------------------


def test_origins_name_who_declared_it():
    """The author is that of the commit that last changed the file, else the revision's."""
    files = {"a.yaml": package("a"), "policies/f.yaml": FREEZE}
    revision = Repository(files).revision(authors={"a.yaml": ("c0", "Ada <ada@example.org>")})
    found = declare(revision, Layout()).declared
    origin = found.packages[PackageName("shop", "a")].origin
    assert origin == Origin("a.yaml", 1, "c0", "Ada <ada@example.org>")
    assert found.policies.windows[0].origin == Origin("policies/f.yaml", 1, "c1", "")


def test_only_what_changed_is_read_again():
    """Files with a known blob, declarations or not, cost nothing in the next revision."""
    before = Repository({"a.yaml": package("a"), "b.yaml": package("b"), "cm.yaml": "a: 1"})
    first = declare(before.revision(), Layout())
    after = Repository({"a.yaml": package("a"), "b.yaml": package("c"), "cm.yaml": "a: 1"})
    second = declare(after.revision("c2"), Layout(), first.declared, first.parsed)
    assert (after.asked, names(second.declared)) == (["b.yaml"], ["shop/a", "shop/c"])
    assert set(second.parsed) == {(p, b.oid) for p, b in after.revision().files.items()}
    assert NOTHING in second.parsed.values()


def test_a_changed_calendar_makes_its_window_new():
    """A window is read again when a calendar it names has changed, or has come back."""
    window = FREEZE.replace("  match", "  except: {calendars: [x.ics]}\n  match")
    first = declare(Repository({"policies/f.yaml": window}).revision(), Layout())
    assert "`x.ics` is no file of this revision" in told(first.declared)[0]
    ics = "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\nEND:VCALENDAR\n"
    files = {"policies/f.yaml": window, "policies/x.ics": ics}
    second: Declaration = declare(
        Repository(files).revision(), Layout(), first.declared, first.parsed
    )
    assert (second.declared.problems, len(second.declared.policies.windows)) == ((), 1)
