from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Sample(_message.Message):
    __slots__ = ("age_s", "depth_mm", "depth_missing")
    AGE_S_FIELD_NUMBER: _ClassVar[int]
    DEPTH_MM_FIELD_NUMBER: _ClassVar[int]
    DEPTH_MISSING_FIELD_NUMBER: _ClassVar[int]
    age_s: int
    depth_mm: int
    depth_missing: bool
    def __init__(self, age_s: _Optional[int] = ..., depth_mm: _Optional[int] = ..., depth_missing: _Optional[bool] = ...) -> None: ...

class Telemetry(_message.Message):
    __slots__ = ("version", "node", "sequence", "uptime_s", "battery_mv", "samples")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    UPTIME_S_FIELD_NUMBER: _ClassVar[int]
    BATTERY_MV_FIELD_NUMBER: _ClassVar[int]
    SAMPLES_FIELD_NUMBER: _ClassVar[int]
    version: int
    node: int
    sequence: int
    uptime_s: int
    battery_mv: int
    samples: _containers.RepeatedCompositeFieldContainer[Sample]
    def __init__(self, version: _Optional[int] = ..., node: _Optional[int] = ..., sequence: _Optional[int] = ..., uptime_s: _Optional[int] = ..., battery_mv: _Optional[int] = ..., samples: _Optional[_Iterable[_Union[Sample, _Mapping]]] = ...) -> None: ...
