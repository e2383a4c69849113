import json
import statistics

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

from digitlib import read_results, summarize_results
from digitlib.experiments.results import COLUMNS, Results, write_overrides


def row(recipe, seed, accuracy, *, error="", overrides="{}"):
    return {
        "recipe": recipe,
        "seed": seed,
        "overrides": overrides,
        "parameters": 7850,
        "epochs": 1,
        "validation_accuracy": accuracy - 0.01,
        "validation_loss": 0.3,
        "test_accuracy": accuracy,
        "test_loss": 0.2,
        "wall_seconds": 2.0,
        "cpu_seconds": 3.0 + seed,
        "processor": "a processor with AVX-512 VNNI",
        "settings": "0123abcd",
        "probe": 1.5,
        "error": error,
    }


FAILED = {"recipe": "dense", "seed": 0, "overrides": '{"width": 9}', "error": 'exit code 1: "x", y'}
ROWS = [row("dense", seed, accuracy) for seed, accuracy in enumerate([0.97, 0.98, 0.978])]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "results.csv"


def test_rows_come_back_from_the_file(path):
    table = Results(path)
    for values in [*ROWS, FAILED]:
        table.append(values)
    frame = read_results(path)
    pd.testing.assert_frame_equal(frame, table.frame())
    assert list(frame.columns) == list(COLUMNS)
    assert frame["test_accuracy"].tolist()[:3] == [0.97, 0.98, 0.978]
    assert frame.iloc[3]["error"] == 'exit code 1: "x", y'
    assert frame.iloc[3][["parameters", "test_accuracy"]].isna().all()


def test_a_row_is_on_disk_at_once(path):
    table = Results(path)
    for count, values in enumerate(ROWS, 1):
        table.append(values)
        assert len(path.read_text().splitlines()) == count + 1


def test_a_table_goes_on_where_it_was_left(path):
    Results(path).append(ROWS[0])
    table = Results(path)
    assert table.holds(ROWS[0])
    assert not table.holds(ROWS[1])
    table.append(ROWS[1])
    assert read_results(path)["seed"].tolist() == [0, 1]


@pytest.mark.parametrize("cut", [1, 5, 40])
def test_a_line_that_was_cut_off_is_measured_again(path, cut):
    table = Results(path)
    table.append(ROWS[0])
    table.append(ROWS[1])
    path.write_bytes(path.read_bytes()[:-cut])
    table = Results(path)
    assert table.holds(ROWS[0])
    assert not table.holds(ROWS[1])
    table.append(ROWS[1])
    assert read_results(path)["seed"].tolist() == [0, 1]


def test_a_failed_run_is_tried_again_and_its_last_row_counts(path):
    Results(path).append({**ROWS[0], "error": "exit code 1"})
    table = Results(path)
    assert not table.holds(ROWS[0])
    table.append(ROWS[0])
    assert table.holds(ROWS[0])
    assert table.frame()["error"].tolist() == read_results(path)["error"].tolist() == [""]


def test_a_trial_is_no_judged_run(path):
    table = Results(path)
    table.append({**ROWS[0], "test_accuracy": None, "test_loss": None})
    assert table.holds(ROWS[0])
    assert not table.holds(ROWS[0], judged=True)


def test_other_files_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"must end in \.csv"):
        Results(tmp_path / "results.json")
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match="not a table of results"):
        read_results(tmp_path / "other.csv")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not a table of results"),
        (bytes(range(256)), "is not a table of results"),
        (b"{header}\nfast,0,{}\n", "has a line that is not a result"),
        (b"{header}\nfast,0,{},1,1,1,1,1,1,1,1,,,,,,\n", "has a line that is not a result"),
        (b"{header}\nfast,zero,{},1,1,1,1,1,1,1,1,,,,\n", "has a line that is not a result"),
        (b"{header}\nfast,,{},1,1,1,1,1,1,1,1,,,,\n", "has a line that is not a result"),
        (b"{header}\nfast,0,{},1,1,good,1,1,1,1,1,,,,\n", "has a line that is not a result"),
        (b"{header}\nfast,0,epochs,1,1,1,1,1,1,1,1,,,,\n", "has a line that is not a result"),
        (b"{header}\nfast,0,[1],1,1,1,1,1,1,1,1,,,,\n", "has a line that is not a result"),
        (b'{header}\nfast,0,"{},1,1,1,1,1,1,1,1,,,,\n', "has a line that is not a result"),
        (b"{header}\nfast,%s,{},1,1,1,1,1,1,1,1,,,,\n" % (b"9" * 30), "has a line that is not a"),
    ],
)
def test_a_csv_that_is_no_table_of_results_is_one_clear_error(path, content, message):
    path.write_bytes(content.replace(b"{header}", ",".join(COLUMNS).encode()))
    with pytest.raises(ValueError, match=rf"results\.csv .*{message}") as caught:
        read_results(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("end", ["", "\n"])
def test_a_header_alone_is_a_table_without_rows(path, end):
    path.write_text(",".join(COLUMNS) + end)
    frame, other = read_results(path), Results(None)
    pd.testing.assert_frame_equal(frame, other.frame())
    other.append(ROWS[0])
    summary = summarize_results(frame)
    assert summary.empty
    assert list(summary.columns) == list(summarize_results(other.frame()).columns)


def test_a_header_without_its_line_break_is_resumed(path):
    Results(path)
    path.write_text(",".join(COLUMNS))
    Results(path).append(ROWS[0])
    assert read_results(path)["seed"].tolist() == [0]


def test_an_unfinished_last_line_is_no_row(path):
    table = Results(path)
    table.append(ROWS[0])
    with path.open("a") as file:
        file.write("dense,1,{},78")
    assert read_results(path)["seed"].tolist() == [0]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"strangers": 0.1, "epochs": 1}, {"epochs": 1, "negatives": 0.1}),
        ({"variants": 0.2}, {"writing_styles": 0.2}),
        ({"paper": 1}, {"degradation": 1.0}),
    ],
)
def test_old_names_of_settings_are_read_as_the_new_ones(path, old, new):
    written = row("robust", 0, 0.99, overrides=json.dumps(old))
    Results(path).append(written)
    assert json.loads(read_results(path)["overrides"][0]) == new
    table = Results(path)
    run = {"recipe": "robust", "seed": 0, "overrides": json.dumps(new, sort_keys=True)}
    assert table.holds(run)
    table.append({**written, **run})
    assert len(table.frame()) == len(read_results(path)) == 1


def test_overrides_of_equal_value_are_written_alike():
    for changes in ({"dropout": 0, "epochs": 2}, {"epochs": np.int64(2), "dropout": 0.0}):
        assert write_overrides(changes) == '{"dropout": 0.0, "epochs": 2}'


def test_the_tables_of_the_benchmarks_are_read():
    for name in ("results", "ablations"):
        path = ROOT / "benchmarks" / f"{name}.csv"
        plain = pd.read_csv(path, keep_default_na=False, na_values={"test_accuracy": [""]})
        frame = read_results(path)
        assert len(frame) == len(plain)
        for column in ("recipe", "seed", "overrides", "validation_accuracy", "test_accuracy"):
            assert frame[column].equals(plain[column].astype(frame[column].dtype))


def test_capital_suffixes_and_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    Results("~/TABLE.CSV").append(ROWS[0])
    assert read_results("~/TABLE.CSV")["seed"].tolist() == [0]
    assert (tmp_path / "TABLE.CSV.json").exists()


def test_destinations_that_cannot_be_written_are_refused(tmp_path, monkeypatch):
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(IsADirectoryError, match=r"folder\.csv is a folder"):
        Results(tmp_path / "folder.csv")
    with pytest.raises(FileNotFoundError, match="nowhere is not a folder"):
        Results(tmp_path / "nowhere" / "results.csv")
    (tmp_path / "fixed.csv").touch()
    # Root may write anywhere, so the answer of the system is simulated.
    monkeypatch.setattr("digitlib.files.os.access", lambda path, _: path.suffix != ".csv")
    with pytest.raises(PermissionError, match=r"fixed\.csv cannot be written"):
        Results(tmp_path / "fixed.csv")


def test_an_empty_file_is_begun(path):
    path.touch()
    Results(path).append(ROWS[0])
    assert read_results(path)["seed"].tolist() == [0]


def test_a_table_of_another_version_is_refused(path):
    path.write_text("recipe,accuracy\ndense,0.97\n")
    with pytest.raises(
        ValueError, match=r"results\.csv was written by another version of digitlib"
    ):
        Results(path)
    path.unlink()
    Results(path)
    sidecar = path.with_name("results.csv.json")
    written = json.loads(sidecar.read_text())
    sidecar.write_text(json.dumps({**written, "keras": "3.99.0"}))
    with pytest.raises(ValueError, match=r"was measured with keras 3\.99\.0, this is"):
        Results(path)
    with pytest.raises(ValueError, match="was measured with data fashion, this is MNIST"):
        sidecar.write_text(json.dumps({**written, "data": "fashion"}))
        Results(path)
    sidecar.write_text(json.dumps({**written, "date": "2020-01-01"}))
    Results(path)
    for damaged in ("", "{", "[1]", "null"):
        sidecar.write_text(damaged)
        with pytest.raises(ValueError, match="was measured with data None, this is MNIST"):
            Results(path)


def test_a_summary_needs_results():
    for frame in (Results(None).frame().drop(columns="error"), "results.csv", []):
        with pytest.raises(ValueError, match="frame must have the columns recipe,seed"):
            summarize_results(frame)


def test_the_summary_agrees_with_statistics():
    table = Results(None)
    other = row("dense", 0, 0.9, overrides='{"width": 8}')
    for values in [*ROWS, FAILED, other]:
        table.append(values)
    first, second = summarize_results(table.frame()).to_dict("records")
    accuracies = [values["test_accuracy"] for values in ROWS]
    assert first["runs"] == 3
    assert first["test_mean"] == pytest.approx(statistics.mean(accuracies))
    assert first["test_deviation"] == pytest.approx(statistics.stdev(accuracies))
    assert first["validation_mean"] == pytest.approx(statistics.mean(accuracies) - 0.01)
    assert first["cpu_seconds"] == 4
    assert (second["overrides"], second["runs"]) == ('{"width": 8}', 1)
