"""Settings: a file gives way to the environment, that to an option; and the reference tells them all."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from edge_node import cli
from edge_node.errors import SettingsWrong
from edge_node.settings import Settings, environment_name, load, reference


def test_file_gives_way_to_environment_and_environment_to_option(tmp_path: Path) -> None:
    (tmp_path / "edge.toml").write_text('port = 1000\nhost = "file"\nlog = "json"\n')
    environment = {"MEDTECH_DATA": str(tmp_path), "MEDTECH_EDGE_PORT": "2000", "MEDTECH_EDGE_HOST": "environment"}
    settings = load(environment, {"port": 3000, "host": None})
    assert (settings.port, settings.host, settings.log) == (3000, "environment", "json")
    assert settings.data == str(tmp_path)


@pytest.mark.parametrize(
    ("environment", "options", "named"),
    [
        ({"MEDTECH_EDGE_PORT": "many"}, {}, "the environment"),
        ({}, {"port": 70_000}, "the options"),
        ({"MEDTECH_LOG": "xml"}, {}, "the environment"),
    ],
)
def test_what_means_nothing_is_refused_with_where_it_came_from(
    tmp_path: Path, environment: dict[str, str], options: dict[str, int], named: str
) -> None:
    with pytest.raises(SettingsWrong, match=named):
        load(environment, {"data": str(tmp_path), **options})


def test_a_settings_file_with_an_unknown_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "edge.toml").write_text("prot = 1\n")
    with pytest.raises(SettingsWrong, match="prot"):
        load({}, {"data": str(tmp_path)})
    (tmp_path / "edge.toml").write_text("port\n")
    with pytest.raises(SettingsWrong, match="TOML"):
        load({}, {"data": str(tmp_path)})


def test_the_names_that_all_programs_share_have_no_prefix_of_this_one() -> None:
    assert environment_name("data") == "MEDTECH_DATA"
    assert environment_name("passphrase_file") == "MEDTECH_PASSPHRASE_FILE"
    assert environment_name("port") == "MEDTECH_EDGE_PORT"
    assert {row.name for row in reference()} == set(Settings.__struct_fields__)


def test_every_command_that_is_listed_is_there_and_has_help() -> None:
    runner = CliRunner()
    listed = runner.invoke(cli.cli, ["--help"])
    for name in cli.COMMANDS:
        assert name in listed.output
        shown = runner.invoke(cli.cli, [name, "--help"])
        assert shown.exit_code == 0, shown.output
        assert len(shown.output.splitlines()) > 3
