"""Everything that can go wrong at the hub, as one tree. Each class says whose fault it is and what to do next.

    HubError
    ├── SettingsWrong        the operator's: a setting that means nothing
    ├── KeyFault             the operator's: the keys at hand are not those that the data were stored under
    │   ├── MasterKeyMissing
    │   ├── MasterKeyWrong
    │   └── SealBroken       a stored row that its key does not open: damage, or somebody's hand
    ├── AlreadyServing       another hub serves from the same folder
    ├── PostgresFault        the machine's: the database does not start or does not answer
    ├── MigrationFault       the program is older than the database
    └── RequestFault         the caller's
        ├── BadRequest  Unauthorised  NotFound  Exists  TooLarge  WrongType  CodeRefused
        ├── TooLittleKnown      a question for a person that would bring up too many
        ├── IdShared            two clinics use one id for two records; a move would make one of them
        ├── Forbidden           (NodeRevoked, NodeToWipe, CandidateRefused)
        └── TooManyTries  TooManyQuestions  Busy      (try again later)

`status` is the HTTP status, `exit_code` the command's (75: try again later). No message carries patient data.
"""

from typing import ClassVar


class HubError(Exception):
    """Any failure of the hub. `hint` tells what to do next, in words for the person who reads it."""

    status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 1
    title: ClassVar[str] = "The hub failed"
    hint: str = "Look into the hub's log; report it with the program's version."
    retry_after_seconds: int | None = None

    def __init__(self, message: str = "", *, hint: str | None = None, retry_after_seconds: int | None = None) -> None:
        super().__init__(message or self.title)
        if hint is not None:
            self.hint = hint
        if retry_after_seconds is not None:
            self.retry_after_seconds = retry_after_seconds


class SettingsWrong(HubError):
    """A setting in the file, the environment or an option that means nothing."""

    exit_code = 2
    title = "A setting is wrong"
    hint = "`medtech-hub settings` lists all settings, their meaning and their defaults."


class KeyFault(HubError):
    """The keys at hand are not those that the data were stored under."""

    title = "A key is missing or wrong"


class MasterKeyMissing(KeyFault):
    """The database holds a hub's data, but there is no master key to open it with."""

    title = "The master key is missing"
    hint = (
        "Put back the master key file that belongs to this database, from where it is kept safe, or name it with "
        "MEDTECH_HUB_MASTER_KEY_FILE. Without it the stored records cannot be read by anyone."
    )


class MasterKeyWrong(KeyFault):
    """The master key at hand does not open the hub's keys in the database; nothing was changed."""

    title = "The master key is not the one this database was made with"
    hint = (
        "The operator has to give the master key that belongs to this database (MEDTECH_HUB_MASTER_KEY_FILE), or the "
        "database that belongs to this key (MEDTECH_HUB_DSN or the data folder). Nothing has been changed."
    )


class SealBroken(KeyFault):
    """A sealed row that its key does not open."""

    title = "A stored record cannot be opened"
    hint = "The row was damaged or moved. Restore it from a backup; the clinics' own copies are not touched."


class AlreadyServing(HubError):
    """Another process serves from this folder."""

    title = "A hub is already serving from this folder"
    hint = "Stop the other one first, or give this one another --data folder."


class PostgresFault(HubError):
    """The database does not start or does not answer."""

    status = 503
    exit_code = 75
    title = "The database is not reachable"
    hint = "See that Postgres runs and answers, then try again. Nothing that was acknowledged is lost."
    retry_after_seconds = 5


class MigrationFault(HubError):
    """The database was made by a newer program."""

    title = "The database is newer than this program"
    hint = "Install the newer version of this program again; the database is not changed backwards."


class RequestFault(HubError):
    """The caller's fault."""

    status = 400
    title = "The request cannot be carried out"
    hint = "Correct the request."


class BadRequest(RequestFault):
    """What was sent does not say what it has to."""

    title = "The request is malformed"
    hint = "Compare it with /schema."


class Unauthorised(RequestFault):
    """No credentials, or wrong ones."""

    status = 401
    title = "Credentials are missing or wrong"
    hint = "Send `Authorization: Bearer …`. A node whose credentials are lost is invited and enrolled again."


class Forbidden(RequestFault):
    """The credentials are right, and do not allow this."""

    status = 403
    title = "This is not allowed"
    hint = "Ask the hub's administrator."


class NodeRevoked(Forbidden):
    """The node's credentials were taken back."""

    title = "This node was revoked"
    hint = "Its records stay readable there. A new folder, with what it exported, is enrolled with a new code."


class NodeToWipe(Forbidden):
    """The node was reported lost: it gets nothing any more."""

    title = "This node was reported lost"
    hint = "What it holds is not erased by this. If it was found again: a new folder, with what it exported, is enrolled with a new code."


class CandidateRefused(Forbidden):
    """What names the person to be admitted was not made by this hub for this node and user, or some time ago."""

    title = "She has to be looked for once more"
    hint = "Look for her again, and choose her from what is found then."


class TooLittleKnown(RequestFault):
    """A question for a person that says too little."""

    title = "More has to be known about her"
    hint = "Give an identifier, or two of: name, birth date, telephone, and the village with a name."


class NotFound(RequestFault):
    """There is no such thing."""

    status = 404
    title = "There is no such thing here"
    hint = "See the list of what there is; `/` names the places of this server."


class Exists(RequestFault):
    """There is such a thing already, and it is another."""

    status = 409
    title = "There is one already"
    hint = "Choose another id, or leave the present one as it is."


class IdShared(RequestFault):
    """Another clinic has a record of another person, or another record, under the same id: moved there, the two would become one."""

    status = 409
    title = "Her records have an id that another clinic uses too"
    hint = "Register her anew at this clinic; the two records can be shown as one there."


class TooLarge(RequestFault):
    """The body is over the bound."""

    status = 413
    title = "The request is too large"
    hint = "Send less at once; an edge node halves its frames by itself."


class WrongType(RequestFault):
    """The content type is not one that is understood here."""

    status = 415
    title = "The content type is not understood here"


class CodeRefused(RequestFault):
    """An invitation's code that is wrong, used or expired; which of these is not told to the caller."""

    status = 403
    title = "The code is not valid"
    hint = "Compare it with what was written down. Codes work once and expire; ask for a new invitation."


class TooManyTries(RequestFault):
    """More wrong tries than are allowed for the time being."""

    status = 429
    exit_code = 75
    title = "Too many wrong tries"
    hint = "Wait a little, then try again."
    retry_after_seconds = 60


class TooManyQuestions(RequestFault):
    """A node has looked for more people than is usual."""

    status = 429
    exit_code = 75
    title = "This node has looked for too many people"
    hint = "Wait until the time in Retry-After has passed."
    retry_after_seconds = 3600


class Busy(RequestFault):
    """All places are taken."""

    status = 503
    exit_code = 75
    title = "The hub is busy"
    hint = "Try again after the time in Retry-After; an edge node does so by itself."
    retry_after_seconds = 2
