"""The API is what its OpenAPI document says, whatever is sent and by whom: schemathesis, all checks, over a cloud with
data and a shut door."""

from __future__ import annotations

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.config import SchemathesisConfig

from tests.fuzz import api

# A range that ends before it starts is refused (422), and one that holds too much (413): no schema can say so of two
# parameters, so a request that is right by the schema may be refused like that.
_CONFIG = SchemathesisConfig.from_dict(
    {
        "checks": {
            "positive_data_acceptance": {
                "expected-statuses": ["2xx", "401", "403", "404", "406", "409", "413", "422", "429", "503"]
            }
        }
    }
)
_APP, _KEY = api.guarded()
_HEADERS = {"x-headwater-page": "1", "Authorization": f"Bearer {_KEY}"}
schema = schemathesis.openapi.from_asgi("/v1/openapi.json", _APP, config=_CONFIG, headers=_HEADERS)


@schema.parametrize()
@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None)
def test_every_operation_answers_as_the_document_says(case: schemathesis.Case):
    case.call_and_validate(headers=_HEADERS)


def test_the_document_names_every_refusal_as_a_problem():
    for path, operations in api.app().openapi()["paths"].items():
        for operation in operations.values():
            for status, answer in operation["responses"].items():
                if int(status) >= 400:
                    assert list(answer["content"]) == ["application/problem+json"], (path, status)
