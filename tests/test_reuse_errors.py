"""What wanflow says of recipes that can't be used as they are, whole."""
# ruff: noqa: E501 - messages are as long as they are

PART = """wanflow: 1
params:
  upscale: {type: integer, minimum: 1, maximum: 4, default: 2}
  prompt: {type: string}
inputs: {photo: {}}
steps:
  colorize: {uses: wan/colorization, image: inputs.photo, with: {prompt: "${{ params.prompt }}"}}
  detail: {uses: wan/super_resolution, image: steps.colorize, with: {upscale_factor: "${{ params.upscale }}"}}
outputs:
  colour: {image: steps.colorize}
  master: {image: steps.detail}
"""
SHEET = "wanflow: 1\ninputs: {photos: {}}\nsteps: {sheet: {uses: local/contact_sheet, images: inputs.photos.all, per: run}}\n"
HEAD = "wanflow: 1\nmanifest: {from: rows.csv}\nsteps:\n"
USE = "  restore:\n    uses: ./part.yaml\n    image: row.photo\n    with: {prompt: old}\n"
SMALL = "  small: {uses: local/fit, image: row.photo, with: {max_side: 512}}\n"
LOOK = (
    '  look: {uses: local/fit, image: row.photo, matrix: {side: [512, 600]}, with: {max_side: "${{ matrix.side }}"}}\n'
)
MATRIX = "    matrix: {tone: [warm, cold]}\n    with"


def out(image="steps.restore.master"):
    """An output."""
    return f'outputs:\n  o: {{image: {image}, to: "out/${{{{ row.id }}}}.png"}}\n'


def test_a_recipe_is_a_step(says):
    assert (
        says(HEAD + USE + out(), part__yaml=PART)
        == """\
1 rows are fine
"""
    )


def test_a_file_that_is_not_there_is_told_with_one_that_is(says):
    assert (
        says(HEAD + USE.replace("part.yaml", "prat.yaml"), part__yaml=PART)
        == """\
r.yaml:5:11: there is no file prat.yaml [file]
        uses: ./prat.yaml
              ^
    Did you mean part.yaml or r.yaml?
"""
    )


def test_a_recipe_is_no_url(says):
    assert (
        says(HEAD + USE.replace("./part.yaml", '"http://h/part.yaml"'))
        == """\
r.yaml:5:11: uses: "http://h/part.yaml" is not known [choice]
        uses: "http://h/part.yaml"
              ^
    A recipe that is used is a file below this project's folder: ./NAME.yaml.
"""
    )


def test_a_recipe_is_named_from_here(says):
    assert (
        says(HEAD + USE.replace("./part.yaml", "part.yaml"), part__yaml=PART)
        == """\
r.yaml:5:11: uses: "part.yaml" is not known [choice]
        uses: part.yaml
              ^
    Recipes are named from here: ./part.yaml.
"""
    )


def test_a_recipe_does_not_use_itself(says):
    assert (
        says(HEAD + USE.replace("part", "r"), part__yaml=PART)
        == """\
r.yaml:5:11: recipes use each other in a circle: r.yaml -> r.yaml [cycle]
        uses: ./r.yaml
              ^
"""
    )


def test_recipes_do_not_use_each_other_in_a_circle(says):
    assert (
        says(HEAD + USE, part__yaml=PART.replace("wan/colorization, image", "./r.yaml, image"))
        == """\
part.yaml:7:20: recipes use each other in a circle: r.yaml -> part.yaml -> r.yaml [cycle]
      colorize: {uses: ./r.yaml, image: inputs.photo, with: {prompt: "${{ params.prompt }}"}}
                       ^
    used by r.yaml:5 (step restore)
"""
    )


def test_a_parameter_that_the_recipe_lacks_is_told(says):
    assert (
        says(HEAD + USE.replace("prompt: old", "promt: old, prompt: x"), part__yaml=PART)
        == """\
r.yaml:7:12: ./part.yaml has no parameter promt [unknown-key]
        with: {promt: old, prompt: x}
               ^
    Did you mean prompt?
"""
    )


def test_a_parameter_without_default_is_given(says):
    assert (
        says(HEAD + USE.replace("    with: {prompt: old}\n", ""), part__yaml=PART)
        == """\
r.yaml:5:11: ./part.yaml needs prompt, which this step does not give [required]
        uses: ./part.yaml
              ^
    Add with: {prompt: …}.
"""
    )


def test_a_value_is_judged_by_what_the_recipe_declares(says):
    assert (
        says(HEAD + USE.replace("old", "old, upscale: 9"), part__yaml=PART)
        == """\
r.yaml:7:34: upscale must be between 1 and 4, got 9 [param]
        with: {prompt: old, upscale: 9}
                                     ^
"""
    )


def test_a_value_is_no_list(says):
    assert (
        says(HEAD + USE.replace("old", "[old]"), part__yaml=PART)
        == """\
r.yaml:7:20: prompt must be text or a number or true or false, got ["old"] [type]
        with: {prompt: [old]}
                       ^
"""
    )


def test_a_value_has_the_declared_type(says):
    assert (
        says(HEAD + USE.replace("old", "true"), part__yaml=PART)
        == """\
r.yaml:7:20: prompt must be text, got true [param]
        with: {prompt: true}
                       ^
    Put it in quotes to make it text: "true".
"""
    )


def test_a_value_of_a_row_is_judged_with_its_row(says):
    assert (
        says(HEAD + USE.replace("old", 'old, upscale: "${{ row.id }}"'), part__yaml=PART)
        == """\
r.yaml:7:34: upscale must be a whole number, got "0001" [expression]
        with: {prompt: old, upscale: "${{ row.id }}"}
                                     ^ row 0001 (rows.csv:2, column id)
"""
    )


def test_an_input_that_the_recipe_lacks_is_told(says):
    assert (
        says(HEAD + USE.replace("image: row.photo", "inputs: {foto: row.photo}"), part__yaml=PART)
        == """\
r.yaml:6:14: ./part.yaml has no input foto [reference]
        inputs: {foto: row.photo}
                 ^
    Did you mean photo?
"""
    )


def test_every_input_is_given(says):
    assert (
        says(HEAD + USE.replace("    image: row.photo\n", ""), part__yaml=PART)
        == """\
r.yaml:5:11: ./part.yaml needs photo, which this step does not give [required]
        uses: ./part.yaml
              ^
    Add image: with the picture that becomes photo.
"""
    )


def test_an_input_is_given_once(says):
    assert (
        says(
            HEAD + USE.replace("image: row.photo", "image: row.photo\n    inputs: {photo: row.photo}"), part__yaml=PART
        )
        == """\
r.yaml:6:5: image: and inputs: both give photo [reference]
        image: row.photo
        ^
    Keep one.
"""
    )


def test_image_is_for_the_only_input(says):
    assert (
        says(HEAD + USE, part__yaml=PART.replace("{photo: {}}", "{photo: {}, mask: {}}"))
        == """\
r.yaml:6:5: image: is for a recipe with one input, and ./part.yaml has 2 [reference]
        image: row.photo
        ^
    Write inputs: {photo: …, mask: …}.
"""
    )


def test_a_recipe_without_inputs_takes_no_image(says):
    assert (
        says(HEAD + USE, part__yaml=PART.replace("inputs: {photo: {}}\n", "").replace("inputs.photo", "file:a.png"))
        == """\
r.yaml:6:5: image: is for a recipe with one input, and ./part.yaml has none [reference]
        image: row.photo
        ^
    Leave it out.
"""
    )


def test_an_output_that_the_recipe_lacks_is_told(says):
    assert (
        says(HEAD + USE + out("steps.restore.mastr"), part__yaml=PART)
        == """\
r.yaml:9:14: ./part.yaml has no output mastr [reference]
      o: {image: steps.restore.mastr, to: "out/${{ row.id }}.png"}
                 ^
    Did you mean master?
"""
    )


def test_one_of_several_outputs_is_named(says):
    assert (
        says(HEAD + USE + out("steps.restore"), part__yaml=PART)
        == """\
r.yaml:9:14: steps.restore is 2 outputs of ./part.yaml [reference]
      o: {image: steps.restore, to: "out/${{ row.id }}.png"}
                 ^
    Take steps.restore.colour or steps.restore.master.
"""
    )


def test_a_recipe_without_outputs_has_no_picture(says):
    assert (
        says(HEAD + USE + out("steps.restore"), part__yaml=PART[: PART.index("outputs")])
        == """\
r.yaml:9:14: ./part.yaml has no outputs, so steps.restore is no picture [reference]
      o: {image: steps.restore, to: "out/${{ row.id }}.png"}
                 ^
    Declare some there.
"""
    )


def test_a_function_has_no_outputs(says):
    assert (
        says(HEAD + SMALL + out("steps.small.master"), part__yaml=PART)
        == """\
r.yaml:6:14: small has no outputs, so there is no steps.small.master [reference]
      o: {image: steps.small.master, to: "out/${{ row.id }}.png"}
                 ^
    Take steps.small.
"""
    )


def test_what_belongs_to_the_steps_inside_is_refused(says):
    assert (
        says(HEAD + USE + "    mask: row.photo\n    per: run\n    model: wanx2.1-imageedit\n", part__yaml=PART)
        == """\
r.yaml:8:11: mask can't be used here [unknown-key]
        mask: row.photo
              ^
    A recipe takes its pictures through inputs:.
r.yaml:9:10: per can't be used here [unknown-key]
        per: run
             ^
    The recipe's own steps say whether they run once for the whole run.
r.yaml:10:12: model can't be used here [unknown-key]
        model: wanx2.1-imageedit
               ^
    The recipe's own steps, or its defaults, name the model.
"""
    )


def test_a_function_has_no_inputs(says):
    assert (
        says(HEAD + "  small: {uses: local/fit, inputs: {image: row.photo}, with: {max_side: 512}}\n", part__yaml=PART)
        == """\
r.yaml:4:10: image is missing in small [required]
      small: {uses: local/fit, inputs: {image: row.photo}, with: {max_side: 512}}
             ^
r.yaml:4:36: inputs can't be used here [unknown-key]
      small: {uses: local/fit, inputs: {image: row.photo}, with: {max_side: 512}}
                                       ^
    local/fit is no recipe: it takes image:, mask: or images:.
"""
    )


def test_a_problem_inside_points_into_the_file(says):
    assert (
        says(HEAD + USE, part__yaml=PART.replace("upscale_factor: ", "upscale: "))
        == """\
part.yaml:8:70: upscale is not known in steps.detail.with [unknown-key]
    n/super_resolution, image: steps.colorize, with: {upscale: "${{ params.upscale }}"}}
                                                      ^
    used by r.yaml:5 (step restore)
    Did you mean upscale_factor?
"""
    )


def test_a_column_that_is_missing_inside_names_both_files(says):
    assert (
        says(HEAD + USE, part__yaml=PART.replace('"${{ params.prompt }}"', '"${{ params.prompt }} ${{ row.colour }}"'))
        == """\
part.yaml:7:74: the manifest rows.csv has no column colour [column]
    colorization, image: inputs.photo, with: {prompt: "${{ params.prompt }} ${{ row.colour }}"}}
                                                      ^
    used by r.yaml:5 (step restore)
    Known here: id, photo.
"""
    )


def test_a_column_is_missing_where_it_is_given(says):
    assert (
        says(HEAD + USE.replace("row.photo", "row.foto"), part__yaml=PART)
        == """\
r.yaml:6:12: the manifest rows.csv has no column foto [column]
        image: row.foto
               ^
    Did you mean photo?
"""
    )


def test_a_step_takes_inputs_that_are_declared(says):
    assert (
        says(HEAD + USE, part__yaml=PART.replace("inputs.photo", "inputs.foto"))
        == """\
part.yaml:7:45: there is no input foto [reference]
      colorize: {uses: wan/colorization, image: inputs.foto, with: {prompt: "${{ params.prompt }}"}}
                                                ^
    used by r.yaml:5 (step restore)
    Did you mean photo?
"""
    )


def test_a_recipe_for_others_does_not_run_by_itself(says):
    assert (
        says(PART, part__yaml=PART)
        == """\
r.yaml:4:11: prompt has no default and was not given [param]
      prompt: {type: string}
              ^
    Give it with -p prompt=…
r.yaml:5:10: photo has no default, so this recipe can't run by itself [input]
    inputs: {photo: {}}
             ^
    Give it a default, such as row.photo, or use this recipe in another one: uses: ./…
r.yaml:10:11: to is missing in colour [required]
      colour: {image: steps.colorize}
              ^
    Only a recipe that others use can do without.
r.yaml:11:11: to is missing in master [required]
      master: {image: steps.detail}
              ^
    Only a recipe that others use can do without.
"""
    )


def test_a_default_is_judged_where_it_stands(says):
    assert (
        says(
            PART.replace("{photo: {}}", "{photo: {default: row.foto}}")
            .replace("steps:\n", "manifest: {from: rows.csv}\nsteps:\n")
            .replace("type: string", "type: string, default: x")
            .replace("detail}", "detail, to: a.png}")
            .replace("colorize}", "colorize, to: b.png}"),
            part__yaml=PART,
        )
        == """\
r.yaml:5:27: the manifest rows.csv has no column foto [column]
    inputs: {photo: {default: row.foto}}
                              ^
    Did you mean photo?
"""
    )


def test_a_default_is_no_step(says):
    assert (
        says(PART.replace("{photo: {}}", "{photo: {default: steps.detail}}"), part__yaml=PART)
        == """\
r.yaml:4:11: prompt has no default and was not given [param]
      prompt: {type: string}
              ^
    Give it with -p prompt=…
r.yaml:5:27: default: "steps.detail" is not an image reference [reference]
    inputs: {photo: {default: steps.detail}}
                              ^
    Write row.COLUMN, params.NAME, a URL or file:PATH, without ${{ }}.
r.yaml:10:11: to is missing in colour [required]
      colour: {image: steps.colorize}
              ^
    Only a recipe that others use can do without.
r.yaml:11:11: to is missing in master [required]
      master: {image: steps.detail}
              ^
    Only a recipe that others use can do without.
"""
    )


def test_a_recipe_with_several_inputs_is_not_bypassed(says):
    assert (
        says(
            HEAD
            + USE.replace(
                "image: row.photo",
                "inputs: {photo: row.photo, mask: row.photo}\n    when: false\n    otherwise: bypass",
            ),
            part__yaml=PART.replace("{photo: {}}", "{photo: {}, mask: {}}"),
        )
        == """\
r.yaml:8:16: ./part.yaml has 2 inputs, so it isn't clear what goes on [bypass]
        otherwise: bypass
                   ^
    Only a recipe with one input can be bypassed.
"""
    )


def test_an_input_is_one_picture(says):
    assert (
        says(HEAD + LOOK + USE.replace("row.photo", "steps.look.all"), part__yaml=PART)
        == """\
r.yaml:7:12: steps.look.all is several pictures, and inputs.photo of ./part.yaml takes one [reference]
        image: steps.look.all
               ^
    Name one of them.
"""
    )


def test_an_input_is_one_instance(says):
    assert (
        says(HEAD + LOOK + USE.replace("row.photo", "steps.look"), part__yaml=PART)
        == """\
r.yaml:7:12: steps.look is 2 pictures: steps.look@512, steps.look@600 [reference]
        image: steps.look
               ^
    Take one of them, or all of them with images: steps.look.all. To go on with each of them, add matrix: steps.look.
"""
    )


def test_a_path_tells_instances_of_a_recipe_apart(says):
    assert (
        says(HEAD + USE.replace("    with", MATRIX) + out(), part__yaml=PART)
        == """\
r.yaml:10:40: to: gives restore@warm.master and restore@cold.master the same path [output-path]
      o: {image: steps.restore.master, to: "out/${{ row.id }}.png"}
                                           ^
    Put ${{ matrix.tone }} into it.
"""
    )


def test_an_instance_that_is_not_there_is_told(says):
    assert (
        says(HEAD + USE.replace("    with", MATRIX) + out("steps.restore@wram.master"), part__yaml=PART)
        == """\
r.yaml:10:14: there is no instance restore@wram.master [reference]
      o: {image: steps.restore@wram.master, to: "out/${{ row.id }}.png"}
                 ^
    Did you mean restore@warm.master or restore@cold.master or restore@warm.colour?
"""
    )


def test_one_of_several_instances_is_named(says):
    assert (
        says(
            HEAD
            + USE.replace("    with", MATRIX)
            + "  web: {uses: local/fit, image: steps.restore.master, with: {max_side: 512}}\n",
            part__yaml=PART,
        )
        == """\
r.yaml:9:33: steps.restore.master is 2 pictures: steps.restore@warm.master, steps.restore@cold.master [reference]
      web: {uses: local/fit, image: steps.restore.master, with: {max_side: 512}}
                                    ^
    Take one of them, or all of them with images: steps.restore.master.all. To go on with each of them, add matrix: steps.restore.
"""
    )


def test_an_instance_has_all_outputs(says):
    assert (
        says(HEAD + USE.replace("    with", MATRIX) + out("steps.restore@warm"), part__yaml=PART)
        == """\
r.yaml:10:14: steps.restore@warm is 2 outputs of ./part.yaml [reference]
      o: {image: steps.restore@warm, to: "out/${{ row.id }}.png"}
                 ^
    Take steps.restore@warm.colour or steps.restore@warm.master.
"""
    )


def test_a_recipe_without_matrix_has_no_instance(says):
    assert (
        says(HEAD + USE + out("steps.restore@warm.master"), part__yaml=PART)
        == """\
r.yaml:9:14: there is no instance restore@warm.master [reference]
      o: {image: steps.restore@warm.master, to: "out/${{ row.id }}.png"}
                 ^
    Take steps.restore.colour or steps.restore.master.
"""
    )


def test_what_is_made_once_takes_no_row(says):
    assert (
        says(HEAD + "  page: {uses: ./part.yaml, image: row.photo}\n", part__yaml=SHEET)
        == """\
r.yaml:4:36: page.sheet is made once for the whole run, so it has no row [reference]
      page: {uses: ./part.yaml, image: row.photo}
                                       ^
    Take steps.ID.all, params.… or file:….
"""
    )


def test_what_is_made_once_takes_the_pictures_of_all_rows(says):
    assert (
        says(HEAD + SMALL + "  page: {uses: ./part.yaml, image: steps.small}\n", part__yaml=SHEET)
        == """\
r.yaml:5:36: page.sheet is made once for the whole run, but steps.small is made for every row [reference]
      page: {uses: ./part.yaml, image: steps.small}
                                       ^
    Take the pictures of all rows with images: steps.small.all.
"""
    )


def test_what_is_made_once_has_no_condition_of_rows(says):
    assert (
        says(
            HEAD + SMALL + "  page: {uses: ./part.yaml, image: steps.small.all, when: row.id == '0001'}\n",
            part__yaml=SHEET,
        )
        == """\
r.yaml:5:59: when: reads a row, but sheet of ./part.yaml is made once for the whole run [when]
      page: {uses: ./part.yaml, image: steps.small.all, when: row.id == '0001'}
                                                              ^
    Leave rows out with where:, or with when: of other steps.
"""
    )


def test_what_is_made_once_has_no_value_of_rows(says):
    assert (
        says(
            HEAD
            + SMALL
            + '  page: {uses: ./part.yaml, image: steps.small.all, with: {columns: "${{ row.id | int }}"}}\n',
            part__yaml='wanflow: 1\nparams: {columns: {type: integer}}\ninputs: {photos: {}}\nsteps: {sheet: {uses: local/contact_sheet, images: inputs.photos.all, per: run, with: {columns: "${{ params.columns }}"}}}\n',
        )
        == """\
r.yaml:5:69: columns reads a row, but sheet of ./part.yaml is made once for the whole run [expression]
      page: {uses: ./part.yaml, image: steps.small.all, with: {columns: "${{ row.id | int }}"}}
                                                                        ^
    Give it one value for all rows.
"""
    )


def test_a_picture_is_an_input_not_a_value(says):
    assert (
        says(
            HEAD + '  m: {uses: ./part.yaml, image: row.photo, with: {logo: "${{ row.photo }}"}}\n',
            part__yaml="wanflow: 1\nparams: {logo: {type: string}}\ninputs: {photo: {}}\nsteps: {mark: {uses: local/composite, image: inputs.photo, images: [params.logo]}}\n",
        )
        == """\
r.yaml:4:57: logo names a picture in ./part.yaml, so it can't be made by an expression [reference]
      m: {uses: ./part.yaml, image: row.photo, with: {logo: "${{ row.photo }}"}}
                                                            ^
    Give a path, or ${{ params.NAME }}; ./part.yaml may declare an input for pictures of rows.
"""
    )


def test_a_condition_of_a_recipe_is_true_or_false(says):
    assert (
        says(HEAD + USE.replace("    with", "    when: row.id\n    with"), part__yaml=PART)
        == """\
r.yaml:7:11: when must be true or false, got "0001" [when]
        when: row.id
              ^ row 0001 (rows.csv:2, column id)
    Compare: row.flag == "yes", or give the column a type: types: {flag: boolean}.
"""
    )


def test_a_recipe_can_fail_a_row(says):
    assert (
        says(HEAD + USE.replace("    with", "    when: row.id == '2'\n    otherwise: fail\n    with"), part__yaml=PART)
        == """\
r.yaml:7:11: restore: when is false [when]
        when: row.id == '2'
              ^ row 0001
"""
    )


def test_what_is_used_is_yaml(says):
    assert (
        says(HEAD + USE, part__yaml="wanflow: 1\nsteps: {a: b: c}\n")
        == """\
part.yaml:2:13: not valid YAML: did not find expected ',' or '}' [yaml]
    steps: {a: b: c}
                ^
    used by r.yaml:5 (step restore)
"""
    )


def test_what_is_used_is_a_recipe(says):
    assert (
        says(HEAD + USE, part__yaml="- 1\n")
        == """\
part.yaml:1:1: a recipe is a map (wanflow: 1, steps: …) [type]
    - 1
    ^
    used by r.yaml:5 (step restore)
    See wanflow init for a working one.
"""
    )


def test_a_size_is_judged_inside(says):
    assert (
        says(
            HEAD
            + USE.replace("row.photo", "steps.s")
            + "  s: {uses: local/resize, image: row.photo, with: {width: 300, height: 300}}\n",
            part__yaml=PART,
        )
        == """\
part.yaml:7:45: the picture of s: 300x300 px; wan/colorization takes 512 to 4096 px a side [image-size]
      colorize: {uses: wan/colorization, image: inputs.photo, with: {prompt: "${{ params.prompt }}"}}
                                                ^ row 0001
    used by r.yaml:5 (step restore)
    Put a local/fit step before it, with: {min_side: 512}.
"""
    )


def test_a_problem_of_a_file_is_told_once(says):
    assert (
        says(HEAD + USE + USE.replace("restore", "again"), part__yaml=PART.replace("uses: wan/sup", "use: wan/sup"))
        == """\
part.yaml:8:11: uses is missing in detail [required]
      detail: {use: wan/super_resolution, image: steps.colorize, with: {upscale_factor: "${{ params.upsc
              ^
    used by r.yaml:5 (step restore)
part.yaml:8:12: use is not known in steps.detail [unknown-key]
      detail: {use: wan/super_resolution, image: steps.colorize, with: {upscale_factor: "${{ params.upsc
               ^
    used by r.yaml:5 (step restore)
    Did you mean uses?
"""
    )


def chain(deep):
    """Files of recipes that use each other, and the innermost one's mistake."""
    files = {
        f"p{level}__yaml": f"wanflow: 1\nsteps:\n  s{level}: {{uses: ./p{level + 1}.yaml}}\n"
        for level in range(1, deep)
    }
    return files | {f"p{deep}__yaml": "wanflow: 1\nsteps: {last: {uses: wan/t2i, with: {prompt: x, seed: -1}}}\n"}


def test_a_problem_names_all_recipes_on_the_way_to_it(says):
    assert (
        says("wanflow: 1\nsteps:\n  first: {uses: ./p1.yaml}\n", **chain(3))
        == """\
p3.yaml:2:55: seed must be between 0 and 2147483647, got -1 [range]
    steps: {last: {uses: wan/t2i, with: {prompt: x, seed: -1}}}
                                                          ^
    used by p2.yaml:3 (step s2)
    used by p1.yaml:3 (step s1)
    used by r.yaml:3 (step first)
"""
    )


def test_recipes_are_not_nested_without_end(says):
    assert (
        says("wanflow: 1\nsteps:\n  first: {uses: ./p1.yaml}\n", **chain(9))
        == """\
r.yaml:3:17: this is 9 recipes deep; at most 8 may use one another [depth]
      first: {uses: ./p1.yaml}
                    ^
"""
    )


def test_a_value_that_is_handed_on_is_judged_where_it_is_given(says):
    middle = PART.replace("wan/colorization, image", "./inner.yaml, image")
    inner = "wanflow: 1\nparams: {prompt: {type: string, maxLength: 3}}\ninputs: {photo: {}}\n"
    inner += 'steps: {a: {uses: wan/colorization, image: inputs.photo, with: {prompt: "${{ params.prompt }}"}}}\n'
    inner += "outputs: {a: {image: steps.a}}\n"
    recipe = HEAD + USE.replace("old", '"${{ row.id }}"')
    assert (
        says(recipe, part__yaml=middle, inner__yaml=inner)
        == """\
part.yaml:7:70: prompt may have at most 3 characters, got 4 [expression]
      colorize: {uses: ./inner.yaml, image: inputs.photo, with: {prompt: "${{ params.prompt }}"}}
                                                                         ^ row 0001 (rows.csv:2, column id)
    used by r.yaml:5 (step restore)
"""
    )


def test_steps_of_recipes_are_counted_together(says):
    many = "".join(f"  s{n}: {{uses: wan/t2i, with: {{prompt: x}}}}\n" for n in range(101))
    use = "".join(f"  u{n}: {{uses: ./part.yaml}}\n" for n in range(10))
    assert (
        says(f"wanflow: 1\nsteps:\n{use}", part__yaml=f"wanflow: 1\nsteps:\n{many}")
        == """\
r.yaml:2:1: with those of the recipes that are used there are 1,010 steps; at most 1,000 are planned [size]
    steps:
    ^
    Use recipes less often, or fewer steps in them.
"""
    )


def test_a_recipe_beyond_reach_is_not_looked_at(says, tmp_path):
    assert (
        says(HEAD + USE.replace("./part", "../absent"))
        == f"""\
r.yaml:5:11: ../absent.yaml: it lies outside the project's folder; if that is meant, say --allow-path {tmp_path.parent} [out-of-reach]
        uses: ../absent.yaml
              ^
"""
    )


def test_a_key_of_two_matrices_is_both_names_in_a_path(says):
    inner = "wanflow: 1\ninputs: {photo: {}}\nsteps:\n"
    inner += "  a: {uses: local/fit, image: inputs.photo, matrix: {tone: [1, 2]}, with: {max_side: 512}}\n"
    inner += "outputs: {a: {image: steps.a}}\n"
    recipe = HEAD + USE.replace("    with: {prompt: old}", "    matrix: {tone: [warm, cold]}") + out("steps.restore")
    assert (
        says(recipe.replace(".png", "-${{ matrix.tone }}.png"), part__yaml=inner)
        == """\
1 rows are fine
"""
    )
