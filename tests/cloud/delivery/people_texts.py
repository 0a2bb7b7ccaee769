"""A message in two languages, as people are told it."""

from __future__ import annotations

from dataclasses import replace

from cloud.warnings.model import Message, MsgType
from contract.catalogue.rules import Level

_XML = """<?xml version='1.0' encoding='UTF-8'?>
<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2"><identifier>m1</identifier>
  <info><language>zh-CN</language><event>积水</event><headline>郑州东: 红色积水预警</headline>
    <description>水深 0.5 米</description><instruction>请绕行</instruction>
    <parameter><valueName>headwater:sms</valueName><value>红色积水预警，请绕行</value></parameter></info>
  <info><language>en-US</language><event>Waterlogging</event>
    <headline>Red waterlogging warning, Zhengzhou East</headline>
    <description>Water stands 0.5 m deep</description><instruction>Go another way</instruction></info>
</alert>
"""
MESSAGE = Message("m1", "i", 1_626_768_000_000, MsgType.ALERT, Level.RED, (), _XML.encode())
UPDATE = replace(MESSAGE, id="m2", msg_type=MsgType.UPDATE, references=("m1",))
