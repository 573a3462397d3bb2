"""Where a person of the story sits: a work tree, a terminal that is shown, a view of the cluster.

Never leaves a command to a shell's own ideas: it is split into words here.
"""

from __future__ import annotations

import re
import shlex
import sys
from string import Template
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from agent.demo.kubectl import kubectl
from agent.demo.witness import SECONDS, NotTrueError
from agent.edges import process

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.demo.agent import Agent
    from agent.demo.ground import Ground
    from agent.demo.pace import Pace
    from agent.demo.voice import Voice
    from agent.demo.witness import Object, Witness
    from agent.edges.kube.seam import Transport

_PACKAGES: Final = "/apis/tidegate.io/v1alpha1/namespaces"
_TOGETHER: Final = ("sh", "-c", 'exec "$@" 2>&1', "sh")
"""What a terminal does: both streams in the order they were written in."""


class View(NamedTuple):
    """What a place looks at: the agent's process, and the cluster through a client."""

    agent: Agent
    witness: Witness
    transport: Transport


class Place:
    """Types commands, edits files, and sees what comes of it."""

    def __init__(self, ground: Ground, voice: Voice, pace: Pace, view: View) -> None:
        self.ground = ground
        self.voice = voice
        self.pace = pace
        self.agent = view.agent
        self.witness = view.witness
        self._transport = view.transport
        self._environment = ground.environment(voice.width)
        self._knows_kubectl = False

    # --- typing ------------------------------------------------------------------------------

    def type(self, command: str, *, codes: tuple[int, ...] = (0,)) -> str:
        """Show a command, carry it out in the work tree, show and give all that it prints.

        Commands joined by `&&` follow each other.

        Raises:
            NotTrueError: one ended with another code.
        """
        self.voice.command(command)
        said = ""
        for one in command.split(" && "):
            printed, code = self._carry_out(one)
            self.voice.output(printed)
            if code not in codes:
                raise NotTrueError(f"`{one}` ended with {code}, not {codes}")
            said += printed
        return said

    def ask(self, command: str) -> str:
        """Carry a command out without showing it, and give its data; how it ends is no matter."""
        return self._run(self._argv(command)).stdout.decode(errors="replace")

    def _carry_out(self, command: str) -> tuple[str, int]:
        argv = self._argv(command)
        if argv[0] == "kubectl" and self.ground.find("kubectl") is None:
            self._tell_of_kubectl()
            return kubectl(self._transport, argv[1:]), 0
        done = self._run([*_TOGETHER, *argv])
        return done.stdout.decode(errors="replace"), done.code

    def _argv(self, command: str) -> list[str]:
        words = [Template(each).safe_substitute(self._environment) for each in shlex.split(command)]
        own = [sys.executable, "-m", "agent"]
        return [*own, *words[1:]] if words[0] == "tidegate" else words

    def _run(self, argv: list[str]) -> process.Finished:
        tree = self.ground.tree if self.ground.tree.exists() else self.ground.folder
        return process.run(argv, env=self._environment, cwd=tree, timeout=SECONDS)

    def _tell_of_kubectl(self) -> None:
        if not self._knows_kubectl:
            self._knows_kubectl = True
            self.voice.why("(no kubectl here: Tidegate's own client asks the same API instead)")

    # --- changing ----------------------------------------------------------------------------

    def edit(self, path: str, *changes: tuple[str, str]) -> None:
        """Change a file as an editor would, and show it; a change is a pattern and what follows.

        Raises:
            NotTrueError: the file does not have a pattern exactly once.
        """
        file = self.ground.tree / path
        text = file.read_text()
        for old, new in changes:
            text, count = re.subn(old, new, text, flags=re.DOTALL)
            if count != 1:
                raise NotTrueError(f"{path} has {old!r} {count} times, not once")
        file.write_text(text)
        self.voice.command(f"$EDITOR {path}")
        hunks = self.ask(f"git diff -U0 -- {path}").partition("@@")[2].splitlines()
        self.voice.output("\n".join(each for each in hunks if each.startswith(("-", "+"))))

    def write(self, path: str, text: str) -> None:
        """Write a new file as an editor would, and show it."""
        (self.ground.tree / path).write_text(text)
        self.voice.command(f"$EDITOR {path}")
        self.voice.output(text)
        self.ask(f"git add --intent-to-add {path}")

    def push(self, message: str) -> str:
        """Commit everything, push it, and give the commit's id."""
        self.type(f'git commit -qam "{message}" && git push -q')
        return self.ask("git rev-parse HEAD").strip()

    # --- seeing ------------------------------------------------------------------------------

    def see(self, path: str) -> Object:
        """Read an object; nothing is empty."""
        return self.witness.see(path) or {}

    def until(self, says: str, path: str, claim: Callable[[Object], Any]) -> Object:
        """Wait until a claim about an object is true, and say so; one that is gone is empty."""
        found = self.witness.until(says, path, lambda one: bool(claim(one or {})))
        self.voice.true(says)
        return found

    def until_package(
        self, name: str, state: str, reason: str = "", commit: str = "", says: str = ""
    ) -> Object:
        """Wait until a Package tells a state, of a commit where one is given; gives its status."""
        namespace, _, own = name.partition("/")

        def is_there(one: Object) -> bool:
            told = one.get("status", {})
            right = told.get("state") == state and reason in ("", told.get("reason"))
            return right and told.get("revision", {}).get("observed", "").startswith(commit)

        wanted = f"{name} is {state}" + (f", {reason}" if reason not in ("", state) else "")
        path = f"{_PACKAGES}/{namespace}/packages/{own}"
        found: Object = self.until(says or wanted, path, is_there)["status"]
        return found

    def require(self, claim: object, says: str) -> None:
        """Say that something is true.

        Raises:
            NotTrueError: it is not.
        """
        if not claim:
            raise NotTrueError(f"not so: {says}")
        self.voice.true(says)
