"""The developer's environment: a key made up once and kept where git does not look."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from signaling import dev
from signaling.settings import Settings, SettingsError


def kept(directory: Path) -> str:
    return (directory / ".env").read_text(encoding="utf-8")


def test_a_key_is_made_once(tmp_path: Path) -> None:
    first = dev.environment({}, tmp_path)
    assert len(first["API_KEY"]) >= 32
    assert kept(tmp_path) == f"API_KEY={first['API_KEY']}\n"
    assert dev.environment({}, tmp_path) == first
    assert dev.environment({"API_KEY": " "}, tmp_path) == first
    assert kept(tmp_path).count("API_KEY") == 1
    Settings.from_environment(first)


def test_every_directory_has_its_own(tmp_path: Path) -> None:
    keys = set()
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        keys.add(dev.environment({}, tmp_path / name)["API_KEY"])
    assert len(keys) == 2


@pytest.mark.parametrize("mask", [0o000, 0o022])
def test_only_its_owner_may_read_it(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        dev.environment({}, tmp_path)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600


def test_it_serves_on_this_machine_only() -> None:
    made = dev.environment({"API_KEY": "k"}, Path("/nonexistent"))
    assert made == {"HOST": "127.0.0.1", "LOG_LEVEL": "WARNING", "API_KEY": "k"}


def test_what_is_given_wins(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("API_KEY=kept\nPORT=9000\nHOST=0.0.0.0\n")
    made = dev.environment({"PORT": "9001", "HOST": "", "OTHER": "x"}, tmp_path)
    assert made == {
        "API_KEY": "kept",
        "PORT": "9001",
        "HOST": "0.0.0.0",
        "LOG_LEVEL": "WARNING",
        "OTHER": "x",
    }
    assert dev.environment({"API_KEY": "given"}, tmp_path)["API_KEY"] == "given"
    assert "given" not in kept(tmp_path)


def test_the_form_of_the_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        "# a comment=1\n\n  export API_KEY='quoted'\nALLOWED_ORIGINS = \"https://a.example\"\nnone\nA=b=c\n"
    )
    made = dev.environment({}, tmp_path)
    assert (made["API_KEY"], made["ALLOWED_ORIGINS"], made["A"]) == ("quoted", "https://a.example", "b=c")
    assert "a comment" not in made


@pytest.mark.parametrize("before", ["PORT=9000", "PORT=9000\n", "API_KEY=\nPORT=9000", ""])
def test_a_key_is_added_to_what_is_there(tmp_path: Path, before: str) -> None:
    """Also where the last line has no end."""
    (tmp_path / ".env").write_text(before)
    made = dev.environment({}, tmp_path)
    assert kept(tmp_path).startswith(before)
    assert kept(tmp_path).endswith(f"API_KEY={made['API_KEY']}\n")
    assert made.get("PORT") == ("9000" if before else None)
    assert dev.environment({}, tmp_path) == made


def test_a_file_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    with pytest.raises(SettingsError) as caught:
        dev.environment({}, tmp_path)
    (fault,) = caught.value.faults
    assert fault.startswith(f"{tmp_path / '.env'}: cannot be read or written")


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError):
        dev.environment({}, tmp_path)
