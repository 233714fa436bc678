"""Keys: what is sealed stays sealed, whoever has older rows opens them, and a wrong master key is called one."""

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from hub.errors import KeyFault, KeyNotHere, MasterKeyMissing, MasterKeyWrong, SealBroken, SettingsWrong
from hub.keys import Keys, LocalMaster, Masters, ScopeSeal, Seal
from hub.keys import rings as ring_rules
from hub.keys.hub_secrets import new_secrets, unwrap
from hub.keys.masters import read_master_keys
from hub.keys.seals import MARK, header_of
from hub.keys.sources import masters_of
from hub.settings import Settings
from tests.simulation.memory_shard import finish

MASTER = bytes(range(32))
OTHER = bytes(32)


def masters(*keys: bytes) -> Masters:
    return Masters(lambda: [LocalMaster(key) for key in keys])


SECRETS = finish(new_secrets(LocalMaster(MASTER)))
KEYS = finish(unwrap(masters(MASTER), SECRETS))
MASTER_ID = LocalMaster(MASTER).id

# Made by the program as it was before keys had versions: under MASTER, a scope's key, and a state sealed with it.
OLD_SECRETS = bytes.fromhex(
    "7f2b8cd5c087805e7e2c734ac9c077b6aa77fc0f169c7bee45934caf0c8695c32044bdb78b79ca95fee198003140c6a6874866b3b0c3c68fba224991739535150e52"
    "ad78807f7ee99d940e284854162a097e41976cfb5cd78d6592c0144590709c08d1a3ceff78658b20e554e5901a4ffa6b3d71b15da894a470932830b2d6911fa7d631"
    "3d1e58d2"
)
OLD_RING = bytes.fromhex("99ab358232d6471fd07d799dc36a4febd2bb608607693d0a898fb06705f19de4ad7b073a24e04dc1")
OLD_SEALED = bytes.fromhex(
    "02d27c61efc94880a4fad8897ba4ee508b2b7304cb10437354b0fbc3b4e34abadbad1ea4932c6f5d00c75ab60f39e8c00b34b8ee"
)
OLD_ABOUT = bytes(range(16))
OLD_PLAIN = b"Patient/1\0state of today"


def ring(keys: Keys = KEYS) -> bytes:
    return finish(keys.data.new_ring(keys.masters.first.id, 0))


def scope_seal() -> ScopeSeal:
    return KEYS.seal_of(ring())


@given(st.binary(max_size=300), st.binary(min_size=16, max_size=16), st.integers(min_value=0), st.booleans())
def test_a_sealed_state_opens_only_unchanged_and_under_its_own_name(
    plain: bytes, about: bytes, flip: int, old: bool
) -> None:
    seal = KEYS.seal_of(OLD_RING) if old else scope_seal()
    sealed = seal.seal(plain, about)
    assert seal.open(sealed, about) == plain
    at = flip % (8 * len(sealed))
    changed = bytearray(sealed)
    changed[at // 8] ^= 1 << at % 8
    for broken, name in ((bytes(changed), about), (sealed, about[::-1] + b"x"), (sealed[:20], about), (b"", about)):
        with pytest.raises(SealBroken):
            seal.open(broken, name)


def test_scopes_cannot_open_each_others_states() -> None:
    sealed = scope_seal().seal(b"state", b"name")
    with pytest.raises(SealBroken):
        scope_seal().open(sealed, b"name")


def test_equal_states_do_not_look_equal() -> None:
    seal = scope_seal()
    assert seal.seal(b"state", b"name") != seal.seal(b"state", b"name")


def test_what_older_programs_stored_opens_before_and_after_a_rotation() -> None:
    keys = finish(unwrap(masters(MASTER), OLD_SECRETS))
    assert keys.receipt_key == bytes(i * 7 % 256 for i in range(32, 64))
    assert keys.seal_of(OLD_RING).open(OLD_SEALED, OLD_ABOUT) == OLD_PLAIN
    assert keys.seal_of(OLD_RING).opened(keys.seal_of(OLD_RING).seal(b"new", b"about"), b"about") == (0, b"new")
    announced = finish(keys.data.announced(OLD_RING, MASTER_ID, 7))
    assert keys.seal_of(announced).current == 0
    used = ring_rules.pack(ring_rules.used(ring_rules.read(announced), 40))
    assert keys.seal_of(used).opened(OLD_SEALED, OLD_ABOUT) == (0, OLD_PLAIN)
    assert keys.seal_of(used).opened(keys.seal_of(used).seal(b"new", b"about"), b"about") == (1, b"new")
    anew = finish(keys.data.wrapped_anew([used, OLD_RING], LocalMaster(OTHER)))
    later = finish(unwrap(masters(OTHER), finish(new_secrets(LocalMaster(OTHER)))))
    for one in anew:
        assert later.seal_of(one).open(OLD_SEALED, OLD_ABOUT) == OLD_PLAIN


def test_an_old_row_that_looks_like_a_newer_one_is_not_lost() -> None:
    """The nonce of an old row is random: now and then it begins as the header of a version does."""
    old = Seal(OTHER)
    sealed = b""
    while not sealed.startswith(header_of(1)[:1]):
        sealed = old.seal(b"state", b"about")
    # The whole header by hand: as with a nonce that happened to be this one.
    nonce = header_of(1) + bytes(9)
    unlucky = nonce + AESGCM(OTHER).encrypt(nonce, b"state", b"about")
    both = ScopeSeal(1, {0: OTHER, 1: MASTER})
    for one in (sealed, unlucky):
        assert both.opened(one, b"about") == (0, b"state")
    with pytest.raises(SealBroken):
        ScopeSeal(1, {1: MASTER}).open(unlucky, b"about")


def test_a_version_that_the_ring_does_not_have_is_worth_another_try() -> None:
    newer = ScopeSeal(2, {2: OTHER}).seal(b"state", b"about")
    with pytest.raises(KeyNotHere) as caught:
        ScopeSeal(1, {1: MASTER}).open(newer, b"about")
    assert (caught.value.status, caught.value.retry_after_seconds) == (503, 1)
    with pytest.raises(SealBroken):  # its header is changed to that of a key which is there
        ScopeSeal(1, {1: OTHER}).open(header_of(1) + newer[3:], b"about")
    assert newer[0] == MARK


def test_a_ring_goes_from_key_to_key() -> None:
    one = ring_rules.read(ring())
    two = ring_rules.read(finish(KEYS.data.announced(ring_rules.pack(one), MASTER_ID, 5)))
    assert (two.current, [key.version for key in two.keys]) == (1, [1, 2])
    used = ring_rules.used(two, 99)
    assert (used.current, used.of_current.begun_seq, used.of_current.made_ms) == (2, 99, 5)
    assert ring_rules.retired(two) == two
    assert [key.version for key in ring_rules.retired(used).keys] == [2]
    assert ring_rules.joined(ring_rules.retired(used), one) == used
    for broken in (b"", b"x", b"\x92\x05\x90", ring_rules.pack(one)[:-1]):
        with pytest.raises(KeyFault):
            ring_rules.read(broken)


def test_hashes_are_of_this_hub_only_and_of_their_lengths() -> None:
    other = finish(unwrap(masters(MASTER), finish(new_secrets(LocalMaster(MASTER)))))
    assert KEYS.resource_key("Patient/1") == KEYS.resource_key("Patient/1") != other.resource_key("Patient/1")
    assert [len(KEYS.resource_key("a")), len(KEYS.element_hash("a")), len(KEYS.code_hash("a"))] == [16, 4, 32]


def test_another_master_key_opens_nothing() -> None:
    for stored in (SECRETS, OLD_SECRETS):
        with pytest.raises(MasterKeyWrong, match="not the one"):
            finish(unwrap(masters(OTHER), stored))
    other = finish(unwrap(masters(OTHER), finish(new_secrets(LocalMaster(OTHER)))))
    for stored in (ring(), OLD_RING):
        with pytest.raises(MasterKeyWrong):
            other.seal_of(stored)
    with pytest.raises(KeyFault):
        finish(unwrap(masters(MASTER), SECRETS[:-1]))


def test_what_is_open_stays_open_without_its_master_key() -> None:
    at_hand = [LocalMaster(MASTER)]
    keys = finish(unwrap(Masters(lambda: at_hand), SECRETS))
    mine, theirs = ring(keys), ring()
    sealed = keys.seal_of(mine).seal(b"state", b"about")
    at_hand[:] = []
    keys.masters.all = ()
    anew = finish(KEYS.data.wrapped_anew([mine], LocalMaster(OTHER)))[0]
    assert anew != mine
    finish(keys.data.prepare([mine, anew]))
    assert keys.seal_of(anew).open(sealed, b"about") == b"state"
    with pytest.raises(MasterKeyWrong) as caught:
        finish(keys.data.prepare([theirs]))
    assert (caught.value.status, caught.value.retry_after_seconds) == (503, 30)
    at_hand[:] = [LocalMaster(OTHER), LocalMaster(MASTER)]  # somebody put it into the file
    finish(keys.data.prepare([theirs]))
    assert keys.seal_of(theirs).current == 1


def test_a_master_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    made = read_master_keys(tmp_path, given="", file="", may_be_made=True)
    again = read_master_keys(tmp_path, given="", file="", may_be_made=False)
    assert made == again
    assert [len(key) for key in made] == [32]
    assert stat.S_IMODE((tmp_path / "master.key").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["master.key"]


def test_a_lost_master_key_is_not_replaced(tmp_path: Path) -> None:
    with pytest.raises(MasterKeyMissing, match=r"master\.key"):
        read_master_keys(tmp_path, given="", file="", may_be_made=False)
    with pytest.raises(MasterKeyMissing, match="elsewhere"):
        read_master_keys(tmp_path, given="", file=str(tmp_path / "elsewhere"), may_be_made=True)
    assert list(tmp_path.iterdir()) == []


def test_a_master_key_may_come_from_elsewhere(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text(MASTER.hex() + "\n")
    assert read_master_keys(tmp_path, given="", file=str(path), may_be_made=False) == [MASTER]
    assert read_master_keys(tmp_path, given=OTHER.hex(), file=str(path), may_be_made=False) == [OTHER]
    path.write_text(f"{OTHER.hex()}\n{MASTER.hex()}\n")
    assert read_master_keys(tmp_path, given="", file=str(path), may_be_made=False) == [OTHER, MASTER]
    for wrong in ("abc", "", MASTER.hex() + " " + OTHER.hex()[:-2], MASTER.hex() + OTHER.hex()):
        path.write_text(wrong)
        with pytest.raises(SettingsWrong, match="64 hex digits") as caught:
            read_master_keys(tmp_path, given="", file=str(path), may_be_made=False)
        assert caught.value.__suppress_context__


def test_none_is_made_beside_a_kms(tmp_path: Path) -> None:
    token = tmp_path / "token"
    kms = Settings(data=str(tmp_path), kms_url="https://kms", kms_keys="a, b", kms_token_file=str(token))
    assert len(masters_of(kms, may_be_made=True).all) == 2
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "master.key").write_text(MASTER.hex())
    found = masters_of(kms, may_be_made=False)
    assert (found.named(MASTER_ID).id, found.first.id) == (MASTER_ID, found.all[0].id)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kms_url": "https://kms"},
        {"kms_keys": "a"},
        {"kms_url": "https://kms", "kms_keys": "a"},
        {"kms_url": "http://kms", "kms_keys": "a", "kms_token_file": "token"},
        {"kms_url": "ftp://127.0.0.1", "kms_keys": "a", "kms_token_file": "token"},
        {"kms_url": "https://kms", "kms_keys": "a", "kms_token_file": "token", "kms_ca_file": "/none"},
    ],
)
def test_half_a_kms_is_none(tmp_path: Path, wrong: dict[str, str]) -> None:
    with pytest.raises(SettingsWrong, match="kms_"):
        masters_of(Settings(data=str(tmp_path), **wrong), may_be_made=True)  # type: ignore[arg-type]


def test_a_clue_is_known_again_in_its_region_only() -> None:
    token = KEYS.clue_token("west", "name-year", "ADS 1991")
    assert token == finish(unwrap(masters(MASTER), SECRETS)).clue_token("west", "name-year", "ADS 1991")
    others = {
        KEYS.clue_token("east", "name-year", "ADS 1991"),
        KEYS.clue_token("west", "name-place", "ADS 1991"),
        KEYS.clue_token("west", "name-year", "ADS 1992"),
        finish(unwrap(masters(MASTER), finish(new_secrets(LocalMaster(MASTER))))).clue_token(
            "west", "name-year", "ADS 1991"
        ),
    }
    assert token not in others
    assert len(others) == 4
    assert all(-(1 << 63) <= one < 1 << 63 for one in (token, *others))


def test_nothing_that_is_shown_of_keys_is_a_key() -> None:
    seal = scope_seal()
    told = " ".join(
        repr(one)
        for one in (KEYS, KEYS.data, KEYS.masters, KEYS.masters.first, seal, Seal(MASTER), ring_rules.read(ring()))
    )
    for secret in (MASTER, KEYS.receipt_key, *KEYS.data._keys.values()):
        assert secret.hex() not in told
        assert repr(secret)[2:-1] not in told
