"""Write the tables of the benchmarks."""

import csv


def write_rows(rows, columns, path):
    """Yields rows, dicts, each as soon as it has been measured and written to a CSV file."""
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, columns, lineterminator="\n")
        table.writeheader()
        for row in rows:
            table.writerow(row)
            file.flush()
            yield row
