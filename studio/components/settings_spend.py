"""The parts of the Spend page: figures, chart, alerts, ledger and the cap's dialog."""

from __future__ import annotations

from typing import Any

import reflex as rx

from studio.components import browser, reauth
from studio.components.settings import problem
from studio.components.shell import PlainForm
from studio.components.styles import cx, icon, length
from studio.state.settings_views import AlertView, Bar, Choice, DayRow, EntryView, ModelTotal, Segment, Tick
from studio.state.spend import SpendState


def _pick(label: str, choices: Any, value: Any, pick: Any, look: str) -> rx.Component:
    def item(choice: Choice) -> rx.Component:
        return rx.select.item(choice.label, value=choice.value)

    return rx.select.root(
        rx.select.trigger(class_name=look, custom_attrs={"aria-label": label}),
        rx.select.content(rx.foreach(choices, item), position="popper"),
        value=value,
        on_change=pick,
    )


def month() -> rx.Component:
    """The combobox 'Month'."""
    return _pick("Month", SpendState.months, SpendState.month, SpendState.set_month, "select num")


def _swatch(colour: Any) -> rx.Component:
    return rx.el.i(style={"background": f"var(--{colour}-9)"}, custom_attrs={"aria-hidden": "true"})


def _used() -> rx.Component:
    return rx.el.section(
        rx.el.div(
            rx.el.span(rx.cond(SpendState.current, "Used this month", "Used"), class_name="label"),
            rx.el.span(SpendState.resets, class_name="t1 mute"),
            class_name="row between",
        ),
        rx.el.div(
            rx.el.span(SpendState.used, class_name="big"),
            rx.el.span(f"of {SpendState.cap} cap", class_name="mute num"),
            class_name="row g2 base",
        ),
        rx.el.div(
            rx.el.i(class_name="held", style={"width": SpendState.used_share}),
            rx.el.i(style={"width": SpendState.charged_share}),
            class_name="prog cap-prog",
            custom_attrs={
                "role": "meter",
                "aria-label": "Monthly cap used",
                "aria-valuemin": "0",
                "aria-valuemax": "100",
                "aria-valuenow": SpendState.used_percent,
                "aria-valuetext": SpendState.meter,
            },
        ),
        rx.el.div(
            rx.el.span(_swatch("iris"), f"{SpendState.charged} charged", class_name="lg"),
            rx.el.span(_swatch("amber"), f"{SpendState.held} held", class_name="lg"),
            rx.el.span(class_name="grow"),
            rx.el.span(f"{SpendState.left} left"),
            class_name="legend t1 mute num",
        ),
        rx.cond(SpendState.over != "", rx.el.p(SpendState.over, class_name="t1 bad over")),
        class_name="card",
        custom_attrs={"aria-label": rx.cond(SpendState.current, "This month", "The month")},
    )


def _figure(label: Any, amount: Any, words: Any) -> rx.Component:
    return rx.el.section(
        rx.el.span(label, class_name="label"),
        rx.el.div(amount, class_name="big"),
        rx.el.p(words, class_name="t1 mute"),
        class_name="card",
        custom_attrs={"aria-label": label},
    )


def figures() -> rx.Component:
    """Charged, held and left against the cap, and three figures beside it."""
    return rx.el.div(
        _used(),
        _figure(SpendState.forecast_label, SpendState.forecast, SpendState.forecast_text),
        _figure("Cost per output", SpendState.per_output, SpendState.per_output_text),
        _figure("Not charged", SpendState.not_charged, SpendState.not_charged_text),
        class_name="kp",
    )


def _segment(part: Segment) -> rx.Component:
    return rx.el.i(style={"background": f"var(--{part.colour}-9)", "height": part.height})


def _bar(bar: Bar) -> rx.Component:
    return rx.el.div(
        rx.el.div(rx.foreach(bar.segments, _segment), class_name=cx("stack", to_come=bar.to_come)),
        rx.el.span(bar.label, class_name="day-n num"),
        class_name="bar-day",
        title=bar.title,
    )


def _tick(tick: Tick) -> rx.Component:
    return rx.el.span(rx.el.b(tick.label, class_name="num"), class_name="tick", style={"bottom": tick.at})


def _bars() -> rx.Component:
    return rx.el.div(
        rx.el.div(
            rx.foreach(SpendState.ticks, _tick),
            rx.cond(
                SpendState.pace.label != "",
                rx.el.span(
                    rx.el.em(SpendState.pace.label, class_name="num"),
                    class_name="pace",
                    style={"bottom": SpendState.pace.at},
                ),
            ),
            class_name="scale",
        ),
        rx.el.div(rx.foreach(SpendState.bars, _bar), class_name="bars"),
        class_name="plot",
        role="img",
        custom_attrs={"aria-label": SpendState.chart_said},
    )


def _day_row(row: DayRow) -> rx.Component:
    return rx.el.tr(
        rx.el.th(row.day, scope="row"),
        rx.foreach(row.amounts, lambda amount: rx.el.td(amount, class_name="r")),
        rx.el.td(row.total, class_name="r med"),
    )


def _table() -> rx.Component:
    return rx.el.div(
        rx.cond(
            length(SpendState.days) > 0,
            rx.el.table(
                rx.el.thead(
                    rx.el.tr(
                        rx.el.th("Day", scope="col"),
                        rx.foreach(SpendState.models, lambda m: rx.el.th(m.name, scope="col", class_name="r")),
                        rx.el.th("Total", scope="col", class_name="r"),
                    )
                ),
                rx.el.tbody(rx.foreach(SpendState.days, _day_row)),
            ),
            rx.el.p(SpendState.chart_said, class_name="mute none"),
        ),
        class_name="day-table",
        tab_index=0,
        role="region",
        custom_attrs={"aria-label": "Charges by day and model"},
    )


def chart() -> rx.Component:
    """Stacked bars, or the same figures as a table."""
    return rx.el.section(
        rx.el.div(
            rx.el.h2("By day and model", class_name="bold"),
            rx.el.button(
                "Show as table",
                type="button",
                class_name="btn ghost s1 toggle",
                on_click=SpendState.show_table,
                custom_attrs={"aria-pressed": rx.cond(SpendState.as_table, "true", "false")},
            ),
            rx.el.div(
                rx.foreach(
                    SpendState.models, lambda m: rx.el.span(_swatch(m.colour), m.name, class_name="lg", key=m.name)
                ),
                class_name="legend end",
            ),
            class_name="chart-top",
        ),
        rx.cond(SpendState.as_table, _table(), _bars()),
        class_name="card",
        custom_attrs={"aria-label": "Spend by day and model"},
    )


def _alert(alert: AlertView) -> rx.Component:
    return rx.el.div(
        rx.el.span(alert.label, class_name="med num"),
        rx.el.span(alert.amount, class_name="mute num grow"),
        browser.toggle(label=alert.name, value=alert.on, on_pick=lambda on: SpendState.set_alert(alert.percent, on)),
        class_name="alert-row",
        key=alert.name,
    )


def alerts() -> rx.Component:
    """The three switches."""
    return rx.el.section(
        rx.el.h2("Tell me when I reach", class_name="bold"),
        rx.foreach(SpendState.alerts, _alert),
        rx.el.p("Of this month's cap. At 100% new requests wait until it resets or is raised.", class_name="t1 mute"),
        class_name="card",
        custom_attrs={"aria-label": "Alerts"},
    )


def _model(model: ModelTotal) -> rx.Component:
    return rx.el.li(
        rx.el.span(model.name, class_name="clip"),
        rx.el.span(rx.el.i(style={"background": f"var(--{model.colour}-9)", "width": model.share}), class_name="grow"),
        rx.el.span(model.amount, class_name="num med"),
        title=model.outputs,
        key=model.name,
    )


def by_model() -> rx.Component:
    """Each model's month."""
    return rx.el.section(
        rx.el.h2("By model", class_name="bold"),
        rx.cond(
            length(SpendState.models) > 0,
            rx.el.ul(rx.foreach(SpendState.models, _model), class_name="by-model t1"),
            rx.el.p("No charges in this month.", class_name="t1 mute"),
        ),
        class_name="card grow",
        custom_attrs={"aria-label": "Spend by model"},
    )


def _badge(entry: EntryView) -> Any:
    return rx.match(
        entry.kind,
        ("settle", rx.el.span(icon("check", 12), entry.entry, class_name="badge jade")),
        ("reserve", rx.el.span(icon("lock", 12), entry.entry, class_name="badge blue")),
        ("unknown", rx.el.span(icon("hourglass", 12), entry.entry, class_name="badge amber")),
        rx.el.span(icon("undo-2", 12), entry.entry, class_name="badge plain"),
    )


def _entry(entry: EntryView) -> rx.Component:
    return rx.el.tr(
        rx.el.td(entry.when, class_name="num mute"),
        rx.el.td(_badge(entry)),
        rx.el.td(
            rx.cond(
                entry.href != "",
                rx.el.a(entry.what, href=entry.href, target="_blank", rel="noopener"),
                rx.el.span(entry.what),
            ),
            class_name="what",
        ),
        rx.el.td(entry.model, class_name="mute more"),
        rx.el.td(entry.amount, class_name="r"),
        rx.el.td(entry.held, class_name="r mute more"),
        key=entry.seq,
    )


def _head(words: str, look: str = "") -> rx.Component:
    return rx.el.th(words, scope="col", class_name=look)


def _pager() -> rx.Component:
    return rx.cond(
        SpendState.has_newer | SpendState.has_older,
        rx.el.div(
            rx.el.span(SpendState.span, class_name="t1 mute num grow"),
            rx.el.button(
                icon("chevron-left", 14),
                "Newer",
                type="button",
                class_name="btn soft s1",
                on_click=SpendState.turn(-1),
                disabled=rx.cond(SpendState.has_newer, False, True),
            ),
            rx.el.button(
                "Older",
                icon("chevron-right", 14),
                type="button",
                class_name="btn soft s1",
                on_click=SpendState.turn(1),
                disabled=rx.cond(SpendState.has_older, False, True),
            ),
            class_name="pager",
        ),
    )


def ledger() -> rx.Component:
    """The region 'Ledger'."""
    return rx.el.section(
        rx.el.div(
            rx.el.h2("Ledger", class_name="bold"),
            _pick("Entries", SpendState.kinds, SpendState.kind, SpendState.set_kind, "chip s1"),
            _pick("Model", SpendState.model_choices, SpendState.model, SpendState.set_model, "chip s1"),
            rx.el.span(class_name="grow"),
            rx.el.span(SpendState.total, class_name="t1 mute num", role="status"),
            # A form of the browser's own: the file is saved without leaving the page.
            PlainForm.create(
                rx.el.input(type="hidden", name="month", value=SpendState.month, read_only=True),
                rx.el.button(icon("download", 14), "Download CSV", type="submit", class_name="btn soft s1"),
                custom_attrs={"method": "get", "action": "/spend.csv"},
            ),
            class_name="ledger-top",
        ),
        rx.cond(
            length(SpendState.entries) > 0,
            rx.el.table(
                rx.el.thead(
                    rx.el.tr(
                        _head("When"),
                        _head("Entry"),
                        _head("What"),
                        _head("Model", "more"),
                        _head("Amount", "r"),
                        _head("Held", "r more"),
                    )
                ),
                rx.el.tbody(rx.foreach(SpendState.entries, _entry)),
                class_name="ledger",
            ),
            rx.el.p("No entries. Every hold, charge and release is listed here.", class_name="mute none"),
        ),
        _pager(),
        class_name="card ledger-card",
        custom_attrs={"aria-label": "Ledger"},
    )


def cap() -> rx.Component:
    """The button 'Change my cap' and its dialog."""
    return rx.dialog.root(
        rx.dialog.trigger(
            rx.el.button(icon("sliders-horizontal"), "Change my cap", type="button", class_name="btn surface")
        ),
        rx.dialog.content(
            rx.dialog.title("Change my cap", class_name="t4 bold"),
            rx.dialog.description(SpendState.cap_hint, class_name="mute"),
            rx.el.form(
                rx.el.label("Monthly cap in US dollars", html_for="cap", class_name="label"),
                rx.el.input(
                    id="cap",
                    name="cap",
                    default_value=SpendState.cap_plain,
                    class_name="tf num",
                    input_mode="decimal",
                    custom_attrs={
                        "autoComplete": "off",
                        "aria-invalid": rx.cond(SpendState.cap_error != "", "true", "false"),
                        "aria-describedby": "cap-error",
                    },
                ),
                rx.el.div(problem(SpendState.cap_error, "cap-error")),
                reauth.panel(SpendState),
                rx.el.div(
                    rx.dialog.close(rx.el.button("Keep it", type="button", class_name="btn soft")),
                    rx.el.button("Save cap", type="submit", class_name="btn solid"),
                    class_name="dialog-acts",
                ),
                on_submit=SpendState.save_cap,
                class_name="dialog-form",
            ),
            class_name="dialog",
            max_width="420px",
        ),
        open=SpendState.cap_open,
        on_open_change=SpendState.set_cap_open,
    )
