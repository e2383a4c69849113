import json
import statistics

import pandas as pd
import pytest

from digitlib import read_results, summarize_results
from digitlib.experiments.results import COLUMNS, Results


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
