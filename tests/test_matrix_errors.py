"""What wanflow says of a matrix, of references to many pictures and of per: run that can't be used, whole."""
# ruff: noqa: E501 - messages are as long as they are

HEAD = "wanflow: 1\nmanifest: {from: rows.csv}\nsteps:\n"
MATRIX = "{style: {book: picture book, gold: foil}, strength: [0.4, 0.7]}"
BIG = "  big: {uses: wan/super_resolution, image: row.photo}\n"


def look(matrix=MATRIX, more="", style="${{ matrix.style }}"):
    """A recipe with a step that has a matrix."""
    step = f"  look:\n    uses: wan/stylization_all\n    image: row.photo\n    matrix: {matrix}\n{more}"
    return HEAD + step + f'    with: {{prompt: "{style}", strength: "${{{{ matrix.strength }}}}"}}\n'


def sheet(images, more=""):
    """A step that runs once for the whole run."""
    return f"  sheet: {{uses: wan/i2i, images: {images}, per: run{more}, with: {{prompt: x}}}}\n"


def output(image, to):
    """An output."""
    return f'outputs:\n  o: {{image: {image}, to: "{to}"}}\n'


EACH = "out/${{ row.id }}-${{ matrix.style }}-${{ matrix.strength }}.png"


def test_a_matrix_makes_an_output_for_each_instance(says):
    assert (
        says(look() + output("steps.look", EACH))
        == """\
1 rows are fine
"""
    )


def test_values_of_a_matrix_are_a_list_or_a_map(says):
    assert (
        says(look("{style: book}"))
        == """\
r.yaml:7:21: style must be a list or a map (name: value), got "book" [type]
        matrix: {style: book}
                        ^
"""
    )


def test_a_list_of_no_values_is_refused(says):
    assert (
        says(look("{style: [], strength: [1]}"))
        == """\
r.yaml:7:21: style must not be empty [length]
        matrix: {style: [], strength: [1]}
                        ^
"""
    )


def test_a_value_that_is_no_name_gets_one(says):
    assert (
        says(look("{style: [picture book, a/b], strength: [0.4, -0.5, .]}"))
        == """\
r.yaml:7:22: style: "picture book" can't be part of a file's name [matrix]
        matrix: {style: [picture book, a/b], strength: [0.4, -0.5, .]}
                         ^
    Give it a name: style: {picture_book: "picture book", …}.
r.yaml:7:36: style: "a/b" can't be part of a file's name [matrix]
        matrix: {style: [picture book, a/b], strength: [0.4, -0.5, .]}
                                       ^
    Give it a name: style: {a_b: "a/b", …}.
r.yaml:7:64: strength: "." can't be part of a file's name [matrix]
        matrix: {style: [picture book, a/b], strength: [0.4, -0.5, .]}
                                                                   ^
    Give it a name: strength: {a: ".", …}.
"""
    )


def test_names_differ_by_more_than_case(says):
    assert (
        says(look("{style: [a, A], strength: [0.4, 0.4]}"))
        == """\
r.yaml:7:25: style: a and A are one name [matrix]
        matrix: {style: [a, A], strength: [0.4, 0.4]}
                            ^
    Names have to differ by more than the case of their letters.
r.yaml:7:45: strength: 0.4 stands here twice [matrix]
        matrix: {style: [a, A], strength: [0.4, 0.4]}
                                                ^
    Names have to differ by more than the case of their letters.
"""
    )


def test_a_value_of_a_matrix_is_no_expression(says):
    assert (
        says(look("{style: ['${{ row.id }}'], strength: [0.4]}"))
        == """\
r.yaml:7:22: style: the values of a matrix are no expressions [matrix]
        matrix: {style: ['${{ row.id }}'], strength: [0.4]}
                         ^
    Put the expression into with:.
"""
    )


def test_two_combinations_with_one_name_are_told(says):
    assert (
        says(look("{style: {b-c: x, c: y}, strength: {a: 0.1, a-b: 0.2}}"))
        == """\
r.yaml:7:13: strength: a, style: b-c and strength: a-b, style: c are both called a-b-c [matrix]
        matrix: {style: {b-c: x, c: y}, strength: {a: 0.1, a-b: 0.2}}
                ^
    Give the values other names.
"""
    )


def test_a_matrix_is_bounded(says):
    assert (
        says(
            look(
                "{style: " + str(list("abcdefghijk")) + ", strength: [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]}"
            )
        )
        == """\
r.yaml:7:13: the matrix has 110 combinations; at most 100 are made [matrix]
        matrix: {style: ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k'], strength: [0, 0.1, 0.2,
                ^
    Make it smaller.
"""
    )


def test_all_instances_together_are_bounded(says):
    assert (
        says(
            HEAD
            + "".join(
                f"  s{n}: {{uses: wan/super_resolution, image: row.photo, matrix: {{a: {list(range(99))}}}}}\n"
                for n in range(11)
            )
        )
        == """\
r.yaml:3:1: with every instance of every matrix there are 1,089 steps; at most 1,000 are planned [matrix]
    steps:
    ^
    Make a matrix smaller.
"""
    )


def test_what_is_excluded_must_exist(says):
    assert (
        says(look(more="    exclude: [{stile: gold}, {style: gould}, {strength: 0.5}]\n"))
        == """\
r.yaml:8:23: exclude: the matrix has no stile [matrix]
        exclude: [{stile: gold}, {style: gould}, {strength: 0.5}]
                          ^
    Did you mean style?
r.yaml:8:38: exclude: style has no "gould" [matrix]
        exclude: [{stile: gold}, {style: gould}, {strength: 0.5}]
                                         ^
    Did you mean gold?
r.yaml:8:57: exclude: strength has no "0.5" [matrix]
        exclude: [{stile: gold}, {style: gould}, {strength: 0.5}]
                                                            ^
    Did you mean 0.7 or 0.4?
"""
    )


def test_exclude_leaves_something(says):
    assert (
        says(look(more="    exclude: [{style: gold}, {style: book}]\n"))
        == """\
r.yaml:8:14: exclude leaves nothing of the matrix [matrix]
        exclude: [{style: gold}, {style: book}]
                 ^
    Leave out less.
"""
    )


def test_only_a_matrix_has_something_to_exclude(says):
    assert (
        says(HEAD + BIG.replace("row.photo", "row.photo, exclude: [{a: 1}]"))
        == """\
r.yaml:4:55: big has no matrix to exclude from [matrix]
      big: {uses: wan/super_resolution, image: row.photo, exclude: [{a: 1}]}
                                                          ^
    Leave exclude out, or add matrix:.
"""
    )


def test_an_unknown_key_of_the_matrix_is_told_at_its_place(says):
    assert (
        says(look(style="${{ matrix.stile }}"))
        == """\
r.yaml:8:20: the matrix has no stile [expression]
        with: {prompt: "${{ matrix.stile }}", strength: "${{ matrix.strength }}"}
                       ^
    Did you mean style?
"""
    )


def test_a_value_of_the_matrix_is_judged_like_any_other(says):
    assert (
        says(look("{style: [a], strength: [0.4, 1.5]}"))
        == """\
r.yaml:8:53: strength must be between 0.0 and 1.0, got 1.5 [range]
        with: {prompt: "${{ matrix.style }}", strength: "${{ matrix.strength }}"}
                                                        ^ row 0001
"""
    )


def test_a_step_without_a_matrix_sees_none(says):
    assert (
        says(HEAD + BIG.replace("row.photo", "row.photo, when: matrix.a == 1"))
        == """\
r.yaml:4:61: there is no matrix here [expression]
      big: {uses: wan/super_resolution, image: row.photo, when: matrix.a == 1}
                                                                ^
    Only a step with matrix:, and the to: of an output that shows its pictures, see one.
"""
    )


def test_a_step_with_a_matrix_is_several_pictures(says):
    assert (
        says(look() + BIG.replace("row.photo", "steps.look"))
        == """\
r.yaml:9:44: steps.look is 4 pictures: steps.look@book-0.4, steps.look@book-0.7, steps.look@gold-0.4, steps.look@gold-0.7 [reference]
      big: {uses: wan/super_resolution, image: steps.look}
                                               ^
    Take one of them, or all of them with images: steps.look.all. To go on with each of them, add matrix: steps.look.
"""
    )


def test_only_images_take_all_pictures(says):
    assert (
        says(look() + BIG.replace("row.photo", "steps.look.all"))
        == """\
r.yaml:9:44: steps.look.all is several pictures, and image takes one [reference]
      big: {uses: wan/super_resolution, image: steps.look.all}
                                               ^
    Name one of them.
"""
    )


def test_an_instance_may_be_taken(says):
    assert (
        says(look() + BIG.replace("row.photo", "steps.look@book-0.4"))
        == """\
1 rows are fine
"""
    )


def test_an_instance_that_is_not_there_leads_to_those_that_are(says):
    assert (
        says(look() + BIG.replace("row.photo", "steps.look@book-0.5"))
        == """\
r.yaml:9:44: there is no instance look@book-0.5 [reference]
      big: {uses: wan/super_resolution, image: steps.look@book-0.5}
                                               ^
    Did you mean look@book-0.7 or look@book-0.4 or look@gold-0.7?
"""
    )


def test_a_step_without_a_matrix_has_no_instances(says):
    assert (
        says(HEAD + BIG + BIG.replace("big", "b").replace("row.photo", "steps.big@x"))
        == """\
r.yaml:5:42: big has no matrix, so there is no steps.big@x [reference]
      b: {uses: wan/super_resolution, image: steps.big@x}
                                             ^
    Take steps.big.
"""
    )


def test_all_pictures_of_a_step_that_is_not_there(says):
    assert (
        says(look() + sheet("[steps.lok.all]"))
        == """\
r.yaml:9:35: images.0: there is no step lok [reference]
      sheet: {uses: wan/i2i, images: [steps.lok.all], per: run, with: {prompt: x}}
                                      ^
    Did you mean look?
"""
    )


def test_several_pictures_are_counted_for_each_row(says):
    assert (
        says(look() + sheet("steps.look.all").replace(", per: run", ""))
        == """\
r.yaml:9:34: images: 4 pictures; wan/i2i takes at most 3 [length]
      sheet: {uses: wan/i2i, images: steps.look.all, with: {prompt: x}}
                                     ^ row 0001
    Leave some out with when: of the step that makes them, or name those that are meant.
"""
    )


def test_a_path_that_does_not_tell_instances_apart_is_refused(says):
    assert (
        says(look() + output("steps.look", "out/${{ row.id }}-${{ matrix.style }}.png"))
        == """\
r.yaml:10:30: to: gives look@book-0.4 and look@book-0.7 the same path [output-path]
      o: {image: steps.look, to: "out/${{ row.id }}-${{ matrix.style }}.png"}
                                 ^
    Put ${{ matrix.strength }} into it.
"""
    )


def test_a_path_that_tells_nothing_apart_names_what_would(says):
    assert (
        says(look() + output("steps.look", "out/a.png"))
        == """\
r.yaml:10:30: to: gives look@book-0.4 and look@book-0.7 the same path [output-path]
      o: {image: steps.look, to: "out/a.png"}
                                 ^
    Put ${{ matrix.strength }} into it.
"""
    )


def test_an_output_of_one_instance_needs_no_matrix(says):
    assert (
        says(look() + output("steps.look@book-0.4", "out/a.png"))
        == """\
1 rows are fine
"""
    )


def test_an_output_shows_one_picture(says):
    assert (
        says(look() + output("steps.look.all", "out/a.png"))
        == """\
r.yaml:10:14: steps.look.all is several pictures, and image takes one [reference]
      o: {image: steps.look.all, to: "out/a.png"}
                 ^
    Take steps.look: every instance of a matrix then has a file of its own.
"""
    )


def test_an_output_of_a_file_sees_no_matrix(says):
    assert (
        says(look() + output("row.photo", "${{ matrix.style }}.png"))
        == """\
r.yaml:10:29: there is no matrix here [expression]
      o: {image: row.photo, to: "${{ matrix.style }}.png"}
                                ^
    Only a step with matrix:, and the to: of an output that shows its pictures, see one.
"""
    )


def test_a_step_of_the_whole_run_takes_all_rows(says):
    assert (
        says(HEAD + BIG + sheet("steps.big.all") + output("steps.sheet", "out/sheet.png"))
        == """\
1 rows are fine
"""
    )


def test_a_step_of_the_whole_run_has_no_row(says):
    assert (
        says(HEAD + BIG + sheet("[steps.big.all, row.photo]"))
        == """\
r.yaml:5:50: sheet is made once for the whole run, so it has no row [reference]
      sheet: {uses: wan/i2i, images: [steps.big.all, row.photo], per: run, with: {prompt: x}}
                                                     ^
    Take steps.ID.all, params.… or file:….
"""
    )


def test_a_step_of_the_whole_run_takes_no_single_row(says):
    assert (
        says(HEAD + BIG + sheet("[steps.big]"))
        == """\
r.yaml:5:35: sheet is made once for the whole run, but steps.big is made for every row [reference]
      sheet: {uses: wan/i2i, images: [steps.big], per: run, with: {prompt: x}}
                                      ^
    Take the pictures of all rows with images: steps.big.all.
"""
    )


def test_a_row_can_not_wait_for_the_whole_run(says):
    assert (
        says(HEAD + BIG + sheet("steps.big.all") + BIG.replace("big", "c").replace("row.photo", "steps.sheet"))
        == """\
r.yaml:6:42: sheet is made once for the whole run, after all rows [reference]
      c: {uses: wan/super_resolution, image: steps.sheet}
                                             ^
    Only steps with per: run can take it; c could have that, too.
"""
    )


def test_expressions_of_the_whole_run_see_no_row(says):
    assert (
        says(HEAD + BIG + sheet("steps.big.all", ", when: row.id > 1"))
        == """\
r.yaml:5:65: there is no row here [expression]
      sheet: {uses: wan/i2i, images: steps.big.all, per: run, when: row.id > 1, with: {prompt: x}}
                                                                    ^
    What is made once for the whole run sees params only.
"""
    )


def test_paths_of_the_whole_run_see_no_row(says):
    assert (
        says(HEAD + BIG + sheet("steps.big.all") + output("steps.sheet", "out/${{ row.id }}.png"))
        == """\
r.yaml:7:31: there is no row here [expression]
      o: {image: steps.sheet, to: "out/${{ row.id }}.png"}
                                  ^
    What is made once for the whole run sees params only.
"""
    )


def test_per_is_row_or_run_and_tags_are_words(says):
    assert (
        says(HEAD + BIG + sheet("steps.big.all", ", tags: [Web x]").replace("per: run", "per: ron"))
        == """\
r.yaml:5:54: per: "ron" is not known [choice]
      sheet: {uses: wan/i2i, images: steps.big.all, per: ron, tags: [Web x], with: {prompt: x}}
                                                         ^
    Did you mean run or row?
r.yaml:5:66: tags: "Web x" does not have the form ^[a-z][a-z0-9_-]*$ [pattern]
      sheet: {uses: wan/i2i, images: steps.big.all, per: ron, tags: [Web x], with: {prompt: x}}
                                                                     ^
"""
    )


def test_steps_of_the_whole_run_can_not_wait_for_themselves(says):
    assert (
        says(HEAD + sheet("steps.sheet.all"))
        == """\
r.yaml:4:3: steps need each other in a circle: sheet -> sheet [cycle]
      sheet: {uses: wan/i2i, images: steps.sheet.all, per: run, with: {prompt: x}}
      ^
    One of them must take row.… instead.
"""
    )


def test_pictures_of_all_rows_are_counted(says):
    assert (
        says(look() + sheet("steps.look.all"))
        == """\
r.yaml:9:34: images: 4 pictures; wan/i2i takes at most 3 [length]
      sheet: {uses: wan/i2i, images: steps.look.all, per: run, with: {prompt: x}}
                                     ^
    Leave rows out with where:, or pictures with when: of the step that makes them.
"""
    )


# -- taking over the matrix of another step


def follower(more="", image="steps.look", matrix="steps.look", prompt="${{ matrix.style }}"):
    """A step with the matrix of another."""
    head = f"  big: {{uses: wan/super_resolution, image: {image}, matrix: {matrix}"
    return head + f'{more}, with: {{prompt: "{prompt}"}}}}\n'


def test_a_step_may_take_over_the_matrix_of_another_in_whatever_order(says):
    assert (
        says(HEAD + follower() + look().removeprefix(HEAD) + output("steps.big", EACH))
        == """\
1 rows are fine
"""
    )


def test_a_step_whose_matrix_is_taken_over_is_there(says):
    assert (
        says(look() + follower(matrix="steps.lok"))
        == """\
r.yaml:9:64: matrix: there is no step lok [reference]
     wan/super_resolution, image: steps.look, matrix: steps.lok, with: {prompt: "${{ matrix.style }}"}}
                                                      ^
    Did you mean look?
"""
    )


def test_a_step_whose_matrix_is_taken_over_has_one(says):
    assert (
        says(HEAD + BIG.replace("big", "look") + follower())
        == """\
r.yaml:5:64: matrix: look has no matrix to take over [reference]
     wan/super_resolution, image: steps.look, matrix: steps.look, with: {prompt: "${{ matrix.style }}"}}
                                                      ^
    Name a step that has one, or say the values here: matrix: {name: [value, …]}.
"""
    )


def test_no_matrix_is_taken_over_in_a_circle(says):
    assert (
        says(HEAD + follower(matrix="steps.b", image="row.photo") + BIG.replace("big: {", "b: {matrix: steps.big, "))
        == """\
r.yaml:5:15: steps take over each other's matrix in a circle: big -> b -> big [cycle]
      b: {matrix: steps.big, uses: wan/super_resolution, image: row.photo}
                  ^
    One of them must say its values: matrix: {name: [value, …]}.
"""
    )


def test_what_is_excluded_before_is_excluded_after(says):
    assert (
        says(
            look() + follower(more=", exclude: [{style: gold}]") + follower(image="steps.big").replace("big:", "more:")
        )
        == """\
r.yaml:10:45: more has the instance gold-0.4, but big has not [reference]
      more: {uses: wan/super_resolution, image: steps.big, matrix: steps.look, with: {prompt: "${{ matri
                                                ^
    Say matrix: steps.big, or exclude it here, too.
"""
    )


def test_exclude_names_values_of_the_matrix_that_is_taken_over(says):
    assert (
        says(look() + follower(more=", exclude: [{style: silver}]"))
        == """\
r.yaml:9:94: exclude: style has no "silver" [matrix]
    steps.look, matrix: steps.look, exclude: [{style: silver}], with: {prompt: "${{ matrix.style }}"}}
                                                      ^
    Known here: book, gold.
"""
    )


def test_expressions_see_the_matrix_that_is_taken_over(says):
    assert (
        says(look() + follower(prompt="${{ matrix.stile }}"))
        == """\
r.yaml:9:91: the matrix has no stile [expression]
    e: steps.look, matrix: steps.look, with: {prompt: "${{ matrix.stile }}"}}
                                                      ^
    Did you mean style?
"""
    )


def test_a_fault_of_a_matrix_is_told_once(says):
    assert (
        says(look("{style: [a b], strength: [1]}") + follower() + output("steps.big", EACH))
        == """\
r.yaml:7:22: style: "a b" can't be part of a file's name [matrix]
        matrix: {style: [a b], strength: [1]}
                         ^
    Give it a name: style: {a_b: "a b", …}.
"""
    )


def test_a_matrix_is_values_or_a_step(says):
    assert (
        says(look() + follower(matrix="look"))
        == """\
r.yaml:9:64: matrix: "look" is no map of values [reference]
     wan/super_resolution, image: steps.look, matrix: look, with: {prompt: "${{ matrix.style }}"}}
                                                      ^
    Write matrix: {name: [value, …]}, or steps.ID to take over that of another step.
"""
    )


def test_images_of_a_step_with_a_matrix_are_all_or_one(says):
    assert (
        says(look() + sheet("[steps.look]").replace(", per: run", ""))
        == """\
r.yaml:9:35: steps.look is 4 pictures: steps.look@book-0.4, steps.look@book-0.7, steps.look@gold-0.4, steps.look@gold-0.7 [reference]
      sheet: {uses: wan/i2i, images: [steps.look], with: {prompt: x}}
                                      ^
    Write steps.look.all for all of them, or take one of them.
"""
    )


def test_images_are_a_list_or_all_pictures_of_a_step(says):
    assert (
        says(look() + sheet("steps.look"))
        == """\
r.yaml:9:34: images: "steps.look" is not a list of images [reference]
      sheet: {uses: wan/i2i, images: steps.look, per: run, with: {prompt: x}}
                                     ^
    Write steps.look.all for all pictures of that step, or [steps.look] for one.
"""
    )
