"""The hub's keys: which there are, what each is for, and how they rest.

    master key            outside the database: 32 bytes in a file or a secret store's variable, or a KMS that wraps and unwraps
      └─ wraps            (32 bytes: HKDF-SHA256, then AES key wrap, RFC 3394; a KMS: as it does)
         ├─ hub secrets   index key, receipt key, X25519 and Ed25519 private keys; one row of hub_identity
         └─ data keys     a ring of them for each scope; the current one seals the states of its resources (AES-256-GCM)

Nothing else is under the master key; whatever else has to be secret is sealed with a key derived from the hub's secrets. So another
master key is a few bytes wrapped anew (`hub.rotation.master`), and another data key is a scope's rows sealed anew (`hub.rotation.data`).

The index key makes keyed BLAKE2b hashes: of "Type/id" (16 bytes), of element keys (4), of invitation codes (32). The receipt
key proves to a restored hub that it knew more once (`sync_protocol/exchange/hub.py`). More are derived from the index key:
one for each region, for what people are found by (HMAC-SHA256, `hub/clues.py`), one that marks who was found (`hub/finding.py`), one that
seals the addresses of shards and the keys of exported files, one that signs addresses of files (`hub/blobs/links.py`).
With the database alone nobody can tell whether a certain person is in it.
"""

from hub.keys.files import flush_folder as flush_folder
from hub.keys.files import make_secret_file as make_secret_file
from hub.keys.hub_secrets import CANDIDATE_MAC_BYTES as CANDIDATE_MAC_BYTES
from hub.keys.hub_secrets import SECRETS_COUNT as SECRETS_COUNT
from hub.keys.hub_secrets import Keys as Keys
from hub.keys.masters import KEY_BYTES as KEY_BYTES
from hub.keys.masters import MASTER_NAME as MASTER_NAME
from hub.keys.masters import LocalMaster as LocalMaster
from hub.keys.masters import Masters as Masters
from hub.keys.seals import NONCE_BYTES as NONCE_BYTES
from hub.keys.seals import ScopeSeal as ScopeSeal
from hub.keys.seals import Seal as Seal
