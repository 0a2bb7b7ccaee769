"""Models without the library that checks them, for the process that is handed a configuration already checked.

pydantic takes eleven megabytes (docs/decisions/edge-memory.md), and the running agent only looks at what it checked:
fields, their defaults, properties and methods, copies with other values. So before anything else is imported there, a
module with the few names that our models' definitions use stands in its place. A checker has no effect in it, and
whatever would check or serialize is missing: AttributeError. A name that a definition comes to use and that is not here
is an ImportError at the agent's start; tests/edge_agent/test_without_checks.py imports all that an agent may load.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, ClassVar, Self, TypeVar

T = TypeVar("T")


class _Marker:
    """Of a field: its default, and nothing of what it asks of a value. Where a type stands: as good as any."""

    def __init__(
        self, *_: object, default: object = None, default_factory: Callable[[], object] | None = None, **__: object
    ):
        self.default, self._factory = default, default_factory

    def __class_getitem__(cls, _: object) -> type[_Marker]:
        return cls

    def made(self) -> object:
        return self.default if self._factory is None else self._factory()


def _no_check(*_: object, **__: object) -> Callable[[T], T]:
    return lambda method: method


class PlainModel:
    """What `pydantic.BaseModel` is to those who only look. Pickled with checks, it is restored without."""

    __slots__ = ("__dict__", "_said")  # beside the values: whether one was said does not make models differ
    model_fields: ClassVar[Mapping[str, _Marker]] = {}
    _said: frozenset[str]

    def __init_subclass__(cls, **_: object) -> None:
        named = [n for n, said in vars(cls).get("__annotations__", {}).items() if not str(said).startswith("ClassVar")]
        own = {n: vars(cls).get(n) for n in named}
        fields = {n: f for base in reversed(cls.__mro__[1:-1]) for n, f in vars(base).get("model_fields", {}).items()}
        fields |= {n: d if isinstance(d, _Marker) else _Marker(default=d) for n, d in own.items()}
        cls.model_fields = fields
        for name in named:
            if name in vars(cls):
                delattr(cls, name)  # a value is the instance's own

    @classmethod
    def model_construct(cls) -> Self:
        """With the defaults."""
        return cls._of({name: field.made() for name, field in cls.model_fields.items()})

    @property
    def model_fields_set(self) -> frozenset[str]:
        """Those that were said, not left to their defaults."""
        said: frozenset[str] = self._said
        return said

    def model_copy(self, *, update: Mapping[str, object]) -> Self:
        return self._of({**vars(self), **update}, self.model_fields_set | update.keys())

    @classmethod
    def _of(cls, values: Mapping[str, object], said: frozenset[str] = frozenset()) -> Self:
        made = cls.__new__(cls)
        vars(made).update(values)
        object.__setattr__(made, "_said", said)
        return made

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        vars(self).update(state["__dict__"])
        object.__setattr__(self, "_said", frozenset(state["__pydantic_fields_set__"]))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen")

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and vars(other) == vars(self)

    def __hash__(self) -> int:
        return hash((type(self), *vars(self).values()))


class _NeverRaised(Exception):
    """Nothing is checked, so nothing is refused."""


_NAMES: Mapping[str, Mapping[str, object]] = {
    "pydantic": {
        "BaseModel": PlainModel,
        "ConfigDict": dict,
        "model_validator": _no_check,
        "field_validator": _no_check,
        "ValidationError": _NeverRaised,
        **dict.fromkeys(
            (
                "AfterValidator",
                "BeforeValidator",
                "FailFast",
                "Field",
                "InstanceOf",
                "ModelWrapValidatorHandler",
                "StringConstraints",
                "ValidationInfo",
                "WithJsonSchema",
            ),
            _Marker,
        ),
    },
    "pydantic_core": {"InitErrorDetails": _NeverRaised, "PydanticCustomError": _NeverRaised},
}


def load_models_without_checks() -> None:
    """For all that is imported from here on in this process. Raises RuntimeError when the library is loaded already."""
    for name, named in _NAMES.items():
        if name in sys.modules:
            raise RuntimeError(f"{name} is loaded already: models cannot do without it any more")
        stand_in = ModuleType(name)
        vars(stand_in).update(named)
        sys.modules[name] = stand_in
