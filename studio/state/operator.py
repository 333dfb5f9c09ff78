"""The operator's first page and the page of the workers: how the whole studio does, without anybody's work."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import reflex as rx

from studio.config import settings
from studio.services import operator_errors, operator_work, pause, retention
from studio.services.byteplus import catalog
from studio.services.ledger import dollars
from studio.services.operator_work import Limit, Overview, Worker
from studio.state import guard
from studio.state.guard import operator_action
from studio.state.operator_parts import OperatorMixin
from studio.state.operator_queue import request_view
from studio.state.operator_views import (
    ErrorView,
    FigureView,
    LimitView,
    RequestView,
    RunView,
    WorkerView,
    ago,
    counted,
    size,
)
from studio.state.studio import StudioState

ERRORS_SHOWN = 5
REQUESTS_SHOWN = 6
TARGET_WAIT_SECONDS = 60
RUNS_SHOWN = 6


def error_view(group: operator_errors.Group, now: datetime) -> ErrorView:
    """Errors of one kind as a row."""
    return ErrorView(
        kind=group.kind,
        place=f"{group.source} · {group.location}",
        count=f"{group.count:,}",
        last=f"{ago(group.last_at, now)} ago",
        reference=str(group.reference),
    )


def worker_views(workers: Sequence[Worker], now: datetime) -> list[WorkerView]:
    """Workers as rows."""
    return [
        WorkerView(
            name=f"Worker {row.id}",
            alive=row.alive,
            doing=counted(row.doing, "job") if row.doing else "idle",
            beat=ago(row.beat_at, now),
        )
        for row in workers
    ]


PAUSED_WORDS = ("New work is paused", "What was sent goes on. What waits keeps its place and its hold.")
GOES_ON_WORDS = ("New work goes on", "What waits is sent in turn.")


def limit_views(limits: Sequence[Limit]) -> list[LimitView]:
    """Limits as bars; the kind of call, and the model it is for."""
    found = []
    for row in limits:
        kind, _, model = row.key.partition(":")
        words = {"GET": "Look-ups", "LIST": "Task lists", "DELETE": "Deletions", "POST": "Requests", "IPM": "Images"}
        name = words.get(kind, kind) + (f", {catalog.label(model)}" if model else "")
        share = min(100.0, 100 * row.used / row.capacity) if row.capacity else 0.0
        found.append(
            LimitView(
                name=name,
                share=f"{share:.0f}%",
                words=f"{row.used:.0f} of {row.capacity:.0f}, {row.per_minute:.0f} per min",
            )
        )
    return found


def run_view(row: retention.Standing, now: datetime) -> RunView:
    """A rule as a row."""
    due = row.last_run + timedelta(hours=1) if row.last_run else now
    return RunView(
        rule=row.entry.label,
        last=f"{ago(row.last_run, now)} ago" if row.last_run else "never",
        removed=f"{row.last_rows:,}" if row.last_run else "–",
        overdue="yes" if row.overdue else "no",
        due="now" if due <= now else f"in {ago(now, due)}",
        tone="bad" if row.overdue else "warn" if row.stale and row.last_run else "",
    )


def figure_views(found: Overview) -> list[FigureView]:
    """The five figures on top."""
    states = found.states
    running = sum(states[s].count for s in ("submitting", "running", "storing") if s in states)
    queued, unknown = states.get("queued"), states.get("unknown")
    alive = sum(row.alive for row in found.workers)
    wait = found.wait_seconds
    rate = 100 * found.failed / found.ended if found.ended else 0.0
    return [
        FigureView(
            "Queue",
            f"{queued.count:,}" if queued else "0",
            f"oldest waiting {ago(queued.oldest_at, found.now)}" if queued else "nothing waits",
        ),
        FigureView("Running", f"{running:,}", f"{counted(alive, 'worker')} reporting", "" if alive else "bad"),
        FigureView(
            "Wait, 95th percentile",
            f"{wait:.0f} s" if wait is not None else "–",
            f"target {TARGET_WAIT_SECONDS} s",
            "warn" if wait is not None and wait > TARGET_WAIT_SECONDS else "",
        ),
        FigureView("Failed requests", f"{rate:.1f}%", f"{found.failed:,} of {found.ended:,}"),
        FigureView(
            "Outcome unknown",
            f"{unknown.count:,}" if unknown else "0",
            f"oldest {ago(unknown.oldest_at, found.now)}, {dollars(unknown.held_micros)} held" if unknown else "none",
            "warn" if unknown else "",
        ),
    ]


class OperatorState(OperatorMixin, rx.State):
    """One tab of the overview."""

    span: str = "24h"
    verdict: str = ""  # "All systems running", or what is wrong
    healthy: bool = True
    figures: list[FigureView] = []
    workers: list[WorkerView] = []
    workers_said: str = ""
    limits: list[LimitView] = []
    requests: list[RequestView] = []
    errors: list[ErrorView] = []
    runs: list[RunView] = []
    runs_said: str = ""  # "0 overdue"
    runs_ok: bool = True
    spent: str = ""
    held: str = ""
    models: list[LimitView] = []
    mails: list[FigureView] = []
    storage: str = ""
    ledger: str = ""
    ledger_ok: bool = True
    backup: str = ""  # "4 h ago", or that none is made
    backup_ok: bool = True
    restored: str = ""  # when one was last restored as a test
    paused: bool = False

    @operator_action
    async def load(self):
        """Everything on the page, and who looks at it for the frame."""
        await self._read()
        self.loaded = True
        return StudioState.identify

    @operator_action
    async def set_span(self, value: str):
        """Waits and failures of the last hour, day or week."""
        if value in operator_work.RANGES:
            self.span = value
            await self._read()

    @operator_action
    async def run_sweeps(self):
        """Let a worker run every sweep now."""
        async with guard.system_work() as session:
            new = await operator_work.run_sweeps(session, by=guard.actor())
        self._say("info", "The sweeps run now" if new else "They wait for a worker already", "Each run is listed here.")

    @operator_action
    async def set_paused(self, value: bool):
        """Hold new work back, or let it go on."""
        async with guard.system_work() as session:
            await (pause.hold if value else pause.go_on)(session, by=guard.actor())
        await self._read()
        self._say("success", *(PAUSED_WORDS if value else GOES_ON_WORDS))

    async def _read(self) -> None:
        async with guard.system_work() as session:
            self.paused = await pause.paused(session)
            found = await operator_work.overview(session, actor=guard.actor(), span=self.span)
            oldest = await operator_work.requests(session, actor=guard.actor(), limit=REQUESTS_SHOWN)
            errors = await operator_errors.groups(session, actor=guard.actor(), limit=ERRORS_SHOWN)
            runs = await operator_work.retention_runs(session, actor=guard.actor())
        overdue = sum(row.overdue for row in runs)
        self.runs = [run_view(row, found.now) for row in runs[:RUNS_SHOWN]]
        self.runs_said, self.runs_ok = f"{overdue} overdue", overdue == 0
        alive = sum(row.alive for row in found.workers)
        self.figures, self.workers = figure_views(found), worker_views(found.workers, found.now)
        self.workers_said = f"{alive} of {len(found.workers)} reporting"
        self.limits = limit_views(found.limits)
        self.requests = [request_view(row, found.now) for row in oldest]
        self.errors = [error_view(group, found.now) for group in errors]
        total = sum(row.micros for row in found.spent)
        self.spent = dollars(total)
        self.held = dollars(sum(row.held_micros for row in found.states.values()))
        self.models = [
            LimitView(catalog.label(row.model), f"{100 * row.micros / total:.0f}%", dollars(row.micros))
            for row in found.spent
        ]
        self.mails = [FigureView(label=state, value=f"{count:,}") for state, count in sorted(found.mails.items())]
        self.storage = f"{size(found.storage.size_bytes)} in {counted(found.storage.files, 'file')}"
        self._show_checks(found, alive)

    def _show_checks(self, found: Overview, alive: int) -> None:
        check = found.ledger
        self.ledger_ok = check is None or check.ok
        if check is None:
            self.ledger = "Not checked yet"
        elif check.ok:
            self.ledger = f"{check.figures['entries']:,} entries, checked {ago(check.checked_at, found.now)} ago"
        else:
            wrong = counted(check.figures["broken"], "broken link"), counted(check.figures["mismatched"], "budget")
            self.ledger = f"{wrong[0]}, {wrong[1]} differ, checked {ago(check.checked_at, found.now)} ago"
        self._show_backups(found)
        trouble = ["New work is paused"] if self.paused else []
        trouble += [] if alive else ["No worker reports"]
        trouble += [] if self.ledger_ok else ["The ledger does not add up"]
        trouble += [] if self.runs_ok else ["Something is kept too long"]
        trouble += [] if self.backup_ok else ["The backup is late"]
        self.healthy, self.verdict = not trouble, ". ".join(trouble) or "All systems running"

    def _show_backups(self, found: Overview) -> None:
        runs = found.backups
        self.backup_ok = not runs.late
        none = "No place for backups is set" if settings().backup is None else "None yet"
        self.backup = f"{ago(runs.made_at, found.now)} ago" if runs.made_at else none
        self.restored = f"{ago(runs.verified_at, found.now)} ago" if runs.verified_at else "Never"


class OperatorWorkersState(OperatorMixin, rx.State):
    """One tab of the workers' page."""

    workers: list[WorkerView] = []
    said: str = ""
    limits: list[LimitView] = []

    @operator_action
    async def load(self):
        """Workers and the provider's limits."""
        async with guard.system_work() as session:
            now = await operator_work.now(session)
            found = await operator_work.workers(session, actor=guard.actor())
            limits = await operator_work.provider_limits(session, actor=guard.actor())
        self.workers, self.limits = worker_views(found, now), limit_views(limits)
        self.said = f"{sum(row.alive for row in found)} of {len(found)} reporting"
        self.loaded = True
        return StudioState.identify
