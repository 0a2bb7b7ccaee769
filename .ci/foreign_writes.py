"""Which of our modules set attributes of objects whose class another of our modules defines: by mypy's own types.

A module owns what its classes hold. Who wants something changed in another's object calls one of its methods. Also
finds classes that are spread over files: a class that adds its methods to a plain class of ours in another file.
"""

from __future__ import annotations

import ast
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from mypy import build, nodes, options, types
from mypy.config_parser import parse_config_file
from mypy.find_sources import create_source_list

# What another file may build on: contracts, settings, errors and enumerations.
_BASES = ("typing.Protocol", "abc.ABC", "pydantic.main.BaseModel", "builtins.BaseException", "enum.Enum")

# Attributes of mypy's nodes that lead to what they stand for, perhaps in another file.
_ELSEWHERE = {"node", "info", "type", "unanalyzed_type", "definition", "names", "analyzed"}

# Where an expression stands: line from 1, column from 0, and the same of its end.
_Place = tuple[int, int, int | None, int | None]


def faults(root: Path, packages: Sequence[str]) -> Iterator[str]:
    """One line a fault, `file:line: what`. Raises CompileError where mypy itself finds a blocking error."""
    chosen = options.Options()
    parse_config_file(chosen, lambda: None, str(root / "pyproject.toml"))
    cache = root / ".mypy_cache" / "house"
    chosen.export_types, chosen.preserve_asts = True, True
    chosen.sqlite_cache, chosen.cache_dir = False, str(cache)
    for package in packages:  # of what comes from the cache mypy knows no types inside functions
        for folder in cache.glob(f"*/{package}"):
            shutil.rmtree(folder)
    sources = create_source_list([str(root / package) for package in packages], chosen)
    result = build.build(sources, chosen)
    for name, state in sorted(result.graph.items()):
        if (
            state.tree is None
            or not state.tree.path.endswith(".py")
            or name.partition(".")[0] not in packages
            or name.endswith("_pb2")
        ):
            continue
        path = Path(state.tree.path).resolve()
        found = {
            (e.line, e.column, e.end_line, e.end_column): result.types[e]
            for e in _expressions(state.tree)
            if e in result.types
        }
        for node in _written(ast.parse(path.read_text())):
            at = (node.value.lineno, node.value.col_offset, node.value.end_lineno, node.value.end_col_offset)
            for owner in _owners(found.get(at)):
                module = owner.module_name
                if module.partition(".")[0] in packages and module != name:
                    what = f"sets .{node.attr} of a {owner.name}, which {module} defines: call a method of it"
                    yield f"{path.relative_to(root)}:{node.lineno}: {what}"
        yield from _spread(name, path.relative_to(root), state.tree)


def _expressions(tree: nodes.MypyFile) -> Iterator[nodes.Expression]:
    """Every expression in a file. mypy's own visitors are compiled and cannot be built on, so its nodes are walked by
    the attributes that they declare."""
    met: set[int] = set()
    waiting: list[object] = list(tree.defs)
    while waiting:
        node = waiting.pop()
        if isinstance(node, list | tuple):
            waiting.extend(node)
        elif isinstance(node, nodes.Node) and id(node) not in met and not isinstance(node, nodes.TypeInfo):
            met.add(id(node))
            if isinstance(node, nodes.Expression):
                yield node
            names = {a for c in type(node).__mro__ for a in getattr(c, "__mypyc_attrs__", ())} - _ELSEWHERE
            waiting.extend(getattr(node, name, None) for name in names)


def _written(tree: ast.Module) -> Iterator[ast.Attribute]:
    """Every attribute that is set, of anything but `self` and `cls`."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute) or isinstance(node.ctx, ast.Load):
            continue
        if not (isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")):
            yield node


def _owners(found: types.Type | None) -> Iterator[nodes.TypeInfo]:
    """The classes that an expression's type may be of."""
    proper = types.get_proper_type(found)
    if isinstance(proper, types.Instance):
        yield proper.type
    elif isinstance(proper, types.UnionType):
        for item in proper.items:
            yield from _owners(item)


def _spread(name: str, where: Path, tree: nodes.MypyFile) -> Iterator[str]:
    for definition in tree.defs:
        if not isinstance(definition, nodes.ClassDef):
            continue
        info = definition.info
        if info.is_protocol or any(base.fullname in _BASES for base in info.mro):
            continue
        for base in info.bases:
            other = base.type
            if other.module_name == name or other.module_name.partition(".")[0] != name.partition(".")[0]:
                continue  # the simulators may put a witness round a class of the edge or the cloud
            if not other.is_protocol and "dataclass" not in other.metadata:
                what = f"{definition.name} adds to {other.name} of {other.module_name}: one class, one file"
                yield f"{where}:{definition.line}: {what}"
