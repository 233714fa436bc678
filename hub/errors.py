"""Everything that can go wrong at the hub, as one tree. Each class says whose fault it is and what to do next.

    HubError
    ├── SettingsWrong        the operator's: a setting that means nothing
    ├── KeyFault             the operator's: the keys at hand are not those that the data were stored under
    │   ├── MasterKeyMissing
    │   ├── MasterKeyWrong
    │   ├── KmsFault         the KMS that has the master key does not answer, or refuses; what is open stays open (try again later)
    │   ├── KeyStays         a key that is not exchanged for another by a command
    │   └── SealBroken       a stored row that its key does not open: damage, or somebody's hand
    │       └── KeyNotHere   it is under a key that its scope has got since the scope was read (try again)
    ├── AlreadyServing       another hub serves from the same folder
    ├── ShardWrong           the operator's: a database that is another shard's, or another hub's
    ├── PostgresFault        the machine's: the database does not start or does not answer
    ├── RedisFault           the machine's: Redis does not answer
    ├── MigrationFault       the program is older than the database
    ├── MessageUnknown       what one shard tells another in a form that this program does not know: a newer one wrote it
    ├── StoreFault           the machine's: the store of files does not answer
    ├── ObjectMissing        the store has lost a file
    ├── ExportFailed         the log has why
    ├── ClusterFault         the machine's: a part of the cluster on this machine does not start
    ├── PromotionRefused     the operator's: a standby that must not, or need not, become the primary
    └── RequestFault         the caller's
        ├── BadRequest  Unauthorised  NotFound  Exists  TooLarge  WrongType  CodeRefused
        ├── TooLittleKnown      a question for a person that would bring up too many
        ├── IdShared            two clinics use one id for two records; a move would make one of them
        ├── LoginRefused        name, password or one-time code are wrong, and which of them is not told
        ├── OneTimeCodeNeeded   the password is right, and a one-time code has to come with it
        ├── SessionOver         logged out, disabled, changed, or too long ago
        ├── Forbidden           (NodeRevoked, NodeToWipe, CandidateRefused, LogInAtClinic, EnrolOneTimeCodes, FromAnotherSite)
        ├── OffsetWrong  ContentDiffers  RangeWrong   files: how they are sent, and asked for
        └── TooManyTries  TooManyQuestions  TooManyRequests  TooManyUploads  TooManyExports  Busy  FacilityMoved      (try again later)

`status` is the HTTP status, `exit_code` the command's (75: try again later). No message carries patient data.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar


class HubError(Exception):
    """Any failure of the hub. `hint` tells what to do next, in words for the person who reads it."""

    status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 1
    title: ClassVar[str] = "The hub failed"
    hint: str = "Look into the hub's log; report it with the program's version."
    retry_after_seconds: int | None = None
    headers: Mapping[str, str] = MappingProxyType({})

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
    """No master key at hand opens what is in the database; nothing was changed."""

    status = 503
    title = "The master key is not the one this database was made with"
    hint = (
        "The operator has to give the master key that belongs to this database (MEDTECH_HUB_MASTER_KEY_FILE), or the "
        "database that belongs to this key (MEDTECH_HUB_DSN or the data folder). Nothing has been changed."
    )
    retry_after_seconds = 30


class KmsFault(KeyFault):
    """The KMS that has the master key does not answer, or refuses. What a process has opened it keeps open."""

    status = 503
    exit_code = 75
    title = "The KMS is not reachable"
    hint = "See that the KMS answers and that its token is good. Nothing that was acknowledged is lost."
    retry_after_seconds = 10


class KeyStays(KeyFault):
    """A key that no command exchanges for another."""

    title = "This key is not exchanged for another"
    hint = "docs/OPERATIONS.md says what each key protects, and what to do when it leaked."


class SealBroken(KeyFault):
    """A sealed row that its key does not open."""

    title = "A stored record cannot be opened"
    hint = "The row was damaged or moved. Restore it from a backup; the clinics' own copies are not touched."


class KeyNotHere(SealBroken):
    """A sealed row that says it is under a key which its scope had not yet when the scope was read."""

    status = 503
    exit_code = 75
    title = "A stored record is under a newer key"
    hint = "Try again: its scope has another key since a moment ago. If it stays so, the row was damaged."
    retry_after_seconds = 1


class AlreadyServing(HubError):
    """Another process serves from this folder."""

    title = "A hub is already serving from this folder"
    hint = "Stop the other one first, or give this one another --data folder."


class ShardWrong(HubError):
    """A database that belongs to another shard, or to another hub."""

    title = "This database is another shard's"
    hint = "Give the shard's own address: `medtech-hub shard list` shows which there are. Nothing has been changed."


class PostgresFault(HubError):
    """The database does not start or does not answer."""

    status = 503
    exit_code = 75
    title = "The database is not reachable"
    hint = "See that Postgres runs and answers, then try again. Nothing that was acknowledged is lost."
    retry_after_seconds = 5


class RedisFault(HubError):
    """Redis does not answer. Nodes are served without it, and people who are logged in; nobody logs in meanwhile."""

    status = 503
    exit_code = 75
    title = "Redis is not reachable"
    hint = "See that Redis runs and answers, then try again. It holds nothing that is not elsewhere."
    retry_after_seconds = 5


class MigrationFault(HubError):
    """The database was made by a newer program."""

    title = "The database is newer than this program"
    hint = "Install the newer version of this program again; the database is not changed backwards."


class MessageUnknown(HubError):
    """What one shard tells another, in a form that this program does not know. It waits for one that does."""

    title = "A message between shards has a form that this program does not know"
    hint = "Install the newer version of this program on all machines; the message waits."


class StoreFault(HubError):
    """The store of files does not answer, or has no room."""

    status = 503
    exit_code = 75
    title = "The store of files is not reachable"
    hint = "See that the folder or the S3 service in blob_store answers and has room, then try again."
    retry_after_seconds = 10


class ObjectMissing(HubError):
    """The database names an object that the store does not have."""

    title = "A stored file is not there"
    hint = "Bring the store of files back from its backup; see that blob_store names the right one."


class ExportFailed(HubError):
    """An export that could not be made, however often it was tried."""

    title = "The export could not be made"


class ClusterFault(HubError):
    """A part of the cluster on this machine does not start, or is not there."""

    title = "A part of the cluster does not run"
    hint = "Its log is in its folder. What was acknowledged is not lost; `cluster up` goes on from what is there."


class PromotionRefused(HubError):
    """No server can be promoted, or the primary lives."""

    title = "Nothing was promoted"
    hint = "`medtech-hub shard status` shows the servers. Bring back one that answers, then try again."


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


class LoginRefused(RequestFault):
    """The name, the password or the one-time code are wrong, or she may not log in any more; which of these is not told."""

    status = 401
    title = "Name, password or one-time code are wrong"
    hint = "Type them again. Who has forgotten her password is given a new one by the hub's administrator."


class OneTimeCodeNeeded(RequestFault):
    """The password is right, and this person has one-time codes."""

    status = 401
    title = "A one-time code is needed"
    hint = "Send the six digits that your authenticator shows as `otp`, with name and password."


class SessionOver(RequestFault):
    """A session that was ended, or a token whose time is over."""

    status = 401
    title = "This login is over"
    hint = "Log in again; or, with a refresh token, get a new access token at /auth/refresh."


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


class LogInAtClinic(Forbidden):
    """Her name and password are right, and she works at a clinic, not at the hub."""

    title = "You log in at your clinic"
    hint = "The hub is for its administrators and operators. Log in at your clinic's own address."


class EnrolOneTimeCodes(Forbidden):
    """An administrator without one-time codes, where these are required."""

    title = "Administrators of this hub log in with one-time codes"
    hint = "Whoever runs the hub makes them with `medtech-hub user totp NAME`."


class FromAnotherSite(Forbidden):
    """A browser's request with our cookie that does not come from our own pages."""

    title = "This comes from another site"
    hint = "Use the hub's own pages, or send `Authorization: Bearer …` and no cookie."


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


class OffsetWrong(RequestFault):
    """A piece of a file that does not begin where the last one ended."""

    status = 409
    title = "The piece does not begin where the last one ended"
    hint = "Ask with HEAD how much is here (Upload-Offset), and go on from there."


class ContentDiffers(RequestFault):
    """A file whose content is not what its name says; nothing of it is kept."""

    status = 422
    title = "The content is not what was announced"
    hint = "Compute the SHA-256 of the file, and send it anew."


class RangeWrong(RequestFault):
    """A part of a file that lies behind its end."""

    status = 416
    title = "The file has no such part"

    def __init__(self, size: int) -> None:
        super().__init__(f"The file has {size} bytes.")
        self.headers = {"Content-Range": f"bytes */{size}"}


class TooManyUploads(RequestFault):
    """A node that begins files and does not end them."""

    status = 429
    title = "This node has begun to send too many files"
    hint = "End those that are begun, or delete them; they are forgotten after some time."
    retry_after_seconds = 600


class TooManyExports(RequestFault):
    """Somebody who has asked for more exports than are made for one at a time."""

    status = 429
    title = "Too many exports are waiting"
    hint = "Wait until one is done, or delete one."
    retry_after_seconds = 300


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


class TooManyRequests(RequestFault):
    """More requests than one person, address, node or record is allowed for the time being."""

    status = 429
    exit_code = 75
    title = "Too many requests"
    hint = "Wait until the time in Retry-After has passed."
    retry_after_seconds = 1


class Busy(RequestFault):
    """All places are taken."""

    status = 503
    exit_code = 75
    title = "The hub is busy"
    hint = "Try again after the time in Retry-After; an edge node does so by itself."
    retry_after_seconds = 2


class FacilityMoved(Busy):
    """What was asked for is at home on another shard since a moment ago."""

    title = "The facility has just moved to another shard"
    hint = "Try again; an edge node does so by itself."
    retry_after_seconds = 1
