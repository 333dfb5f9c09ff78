"""What the settings pages share: their navigation, cards and fields, and the theme's own control."""

from __future__ import annotations

from typing import Any

import reflex as rx
from reflex.utils.imports import ImportDict
from reflex_components_core.react_router.dom import ReactRouterLink

from studio.components.browser import BrowserPart
from studio.components.shell import SECTIONS, shell
from studio.components.styles import icon

_THEME = """
function StudioThemeChoice({ label }) {
  const { rawColorMode, setColorMode } = useContext(ColorModeContext);
  const name = useId();
  const pick = (theme) => {
    setColorMode(theme);
    const headers = { "Content-Type": "application/json", "X-Studio": "1" };
    const body = JSON.stringify({ theme });
    fetch("/api/theme", { method: "POST", credentials: "same-origin", headers, body }).catch(() => {});
  };
  const choice = ([value, word]) => createElement("label", { key: value },
    createElement("input", { type: "radio", name, value, checked: rawColorMode === value,
      onChange: () => pick(value) }),
    createElement("span", { className: "face" }, word));
  return createElement("div", { role: "radiogroup", "aria-label": label, className: "seg" },
    [["system", "System"], ["light", "Light"], ["dark", "Dark"]].map(choice));
}
"""


class ThemeChoice(BrowserPart):
    """System, light or dark as radios; the server is told so that public pages match."""

    tag = "StudioThemeChoice"
    label: rx.Var[str]

    def _script(self) -> str:
        return _THEME

    def add_imports(self) -> ImportDict:
        """The framework's own color mode."""
        return {**super().add_imports(), "$/utils/context": ["ColorModeContext"]}


theme_choice = ThemeChoice.create


def _section(name: str, href: str, mark: str, here: str) -> rx.Component:
    current = {"aria-current": "page"} if name == here else {}
    return ReactRouterLink.create(icon(mark), name, to=href, custom_attrs=current)


def frame(
    name: str, *content: rx.Component, messages: Any, aside: rx.Component | None = None, here: str = "Settings"
) -> rx.Component:
    """A settings page: the list of sections, the heading with what belongs beside it, and the page itself."""
    return shell(
        rx.el.div(
            rx.el.nav(
                rx.el.p("Settings", class_name="label"),
                *[_section(*section, name) for section in SECTIONS],
                class_name="snav",
                custom_attrs={"aria-label": "Settings"},
            ),
            rx.el.main(
                rx.el.div(
                    rx.el.h1(name, class_name="t6 bold"), rx.el.span(class_name="grow"), aside, class_name="set-top"
                ),
                *content,
                class_name="cont",
                tab_index=0,  # so that a long page without a control can be scrolled by keyboard
            ),
            class_name="set",
        ),
        here=here,
        title=name,
        messages=messages,
    )


def card(title: str, *content: rx.Component, lead: Any = None, kind: str = "") -> rx.Component:
    """A titled card; its title names the region."""
    return rx.el.section(
        rx.el.h2(title, class_name="t3 bold"),
        *([rx.el.p(lead, class_name="lead")] if lead is not None else []),
        *content,
        class_name=f"card pad {kind}".strip(),
        custom_attrs={"aria-label": title},
    )


def problem(words: Any, ident: str) -> rx.Component:
    """Why what was typed does not fit, said when it appears."""
    return rx.cond(words != "", rx.el.p(words, id=ident, class_name="t1 bad", role="alert"))


def field(label: str, name: str, value: Any, error: Any, **more: Any) -> rx.Component:
    """A labelled text field of a form, with its error below."""
    ident = f"set-{name}"
    return rx.el.div(
        rx.el.label(label, html_for=ident, class_name="label"),
        rx.el.div(
            rx.el.input(
                id=ident,
                name=name,
                default_value=value,
                class_name="tf",
                custom_attrs={
                    "autoComplete": "off",
                    "aria-invalid": rx.cond(error != "", "true", "false"),
                    "aria-describedby": f"{ident}-error",
                },
                **more,
            ),
            class_name="grow",
        ),
        rx.el.div(problem(error, f"{ident}-error")),
        class_name="set-field",
    )


def skeleton(*heights: int) -> rx.Component:
    """Cards of true size while the page is read."""
    return rx.el.div(
        *[rx.el.div(class_name="skel", style={"height": f"{height}px"}) for height in heights],
        class_name="set-wait",
        custom_attrs={"aria-hidden": "true"},
    )
