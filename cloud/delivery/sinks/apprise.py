"""People's channels through apprise: WeCom, DingTalk, Feishu, SMS gateways and others; each message as a text."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field

from cloud.delivery import connecting
from cloud.delivery.base import NotDelivered, Sink, SinkSettings
from cloud.delivery.egress import Egress
from cloud.delivery.notice import Notice
from cloud.delivery.readable import infos
from cloud.warnings.model import Message
from contract.settings_model import Seconds
from host.secret_files import secret_trouble

# Services that we let apprise speak to: over HTTPS, to hosts of their own. Others (of a desktop, of a local log, those
# that open other connections than HTTP) are of no use here, and some would do more on this machine than to send.
_CHATS = (
    ("wecombot", "dingtalk", "feishu", "lark", "slack", "msteams", "workflows", "tgram", "gchat", "webex", "wxteams"),
    ("zulip", "discord", "whatsapp", "threema", "pover", "pushover", "line", "pagerduty", "opsgenie"),
)
_SMS = ("twilio", "sns", "vonage", "nexmo", "clickatell", "clicksend", "bulksms", "msgbird", "plivo", "sinch", "telnyx")
_MORE_SMS = ("d7sms", "msg91", "kavenegar", "46elks", "seven", "smsc")
SERVICES = frozenset([*_CHATS[0], *_CHATS[1], *_SMS, *_MORE_SMS, "jsons", "xmls", "forms"])
PLAIN = frozenset({"json", "xml", "form"})  # without TLS: only to hosts in egress.allow_http
OWN_HOST = PLAIN | {"jsons", "xmls", "forms"}
# -P: nothing is imported from the folder in which the cloud was started, which may be anybody's.
_COMMAND = (sys.executable, "-P", "-m", "cloud.delivery.apprise_process")


class AppriseSettings(SinkSettings):
    """url_file: a file with the channel's address as apprise writes it (`wecombot://KEY`), which is a secret. text:
    `full` for channels with room, `short` for SMS. timeout_s: of a whole attempt.
    """

    kind: Literal["apprise"]
    url_file: Path
    text: Literal["full", "short"] = "full"
    timeout_s: Seconds = 30.0
    parallel: Annotated[int, Field(ge=1, le=4)] = 1  # each attempt is a process

    def make(self, base: Path, egress: Egress) -> Sink:
        """See `SinkSettings`."""
        return AppriseSink(self, (base / self.url_file).read_text().strip(), egress)

    def mistakes(self, base: Path, egress: Egress) -> list[tuple[str, str]]:
        """See `SinkSettings`."""
        said: list[tuple[str, str | None]] = []
        if find_spec("apprise") is None:
            said.append(("kind", "apprise is not installed: pip install 'headwater[cloud,people]'"))
        trouble = secret_trouble(base / self.url_file, "the channel's address")
        said.append(("url_file", trouble or url_trouble((base / self.url_file).read_text().strip(), egress)))
        if self.heartbeat_s is not None:
            said.append(("heartbeat_s", "nobody reads a text a minute: give the heartbeat to a webhook or MQTT"))
        return [(key, f"sink {self.name!r}: {what}") for key, what in said if what is not None]


def url_trouble(url: str, rules: Egress) -> str | None:
    """What is wrong with a channel's address, without showing it; None: nothing."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return "url_file holds no address: write one as apprise does, such as wecombot://KEY"
    if parts.scheme not in SERVICES | PLAIN:
        return f"url_file names no service that is known here; there are {', '.join(sorted(SERVICES | PLAIN))}"
    if "verify=no" in parts.query.lower():
        return "url_file switches off the check of certificates: take verify=no out"
    return connecting.target_trouble(host, parts.scheme not in PLAIN, rules) if parts.scheme in OWN_HOST else None


class AppriseSink:
    """A process an attempt: see `cloud.delivery.apprise_process`. command: how it is started."""

    def __init__(self, settings: AppriseSettings, url: str, rules: Egress, command: Sequence[str] = _COMMAND) -> None:
        self.name = settings.name
        self._settings, self._url, self._rules, self._command = settings, url, rules, tuple(command)

    def deliver(self, message: Message) -> str:
        """See `Sink`. A receipt says that the service has it; whether people do, nobody knows."""
        found = infos(message.cap_xml, self._settings.languages)
        title = found[0].headline if found else message.id
        if self._settings.text == "short":
            return self._send("", "\n".join(info.sms for info in found) or title)
        return self._send(title, "\n\n".join(f"{i.headline}\n{i.text}" if n else i.text for n, i in enumerate(found)))

    def notify(self, notice: Notice) -> str:
        """See `TakesNotices`."""
        return self._send(f"Headwater: {notice.type.value} {notice.sink}".strip(), notice.why)

    def close(self) -> None:
        """Nothing runs between messages."""

    def _send(self, title: str, body: str) -> str:
        networks = [str(network) for network in self._rules.allow_networks]
        asked = {"url": self._url, "title": title, "body": body or title, "allow_networks": networks}
        try:
            done = subprocess.run(
                self._command,
                input=json.dumps(asked).encode(),
                capture_output=True,
                timeout=self._settings.timeout_s,
                env={"PATH": "", "LC_ALL": "C.UTF-8", "PYTHONPATH": ":".join(filter(None, sys.path))},
                check=False,
            )
            said = json.loads(done.stdout.splitlines()[-1]) if done.stdout else {}
        except subprocess.TimeoutExpired:
            # Not itself as the cause: it holds what the process was given, and so the key.
            raise NotDelivered(f"no answer within {self._settings.timeout_s:g} s", perhaps=True) from None
        except (OSError, ValueError) as error:
            raise NotDelivered(f"the process that sends cannot be run: {type(error).__name__}") from None
        if not said:
            raise NotDelivered(f"the process that sends ended with {done.returncode}", perhaps=True)
        if said["taken"]:
            return f"the service has it ({said['why']})"
        raise NotDelivered(str(said["why"]), perhaps=bool(said.get("perhaps")), wait_s=said.get("wait_s"))
