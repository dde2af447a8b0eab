"""prmsync.toml: every wrong key is named at once, with its line and a remedy."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from prmsync.errors import ConfigurationError, Finding
from prmsync.service.settings import Settings, find_settings, load_settings

ACME = '[connections.acme-sf]\nconnector = "salesforce"\n'


def write(folder: Path, text: str) -> Path:
    path = folder / "prmsync.toml"
    path.write_text(text, encoding="utf-8")
    return path


def load(folder: Path, text: str, environ: dict[str, str] | None = None) -> Settings:
    return load_settings(write(folder, text), environ or {})


def findings(folder: Path, text: str, environ: dict[str, str] | None = None) -> list[Finding]:
    with pytest.raises(ConfigurationError) as caught:
        load(folder, text, environ)
    return list(caught.value.findings)


def test_an_empty_file_gives_the_defaults(tmp_path: Path) -> None:
    settings = load(tmp_path, "")
    assert settings.database.url == "sqlite:///prmsync.db"
    assert settings.connections == {}
    assert settings.service.log_level == "info"
    assert settings.folder == tmp_path


def test_a_connection_has_safe_defaults(tmp_path: Path) -> None:
    connection = load(tmp_path, ACME).connection("acme-sf")
    assert connection.environment == "production"
    assert connection.schedule == timedelta(minutes=15)
    assert (connection.writes, connection.share, connection.mapping) == ("both", 20, [])


@pytest.mark.parametrize(
    ("text", "span"),
    [("30s", timedelta(seconds=30)), ("2h", timedelta(hours=2)), ("1d", timedelta(days=1))],
)
def test_schedules_are_spans_of_time(tmp_path: Path, text: str, span: timedelta) -> None:
    settings = load(tmp_path, f'{ACME}schedule = "{text}"\n')
    assert settings.connection("acme-sf").schedule == span


def test_every_problem_is_reported_with_its_line_in_file_order(tmp_path: Path) -> None:
    found = findings(
        tmp_path,
        "\n".join(
            [
                "[servce]",
                "[connections.acme-sf]",
                'conector = "salesforce"',
                'shedule = "15m"',
                'schedule = "soon"',
                'share = "20"',
                'environment = "live"',
                "mapping = 3",
            ]
        ),
    )
    path = tmp_path / "prmsync.toml"
    assert [finding.where for finding in found] == [
        f"{path}:{line}:1" for line in (1, 2, 3, 4, 5, 6, 7, 8)
    ]
    assert found[0].hint == "did you mean `service`?"
    assert found[2].hint == "did you mean `connector`?"
    assert found[3].hint == "did you mean `schedule`?"


def test_a_column_is_named_where_a_key_is_indented(tmp_path: Path) -> None:
    found = findings(tmp_path, f"{ACME}  shade = 3\n")
    assert found[0].where.endswith(":3:3")


def test_a_key_of_an_inline_table_is_placed_at_its_table(tmp_path: Path) -> None:
    found = findings(tmp_path, 'connections = { a = { connector = "x", shar = 1 } }\n')
    assert found[0].where.endswith(":1:1")


def test_broken_toml_names_line_and_column(tmp_path: Path) -> None:
    found = findings(tmp_path, "[database]\nurl = \n")
    assert found[0].where.startswith(f"{tmp_path / 'prmsync.toml'}:2:")


def test_a_text_that_is_not_closed_is_told_in_words(tmp_path: Path) -> None:
    [found] = findings(tmp_path, '[database]\nurl = "sqlite:///a.db\n')
    assert found.message == "the line ends before its text is closed"


def test_a_file_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    path = tmp_path / "prmsync.toml"
    path.write_bytes("# Büro\n".encode("latin-1"))
    with pytest.raises(ConfigurationError, match=r"not UTF-8 text \(byte 3\)"):
        load_settings(path, {})


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(tmp_path / "none.toml", {})
    assert "prmsync init" in caught.value.hint


@pytest.mark.parametrize(
    "line",
    [
        'auth.client_secret = "s3cr3t"',
        'auth = { token = "abc" }',
        'auth.client = "pat-eu1-1234"',
        'auth.session = "00D000000000001!AQ"',
    ],
)
def test_a_secret_written_out_is_refused_and_not_repeated(tmp_path: Path, line: str) -> None:
    found = findings(tmp_path, f"{ACME}{line}\n")
    assert "secret" in found[0].message
    assert "env:NAME" in found[0].hint
    assert not any(secret in str(found[0]) for secret in ("s3cr3t", "abc", "pat-", "00D"))


def test_a_reference_is_kept_as_it_is(tmp_path: Path) -> None:
    settings = load(tmp_path, f'{ACME}auth.client_secret = "env:SF_SECRET"\n')
    assert settings.connection("acme-sf").auth == {"client_secret": "env:SF_SECRET"}


def test_a_password_in_the_database_address_is_refused(tmp_path: Path) -> None:
    found = findings(tmp_path, '[database]\nurl = "postgresql://me:pw1@db/prm"\n')
    assert "password" in found[0].message
    assert "pw1" not in str(found[0])


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8801", "http://localhost:8801", "http://[::1]:1", "https://a.example"]
)
def test_plain_http_is_for_this_machine_only(tmp_path: Path, url: str) -> None:
    assert load(tmp_path, f'{ACME}base_url = "{url}"\n').connection("acme-sf").base_url == url


@pytest.mark.parametrize("url", ["http://crm.example", "ftp://a", "acme", "https://u:p@a.example"])
def test_other_addresses_are_refused(tmp_path: Path, url: str) -> None:
    assert findings(tmp_path, f'{ACME}base_url = "{url}"\n')[0].message.startswith("`base_url`")


def test_production_and_sandbox_never_share_a_database(tmp_path: Path) -> None:
    found = findings(
        tmp_path, f'{ACME}[connections.b]\nconnector = "hubspot"\nenvironment = "sandbox"\n'
    )
    assert [finding.message for finding in found] == [
        "connection `acme-sf` is production",
        "connection `b` is sandbox",
    ]


def test_names_that_the_environment_cannot_tell_apart_are_refused(tmp_path: Path) -> None:
    found = findings(tmp_path, f'{ACME}[connections.acme_sf]\nconnector = "hubspot"\n')
    assert "too alike" in found[0].message


def test_an_unknown_connection_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, ACME).connection("acme")
    assert "acme-sf" in caught.value.hint


def test_the_file_is_found_in_a_parent_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, "")
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert find_settings(None, {}) == path


def test_the_file_may_be_named_by_the_environment(tmp_path: Path) -> None:
    assert find_settings(None, {"PRMSYNC_CONFIG": "/x/y.toml"}) == Path("/x/y.toml")
    assert find_settings(tmp_path, {"PRMSYNC_CONFIG": "/x/y.toml"}) == tmp_path


def test_no_file_anywhere_names_the_command_that_makes_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError) as caught:
        find_settings(None, {})
    assert "prmsync init" in caught.value.hint
