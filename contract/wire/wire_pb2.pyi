from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Lane(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LANE_LIVE: _ClassVar[Lane]
    LANE_ALARM: _ClassVar[Lane]
    LANE_HISTORY: _ClassVar[Lane]

class ValueEncoding(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VALUE_MILLI: _ClassVar[ValueEncoding]
    VALUE_FLOAT32: _ClassVar[ValueEncoding]
    VALUE_FLOAT64: _ClassVar[ValueEncoding]
LANE_LIVE: Lane
LANE_ALARM: Lane
LANE_HISTORY: Lane
VALUE_MILLI: ValueEncoding
VALUE_FLOAT32: ValueEncoding
VALUE_FLOAT64: ValueEncoding

class Batch(_message.Message):
    __slots__ = ("version", "gateway", "spool", "seq", "lane", "clock_unsynchronised", "count", "base_time_ms", "time_delta_ms", "channel_base", "channel_delta", "value_encoding", "value", "flag", "simulated")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    GATEWAY_FIELD_NUMBER: _ClassVar[int]
    SPOOL_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    LANE_FIELD_NUMBER: _ClassVar[int]
    CLOCK_UNSYNCHRONISED_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    BASE_TIME_MS_FIELD_NUMBER: _ClassVar[int]
    TIME_DELTA_MS_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_BASE_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_DELTA_FIELD_NUMBER: _ClassVar[int]
    VALUE_ENCODING_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    FLAG_FIELD_NUMBER: _ClassVar[int]
    SIMULATED_FIELD_NUMBER: _ClassVar[int]
    version: int
    gateway: str
    spool: int
    seq: int
    lane: Lane
    clock_unsynchronised: bool
    count: int
    base_time_ms: int
    time_delta_ms: bytes
    channel_base: int
    channel_delta: bytes
    value_encoding: ValueEncoding
    value: bytes
    flag: bytes
    simulated: bool
    def __init__(self, version: _Optional[int] = ..., gateway: _Optional[str] = ..., spool: _Optional[int] = ..., seq: _Optional[int] = ..., lane: _Optional[_Union[Lane, str]] = ..., clock_unsynchronised: _Optional[bool] = ..., count: _Optional[int] = ..., base_time_ms: _Optional[int] = ..., time_delta_ms: _Optional[bytes] = ..., channel_base: _Optional[int] = ..., channel_delta: _Optional[bytes] = ..., value_encoding: _Optional[_Union[ValueEncoding, str]] = ..., value: _Optional[bytes] = ..., flag: _Optional[bytes] = ..., simulated: _Optional[bool] = ...) -> None: ...

class Birth(_message.Message):
    __slots__ = ("version", "gateway", "spool", "next_seq", "agent_version", "started_ms", "floor", "asked_ms", "simulated")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    GATEWAY_FIELD_NUMBER: _ClassVar[int]
    SPOOL_FIELD_NUMBER: _ClassVar[int]
    NEXT_SEQ_FIELD_NUMBER: _ClassVar[int]
    AGENT_VERSION_FIELD_NUMBER: _ClassVar[int]
    STARTED_MS_FIELD_NUMBER: _ClassVar[int]
    FLOOR_FIELD_NUMBER: _ClassVar[int]
    ASKED_MS_FIELD_NUMBER: _ClassVar[int]
    SIMULATED_FIELD_NUMBER: _ClassVar[int]
    version: int
    gateway: str
    spool: int
    next_seq: int
    agent_version: str
    started_ms: int
    floor: int
    asked_ms: int
    simulated: bool
    def __init__(self, version: _Optional[int] = ..., gateway: _Optional[str] = ..., spool: _Optional[int] = ..., next_seq: _Optional[int] = ..., agent_version: _Optional[str] = ..., started_ms: _Optional[int] = ..., floor: _Optional[int] = ..., asked_ms: _Optional[int] = ..., simulated: _Optional[bool] = ...) -> None: ...

class Refusal(_message.Message):
    __slots__ = ("seq", "reason")
    SEQ_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    seq: int
    reason: str
    def __init__(self, seq: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...

class Ack(_message.Message):
    __slots__ = ("version", "spool", "prefix", "seqs", "refused", "cloud_ms", "asked_ms")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SPOOL_FIELD_NUMBER: _ClassVar[int]
    PREFIX_FIELD_NUMBER: _ClassVar[int]
    SEQS_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    CLOUD_MS_FIELD_NUMBER: _ClassVar[int]
    ASKED_MS_FIELD_NUMBER: _ClassVar[int]
    version: int
    spool: int
    prefix: int
    seqs: _containers.RepeatedScalarFieldContainer[int]
    refused: _containers.RepeatedCompositeFieldContainer[Refusal]
    cloud_ms: int
    asked_ms: int
    def __init__(self, version: _Optional[int] = ..., spool: _Optional[int] = ..., prefix: _Optional[int] = ..., seqs: _Optional[_Iterable[int]] = ..., refused: _Optional[_Iterable[_Union[Refusal, _Mapping]]] = ..., cloud_ms: _Optional[int] = ..., asked_ms: _Optional[int] = ...) -> None: ...

class LaneState(_message.Message):
    __slots__ = ("lane", "batches", "bytes", "oldest_age_ms")
    LANE_FIELD_NUMBER: _ClassVar[int]
    BATCHES_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    OLDEST_AGE_MS_FIELD_NUMBER: _ClassVar[int]
    lane: Lane
    batches: int
    bytes: int
    oldest_age_ms: int
    def __init__(self, lane: _Optional[_Union[Lane, str]] = ..., batches: _Optional[int] = ..., bytes: _Optional[int] = ..., oldest_age_ms: _Optional[int] = ...) -> None: ...

class NamedCount(_message.Message):
    __slots__ = ("name", "count")
    NAME_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    name: str
    count: int
    def __init__(self, name: _Optional[str] = ..., count: _Optional[int] = ...) -> None: ...

class GatewayState(_message.Message):
    __slots__ = ("version", "gateway", "spool", "floor", "asked_ms", "lanes", "thinned", "dropped", "refused", "held_in_memory", "lost_to_full_disk", "bytes_today", "bytes_per_day", "kept_back", "clock", "disk_trouble", "spool_set_aside")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    GATEWAY_FIELD_NUMBER: _ClassVar[int]
    SPOOL_FIELD_NUMBER: _ClassVar[int]
    FLOOR_FIELD_NUMBER: _ClassVar[int]
    ASKED_MS_FIELD_NUMBER: _ClassVar[int]
    LANES_FIELD_NUMBER: _ClassVar[int]
    THINNED_FIELD_NUMBER: _ClassVar[int]
    DROPPED_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    HELD_IN_MEMORY_FIELD_NUMBER: _ClassVar[int]
    LOST_TO_FULL_DISK_FIELD_NUMBER: _ClassVar[int]
    BYTES_TODAY_FIELD_NUMBER: _ClassVar[int]
    BYTES_PER_DAY_FIELD_NUMBER: _ClassVar[int]
    KEPT_BACK_FIELD_NUMBER: _ClassVar[int]
    CLOCK_FIELD_NUMBER: _ClassVar[int]
    DISK_TROUBLE_FIELD_NUMBER: _ClassVar[int]
    SPOOL_SET_ASIDE_FIELD_NUMBER: _ClassVar[int]
    version: int
    gateway: str
    spool: int
    floor: int
    asked_ms: int
    lanes: _containers.RepeatedCompositeFieldContainer[LaneState]
    thinned: int
    dropped: int
    refused: _containers.RepeatedCompositeFieldContainer[NamedCount]
    held_in_memory: int
    lost_to_full_disk: int
    bytes_today: int
    bytes_per_day: int
    kept_back: str
    clock: str
    disk_trouble: str
    spool_set_aside: str
    def __init__(self, version: _Optional[int] = ..., gateway: _Optional[str] = ..., spool: _Optional[int] = ..., floor: _Optional[int] = ..., asked_ms: _Optional[int] = ..., lanes: _Optional[_Iterable[_Union[LaneState, _Mapping]]] = ..., thinned: _Optional[int] = ..., dropped: _Optional[int] = ..., refused: _Optional[_Iterable[_Union[NamedCount, _Mapping]]] = ..., held_in_memory: _Optional[int] = ..., lost_to_full_disk: _Optional[int] = ..., bytes_today: _Optional[int] = ..., bytes_per_day: _Optional[int] = ..., kept_back: _Optional[str] = ..., clock: _Optional[str] = ..., disk_trouble: _Optional[str] = ..., spool_set_aside: _Optional[str] = ...) -> None: ...
