"""What Schemathesis cannot know from the document. Every check stays on; only what is asked is narrowed."""

import os

import schemathesis

ADMIN_ID = os.environ.get("CARTSTREAM_FUZZ_ADMIN_ID", "")


@schemathesis.hook
def filter_case(context, case):
    mode = case.meta.generation.mode if case.meta is not None else None
    # A cursor is opaque: only a list can make one, and a made-up one is rightly 400 although it is a string.
    is_positive = mode is not None and mode.is_positive
    if "cursor" in (case.query or {}) and is_positive:
        return False
    # Two well-formed times can still be a period that nobody can answer: a year in minutes, or an end before its
    # beginning. JSON Schema cannot say so.
    if "/analytics/" in case.operation.path and {"from", "to"} & set(case.query or {}) and is_positive:
        return False
    # The admin who runs this would take the role from itself and see nothing but 403 from then on.
    if case.operation.path == "/api/users/{id}/roles" and (case.path_parameters or {}).get("id") == ADMIN_ID:
        return False
    return True
