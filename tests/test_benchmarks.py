"""What the benchmark writes: a section of RESULTS.md can be measured again on its own."""

from __future__ import annotations

from benchmarks import nbt_names, nbt_sweep, table
from benchmarks.nbt_names import Run

BEFORE = "# Speed\n\ntext\n\n## Names\n\nold\n\n### Part\n\n## Last\n\nkept\n"


def test_a_section_takes_the_place_of_the_one_before() -> None:
    text = table.with_section(BEFORE, "## Names\n\nnew")
    assert text == "# Speed\n\ntext\n\n## Names\n\nnew\n\n## Last\n\nkept\n"
    assert table.with_section(text, "## Names\n\nnew") == text


def test_the_last_section_and_one_that_was_not_there() -> None:
    assert table.with_section(BEFORE, "## Last\n\nnew").endswith("### Part\n\n## Last\n\nnew\n")
    assert table.with_section(BEFORE, "## More\n\nnew").endswith("kept\n\n## More\n\nnew\n")


def test_the_ratio_is_of_medians() -> None:
    runs = {
        "nmbd": [Run(rate, 0, 0.5) for rate in (10.0, 50.0, 90.0)],
        "nethood": [Run(rate, 0, 0.5) for rate in (1.0, 100.0, 101.0)],
    }
    assert nbt_names.ratio(runs) == 2.0
    assert nbt_names.Run(50_000, 0, 0.5).microseconds_each == 10.0


def test_a_row_of_the_sweep_shows_the_worst_of_hosts_and_memory() -> None:
    runs = [
        nbt_sweep.Run(2.0, 100, 10.0, 0.9),
        nbt_sweep.Run(1.0, 90, 20.0, 0.7),
        nbt_sweep.Run(3.0, 99, 5.0, None),
    ]
    row = "| nethood | 2.00 s | 1.00 s | 3.00 s | 0.80 s | 90 | 20 MiB |"
    assert nbt_sweep._row("nethood", runs) == row
