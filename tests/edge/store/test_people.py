"""Users of a node: passwords and PINs, wrong tries that no restart forgives; an unknown name looks like a wrong password."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_node.errors import NotFound, SettingsWrong, TooManyTries, Unauthorised
from edge_node.store import schema
from edge_node.store.passwords import LOCK_MS, LOCK_MS_MAX, TRIES_MAX, lock_ms, pin_fault, remaining_ms
from edge_node.store.store import Store
from sync_protocol import passwords
from tests.edge.store.nodes import NOW, opened

PASSWORD = "correct horse"


def test_a_user_logs_in_with_the_password_and_no_other(store: Store) -> None:
    store.users.add("ama", "clinician", PASSWORD, NOW)
    assert store.users.verify("ama", PASSWORD, NOW).role == "clinician"
    for name, password in (("ama", "wrong horse"), ("kofi", PASSWORD)):
        with pytest.raises(Unauthorised):
            store.users.verify(name, password, NOW)


def test_a_user_added_again_has_the_new_role_and_password(store: Store) -> None:
    store.users.add("ama", "clinician", PASSWORD, NOW)
    store.users.add("ama", "admin", "another horse", NOW)
    assert store.users.verify("ama", "another horse", NOW).role == "admin"
    assert [user.name for user in store.users.list()] == ["ama"]


def test_a_disabled_user_does_not_log_in(store: Store) -> None:
    store.users.add("ama", "clinician", PASSWORD, NOW)
    store.users.disable("ama")
    with pytest.raises(Unauthorised):
        store.users.verify("ama", PASSWORD, NOW)
    with pytest.raises(NotFound):
        store.users.disable("kofi")


@pytest.mark.parametrize(
    ("name", "role", "password"),
    [("", "admin", PASSWORD), ("a\nb", "admin", PASSWORD), ("ama", "king", PASSWORD), ("ama", "admin", "short")],
)
def test_what_makes_no_user_is_refused(store: Store, name: str, role: str, password: str) -> None:
    with pytest.raises(SettingsWrong):
        store.users.add(name, role, password, NOW)


# --- wrong tries ---


def test_wrong_passwords_lock_the_login_for_longer_each_time_and_no_restart_forgives_them(tmp_path: Path) -> None:
    now = NOW
    with opened(tmp_path) as store:
        store.users.add("ama", "clinician", PASSWORD, NOW)
        for wait_ms in (LOCK_MS, 2 * LOCK_MS):
            for _ in range(TRIES_MAX):
                with pytest.raises(Unauthorised):
                    store.users.verify("ama", "wrong horse", now)
            with pytest.raises(TooManyTries):
                store.users.verify("ama", PASSWORD, now + wait_ms - 1)
            now += wait_ms
    with opened(tmp_path, create=False) as store:
        user = store.users.get("ama")
        assert user is not None
        assert user.wrong == 2 * TRIES_MAX
        assert store.users.verify("ama", PASSWORD, now).name == "ama"
        user = store.users.get("ama")
        assert user is not None
        assert (user.wrong, user.locked_until_ms) == (0, 0)


def test_an_administrator_ends_the_wait(store: Store) -> None:
    store.users.add("ama", "clinician", PASSWORD, NOW)
    for _ in range(TRIES_MAX):
        with pytest.raises(Unauthorised):
            store.users.verify("ama", "wrong horse", NOW)
    store.users.unlock("ama")
    assert store.users.verify("ama", PASSWORD, NOW).name == "ama"


@given(st.integers(0, 10_000))
def test_locks_grow_and_are_bounded(wrong: int) -> None:
    lock = lock_ms(wrong)
    assert (lock > 0) == (wrong > 0 and wrong % TRIES_MAX == 0)
    assert lock <= LOCK_MS_MAX
    assert lock_ms(wrong + TRIES_MAX) >= lock


@given(st.integers(0, 10_000), st.integers(0, 2**45), st.integers(0, 2**45))
def test_a_clock_that_was_put_back_locks_nobody_out_for_years(wrong: int, until: int, now: int) -> None:
    assert 0 <= remaining_ms(wrong, until, now) <= LOCK_MS_MAX


@pytest.mark.parametrize("back_ms", [1, LOCK_MS, 3 * LOCK_MS_MAX])
@pytest.mark.parametrize("wrong", [TRIES_MAX, 20 * TRIES_MAX])
def test_a_clock_that_was_put_back_gets_no_try_past_a_lock_and_the_lock_ends(
    store: Store, wrong: int, back_ms: int
) -> None:
    """By one ms: a try that waited for its thread while another, of later, brought the lock about."""
    store.users.add("ama", "clinician", PASSWORD, NOW)
    with store.transaction() as connection:
        connection.execute("UPDATE user SET wrong = ?", (wrong - 1,))
    with pytest.raises(Unauthorised):
        store.users.verify("ama", "wrong horse", NOW)
    for _ in range(3):
        with pytest.raises(TooManyTries):
            store.users.verify("ama", PASSWORD, NOW - back_ms)
    assert store.users.verify("ama", PASSWORD, NOW - back_ms + lock_ms(wrong)).name == "ama"


@pytest.mark.parametrize(
    "pin", ["1234", "9876", "0000", "1357", "7890", "2727", "2772", "1987", "2024", "2580", "123123"]
)
def test_pins_that_are_guessed_first_are_refused(pin: str) -> None:
    assert pin_fault(pin) is not None


@pytest.mark.parametrize("pin", ["", "123", "12a4", "1234567", "１２３４", "-123"])
def test_what_is_no_pin_is_refused(pin: str) -> None:
    assert pin_fault(pin) is not None


def test_most_pins_will_do() -> None:
    assert sum(pin_fault(f"{number:04}") is None for number in range(10_000)) > 9_000


def test_a_pin_is_kept_as_argon2id_and_forgotten_with_the_password(store: Store) -> None:
    store.users.add("ama", "clinician", PASSWORD, NOW)
    store.users.set_pin("ama", "7294")
    assert store.users.has_pin_of("ama", "7294")
    assert not store.users.has_pin_of("ama", "7295")
    with store.reading() as connection:
        assert connection.execute("SELECT pin FROM user").fetchone()[0].startswith("$argon2id$")
    store.users.set_password("ama", "another horse", NOW)
    assert not store.users.has_pin_of("ama", "7294")


def test_an_unknown_name_costs_what_a_wrong_password_costs(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.users.add("ama", "clinician", PASSWORD, NOW)
    costs: list[str] = []
    sealed, opens = passwords.sealed, passwords.opens

    def sealing(password: str, salt: bytes) -> str:
        costs.append("argon2id")
        return sealed(password, salt)

    def opening(password: str, secret: str) -> bool:
        costs.append("argon2id")
        return opens(password, secret)

    monkeypatch.setattr(passwords, "sealed", sealing)
    monkeypatch.setattr(passwords, "opens", opening)
    told = []
    for name in ("ama", "nobody"):
        costs.clear()
        with pytest.raises(Unauthorised) as caught:
            store.users.verify(name, "wrong horse", NOW)
        told.append((str(caught.value), list(costs)))
    assert told == [(told[0][0], ["argon2id"])] * 2
    with store.reading() as connection:  # each was one write, too
        assert connection.execute("SELECT wrong FROM user").fetchone() == (1,)
        assert connection.execute("SELECT value FROM meta WHERE name = 'login_stranger'").fetchone() == (1,)


def test_users_of_an_older_database_are_local_and_log_in_as_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as earlier:
        earlier.setattr(schema, "MIGRATIONS", schema.MIGRATIONS[:1])
        with opened(tmp_path) as store, store.transaction() as connection:
            secret = passwords.sealed(PASSWORD, bytes(passwords.SALT_BYTES))
            connection.execute(
                "INSERT INTO user (name, role, secret, created) VALUES ('ama', 'clinician', ?, ?)", (secret, NOW)
            )
    with opened(tmp_path, create=False) as store:
        user = store.users.verify("ama", PASSWORD, NOW)
        assert (user.origin, user.role, user.generation, user.has_pin) == ("local", "clinician", 0, False)
