import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

from pictures import SUITES, judged, lines


@pytest.mark.parametrize(
    ("goal", "measured", "beside", "held"),
    [
        (">= 0.6", "0.69", "", True),
        (">= 0.92", "0.90-1.00", "", False),
        (">= Telea + 2 dB", "25.1", "22.5", True),
        (">= Telea + 2 dB", "24.1", "22.5", False),
        ("<= 0.30", "0.31", "", False),
        ("<= 5 CPU-s", "3.5 CPU-s, 600 MB", "", True),
        ("<= 90 s, 1500 MB", "80.0 s, 1600 MB", "", False),
        ("3-15 %", "4.2-9.3 %", "", True),
        ("3-15 %", "2.2-9.3 %", "", False),
        ("0 %", "0.00 %", "", True),
        ("0 %", "0.01 %", "", False),
        ("all", "6 of 6", "", True),
        ("all", "5 of 6", "", False),
        ("yes", "NO", "", False),
        ("", "0.1 0.2", "", None),
    ],
)
def test_a_number_is_held_at_its_worse_end(goal: str, measured: str, beside: str, held: bool | None) -> None:
    assert judged(goal, measured, beside)[0] is held


def test_a_goal_that_no_number_meets_is_an_error_and_not_a_pass() -> None:
    with pytest.raises(ValueError, match="can't judge"):
        judged("<= 3", "broken")


def test_rows_of_three_or_four_texts_become_lines() -> None:
    found = list(lines(2, [("speed", "<= 2", "1.5"), ("PSNR", ">= Telea + 2 dB", "25", "22")]))
    assert [(line.number, line.held, line.apart) for line in found] == [(2, True, "+0.5"), (2, True, "+1")]


def test_every_suite_of_the_table_measures_pictures() -> None:
    folder = Path(__file__).parents[1] / "benchmarks"
    there = {path.stem for path in folder.glob("pictures_*.py")} - {"pictures_limits"}
    assert there == set(SUITES.values())
