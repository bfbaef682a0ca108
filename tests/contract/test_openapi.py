"""The OpenAPI document says what the service does, all of it and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator, FormatChecker
from litestar import Litestar
from litestar.routes import HTTPRoute
from openapi_spec_validator import OpenAPIV31SpecValidator

from signaling.contract import rest
from signaling.contract.errors import ERRORS, ErrorCode
from signaling.contract.examples import ERROR_CASES, REST_EXAMPLES
from signaling.contract.schemas import rest_components
from signaling.contract.types import RoomState

UNDOCUMENTED = {
    "/": "a page for people",
    "/metrics": "in Prometheus' own format; described in docs/operations.md",
    "/ws": "a WebSocket: OpenAPI has no words for it",
    "/favicon.ico": "for browsers",
    "/api/docs": "shows this document",
    "/api/redoc": "shows this document",
    "/api/openapi.json": "is this document",
    "/api/assets/{file_path}": "scripts and styles of the pages",
    "/api/docs/messages": "shows the messages of the WebSocket",
    "/api/asyncapi.json": "describes the messages of the WebSocket",
    "/api/schemas": "lists the messages' schemas",
    "/api/schemas/{file}": "a message's schema",
    "/classroom": "a page for people",
    "/classroom/config.json": "of the page for people",
    "/classroom/assets/{file_path}": "of the page for people",
}
"""Routes that are not in the document, each with its reason."""

PARTS_OF_PAGES = ("/api/docs/",)
"""Below these are the styles and scripts of pages."""

METHODS = ("get", "put", "post", "delete", "patch")


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            assert method in METHODS
            yield path, method, operation


def named(document: dict[str, Any], identifier: str) -> dict[str, Any]:
    return next(operation for *_, operation in operations(document) if operation["operationId"] == identifier)


def test_it_is_valid_openapi(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []


def test_every_route_is_in_it_and_nothing_else(document: dict[str, Any], application: Litestar) -> None:
    served: dict[str, set[str]] = {}
    for route in application.routes:
        methods = set(route.methods) - {"OPTIONS", "HEAD"} if isinstance(route, HTTPRoute) else {"GET"}
        served.setdefault(route.path_format or "/", set()).update(methods)
    documented = {path: {method.upper() for method in item} for path, item in document["paths"].items()}
    expected = {
        path: methods
        for path, methods in served.items()
        if path not in UNDOCUMENTED and not path.startswith(PARTS_OF_PAGES)
    }
    assert documented == expected
    assert set(UNDOCUMENTED) <= set(served), "an exclusion for a route that is no more"


def test_operations_are_described(document: dict[str, Any]) -> None:
    tags = {tag["name"] for tag in document["tags"]}
    identifiers = []
    for path, _, operation in operations(document):
        identifiers.append(operation["operationId"])
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", operation["operationId"])
        assert operation["summary"]
        assert not operation["summary"].endswith(".")
        assert operation["description"].endswith(".")
        assert set(operation["tags"]) <= tags
        for parameter in operation.get("parameters", []):
            assert parameter["description"].endswith(".")
            assert parameter["schema"]
        for status, response in operation["responses"].items():
            assert response["description"].endswith("."), (path, status)
    assert len(identifiers) == len(set(identifiers))
    assert set(identifiers) == {*ERROR_CASES, "health", "readiness"}


def test_servers(document: dict[str, Any]) -> None:
    """The one that answered, and any other by its host."""
    own, deployed = document["servers"]
    assert own["url"] == "/"
    variables = re.findall(r"{(\w+)}", deployed["url"])
    assert variables == list(deployed["variables"]) == ["host"]
    for variable in deployed["variables"].values():
        assert variable["default"]
        assert variable["description"].endswith(".")
    assert own["description"].endswith(".")
    assert deployed["description"].endswith(".")


def test_a_key_is_asked_for_where_one_is_needed(document: dict[str, Any]) -> None:
    assert "security" not in document
    for path, _, operation in operations(document):
        needed = path.startswith("/api/")
        assert operation.get("security") == ([{"ApiKeyAuth": []}] if needed else None)
        assert ("401" in operation["responses"]) == needed
    scheme = document["components"]["securitySchemes"]["ApiKeyAuth"]
    assert (scheme["type"], scheme["in"], scheme["name"]) == ("apiKey", "header", "X-API-Key")


def test_response_headers(document: dict[str, Any]) -> None:
    headers = document["components"]["headers"]
    used = set()
    for _, _, operation in operations(document):
        for status, response in operation["responses"].items():
            names = set(response["headers"])
            used |= names
            assert "X-Request-Id" in names
            assert ("WWW-Authenticate" in names) == (status == "401")
            assert ("Retry-After" in names) == (status == "503" and operation["operationId"] != "readiness")
            for name, reference in response["headers"].items():
                assert reference == {"$ref": f"#/components/headers/{name}"}
    assert set(named(document, "create_room")["responses"]["201"]["headers"]) == {
        "X-Request-Id",
        "Location",
        "Idempotency-Replayed",
    }
    assert used == set(headers)
    for name, header in headers.items():
        assert header["description"].endswith("."), name
        Draft202012Validator(header["schema"]).validate(header["example"])


def fields(schemas: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, schema in schemas.items():
        for field, of_field in schema.get("properties", {}).items():
            yield f"{name}.{field}", of_field


def test_every_field_is_described(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    for name, schema in schemas.items():
        assert schema["description"].endswith("."), name
    for name, field in fields(schemas):
        target = schemas.get(field.get("$ref", "").rpartition("/")[2], {})
        assert (field.get("description") or target.get("description", "")).endswith("."), name


def test_every_field_of_a_plain_value_has_an_example(document: dict[str, Any]) -> None:
    for name, field in fields(document["components"]["schemas"]):
        if not {"$ref", "items", "anyOf", "enum", "const"} & set(field):
            assert field["examples"], name


def test_bounds(document: dict[str, Any]) -> None:
    """Those of the guide, as the schema language says them: integers, nullable where a field is optional."""
    request = document["components"]["schemas"]["CreateRoomRequest"]
    assert "required" not in request
    assert request["additionalProperties"] is False
    bounds = {
        name: {key: field[key] for key in field if key not in ("description", "examples")}
        for name, field in request["properties"].items()
    }
    assert bounds == {
        "owner_id": {"type": ["string", "null"], "minLength": 1, "maxLength": 128},
        "ttl_hours": {"type": ["integer", "null"], "minimum": 1, "maximum": 168},
        "max_participants": {"type": ["integer", "null"], "minimum": 2, "maximum": 100},
    }
    limit = next(
        parameter for parameter in named(document, "list_rooms")["parameters"] if parameter["name"] == "limit"
    )
    assert limit["schema"] == {"type": "integer", "minimum": 1, "maximum": 200, "default": 50}
    assert "168.0" not in str(document)


def test_every_body_is_in_it(document: dict[str, Any]) -> None:
    assert document["components"]["schemas"] == rest_components()
    assert set(rest_components()) >= {kind.__name__ for kind in rest.REST_TYPES}
    used = set(re.findall(r"#/components/schemas/(\w+)", str(document)))
    assert used == set(rest_components())


def validator(document: dict[str, Any], schema: Any) -> Draft202012Validator:
    return Draft202012Validator(
        {**schema, "components": document["components"]}, format_checker=FormatChecker()
    )


def test_every_example_is_valid(document: dict[str, Any]) -> None:
    count = 0
    for _, _, operation in operations(document):
        bodies = [response["content"] for response in operation["responses"].values()]
        bodies += [operation["requestBody"]["content"]] if "requestBody" in operation else []
        for body in bodies:
            media = body["application/json"]
            kind = getattr(rest, media["schema"]["$ref"].rpartition("/")[2])
            assert media["examples"]
            for example in media["examples"].values():
                validator(document, media["schema"]).validate(example["value"])
                decoded = msgspec.convert(example["value"], kind)
                assert msgspec.to_builtins(decoded) == example["value"]
                count += 1
        for parameter in operation.get("parameters", []):
            if "example" in parameter:
                validator(document, parameter["schema"]).validate(parameter["example"])
    assert count >= 40


def test_every_example_of_a_field_is_valid(document: dict[str, Any]) -> None:
    for _, field in fields(document["components"]["schemas"]):
        for example in field.get("examples", []):
            validator(document, field).validate(example)


def test_every_body_has_examples() -> None:
    parts = {rest.ErrorBody, RoomState}
    assert set(REST_EXAMPLES) == set(rest.REST_TYPES) - parts
    for kind, examples in REST_EXAMPLES.items():
        assert all(type(example) is kind for example in examples.values())


def test_errors(document: dict[str, Any]) -> None:
    for _, _, operation in operations(document):
        cases = ERROR_CASES.get(operation["operationId"], ())
        assert len({case.name for case in cases}) == len(cases)
        for case in cases:
            assert case.status in (ERRORS[case.code].http_status, 503)
            media = operation["responses"][str(case.status)]["content"]["application/json"]
            assert media["schema"] == {"$ref": "#/components/schemas/ErrorBody"}
            assert media["examples"][case.name]["value"] == msgspec.to_builtins(case.body)
        failures = {int(status) for status in operation["responses"] if int(status) >= 400}
        assert failures == {case.status for case in cases} | (
            {503} if operation["operationId"] == "readiness" else set()
        )
    assert "422" not in {
        status for *_, operation in operations(document) for status in operation["responses"]
    }


def test_the_table_of_errors_is_whole(document: dict[str, Any]) -> None:
    rows = re.findall(r"^\| (\d{3}) `(\w+)` \| .+ \|$", document["info"]["description"], re.MULTILINE)
    table = {(int(status), ErrorCode(code)) for status, code in rows}
    assert {(case.status, case.code) for cases in ERROR_CASES.values() for case in cases} <= table
    assert {code for _, code in table} == {
        code for code, info in ERRORS.items() if info.http_status is not None
    } - {ErrorCode.FORBIDDEN_ORIGIN}, "that one only refuses sockets"


@pytest.mark.parametrize("word", ["Litestar", "msgspec", "TODO", "localhost", "Struct"])
def test_it_speaks_of_the_service_only(document: dict[str, Any], word: str) -> None:
    assert word not in str(document)


def test_it_names_no_path_of_the_machine_that_printed_it(document: dict[str, Any]) -> None:
    assert str(Path(__file__).parents[2]) not in str(document)
