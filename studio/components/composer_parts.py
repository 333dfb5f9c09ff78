"""What the composer and the queue need of the browser: keys of the prompt, order by drag, drafts, the tab's title."""

from __future__ import annotations

from typing import Any

import reflex as rx
from reflex.event import no_args_event_spec, passthrough_event_spec

from studio.components import composer_scripts as scripts
from studio.components.browser import BrowserPart


class PromptKeys(BrowserPart):
    """Around the prompt: earlier prompts by ↑ and ↓, and a list of the references after an "@"."""

    tag = "StudioPromptKeys"
    value: rx.Var[str]
    references: rx.Var[Any]
    on_recall: rx.EventHandler[passthrough_event_spec(str)]

    def _script(self) -> str:
        return scripts.PROMPT_KEYS


class Sortable(BrowserPart):
    """Children with `data-sort` can be dragged onto each other; hears the id and the place it goes to, from 1."""

    tag = "StudioSortable"
    on_move: rx.EventHandler[passthrough_event_spec(str, int)]

    def _script(self) -> str:
        return scripts.SORTABLE


class Keeper(BrowserPart):
    """Calls back `after` milliseconds without a new `stamp`, or when the page is hidden before."""

    tag = "StudioKeeper"
    stamp: rx.Var[int]
    after: rx.Var[int]
    on_late: rx.EventHandler[no_args_event_spec]

    def _script(self) -> str:
        return scripts.KEEPER


class WorkTitle(BrowserPart):
    """Before the page's own title: what runs and what has ended unseen. And a notification where that was allowed."""

    tag = "StudioWorkTitle"
    running: rx.Var[int]
    finished: rx.Var[int]
    words: rx.Var[str]

    def _script(self) -> str:
        return scripts.WORK_TITLE


class Notify(BrowserPart):
    """The button that asks for notifications; nothing else ever does."""

    tag = "StudioNotify"

    def _script(self) -> str:
        return scripts.NOTIFY


prompt_keys = PromptKeys.create
sortable = Sortable.create
keeper = Keeper.create
work_title = WorkTitle.create
notify = Notify.create
