"""`studio privacy …`: what an operator does when somebody writes to the privacy contact."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from studio.config import settings
from studio.embedded.address import database_url
from studio.errors import Restricted


def arguments(parser: argparse.ArgumentParser) -> None:
    """The subcommands and what they take."""
    tasks = parser.add_subparsers(dest="task", required=True, metavar="TASK")
    restriction_arguments(tasks)
    proofs_arguments(tasks)
    requests_arguments(tasks)


def run(given: argparse.Namespace) -> int:
    """Restrict an account or lift that, keep the register of people's requests, or measure the promises."""
    import asyncio

    from studio.errors import StudioError

    database_url(settings())
    try:
        return asyncio.run({"proofs": proofs, "requests": requests}.get(given.task, restriction)(given))
    except StudioError as error:
        sys.stderr.write(f"studio privacy {given.task}: {error.message}\n")
        return 1


# Restriction


def restriction_arguments(tasks: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """What `studio privacy restrict` and `unrestrict` take."""
    restrict = tasks.add_parser("restrict", help="keep an account's data and do nothing with it")
    restrict.add_argument("account", help="the account's id or e-mail address")
    restrict.add_argument("--reason", required=True, choices=sorted(Restricted.REASONS), help="at whose request")
    unrestrict = tasks.add_parser("unrestrict", help="lift a restriction")
    unrestrict.add_argument("account", help="the account's id or e-mail address")
    again = tasks.add_parser("allow-export", help="let an account ask for another archive within the day")
    again.add_argument("account", help="the account's id or e-mail address")
    purge = tasks.add_parser("purge", help="delete a reported account at once: it is somebody under 16")
    purge.add_argument("account", help="the account's id or e-mail address")
    purge.add_argument("--yes", action="store_true", help="there is no countdown and no way back")


async def restriction(given: argparse.Namespace) -> int:
    """What is done to one account: restricted, no longer so, allowed another archive, or deleted at once."""
    if given.task == "purge" and not given.yes:
        sys.stderr.write("studio privacy purge: nothing brings the account back. Say --yes to delete it.\n")
        return 2
    sys.stdout.write(f"{await _answer(given)}\n")
    return 0


async def _answer(given: argparse.Namespace) -> str:
    from studio import db
    from studio.errors import NotFound
    from studio.services import accounts, erasure, restriction
    from studio.services.exports import archives
    from studio.services.ledger import dollars

    async with db.transaction(db.SYSTEM) as session:
        try:
            account_id: UUID | None = UUID(given.account)
        except ValueError:
            account_id = await accounts.find(session, email=given.account)
        if account_id is None:
            raise NotFound("There is no account with this address.")
        if given.task == "purge":
            await erasure.ask_at_once(session, by=None, account_id=account_id)
            return "The account is deleted as soon as a worker runs; the receipt goes to its address."
        if given.task == "allow-export":
            await archives.allow_another(session, by=None, account_id=account_id)
            return "The account may ask for another archive now."
        if given.task == "restrict":
            done = await restriction.restrict(session, by=None, account_id=account_id, reason=given.reason)
            await restriction.note(account_id, restricted=True)
            return _restricted(done.cancelled, dollars(done.released_micros))
        await restriction.unrestrict(session, by=None, account_id=account_id)
    await restriction.note(account_id, restricted=False)
    return "The restriction is lifted; the person is told by mail."


def _restricted(cancelled: int, released: str) -> str:
    waited = "1 waiting output" if cancelled == 1 else f"{cancelled} waiting outputs"
    return f"The account is restricted; the person is told by mail. {waited} cancelled, {released} released."


# Proofs


def proofs_arguments(tasks: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """What `studio privacy proofs` takes."""
    parser = tasks.add_parser("proofs", help="measure every promise of the policy now; 1 when one is not kept")
    parser.add_argument("--json", action="store_true", help="a list of id, ok, figure and checked_at")
    parser.add_argument("--store", action="store_true", help="keep the results, and tell the operators what turned red")


async def proofs(given: argparse.Namespace) -> int:
    """Measure every promise on the running system."""
    from studio import db
    from studio.looking import look
    from studio.services import guards
    from studio.services.proofs import measure, record

    async with guards.standing("proofs"):
        async with db.transaction(db.SYSTEM) as session:
            results = await measure(session, ours=settings(), look=look)
        if given.store:
            async with db.transaction(db.SYSTEM) as session:
                await record.store(session, results=results)
    await db.dispose()
    if given.json:
        rows = [{**vars(each), "checked_at": each.checked_at.isoformat()} for each in results]
        sys.stdout.write(f"{json.dumps(rows, indent=1)}\n")
    else:
        for each in results:
            sys.stdout.write(f"{each.id}  {'ok' if each.ok else 'NOT OK':6}  {each.figure}\n")
    return 0 if all(each.ok for each in results) else 1


# The register of requests


def requests_arguments(tasks: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """What `studio privacy requests` takes."""
    parser = tasks.add_parser("requests", help="the register of what people asked about their data")
    acts = parser.add_subparsers(dest="act", required=True, metavar="ACT")
    shown = acts.add_parser("list", help="open requests, the most urgent first")
    shown.add_argument("--all", action="store_true", help="closed ones as well")
    added = acts.add_parser("add", help="write a request down; it is due a month after it came in")
    added.add_argument("kind", help="access, correction, deletion, objection or restriction")
    added.add_argument("address", help="the e-mail address it came from")
    added.add_argument("--received", help="the day it came in, such as 2026-11-25; today without it")
    added.add_argument("--note", default="", help="a word for yourself")
    closed = acts.add_parser("close", help="note how a request ended")
    closed.add_argument("id", help="the request's id")
    closed.add_argument("--outcome", default="done", help="done, refused or withdrawn")
    closed.add_argument("--note", default="", help="a word for yourself")


async def requests(given: argparse.Namespace) -> int:
    """Keep the register of requests."""
    from studio import db
    from studio.errors import ValidationError
    from studio.services import requests as register

    async with db.transaction(db.SYSTEM) as session:
        if given.act == "list":
            rows: Sequence[register.Request] = await register.listed(session, open_only=not given.all, limit=500)
        elif given.act == "add":
            try:
                day = datetime.fromisoformat(given.received).replace(tzinfo=UTC) if given.received else None
            except ValueError:
                raise ValidationError("A day is written as 2026-11-25.") from None
            rows = [await register.add(session, kind=given.kind, who=given.address, received_at=day, note=given.note)]
        else:
            try:
                request_id = UUID(given.id)
            except ValueError:
                raise ValidationError("This is not the id of a request.") from None
            rows = [await register.close(session, request_id=request_id, outcome=given.outcome, note=given.note)]
    await db.dispose()
    for row in rows:
        state = row.outcome or ("OVERDUE" if row.overdue else "open")
        sys.stdout.write(f"{row.id}  {row.kind:11}  due {row.due_at:%Y-%m-%d}  {state:9}  {row.who}\n")
    return 0
