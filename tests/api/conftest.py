"""What is asked of a real API server here is asked of the sandbox too: `api`, `transport`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sandbox.conftest import api

if TYPE_CHECKING:
    from sandbox.conftest import Api

    from agent.edges.kube.seam import Transport


@pytest.fixture
def transport(api: Api) -> Transport:
    """Give a transport as admin."""
    return api.transport


__all__ = ["api"]
