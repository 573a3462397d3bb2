"""The agent with one safeguard taken out at a time: what the campaign has to notice.

A mutant changes the agent in this process only, and only for as long as it is entered.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import orjson

from agent.core import admit, target
from agent.core.errors import AgentError
from agent.core.gates import policies
from agent.core.values import Complete, Unknown
from agent.edges.kube import verbs
from agent.edges.kube.seam import Request
from agent.passes import status
from campaign import trials

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from campaign.kills import Story


@dataclass(frozen=True, slots=True)
class Mutant:
    """One safeguard that is missing."""

    name: str
    changes: dict[str, Any]
    """What is replaced, by its dotted name."""
    trial: Callable[[Story], None]
    """What finds it."""
    says: str
    """How the judge names it."""

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Let the agent be so."""
        with ExitStack() as stack:
            for place, changed in self.changes.items():
                stack.enter_context(patch(place, changed))
            yield


def _nothing(*_: Any, **__: Any) -> None:
    return None


def _empty(*_: Any, **__: Any) -> str:
    return ""


def _none_of_them(*_: Any, **__: Any) -> dict[Any, Any]:
    return {}


def _never(*_: Any, **__: Any) -> bool:
    return False


def _always(*_: Any, **__: Any) -> bool:
    return True


def _delete_any(path: str, *_: Any, **__: Any) -> Request:
    return Request("DELETE", path)


_apply, _newest, _publish = verbs.apply, target.newest, status._publish


def _update(path: str, manifest: Any, **rest: Any) -> Request:
    """Put the whole object in the place of what is there, as `kubectl replace` does."""
    applied = _apply(path, manifest, **rest)
    if "uid" not in manifest["metadata"]:
        return applied
    return Request("PUT", path, applied.query[:1], orjson.dumps(manifest), verbs.JSON)


def _empty_if_unknown(facts: Any) -> Any:
    found = _newest(facts)
    return Complete(found.commit, "none", ()) if isinstance(found, Unknown) else found


def _landed_anyway(*arguments: Any, **options: Any) -> None:
    try:
        _publish(*arguments, **options)
    except AgentError:
        return


MUTANTS = (
    Mutant(
        "deletes whatever has that name",
        {"agent.edges.kube.verbs.delete": _delete_any},
        trials.recreated,
        "it is not ours but nobody's",
    ),
    Mutant(
        "deletes what does not say it is ours",
        {"agent.core.prune._unproved": _empty},
        trials.disowned,
        "it is not ours but nobody's",
    ),
    Mutant(
        "takes a revision that can't be rendered for an empty one",
        {"agent.core.target.newest": _empty_if_unknown},
        trials.unreadable,
        "nobody knows what its package wants",
    ),
    Mutant(
        "takes an unreadable set of packages for all there are",
        {"agent.core.declare._unknown": _empty},
        trials.torn,
        "nobody knows which packages there are",
    ),
    Mutant(
        "deletes what has moved to another package",
        {
            "agent.core.prune._blocked": _nothing,
            "agent.core.prune._is_moved": _never,
            "agent.core.prune._unproved": _empty,
        },
        trials.moved,
        "wants it, and it can be changed in place",
    ),
    Mutant(
        "makes objects before it remembers that they will be its own",
        {"agent.core.effects._intended": _none_of_them},
        trials.dropped_while_dead,
        "is left over",
    ),
    Mutant(
        "replaces without having written that it will",
        {"agent.core.effects._replaced": _none_of_them},
        trials.frozen_while_dead,
        "was deleted to be replaced, and not put back",
    ),
    Mutant(
        "deletes a Job to run it anew without having written that it will",
        {"agent.core.effects._replaced": _none_of_them},
        trials.job_frozen_while_dead,
        "was deleted to be replaced, and not put back",
    ),
    Mutant(
        "writes over what somebody else made meanwhile",
        {"agent.edges.kube.writer._conditional": lambda effect: effect.body},
        trials.taken,
        "takes what is other/sim/shop/a's",
    ),
    Mutant(
        "does not wait for a wave to be healthy",
        {"agent.core.effects._finished": _always},
        trials.waves,
        "comes before",
    ),
    Mutant(
        "forgets over a restart which policies held",
        {
            "agent.runtime.source.GitSource.recall": _nothing,
            "agent.core.admit.GATES": tuple(g for g in admit.GATES if g is not policies.judge),
        },
        trials.restarted_without_policies,
        "All is suspended",
    ),
    Mutant(
        "does not look at who suspended a package in the cluster",
        {"agent.runtime.surroundings.Surroundings.root": _nothing},
        trials.suspended_live,
        "is suspended in the cluster",
    ),
    Mutant(
        "goes on with a wave although its window has closed",
        {"agent.edges.kube.writer.Writer._bar": lambda *_: _empty},
        trials.closing,
        "the window is closed",
    ),
    Mutant(
        "follows a branch whose history was rewritten",
        {"agent.core.gates.history.hold": _nothing},
        trials.rewritten,
        "history was rewritten",
    ),
    Mutant(
        "writes without asking whether it still leads",
        {"agent.edges.kube.sending.Sender._fenced": _empty},
        trials.paused,
        "holds the Lease",
    ),
    Mutant(
        "runs a Job again that was removed after it ran",
        {"agent.core.plan.done": _nothing},
        trials.job_gone,
        "runs again",
    ),
    Mutant(
        "does not read what was remembered before it leads",
        {"agent.assemble.running.Running._prepare": _nothing},
        trials.job_gone,
        "runs again",
    ),
    Mutant(
        "replaces whole objects, what others wrote included",
        {"agent.edges.kube.verbs.apply": _update},
        trials.edited,
        "loses what people wrote",
    ),
    Mutant(
        "takes a push that failed for one that landed",
        {"agent.passes.status._publish": _landed_anyway},
        trials.unpushed,
        "has the numbers",
    ),
    Mutant(
        "does not read whether a timed-out write of its memory landed",
        {
            "agent.edges.kube.notebook.Notebook._look_for_doubtful": _empty,
            "campaign.world.MOST_STEPS": 500,  # enough for all others, and found sooner
        },
        trials.doubtful,
        "still moving",
    ),
)
