"""The page for an address that leads nowhere."""

from __future__ import annotations

from studio.components.nothing import nothing

page = nothing
