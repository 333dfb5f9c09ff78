"""The few parts that must run in the browser: uploads, clocks, keys, text that never lags behind the typist.

Each part is one small React function kept as text beside its typed Python face. None sends an event per
keystroke, none evaluates code, and every listener is removed when its part leaves the page.
"""

from __future__ import annotations

from typing import Any

import reflex as rx
from reflex.event import no_args_event_spec, passthrough_event_spec
from reflex.utils.imports import ImportDict

from studio.components import scripts, text_script

REACT = ("createElement", "useCallback", "useContext", "useEffect", "useId", "useRef", "useState")


class BrowserPart(rx.Component):
    """A component whose function is written in `scripts`; children are passed through."""

    def _script(self) -> str:
        """The function's source. Abstract: each part below gives its own, and a part without one must not build."""
        raise NotImplementedError

    def add_imports(self) -> ImportDict:
        """Every part draws from the same React names."""
        return {"react": [*REACT]}

    def add_custom_code(self) -> list[str]:
        """The part's own function, once per module."""
        return [self._script()]


class Elapsed(BrowserPart):
    """Minutes and seconds since a moment; one timer serves every clock of its module."""

    tag = "StudioElapsed"
    since_ms: rx.Var[int]

    def _script(self) -> str:
        return scripts.ELAPSED


class Countdown(BrowserPart):
    """The time until a moment, which the browser counts by itself; `face` is clock or words."""

    tag = "StudioCountdown"
    until_ms: rx.Var[int]
    face: rx.Var[str]

    def _script(self) -> str:
        return scripts.COUNTDOWN


class Text(BrowserPart):
    """A text field that owns its text.

    `kind` is textarea or input. The server hears the text `delay` milliseconds after the last key, on blur and
    just before the form is sent; a value set by the server replaces the text, an echo of our own never does.
    With `param` the text stands in the address under that name, and the browser's Back and Forward bring it along.
    """

    tag = "StudioText"
    kind: rx.Var[str]
    value: rx.Var[Any]
    label: rx.Var[str]
    name: rx.Var[str]
    placeholder: rx.Var[str]
    input_mode: rx.Var[str]
    max_length: rx.Var[int]
    delay: rx.Var[int]
    param: rx.Var[str]
    on_send: rx.EventHandler[passthrough_event_spec(str)]

    def _script(self) -> str:
        return text_script.TEXT


class Choices(BrowserPart):
    """A radiogroup of native radios: arrow keys come with the browser, the choice shows before the server answers."""

    tag = "StudioChoices"
    label: rx.Var[str]
    value: rx.Var[Any]
    on_pick: rx.EventHandler[passthrough_event_spec(str)]

    def _script(self) -> str:
        return scripts.CHOICES


class Toggle(BrowserPart):
    """A switch."""

    tag = "StudioToggle"
    label: rx.Var[str]
    value: rx.Var[bool]
    on_pick: rx.EventHandler[passthrough_event_spec(bool)]

    def _script(self) -> str:
        return scripts.TOGGLE


class Range(BrowserPart):
    """A slider over whole numbers; the server hears the value 120 ms after the last move."""

    tag = "StudioRange"
    label: rx.Var[str]
    value: rx.Var[int]
    low: rx.Var[int]
    high: rx.Var[int]
    unit: rx.Var[str]
    on_pick: rx.EventHandler[passthrough_event_spec(list[int])]

    def _script(self) -> str:
        return scripts.RANGE


class DropZone(BrowserPart):
    """An area that takes pictures by drop, by picker (`data-pick=<zone>` anywhere on the page) and by paste."""

    tag = "StudioDrop"
    role_name: rx.Var[str]
    zone: rx.Var[str]
    hint: rx.Var[str]
    label: rx.Var[str]
    paste: rx.Var[bool]
    enabled: rx.Var[bool]
    on_started: rx.EventHandler[passthrough_event_spec(int)]
    on_done: rx.EventHandler[passthrough_event_spec(dict)]

    def _script(self) -> str:
        return scripts.DROP


class Scroller(BrowserPart):
    """The feed: keeps its place when work arrives above and offers the way up."""

    tag = "StudioScroller"
    batches: rx.Var[Any]

    def _script(self) -> str:
        return scripts.SCROLLER


class Media(BrowserPart):
    """Mounts its children only while the media query matches."""

    tag = "StudioMedia"
    query: rx.Var[str]

    def _script(self) -> str:
        return scripts.MEDIA


class PictureButton(BrowserPart):
    """Sends one picture of the person's own; `on_done` hears why not, or nothing."""

    tag = "StudioPicture"
    label: rx.Var[str]
    on_done: rx.EventHandler[passthrough_event_spec(str)]

    def _script(self) -> str:
        return scripts.PICTURE


class ThemeButton(BrowserPart):
    """Cycles system, light and dark, and tells the server so that public pages match."""

    tag = "StudioTheme"

    def _script(self) -> str:
        return scripts.THEME

    def add_imports(self) -> ImportDict:
        """The framework's own color mode, so Radix and the page agree."""
        return {**super().add_imports(), "$/utils/context": ["ColorModeContext"]}


class Dismiss(BrowserPart):
    """Calls back after `after` milliseconds, waiting while its toast is hovered or holds focus."""

    tag = "StudioDismiss"
    after: rx.Var[int]
    on_late: rx.EventHandler[no_args_event_spec]

    def _script(self) -> str:
        return scripts.DISMISS


class Hotkeys(BrowserPart):
    """Page-wide keys and the small click helpers (`data-copy`, `data-to-top`)."""

    tag = "StudioHotkeys"

    def _script(self) -> str:
        return scripts.HOTKEYS


elapsed = Elapsed.create
countdown = Countdown.create
text = Text.create
choices = Choices.create
toggle = Toggle.create
slider = Range.create
drop_zone = DropZone.create
scroller = Scroller.create
media = Media.create
picture_button = PictureButton.create
theme_button = ThemeButton.create
dismiss = Dismiss.create
hotkeys = Hotkeys.create
