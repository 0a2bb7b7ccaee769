"""Whether a password is too easily guessed. Pure, and without a list from elsewhere: what lists of the commonest ones
hold is mostly a few words, runs of the keyboard and repetitions, with digits behind.
"""

from __future__ import annotations

import re

SHORTEST = 12
LONGEST = 256
_LEAST_DIFFERENT = 6
_LEAST_LEFT = 4  # characters that are no common word and no run
_RUNS = (
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiop",
    "qwertzuiop",
    "asdfghjkl",
    "zxcvbnm",
    "yxcvbnm",
    "1qaz2wsx3edc4rfv",
)
_COMMON = """
password passwort passwd pass word secret geheim admin administrator administrateur root user guest login
logon welcome willkommen letmein master monkey dragon sunshine princess football baseball iloveyou love
trustno whatever starwars superman batman hello shadow freedom summer winter spring autumn sommer monday
friday changeme change default temp temporary test testing demo example company server system access qwerty
abc mima woaini zhongguo beijing shanghai zhengzhou headwater flood water warning alarm pump station officer
viewer engineer duty approver operator city district january february march april june july august september
october november december new my the me in is for you
"""
_LONGEST_FIRST = sorted(_COMMON.split(), key=len, reverse=True)
_WRITTEN = str.maketrans("@4310!$57|", "aaeioisstl")


def weakness(password: str, name: str = "") -> str | None:
    """What is wrong with it, in words; None when nothing is. name: of the person, which must not be most of it.

    >>> weakness("passwordpassword")
    'it repeats itself: make one of several unusual words, or leave out --stdin and have one made'
    >>> weakness("correct horse battery") is None
    True
    """
    if not SHORTEST <= len(password) <= LONGEST:
        return f"a password has {SHORTEST} to {LONGEST} characters"
    mend = "make one of several unusual words, or leave out --stdin and have one made"
    small = password.lower()
    if len(set(small)) < _LEAST_DIFFERENT:
        return f"it has fewer than {_LEAST_DIFFERENT} different characters: {mend}"
    if _repeats(small):
        return f"it repeats itself: {mend}"
    # Both as it stands and with letters for the figures that are written for them.
    if any(_left(text, name) < _LEAST_LEFT for text in (small, small.translate(_WRITTEN))):
        return f"it is made of what is tried first, common words, names and runs of keys: {mend}"
    return None


def _repeats(text: str) -> bool:
    return any((text[:n] * (len(text) // n + 1)).startswith(text) for n in range(1, len(text) // 2 + 1))


def _left(text: str, name: str) -> int:
    """How many letters are neither of a common word, nor of the person's name, nor of a run of keys."""
    for part in sorted(filter(None, re.split(r"[^a-z0-9]", name.lower())), key=len, reverse=True):
        if len(part) > 2:
            text = text.replace(part, " ")
    for word in _LONGEST_FIRST:
        text = text.replace(word, " ")
    for run in (*_RUNS, *(r[::-1] for r in _RUNS)):
        for length in range(len(run), 2, -1):
            for at in range(len(run) - length + 1):
                text = text.replace(run[at : at + length], " ")
    return len(set(re.sub(r"[\W\d_]", "", text)))
