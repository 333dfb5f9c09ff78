"""Somebody signed in to the shared Studio."""

from __future__ import annotations

import pytest

from tests.http.people import Guest, sign_in
from tests.system import System


@pytest.fixture
async def guest(system: System) -> Guest:
    """Somebody new, with a session of their own."""
    return await sign_in(system)
