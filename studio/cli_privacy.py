"""`studio privacy …`: what an operator does when somebody writes to the privacy contact."""

from __future__ import annotations

import argparse
import sys
from uuid import UUID

from studio.config import settings
from studio.errors import Restricted


def arguments(parser: argparse.ArgumentParser) -> None:
    """The subcommands and what they take."""
    tasks = parser.add_subparsers(dest="task", required=True, metavar="TASK")
    restrict = tasks.add_parser("restrict", help="keep an account's data and do nothing with it")
    restrict.add_argument("account", help="the account's id or e-mail address")
    restrict.add_argument("--reason", required=True, choices=sorted(Restricted.REASONS), help="at whose request")
    unrestrict = tasks.add_parser("unrestrict", help="lift a restriction")
    unrestrict.add_argument("account", help="the account's id or e-mail address")


def run(given: argparse.Namespace) -> int:
    """Answer a privacy request: restrict an account, or lift that."""
    from studio import cli

    cli.database_url(settings())
    import asyncio

    from studio.errors import StudioError

    try:
        sys.stdout.write(f"{asyncio.run(_answer(given))}\n")
    except StudioError as error:
        sys.stderr.write(f"studio privacy {given.task}: {error.message}\n")
        return 1
    return 0


async def _answer(given: argparse.Namespace) -> str:
    from studio import db
    from studio.errors import NotFound
    from studio.services import accounts, restriction
    from studio.services.ledger import dollars

    async with db.transaction(db.SYSTEM) as session:
        try:
            account_id: UUID | None = UUID(given.account)
        except ValueError:
            account_id = await accounts.find(session, email=given.account)
        if account_id is None:
            raise NotFound("There is no account with this address.")
        if given.task == "unrestrict":
            await restriction.unrestrict(session, by=None, account_id=account_id)
            return "The restriction is lifted; the person is told by mail."
        done = await restriction.restrict(session, by=None, account_id=account_id, reason=given.reason)
    waited = "1 waiting output" if done.cancelled == 1 else f"{done.cancelled} waiting outputs"
    return (
        f"The account is restricted; the person is told by mail. {waited} cancelled, "
        f"{dollars(done.released_micros)} released."
    )
