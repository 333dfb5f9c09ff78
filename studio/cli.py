"""The command line. Every command imports what it needs when it runs: `serve` must stay small, `web` starts fast."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from studio import cli_privacy
from studio.config import SettingsError, settings
from studio.embedded.address import database_url


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _complain(text: str) -> None:
    sys.stderr.write(f"{text}\n")


# Commands


def serve(arguments: argparse.Namespace) -> int:
    """Run everything: database, web, worker and simulator, on one port."""
    from studio import serve as whole

    return whole.main(with_parent=arguments.with_parent)


def web(arguments: argparse.Namespace) -> int:
    """Run one web process; DATABASE_URL names its database."""
    from studio import web as server

    database_url(settings())
    server.run(settings(), wait=arguments.wait)
    return 0


def worker(_: argparse.Namespace) -> int:
    """Run one worker process; DATABASE_URL names its database."""
    database_url(settings())
    import asyncio

    from studio.jobs.app import run_worker
    from studio.schema import RestoringError

    try:
        asyncio.run(run_worker())
    except RestoringError as error:
        _complain(str(error.__doc__))
        return 2
    return 0


def build(_: argparse.Namespace) -> int:
    """Build the front end unless it is built already, and say where it is."""
    from studio import frontend

    try:
        _say(str(frontend.ensure(_say)))
    except frontend.FrontendError as error:
        _complain(str(error))
        return 1
    return 0


def migrate(arguments: argparse.Namespace) -> int:
    """Bring the database to this release's schema."""
    url = database_url(settings())
    from studio import schema

    try:
        if arguments.if_needed and schema.at_head(url):
            return 0
        schema.current(url)  # refuses a database that a restore has not opened yet
    except schema.RestoringError as error:
        _complain(str(error.__doc__))
        return 1
    from studio import db

    db.migrate(url)
    return 0


def signin_link(arguments: argparse.Namespace) -> int:
    """Make a one-time sign-in link and print it."""
    ours = settings()
    database_url(ours)
    from studio.services.identity import signin_link as links

    if arguments.default:
        _say(links.create_for_default())
        return 0
    if not arguments.email:
        _complain("studio signin-link: expected an e-mail address, such as studio signin-link you@example.org")
        return 2
    _say(links.create_for(arguments.email))
    return 0


def sign_out(arguments: argparse.Namespace) -> int:
    """End every session of one account, or with --all of everybody; open pages close."""
    database_url(settings())
    import asyncio

    from studio import db
    from studio.errors import StudioError
    from studio.services import accounts, operator_people, sessions

    async def run() -> int | None:
        async with db.transaction(db.SYSTEM) as session:
            found = None if arguments.all else await accounts.find(session, email=arguments.email)
            if found is None and not arguments.all:
                return None
            signed_in = await sessions.signed_in(session) if found is None else [found]
            return sum([await operator_people.sign_out(session, by=None, account_id=each) for each in signed_in])

    if arguments.all == bool(arguments.email):
        _complain("studio sign-out: expected an e-mail address, or --all")
        return 2
    try:
        ended = asyncio.run(run())
    except StudioError as error:
        _complain(f"studio sign-out: {error.message}")
        return 2
    if ended is None:
        _complain(f"studio sign-out: nobody has the address {arguments.email}")
        return 1
    _say("1 session ended." if ended == 1 else f"{ended} sessions ended.")
    return 0


def invite(arguments: argparse.Namespace) -> int:
    """Let an address make an account with a sign-in provider, for 30 days."""
    database_url(settings())
    import asyncio

    from studio import db
    from studio.errors import StudioError
    from studio.services import accounts, operator_people

    async def run() -> str:
        async with db.transaction(db.SYSTEM) as session:
            return await operator_people.invite(session, by=None, email=arguments.email)

    try:
        _say(f"{asyncio.run(run())} may sign in at {settings().public_url} within {accounts.INVITATION_DAYS} days.")
    except StudioError as error:
        _complain(f"studio invite: {error.message}")
        return 2
    return 0


def reverse(arguments: argparse.Namespace) -> int:
    """Give back the charge of a generation whose outcome stayed unknown."""
    database_url(settings())
    import asyncio
    from uuid import UUID

    from studio import db
    from studio.errors import NotFound
    from studio.services import ledger, operator_work

    async def run() -> int:
        async with db.transaction(db.SYSTEM) as session:
            return await operator_work.reverse(session, by=None, generation_id=UUID(arguments.generation))

    try:
        _say(f"{ledger.dollars(asyncio.run(run()))} given back.")
    except (NotFound, ValueError) as error:
        _complain(str(error))
        return 1
    return 0


def policy(arguments: argparse.Namespace) -> int:
    """Publish a new version of a public text, list the versions, show one or compare two."""
    database_url(settings())
    from studio import policy_cli

    return policy_cli.run(arguments, _say, _complain)


def doctor(arguments: argparse.Namespace) -> int:
    """Check each part of this installation: one line a part, with what mends it."""
    from studio.doctor import report

    return report.run(_say, as_json=arguments.json)


def backup(arguments: argparse.Namespace) -> int:
    """Back up database and files, encrypted; or list, prune or verify the backups, or make a pair of keys."""
    if arguments.to:
        os.environ["STUDIO_BACKUP_URL"] = arguments.to
    from studio import backup_command

    if arguments.do == "key":
        backup_command.new_key(arguments.file)
        return 0
    if arguments.do != "list":
        database_url(settings())
    return backup_command.backup(arguments)


def restore(arguments: argparse.Namespace) -> int:
    """Restore a backup into an empty database and an empty file store, and replay what was erased since."""
    if arguments.source:
        os.environ["STUDIO_BACKUP_URL"] = arguments.source
    from studio import backup_command

    return backup_command.restored(arguments)


@dataclass(frozen=True)
class Command:
    """A subcommand: its function (whose docstring is the help) and its arguments."""

    run: Callable[[argparse.Namespace], int]
    arguments: Callable[[argparse.ArgumentParser], object] = lambda _: None


def _serve_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--with-parent", action="store_true", help="stop when the process that started this one dies")


def _web_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--wait", action="store_true", help="open the port once somebody has migrated the database")


def _migrate_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--if-needed", action="store_true", help="first look, cheaply, whether there is anything to do")


def _doctor_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def _backup_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("do", nargs="?", default="run", choices=("run", "list", "prune", "verify", "key"))
    parser.add_argument("--to", help="another place than STUDIO_BACKUP_URL: a folder, or s3://bucket/prefix")
    parser.add_argument("--file", help="with key: write the private key into this new file")
    parser.add_argument("--if-due", action="store_true", help="only when STUDIO_BACKUP_HOURS have passed; then prune")


def _restore_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--from", dest="source", help="another place than STUDIO_BACKUP_URL")
    parser.add_argument("--snapshot", default="latest", help="latest, or the beginning of an id from backup list")
    parser.add_argument(
        "--journal-lost", action="store_true", help="restore without the right erasure journal: erased people return"
    )


def _reverse_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("generation", help="the generation's id")


def _invite_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("email", help="the e-mail address to let in")


def _sign_out_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("email", nargs="?", help="the account's e-mail address")
    parser.add_argument("--all", action="store_true", help="everybody's sessions")


def _policy_arguments(parser: argparse.ArgumentParser) -> None:
    what = parser.add_subparsers(dest="what", required=True, metavar="list|show|diff|publish")
    listing = what.add_parser("list", help="every version with its dates, and how many people were told")
    listing.add_argument("kind", nargs="?", help="one document only, such as privacy")
    for name, words in (("show", "print the text of a version"), ("diff", "what a version changed")):
        one = what.add_parser(name, help=words)
        one.add_argument("kind", help="the document, such as privacy")
        one.add_argument("version", nargs="?", help="such as 1.1; without it, the newest one")
    publishing = what.add_parser("publish", help="publish a text and tell every account")
    publishing.add_argument("file", type=Path, help="the text, with a head like those in studio/legal/versions")
    publishing.add_argument("--effective", required=True, metavar="DATE", help="2026-12-24: 14 days away or more")


def _link_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("email", nargs="?", help="the account's e-mail address")
    parser.add_argument("--default", action="store_true", help="for the first operator, or the local account")


COMMANDS: dict[str, Command] = {
    "serve": Command(serve, _serve_arguments),
    "web": Command(web, _web_arguments),
    "worker": Command(worker),
    "build": Command(build),
    "migrate": Command(migrate, _migrate_arguments),
    "signin-link": Command(signin_link, _link_arguments),
    "sign-out": Command(sign_out, _sign_out_arguments),
    "invite": Command(invite, _invite_arguments),
    "reverse": Command(reverse, _reverse_arguments),
    "policy": Command(policy, _policy_arguments),
    "privacy": Command(cli_privacy.run, cli_privacy.arguments),
    "backup": Command(backup, _backup_arguments),
    "restore": Command(restore, _restore_arguments),
    "doctor": Command(doctor, _doctor_arguments),
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="studio", description="Studio: images and video with ModelArk, self-hosted.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        help_line = (command.run.__doc__ or "").splitlines()[0]
        command.arguments(commands.add_parser(name, help=help_line, description=help_line))
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 done, 1 it failed, 2 it was asked wrongly."""
    arguments = _parser().parse_args(argv)
    try:
        return COMMANDS[arguments.command].run(arguments)
    except SettingsError as error:
        _complain(str(error))
        return 2


if __name__ == "__main__":
    sys.exit(main())
