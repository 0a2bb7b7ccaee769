"""Every Python that we start ourselves: with `-m` it would import first what lies in the folder where it is started."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.ci.scripts import loaded

ROOT = Path(__file__).parents[2]
house = loaded("house")


def started(tree: ast.AST) -> list[list[str]]:
    """The words of each command that is `sys.executable` with `-m`."""
    out = []
    for node in ast.walk(tree):
        if isinstance(node, ast.List | ast.Tuple) and node.elts and ast.unparse(node.elts[0]) == "sys.executable":
            words = [ast.literal_eval(e) if isinstance(e, ast.Constant) else ast.unparse(e) for e in node.elts]
            if "-m" in words:
                out.append(words)
    return out


def test_none_imports_from_the_folder_in_which_it_is_started() -> None:
    found = {(name, tuple(words)) for name, source in house.read(ROOT).items() for words in started(source.tree)}
    assert {name for name, _ in found} >= {"edge_agent.process", "cloud.delivery.sinks.apprise"}
    assert [name for name, words in found if "-P" not in words] == []
