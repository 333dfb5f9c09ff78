"""The question about cookies over every page, and the same choices inside the settings."""

from __future__ import annotations

import reflex as rx
from reflex.event import no_args_event_spec
from reflex.utils.imports import ImportDict

from studio.components import consent_scripts as scripts
from studio.components.browser import BrowserPart


class Cookies(BrowserPart):
    """The banner. It draws nothing until the server says that this browser is to be asked."""

    tag = "StudioCookies"

    def _script(self) -> str:
        return scripts.BANNER

    def add_imports(self) -> ImportDict:
        """It measures before the browser paints."""
        return {"react": ["createElement", "useCallback", "useEffect", "useLayoutEffect", "useRef", "useState"]}

    def add_custom_code(self) -> list[str]:
        """What it shares with the settings comes first, once per module."""
        return [scripts.SHARED, self._script()]


class CookieChoices(BrowserPart):
    """A switch for each purpose and both buttons. `on_changed` follows each answer, wherever it was given."""

    tag = "StudioCookieChoices"
    on_changed: rx.EventHandler[no_args_event_spec]

    def _script(self) -> str:
        return scripts.CHOICES

    def add_custom_code(self) -> list[str]:
        """What it shares with the banner comes first, once per module."""
        return [scripts.SHARED, self._script()]


banner = Cookies.create
choices = CookieChoices.create
