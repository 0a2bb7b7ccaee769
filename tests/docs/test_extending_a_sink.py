"""The sink of docs/extending.md does what the page says."""

from __future__ import annotations

from functools import reduce
from operator import or_
from pathlib import Path
from typing import Annotated, Any

import pytest
import yaml
from pydantic import Field, TypeAdapter

from cloud.delivery.base import NotDelivered
from cloud.delivery.egress import Egress
from cloud.delivery.sinks.registry import KINDS
from cloud.warnings.model import Message, MsgType
from contract.catalogue.rules import Level
from tests.docs.extending import blocks, run

MESSAGE = Message("m1", "i1", 1000, MsgType.ALERT, Level.RED, (), b"<alert/>")


def test_the_sink_of_the_page_is_configured_checked_and_delivers(tmp_path: Path) -> None:
    (code,) = blocks("A sink", "python")
    (config,) = blocks("A sink", "yaml")
    module = run(code, "cloud.delivery.sinks.folder")
    kinds = (*KINDS, module["FolderSettings"])
    any_of: Any = Annotated[reduce(or_, kinds), Field(discriminator="kind")]
    settings = TypeAdapter(any_of).validate_python(yaml.safe_load(config)["delivery"][0])
    assert settings.mistakes(tmp_path, Egress()) == [("path", "cap is not a folder: make it")]
    sink = settings.make(tmp_path, Egress())
    with pytest.raises(NotDelivered, match="No such file"):
        sink.deliver(MESSAGE)
    (tmp_path / "cap").mkdir()
    assert settings.mistakes(tmp_path, Egress()) == []
    assert [sink.name, sink.deliver(MESSAGE), sink.deliver(MESSAGE)] == ["archive", "written", "written"]
    assert [(p.name, p.read_bytes()) for p in (tmp_path / "cap").iterdir()] == [("m1.xml", b"<alert/>")]
