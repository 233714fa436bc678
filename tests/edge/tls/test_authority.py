"""What the clinic's authority vouches for, for how long, and what it leaves to others."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder
from cryptography.x509.verification import Store as Anchors
from hypothesis import given
from hypothesis import strategies as st

from edge_node.errors import SettingsWrong
from edge_node.programme import Programme
from edge_node.store.store import Store
from edge_node.tls import authority, interfaces, keeping, trust
from edge_node.tls.authority import Pair

NOW = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)
DAY_MS = 86_400_000
NAMES = ["localhost", "clinic-pc", "clinic-pc.local", "127.0.0.1", "192.168.1.5", "fd00::5"]
KEY = bytes(range(32))


@pytest.fixture(scope="module")
def issuer() -> Pair:
    return authority.make_authority("Kakuma", NOW, NAMES)


def verify(issuer: Pair, server: Pair, name: str, at: datetime) -> None:
    """As a strict client does, by another implementation than the one that made it."""
    address = interfaces.as_address(name)
    subject = x509.DNSName(name) if address is None else x509.IPAddress(address)
    verifier = PolicyBuilder().store(Anchors([issuer.parsed()])).time(at).build_server_verifier(subject)
    verifier.verify(server.parsed(), [])


@pytest.mark.parametrize("name", [name for name in NAMES if name != "localhost"])
def test_a_strict_client_accepts_the_server_under_each_of_its_names(issuer: Pair, name: str) -> None:
    names = authority.names_of(authority.issue(issuer, NOW, NAMES).parsed())
    assert name in names


def test_a_certificate_is_believed_under_an_address_and_under_no_other(issuer: Pair) -> None:
    server = authority.issue(issuer, NOW, NAMES)
    verify(issuer, server, "192.168.1.5", NOW)
    with pytest.raises(x509.verification.VerificationError):
        verify(issuer, server, "192.168.1.6", NOW)


def test_a_device_half_a_year_behind_or_ahead_is_let_in(issuer: Pair) -> None:
    server = authority.issue(issuer, NOW, NAMES)
    for days in (-179, -30, 0, 30, 179):
        verify(issuer, server, "clinic-pc.local", NOW + timedelta(days=days))


def test_names_that_are_not_the_clinics_are_left_out_and_do_not_spoil_the_others(issuer: Pair) -> None:
    server = authority.issue(issuer, NOW, [*NAMES, "bank.example", "8.8.8.8", "localhost.evil.example"])
    assert authority.names_of(server.parsed()) == set(NAMES)


def test_the_authority_is_constrained_to_private_networks_and_the_names_it_was_given(issuer: Pair) -> None:
    certificate = issuer.parsed()
    constraint = certificate.extensions.get_extension_for_class(x509.NameConstraints)
    assert constraint.critical
    assert authority.allows(certificate, "10.1.2.3")
    assert authority.allows(certificate, "other.local")
    assert not authority.allows(certificate, "bank.example")
    assert not authority.allows(certificate, "8.8.8.8")
    assert not authority.allows(certificate, "notlocal")


@given(
    clock_ms=st.integers(min_value=-(1 << 62), max_value=1 << 62),
    offset_ms=st.none() | st.integers(min_value=-(1 << 45), max_value=1 << 45),
)
def test_whatever_a_clock_says_the_time_gone_by_is_possible(clock_ms: int, offset_ms: int | None) -> None:
    assert authority.believed(clock_ms, offset_ms) >= authority.WRITTEN


@given(days=st.integers(min_value=0, max_value=365 * 9))
def test_at_any_time_of_the_authoritys_life_a_new_certificate_serves_and_is_short(issuer: Pair, days: int) -> None:
    at = NOW + timedelta(days=days)
    server = authority.issue(issuer, at, NAMES)
    mine = server.parsed()
    assert mine.not_valid_before_utc <= at <= mine.not_valid_after_utc
    assert mine.not_valid_after_utc - mine.not_valid_before_utc <= timedelta(days=397)
    assert authority.serves(server, issuer, at, NAMES)


def test_a_certificate_is_replaced_well_before_its_end_or_when_the_clock_went_back(issuer: Pair) -> None:
    server = authority.issue(issuer, NOW, NAMES)
    assert authority.serves(server, issuer, NOW + timedelta(days=100), NAMES)
    assert not authority.serves(server, issuer, NOW + timedelta(days=120), NAMES)
    assert not authority.serves(server, issuer, NOW - timedelta(days=120), NAMES)


def test_a_certificate_of_another_authority_does_not_serve(issuer: Pair) -> None:
    other = authority.make_authority("Kakuma", NOW, NAMES)
    assert not authority.serves(authority.issue(other, NOW, NAMES), issuer, NOW, NAMES)


def test_the_fingerprint_is_the_certificates_sha256_in_groups(issuer: Pair) -> None:
    told = trust.fingerprint(issuer)
    from cryptography.hazmat.primitives.hashes import SHA256

    assert told.replace(" ", "") == issuer.parsed().fingerprint(SHA256()).hex().upper()
    assert {len(group) for group in told.split()} == {4}


def test_this_machine_knows_itself_by_name_and_address() -> None:
    found = interfaces.names()
    assert {"localhost", "127.0.0.1"} <= set(found)
    assert all(not name.startswith(("127.", "::1")) for name in interfaces.reachable(found))


# --- in the store -----------------------------------------------------------------------------------------------------


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "node", KEY, Programme(), create=True)


def look(store: Store, now_ms: int = NOW_MS, names: list[str] = NAMES, given: list[str] | None = None) -> keeping.Kept:
    return keeping.look(store, now_ms, given or [], lambda: names)


def test_what_is_made_is_kept(store: Store) -> None:
    first = look(store)
    assert look(store, NOW_MS + 30 * DAY_MS) == first
    store.close()


def test_a_new_address_gets_a_new_certificate_of_the_same_authority(store: Store) -> None:
    first, second = look(store), look(store, names=[*NAMES, "192.168.7.7"])
    assert second.authority == first.authority
    assert "192.168.7.7" in authority.names_of(second.server.parsed())
    store.close()


def test_a_certificate_made_by_a_clock_years_ahead_is_made_anew_when_the_clock_is_put_right(store: Store) -> None:
    ahead = look(store, NOW_MS + 5 * 365 * DAY_MS)
    right = look(store)
    assert right.server != ahead.server
    verify(right.authority, right.server, "192.168.1.5", NOW)
    store.close()


def test_a_name_that_the_authority_was_made_without_is_refused_with_what_to_do(store: Store) -> None:
    look(store)
    with pytest.raises(SettingsWrong, match=r"clinic\.example"):
        look(store, given=["clinic.example"])
    keeping.replace(store)
    assert "clinic.example" in authority.names_of(look(store, given=["clinic.example"]).server.parsed())
    store.close()


def test_the_authoritys_key_is_in_no_file_in_clear(store: Store) -> None:
    key = look(store).authority.key
    store.close()
    files = [path.read_bytes() for path in store.path.parent.rglob("*") if path.is_file()]
    assert files
    assert all(key[-32:] not in content and key not in content for content in files)


@pytest.mark.parametrize("text", ["not a name", "-x", "a..b"])
def test_a_setting_that_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(SettingsWrong, match="neither"):
        keeping.given_names(text)
