"""Every bound of the protocol, its unit last in its name, and the relations that must hold between them."""

from typing import Final

ID_CHARS_MAX: Final = 64
"""FHIR R4 `id`: 1 to 64 characters."""
TYPE_CHARS_MAX: Final = 64
ELEMENT_KEY_BYTES_MAX: Final = 256
USER_CHARS_MAX: Final = 128
ROLE_CHARS_MAX: Final = 32

SECRET_CHARS_MAX: Final = 512
"""A password as Argon2id in PHC form; those made here have 97."""
PERSON_BYTES_MAX: Final = 2 * 1024
PEOPLE_MAX: Final = 500
"""Statements about people in one message; what is more comes with the next one."""
PEOPLE_DIGEST_BYTES: Final = 8

VALUE_BYTES_MAX: Final = 4 * 1024 * 1024
"""One register's value. Larger documents are files, named by hash."""
RESOURCE_ELEMENTS_MAX: Final = 10_000
RESOURCE_STATE_BYTES_MAX: Final = 6 * 1024 * 1024
SIBLINGS_MAX: Final = 1_000
CONTEXT_NODES_MAX: Final = 10_000
JSON_DEPTH_MAX: Final = 100

FRAME_RAW_BYTES_MAX: Final = 8 * 1024 * 1024
"""Decompressed size of one frame; checked before anything is decompressed."""
FRAME_BYTES_MAX: Final = 7 * 1024 * 1024
"""Compressed: one resource of any allowed size must fit, also when it does not compress (an image in base64, encrypted)."""
FRAME_RESOURCES_MAX: Final = 20_000
FRAME_VALUES_MAX: Final = 250_000
"""Siblings in one frame: what bounds the memory that a small, hostile frame can take."""
FRAME_BYTES_START: Final = 64 * 1024
FRAME_BYTES_FLOOR: Final = 2 * 1024
FRAME_BYTES_TOP: Final = 1024 * 1024

REQUEST_BYTES_MAX: Final = 8 * 1024 * 1024
REQUEST_FRAMES_MAX: Final = 64
REQUEST_CURSORS_MAX: Final = 1_000
REQUEST_TOKENS_MAX: Final = 64
REQUEST_LIVES_MAX: Final = 4_096
LINEAGE_EPOCHS_MAX: Final = 16
RANGES_MAX: Final = 4_096
PROGRAM_CHARS_MAX: Final = 128
TOKEN_BYTES: Final = 12
RECEIPT_MAC_BYTES: Final = 16

ASKED_CHARS_MAX: Final = 200
"""A name, a village, an identifier that somebody is looked for by."""
CANDIDATES_MAX: Final = 10
CANDIDATE_TOKEN_BYTES_MAX: Final = 64
FINDING_BYTES_MAX: Final = 64 * 1024
"""A question for a person, or its answer."""

BACKOFF_START_MS: Final = 1_000
BACKOFF_TOP_MS: Final = 15 * 60 * 1000
CLOCK_MS_MAX: Final = 253_402_300_799_999
"""The last millisecond of the year 9999: later times are refused as no time at all."""

NODE_ID_MAX: Final = (1 << 63) - 1
COUNTER_MAX: Final = (1 << 63) - 1

assert FRAME_BYTES_FLOOR < FRAME_BYTES_START <= FRAME_BYTES_TOP <= FRAME_BYTES_MAX < FRAME_RAW_BYTES_MAX
assert VALUE_BYTES_MAX < RESOURCE_STATE_BYTES_MAX < FRAME_BYTES_MAX < FRAME_RAW_BYTES_MAX <= REQUEST_BYTES_MAX
assert 4 * USER_CHARS_MAX + SECRET_CHARS_MAX + 2 * ID_CHARS_MAX + 4 * ROLE_CHARS_MAX < PERSON_BYTES_MAX
assert PERSON_BYTES_MAX * PEOPLE_MAX < FRAME_BYTES_TOP + 1
assert RESOURCE_ELEMENTS_MAX < FRAME_VALUES_MAX
assert TOKEN_BYTES * REQUEST_TOKENS_MAX < FRAME_BYTES_FLOOR
