"""YAML that remembers where everything stood, so that every mistake can name its file and line.

Plain YAML only: mappings, lists, words, numbers, true, false, null, and anchors. Built from the parser's events, with
bounds on size, depth and number of values (an alias counts for all that it repeats), so that no file, whoever wrote
it, takes more memory than its size allows.
"""

from __future__ import annotations

import errno
from pathlib import Path

import yaml

from contract.documents import Document, Mistake
from host.files import read_given
from host.yaml_events import Built, build

MAX_BYTES = 32 * 1024 * 1024


def read_yaml(file: Path) -> Document:
    """Parse one file. Unreadable or ill-formed files and repeated keys become mistakes, not exceptions."""
    document = Document(file, {})
    try:
        data = read_given(file, MAX_BYTES)
        built: Built = build(data.decode("utf-8"))
    except OSError as error:
        split = ": split the district" if error.errno == errno.EFBIG else ""
        document.mistakes.append(Mistake(file, 1, f"cannot be read: {error.strerror}{split}"))
        return document
    except UnicodeDecodeError as error:
        document.mistakes.append(Mistake(file, 1, f"cannot be read: {error}"))
        return document
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "not YAML"
        document.mistakes.append(Mistake(file, mark.line + 1 if mark else 1, problem))
        return document
    return Document(file, built.data, built.lines, [Mistake(file, *m) for m in built.mistakes], data)
