"""A process that hands one text to one channel through apprise, and ends: `python -m cloud.delivery.apprise_process`.

Apprise has a module for each of a hundred services, and each opens its connections itself. In a process of its own
what the sinks are held to can be held for all of them: every name that is resolved is judged by the rules of
`cloud.delivery.egress`, and the address that was judged is the one that is called; redirects are not followed; memory
and time have an end, the time at the parent's hand. And what a service answers beside its status is looked at: WeCom,
DingTalk and Feishu say 200 and put their refusal in the body, which apprise takes for success.

In: one JSON object on standard input: url, title, body, allow_networks. Out: one on standard output: taken, why,
perhaps, wait_s. The URL holds the channel's key and is in none of these.
"""

from __future__ import annotations

import json
import logging
import resource
import socket
import sys
from collections.abc import Callable, Mapping
from ipaddress import ip_address, ip_network
from typing import Any

from cloud.delivery.egress import Egress, TargetRefused, permitted

_MEMORY_BYTES = 1 << 30
_CODES = ("errcode", "code", "StatusCode")  # WeCom and DingTalk; Feishu, new and old
# "Too often": WeCom, DingTalk, Feishu; each lets twenty or more through in a minute.
_TOO_OFTEN = frozenset({45009, 130101, 11232})
_TOO_OFTEN_S = 30.0


def judged(rules: Egress, plain: Callable[..., Any]) -> Callable[..., Any]:
    """`socket.getaddrinfo` that gives only addresses which may be called, and raises OSError when there is none."""

    def look_up(host: Any, port: Any, *args: Any, **more: Any) -> Any:
        found = plain(host, port, *args, **more)
        addresses = [ip_address(str(entry[4][0])) for entry in found]
        try:
            good = {str(address) for address in permitted(str(host), addresses, rules)}
        except TargetRefused as error:
            raise OSError(str(error)) from error
        return [entry for entry in found if str(ip_address(str(entry[4][0]))) in good]

    return look_up


def refusal_in(body: bytes) -> int | None:
    """The number by which a service that answers 200 says in the body that it did not take it; None: it says nothing
    of the kind."""
    try:
        said = json.loads(body)
    except ValueError:
        return None
    if not isinstance(said, dict):
        return None
    found = [said[name] for name in _CODES if isinstance(said.get(name), int) and not isinstance(said[name], bool)]
    return next((code for code in found if code not in (0, 200)), None)


class Watched:
    """What became of the requests that apprise makes. refused: a forbidden address; status: of the last answer."""

    def __init__(self) -> None:
        self.why, self.status, self.sent = "", 0, False
        self.code: int | None = None

    def send(self, plain: Callable[..., Any]) -> Callable[..., Any]:
        """`requests.Session.send` that looks at answers."""

        def look(session: Any, request: Any, **more: Any) -> Any:
            more["allow_redirects"] = False
            self.sent = True
            try:
                answer = plain(session, request, **more)
            except Exception as error:
                self.why = _plainly(error)
                raise
            self.status, self.code = answer.status_code, refusal_in(answer.content)
            return answer

        return look

    def outcome(self, taken: bool) -> Mapping[str, Any]:
        """As it is printed."""
        if taken and self.code is None:
            return {"taken": True, "why": f"HTTP {self.status}" if self.status else "taken", "perhaps": True}
        why = self.why or (f"HTTP {self.status}" if self.status else "the service did not take it")
        if self.code is not None:
            why = f"HTTP {self.status}, and in the answer code {self.code}: see the service's list of codes"
        said: dict[str, Any] = {"taken": False, "why": why, "perhaps": self.sent and not self.status}
        return {**said, "wait_s": _TOO_OFTEN_S} if self.code in _TOO_OFTEN or self.status == 429 else said


def _plainly(error: BaseException) -> str:
    """Its kind, and what the rules said; not its text, which holds the URL."""
    at: BaseException | None = error
    while at is not None:
        if isinstance(at, TargetRefused):
            return str(at)
        at = at.__cause__ or at.__context__
    return type(error).__name__


def main() -> None:
    """See above."""
    import apprise
    import requests

    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    asked = json.load(sys.stdin)
    networks = tuple(ip_network(text) for text in asked["allow_networks"])
    socket.getaddrinfo = judged(Egress(networks), socket.getaddrinfo)
    watched = Watched()
    requests.Session.trust_env = False  # no proxy of the environment
    requests.Session.send = watched.send(requests.Session.send)  # type: ignore[method-assign]
    logging.disable(logging.CRITICAL)  # apprise would say the address of the service, and with it the key
    channel = apprise.Apprise.instantiate(asked["url"], asset=apprise.AppriseAsset(async_mode=False, plugin_paths=[]))
    if not channel:
        said: Mapping[str, Any] = {"taken": False, "why": "apprise cannot read the URL in url_file", "perhaps": False}
    else:
        said = watched.outcome(bool(channel.notify(title=asked["title"], body=asked["body"])))
    print(json.dumps(said), flush=True)


if __name__ == "__main__":
    main()
