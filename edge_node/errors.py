"""Everything that can go wrong at an edge node, as one tree. Each class says whose fault it is and what to do next.

    EdgeError
    ├── SettingsWrong          the operator's: a setting that means nothing
    ├── KeyFault               the operator's: the database's key
    │   ├── NoDatabase         there is no node in this folder
    │   ├── WrongPassphrase
    │   ├── PassphraseMissing
    │   └── KeyMissing         the key file was lost; without it nobody can read the data
    ├── StorageFault           the machine's
    │   ├── CorruptDatabase
    │   ├── DiskFull
    │   ├── DatabaseBusy       another program writes for very long (try again)
    │   ├── FileFault          a file or folder that cannot be read or written
    │   ├── NewerSchema        the database was made by a newer program
    │   └── BadBackup          a backup that does not open or is not what it says
    ├── SyncFault              between this node and its hub; nothing is lost by any of them
    │   ├── NotEnrolled
    │   ├── AlreadyEnrolled
    │   ├── HubUnreachable     (try again)
    │   ├── HubBusy            (try again)
    │   ├── HubRefused         the hub turned the request away
    │   ├── HubNotTrusted      an answer or certificate that is not this node's hub's
    │   ├── HubTooOld  HubTooNew
    │   ├── TooLittleKnown     to look for somebody at the hub
    │   ├── AskedTooOften      (try again)
    │   ├── FoundTooLongAgo  NotThereAnyMore  IdUsedTwice    somebody who was found cannot be admitted
    │   └── RevokedNode
    └── RequestFault           the caller's
        ├── InvalidResource    with `issues`
        ├── NotFound  Gone  AlreadyExists
        ├── AlreadySubmitted   a form that was carried out before, with the page it led to
        ├── VersionConflict    with the present version
        ├── Unauthorised  Forbidden  SessionLocked
        └── TooManyTries       (try again)

`status` is the HTTP status, `exit_code` the command's (75: try again later). No message carries patient data.
"""

import errno
from typing import TYPE_CHECKING, ClassVar

from edge_node.language import marked

if TYPE_CHECKING:
    from edge_node.fhir.validation import Issue

TRY_AGAIN = 75


class EdgeError(Exception):
    """Any failure of an edge node; `hint` says what to do next. Programs read both in English; a page says by `_` what is `marked`."""

    status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 1
    title: ClassVar[str] = "The node failed"
    hint: str = marked("Run `medtech-edge doctor`; report it with the program's version.")

    def __init__(self, message: str = "", *, hint: str | None = None) -> None:
        super().__init__(message or self.title)
        if hint is not None:
            self.hint = hint


class SettingsWrong(EdgeError):
    """A setting in the file, the environment or an option that means nothing."""

    exit_code = 2
    title = "A setting is wrong"
    hint = "`medtech-edge settings` lists all settings, their meaning and their defaults."


# --- keys -------------------------------------------------------------------------------------------------------------


class KeyFault(EdgeError):
    """The database cannot be unlocked."""

    title = "The database cannot be unlocked"


class NoDatabase(KeyFault):
    """There is no node in this folder."""

    title = "There is no node in this folder"
    hint = (
        "Give the right folder with --data. `import`, `user add`, `enroll` and `serve` make a new node in an empty one."
    )


class WrongPassphrase(KeyFault):
    """The passphrase does not open the key. Nothing was changed."""

    title = "The passphrase is wrong"
    hint = "Put the right passphrase into the file that MEDTECH_PASSPHRASE_FILE names. Nothing has been changed."


class PassphraseMissing(KeyFault):
    """The key is wrapped under a passphrase and none was given."""

    title = "This node's key needs a passphrase"
    hint = "Name a file that holds the passphrase in MEDTECH_PASSPHRASE_FILE."


class KeyMissing(KeyFault):
    """There is a database and no key for it."""

    title = "The key of this database is missing"
    hint = (
        "Put back `edge.key` from where it is kept safe, or restore a backup. Without its key nobody can read the data."
    )


# --- storage ----------------------------------------------------------------------------------------------------------


class StorageFault(EdgeError):
    """The machine's fault: disk, memory, another process."""

    status = 503
    title = marked("The database failed")


class CorruptDatabase(StorageFault):
    """The file is damaged, or belongs to another key."""

    title = marked("The database is damaged, or is not the one that this key belongs to")
    hint = marked("Keep the file. Restore the last backup into an empty folder; what the hub has comes back by itself.")


class DiskFull(StorageFault):
    """No room to write. What was being written is not stored; all that was acknowledged is."""

    status = 507
    title = marked("The disk is full")
    hint = marked("Free some space and try again. Nothing that was acknowledged is lost.")


class DatabaseBusy(StorageFault):
    """Another program has been writing for longer than this one waits."""

    exit_code = TRY_AGAIN
    title = marked("The database is busy")
    hint = marked("Another program is writing to it. Try again in a moment.")


class FileFault(StorageFault):
    """A file or folder that cannot be read or written."""

    title = marked("A file or folder cannot be used")
    hint = marked("See that it is there, that its disk can be written, and that this user may do so.")


class NewerSchema(StorageFault):
    """The database was made by a newer program."""

    title = marked("The database is newer than this program")
    hint = marked("Install the newer version of this program again; the database is not changed backwards.")


class BadBackup(StorageFault):
    """A backup that does not open with this key, or whose content is not what it says."""

    title = "The backup cannot be used"
    hint = "Take another copy, and give the passphrase that was in force when it was made."


def of_system(error: OSError) -> StorageFault:
    """What an error of the operating system means."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull()
    return FileFault(f"{error.filename}: {error.strerror}" if error.filename else str(error))


# --- the hub ----------------------------------------------------------------------------------------------------------


class SyncFault(EdgeError):
    """Between this node and its hub. Nothing is lost by it; the node goes on working."""

    status = 502
    title = marked("The exchange with the hub failed")


class NotEnrolled(SyncFault):
    """This node has no hub yet."""

    status = 409
    title = marked("This node is not enrolled")
    hint = marked("Ask the hub's administrator for a code, then `medtech-edge enroll --hub URL --code CODE`.")


class AlreadyEnrolled(SyncFault):
    """This node has a hub already."""

    status = 409
    title = marked("This node is enrolled already")
    hint = marked("`medtech-edge status` shows its hub. Another node needs another --data folder.")


class HubUnreachable(SyncFault):
    """No answer: no network, or the hub is away. The normal case for a clinic."""

    exit_code = TRY_AGAIN
    title = marked("The hub is not reachable")
    hint = marked("Nothing is lost; the node works without it and tries again by itself.")


class HubBusy(SyncFault):
    """The hub asks to come later."""

    exit_code = TRY_AGAIN
    title = marked("The hub is busy")
    hint = marked("Nothing is lost; the node tries again by itself.")


class HubRefused(SyncFault):
    """The hub turned the request away."""

    title = marked("The hub refused")
    hint = marked("Ask the hub's administrator; the hub's log has the reason.")


class HubNotTrusted(SyncFault):
    """An answer that this node's hub did not make."""

    title = marked("This is not the hub that the node was enrolled with")
    hint = marked("Compare the hub's address; ask the hub's administrator whether its keys were renewed.")


class HubTooOld(SyncFault):
    """The hub speaks only older protocols than this node."""

    title = marked("The hub's program is too old for this node")
    hint = marked("The hub has to be updated. Nothing is lost meanwhile.")


class HubTooNew(SyncFault):
    """The hub does not speak this node's protocol any more."""

    title = marked("This node's program is too old for the hub")
    hint = marked("Update this node's program. Nothing is lost meanwhile.")


class TooLittleKnown(SyncFault):
    """A question for somebody at the hub that would bring up too many."""

    status = 422
    title = marked("More has to be known about her")
    hint = marked("Give the number on her card, or two of: name, birth date, telephone, and the village with a name.")


class AskedTooOften(SyncFault):
    """This node has looked for more people than is usual."""

    status = 429
    exit_code = TRY_AGAIN
    title = marked("This clinic has looked for too many people")
    hint = marked(
        "Try again in an hour. Meanwhile she can be registered here; the two records can be shown as one later."
    )


class FoundTooLongAgo(SyncFault):
    """Who was found is admitted at once, or looked for again."""

    status = 409
    title = marked("She has to be looked for once more")
    hint = marked("Look for her again, and choose her from what is found then.")


class NotThereAnyMore(SyncFault):
    """Who was found was deleted meanwhile, or went to another region."""

    status = 409
    title = marked("Her record is not there any more")
    hint = marked("Look for her again, or register her here.")


class IdUsedTwice(SyncFault):
    """Old registers number their patients alike: her record would become one with another's here."""

    status = 409
    title = marked("Her record cannot come here: its number belongs to somebody else's record in this clinic")
    hint = marked("Register her here, and ask the clinic that knows her for what matters.")


class RevokedNode(SyncFault):
    """The hub's administrator has revoked this node."""

    status = 403
    title = marked("The hub has revoked this node")
    hint = marked(
        "Ask the hub's administrator. The records stay; `export`, `import` into a new folder and `enroll` take them along."
    )


# --- the caller -------------------------------------------------------------------------------------------------------


class RequestFault(EdgeError):
    """The caller's fault."""

    status = 400
    title = "The request cannot be carried out"
    hint = "Correct the request."


class InvalidResource(RequestFault):
    """A resource that the published definitions do not allow. Nothing was written."""

    status = 422
    title = "The resource is not valid"
    hint = "Correct what the issues name."

    def __init__(self, issues: "list[Issue]", message: str = "") -> None:
        super().__init__(message or "; ".join(f"{issue.expression}: {issue.diagnostics}" for issue in issues[:3]))
        self.issues = issues


class NotFound(RequestFault):
    """There is no such thing here."""

    status = 404
    title = marked("There is no such thing here")
    hint = marked("See whether the name is right, and whether the last sync brought it.")


class Gone(RequestFault):
    """It was deleted; its history is still here."""

    status = 410
    title = "It was deleted"
    hint = "Its earlier versions are in its history."


class AlreadyExists(RequestFault):
    """It should have been new, and is not."""

    status = 409
    title = marked("There is one already")
    hint = marked("Read it, and change that.")


class AlreadySubmitted(RequestFault):
    """A form was sent twice. Its writes were made the first time; `location` is the page that they led to."""

    status = 409
    title = marked("This form was saved before")
    hint = marked("Nothing was written twice; look at what is there.")

    def __init__(self, location: str, said: str = "") -> None:
        super().__init__()
        self.location, self.said = location, said


class VersionConflict(RequestFault):
    """If-Match names a version that is not the present one."""

    status = 412
    title = "It was changed since you read it"
    hint = "Read it again, and make the change on what is there now."

    def __init__(self, present: str | None) -> None:
        super().__init__()
        self.present = present


class Unauthorised(RequestFault):
    """No credentials, or wrong ones."""

    status = 401
    title = "User name or password are wrong"
    hint = "Log in again. An administrator of this node can set a new password."


class Forbidden(RequestFault):
    """The credentials are right, and do not allow this."""

    status = 403
    title = "This is not allowed"
    hint = "Ask an administrator of this node."


class SessionLocked(RequestFault):
    """The login is good, and locked: it was idle for too long, or somebody locked it."""

    status = 423
    title = "This login is locked"
    hint = "Unlock it with the PIN or the password at /lock, or log in again."


class TooManyTries(RequestFault):
    """More wrong tries than are allowed for the time being."""

    status = 429
    exit_code = TRY_AGAIN
    title = "Too many wrong tries"
    hint = "Wait a little, then try again."
