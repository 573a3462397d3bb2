"""What the server said, and the small steps that follow from it: keep, or fail with its words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from agent.core.values import Action, Ask, Hold, Reason, Rejected, Step

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from agent.core.values import Answer, Desired, Key, Live, Says

Heard: TypeAlias = "Mapping[tuple[Key, Ask, str, str], Says]"
"""(object, what was asked, digest of the content, uid of the live object) → what was said."""

FORBIDDEN: Final = 403
CONFLICT: Final = 409


def heard(answers: Iterable[Answer]) -> Heard:
    """Answers by what they are about; of two about the same the later one counts."""
    return {(one.key, one.ask, one.digest, one.uid): one.says for one in answers}


def said(heard: Heard, desired: Desired, ask: Ask, uid: str = "") -> Says | None:
    """The server's word on this content, if it was heard.

    What it said of creating an object (no uid) says nothing of the one that is there.
    """
    return heard.get((desired.key, ask, desired.digest, uid))


def existed(heard: Heard, desired: Desired) -> bool:
    """Whether creating the object was refused because something is there already."""
    refused = said(heard, desired, Ask.APPLY)
    return isinstance(refused, Rejected) and refused.code == CONFLICT


def keep(desired: Desired, live: Live | None, reason: Reason | None = None, says: str = "") -> Step:
    """A step that changes nothing, with what is worth telling of it."""
    return Step(
        desired.key,
        Action.KEEP,
        desired.wave,
        digest=desired.digest,
        uid=live.uid if live else "",
        reason=reason,
        says=says,
    )


def failed(key: Key, says: Says | None) -> Hold | None:
    """The server's refusal as a hold, or None when it did not refuse."""
    if not isinstance(says, Rejected):
        return None
    reason = Reason.FORBIDDEN if says.code == FORBIDDEN else Reason.APPLY_FAILED
    return Hold("server", reason, f"{key}: {says.message}")
