import pytest

from wanflow.errors import UsageError
from wanflow.settings import Settings, cores, find_root, read_settings, shown


def test_without_a_file_the_settings_are_free_and_local(tmp_path):
    assert read_settings(tmp_path) == Settings(backend="draft", out=".", jobs=None)


def test_the_file_is_read_with_a_byte_order_mark_too(tmp_path):
    (tmp_path / "wanflow.toml").write_bytes(b'\xef\xbb\xbfout = "made"\njobs = 3\n')
    assert read_settings(tmp_path) == Settings("draft", "made", 3)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('bakend = "draft"', "wanflow.toml: bakend is not known. Did you mean backend?"),
        ('jobs = "3"', 'wanflow.toml: jobs must be a whole number, got "3"'),
        ("jobs = true", "wanflow.toml: jobs must be a whole number, got True"),
        ("jobs = 0", "wanflow.toml: jobs must be at least 1, got 0"),
        ("out = 3", "wanflow.toml: out must be a folder, got 3"),
        ("jobs = ", "wanflow.toml: not valid TOML: Invalid value (at end of document)"),
    ],
)
def test_what_is_wrong_in_the_file_is_named(tmp_path, text, said):
    (tmp_path / "wanflow.toml").write_text(text)
    with pytest.raises(UsageError) as caught:
        read_settings(tmp_path)
    assert str(caught.value) == said


def test_a_file_that_is_no_text_is_named(tmp_path):
    (tmp_path / "wanflow.toml").write_bytes(b"\xe9")
    with pytest.raises(UsageError, match=r"wanflow\.toml: not valid TOML"):
        read_settings(tmp_path)


def test_a_project_is_the_nearest_folder_with_a_store_or_settings(tmp_path):
    recipe = tmp_path / "a" / "b" / "r.yaml"
    (tmp_path / ".wanflow").mkdir()
    assert find_root(recipe, tmp_path / "a") == tmp_path
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "wanflow.toml").touch()
    assert find_root(recipe, tmp_path) == tmp_path / "a"


def test_without_a_mark_a_project_is_where_wanflow_started_or_the_recipes_folder(tmp_path):
    recipe = tmp_path / "a" / "r.yaml"
    assert find_root(recipe, tmp_path) == tmp_path
    assert find_root(recipe, tmp_path / "elsewhere") == tmp_path / "a"


def test_paths_are_shown_from_where_the_user_stands(tmp_path):
    assert shown(tmp_path / "a" / "r.yaml", tmp_path) == "a/r.yaml"
    assert shown(tmp_path, tmp_path / "a") == str(tmp_path)


def test_there_is_at_least_one_core():
    assert cores() >= 1
