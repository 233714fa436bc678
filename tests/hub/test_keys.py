"""Keys: what is sealed stays sealed, and a wrong master key is called one."""

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.errors import MasterKeyMissing, MasterKeyWrong, SealBroken, SettingsWrong
from hub.keys import new_secrets, read_master_key, unwrap

MASTER = bytes(range(32))
OTHER = bytes(32)
SECRETS = new_secrets(MASTER)
KEYS = unwrap(MASTER, SECRETS)


@given(st.binary(max_size=300), st.binary(min_size=16, max_size=16), st.integers(min_value=0))
def test_a_sealed_state_opens_only_unchanged_and_under_its_own_name(plain: bytes, about: bytes, flip: int) -> None:
    seal = KEYS.seal_of(KEYS.new_data_key())
    sealed = seal.seal(plain, about)
    assert seal.open(sealed, about) == plain
    at = flip % (8 * len(sealed))
    changed = bytearray(sealed)
    changed[at // 8] ^= 1 << at % 8
    for broken, name in ((bytes(changed), about), (sealed, about[::-1] + b"x"), (sealed[:20], about), (b"", about)):
        with pytest.raises(SealBroken):
            seal.open(broken, name)


def test_scopes_cannot_open_each_others_states() -> None:
    sealed = KEYS.seal_of(KEYS.new_data_key()).seal(b"state", b"name")
    with pytest.raises(SealBroken):
        KEYS.seal_of(KEYS.new_data_key()).open(sealed, b"name")


def test_equal_states_do_not_look_equal() -> None:
    seal = KEYS.seal_of(KEYS.new_data_key())
    assert seal.seal(b"state", b"name") != seal.seal(b"state", b"name")


def test_hashes_are_of_this_hub_only_and_of_their_lengths() -> None:
    other = unwrap(MASTER, new_secrets(MASTER))
    assert KEYS.resource_key("Patient/1") == KEYS.resource_key("Patient/1") != other.resource_key("Patient/1")
    assert [len(KEYS.resource_key("a")), len(KEYS.element_hash("a")), len(KEYS.code_hash("a"))] == [16, 4, 32]


def test_another_master_key_opens_nothing() -> None:
    with pytest.raises(MasterKeyWrong, match="not the one"):
        unwrap(OTHER, new_secrets(MASTER))
    other = unwrap(OTHER, new_secrets(OTHER))
    with pytest.raises(MasterKeyWrong):
        other.seal_of(KEYS.new_data_key())


def test_a_master_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    made = read_master_key(tmp_path, given="", file="", may_be_made=True)
    again = read_master_key(tmp_path, given="", file="", may_be_made=False)
    assert made == again
    assert len(made) == 32
    assert stat.S_IMODE((tmp_path / "master.key").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["master.key"]


def test_a_lost_master_key_is_not_replaced(tmp_path: Path) -> None:
    with pytest.raises(MasterKeyMissing, match=r"master\.key"):
        read_master_key(tmp_path, given="", file="", may_be_made=False)
    with pytest.raises(MasterKeyMissing, match="elsewhere"):
        read_master_key(tmp_path, given="", file=str(tmp_path / "elsewhere"), may_be_made=True)
    assert list(tmp_path.iterdir()) == []


def test_a_master_key_may_come_from_elsewhere(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text(MASTER.hex() + "\n")
    assert read_master_key(tmp_path, given="", file=str(path), may_be_made=False) == MASTER
    assert read_master_key(tmp_path, given=OTHER.hex(), file=str(path), may_be_made=False) == OTHER
    path.write_text("abc")
    with pytest.raises(SettingsWrong, match="64 hex digits"):
        read_master_key(tmp_path, given="", file=str(path), may_be_made=False)


def test_a_clue_is_known_again_in_its_region_only() -> None:
    token = KEYS.clue_token("west", "name-year", "ADS 1991")
    assert token == unwrap(MASTER, SECRETS).clue_token("west", "name-year", "ADS 1991")
    others = {
        KEYS.clue_token("east", "name-year", "ADS 1991"),
        KEYS.clue_token("west", "name-place", "ADS 1991"),
        KEYS.clue_token("west", "name-year", "ADS 1992"),
        unwrap(MASTER, new_secrets(MASTER)).clue_token("west", "name-year", "ADS 1991"),
    }
    assert token not in others
    assert len(others) == 4
    assert all(-(1 << 63) <= one < 1 << 63 for one in (token, *others))
