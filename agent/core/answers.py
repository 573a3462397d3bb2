"""What the server said, and the small steps that follow from it: keep, or fail with its words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.core.values import Action, Ask, Hold, Reason, Rejected, Step

if TYPE_CHECKING:
    from agent.core.values import Answer, Desired, Facts, Key, Live, Says

FORBIDDEN: Final = 403
CONFLICT: Final = 409


def said(facts: Facts, desired: Desired, ask: Ask, uid: str = "") -> Says | None:
    """The server's word on this content (and this live object), if it was heard."""
    for answer in facts.answers:
        if _fits(answer, desired, ask) and (not answer.uid or answer.uid == uid):
            return answer.says
    return None


def _fits(answer: Answer, desired: Desired, ask: Ask) -> bool:
    return answer.key == desired.key and answer.ask is ask and answer.digest == desired.digest


def existed(facts: Facts, desired: Desired) -> bool:
    """Whether creating the object was refused because something is there already."""
    refused = said(facts, desired, Ask.APPLY)
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
