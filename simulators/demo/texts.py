"""Every text that a run's messages had, for people to read: `python -m simulators.demo.texts OUT > storm-texts.md`.

OUT: the folder of a demonstration whose cloud has stopped.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from cloud.warnings.model import Message
from cloud.warnings.readable import readable

_HEAD = """# All that was said in a storm

Each message of a run of the demonstration, in the order in which it was sent: its headline, description and
instruction in Chinese and English, and what a sign and an SMS say, with their lengths in characters. Renewals say the
same again and are listed in a line. Made by `python -m simulators.demo.texts OUT`.
"""


def page(messages: Sequence[Message]) -> str:
    """The texts of messages, oldest first, as Markdown; of a renewal one line."""
    renewals = sum(m.renewal for m in messages)
    parts = [_HEAD, f"{len(messages) - renewals} messages, and {renewals} renewal{'s' * (renewals != 1)}.\n"]
    for n, m in enumerate(messages, 1):
        why = "unknown" if m.why is None else m.why.value.replace("_", " ")
        parts.append(f"## {n}. {m.incident}: {m.level_word}, {why}\n")
        parts.append(readable(m.cap_xml).splitlines()[0] + "\n" if m.renewal else readable(m.cap_xml))
    return "\n".join(parts)


def main() -> None:
    from simulators.demo.run import messages_of

    print(page(messages_of(Path(sys.argv[1]))), end="")


if __name__ == "__main__":
    main()
