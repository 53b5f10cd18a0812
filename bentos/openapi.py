"""The one OpenAPI document: the native model endpoints and the REST routes, with examples and problem documents.

BentoML's own generator flattens a union to its first member and knows neither keys nor problem documents.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel, Field
from pydantic.json_schema import models_json_schema

from bentos import examples
from bentos.body import METHODS_WITH_BODY
from bentos.paths import SIGNED_PATHS, required_scope
from bentos.payloads import MatchBatch, Predictions, SessionBatch, TutorBatch, TutorScores

REFS: Final = "#/components/schemas/{model}"
PROBLEMS: Final = (405, 500, 503, 504)  # of every operation
PROBLEMS_OF_INPUT: Final = (400,)  # where there is any
PROBLEMS_OF_BODIES: Final = (400, 408, 413, 415)  # of every method that may have one
PROBLEMS_OF_KEYS: Final = (401, 403, 429)
PROBLEMS_OF_SIGNATURES: Final = (401, 429)
NEEDS_NO_KEY: Final = SIGNED_PATHS | {"/api/health"}


class FieldError(BaseModel):
    """One field that is wrong."""

    field: str
    message: str


class ProblemDocument(BaseModel):
    """An error, as RFC 9457 has it. `detail` is a sentence a person can act on."""

    type: str = Field(examples=["about:blank"])
    title: str
    status: int
    detail: str
    errors: list[FieldError] = Field(default=[], description="Which fields are wrong; only where the input is.")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A native endpoint: its method's name is its path."""

    name: str
    summary: str
    takes: type[BaseModel]
    answers: type[BaseModel]
    example: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Document:
    """The document in the form that BentoML asks for."""

    content: dict[str, Any]

    def asdict(self) -> dict[str, Any]:
        """The document."""
        return self.content


ENDPOINTS: Final = (
    Endpoint("predict_match", "How probable it is that two part (churn)", MatchBatch, Predictions, examples.MATCH),
    Endpoint("predict_reschedule", "How probable a reschedule is", SessionBatch, Predictions, examples.SESSION),
    Endpoint("predict_no_show", "How probable a no-show is", SessionBatch, Predictions, examples.SESSION),
    Endpoint("score_tutors", "Rates, counts, trend and flag of tutors", TutorBatch, TutorScores, examples.TUTOR),
)


def build_document(app: FastAPI, prefix: str) -> Document:
    """OpenAPI 3.1 of the native endpoints and of the routes of `app`, which is mounted at `prefix`."""
    rest = get_openapi(title=app.title, version=version("tqs"), routes=app.routes)
    schemas = rest.get("components", {}).get("schemas", {}) | _native_schemas()
    paths = {f"/{endpoint.name}": {"post": _describe(endpoint, schemas)} for endpoint in ENDPOINTS}
    paths |= {prefix + path: operations for path, operations in rest["paths"].items()}
    for path, operations in paths.items():
        for method, operation in operations.items():
            _add_problems(operation, method.upper(), path)
            if path not in NEEDS_NO_KEY:
                scope = f"Needs a key with the scope `{required_scope(method.upper(), path)}`."
                operation["description"] = f"{operation.get('description', '')}\n\n{scope}".strip()
    for unused in ("HTTPValidationError", "ValidationError"):  # FastAPI's 422, which leaves the house as a 400
        schemas.pop(unused, None)
    return Document(
        {
            "openapi": "3.1.0",
            "info": {
                "title": app.title,
                "version": version("tqs"),
                "description": "Trusted probabilities of churn, reschedules and no-shows, and tutor scores. Times are "
                "ISO 8601 (without an offset: UTC), probabilities 0–1, rates percentages 0–100.",
            },
            "security": [{"key": []}, {"token": []}],
            "paths": paths,
            "components": {
                "schemas": schemas,
                "securitySchemes": {
                    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
                    "token": {
                        "type": "http",
                        "scheme": "bearer",
                        "bearerFormat": "JWT",
                        "description": "Where it is configured; its claim `scope` lists scopes as those of keys.",
                    },
                },
            },
        }
    )


def _native_schemas() -> dict[str, Any]:
    taken = {endpoint.takes for endpoint in ENDPOINTS}
    given = {endpoint.answers for endpoint in ENDPOINTS} | {ProblemDocument}
    models = [(model, "validation") for model in taken] + [(model, "serialization") for model in given]
    models.sort(key=lambda item: item[0].__name__)
    _, definitions = models_json_schema(models, ref_template=REFS)  # type: ignore[arg-type]  # the modes are literals
    schemas: dict[str, Any] = definitions["$defs"]
    return schemas


def _describe(endpoint: Endpoint, schemas: dict[str, Any]) -> dict[str, Any]:
    taken = endpoint.takes.__name__
    bare_list = {**schemas[taken]["properties"]["records"], "title": "Just the records"}
    return {
        "tags": ["Model endpoints"],
        "summary": endpoint.summary,
        "description": "Stateless: 1 to 10,000 records in, one answer each in the same order. A record that cannot be "
        "scored is answered in its place with its `error`. The body is an object with `records`, or the bare list.",
        "operationId": endpoint.name,
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"oneOf": [{"$ref": REFS.format(model=taken)}, bare_list]},
                    "example": endpoint.example,
                }
            },
        },
        "responses": {
            "200": {
                "description": "The answers, in the order of the records",
                "content": {"application/json": {"schema": {"$ref": REFS.format(model=endpoint.answers.__name__)}}},
            }
        },
    }


def _add_problems(operation: dict[str, Any], method: str, path: str) -> None:
    problems = list(PROBLEMS)
    if path in NEEDS_NO_KEY:
        operation["security"] = []
        problems += PROBLEMS_OF_SIGNATURES if path in SIGNED_PATHS else ()
    else:
        problems += PROBLEMS_OF_KEYS
    if method in METHODS_WITH_BODY:
        problems += PROBLEMS_OF_BODIES
    elif operation.get("parameters"):
        problems += PROBLEMS_OF_INPUT
    responses = operation["responses"]
    responses.pop("422", None)
    content = {"application/problem+json": {"schema": {"$ref": REFS.format(model="ProblemDocument")}}}
    for status in problems:
        responses.setdefault(str(status), {"description": "", "content": content})
    for status, response in responses.items():
        if status >= "400":
            response.setdefault("content", content)
