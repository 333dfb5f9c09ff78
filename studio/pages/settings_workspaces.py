"""Settings, Workspaces: where work is kept, how it begins there, and the labels on it."""

from __future__ import annotations

from typing import Any

import reflex as rx

from studio.components import erasing
from studio.components.keeping import dot
from studio.components.settings import card, field, frame, problem, skeleton
from studio.components.styles import icon, length
from studio.state.keeping_views import LABEL_COLORS, LabelView, PlaceView
from studio.state.workspaces import WorkspacesState as S


def _rename(kind: str, ident: Any, name: Any, longest: int, save: Any) -> rx.Component:
    """A name in its place; Enter or leaving by the button saves it."""
    return rx.el.form(
        rx.el.input(type="hidden", name="id", value=ident, read_only=True),
        rx.el.input(
            name="name",
            default_value=name,
            max_length=longest,
            class_name="tf",
            key=f"{ident}-{name}",
            custom_attrs={"aria-label": f"{kind} name, {name}", "autoComplete": "off"},
        ),
        rx.el.button("Rename", type="submit", class_name="btn ghost", custom_attrs={"aria-label": f"Rename {name}"}),
        on_submit=save,
        class_name="wname",
    )


def _button(words: str, name: Any, act: Any, look: str = "soft") -> rx.Component:
    return rx.el.button(
        words, type="button", class_name=f"btn {look}", on_click=act, custom_attrs={"aria-label": f"{words}, {name}"}
    )


def _place(place: PlaceView) -> rx.Component:
    starts = rx.cond(place.starts != "", f"Starts with {place.starts}", "Starts with the model's defaults")
    gone = rx.el.li(
        rx.el.div(
            rx.el.span(place.name, class_name="med clip"),
            rx.el.span(place.facts, class_name="t1 mute"),
            class_name="col",
        ),
        rx.el.span(class_name="grow"),
        rx.el.div(
            _button("Restore", place.name, S.restore(place.id)),
            _button("Delete for good", place.name, S.ask_erase_workspace(place.id), "danger-soft"),
            class_name="wacts",
        ),
        key=place.id,
    )
    there = rx.el.li(
        rx.el.div(
            _rename("Workspace", place.id, place.name, 80, S.rename),
            rx.el.div(
                rx.cond(place.active, rx.el.span("Active", class_name="badge iris")),
                rx.el.p(rx.el.span(place.facts), rx.el.span(starts), class_name="t1 mute dots"),
                class_name="row g2 wfacts",
            ),
            class_name="col grow g2",
        ),
        rx.el.div(
            rx.cond(
                place.starts != "",
                _button("Forget defaults", place.name, S.keep_defaults(place.id, False)),
                _button("Start as last time", place.name, S.keep_defaults(place.id, True)),
            ),
            rx.cond(
                place.state == "archived",
                _button("Work in it again", place.name, S.archive(place.id, False)),
                _button("Archive", place.name, S.archive(place.id, True)),
            ),
            _button("Delete", place.name, S.ask_delete(place.id), "danger-soft"),
            class_name="wacts",
        ),
        key=place.id,
    )
    return rx.cond(place.state == "trashed", gone, there)


def _workspaces() -> rx.Component:
    return card(
        "Workspaces",
        rx.el.ul(rx.foreach(S.places, _place), class_name="wlist"),
        rx.el.form(
            field("New workspace", "workspace", "", S.problem, max_length=80, key=f"new-{length(S.places)}"),
            rx.el.button("Create workspace", type="submit", class_name="btn soft"),
            on_submit=S.create,
            class_name="set-form",
        ),
        lead="Each keeps its own work. An archived one keeps what it has and takes no more.",
    )


def _label(label: LabelView) -> rx.Component:
    return rx.el.li(
        dot(label.color),
        _rename("Label", label.id, label.name, 40, S.rename_label),
        rx.el.span(label.count, class_name="t1 mute num"),
        rx.el.select(
            *[rx.el.option(color.capitalize(), value=color) for color in LABEL_COLORS],
            value=label.color,
            class_name="tf native",
            on_change=lambda color: S.color_label(label.id, color),
            custom_attrs={"aria-label": f"Colour of {label.name}"},
        ),
        rx.el.select(
            rx.el.option("Merge into…", value=""),
            rx.foreach(
                S.labels,
                lambda other: rx.cond(other.id != label.id, rx.el.option(other.name, value=other.id)),
            ),
            value="",
            class_name="tf native",
            on_change=lambda into: S.merge_label(label.id, into),
            custom_attrs={"aria-label": f"Merge {label.name} into"},
        ),
        rx.el.button(
            icon("trash-2"),
            type="button",
            class_name="ib",
            on_click=S.delete_label(label.id),
            custom_attrs={"aria-label": f"Delete label {label.name}"},
        ),
        key=label.id,
    )


def _labels() -> rx.Component:
    return card(
        "Labels",
        rx.cond(
            length(S.labels) > 0,
            rx.el.ul(rx.foreach(S.labels, _label), class_name="wlist llist"),
            rx.el.p("No labels yet. Add one here, or on an output.", class_name="mute"),
        ),
        rx.el.form(
            field("New label", "label", "", S.label_problem, max_length=40, key=f"new-label-{length(S.labels)}"),
            rx.el.button("Create label", type="submit", class_name="btn soft"),
            on_submit=S.create_label,
            class_name="set-form",
        ),
        lead="Deleting a label leaves the outputs that had it.",
    )


def _question() -> rx.Component:
    """Nothing goes before the name was typed."""
    return rx.alert_dialog.root(
        rx.alert_dialog.content(
            rx.alert_dialog.title(f"Delete {S.doomed.name}?", class_name="t4 bold"),
            rx.alert_dialog.description(
                f"The workspace and everything in it ({S.doomed.facts}) go to the trash. For {S.days} days you can "
                "bring them back, then they are gone for good.",
                class_name="mute",
            ),
            rx.el.form(
                rx.el.label("Type the workspace's name to confirm", html_for="doomed", class_name="label"),
                rx.el.input(
                    id="doomed",
                    name="typed",
                    class_name="tf",
                    custom_attrs={"autoComplete": "off", "aria-describedby": "doomed-error"},
                ),
                problem(S.typed_problem, "doomed-error"),
                rx.el.div(
                    rx.el.button("Keep workspace", type="button", class_name="btn soft", on_click=S.keep_workspace),
                    rx.el.button("Move to the trash", type="submit", class_name="btn danger"),
                    class_name="dialog-acts",
                ),
                on_submit=S.delete,
                class_name="doomed",
            ),
            class_name="dialog",
            max_width="440px",
        ),
        open=S.doomed.id != "",
        on_open_change=S.keep_workspace,
    )


def page() -> rx.Component:
    """Workspaces and labels."""
    return frame(
        "Workspaces",
        rx.cond(S.loaded, rx.el.div(_workspaces(), _labels(), class_name="col gap"), skeleton(320, 240)),
        _question(),
        erasing.question(S),
        messages=S,
    )
