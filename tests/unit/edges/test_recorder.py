"""A recorded pass can be decided again, and holds no secret."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facts_builder import synced, wanted

from agent.core.decide import decide
from agent.core.record import load
from agent.edges.recorder import Recorder

if TYPE_CHECKING:
    from pathlib import Path


def test_a_record_decides_the_same(tmp_path: Path) -> None:
    """A bug report is a file; its regression test replays it."""
    facts = synced(wanted("ConfigMap", "settings"))
    Recorder(tmp_path / "records", b"key").record(facts)
    (path,) = (tmp_path / "records").iterdir()
    assert decide(load(path.read_bytes())) == decide(facts)


def test_a_folder_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    """Recording is for people who look for a bug; it must not be one."""
    (tmp_path / "records").write_text("in the way")
    Recorder(tmp_path / "records", b"key").record(synced(wanted("ConfigMap", "settings")))
    assert (tmp_path / "records").read_text() == "in the way"
