"""Everything that can be wrong, as one tree. Each class says whose fault it is and what happens next.

    ProtocolError
    ├── MalformedData          the sender's bytes mean nothing; they are turned away, nothing else is
    │   ├── MalformedJson      not JSON, or not a FHIR resource's shape
    │   ├── MalformedState     packed registers that do not unpack
    │   ├── MalformedFrame     a frame that does not open: wrong mark, CRC, size, columns
    │   ├── MalformedMessage   a request or answer that does not decode
    │   └── MalformedEnvelope  a bundle that does not open for this receiver
    ├── TooLarge               over a bound of `bounds`; the sender splits, or stores a file
    ├── UnknownDictionary      compressed with a dictionary this program does not have: update it
    ├── UnsupportedProtocol    the other side is older or newer than can be spoken with: update it
    ├── ForgedChange           a dot in another's name, or erasing what its author had not seen
    ├── ForkRequired           this node meets its own dots from another life: it must begin a new incarnation
    └── BadSignature           an envelope or receipt that its claimed author did not make

No message carries a value, a name or an identifier of a patient.
"""


class ProtocolError(Exception):
    """Any failure of the protocol. `hint` tells the operator what to do next."""

    hint = "Report this with the program's version."


class MalformedData(ProtocolError):
    """Bytes that cannot be understood; the fault of whoever made them."""

    hint = "The sender must be repaired; what it sent is kept in quarantine."


class MalformedJson(MalformedData):
    """Text that is no JSON object with a resourceType."""

    hint = "Send one FHIR resource as JSON, UTF-8."


class MalformedState(MalformedData):
    """Packed registers that do not unpack: a damaged row."""

    hint = "Run `doctor`; the row can be fetched again from the hub."


class MalformedFrame(MalformedData):
    """A frame that does not open. The transport damaged it, or the sender is broken; it is sent again."""

    hint = "The frame is sent again by itself; if this stays, update both programs."


class MalformedMessage(MalformedData):
    """A request or answer that does not decode."""

    hint = "Update both programs to versions that know each other."


class MalformedEnvelope(MalformedData):
    """A bundle that does not open: damaged, or sealed to someone else."""

    hint = "Copy the file again, or take it to the node it was made for."


class TooLarge(ProtocolError):
    """Something over a bound of `sync_protocol.bounds`."""

    hint = "Split it, or store it as a file and refer to it."


class UnknownDictionary(ProtocolError):
    """Compressed with a dictionary that this program does not have: it is older than the sender."""

    hint = "Update this program."


class UnsupportedProtocol(ProtocolError):
    """The other side speaks a protocol that this program does not."""

    hint = "Update the older of the two programs; nothing is lost meanwhile."


class ForgedChange(ProtocolError):
    """A change in another author's name, or one that erases what its author had not seen."""

    hint = "Look at the node that sent it; its change is kept in quarantine."


class ForkRequired(ProtocolError):
    """This node met dots of its own incarnation that it did not write: it is a copy of a node that went on."""

    hint = "The node begins a new incarnation by itself."


class BadSignature(ProtocolError):
    """A signature or MAC that does not hold."""

    hint = "Do not trust the file; ask its sender for a new one."
