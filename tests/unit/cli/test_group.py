"""The command as a whole: quick help, verbs by name, exit codes of what goes wrong."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import click
import pytest

from agent.cli.exits import Exit, Stop
from agent.cli.failures import guarded
from agent.cli.group import VERBS
from agent.core.errors import AgentError, DeclarationError
from agent.core.values import Rejected
from agent.edges.git.errors import GitError, GitReason
from agent.edges.kube.failures import RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.testing import Result

HEAVY = ("kubernetes", "git", "rich", "pydantic", "apscheduler", "orjson", "yaml", "urllib3")


def test_help_imports_click_alone():
    """`tidegate --help` comes at once because it loads nothing heavy, and no verb."""
    script = (
        "import sys; from agent.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        f"loaded = set({HEAVY!r}) & set(sys.modules)\n"
        "loaded |= {m for m in sys.modules if m in {'agent.assemble', 'agent.core.values'}}\n"
        "print('loaded:', sorted(loaded))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert done.stdout.splitlines()[-1] == "loaded: []"


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(call: Callable[..., Result], verb: str):
    """The table names functions that exist, and each explains itself."""
    result = call(verb, "--help")

    assert (result.exit_code, result.stdout.startswith(f"Usage: main {verb} ")) == (0, True)


def test_a_misspelt_verb_is_usage(call: Callable[..., Result]):
    """2, and the nearest one."""
    result = call("stauts")

    assert (result.exit_code, "Did you mean 'status'?" in result.stderr) == (2, True)


def raising(error: BaseException) -> Callable[[], Any]:
    """Give a verb that raises."""

    def verb() -> None:
        raise error

    return verb


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Stop(Exit.HELD, "held"), 6),
        (click.Abort(), 130),
        (click.UsageError("no"), 2),
        (DeclarationError("a.yaml:1:1: no"), 2),
        (AgentError("failed"), 3),
        (RefusedError("no", Rejected(403, "Forbidden", "no")), 4),
        (RefusedError("no", Rejected(404, "NotFound", "no")), 5),
        (GitError(GitReason.AUTH_FAILED, "no"), 4),
        (GitError(GitReason.NOT_FOUND, "no"), 5),
        (GitError(GitReason.TIMED_OUT, "late"), 7),
        (RuntimeError("a mistake of ours"), 3),
    ],
)
def test_each_failure_has_its_exit_code(error: BaseException, code: int):
    """Scripts tell by the code who has to do something."""
    assert guarded(raising(error)) == code


def test_ctrl_c_is_130(monkeypatch: pytest.MonkeyPatch, call: Callable[..., Result]):
    """As shells expect of SIGINT."""
    monkeypatch.setattr("agent.cli.about.emit", lambda *_, **__: raising(KeyboardInterrupt())())

    result = call("version")

    assert (result.exit_code, result.stderr.strip()) == (130, "interrupted")


def test_a_stop_says_what_where_and_what_to_do(capsys: pytest.CaptureFixture[str]):
    """On stderr, in four lines."""
    guarded(raising(Stop(Exit.NOT_FOUND, "no such thing", where="a.yaml:3", do="look again")))

    assert capsys.readouterr() == (
        "",
        "error: no such thing\n  where: a.yaml:3\n  do:    look again\n  exit:  5 (not found)\n",
    )


def test_completion_names_verbs(call: Callable[..., Result]):
    """Without importing any of them."""
    result = call(COMP_WORDS="tidegate re", COMP_CWORD="1", _MAIN_COMPLETE="bash_complete")

    assert result.stdout.split() == ["plain,resume", "plain,replay"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script(call: Callable[..., Result], shell: str):
    """One for each shell; it calls us back by our own variable."""
    result = call("completion", shell)

    assert (result.exit_code, "_TIDEGATE_COMPLETE" in result.stdout) == (0, True)


def test_version(call: Callable[..., Result]):
    """One line for people."""
    from agent import __version__  # noqa: PLC0415

    assert call("version").stdout == f"tidegate {__version__}\n"


def test_run_without_a_repository_is_usage(call: Callable[..., Result]):
    """Nothing is connected before that is known."""
    result = call("run", "--cluster", "prod-1")

    assert (result.exit_code, result.stderr.splitlines()[0]) == (2, "error: --repo is missing")
