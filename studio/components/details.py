"""Everything known about one output, beside the feed or over it."""

from __future__ import annotations

from typing import Any

import reflex as rx

from studio.components import browser, keeping
from studio.components.styles import icon, length, picture
from studio.state.studio import StudioState

D: Any = StudioState.details
K: Any = StudioState.kept


def _header(order: Any, close: rx.Component, title: rx.Component) -> rx.Component:
    """`order`: the state in whose order Previous and Next go."""
    known = order.neighbours.of == D.asset_id  # by the lineage one comes to outputs that are not in this order
    return rx.el.div(
        title,
        rx.el.span(rx.cond(known, order.neighbours.position, ""), class_name="t1 mute num"),
        rx.el.span(class_name="grow"),
        _step(order, "chevron-left", "Previous output", -1, known & order.neighbours.before),
        _step(order, "chevron-right", "Next output", 1, known & order.neighbours.after),
        close,
        class_name="bar details-bar",
    )


def _step(order: Any, mark: str, name: str, by: int, there: Any) -> rx.Component:
    return rx.el.button(
        icon(mark),
        type="button",
        class_name="ib",
        disabled=~there,
        on_click=order.step_output(D.asset_id, by),
        custom_attrs={"aria-label": name},
    )


def _preview() -> rx.Component:
    ratio = {"aspectRatio": f"{D.width} / {D.height}"}
    return rx.cond(
        D.kind == "video",
        rx.el.video(
            src=D.original,
            poster=D.preview,
            controls=True,
            plays_inline=True,
            preload="metadata",
            loop=True,
            class_name="view",
            style=ratio,
            key=D.asset_id,
            custom_attrs={"aria-label": D.prompt},
        ),
        rx.el.a(
            picture(D.preview, D.width, D.height, D.prompt),
            rx.el.span(rx.el.span(icon("maximize-2", 14), class_name="ghostbtn"), class_name="tr"),
            href=D.original,
            target="_blank",
            rel="noopener",
            class_name="tile view",
            style=ratio,
            custom_attrs={"aria-label": "Open full view"},
        ),
    )


def _act(mark: str, words: str, act: Any, *, name: str = "", look: str = "btn soft") -> rx.Component:
    said = {"aria-label": name} if name else {}
    return rx.el.button(icon(mark), words, type="button", class_name=look, on_click=act, custom_attrs=said)


def _kept() -> rx.Component:
    """Stars, cost and labels."""
    return rx.fragment(
        rx.el.div(
            keeping.stars(K.rating, StudioState.rate_output),
            rx.cond(D.cost != "", rx.el.span(D.cost, class_name="t1 mute num")),
            class_name="row between",
        ),
        rx.el.ul(
            rx.foreach(K.labels, lambda label: keeping.chip(label, StudioState.label_output(label.id, False))),
            rx.el.li(
                keeping.add_label(K.others, lambda ident: StudioState.label_output(ident, True), StudioState.add_label)
            ),
            class_name="lchips",
            custom_attrs={"aria-label": "Labels"},
        ),
    )


def _actions(*, closes: bool) -> rx.Component:
    return rx.cond(D.trashed, _trash_actions(), _use_actions(closes=closes))


def _trash_actions() -> rx.Component:
    """What is in the trash comes back first, or goes for good."""
    return rx.el.div(
        _act("undo-2", "Restore", StudioState.restore_output),
        _downloads(),
        _act("trash-2", "Delete for good", StudioState.ask_erase("output", D.asset_id), look="btn danger-soft"),
        class_name="acts",
    )


def _use_actions(*, closes: bool) -> rx.Component:
    """`closes`: what goes into the composer is seen only once these details no longer fill the screen."""
    image = D.kind == "image"

    def onward(act: Any) -> Any:
        return [act, StudioState.close_details] if closes else act

    return rx.el.div(
        _act("rotate-ccw", "Reuse", onward(StudioState.reuse(StudioState.details.batch_id))),
        _act("shuffle", "Remix", onward(StudioState.remix(StudioState.details.batch_id))),
        rx.cond(
            image,
            rx.fragment(
                _act("image-plus", "As reference", onward(StudioState.use_as(D.asset_id, "reference"))),
                _act("arrow-right-from-line", "First frame", onward(StudioState.use_as(D.asset_id, "first_frame"))),
                _act("arrow-right-to-line", "Last frame", onward(StudioState.use_as(D.asset_id, "last_frame"))),
                _act(
                    "wand-sparkles", "Edit", onward(StudioState.edit_with_prompt(D.asset_id)), name="Edit with a prompt"
                ),
            ),
            rx.fragment(
                _act("fast-forward", "Extend", onward(StudioState.extend(D.asset_id))),
                rx.cond(D.draft, _act("clapperboard", "Make final", StudioState.ask_final(D.asset_id))),
            ),
        ),
        _downloads(),
        _act("trash-2", "Delete", StudioState.trash_output, look="btn danger-soft"),
        class_name="acts",
    )


def final_question() -> rx.Component:
    """What a draft becomes, and the price, before it is sent."""
    final: Any = StudioState.final
    return rx.alert_dialog.root(
        rx.alert_dialog.content(
            rx.alert_dialog.title("Make this draft final?", class_name="t4 bold"),
            rx.alert_dialog.description(final.words, class_name="mute"),
            rx.el.div(
                rx.el.button("Not now", type="button", class_name="btn soft", on_click=StudioState.close_final),
                rx.el.button(
                    final.send,
                    type="button",
                    class_name="btn solid",
                    disabled=~final.possible,
                    on_click=StudioState.make_final(final.id),
                ),
                class_name="dialog-acts",
            ),
            class_name="dialog",
            max_width="420px",
        ),
        open=final.id != "",
        on_open_change=StudioState.close_final,
    )


def _downloads() -> rx.Component:
    """The ways to download, each with what the file carries said before the click."""
    return rx.popover.root(
        rx.popover.trigger(rx.el.button(icon("download"), "Download", type="button", class_name="btn soft")),
        rx.popover.content(
            rx.el.ul(
                rx.foreach(
                    K.files,
                    lambda file: rx.el.li(
                        rx.el.a(
                            icon("file-down"),
                            rx.el.span(
                                rx.el.span(file.name, class_name="med"),
                                rx.el.span(file.words, class_name="t1 mute"),
                                class_name="col",
                            ),
                            href=file.href,
                            download="",
                            class_name="dfile",
                            custom_attrs={"reloadDocument": True},  # not a page of the router's
                        ),
                        key=file.href,
                    ),
                ),
            ),
            class_name="menu",
            width="320px",
            custom_attrs={"aria-label": "Download"},
        ),
    )


def _line() -> rx.Component:
    """Where it comes from and what became of it, in order, with what it cost up to here."""
    return rx.cond(
        length(K.line) > 0,
        rx.el.section(
            rx.el.hr(class_name="sep"),
            rx.el.div(
                rx.el.h3("Lineage", class_name="label"),
                rx.el.span(K.so_far, class_name="t1 mute num"),
                class_name="row between",
            ),
            rx.el.ol(rx.foreach(K.line, _step_of_line), class_name="line"),
            class_name="lineage",
            custom_attrs={"aria-label": "Lineage"},
        ),
    )


def _step_of_line(step: Any) -> rx.Component:
    face = rx.fragment(
        rx.el.img(src=step.thumb, alt="", custom_attrs={"loading": "lazy", "decoding": "async"}),
        rx.cond(step.duration != "", rx.el.span(rx.el.span(step.duration, class_name="pill"), class_name="br")),
    )
    return rx.el.li(
        rx.cond(step.first, rx.fragment(), rx.el.span(icon("arrow-right", 12), class_name="mute")),
        rx.el.div(
            rx.cond(
                step.output,
                rx.el.button(
                    face,
                    type="button",
                    class_name=rx.cond(step.here, "lthumb sel", "lthumb"),
                    on_click=StudioState.open_output(step.asset_id),
                    custom_attrs={"aria-label": step.name, "aria-current": rx.cond(step.here, "true", "false")},
                ),
                rx.el.a(
                    face,
                    href=step.original,
                    target="_blank",
                    rel="noopener",
                    class_name="lthumb",
                    custom_attrs={"aria-label": step.name},
                ),
            ),
            rx.el.span(step.role, class_name="t1 mute"),
            class_name="col",
        ),
        key=step.asset_id,
    )


def _facts() -> rx.Component:
    return rx.el.dl(
        rx.foreach(D.facts, lambda fact: rx.fragment(rx.el.dt(fact.term), rx.el.dd(fact.value))),
        rx.cond(
            K.credentials != "",
            rx.fragment(rx.el.dt("Content credentials"), rx.el.dd(K.credentials)),
        ),
        rx.cond(
            D.task_id != "",
            rx.fragment(
                rx.el.dt("Task"),
                rx.el.dd(
                    rx.el.span(D.task_id, class_name="mono clip"),
                    rx.el.button(
                        icon("copy", 12),
                        type="button",
                        class_name="ib s1",
                        title="Copy task ID",
                        custom_attrs={"aria-label": "Copy task ID", "data-copy": D.task_id},
                    ),
                    class_name="row",
                ),
            ),
        ),
        class_name="dl",
    )


def _prompt() -> rx.Component:
    return rx.el.div(
        rx.el.p(D.prompt, class_name="told grow"),
        rx.el.button(
            icon("copy", 14),
            type="button",
            class_name="ib s1",
            title="Copy prompt",
            custom_attrs={"aria-label": "Copy prompt", "data-copy": D.prompt},
        ),
        class_name="row start g2",
    )


def _body(*, closes: bool = False) -> rx.Component:
    return rx.el.div(
        _preview(),
        _kept(),
        _prompt(),
        _actions(closes=closes),
        rx.el.hr(class_name="sep"),
        _facts(),
        _line(),
        class_name="body",
    )


def _close(**props: Any) -> rx.Component:
    return rx.el.button(
        icon("x"),
        type="button",
        class_name="ib",
        custom_attrs={"aria-label": "Close details", "data-hotkey": "Escape"},
        **props,
    )


def panel(order: Any = StudioState) -> rx.Component:
    """Beside the feed on wide screens, over it on narrower ones. `order`: see `_header`."""
    return rx.cond(
        StudioState.details_open,
        rx.el.aside(
            _header(order, _close(on_click=StudioState.close_details), rx.el.h2("Details", class_name="t2 bold")),
            _body(),
            class_name="panel details",
            custom_attrs={"aria-label": "Details"},
        ),
    )


def full_screen(order: Any = StudioState) -> rx.Component:
    """On a phone: a dialog that fills the screen. `order`: see `_header`."""
    return browser.media(
        rx.dialog.root(
            rx.dialog.content(
                _header(order, rx.dialog.close(_close()), rx.dialog.title("Details", class_name="t3 bold")),
                _body(closes=True),
                class_name="full details",
                custom_attrs={"aria-describedby": ""},
            ),
            open=StudioState.details_open,
            on_open_change=StudioState.close_details,
        ),
        query="(max-width: 767px)",
    )
