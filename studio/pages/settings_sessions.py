"""Settings, Sessions: every browser that is signed in."""

from __future__ import annotations

import reflex as rx

from studio.components import reauth
from studio.components.settings import frame, problem, skeleton
from studio.components.styles import icon
from studio.state.devices import DevicesState
from studio.state.settings_views import DeviceView


def _name(device: DeviceView) -> rx.Component:
    """The button that names a session, and its dialog."""
    return rx.dialog.root(
        rx.dialog.trigger(
            rx.el.button(
                icon("pencil"),
                type="button",
                class_name="ib touch-on-phone",
                title="Rename",
                custom_attrs={"aria-label": f"Rename {device.title}"},
            )
        ),
        rx.dialog.content(
            rx.dialog.title("Name this session", class_name="t4 bold"),
            rx.dialog.description(
                "Only you see it. The studio keeps nothing about the browser itself.", class_name="mute"
            ),
            rx.el.form(
                rx.el.label("Session name", html_for="session-name", class_name="label"),
                rx.el.input(
                    id="session-name",
                    name="name",
                    default_value=device.name,
                    placeholder="Work laptop",
                    class_name="tf",
                    custom_attrs={
                        "autoComplete": "off",
                        "aria-invalid": rx.cond(DevicesState.naming_error != "", "true", "false"),
                        "aria-describedby": "session-error",
                    },
                ),
                rx.el.div(problem(DevicesState.naming_error, "session-error")),
                rx.el.div(
                    rx.dialog.close(rx.el.button("Keep it", type="button", class_name="btn soft")),
                    rx.el.button("Save session name", type="submit", class_name="btn solid"),
                    class_name="dialog-acts",
                ),
                on_submit=DevicesState.save_name,
                class_name="dialog-form",
            ),
            class_name="dialog",
            max_width="420px",
        ),
        open=DevicesState.naming == device.id,
        on_open_change=lambda value: DevicesState.name_session(device.id, value),
    )


def _device(device: DeviceView) -> rx.Component:
    return rx.el.li(
        rx.el.span(icon("app-window", 20), class_name="device-mark"),
        rx.el.div(
            rx.el.p(
                rx.el.span(device.title, class_name=rx.cond(device.name != "", "med clip", "mute clip")),
                rx.cond(device.current, rx.el.span("This session", class_name="badge jade")),
                class_name="row g2",
            ),
            rx.el.p(
                rx.el.span(f"Started {device.started}"),
                rx.el.span(f"Last active {device.seen}"),
                class_name="t1 mute num dots",
            ),
            class_name="grow",
        ),
        _name(device),
        rx.cond(
            device.current,
            rx.el.span(),
            rx.el.button(
                "Sign out",
                type="button",
                class_name="btn soft",
                on_click=DevicesState.end(device.id),
                custom_attrs={"aria-label": f"Sign out {device.title}"},
            ),
        ),
        key=device.id,
    )


def _everywhere() -> rx.Component:
    return rx.alert_dialog.root(
        rx.alert_dialog.trigger(
            rx.el.button(icon("log-out"), "Sign out everywhere", type="button", class_name="btn surface")
        ),
        rx.alert_dialog.content(
            rx.alert_dialog.title("Sign out everywhere", class_name="t4 bold"),
            rx.alert_dialog.description(
                "Every browser is signed out, this one too, and its open pages close. Work already sent goes on.",
                class_name="mute",
            ),
            rx.el.div(
                rx.alert_dialog.cancel(rx.el.button("Stay signed in", type="button", class_name="btn soft")),
                rx.el.button(
                    "Sign out of all sessions", type="button", class_name="btn danger", on_click=DevicesState.end_all
                ),
                class_name="dialog-acts",
            ),
            class_name="dialog",
            max_width="420px",
        ),
        open=DevicesState.leaving,
        on_open_change=DevicesState.set_leaving,
    )


def page() -> rx.Component:
    """This session first, then the others."""
    return frame(
        "Sessions",
        rx.cond(
            DevicesState.loaded,
            rx.el.section(
                reauth.panel(DevicesState),
                reauth.again(
                    DevicesState,
                    rx.el.button(
                        DevicesState.asked, type="button", class_name="btn soft", on_click=DevicesState.end_asked
                    ),
                ),
                rx.el.ul(rx.foreach(DevicesState.devices, _device), class_name="devices"),
                rx.el.div(
                    rx.el.p(
                        "A session is a browser that is signed in. No address and no browser name is stored.",
                        class_name="t1 mute grow",
                    ),
                    rx.cond(
                        DevicesState.others > 0,
                        rx.el.button(
                            "Sign out all others",
                            type="button",
                            class_name="btn soft",
                            on_click=DevicesState.end_others,
                        ),
                    ),
                    class_name="card-foot",
                ),
                class_name="card narrow",
                custom_attrs={"aria-label": "Signed-in browsers"},
            ),
            skeleton(72, 72),
        ),
        aside=rx.cond(DevicesState.loaded, _everywhere()),
        messages=DevicesState,
    )
