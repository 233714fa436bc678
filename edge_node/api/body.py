"""Reading a request's body, never more of it than is allowed."""

from collections.abc import Mapping

from litestar.types import Receive

from edge_node.api.outcome import Refused


def check_length(declared: str | None, bytes_max: int) -> None:
    """Raises Refused (413) for a body that says it is too large, before any of it is read."""
    if declared is not None and (not declared.isdigit() or int(declared[:20]) > bytes_max):
        raise too_large(bytes_max)


def too_large(bytes_max: int) -> Refused:
    """What the sender of too large a body is told."""
    return Refused(
        413,
        "too-long",
        f"The body is larger than {bytes_max} bytes",
        "Send it in parts",
        headers={"connection": "close"},
    )


async def read_body(headers: Mapping[str, str], receive: Receive, bytes_max: int) -> bytes:
    """The whole body. Raises Refused: 413 for one that is too large, 400 for one that broke off."""
    check_length(headers.get("content-length"), bytes_max)
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise Refused(415, "not-supported", "Compressed bodies are not taken", "Send it as it is")
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body"):
        return _bounded(message.get("body", b""), bytes_max)
    chunks, total = list[bytes](), 0
    while True:
        if message["type"] != "http.request":
            raise Refused(400, "incomplete", "The body broke off", "Send it again")
        chunk = message.get("body", b"")
        total += len(chunk)
        if total > bytes_max:
            raise too_large(bytes_max)
        chunks.append(chunk)
        if not message.get("more_body"):
            return b"".join(chunks)
        message = await receive()


def _bounded(body: bytes, bytes_max: int) -> bytes:
    if len(body) > bytes_max:
        raise too_large(bytes_max)
    return body
