"""Patches: JSON Patch (RFC 6902, by the jsonpatch library) and JSON merge patch (RFC 7396). Numbers keep their digits."""

from typing import Any

import jsonpatch
import jsonpointer

from edge_node.api import numbers
from edge_node.api.outcome import Refused

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"

OPERATIONS_MAX = 1_000
COPIED_VALUES_MAX = 100_000
"""What all `copy` operations of one patch may add: each could double the document."""


def apply(media: str, resource: bytes, patch: bytes) -> bytes:
    """A resource after a patch of media type `media`. Raises Refused or MalformedJson; the resource's type and id never change."""
    document = numbers.parse(resource)
    names = {name: document[name] for name in ("resourceType", "id")}
    change = numbers.parse(patch)
    patched = merge(document, change) if media == MERGE_PATCH else apply_operations(document, change)
    if not isinstance(patched, dict):
        raise Refused(
            422, "structure", "After the patch this is no JSON object", "Patch elements of the resource, not all of it"
        )
    for name, value in names.items():
        if patched.get(name) != value:
            raise Refused(422, "structure", f"The patch changes {name}", f"Leave {name} as it is")
    return numbers.serialise(patched)


def apply_operations(document: Any, operations: Any) -> Any:
    """RFC 6902: the document after all operations; none of them when one fails. A failed `test` is 422 (RFC 5789, 2.2)."""
    if not isinstance(operations, list) or not all(isinstance(operation, dict) for operation in operations):
        raise Refused(400, "structure", "A JSON Patch is an array of operations", "See RFC 6902")
    if len(operations) > OPERATIONS_MAX:
        raise Refused(413, "too-long", f"A JSON Patch of over {OPERATIONS_MAX} operations", "Send it in parts")
    room = COPIED_VALUES_MAX
    try:
        for operation in operations:
            source = operation.get("from")
            if operation.get("op") == "copy" and isinstance(source, str):
                room -= _count(jsonpointer.resolve_pointer(document, source), room)
                if room <= 0:
                    raise Refused(413, "too-long", "The patch copies too much", "Send the resource itself")
            document = jsonpatch.JsonPatch([operation]).apply(document, in_place=True)
    except jsonpatch.JsonPatchTestFailed:
        raise Refused(
            422,
            "processing",
            "A test of the patch failed",
            "Read the resource again, and make the patch from what it is now",
        ) from None
    except (jsonpatch.JsonPatchConflict, jsonpointer.JsonPointerException, IndexError, KeyError) as error:
        raise Refused(
            422,
            "processing",
            "The patch names a place that is not there",
            "Read the resource again, and name places it has",
        ) from error
    except (jsonpatch.JsonPatchException, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise Refused(400, "structure", "An operation of the patch is malformed", "See RFC 6902, section 4") from error
    return document


def merge(target: Any, patch: Any) -> Any:
    """RFC 7396, section 2: members of `patch` replace those of `target`, null removes, all else is replaced whole."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge(merged.get(name), value)
    return merged


def _count(value: Any, enough: int) -> int:
    """How many JSON values a value holds, itself included; `enough` when there are more."""
    waiting, count = [value], 0
    while waiting and count < enough:
        value = waiting.pop()
        count += 1
        if isinstance(value, dict):
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
    return count


def kind(media: str, patch: bytes) -> str:
    """The media type that a patch of a general JSON type stands for: an array of operations, or a merge."""
    if media in (JSON_PATCH, MERGE_PATCH):
        return media
    return JSON_PATCH if patch.lstrip()[:1] == b"[" else MERGE_PATCH
