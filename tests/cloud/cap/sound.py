"""A CAP message without a fault, for tests to break."""

from __future__ import annotations

SOUND = """<?xml version="1.0" encoding="UTF-8"?>
<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2">
  <identifier>41010541600000_20210720160400_2</identifier>
  <sender>drainage@jinshui.example</sender>
  <sent>2021-07-20T16:04:00+08:00</sent>
  <status>Actual</status>
  <msgType>Update</msgType>
  <scope>Public</scope>
  <references>drainage@jinshui.example,41010541600000_20210720154900_1,2021-07-20T15:49:00+08:00</references>
  <info>
    <language>zh-CN</language>
    <category>Safety</category>
    <event>城市内涝</event>
    <urgency>Immediate</urgency>
    <severity>Extreme</severity>
    <certainty>Observed</certainty>
    <eventCode><valueName>GB/T35561</valueName><value>11A02</value></eventCode>
    <effective>2021-07-20T16:04:00+08:00</effective>
    <onset>2021-07-20T16:04:00+08:00</onset>
    <expires>2021-07-20T17:04:00+08:00</expires>
    <headline>京广路红色内涝预警</headline>
    <description>京广路隧道积水52厘米，上涨中。</description>
    <web>https://drainage.example/warnings/2</web>
    <area>
      <areaDesc>京广路</areaDesc>
      <polygon>34.774,113.668 34.774,113.674 34.754,113.690 34.754,113.668 34.774,113.668</polygon>
      <circle>34.764,113.670 0.2</circle>
      <geocode><valueName>adcode</valueName><value>410105</value></geocode>
    </area>
  </info>
</alert>
"""
