"""What Schemathesis cannot know from the document. Every check stays on; only what is asked is narrowed."""

import atexit
import json
import os
import uuid
from collections import Counter

import jsonschema_rs
import schemathesis

ADMIN_ID = os.environ.get("CARTSTREAM_FUZZ_ADMIN_ID", "")


PIECES_OF_A_PRODUCT_MAX = 1000
RANGES = {
    "/api/products": ("minPrice", "maxPrice"),
    "/api/products/search": ("minPrice", "maxPrice"),
    "/api/payments": ("from", "to"),
}

# Ids of things that are there, by the part of a path before its parameter: made-up ids lead to nothing but 404.
THINGS = json.loads(os.environ.get("CARTSTREAM_FUZZ_THINGS", "{}"))
PHASES_WITH_THINGS = ("coverage", "fuzzing")
seen = Counter()

COUNTS_FILE = os.environ.get("CARTSTREAM_FUZZ_COUNTS")
requests = Counter()


@schemathesis.hook
def after_call(context, case, response):
    requests[f"{case.operation.method.upper()} {case.operation.path}"] += 1


@atexit.register
def write_counts():
    if COUNTS_FILE:
        with open(COUNTS_FILE, "w", encoding="utf-8") as file:
            json.dump(requests, file)


def is_positive(case):
    return case.meta is not None and case.meta.generation.mode.is_positive


def pieces_of_one_product(body):
    pieces = Counter()
    for item in body.get("items", []) if isinstance(body, dict) else []:
        pieces[item.get("productId")] += item.get("quantity", 0)
    return max(pieces.values(), default=0)


@schemathesis.serializer("application/x-ndjson")
def ndjson(context, value):
    lines = value if isinstance(value, list) else [value]
    return "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines).encode("utf-8", "replace")


def name_things_that_are_there(case):
    """In every second case; the others ask for what is not there."""
    operation = f"{case.operation.method.upper()} {case.operation.path}"
    seen[operation] += 1
    if seen[operation] % 2 == 0:
        return
    nth = seen[operation] // 2
    place, _, rest = case.operation.path.partition("/{")
    ids = THINGS.get(place)
    if ids and case.path_parameters:
        case.path_parameters = {**case.path_parameters, rest.partition("}")[0]: ids[nth % len(ids)]}
    if "if-match" in (case.headers or {}):
        case.headers["if-match"] = "*"
    products = THINGS.get("/api/products", [])
    if products and isinstance(case.body, dict):
        for index, item in enumerate(case.body.get("items", [])):
            if isinstance(item, dict) and "productId" in item:
                item["productId"] = products[(nth + index) % len(products)]


SSE = "text/event-stream"
stream_schemas = {}
components = {}


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """The document says what the data of a stream's events is; Schemathesis looks at each event as a whole."""
    components.update(raw_schema.get("components", {}))
    for path, operations in raw_schema["paths"].items():
        for operation in operations.values():
            for answer in operation.get("responses", {}).values() if isinstance(operation, dict) else []:
                if SSE in answer.get("content", {}):
                    stream_schemas[path] = answer["content"][SSE]["schema"]
                    answer["content"][SSE] = {
                        "schema": {"type": "object", "properties": {"data": {"type": "string"}}}
                    }


@schemathesis.check
def stream_data_conformance(ctx, response, case):
    schema = stream_schemas.get(case.operation.path)
    if schema is None or not response.headers.get("content-type", [""])[0].startswith(SSE):
        return
    validator = jsonschema_rs.validator_for({**schema, "components": components})
    for line in response.text.splitlines():
        if line.startswith("data: "):
            for error in validator.iter_errors(json.loads(line.removeprefix("data: "))):
                raise AssertionError(f"An event of the stream does not have its schema: {error.message}")


@schemathesis.hook
def before_call(context, case, **kwargs):
    if is_positive(case) and case.meta.phase.name.value in PHASES_WITH_THINGS:
        name_things_that_are_there(case)
    # A key stands for one intention. Made-up ones repeat, and nothing would come of most requests but 422.
    if is_positive(case) and "idempotency-key" in (case.headers or {}):
        case.headers["idempotency-key"] = str(uuid.uuid4())
    # The stream lasts for minutes unless it is asked for a shorter one.
    if case.operation.path in stream_schemas and is_positive(case):
        case.query = {**(case.query or {}), "seconds": 1}


    # A name of the time zone database, and which names of the model go together: JSON Schema can say neither.
    if "/analytics/" in case.operation.path and is_positive(case):
        if "tz" in (case.query or {}):
            case.query = {**case.query, "tz": "Europe/London"}
        if case.operation.path == "/api/analytics/query" and isinstance(case.body, dict):
            kept = {"granularity", "limit"} & set(case.body)
            case.body = {"measures": case.body["measures"][:1], **{name: case.body[name] for name in kept}}


@schemathesis.hook
def filter_case(context, case):
    # A cursor is opaque: only a list can make one, and a made-up one is rightly 400 although it is a string.
    if "cursor" in (case.query or {}) and is_positive(case):
        return False
    # Two well-formed times can still be a period that nobody can answer: a year in minutes, or an end before its
    # beginning. JSON Schema cannot say so.
    if "/analytics/" in case.operation.path and {"from", "to"} & set(case.query or {}) and is_positive(case):
        return False
    # The same of prices and of when payments were made.
    if case.operation.path in RANGES and is_positive(case):
        low, high = RANGES[case.operation.path]
        if {low, high} <= set(case.query or {}):
            return False
    # Steps of a funnel are different ones.
    if case.operation.path == "/api/analytics/funnel" and is_positive(case):
        steps = str((case.query or {}).get("steps", "")).split(",")
        if len(steps) != len(set(steps)):
            return False
    # Lines of one product are added up, and so many pieces of it nobody sells: a sum JSON Schema cannot take.
    if case.operation.path == "/api/orders" and is_positive(case):
        if pieces_of_one_product(case.body) > PIECES_OF_A_PRODUCT_MAX:
            return False
    # Every text is NDJSON: what is wrong with its lines is in the answer.
    if case.operation.path == "/api/products/import" and not is_positive(case) and not isinstance(case.body, str):
        return False
    # A setting of the running platform, such as the limit of this very client, keeps its value.
    if case.operation.path.startswith("/api/config/") and case.method != "GET":
        if "." in str((case.path_parameters or {}).get("key", "")):
            return False
    # The admin who runs this would take the role from itself and see nothing but 403 from then on.
    if case.operation.path == "/api/users/{id}/roles" and (case.path_parameters or {}).get("id") == ADMIN_ID:
        return False
    return True
