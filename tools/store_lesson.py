"""Execute the lesson and store it: `python -m tools.store_lesson`.

Also updates what depends on it: the minutes of its plan, the README's picture, the tables of times
in docs/teaching.md, and the tables of measurements in the README, benchmarks/README.md and
benchmarks/speedrun.md.
"""

import base64
import json
import math
import re
from itertools import zip_longest
from pathlib import Path

import nbformat
import pandas as pd

from benchmarks.corruptions import tabulate
from benchmarks.speed import describe_ratios
from digitlib import RECIPES, read_results, summarize_results
from digitlib.classroom.execution import execute_notebook

ROOT = Path(__file__).parent.parent
NOTEBOOK = ROOT / "Digit_recognizer.ipynb"
README = ROOT / "README.md"
GUIDE = ROOT / "docs" / "teaching.md"
PICTURE = ROOT / "docs" / "confusion.png"
BENCHMARKS = ROOT / "benchmarks"
MEASURED = BENCHMARKS / "README.md"
SPEEDRUN = BENCHMARKS / "speedrun.md"
TEST_IMAGES = 10_000
WORDS_A_MINUTE = 150
EXERCISE_MINUTES = 1.5  # for one without a star
FIRST_SITTING, LESSON = 5, 9  # the last section of each


def execute_lesson():
    """Returns the notebook, run in a fresh kernel, and the seconds of each code cell by its id."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    return notebook, execute_notebook(notebook, ROOT)


def lesson_picture(notebook):
    """Returns the PNG that the notebook's cell `confusion` shows."""
    cell = next(cell for cell in notebook.cells if cell.id == "confusion")
    bundles = [output.get("data", {}) for output in cell.outputs]
    (picture,) = [bundle["image/png"] for bundle in bundles if "image/png" in bundle]
    return base64.b64decode(picture)


def sections(notebook):
    """Returns the cells of each section by its heading, such as "5. Convolution by hand"."""
    found, title = {}, None
    for cell in notebook.cells:
        heading = re.match(r"## (.*)", cell.source)
        title = heading[1] if heading and cell.cell_type == "markdown" else title
        if title:
            found.setdefault(title, []).append(cell)
    return found


def markdown_table(columns, rows):
    """Returns a Markdown table; columns whose names end in ":" are aligned to the right."""
    rule = ["--:" if name.endswith(":") else "---" for name in columns]
    lines = [f"| {' | '.join(map(str, row))} |" for row in rows]
    head = f"| {' | '.join(name.removesuffix(':') for name in columns)} |"
    return "\n".join([head, f"|{'|'.join(rule)}|", *lines]) + "\n"


def reading_minutes(cells):
    """Returns the minutes for the prose of some cells, without hints, solutions and refreshers."""
    prose = [cell.source for cell in cells if cell.cell_type == "markdown"]
    folded = re.compile(r"<details><summary>(?!What you should see).*?</details>", re.S)
    return sum(len(folded.sub("", text).split()) for text in prose) / WORDS_A_MINUTE


def count_exercises(cells, *, starred=False):
    """Returns the number of exercises without a star, or with one, among some cells."""
    source = {cell.id: cell.source for cell in cells}
    exercises = [cell.id for cell in cells if cell.cell_type == "code" and "TODO" in cell.source]
    return sum(("\N{BLACK STAR}" in source[f"{name}-text"]) == starred for name in exercises)


def section_minutes(notebook, seconds):
    """Returns the minutes for each section: reading, running, exercises without a star."""
    return {
        title: reading_minutes(cells)
        + sum(seconds.get(cell.id, 0) for cell in cells) / 60
        + EXERCISE_MINUTES * count_exercises(cells)
        for title, cells in sections(notebook).items()
    }


def time_table(notebook, seconds):
    """Returns the times and exercises of each section, in Markdown."""
    columns = [
        *("section", "reading (minutes):", "exercises:", "with a star:"),
        *("running (seconds):", "total (minutes):"),
    ]
    rows, minutes = [], section_minutes(notebook, seconds)
    for title, cells in sections(notebook).items():
        running = sum(seconds.get(cell.id, 0) for cell in cells)
        exercises = count_exercises(cells), count_exercises(cells, starred=True)
        times = f"{running:.0f}", f"{minutes[title]:.0f}"
        rows.append((title, f"{reading_minutes(cells):.0f}", *exercises, *times))
    whole = f"{sum(seconds.values()):.0f}", f"{sum(minutes.values()):.0f}"
    return markdown_table(columns, [*rows, ("total", "", "", "", *whole)])


def plan_table(minutes):
    """Returns the plan of the two sittings, in Markdown, from the minutes of each section."""
    titles = list(minutes)
    first, second = titles[:FIRST_SITTING], titles[FIRST_SITTING:LESSON]
    rows = [
        (one, f"{minutes[one]:.0f}", other, f"{minutes[other]:.0f}" if other else "")
        for one, other in zip_longest(first, second, fillvalue="")
    ]
    # Of the numbers as they stand in the table, for readers who add them up.
    sums = [sum(round(minutes[title]) for title in sitting) for sitting in (first, second)]
    rows.append(("**total**", f"**{sums[0]}**", "**total**", f"**{sums[1]}**"))
    return markdown_table(("first sitting", "minutes:", "second sitting", "minutes:"), rows)


def slowest_table(notebook, seconds, *, count=10):
    """Returns the slowest cells, in Markdown."""
    section_of = {cell.id: title for title, cells in sections(notebook).items() for cell in cells}
    slowest = sorted(seconds, key=seconds.get, reverse=True)[:count]
    rows = [(f"`{name}`", section_of[name], f"{seconds[name]:.1f}") for name in slowest]
    return markdown_table(("cell", "section", "seconds:"), rows)


def write_mean(mean, deviation):
    """Returns a mean accuracy with its standard deviation, which a single run has not."""
    return f"{mean:.2%}" if math.isnan(deviation) else f"{mean:.2%} ± {deviation:.2%}"


def verdict(mean, deviation, reported):
    """Returns whether the mean over seeds reaches the reported accuracy, or is within chance."""
    if mean >= reported:
        return "yes"
    deviation = 0 if math.isnan(deviation) else deviation  # of one run
    chance = math.sqrt(deviation**2 + mean * (1 - mean) / TEST_IMAGES)
    return "within chance" if reported - mean <= 2 * chance else "**no**"


def results_table():
    """Returns the README's table of recipes, in Markdown."""
    columns = [
        *("recipe", "parameters:", "epochs:", "seeds:", "accuracy:", "reported:", "reached"),
        *("loss:", "CPU-s:"),
    ]
    rows = []
    results = read_results(BENCHMARKS / "results.csv")
    summary = summarize_results(results[results["overrides"] == "{}"])
    for row in summary.sort_values("test_mean", ascending=False).itertuples():
        recipe = RECIPES[row.recipe]
        reported, reached = "", ""
        if recipe.reported:
            reported = f"{100 * recipe.reported:.4g}%"
            reached = verdict(row.test_mean, row.test_deviation, recipe.reported)
        accuracy = write_mean(row.test_mean, row.test_deviation)
        rows.append(
            [
                *(f"`{row.recipe}`", f"{row.parameters:,}", row.epochs, row.runs, accuracy),
                *(reported, reached, f"{row.test_loss:.4f}", f"{row.cpu_seconds:,.0f}"),
            ]
        )
    return markdown_table(columns, rows)


def ablations_table(recipe):
    """Returns how each change of a recipe affects its validation accuracy, in Markdown."""
    columns = "change", "seeds:", "validation accuracy:", "gain (points):", "CPU-s:"
    rows = []
    results = read_results(BENCHMARKS / "ablations.csv")
    summary = summarize_results(results[results["recipe"] == recipe])
    unchanged = summary[summary["overrides"] == "{}"].iloc[0]
    for row in summary.sort_values("validation_mean", ascending=False).itertuples():
        change = ", ".join(f"`{k}` {v}" for k, v in json.loads(row.overrides).items())
        accuracy = write_mean(row.validation_mean, row.validation_deviation)
        gain = 100 * (row.validation_mean - unchanged.validation_mean)
        shown_gain = f"{gain:+.2f}" if change else ""
        rows.append((change or "(none)", row.runs, accuracy, shown_gain, f"{row.cpu_seconds:.0f}"))
    return markdown_table(columns, rows)


def machine_line(row):
    """Returns the description of the machine of a measurement."""
    kind = "with" if row.avx512_vnni else "without"
    return f"{row.processor}, {row.cores} cores, {kind} AVX-512 VNNI"


def speed_table(name):
    """Returns the medians of the repeats that benchmarks/speed.py measured, in Markdown."""
    columns = [
        *("what", "images:", "epochs:", "test accuracy:", "fit: CPU-s:", "fit: s:"),
        *("share of peak:", "cold start to result: CPU-s:", "s:", "peak MB:"),
    ]
    measured = pd.read_csv(BENCHMARKS / name)
    rate = measured["gigaflop"] / measured["fit_wall_seconds"]
    measured["share"] = rate / measured["peak_gigaflops"]
    runs = measured.groupby(["name", "images", "epochs"], sort=False)
    rows = []
    for (what, images, epochs), row in runs.median(numeric_only=True).iterrows():
        process = row.process_cpu_seconds, row.process_wall_seconds
        rows.append(
            [
                *(what, f"{images:,}", epochs, f"{row.test_accuracy:.2%}"),
                *(f"{row.fit_cpu_seconds:.1f}", f"{row.fit_wall_seconds:.1f}", f"{row.share:.0%}"),
                *(f"{seconds:.1f}" for seconds in process),
                f"{row.peak_megabytes:,.0f}",
            ]
        )
    peak, repeats = measured["peak_gigaflops"].median(), measured["repeat"].nunique()
    machine = machine_line(measured.iloc[0])
    title = f"{machine}, measured peak {peak:.0f} GFLOP/s; repeats: {repeats}"
    return f"{title}\n\n{markdown_table(columns, rows)}"


def ratios_text(name):
    """Returns the cost ratios that benchmarks/speed.py prints, as a block of Markdown."""
    rows = pd.read_csv(BENCHMARKS / name).to_dict("records")
    return "\n".join(["```", *describe_ratios(rows), "```"]) + "\n"


def speedrun_table():
    """Returns the ledger of the speedrun, in Markdown, the latest run first."""
    columns = [
        *("entry", "target", "accuracy:", "95% lower bound:", "seeds:", "fit: CPU-s:", "fit: s:"),
        *("cold start to result: CPU-s:", "s:", "run:"),
    ]
    ledger = pd.read_csv(BENCHMARKS / "speedrun.csv")
    rows = [
        [
            *(row.entry, "peer" if pd.isna(row.target) else f"{row.target:.1%}"),
            write_mean(row.accuracy, row.standard_deviation),
            *(f"{row.lower_bound:.2%}", row.seeds),
            *(row.fit_cpu_seconds, row.fit_wall_seconds),
            *(row.process_cpu_seconds, row.process_wall_seconds, row.run),
        ]
        for row in ledger.sort_values(["run"], ascending=False, kind="stable").itertuples()
    ]
    machines = [
        f"Run {row.run}, {row.date}: {machine_line(row)}."
        for row in ledger.groupby("run").first().reset_index().itertuples()
    ]
    return "\n".join([markdown_table(columns, rows), *machines]) + "\n"


def formats_table():
    """Returns the measurements of benchmarks/inference.py, in Markdown."""
    columns = [
        *("method", "file (kB):", "test accuracy:", "same digits:"),
        *("largest difference:", "one image (ms):", "images a second:"),
    ]
    rows = [
        [
            *(row.way, f"{row.kilobytes:,}", f"{row.test_accuracy:.2%}", f"{row.same_digits:.1%}"),
            *(f"{row.largest_difference:.1g}", f"{row.milliseconds_for_one:.3f}"),
            f"{row.images_per_second:,.0f}",
        ]
        for row in pd.read_csv(BENCHMARKS / "inference.csv").itertuples()
    ]
    return markdown_table(columns, rows)


def sizes_table():
    """Returns the accuracy of networks whose weights have fewer bits, in Markdown."""
    columns = "recipe", "parameters:", "bits:", "bytes:", "seeds:", "test accuracy:"
    rows = []
    sizes = pd.read_csv(BENCHMARKS / "sizes.csv").groupby(["recipe", "bits"], sort=False)
    for (recipe, bits), runs in sizes:
        accuracy = runs["test_accuracy"]
        spread = write_mean(accuracy.mean(), accuracy.std())
        size = f"{runs['parameters'].iloc[0]:,}", bits, f"{runs['bytes'].iloc[0]:,}"
        rows.append((f"`{recipe}`", *size, len(runs), spread))
    return markdown_table(columns, rows)


def corruptions_table():
    """Returns accuracies and calibration errors on corrupted images, in Markdown."""
    table = tabulate(pd.read_csv(BENCHMARKS / "corruptions.csv"))
    columns = [f"{model}: {value.replace('_', ' ')}:" for model, value in table]
    rows = [[name, *(f"{x:.2%}" for x in values)] for name, *values in table.itertuples()]
    return markdown_table(["corruption", *columns], rows)


def determinism_table():
    """Returns how much results differ under other circumstances, in Markdown."""
    columns = [
        *("circumstances", "versions", "same weights", "largest difference of a weight:"),
        *("other answers in 10,000:", "test accuracy:"),
    ]
    rows = []
    runs = pd.read_csv(BENCHMARKS / "determinism.csv")
    for (name, versions), group in runs.groupby(["circumstances", "versions"], sort=False):
        answers = group["other_answers"]
        rows.append(
            [
                *(name, versions, "yes" if group["same_weights"].all() else "no"),
                f"{group['largest_difference'].max():.2g}",
                f"{answers.min()} to {answers.max()}" if answers.max() else "0",
                ", ".join(f"{accuracy:.2%}" for accuracy in group["test_accuracy"]),
            ]
        )
    return markdown_table(columns, rows)


def measured_tables():
    """Returns the tables of benchmarks/README.md by the name of their marks."""
    return {
        "ablations of accurate": ablations_table("accurate"),
        "ablations of fast": ablations_table("fast"),
        "speed": speed_table("speed.csv"),
        "ratios": ratios_text("speed.csv"),
        "speed without AVX-512": speed_table("speed-avx2.csv"),
        "ratios without AVX-512": ratios_text("speed-avx2.csv"),
        "scaling": speed_table("scaling.csv"),
        "formats": formats_table(),
        "sizes": sizes_table(),
        "corruptions": corruptions_table(),
        "determinism": determinism_table(),
    }


def part(path, name):
    """Returns the text of a page between the marks of this name."""
    text = path.read_text(encoding="utf-8")
    return re.search(f"<!-- {name} -->\n(.*?)<!-- /{name} -->", text, re.S)[1]


def replace_part(path, name, new):
    """Replaces the text between the marks of this name."""
    text = path.read_text(encoding="utf-8")
    old = part(path, name)
    path.write_text(text.replace(f"<!-- {name} -->\n{old}", f"<!-- {name} -->\n{new}"), "utf-8")


if __name__ == "__main__":
    notebook, seconds = execute_lesson()
    picture, times = lesson_picture(notebook), time_table(notebook, seconds)
    plan = next(cell for cell in notebook.cells if cell.id == "plan")
    _, *rest = plan.source.split("\n\n")
    plan.source = "\n\n".join([plan_table(section_minutes(notebook, seconds)).strip(), *rest])
    nbformat.write(notebook, NOTEBOOK)
    PICTURE.write_bytes(picture)
    replace_part(README, "results", results_table())
    for name, table in measured_tables().items():
        replace_part(MEASURED, name, table)
    replace_part(SPEEDRUN, "ledger", speedrun_table())
    replace_part(GUIDE, "times", times)
    replace_part(GUIDE, "slowest", slowest_table(notebook, seconds))
    print(f"executed in {sum(seconds.values()):.0f} s")
