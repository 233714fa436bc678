"""Settings: which source wins, and that a wrong one is named."""

from pathlib import Path

import msgspec
import pytest

from hub.errors import SettingsWrong
from hub.settings import Settings, load, reference, reference_markdown


def test_an_option_wins_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "hub.toml").write_text('host = "10.0.0.1"\nport = 1\nconnections_max = 7\n')
    environment = {"MEDTECH_DATA": str(tmp_path), "MEDTECH_HUB_PORT": "2", "MEDTECH_HUB_HOST": "10.0.0.2"}
    settings = load(environment, {"host": "10.0.0.3", "port": None})
    assert (settings.host, settings.port, settings.connections_max) == ("10.0.0.3", 2, 7)


def test_text_of_the_environment_is_read_as_what_is_wanted() -> None:
    settings = load({"MEDTECH_HUB_DSN_POOLED": "false", "MEDTECH_HUB_INVITE_HOURS": "3", "MEDTECH_LOG": "json"}, {})
    assert (settings.dsn_pooled, settings.invite_hours, settings.log) == (False, 3, "json")


def test_what_kubernetes_puts_into_the_environment_is_not_a_setting() -> None:
    assert load({"MEDTECH_HUB_PORT": "tcp://10.1.2.3:8080"}, {}).port == Settings().port


@pytest.mark.parametrize(
    ("text", "said"),
    [("prot = 1\n", "prot"), ("port = 99999\n", "port"), ('log = "loud"\n', "log"), ("port = \n", "not TOML")],
)
def test_a_wrong_setting_in_the_file_is_named(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "own.toml"
    path.write_text(text)
    with pytest.raises(SettingsWrong, match=said) as caught:
        load({}, {}, path)
    assert str(path) in str(caught.value)


def test_a_wrong_variable_is_named() -> None:
    with pytest.raises(SettingsWrong, match=r"environment.*port"):
        load({"MEDTECH_HUB_PORT": "many"}, {})


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsWrong, match=r"none\.toml"):
        load({}, {}, tmp_path / "none.toml")


def test_the_reference_tells_of_every_setting() -> None:
    names = {field.name for field in msgspec.structs.fields(Settings)}
    assert {row.name for row in reference()} == names
    assert all(row.meaning.endswith(".") and f"`{row.environment}`" in reference_markdown() for row in reference())
