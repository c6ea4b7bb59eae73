"""What wanflow says of recipes and manifests that can't be used: every message whole, as a user reads it."""
# ruff: noqa: E501 - messages are as long as they are

import json

from projects import ROWS

HEAD = """\
wanflow: 1
manifest: {from: rows.csv}
"""
STEPS = """\
steps:
  fit: {uses: local/fit, image: row.photo, with: {max_side: 600}}
"""
OUTPUTS = """\
outputs:
  small: {image: steps.fit, to: "out/${{ row.id }}.png"}
"""
GOOD = HEAD + STEPS + OUTPUTS


def colour(entries, more=""):
    """A recipe with one wan step."""
    step = f"steps:\n  colour:\n    uses: wan/colorization\n    image: row.photo\n{more}    with: {entries}\n"
    return HEAD + step


def prompt(text):
    """A recipe whose prompt is this text, in quotes."""
    return colour("{prompt: " + json.dumps(text, ensure_ascii=False) + "}")


def over(manifest, more=""):
    """The good recipe over another manifest."""
    return GOOD.replace("rows.csv", manifest + more)


# -- the text of a recipe


def test_a_good_recipe_has_no_problems(says):
    assert (
        says(GOOD)
        == """\
1 rows are fine
"""
    )


def test_a_duplicate_key_names_the_first(says):
    assert (
        says(GOOD + STEPS)
        == """\
r.yaml:7:1: steps stands here twice, first in line 3 [duplicate-key]
    steps:
    ^
    Keep one.
"""
    )


def test_every_duplicate_key_is_told(says):
    assert (
        says(GOOD.replace("max_side: 600", "max_side: 600, max_side: 500") + "wanflow: 1\n")
        == """\
r.yaml:4:66: max_side stands here twice, first in line 4 [duplicate-key]
      fit: {uses: local/fit, image: row.photo, with: {max_side: 600, max_side: 500}}
                                                                     ^
    Keep one.
r.yaml:7:1: wanflow stands here twice, first in line 1 [duplicate-key]
    wanflow: 1
    ^
    Keep one.
"""
    )


def test_a_tab_is_no_indentation(says):
    assert (
        says("wanflow: 1\nsteps:\n\tfit: {}\n")
        == """\
r.yaml:3:1: not valid YAML: found character that cannot start any token [yaml]
    \\tfit: {}
    ^
    Indent with spaces; YAML does not take tabs.
"""
    )


def test_an_unclosed_bracket_is_shown_where_it_begins(says):
    assert (
        says("wanflow: 1\nsteps: {fit: {uses: local/fit\n")
        == """\
r.yaml:2:14: not valid YAML: did not find expected ',' or '}' [yaml]
    steps: {fit: {uses: local/fit
                 ^
    What begins here never ends.
"""
    )


def test_an_unclosed_quote_is_shown_where_it_begins(says):
    assert (
        says('wanflow: 1\nname: "restore\n')
        == """\
r.yaml:2:7: not valid YAML: found unexpected end of stream [yaml]
    name: "restore
          ^
    What begins here never ends.
"""
    )


def test_a_value_with_a_colon_needs_quotes(says):
    assert (
        says("wanflow: 1\ndescription: colour: detail\n")
        == """\
r.yaml:2:20: not valid YAML: mapping values are not allowed in this context [yaml]
    description: colour: detail
                       ^
    A value that holds ": " needs quotes.
"""
    )


def test_an_expression_inside_braces_needs_quotes(says):
    assert (
        says(GOOD.replace("600", "${{ params.side }}"))
        == """\
r.yaml:4:62: not valid YAML: did not find expected ',' or '}' [yaml]
      fit: {uses: local/fit, image: row.photo, with: {max_side: ${{ params.side }}}}
                                                                 ^
    Inside { } and [ ], an expression needs quotes: "${{ … }}".
"""
    )


def test_a_nul_byte_is_not_text(says):
    assert (
        says(GOOD + "\0")
        == """\
r.yaml: this file holds NUL bytes [encoding]
    Save it as UTF-8 text.
"""
    )


def test_an_escaped_control_character_is_refused(says):
    assert (
        says(GOOD + 'description: "\\e[31m"\n')
        == """\
r.yaml:7:14: the character U+001B can't stand in a text [yaml]
    description: "\\e[31m"
                 ^
    Remove it.
"""
    )


def test_an_invisible_line_break_is_refused(says):
    assert (
        says(GOOD + "description: one\u2028two\n")
        == """\
r.yaml:7:17: the character U+2028 can't stand in this file [yaml]
    description: one\\u2028two
                    ^
    Remove it; it may be invisible in your editor.
"""
    )


def test_utf_16_is_named(says):
    assert (
        says(GOOD.encode("utf-16"))
        == """\
r.yaml: this is UTF-16 text [encoding]
    Save the file as UTF-8.
"""
    )


def test_a_byte_that_is_not_utf_8_has_a_place(says):
    assert (
        says((GOOD + "description: café\n").encode("latin-1"))
        == """\
r.yaml:7:17: byte 0xe9 is not UTF-8 text [encoding]
    Save the file as UTF-8 (in spreadsheets: “CSV UTF-8”).
"""
    )


def test_a_recipe_of_10_mb_is_not_read(says):
    assert (
        says("# " + "x" * 10_000_000)
        == """\
r.yaml: 10,000,002 bytes; at most 1,000,000 are read [size]
    Data belongs into a manifest (CSV, JSONL), one row a picture.
"""
    )


def test_an_alias_bomb_is_refused(says):
    assert (
        says(
            "a: &a [x, x, x, x, x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a, *a]\nc: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b, *b]\nd: &d [*c, *c, *c, *c, *c, *c, *c, *c, *c, *c]\ne: [*d, *d, *d, *d, *d, *d, *d, *d, *d, *d]\n"
        )
        == """\
r.yaml:1:20: this document is too large: over 25,000 values [size]
    a: &a [x, x, x, x, x, x, x, x, x, x]
                       ^
    Data belongs into a manifest.
"""
    )


def test_an_anchor_inside_itself_is_refused(says):
    assert (
        says("steps: &all {fit: *all}\n")
        == """\
r.yaml:1:19: this document is too large: deeper than 50 levels [size]
    steps: &all {fit: *all}
                      ^
    Data belongs into a manifest.
"""
    )


def test_deep_nesting_is_refused(says):
    assert (
        says("x: " + "[" * 200)
        == """\
r.yaml:1:54: this document is too large: deeper than 50 levels [size]
    [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[
                                                      ^
    Data belongs into a manifest.
"""
    )


def test_deep_nesting_behind_an_anchor_is_refused(says):
    assert (
        says("x: &x " + "[" * 100_000)
        == """\
r.yaml:1:57: this document is too large: deeper than 50 levels [size]
    [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[
                                                      ^
    Data belongs into a manifest.
"""
    )


def test_a_tag_is_refused(says):
    assert (
        says("wanflow: !!python/object/apply:os.system [ls]\n")
        == """\
r.yaml:1:10: tags are not part of this language: tag:yaml.org,2002:python/object/apply:os.system [yaml]
    wanflow: !!python/object/apply:os.system [ls]
             ^
    Remove the tag.
"""
    )


def test_a_merge_key_is_refused(says):
    assert (
        says("a: &a {b: 1}\nc: {<<: *a}\n")
        == """\
r.yaml:2:5: merge keys are not part of this language [yaml]
    c: {<<: *a}
        ^
    Use defaults:, or write it out.
"""
    )


def test_a_second_document_is_refused(says):
    assert (
        says(GOOD + "---\nwanflow: 1\n")
        == """\
r.yaml:7:1: a second document starts here [yaml]
    ---
    ^
    One file holds one document.
"""
    )


def test_a_list_as_key_is_refused(says):
    assert (
        says("? [a]\n: b\n")
        == """\
r.yaml:1:3: a key must be plain text [yaml]
    ? [a]
      ^
"""
    )


def test_an_empty_file_is_no_recipe(says):
    assert (
        says("")
        == """\
r.yaml:1:1: a recipe is a map (wanflow: 1, steps: …) [type]
    See wanflow init for a working one.
"""
    )


def test_a_list_is_no_recipe(says):
    assert (
        says("- wanflow: 1\n")
        == """\
r.yaml:1:1: a recipe is a map (wanflow: 1, steps: …) [type]
    - wanflow: 1
    ^
    See wanflow init for a working one.
"""
    )


# -- names and keys


def test_an_unknown_key_at_the_top_is_named(says):
    assert (
        says(GOOD.replace("outputs", "output"))
        == """\
r.yaml:5:1: output is not known at the top of this file [unknown-key]
    output:
    ^
    Did you mean outputs?
"""
    )


def test_an_unknown_key_of_a_step_is_named(says):
    assert (
        says(GOOD.replace("uses", "use"))
        == """\
r.yaml:4:8: uses is missing in fit [required]
      fit: {use: local/fit, image: row.photo, with: {max_side: 600}}
           ^
r.yaml:4:9: use is not known in steps.fit [unknown-key]
      fit: {use: local/fit, image: row.photo, with: {max_side: 600}}
            ^
    Did you mean uses?
"""
    )


def test_an_unknown_key_of_a_manifest_is_named(says):
    assert (
        says(GOOD.replace("from: rows.csv", "from: rows.csv, keys: id"))
        == """\
r.yaml:2:28: keys is not known in manifest [unknown-key]
    manifest: {from: rows.csv, keys: id}
                               ^
    Did you mean key?
"""
    )


def test_an_unknown_key_of_a_parameter_is_named(says):
    assert (
        says(GOOD + "params: {side: {type: integer, minimun: 1, default: 2}}\n")
        == """\
r.yaml:7:32: minimun is not known in params.side [unknown-key]
    params: {side: {type: integer, minimun: 1, default: 2}}
                                   ^
    Did you mean minimum or maximum?
"""
    )


def test_an_unknown_default_is_named(says):
    assert (
        says(HEAD + "defaults: {sed: 7}\n" + STEPS)
        == """\
r.yaml:3:12: sed is not known in defaults [unknown-key]
    defaults: {sed: 7}
               ^
    Did you mean seed or size?
"""
    )


def test_the_version_must_be_known(says):
    assert (
        says(GOOD.replace("wanflow: 1", "wanflow: 2"))
        == """\
r.yaml:1:10: wanflow must be 1, got 2 [choice]
    wanflow: 2
             ^
"""
    )


def test_the_version_must_be_there(says):
    assert (
        says(GOOD.replace("wanflow: 1\n", ""))
        == """\
r.yaml:1:1: wanflow is missing in this file [required]
    manifest: {from: rows.csv}
    ^
"""
    )


def test_steps_must_be_there(says):
    assert (
        says(HEAD)
        == """\
r.yaml:1:1: steps is missing in this file [required]
    wanflow: 1
    ^
"""
    )


def test_steps_must_not_be_empty(says):
    assert (
        says(HEAD + "steps: {}\n")
        == """\
r.yaml:3:8: steps must not be empty [length]
    steps: {}
           ^
"""
    )


def test_a_step_must_have_content(says):
    assert (
        says(HEAD + "steps:\n  fit:\n")
        == """\
r.yaml:4:7: fit must be a map (name: value), got null [type]
      fit:
          ^
    There is no value here.
"""
    )


def test_a_step_needs_what_its_function_needs(says):
    assert (
        says(HEAD + "steps: {fit: {uses: local/fit}}\n")
        == """\
r.yaml:3:14: image and with are missing in fit [required]
    steps: {fit: {uses: local/fit}}
                 ^
"""
    )


def test_a_step_has_a_small_name(says):
    assert (
        says(GOOD.replace("fit:", "Fit:").replace("steps.fit", "row.photo"))
        == """\
r.yaml:4:3: "Fit" can't be a name: a small letter first, then small letters, digits, _ [name]
      Fit: {uses: local/fit, image: row.photo, with: {max_side: 600}}
      ^
    Write for example fit.
"""
    )


def test_a_recipe_has_a_small_name(says):
    assert (
        says(GOOD + "name: Über uns\n")
        == """\
r.yaml:7:7: "Über uns" can't be a name: a small letter first, then small letters, digits, _ [name]
    name: Über uns
          ^
    Write for example uber_uns.
"""
    )


def test_an_unknown_function_has_a_suggestion(says):
    assert (
        says(GOOD.replace("local/fit", "colorize"))
        == """\
r.yaml:4:15: uses: "colorize" is not known [choice]
      fit: {uses: colorize, image: row.photo, with: {max_side: 600}}
                  ^
    Did you mean wan/colorization?
"""
    )


def test_an_unknown_function_parameter_has_a_suggestion(says):
    assert (
        says(GOOD.replace("max_side", "max_sides"))
        == """\
r.yaml:4:51: max_sides is not known in steps.fit.with [unknown-key]
      fit: {uses: local/fit, image: row.photo, with: {max_sides: 600}}
                                                      ^
    Did you mean max_side or min_side?
"""
    )


def test_an_unknown_step_has_a_suggestion(says):
    assert (
        says(GOOD.replace("image: row.photo", "image: steps.fitt"))
        == """\
r.yaml:4:33: image: there is no step fitt [reference]
      fit: {uses: local/fit, image: steps.fitt, with: {max_side: 600}}
                                    ^
    Did you mean fit?
"""
    )


def test_an_output_of_an_unknown_step_has_a_suggestion(says):
    assert (
        says(GOOD.replace("steps.fit,", "steps.fti,"))
        == """\
r.yaml:6:18: image: there is no step fti [reference]
      small: {image: steps.fti, to: "out/${{ row.id }}.png"}
                     ^
    Did you mean fit?
"""
    )


def test_an_unknown_column_has_a_suggestion(says):
    assert (
        says(GOOD.replace("row.photo", "row.foto"))
        == """\
r.yaml:4:33: the manifest rows.csv has no column foto [column]
      fit: {uses: local/fit, image: row.foto, with: {max_side: 600}}
                                    ^
    Did you mean photo?
"""
    )


def test_an_unknown_column_in_an_expression_has_a_suggestion(says):
    assert (
        says(GOOD.replace("row.id", "row.idd"))
        == """\
r.yaml:6:33: the manifest rows.csv has no column idd [column]
      small: {image: steps.fit, to: "out/${{ row.idd }}.png"}
                                    ^
    Did you mean id?
"""
    )


def test_an_unknown_parameter_in_an_expression_has_a_suggestion(says):
    assert (
        says(prompt("${{ params.colors }}") + "params: {colours: {type: string, default: red}}\n")
        == """\
r.yaml:7:20: there is no parameter colors [expression]
        with: {prompt: "${{ params.colors }}"}
                       ^
    Did you mean colours?
"""
    )


def test_an_unknown_parameter_as_image_has_a_suggestion(says):
    assert (
        says(GOOD.replace("row.photo", "params.logos") + "params: {logo: {type: string, default: a.png}}\n")
        == """\
r.yaml:4:33: there is no parameter logos [reference]
      fit: {uses: local/fit, image: params.logos, with: {max_side: 600}}
                                    ^
    Did you mean logo?
"""
    )


def test_an_unknown_model_is_named(says):
    assert (
        says(colour("{seed: 1}", "    model: wanx3\n"))
        == """\
r.yaml:7:12: model: "wanx3" is not known [choice]
        model: wanx3
               ^
    Did you mean wanx-v1?
"""
    )


def test_a_local_step_has_no_model(says):
    assert (
        says(GOOD.replace("image: row.photo", "image: row.photo, model: wanx2.1-imageedit"))
        == """\
r.yaml:4:51: model can't be used here [unknown-key]
      fit: {uses: local/fit, image: row.photo, model: wanx2.1-imageedit, with: {max_side: 600}}
                                                      ^
    local/fit runs on this machine, without a model.
"""
    )


def test_a_function_without_mask_takes_none(says):
    assert (
        says(GOOD.replace("image: row.photo", "image: row.photo, mask: row.photo"))
        == """\
r.yaml:4:50: mask can't be used here [unknown-key]
      fit: {uses: local/fit, image: row.photo, mask: row.photo, with: {max_side: 600}}
                                                     ^
    local/fit takes no mask.
"""
    )


def test_an_image_is_a_reference_not_an_expression(says):
    assert (
        says(GOOD.replace("row.photo", '"${{ row.photo }}"'))
        == """\
r.yaml:4:33: image: "${{ row.photo }}" is not an image reference [reference]
      fit: {uses: local/fit, image: "${{ row.photo }}", with: {max_side: 600}}
                                    ^
    Write row.COLUMN, params.NAME, steps.ID or file:PATH, without ${{ }}.
"""
    )


def test_a_number_is_no_image(says):
    assert (
        says(GOOD.replace("row.photo", "params.side") + "params: {side: {type: integer, default: 5}}\n")
        == """\
r.yaml:4:33: params.side is no text, so it can't be an image's path [reference]
      fit: {uses: local/fit, image: params.side, with: {max_side: 600}}
                                    ^
"""
    )


def test_an_unknown_otherwise_has_a_suggestion(says):
    assert (
        says(GOOD.replace("image: row.photo", "image: row.photo, otherwise: bypas"))
        == """\
r.yaml:4:55: otherwise: "bypas" is not known [choice]
      fit: {uses: local/fit, image: row.photo, otherwise: bypas, with: {max_side: 600}}
                                                          ^
    Did you mean bypass?
"""
    )


def test_a_cycle_is_named_in_order(says):
    assert (
        says(
            HEAD
            + "steps:\n  a: {uses: local/fit, image: steps.c, with: {max_side: 5}}\n  b: {uses: local/fit, image: steps.a, with: {max_side: 5}}\n  c: {uses: local/fit, image: steps.b, with: {max_side: 5}}\n"
        )
        == """\
r.yaml:4:3: steps need each other in a circle: a -> c -> b -> a [cycle]
      a: {uses: local/fit, image: steps.c, with: {max_side: 5}}
      ^
    One of them must take row.… instead.
"""
    )


def test_a_step_that_needs_itself_is_a_cycle(says):
    assert (
        says(GOOD.replace("row.photo", "steps.fit"))
        == """\
r.yaml:4:3: steps need each other in a circle: fit -> fit [cycle]
      fit: {uses: local/fit, image: steps.fit, with: {max_side: 600}}
      ^
    One of them must take row.… instead.
"""
    )


def test_a_cycle_hides_no_other_problem(says):
    assert (
        says(GOOD.replace("row.photo", "steps.fit") + "  other: {image: row.foto, to: x.png}\n")
        == """\
r.yaml:4:3: steps need each other in a circle: fit -> fit [cycle]
      fit: {uses: local/fit, image: steps.fit, with: {max_side: 600}}
      ^
    One of them must take row.… instead.
r.yaml:7:18: the manifest rows.csv has no column foto [column]
      other: {image: row.foto, to: x.png}
                     ^
    Did you mean photo?
"""
    )


# -- types and ranges


def test_no_stays_text(says):
    assert (
        says(colour("{seed: no}"))
        == """\
r.yaml:7:18: seed must be a whole number, got "no" [type]
        with: {seed: no}
                     ^
"""
    )


def test_a_time_stays_text(says):
    assert (
        says(colour("{seed: 12:30}"))
        == """\
r.yaml:7:18: seed must be a whole number, got "12:30" [type]
        with: {seed: 12:30}
                     ^
"""
    )


def test_leading_zeros_stay_text(says):
    assert (
        says(colour("{seed: 007}"))
        == """\
r.yaml:7:18: seed must be a whole number, got "007" [type]
        with: {seed: 007}
                     ^
"""
    )


def test_a_date_stays_text(says):
    assert (
        says(colour("{seed: 2001-01-01}"))
        == """\
r.yaml:7:18: seed must be a whole number, got "2001-01-01" [type]
        with: {seed: 2001-01-01}
                     ^
"""
    )


def test_yes_is_no_condition(says):
    assert (
        says(GOOD.replace("image: row.photo", "image: row.photo, when: yes"))
        == """\
r.yaml:4:50: yes is no expression [expression]
      fit: {uses: local/fit, image: row.photo, when: yes, with: {max_side: 600}}
                                                     ^
    Only true and false are read as yes and no.
"""
    )


def test_a_number_is_no_condition(says):
    assert (
        says(GOOD.replace("image: row.photo", "image: row.photo, when: 5"))
        == """\
r.yaml:4:50: when must be text or true or false, got 5 [type]
      fit: {uses: local/fit, image: row.photo, when: 5, with: {max_side: 600}}
                                                     ^
"""
    )


def test_a_literal_has_a_type(says):
    assert (
        says(colour("{prompt: 5, seed: many}"))
        == """\
r.yaml:7:20: prompt must be text, got 5 [type]
        with: {prompt: 5, seed: many}
                       ^
    Put it in quotes to make it text: "5".
r.yaml:7:29: seed must be a whole number, got "many" [type]
        with: {prompt: 5, seed: many}
                                ^
"""
    )


def test_a_literal_has_a_range(says):
    assert (
        says(colour("{seed: -4}"))
        == """\
r.yaml:7:18: seed must be between 0 and 2147483647, got -4 [range]
        with: {seed: -4}
                     ^
"""
    )


def test_a_literal_has_a_length(says):
    assert (
        says(colour("{prompt: " + "x" * 801 + "}"))
        == """\
r.yaml:7:20: prompt may have at most 800 characters, got 801 [length]
        with: {prompt: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
                       ^
"""
    )


def test_a_value_from_a_cell_names_the_manifest_its_line_and_the_column(says):
    long = "0002,a.png," + "x" * 801 + "\n"
    assert (
        says(colour('{prompt: "${{ row.colours }}"}'), "id,photo,colours\n0001,a.png,red\n" + long)
        == """\
r.yaml:7:20: prompt may have at most 800 characters, got 801 [length]
        with: {prompt: "${{ row.colours }}"}
                       ^ row 0002 (rows.csv:3, column colours)
"""
    )


def test_a_value_from_several_columns_of_a_glob_names_the_file(says):
    long = "${{ row.stem }} ${{ row.ext | replace('p', '" + "p" * 800 + "') }}"
    assert (
        says(prompt(long).replace("rows.csv", '"*.png"').replace("row.photo", "row.path"))
        == """\
r.yaml:7:20: prompt may have at most 800 characters, got 804 [length]
        with: {prompt: "${{ row.stem }} ${{ row.ext | replace('p', 'pppppppppppppppppppppppppppppppppppp
                       ^ row a (a.png, columns ext, stem)
"""
    )


def test_what_a_function_is_called_elsewhere_leads_to_it(says):
    assert (
        says(GOOD.replace("local/fit", "wan/upscale"))
        == """\
r.yaml:4:15: uses: "wan/upscale" is not known [choice]
      fit: {uses: wan/upscale, image: row.photo, with: {max_side: 600}}
                  ^
    Did you mean wan/super_resolution?
"""
    )


def test_a_size_is_shown_by_an_example(says):
    assert (
        says("wanflow: 1\nsteps:\n  t: {uses: wan/t2i, with: {prompt: A cat, size: 1280x720}}\n")
        == """\
r.yaml:3:50: size must be like 1280*720, got "1280x720" [pattern]
      t: {uses: wan/t2i, with: {prompt: A cat, size: 1280x720}}
                                                     ^
"""
    )


def test_a_prompt_of_spaces_is_empty(says):
    assert (
        says(
            "wanflow: 1\nsteps:\n  t: {uses: wan/t2i, with: {prompt: '  '}}\n  u: {uses: wan/t2i, with: {prompt: ''}}\n"
        )
        == """\
r.yaml:3:37: prompt must not be empty [length]
      t: {uses: wan/t2i, with: {prompt: '  '}}
                                        ^
    There are only spaces.
r.yaml:4:37: prompt must not be empty [length]
      u: {uses: wan/t2i, with: {prompt: ''}}
                                        ^
"""
    )


def test_a_default_has_a_range(says):
    assert (
        says(HEAD + "defaults: {seed: -4}\n" + colour("{prompt: red}").removeprefix(HEAD))
        == """\
r.yaml:3:18: seed must be between 0 and 2147483647, got -4 [range]
    defaults: {seed: -4}
                     ^
"""
    )


def test_a_parameter_default_has_a_type(says):
    assert (
        says(GOOD + "params: {side: {type: integer, default: wide}}\n")
        == """\
r.yaml:7:41: side must be a whole number, got "wide" [param]
    params: {side: {type: integer, default: wide}}
                                            ^
"""
    )


def test_a_parameter_default_has_a_range(says):
    assert (
        says(GOOD + "params: {side: {type: integer, maximum: 4, default: 5}}\n")
        == """\
r.yaml:7:53: side must be at most 4, got 5 [param]
    params: {side: {type: integer, maximum: 4, default: 5}}
                                                        ^
"""
    )


def test_a_parameter_default_is_one_of_its_choices(says):
    assert (
        says(GOOD + "params: {look: {type: string, enum: [warm, cold], default: wrm}}\n")
        == """\
r.yaml:7:60: look: "wrm" is not known [param]
    params: {look: {type: string, enum: [warm, cold], default: wrm}}
                                                               ^
    Did you mean warm?
"""
    )


def test_a_parameter_without_default_must_be_given(says):
    assert (
        says(prompt("${{ params.look }}") + "params: {look: {type: string}}\n")
        == """\
r.yaml:8:16: look has no default and was not given [param]
    params: {look: {type: string}}
                   ^
    Give it with -p look=…
"""
    )


def test_a_parameter_type_has_a_suggestion(says):
    assert (
        says(GOOD + "params: {side: {type: int, default: 1}}\n")
        == """\
r.yaml:7:23: type: "int" is not known [choice]
    params: {side: {type: int, default: 1}}
                          ^
    Did you mean integer?
"""
    )


def test_a_parameter_pattern_is_a_regular_expression(says):
    assert (
        says(GOOD + 'params: {look: {type: string, pattern: "(", default: warm}}\n')
        == """\
r.yaml:7:40: pattern: "(" is not a regular expression [pattern]
    params: {look: {type: string, pattern: "(", default: warm}}
                                           ^
    missing ): (.
"""
    )


def test_a_rendered_value_out_of_range_names_line_and_row(says):
    assert (
        says(colour('{seed: "${{ row.seed | int }}"}'), "id,photo,seed\na,a.png,5\nb,a.png,-1\nc,a.png,-1\n")
        == """\
r.yaml:7:18: seed must be between 0 and 2147483647, got -1 [range]
        with: {seed: "${{ row.seed | int }}"}
                     ^ used by 2 rows, first b (rows.csv:3, column seed)
"""
    )


def test_a_rendered_value_of_another_type_names_line_and_row(says):
    assert (
        says(colour('{seed: "${{ row.seed }}"}'), "id,photo,seed\na,a.png,5\n")
        == """\
r.yaml:7:18: seed must be a whole number, got "5" [type]
        with: {seed: "${{ row.seed }}"}
                     ^ row a (rows.csv:2, column seed)
    This is text: leave out the quotes, or give its column a type with types:.
"""
    )


def test_a_quality_has_a_range(says):
    assert (
        says(GOOD.replace("{image: steps.fit", "{quality: 101, image: steps.fit"))
        == """\
r.yaml:6:20: quality must be between 1 and 100, got 101 [range]
      small: {quality: 101, image: steps.fit, to: "out/${{ row.id }}.png"}
                       ^
"""
    )


# -- expressions


def test_a_loop_is_refused(says):
    assert (
        says(prompt("{% for x in row %}x{% endfor %}"))
        == """\
r.yaml:7:20: {% … %} blocks are not part of this language [expression]
        with: {prompt: "{% for x in row %}x{% endfor %}"}
                       ^
    Use when:, or a conditional expression.
"""
    )


def test_a_call_is_refused(says):
    assert (
        says(prompt("${{ row.photo.upper() }}"))
        == """\
r.yaml:7:20: functions and methods can't be called here [expression]
        with: {prompt: "${{ row.photo.upper() }}"}
                       ^
    Filters: abs, capitalize, d, default, first, float, int, join, last, length, lower, max, min, replace, round, slug, split, string, title, trim, truncate, upper.
"""
    )


def test_a_function_is_refused(says):
    assert (
        says(prompt("${{ range(9) }}"))
        == """\
r.yaml:7:20: functions and methods can't be called here [expression]
        with: {prompt: "${{ range(9) }}"}
                       ^
    Filters: abs, capitalize, d, default, first, float, int, join, last, length, lower, max, min, replace, round, slug, split, string, title, trim, truncate, upper.
"""
    )


def test_growth_by_multiplication_is_refused(says):
    assert (
        says(prompt("${{ row.photo * 1000 }}"))
        == """\
r.yaml:7:20: * can't be used on text and a number [expression]
        with: {prompt: "${{ row.photo * 1000 }}"}
                       ^ row 0001 (rows.csv:2, column photo)
"""
    )


def test_growth_by_replacing_is_refused(says):
    assert (
        says(prompt('${{ row.photo | replace("", "' + "x" * 3900 + '") }}'))
        == """\
r.yaml:7:20: the value grows over 20,000 characters [expression]
        with: {prompt: "${{ row.photo | replace(\\"\\", \\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
                       ^ row 0001 (rows.csv:2, column photo)
"""
    )


def test_rounding_to_a_billion_digits_is_refused(says):
    assert (
        says(colour('{seed: "${{ row.id | int | round(-999999999) }}"}'))
        == """\
r.yaml:7:18: round takes at most 15 digits [expression]
        with: {seed: "${{ row.id | int | round(-999999999) }}"}
                     ^ row 0001 (rows.csv:2, column id)
"""
    )


def test_a_tilde_is_refused(says):
    assert (
        says(prompt("${{ row.photo ~ 1 }}"))
        == """\
r.yaml:7:20: ~ is not part of this language [expression]
        with: {prompt: "${{ row.photo ~ 1 }}"}
                       ^
    Write ${{ a }}${{ b }}, or a + b for texts.
"""
    )


def test_a_template_of_another_language_is_refused(says):
    assert (
        says(prompt("{{ row.photo }}"))
        == """\
r.yaml:7:20: {{ … }} is not read as an expression [expression]
        with: {prompt: "{{ row.photo }}"}
                       ^
    Write ${{ … }}.
"""
    )


def test_an_unclosed_expression_is_refused(says):
    assert (
        says(prompt("${{ row.photo"))
        == """\
r.yaml:7:20: ${{ is never closed [expression]
        with: {prompt: "${{ row.photo"}
                       ^
    An expression is ${{ … }}.
"""
    )


def test_an_empty_expression_is_refused(says):
    assert (
        says(prompt("${{ }}"))
        == """\
r.yaml:7:20: the expression is empty [expression]
        with: {prompt: "${{ }}"}
                       ^
"""
    )


def test_an_unfinished_expression_is_refused(says):
    assert (
        says(prompt("red ${{ row.photo | }} blue"))
        == """\
r.yaml:7:20: row.photo | is not an expression: expected token 'name', but it ends [expression]
        with: {prompt: "red ${{ row.photo | }} blue"}
                       ^
"""
    )


def test_an_unknown_filter_has_a_suggestion(says):
    assert (
        says(prompt("${{ row.photo | uper }}"))
        == """\
r.yaml:7:20: there is no filter uper [expression]
        with: {prompt: "${{ row.photo | uper }}"}
                       ^
    Did you mean upper?
"""
    )


def test_an_unknown_root_is_named(says):
    assert (
        says(prompt("${{ rows.photo }}"))
        == """\
r.yaml:7:20: there is no rows here [expression]
        with: {prompt: "${{ rows.photo }}"}
                       ^
    Did you mean row?
"""
    )


def test_steps_are_not_seen_by_expressions(says):
    assert (
        says(prompt("${{ steps.fit }}"))
        == """\
r.yaml:7:20: expressions can't see steps [expression]
        with: {prompt: "${{ steps.fit }}"}
                       ^
    Name a step in image:, mask: or images: (steps.ID); its picture goes there.
"""
    )


def test_a_text_with_too_many_expressions_is_refused(says):
    assert (
        says(prompt("${{ row.id }}" * 400))
        == """\
r.yaml:7:20: a text with expressions may have 4,000 characters, this one has 5,200 [expression]
        with: {prompt: "${{ row.id }}${{ row.id }}${{ row.id }}${{ row.id }}${{ row.id }}${{ row.id }}${
                       ^
"""
    )


def test_a_missing_column_may_have_a_default(says):
    assert (
        says(prompt('${{ row.colours | default("red") }}'))
        == """\
1 rows are fine
"""
    )


def test_a_condition_is_true_or_false(says):
    assert (
        says(GOOD.replace("image: row.photo", "image: row.photo, when: row.id"))
        == """\
r.yaml:4:50: when must be true or false, got "0001" [when]
      fit: {uses: local/fit, image: row.photo, when: row.id, with: {max_side: 600}}
                                                     ^ row 0001 (rows.csv:2, column id)
    Compare: row.flag == "yes", or give the column a type: types: {flag: boolean}.
"""
    )


def test_a_condition_is_written_without_braces(says):
    assert (
        says(colour("{seed: 1}", '    when: ${{ row.id == "a" }}\n'))
        == """\
r.yaml:7:11: ${{ row.id == "a" }} is not an expression: unexpected char '$' at 4 [expression]
        when: ${{ row.id == "a" }}
              ^
    A when: or where: is an expression already; write it without ${{ }}.
"""
    )


def test_a_condition_compares_with_two_signs(says):
    assert (
        says(colour("{seed: 1}", "    when: row.id = 5\n"))
        == """\
r.yaml:7:11: row.id = 5 is not an expression: unexpected '=' [expression]
        when: row.id = 5
              ^
    Comparison is ==, not =.
"""
    )


def test_text_is_not_compared_with_a_number(says):
    assert (
        says(colour("{seed: 1}", "    when: row.year < 1965\n"), "id,photo,year\n0001,a.png,1950\n")
        == """\
r.yaml:7:11: row.year < 1965 can't be evaluated: text and a number can't be compared [expression]
        when: row.year < 1965
              ^ row 0001 (rows.csv:2, column year)
    Give the column a type: types: {year: integer}.
"""
    )


def test_where_is_true_or_false(says):
    assert (
        says(over("rows.csv", ", where: row.id"))
        == """\
r.yaml:2:35: where must be true or false, got "0001" [when]
    manifest: {from: rows.csv, where: row.id}
                                      ^ row 0001 (rows.csv:2, column id)
    Compare: row.flag == "yes", or give the column a type: types: {flag: boolean}.
"""
    )


# -- output paths


def test_a_path_must_stay_in_the_output_folder(says):
    assert (
        says(GOOD.replace("out/$", "../$"))
        == """\
r.yaml:6:33: "../0001.png" leaves the output folder [output-path]
      small: {image: steps.fit, to: "../${{ row.id }}.png"}
                                    ^ row 0001 (rows.csv:2, column id)
    Write for example out/${{ row.id }}.png.
"""
    )


def test_a_path_made_of_a_cell_must_stay_in_the_output_folder(says):
    assert (
        says(GOOD.replace("row.id", "row.title"), "id,photo,title\n0001,a.png,../../x\n")
        == """\
r.yaml:6:33: "out/../../x.png" leaves the output folder [output-path]
      small: {image: steps.fit, to: "out/${{ row.title }}.png"}
                                    ^ row 0001 (rows.csv:2, column title)
    Write for example out/${{ row.id }}.png.
"""
    )


def test_a_path_must_be_relative(says):
    assert (
        says(GOOD.replace("out/$", "/srv/$"))
        == """\
r.yaml:6:33: "/srv/0001.png" must be relative to the output folder [output-path]
      small: {image: steps.fit, to: "/srv/${{ row.id }}.png"}
                                    ^ row 0001 (rows.csv:2, column id)
    Write for example out/${{ row.id }}.png.
"""
    )


def test_a_path_must_have_no_reserved_name(says):
    assert (
        says(GOOD.replace("${{ row.id }}", "con"))
        == """\
r.yaml:6:33: "out/con.png": "con.png" is a reserved name [output-path]
      small: {image: steps.fit, to: "out/con.png"}
                                    ^ row 0001
    Write for example out/${{ row.id }}.png.
"""
    )


def test_a_path_must_end_with_a_format(says):
    assert (
        says(GOOD.replace('.png"}', '.gif"}'))
        == """\
r.yaml:6:33: "out/0001.gif" must end with .png, .jpg, .jpeg, .webp, .tif, .tiff, .bmp [output-path]
      small: {image: steps.fit, to: "out/${{ row.id }}.gif"}
                                    ^ row 0001 (rows.csv:2, column id)
    Write for example out/${{ row.id }}.png.
"""
    )


def test_a_path_belongs_to_one_row(says):
    assert (
        says(GOOD.replace("${{ row.id }}", "x"), ROWS + "0002,a.png\n")
        == """\
r.yaml:6:33: "out/x.png" is also written by row 0001 [output-path]
      small: {image: steps.fit, to: "out/x.png"}
                                    ^ row 0002
    Every row and output needs a path of its own, e.g. out/${{ row.id }}-name.png.
"""
    )


def test_paths_that_differ_only_by_case_are_one(says):
    assert (
        says(GOOD.replace("row.id", "row.title"), "id,photo,title\n1,a.png,Cat\n2,a.png,cAt\n")
        == """\
r.yaml:6:33: "out/cAt.png" is also written by row 1 [output-path]
      small: {image: steps.fit, to: "out/${{ row.title }}.png"}
                                    ^ row 2 (rows.csv:3, column title)
    Every row and output needs a path of its own, e.g. out/${{ row.id }}-name.png.
"""
    )


def test_paths_that_differ_only_by_normal_form_are_one(says):
    assert (
        says(GOOD.replace("row.id", "row.title"), "id,photo,title\n1,a.png,caf\u00e9\n2,a.png,cafe\u0301\n")
        == """\
r.yaml:6:33: "out/café.png" is also written by row 1 [output-path]
      small: {image: steps.fit, to: "out/${{ row.title }}.png"}
                                    ^ row 2 (rows.csv:3, column title)
    Every row and output needs a path of its own, e.g. out/${{ row.id }}-name.png.
"""
    )


def test_a_path_belongs_to_one_output(says):
    assert (
        says(GOOD + '  copy: {image: steps.fit, to: "out/${{ row.id }}.png"}\n')
        == """\
r.yaml:7:32: "out/0001.png" is also written by another output of the same row [output-path]
      copy: {image: steps.fit, to: "out/${{ row.id }}.png"}
                                   ^ row 0001 (rows.csv:2, column id)
    Every row and output needs a path of its own, e.g. out/${{ row.id }}-name.png.
"""
    )


def test_a_path_must_not_be_an_input(says):
    assert (
        says(GOOD.replace("out/${{ row.id }}", "a"))
        == """\
r.yaml:6:33: row 0001 would write over a.png, which is an input image [output-path]
      small: {image: steps.fit, to: "a.png"}
                                    ^
    Give outputs a folder of their own, e.g. out/.
"""
    )


# -- manifests


def test_a_manifest_must_exist(says):
    assert (
        says(over("none.csv"))
        == """\
r.yaml:2:18: there is no file none.csv [file]
    manifest: {from: none.csv}
                     ^
    Paths start at the recipe's folder.
"""
    )


def test_a_manifest_has_a_known_ending(says):
    assert (
        says(over("rows.xls"), manifest="rows.xls")
        == """\
rows.xls: a manifest can't be .xls [manifest]
    Known endings: .csv, .json, .jsonl, .ndjson, .tab, .tsv, .yaml, .yml, or a glob.
"""
    )


def test_a_manifest_must_not_be_empty(says):
    assert (
        says(GOOD, "")
        == """\
rows.csv: the manifest is empty [manifest]
    Its first line names columns.
"""
    )


def test_a_manifest_must_have_rows(says):
    assert (
        says(GOOD, "id,photo\n")
        == """\
rows.csv:1:1: the manifest has no rows [manifest]
    One line a picture.
"""
    )


def test_a_glob_must_match(says):
    assert (
        says(over('"*.tif"').replace("row.photo", "row.path").replace("row.id", "row.stem"))
        == """\
r.yaml:2:18: no file matches *.tif in . [manifest]
    manifest: {from: "*.tif"}
                     ^
    Paths start at the recipe's folder.
"""
    )


def test_files_that_differ_only_in_their_ending_need_whole_names_for_keys(says):
    recipe = over('"*.[pb]*"').replace("row.photo", "row.path").replace("row.id", "row.stem")
    assert (
        says(recipe, a__bmp="")
        == """\
a.bmp: row.path: a.bmp: the file is empty [image-unreadable]
    row a
    Save it anew as JPEG or PNG, or leave the row out with where:.
a.png: key a stands here again; first for a.bmp [row-key]
    Write manifest: {from: …, key: name}; then keys are whole file names, with their ending.
"""
    )


def test_files_of_one_name_in_several_folders_need_a_table(says, tmp_path):
    (tmp_path / "b").mkdir()
    recipe = over('"**/*.png"', ", key: name").replace("row.photo", "row.path").replace("row.id", "row.stem")
    assert (
        says(recipe, **{"b/a__png": ""})
        == """\
b/a.png: key a.png stands here again; first for a.png [row-key]
    Rename the file, or list the files in a CSV with a column of keys, and write from: that.csv.
"""
    )


def test_a_path_is_no_key(says):
    recipe = over('"**/*.png"', ", key: folder").replace("row.photo", "row.path").replace("row.id", "row.stem")
    assert (
        says(recipe)
        == """\
a.png: key "." may not begin or end like this (dot, plus, space; or begin with -) [row-key]
    Write manifest: {from: …, key: stem} for names without their ending, or key: name for whole names.
"""
    )


def test_a_glob_has_no_other_columns_for_keys(says):
    assert (
        says(over('"*.png"', ", key: id").replace("row.photo", "row.path").replace("row.id", "row.stem"))
        == """\
r.yaml:2:32: the manifest *.png has no column id for row keys [row-key]
    manifest: {from: "*.png", key: id}
                                   ^
    A glob's columns are path, name, stem, ext and folder; write key: name, or leave key: out for stem.
"""
    )


def test_a_byte_order_mark_and_windows_line_ends_are_fine(says):
    assert (
        says(GOOD, b"\xef\xbb\xbfid,photo\r\n0001,a.png\r\n")
        == """\
1 rows are fine
"""
    )


def test_a_manifest_in_utf_16_is_named(says):
    assert (
        says(GOOD, ROWS.encode("utf-16"))
        == """\
rows.csv: this is UTF-16 text [encoding]
    Save the file as UTF-8.
"""
    )


def test_a_manifest_in_utf_16_without_mark_is_no_text(says):
    assert (
        says(GOOD, ROWS.encode("utf-16-le"))
        == """\
rows.csv: this file holds NUL bytes [encoding]
    Save it as UTF-8 text.
"""
    )


def test_a_manifest_in_latin_1_has_a_place(says):
    assert (
        says(GOOD, "id,photo\n0001,caf\u00e9.png\n".encode("latin-1"))
        == """\
rows.csv:2:9: byte 0xe9 is not UTF-8 text [encoding]
    Save the file as UTF-8 (in spreadsheets: “CSV UTF-8”).
"""
    )


def test_every_ragged_row_is_told(says):
    assert (
        says(GOOD, "id,photo\n0001\n0002,a.png,b.png\n0003,a.png\n")
        == """\
rows.csv:2:1: 1 cell, but the header has 2 [cells]
    Missing: photo.
rows.csv:3:1: 3 cells, but the header has 2 [cells]
    A cell that holds a comma needs quotes.
"""
    )


def test_a_quote_that_never_ends_has_a_line(says):
    assert (
        says(GOOD, 'id,photo\n0001,"a.png\n0002,a.png\n')
        == """\
rows.csv:2:1: a quoted cell never ends [cells]
    End it with a quote; inside, write "" for one.
"""
    )


def test_text_after_a_quote_has_a_line(says):
    assert (
        says(GOOD, 'id,photo\n0001,"a".png\n')
        == """\
rows.csv:2:1: ',' expected after '"' [cells]
    Inside a quoted cell, write "" for one quote.
"""
    )


def test_a_cell_of_1_mb_is_refused(says):
    assert (
        says(GOOD, "id,photo\n0001," + "x" * 1_000_000 + "\n")
        == """\
rows.csv:2:1: a cell has over 65,536 characters [cells]
    A quote may be missing that should end a cell.
"""
    )


def test_a_column_stands_once(says):
    assert (
        says(GOOD, "id,photo,photo\n0001,a.png,b.png\n")
        == """\
rows.csv:1:1: column "photo" stands here twice [column]
    Rename one.
"""
    )


def test_a_column_has_a_name(says):
    assert (
        says(GOOD, "id,photo,\n0001,a.png,\n")
        == """\
rows.csv:1:1: column 3 has no name [column]
"""
    )


def test_a_semicolon_separates_nothing(says):
    assert (
        says(GOOD, "id;photo\n0001;a.png\n")
        == """\
rows.csv:1:1: there is only one column, "id;photo" [column]
    Separate columns with a comma.
"""
    )


def test_a_key_column_must_be_there(says):
    assert (
        says(over("rows.csv", ", key: idd"))
        == """\
r.yaml:2:33: the manifest rows.csv has no column idd for row keys [row-key]
    manifest: {from: rows.csv, key: idd}
                                    ^
    Did you mean id? Name the column that identifies a row with key:.
"""
    )


def test_a_row_key_stands_once(says):
    assert (
        says(GOOD, ROWS + "0002,a.png\n0001,a.png\n")
        == """\
rows.csv:4:1: key 0001 stands here again; first in line 2 [row-key]
    Every row needs a key of its own.
"""
    )


def test_row_keys_are_safe_names(says):
    assert (
        says(GOOD, "id,photo\n../x,a.png\nCON,a.png\nrun,a.png\n,a.png\n-x,a.png\n" + "x" * 121 + ",a.png\n")
        == """\
rows.csv:2:1: key "../x" holds "/", which is not safe in a file name [row-key]
    Keys come from column id; another can be named with key:.
rows.csv:3:1: key "CON" is a reserved name [row-key]
    Keys come from column id; another can be named with key:.
rows.csv:4:1: key "run" is a reserved name [row-key]
    Keys come from column id; another can be named with key:.
rows.csv:5:1: the key is empty [row-key]
    Keys come from column id; another can be named with key:.
rows.csv:6:1: key "-x" may not begin or end like this (dot, plus, space; or begin with -) [row-key]
    Keys come from column id; another can be named with key:.
rows.csv:7:1: the key has over 120 bytes [row-key]
    Keys come from column id; another can be named with key:.
"""
    )


def test_types_must_fit(says):
    assert (
        says(
            over("rows.csv", ", types: {year: integer, size: number, old: boolean}"),
            "id,photo,year,size,old\na,a.png,5.0,x,yes\nb,a.png,1950,1e999,true\nc,a.png,,,\n",
        )
        == """\
rows.csv:2:1: year must be a whole number, got "5.0" [type]
    row a
rows.csv:2:1: size must be a number, got "x" [type]
    row a
rows.csv:2:1: old must be true or false, got "yes" [type]
    row a
rows.csv:3:1: size must be a number, got "1e999" [type]
    row b
"""
    )


def test_a_typed_column_must_be_there(says):
    assert (
        says(over("rows.csv", ", types: {foto: string}"))
        == """\
r.yaml:2:36: the manifest rows.csv has no column foto [column]
    manifest: {from: rows.csv, types: {foto: string}}
                                       ^
    Did you mean photo?
"""
    )


def test_a_row_schema_is_applied(says):
    assert (
        says(
            over("rows.csv", ", schema: row.json"),
            row__json='{"required": ["title"], "properties": {"id": {"maxLength": 3}}}',
        )
        == """\
rows.csv:2:1: title is missing in the row [row-schema]
    row 0001
rows.csv:2:1: id may have at most 3 characters, got 4 [row-schema]
    row 0001
"""
    )


def test_a_row_schema_must_exist(says):
    assert (
        says(over("rows.csv", ", schema: row.json"))
        == """\
r.yaml:2:36: there is no file row.json [file]
    manifest: {from: rows.csv, schema: row.json}
                                       ^
    Paths start at the recipe's folder.
"""
    )


def test_a_row_schema_must_be_a_schema(says):
    assert (
        says(over("rows.csv", ", schema: row.json"), row__json='{"type": "text"}')
        == """\
row.json: not a JSON Schema: 'text' is not valid under any of the given schemas [row-schema]
"""
    )


def test_a_row_schema_refers_to_nothing_outside(says):
    assert (
        says(over("rows.csv", ", schema: row.json"), row__json='{"$ref": "http://192.0.2.1/row.json"}')
        == """\
row.json: not a JSON Schema: $ref http://192.0.2.1/row.json leads nowhere within this file [row-schema]
"""
    )


def test_a_row_schema_must_end(says):
    assert (
        says(over("rows.csv", ", schema: row.json"), row__json='{"$ref": "#"}')
        == """\
rows.csv:2:1: the row's schema refers to itself without end [row-schema]
    row 0001
"""
    )


def test_broken_lines_of_jsonl_are_all_told(says):
    assert (
        says(
            over("rows.jsonl"),
            '{"id": "a", "photo": "a.png"}\n{"id": \n[1]\n{"id": "b", "id": "c"}\n{"id": NaN}\n{"id": "d", "photo": 1e999}\n{"id": "\\ud800"}\n{"id": 1.5}\n{"id": "a"}\n',
            "rows.jsonl",
        )
        == """\
rows.jsonl:2:1: this line can't be read as a JSON object: Expecting value [json]
    One map a line, names and texts in double quotes: {"id": "0001", …}.
rows.jsonl:3:1: this line can't be read as a JSON object: a row must be a map (name: value) [json]
rows.jsonl:4:1: this line can't be read as a JSON object: id stands twice in one object [json]
rows.jsonl:5:1: this line can't be read as a JSON object: NaN is not JSON [json]
rows.jsonl:6:1: this line can't be read as a JSON object: 1e999 is too large a number [json]
rows.jsonl:7:1: this line can't be read as a JSON object: a text holds half a character (a lone surrogate) [json]
rows.jsonl:8:1: a key must be text or a whole number, got 1.5 [row-key]
    Keys come from column id; another can be named with key:.
rows.jsonl:9:1: key a stands here again; first in line 1 [row-key]
    Every row needs a key of its own.
"""
    )


def test_a_cell_of_1_mb_is_refused_in_jsonl_too(says):
    assert (
        says(over("rows.jsonl"), json.dumps({"id": "a", "photo": "x" * 1_000_000}), "rows.jsonl")
        == """\
rows.jsonl:1:1: this line can't be read as a JSON object: a row may have 65,536 characters, this one has 1,000,024 [json]
"""
    )


def test_broken_json_has_a_place(says):
    assert (
        says(over("rows.json"), '[{"id": "a", "photo": "a.png"},\n{]', "rows.json")
        == """\
rows.json:2:2: not valid JSON: Expecting property name enclosed in double quotes [json]
"""
    )


def test_nan_is_not_json(says):
    assert (
        says(over("rows.json"), '[{"id": "a", "photo": NaN}]', "rows.json")
        == """\
rows.json: not valid JSON: NaN is not JSON [json]
"""
    )


def test_a_json_manifest_is_a_list_of_maps(says):
    assert (
        says(over("rows.json"), '{"id": "a"}', "rows.json")
        == """\
rows.json:1:1: the manifest must be a list of maps, one a row [manifest]
"""
    )


def test_an_entry_that_is_no_map_is_told(says):
    assert (
        says(over("rows.json"), '[{"id": "a", "photo": "a.png"}, 5]', "rows.json")
        == """\
rows.json:2:1: entry 2: a row must be a map (name: value) [manifest]
"""
    )


def test_broken_yaml_rows_have_a_place(says):
    assert (
        says(over("rows.yaml"), "- id: a\n  photo: [a.png\n", "rows.yaml")
        == """\
rows.yaml:2:10: not valid YAML: did not find expected ',' or ']' [yaml]
      photo: [a.png
             ^
    What begins here never ends.
"""
    )


def test_a_duplicate_key_in_yaml_rows_is_told(says):
    assert (
        says(over("rows.yaml"), "- id: a\n  photo: a.png\n  id: b\n", "rows.yaml")
        == """\
rows.yaml:3:3: id stands here twice, first in line 1 [duplicate-key]
      id: b
      ^
    Keep one.
"""
    )


def test_row_keys_of_one_line_stand_once_too(says):
    assert (
        says(over("rows.yaml"), "[{id: a, photo: a.png}, {id: a, photo: a.png}]", "rows.yaml")
        == """\
rows.yaml:1:1: key a stands here again; first in line 1 [row-key]
    Every row needs a key of its own.
"""
    )


def test_a_picture_must_be_there(says):
    assert (
        says(
            GOOD,
            'id,photo\n1,none.png\n2,\n3,ftp://example.org/a.png\n4,http://10.0.0.1/a.png?key=1\n5,"data:text/html;,x"\n',
        )
        == """\
rows.csv:2:1: row.photo: none.png: there is no such file [image-missing]
    row 1
    Paths start at the folder of the file that names them.
rows.csv:3:1: row.photo: there is no path in this row [image]
    row 2
    Fill the cell, or leave the row out with where:.
rows.csv:4:1: row.photo: ftp://example.org/a.png: ftp:// is not read; take an http(s) URL, or a file [url-refused]
    row 3
rows.csv:5:1: row.photo: http://10.0.0.1/a.png: 10.0.0.1 is this machine or its own network, where a recipe has no business; if that is meant, say --allow-host 10.0.0.1 [url-refused]
    row 4
rows.csv:6:1: row.photo: data:text/html, 0 bytes: "data:text/html;,x" is not read; write data:image/png;base64,… (or jpeg, webp, bmp, tiff), or name a file [data-refused]
    row 5
"""
    )


# -- all together


def test_all_problems_of_recipe_manifest_and_rows_come_in_one_go(says):
    assert (
        says(
            """\
wanflow: 1
name: Old
manifest: {from: rows.csv, types: {side: integer}, where: row.status != "skip"}
defaults: {sed: 7}
steps:
  big: {uses: local/fitt, image: row.photo}
  fit: {uses: local/fit, image: row.photo, with: {max_side: "${{ row.side }}"}}
  tall: {uses: local/fit, image: steps.fat, with: {min_side: 0}}
outputs:
  small: {image: steps.fit, to: "../${{ row.id }}.png"}
""",
            "id,photo,side\n1,a.png,x\n2,a.png,5\n2,a.png,5\n3\n4,none.png,0\n",
        )
        == """\
r.yaml:2:7: "Old" can't be a name: a small letter first, then small letters, digits, _ [name]
    name: Old
          ^
    Write for example old.
r.yaml:3:59: the manifest rows.csv has no column status [column]
    manifest: {from: rows.csv, types: {side: integer}, where: row.status != "skip"}
                                                              ^
    Known here: id, photo, side.
r.yaml:4:12: sed is not known in defaults [unknown-key]
    defaults: {sed: 7}
               ^
    Did you mean seed or size?
r.yaml:6:15: uses: "local/fitt" is not known [choice]
      big: {uses: local/fitt, image: row.photo}
                  ^
    Did you mean local/fit?
r.yaml:8:34: image: there is no step fat [reference]
      tall: {uses: local/fit, image: steps.fat, with: {min_side: 0}}
                                     ^
    Did you mean fit?
r.yaml:8:62: min_side must be between 1 and 16384, got 0 [range]
      tall: {uses: local/fit, image: steps.fat, with: {min_side: 0}}
                                                                 ^
r.yaml:10:33: "../2.png" leaves the output folder [output-path]
      small: {image: steps.fit, to: "../${{ row.id }}.png"}
                                    ^ row 2 (rows.csv:3, column id)
    Write for example out/${{ row.id }}.png.
r.yaml:10:33: "../4.png" leaves the output folder [output-path]
      small: {image: steps.fit, to: "../${{ row.id }}.png"}
                                    ^ row 4 (rows.csv:6, column id)
    Write for example out/${{ row.id }}.png.
rows.csv:2:1: side must be a whole number, got "x" [type]
    row 1
rows.csv:4:1: key 2 stands here again; first in line 3 [row-key]
    Every row needs a key of its own.
rows.csv:5:1: 1 cell, but the header has 3 [cells]
    Missing: photo, side.
rows.csv:6:1: row.photo: none.png: there is no such file [image-missing]
    row 4
    Paths start at the folder of the file that names them.
"""
    )
