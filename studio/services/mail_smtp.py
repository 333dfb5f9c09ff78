"""The mail server: one connection at a time, used from a thread. The only place that knows smtplib."""

from __future__ import annotations

import smtplib
import ssl
from contextlib import suppress
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Literal
from urllib.parse import unquote, urlsplit

from studio.config import Settings, SettingsError
from studio.services.mail_outbox import Outcome

TIMEOUT_SECONDS = 20.0
MAILS_PER_CONNECTION = 100
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class Server:
    """Where mail goes and how. `plain` is allowed to this machine only, and not where people come by https."""

    host: str
    port: int
    tls: Literal["implicit", "starttls", "plain"]
    username: str | None
    password: str | None
    helo: str

    def __repr__(self) -> str:
        return f"Server({self.host}:{self.port}, {self.tls})"


def server_of(ours: Settings) -> Server | None:
    """The configured mail server, or None. Raises SettingsError naming SMTP_URL."""
    if ours.smtp_url is None:
        return None
    url = urlsplit(ours.smtp_url)
    try:
        port = url.port
    except ValueError:
        raise SettingsError("SMTP_URL: expected a port from 1 to 65535") from None
    if not url.hostname or url.path or url.query:
        raise SettingsError("SMTP_URL: expected smtp://user:password@host:port or smtps://…, with nothing after it")
    if (url.username is None) != (url.password is None):
        raise SettingsError("SMTP_URL: expected a user and a password, or neither")
    loopback = url.hostname in LOOPBACK
    tls = "implicit" if url.scheme == "smtps" else "plain" if loopback and not ours.secure else "starttls"
    return Server(
        host=url.hostname,
        port=port or (465 if tls == "implicit" else 587),
        tls=tls,
        username=unquote(url.username) if url.username else None,
        password=unquote(url.password) if url.password else None,
        helo=urlsplit(ours.public_url).hostname or "localhost",
    )


def _outcome(code: int, reason: str) -> Outcome:
    """A refusal of this one mail: for good with 5xx, for now with anything else."""
    return Outcome("bounced" if 500 <= code <= 599 else "later", code, reason, server=code == 421)


class Connection:
    """Opened when first used; after trouble the next mail opens a new one. Not for two threads at once."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._smtp: smtplib.SMTP | None = None
        self._sent = 0

    def deliver(self, mail: EmailMessage, *, sender: str, recipient: str) -> Outcome:
        """Hand one message over. Never raises for what a server may do; an accepted message is `sent`."""
        try:
            if self._smtp is None or self._sent >= MAILS_PER_CONNECTION:
                self.close()
                self._smtp, self._sent = self._open(), 0
        except smtplib.SMTPResponseException as error:
            return Outcome("later", _code(error.smtp_code), "server_refused", server=True)
        except smtplib.SMTPNotSupportedError:
            return Outcome("later", None, "no_tls", server=True)
        except (OSError, smtplib.SMTPException, ssl.SSLError) as error:
            return Outcome("later", None, "no_tls" if isinstance(error, ssl.SSLError) else "no_connection", server=True)
        outcome = self._send(self._smtp, mail, sender, recipient)
        self._sent += 1
        if self._smtp.sock is None or (outcome.ending == "later" and outcome.code in (None, 421)):
            self.close()
        return outcome

    def _send(self, smtp: smtplib.SMTP, mail: EmailMessage, sender: str, recipient: str) -> Outcome:
        try:
            smtp.send_message(mail, sender, [recipient])
        except smtplib.SMTPRecipientsRefused as error:
            return _outcome(_code(next(iter(error.recipients.values()))[0]), "recipient_refused")
        except smtplib.SMTPSenderRefused as error:  # our address, not theirs: no reason to give theirs up
            return Outcome("later", _code(error.smtp_code), "sender_refused", server=True)
        except smtplib.SMTPDataError as error:
            return _outcome(_code(error.smtp_code), "message_refused")
        except smtplib.SMTPNotSupportedError:
            return Outcome("bounced", None, "address_not_supported")
        except (OSError, smtplib.SMTPException):
            # It may have been accepted. It goes again with the same Message-ID, by which the server knows it.
            return Outcome("later", None, "connection_lost")
        return Outcome("sent", 250)

    def _open(self) -> smtplib.SMTP:
        server = self.server
        if server.tls == "implicit":
            smtp: smtplib.SMTP = smtplib.SMTP_SSL(
                server.host,
                server.port,
                local_hostname=server.helo,
                timeout=TIMEOUT_SECONDS,
                context=ssl.create_default_context(),
            )
        else:
            smtp = smtplib.SMTP(server.host, server.port, local_hostname=server.helo, timeout=TIMEOUT_SECONDS)
        try:
            if server.tls == "starttls":
                smtp.starttls(context=ssl.create_default_context())
            if server.username is not None and server.password is not None:
                smtp.login(server.username, server.password)
        except BaseException:
            smtp.close()
            raise
        return smtp

    def check(self) -> None:
        """Connect, encrypt and sign in, without sending anything. Raises what smtplib raises."""
        self._smtp = self._open()

    def close(self) -> None:
        """Say goodbye, if anybody still listens."""
        smtp, self._smtp = self._smtp, None
        if smtp is not None:
            with suppress(OSError, smtplib.SMTPException):
                if smtp.sock is not None:
                    smtp.sock.settimeout(2)
                    smtp.quit()
            smtp.close()


def examine(server: Server) -> str:
    """Why mail cannot go there, in a few words of ours; '' when it can. Blocks for at most a few time-outs."""
    connection = Connection(server)
    try:
        connection.check()
    except smtplib.SMTPAuthenticationError:
        return "refused the user or the password"
    except smtplib.SMTPNotSupportedError as error:
        return "offers no sign-in" if "AUTH" in str(error) else "offers no STARTTLS, and mail never goes in the open"
    except ssl.SSLCertVerificationError:
        return "shows a certificate that is not valid for it"
    except ssl.SSLError:
        return "does not speak TLS there"
    except smtplib.SMTPException as error:
        return f"did not answer as a mail server ({type(error).__name__})"
    except OSError as error:
        return f"cannot be reached ({type(error).__name__})"
    finally:
        connection.close()
    return ""


def _code(value: int) -> int:
    """A reply code; smtplib uses -1 for what is none."""
    return value if 200 <= value <= 599 else 0
