"""The verbs as a person types them, against a running agent: whole outputs and exit codes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from e2e.command import tidegate, told
from e2e.manifests import config_map, objects_of, package, policy

if TYPE_CHECKING:
    from pathlib import Path

    from e2e.agent_process import Ended, Site

pytestmark = [pytest.mark.e2e, pytest.mark.real]

FREEZE = policy(
    "SyncWindow",
    "freeze",
    effect="Deny",
    timeZone="UTC",
    description="year end",
    once=[{"from": "2020-01-01T00:00", "to": "2099-01-01T00:00"}],
    match=[{"packages": {"names": ["api"]}}],
)
"""Holds the package `api`, and no other."""


@pytest.fixture
def site(site: Site) -> Site:
    """Give a site with `web`, which is synced, and `api`, which a window holds."""
    site.commit(
        package(site.namespace, "web", {"a": config_map("a"), "b": config_map("b")}),
        package(site.namespace, "api", {"c": config_map("c")}),
        {"policies/freeze.yaml": FREEZE},
    )
    site.sync(expect=6)
    return site


def shown(site: Site, *arguments: str, expect: int = 0, **words: str) -> str:
    """Run a verb, insist on its exit code, and give its standard output without what varies."""
    ended = tidegate(site, *arguments)
    assert ended.code == expect, ended
    return told(site, ended.stdout, **words)


def test_status_from_the_cluster_and_from_git(site: Site) -> None:
    """Both tell the same table; without packages of that name there is a hint and exit code 5."""
    revision = site.repository.head()
    assert revision is not None
    here = ("status", "-n", site.namespace)
    table = shown(site, *here, rev=revision[:7])
    assert table.splitlines() == [
        "PACKAGE            STATE       REV       HOLD           NEXT",
        "<ns>/api   ◷ Waiting   <rev>   WindowClosed   -",
        "<ns>/web   ✔ Synced    <rev>   -              -",
    ]
    assert shown(site, *here, "--from-git", rev=revision[:7]) == table
    assert shown(site, *here, "-o", "name").split() == ["<ns>/api", "<ns>/web"]
    missing = tidegate(site, "status", f"{site.namespace}/wbe")
    assert (missing.code, missing.stdout) == (5, "")
    assert told(site, missing.stderr).splitlines()[2] == "  do:    did you mean <ns>/web?"


def test_what_would_change_and_why_not(site: Site) -> None:
    """`explain`, `diff` and `plan` look for themselves, write nothing, and exit as they should."""
    site.commit(
        objects_of("web", {"a": config_map("a", "2"), "b": None, "fresh": config_map("fresh")})
    )
    mark = site.plane.marker()
    because = shown(site, "explain", f"{site.namespace}/api").splitlines()
    assert because[:3] == [
        "◷ <ns>/api is not syncing: WAITING (WindowClosed)",
        "  why     SyncWindow freeze denies syncing now: year end",
        "  by      Ada Author <ada@example.com>",
    ]
    assert shown(site, "diff", f"{site.namespace}/web", expect=1).splitlines() == [
        "ConfigMap <ns>/a (update)",
        '  G data.value: "1" → "2"',
        "ConfigMap <ns>/fresh (create)",
        "  G new in Git",
        "ConfigMap <ns>/b (delete)",
        "  G no longer in Git",
        "",
        "G changed in Git · L changed live · B both · A adopted · M moved",
    ]
    held = "WindowClosed: SyncWindow freeze denies syncing now: year end"
    markdown = shown(site, "plan", "-o", "markdown", expect=1).splitlines()
    assert [line for line in markdown if not line.startswith("plan sha256:")] == [
        "### <ns>/api",
        "",
        "| Would | Object | Why |",
        "| --- | --- | --- |",
        f"| `+ create` | ConfigMap <ns>/c | Git held by windows: {held} |",
        "",
        "1 to create; 1 held, 0 as they are",
        "",
        "### <ns>/web",
        "",
        "| Would | Object | Why |",
        "| --- | --- | --- |",
        "| `~ update` | ConfigMap <ns>/a | Git |",
        "| `+ create` | ConfigMap <ns>/fresh | Git |",
        "| `- delete` | ConfigMap <ns>/b |  |",
        "",
        "1 to create, 1 to update, 1 to delete; 0 held, 0 as they are",
    ]
    site.commit({"teams/web/bad.yaml": "kind: [\n"})
    broken = tidegate(site, "diff", f"{site.namespace}/web")
    assert (broken.code, broken.stdout) == (3, "")
    assert "teams/web/bad.yaml:2" in broken.stderr
    assert site.mutations(mark, site.person) == site.mutations(mark) == []


def test_suspended_by_commit_and_resumed(site: Site) -> None:
    """`suspend` and `resume` commit; meanwhile `sync --wait` is ignored with 6, then obeyed."""
    name, file = f"{site.namespace}/web", "teams/web.yaml"
    before = site.repository.show("main", file)
    with site.start():
        given = ("--for", "2h", "--reason", "database migration")
        assert shown(site, "suspend", name, *given).splitlines() == [
            "--- a/teams/web.yaml",
            "+++ b/teams/web.yaml",
            "@@ -3,6 +3,11 @@",
            " metadata:",
            "   name: web",
            "   namespace: <ns>",
            "+  annotations:",
            '+    tidegate.io/suspend: "true"',
            '+    tidegate.io/suspend-until: "<instant>"',
            '+    tidegate.io/suspend-reason: "database migration"',
            '+    tidegate.io/suspend-by: "Ada Author <ada@example.com>"',
            " spec:",
            "   source:",
            "     path: ./web",
            "commit <commit>",
        ]
        site.wait_until_told("Suspended")
        says = "<ns>/web   ⏸ Suspended: package <ns>/web is suspended: database migration"
        assert shown(site, "sync", name, "--wait", expect=6) == says
        assert "  by      Ada Author <ada@example.com>" in shown(site, "explain", name)
        shown(site, "resume", name, "--reason", "done")
        site.wait_until_told("Synced")
        assert shown(site, "sync", name, "--wait").startswith("<ns>/web   ✔ Synced: 2 objects")
    assert site.repository.show("main", file) == before


def test_suspended_live_and_resumed(site: Site) -> None:
    """`--live` annotates the Package at once, in the caller's name, and takes it off again."""
    name = f"{site.namespace}/web"
    commit = site.repository.head()
    with site.start(interval="1h"):
        lines = shown(site, "suspend", name, "--live", "--reason", "incident", "--for", "1h")
        assert lines.splitlines() == [
            "Package <ns>/web",
            "+ tidegate.io/suspend: true",
            "+ tidegate.io/suspend-reason: incident",
            "+ tidegate.io/suspend-until: <instant>",
            "+ tidegate.io/suspend-by: ada-<ns>",
        ]
        site.wait_until_told("Suspended")
        assert f"`tidegate resume {name} --live`" in tidegate(site, "explain", name).stdout
        assert len(shown(site, "resume", name, "--live").splitlines()) == 5
        site.wait_until_told("Synced")
    assert site.repository.head() == commit


def test_many_are_suspended_by_an_object(site: Site) -> None:
    """`suspend -n` writes a Suspension, and `explain` says how to remove that very one."""
    made = tidegate(site, "suspend", "-n", site.namespace, "--for", "1h", "--reason", "audit")
    assert made.code == 0, made
    (path,) = (one for one in site.repository.files() if "/suspensions/" in one)
    site.sync(expect=6)
    assert site.told("web") == site.told("api") == ("Suspended", "Suspended")
    suspension = f"Suspension/{path.rpartition('/')[2].removesuffix('.yaml')}"
    why = tidegate(site, "explain", f"{site.namespace}/web").stdout
    assert f"`tidegate resume {suspension}`, or wait until it ends." in why
    assert tidegate(site, "resume", suspension).code == 0
    assert path not in site.repository.files()


def test_check_says_what_an_agent_needs(site: Site) -> None:
    """`check` looks at the server, the repository and the renderers, and tells a missing right."""
    lines = shown(site, "check").splitlines()
    assert [line.split()[2] for line in lines if line[0] in "✔!✖"] == [
        *("connection", "crd", "permissions", "repository", "tenants", "kustomize", "helm"),
    ]
    nobody = tidegate(site, "check", "--as", "nobody")
    assert nobody.code == 4
    assert "nobody may not get packages.tidegate.io" in nobody.stdout


def test_init_makes_a_repository_that_runs(site: Site, tmp_path: Path) -> None:
    """What `init` writes passes `lint`, and an agent on it converges."""
    folder = tmp_path / "new"
    folder.mkdir()
    made = ran(site, "init", folder)
    assert ran(site, "lint", folder).code == 0
    assert ran(site, "init", folder).code == 2
    paths = made.stdout.splitlines()
    files = {path: (folder / path).read_text() for path in paths}
    namespace = f"{site.name}-hello"
    files = {path: text.replace("hello\n", f"{namespace}\n") for path, text in files.items()}
    site.repository.remove_everything()
    site.commit(files)
    site.sync("--no-status", expect=6)  # the packages of this test's fixture left Git
    assert site.told(namespace, namespace) == ("Synced", "Synced")
    found = site.get("configmaps", namespace, namespace)
    assert found is not None
    assert found["data"] == {"greeting": "Hello from Git"}


def test_lint_names_place_and_remedy(site: Site, tmp_path: Path) -> None:
    """A finding has path, line, column and what was probably meant; the exit code is 1."""
    (tmp_path / "policies").mkdir()
    wrong = FREEZE.replace("SyncWindow", "SyncWindo").replace("Deny", "Dney")
    (tmp_path / "policies" / "freeze.yaml").write_text(wrong)
    found = ran(site, "lint", tmp_path)
    assert (found.code, found.stdout) == (
        1,
        "policies/freeze.yaml:2:7: unknown kind `SyncWindo`: did you mean `SyncWindow`?\n",
    )


def ran(site: Site, verb: str, folder: Path) -> Ended:
    """Run a verb in a folder."""
    return tidegate(site, verb, folder=folder)
