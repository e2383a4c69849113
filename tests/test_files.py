"""Destinations are checked before the work, and files are written whole or not at all."""

import os

import pytest

from digitlib.files import remove_unfinished, replace_when_complete, verify_file, verify_folder


def test_a_destination_is_returned_with_its_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert verify_folder("~") == tmp_path
    for path in ("~/new.png", str(tmp_path / "new.png"), tmp_path / "new.png"):
        assert verify_file(path, [".png"]) == tmp_path / "new.png"
    assert verify_file("~/NEW.H5", [".keras", ".h5"]) == tmp_path / "NEW.H5"
    assert list(tmp_path.iterdir()) == []


def test_impossible_destinations_are_one_clear_error(tmp_path, monkeypatch):
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "file.png").write_text("old")
    for name, error, message in [
        ("file.txt", ValueError, r"file\.txt must end in \.png or \.svg$"),
        ("file", ValueError, "must end in"),
        ("", ValueError, "must end in"),
        ("folder.png", IsADirectoryError, "is a folder; name a file"),
        ("nowhere/new.png", FileNotFoundError, "nowhere is not a folder"),
        ("file.png/new.png", FileNotFoundError, r"file\.png is not a folder"),
        ("~no-user/new.png", FileNotFoundError, "~no-user is not a folder"),
    ]:
        monkeypatch.chdir(tmp_path)
        with pytest.raises(error, match=message):
            verify_file(name, [".png", ".svg"])
    # Root may write anywhere, so the answer of the system is simulated.
    monkeypatch.setattr("digitlib.files.os.access", lambda path, _: path.name != "file.png")
    assert verify_file("new.png", [".png"]).name == "new.png"
    with pytest.raises(PermissionError, match=r"file\.png cannot be written to"):
        verify_file("file.png", [".png"])
    monkeypatch.setattr("digitlib.files.os.access", lambda *_: False)
    with pytest.raises(PermissionError, match="cannot be written to; choose another folder"):
        verify_file("new.png", [".png"])
    assert (tmp_path / "file.png").read_text() == "old"


def test_an_older_file_stays_until_the_new_one_is_complete(tmp_path):
    path = tmp_path / "model.keras"
    path.write_text("old")
    with pytest.raises(OSError, match="full"), replace_when_complete(path) as unfinished:
        unfinished.write_text("half")
        raise OSError("the disk is full")
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("model.keras", "old")]
    with replace_when_complete(path) as unfinished:
        assert (unfinished.parent, unfinished.suffix) == (path.parent, path.suffix)
        unfinished.write_text("new")
        assert path.read_text() == "old"
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("model.keras", "new")]


def test_only_what_is_left_of_this_file_is_removed(tmp_path):
    for name in ("a.keras", "b.keras"):
        (tmp_path / name).touch()
        with replace_when_complete(tmp_path / name) as unfinished:
            unfinished.touch()
            killed = unfinished.name.replace(str(os.getpid()), "1")
            (tmp_path / killed).touch()
    remove_unfinished(tmp_path / "a.keras")
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [killed, "a.keras", "b.keras"]
