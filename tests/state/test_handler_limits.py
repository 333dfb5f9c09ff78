"""Every event handler that changes something counts how often, or stands here with the reason why it does not.

What a handler calls is read from its source, through the state's own helpers. A function of a service that is not
known to only read is taken for one that writes, so that a new one is noticed. What only operators may call is in the
audit log instead.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator
from typing import Any

from studio import rates
from tests.state.test_isolation import PERSONAL

READS = {
    "addresses.pending",
    "archives.listed",
    "assets.get",
    "assets.many",
    "consent.history",
    "devices.listed",
    "erasure.countdown",
    "erasure.holding",
    "feed.batch",
    "feed.batch_of",
    "feed.counts",
    "feed.page",
    "feed.queue",
    "feed.usual_seconds",
    "frames.known",
    "generations.draft",
    "labels.listed",
    "labels.on",
    "ledger.budget",
    "lineage.of",
    "linked.listed",
    "mail.news_history",
    "pause.paused",
    "mail.opted_in",
    "mail.standing_opt_in",
    "policy_notices.banner",
    "presets.draft",
    "presets.get",
    "presets.listed",
    "profile.counts",
    "prompts.newer",
    "prompts.older",
    "purge.chosen",
    "purge.under_way",
    "profile.get",
    "restriction.check",
    "ratings.of",
    "sessions.is_fresh",
    "spend.alerts",
    "spend.count",
    "spend.entries",
    "spend.month",
    "spend.months",
    "workspaces.defaults",
    "workspaces.kept",
    "views.listed",
    "windows.facets",
    "windows.layout",
    "windows.page",
    "windows.tiles",
    "workspaces.listed",
    "workspaces.trashed_at",
}
OWN_ROW = "one row of one's own, overwritten"
# Which handlers write without a count, and why that is no way to cost somebody something.
FREE = {
    "DevicesState.end": "each session ends once, after a recent sign-in",
    "DevicesState.end_all": "each session ends once, after a recent sign-in",
    "DevicesState.end_asked": "each session ends once, after a recent sign-in",
    "DevicesState.end_others": "each session ends once, after a recent sign-in",
    "DevicesState.save_name": OWN_ROW,
    "PolicyState.close": "one row for each text, written once",
    "LibraryState.remove_view": "each view goes once, and there are few",
    "LibraryState.save_view": "a few rows of one's own, overwritten by name",
    "PrivacyState.take_back": "each archive goes once, and asking for one is counted",
    "ProfileState.cancel_address": "only a change that waits, and asking for one is counted",
    "ProfileState.remove_picture": "only a picture that is there, and sending one is counted",
    "ProfileState.save_name": OWN_ROW,
    "ProfileState.set_locale": OWN_ROW,
    "ProfileState.set_time_zone": OWN_ROW,
    "ProfileState.unlink": "each link goes once, and linking is counted",
    "SpendState.save_cap": OWN_ROW,
    "SpendState.set_alert": OWN_ROW,
    "StudioState.delete_preset": "each preset goes once, and saving one is counted",
    "StudioState.keep_account": "each countdown is stopped once, and asking for one is counted",
    "StudioState.set_single_keys": OWN_ROW,
    "StudioState.cancel": "each output is cancelled once, and asking for it is counted",
    "StudioState.rename_preset": OWN_ROW,
    "StudioState.ask_final": OWN_ROW,
    "StudioState.edit_with_prompt": OWN_ROW,
    "StudioState.load": OWN_ROW,
    "StudioState.remix": OWN_ROW,
    "StudioState.reuse": OWN_ROW,
    "StudioState.use_as": OWN_ROW,
    "StudioState.save_draft": OWN_ROW,
}


def source(function: Any) -> ast.AST:
    """What a handler or helper is written as."""
    return ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(function))))


def calls(kind: Any, function: Any, seen: set[str]) -> Iterator[ast.Call]:
    """Every call of a function, and of the state's own helpers that it calls."""
    for node in ast.walk(source(function)):
        if not isinstance(node, ast.Call):
            continue
        yield node
        callee = node.func
        if isinstance(callee, ast.Attribute) and isinstance(callee.value, ast.Name) and callee.value.id == "self":
            helper = inspect.getattr_static(kind, callee.attr, None)
            if inspect.isfunction(helper) and callee.attr not in seen:
                seen.add(callee.attr)
                yield from calls(kind, helper, seen)


def written(kind: Any, name: str) -> tuple[set[str], set[str]]:
    """(service functions that may write, limits that are counted) of one handler."""
    writes: set[str] = set()
    limits: set[str] = set()
    for call in calls(kind, kind.event_handlers[name].fn, set()):
        callee = ast.unparse(call.func)
        first = call.args[0] if call.args else None
        if callee == "guard.limit" and isinstance(first, ast.Constant):
            limits.add(str(first.value))
        elif isinstance(first, ast.Name) and first.id == "session" and not callee.startswith(("self.", "super().")):
            writes.add(callee)
    return writes - READS, limits


FOUND = {f"{kind.__name__}.{name}": written(kind, name) for kind, name in PERSONAL}


def test_the_source_is_understood():
    assert FOUND["StudioState.generate"] == ({"generations.submit", "presets.save_draft"}, {"submit"})
    assert FOUND["DevicesState.end_asked"][0] == {"devices.revoke", "devices.revoke_all"}  # through its helpers
    assert FOUND["StudioState.close_details"] == (set(), set())


def test_every_handler_that_writes_counts_or_says_why_not():
    assert {name for name, (writes, limits) in FOUND.items() if writes and not limits} == set(FREE)
    assert all(FREE.values())


def test_what_is_counted_has_a_limit():
    assert {limit for _, limits in FOUND.values() for limit in limits} <= set(rates.DEFAULTS)
