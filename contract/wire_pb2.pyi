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
    __slots__ = ("version", "gateway", "spool", "seq", "lane", "clock_unsynchronised", "count", "base_time_ms", "time_delta_ms", "channel_base", "channel_delta", "value_encoding", "value", "flag")
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
    def __init__(self, version: _Optional[int] = ..., gateway: _Optional[str] = ..., spool: _Optional[int] = ..., seq: _Optional[int] = ..., lane: _Optional[_Union[Lane, str]] = ..., clock_unsynchronised: _Optional[bool] = ..., count: _Optional[int] = ..., base_time_ms: _Optional[int] = ..., time_delta_ms: _Optional[bytes] = ..., channel_base: _Optional[int] = ..., channel_delta: _Optional[bytes] = ..., value_encoding: _Optional[_Union[ValueEncoding, str]] = ..., value: _Optional[bytes] = ..., flag: _Optional[bytes] = ...) -> None: ...

class Birth(_message.Message):
    __slots__ = ("version", "gateway", "spool", "next_seq", "agent_version", "started_ms")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    GATEWAY_FIELD_NUMBER: _ClassVar[int]
    SPOOL_FIELD_NUMBER: _ClassVar[int]
    NEXT_SEQ_FIELD_NUMBER: _ClassVar[int]
    AGENT_VERSION_FIELD_NUMBER: _ClassVar[int]
    STARTED_MS_FIELD_NUMBER: _ClassVar[int]
    version: int
    gateway: str
    spool: int
    next_seq: int
    agent_version: str
    started_ms: int
    def __init__(self, version: _Optional[int] = ..., gateway: _Optional[str] = ..., spool: _Optional[int] = ..., next_seq: _Optional[int] = ..., agent_version: _Optional[str] = ..., started_ms: _Optional[int] = ...) -> None: ...

class Refusal(_message.Message):
    __slots__ = ("seq", "reason")
    SEQ_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    seq: int
    reason: str
    def __init__(self, seq: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...

class Ack(_message.Message):
    __slots__ = ("version", "spool", "prefix", "seqs", "refused")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SPOOL_FIELD_NUMBER: _ClassVar[int]
    PREFIX_FIELD_NUMBER: _ClassVar[int]
    SEQS_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    version: int
    spool: int
    prefix: int
    seqs: _containers.RepeatedScalarFieldContainer[int]
    refused: _containers.RepeatedCompositeFieldContainer[Refusal]
    def __init__(self, version: _Optional[int] = ..., spool: _Optional[int] = ..., prefix: _Optional[int] = ..., seqs: _Optional[_Iterable[int]] = ..., refused: _Optional[_Iterable[_Union[Refusal, _Mapping]]] = ...) -> None: ...
