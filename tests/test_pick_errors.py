"""What is wrong with candidates and picks in a recipe: every message whole, as a user reads it."""

HEAD = """\
wanflow: 1
manifest: {from: rows.csv}
steps:
"""


def step(more, uses="wan/description_edit", given="{prompt: warmer}"):
    """A recipe with one step."""
    image = "" if uses == "wan/t2i" else "    image: row.photo\n"
    return f"{HEAD}  clean:\n    uses: {uses}\n{image}{more}    with: {given}\n"


def test_candidates_and_picks_have_no_problems(says):
    for more in (
        "    candidates: 1\n",
        "    candidates: 3\n",
        "    candidates: 4\n    pick: {by: hand}\n",
        "    candidates: 4\n    pick: {by: sharpest, top: 4}\n",
        "    candidates: 2\n    pick: {by: most_similar, top: 1}\n",
    ):
        assert says(step(more)) == "1 rows are fine\n"


def test_more_candidates_than_the_model_makes(says):
    assert (
        says(step("    candidates: 5\n"))
        == """\
r.yaml:7:17: candidates: wanx2.1-imageedit makes at most 4 at once, got 5 [range]
        candidates: 5
                    ^
    A further one beside them is made by wanflow take.
"""
    )


def test_candidates_are_a_whole_number_from_one(says):
    assert (
        says(step("    candidates: 0\n"))
        == """\
r.yaml:7:17: candidates must be at least 1, got 0 [range]
        candidates: 0
                    ^
"""
    )


def test_an_expression_can_be_no_number_of_candidates(says):
    assert (
        says(step('    candidates: "${{ 3 }}"\n'))
        == """\
r.yaml:7:17: candidates must be a whole number, got "${{ 3 }}" [type]
        candidates: "${{ 3 }}"
                    ^
    No expression can stand here.
"""
    )


def test_a_local_step_makes_one_picture(says):
    assert (
        says(step("    candidates: 2\n    pick: {by: first}\n", "local/fit", "{max_side: 600}"))
        == """\
r.yaml:7:17: candidates can't be used here [unknown-key]
        candidates: 2
                    ^
    local/fit makes one picture.
r.yaml:8:11: pick can't be used here [unknown-key]
        pick: {by: first}
              ^
    local/fit makes one picture.
"""
    )


def test_n_stands_beside_with(says):
    assert (
        says(step("    candidates: 2\n", given="{prompt: warmer, n: 2}"))
        == """\
r.yaml:8:28: n is not known in steps.clean.with [unknown-key]
        with: {prompt: warmer, n: 2}
                               ^
    How many pictures a step makes stands beside with:, as candidates: 3.
"""
    )


def test_a_pick_needs_candidates(says):
    assert (
        says(step("    pick: {by: hand}\n"))
        == """\
r.yaml:7:11: clean makes one picture, so there is nothing to pick [pick]
        pick: {by: hand}
              ^
    Say candidates: 3 beside it.
"""
    )


def test_a_pick_says_by_what(says):
    assert (
        says(step("    candidates: 2\n    pick: {top: 1}\n"))
        == """\
r.yaml:8:11: by is missing in pick [required]
        pick: {top: 1}
              ^
"""
    )


def test_more_than_there_are_can_not_go_on(says):
    assert (
        says(step("    candidates: 2\n    pick: {by: first, top: 3}\n"))
        == """\
r.yaml:8:28: top must be at most 2, the candidates of clean, got 3 [range]
        pick: {by: first, top: 3}
                               ^
"""
    )


def test_an_unknown_scorer_is_told_with_near_names(says):
    assert (
        says(step("    candidates: 2\n    pick: {by: sharpness}\n"))
        == """\
r.yaml:8:16: by: there is no scorer sharpness [pick]
        pick: {by: sharpness}
                   ^
    Did you mean sharpest?
    Another is had by pip install of a package that has it as an entry point in the group wanflow.scorers.
"""
    )


def test_nothing_can_be_similar_to_no_image(says):
    assert (
        says(step("    candidates: 2\n    pick: {by: most_similar}\n", "wan/t2i"))
        == """\
r.yaml:7:16: clean takes no image that its candidates could be similar to [pick]
        pick: {by: most_similar}
                   ^
    Pick by hand, first or sharpest.
"""
    )


def test_all_is_for_several(says):
    assert (
        says(step("    candidates: 2\n") + "  big: {uses: wan/super_resolution, image: steps.clean.all}\n")
        == """\
r.yaml:9:44: steps.clean.all is several pictures, and image takes one [reference]
      big: {uses: wan/super_resolution, image: steps.clean.all}
                                               ^
    Name one of them.
"""
    )
