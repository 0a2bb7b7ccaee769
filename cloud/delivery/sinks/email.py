"""E-mail: each message as text for people, with the CAP message attached."""

from __future__ import annotations

import json
import smtplib
import socket
import ssl
import time
from contextlib import closing, suppress
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from cloud.delivery import connecting, outgoing
from cloud.delivery.base import NotDelivered, Refused, Sink, SinkSettings
from cloud.delivery.egress import Egress, TargetRefused
from cloud.delivery.notice import Notice
from cloud.delivery.readable import in_languages, infos
from cloud.warnings.model import Message
from contract.clock import from_ms
from contract.settings_model import Seconds, Some
from host.secret_files import secret_trouble

MailAddress = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{1,253}$")]


class EmailSettings(SinkSettings):
    """host, port: of the mail server that takes our mail. security: `starttls` (port 587), `tls` (465), or `none`, only
    to hosts in egress.allow_http. sender, to: addresses. ca_file: the server's own authority (PEM), instead of the
    public ones. timeout_s: of a whole attempt.
    """

    kind: Literal["email"]
    host: Annotated[str, Field(min_length=1)]
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: str | None = None
    password_file: Path | None = None
    sender: MailAddress
    to: Some[MailAddress]
    ca_file: Path | None = None
    timeout_s: Seconds = 30.0

    def make(self, base: Path, egress: Egress) -> Sink:
        """See `SinkSettings`."""
        password = (base / self.password_file).read_text().strip() if self.password_file else ""
        return EmailSink(self, password, str(base / self.ca_file) if self.ca_file else None, egress)

    def mistakes(self, base: Path, egress: Egress) -> list[tuple[str, str]]:
        """See `SinkSettings`."""
        said = {
            "host": connecting.target_trouble(self.host, self.security != "none", egress),
            "password_file": secret_trouble(base / self.password_file, "the password") if self.password_file else None,
        }
        if self.ca_file is not None and not (base / self.ca_file).is_file():
            said["ca_file"] = f"{self.ca_file} is not a file: put the authority's certificate there"
        if (self.username is None) != (self.password_file is None):
            said["username"] = "username and password_file go together: give both or neither"
        if self.username is not None and self.security == "none":
            said["security"] = "a password is not sent without TLS: write starttls or tls, or take username out"
        if self.heartbeat_s is not None:
            said["heartbeat_s"] = "nobody reads a mail a minute: give the heartbeat to a webhook or MQTT"
        return [(key, f"sink {self.name!r}: {what}") for key, what in said.items() if what is not None]

    def unreachable(self, egress: Egress, resolver: outgoing.Resolver) -> str | None:
        """See `SinkSettings`."""
        said = connecting.unreachable(self.host, self.port, egress, resolver)
        return None if said is None else f"sink {self.name!r}: {said}"


class EmailSink:
    """One connection a message. Message-ID is made of the message's id, the same at each try, and mails of one incident
    refer to one another, so that mail programs show them as one conversation (RFC 5322, 3.6.4)."""

    def __init__(
        self,
        settings: EmailSettings,
        password: str,
        ca_file: str | None,
        rules: Egress,
        resolver: outgoing.Resolver = outgoing.resolve,
    ) -> None:
        self.name = settings.name
        self._settings, self._password, self._rules, self._resolver = settings, password, rules, resolver
        self._context = None if settings.security == "none" else outgoing.tls_context(ca_file)

    def deliver(self, message: Message) -> str:
        """See `Sink`. A receipt says that the mail server has it; whether people do, nobody knows."""
        languages = self._settings.languages
        found = infos(message.cap_xml, languages)
        mail = self._mail(message.id, message.sent_ms, found[0].headline if found else message.id)
        earlier = [self._name(reference) for reference in message.references]
        if earlier:
            mail["In-Reply-To"], mail["References"] = earlier[-1], " ".join(earlier[-20:])
        text = "\n\n\n".join(f"{info.headline}\n\n{info.text}" for info in found)
        mail.set_content(f"{text}\n\n{message.id}\n")
        cap = in_languages(message.cap_xml, languages)
        mail.add_attachment(cap, maintype="application", subtype="cap+xml", filename=f"{message.id}.xml")
        return self._send(mail)

    def notify(self, notice: Notice) -> str:
        """See `TakesNotices`."""
        what = f"{notice.type.value} {notice.sink}".strip()
        mail = self._mail(notice.id, notice.sent_ms, f"Headwater: {what}: {notice.why}"[:200])
        mail.set_content(f"{notice.why}\n\n{json.dumps(notice.body(), ensure_ascii=False, indent=2)}\n")
        return self._send(mail)

    def close(self) -> None:
        """Nothing is open between messages."""

    def _mail(self, name: str, sent_ms: int, subject: str) -> EmailMessage:
        mail = EmailMessage()
        mail["From"] = Address(addr_spec=self._settings.sender)
        mail["To"] = tuple(Address(addr_spec=to) for to in self._settings.to)
        mail["Subject"] = " ".join(subject.split())
        mail["Date"] = format_datetime(from_ms(sent_ms))
        mail["Message-ID"] = self._name(name)
        mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers
        return mail

    def _name(self, message: str) -> str:
        return f"<{message}.{self.name}@{self._settings.sender.partition('@')[2]}>"

    def _send(self, mail: EmailMessage) -> str:
        s = self._settings
        deadline_s = time.monotonic() + s.timeout_s
        sent = False
        try:
            found = connecting.addresses(s.host, s.port, s.security != "none", self._rules, self._resolver)
            with (
                connecting.connect(found, s.port, s.timeout_s) as plain,
                connecting.cut_after(plain, deadline_s - time.monotonic()),
                closing(_Session(plain, s, self._context)) as session,
            ):
                session.begin(s, self._password, self._context)
                sent = True
                refused = session.send_message(mail)
                with suppress(OSError, smtplib.SMTPException):
                    session.quit()
        except TargetRefused as error:
            raise NotDelivered(str(error)) from error
        except smtplib.SMTPException as error:
            raise _fault(error, sent) from None  # its text is the peer's, who may echo what it was sent
        except OSError as error:
            late = time.monotonic() >= deadline_s
            why = f"no answer within {s.timeout_s:g} s" if late else f"{type(error).__name__}: {error}"
            raise NotDelivered(why, perhaps=sent) from error
        if refused:
            return f"taken for {len(s.to) - len(refused)} of {len(s.to)}; refused: {', '.join(sorted(refused))}"
        return "the mail server has it"


class _Session(smtplib.SMTP):
    """Over a connection that is made already. The server's name, not its address, must be in its certificate."""

    def __init__(self, plain: socket.socket, settings: EmailSettings, context: ssl.SSLContext | None) -> None:
        self._plain = plain
        if settings.security == "tls" and context is not None:
            self._plain = context.wrap_socket(plain, server_hostname=settings.host)
        super().__init__(timeout=settings.timeout_s)
        code, _ = self.connect(settings.host, settings.port)
        if code != 220:
            raise smtplib.SMTPConnectError(code, "")

    def _get_socket(self, *_: object) -> socket.socket:
        return self._plain

    def begin(self, settings: EmailSettings, password: str, context: ssl.SSLContext | None) -> None:
        """Greets, and shows who we are."""
        self._host = settings.host
        if settings.security == "starttls":
            self.starttls(context=context)
        if settings.username is not None:
            self.login(settings.username, password)


def _fault(error: smtplib.SMTPException, sent: bool) -> Exception:
    """RFC 5321, 4.2.1: 4xx come again, 5xx never. Only of the content a 5xx is the message's own fault."""
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return NotDelivered(f"SMTP {error.smtp_code}: user name or password is refused: see password_file")
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return NotDelivered("every address in `to` is refused: compare them with the mail server's users")
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return NotDelivered("the mail server offers no STARTTLS or no login: compare port and security")
    if isinstance(error, smtplib.SMTPServerDisconnected):
        return NotDelivered("the mail server hung up", perhaps=sent)
    if isinstance(error, smtplib.SMTPDataError) and error.smtp_code >= 500:
        return Refused(f"SMTP {error.smtp_code}: the content is refused")
    code = getattr(error, "smtp_code", None)
    return NotDelivered(f"SMTP {code}" if code else type(error).__name__, perhaps=False)
