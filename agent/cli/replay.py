"""`replay`: what a recorded pass decides, offline; asks nobody anything."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent.cli.exits import Exit, Stop
from agent.cli.output import write

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.core.values import Decision, Effect, Facts, Held, Step


@click.command()
@click.argument("facts", metavar="FACTS", type=click.Path(path_type=Path))
def replay(facts: Path) -> None:
    """Show what the pass recorded in FACTS decides: plan, holds, questions and effects."""
    from agent.core.decide import decide  # noqa: PLC0415 - heavy
    from agent.core.record import load  # noqa: PLC0415

    try:
        recorded = load(facts.read_bytes())
    except OSError as error:
        raise Stop(Exit.NOT_FOUND, f"{facts} can't be read: {error.strerror}") from error
    write("".join(f"{line}\n" for line in tree(recorded, decide(recorded))))


def tree(facts: Facts, decision: Decision) -> Iterator[str]:
    """Yield a decision as an indented tree."""
    yield f"{facts.package} at {facts.now.isoformat()}, revision {facts.new.commit[:12] or 'none'}"
    yield "  plan"
    for step in decision.plan.steps:
        yield from (f"    {line}" for line in _step(step))
    yield from _section("held", [_held(each) for each in decision.verdict.held])
    yield from _section("questions", [f"{each.ask} {each.key}" for each in decision.questions])
    yield from _section("effects", [_effect(each) for each in decision.effects])
    if decision.verdict.next:
        yield f"  next {decision.verdict.next.isoformat()}"


def _section(name: str, lines: list[str]) -> Iterator[str]:
    if lines:
        yield f"  {name}"
        yield from (f"    {line}" for line in lines)


def _step(step: Step) -> Iterator[str]:
    told = " ".join(filter(None, (step.reason, step.says)))
    yield f"{step.action} {step.key}{f': {told}' if told else ''}"
    for change in step.changes:
        yield f"  {change.cause} {change.path}".rstrip()
    for hold in (step.refusal, step.notice):
        if hold is not None:
            yield f"  {hold.reason}: {hold.says}"


def _held(held: Held) -> str:
    what = "everything" if held.whole else ", ".join(map(str, sorted(held.keys))) or "a part"
    until = f" until {held.hold.until.isoformat()}" if held.hold.until else ""
    return f"{held.hold.gate} {held.hold.reason}{until} ({held.hold.says}): {what}"


def _effect(effect: Effect) -> str:
    key = getattr(effect, "key", None)
    return f"{type(effect).__name__} {key or ''}".rstrip()
