import pytest

from wanflow.errors import UsageError
from wanflow.settings import ModelSettings, ProviderSettings, Settings, cores, find_root, read_settings, shown


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
        ("jobs = true", "wanflow.toml: jobs must be a whole number, got true"),
        ("jobs = 0", "wanflow.toml: jobs must be between 1 and 256, got 0"),
        ("out = 3", "wanflow.toml: out must be text, got 3"),
        ("[dashscope]\nkey = 'sk-1'", "wanflow.toml: dashscope.key is not known. Known here: account, base_url,"),
        (
            "[dashscope]\nbase_url = 'ftp://x'",
            "wanflow.toml: dashscope.base_url must be like http://127.0.0.1:8765/api/v1, got",
        ),
        (
            "[dashscope.models.m]\nprice_usd = -1\nconcurrent_tasks = 0",
            "wanflow.toml: dashscope.models.m.price_usd must be at least 0, got -1\n"
            "wanflow.toml: dashscope.models.m.concurrent_tasks must be at least 1, got 0",
        ),
        (
            "[dashscope.models.m]\nsubmissions_per_second = 0",
            "wanflow.toml: dashscope.models.m.submissions_per_second must be more than 0, got 0",
        ),
        (
            "[dashscope]\nkey_variable = 'GITHUB_TOKEN'",
            'wanflow.toml: dashscope.key_variable must be like TEAM_DASHSCOPE_KEY, got "GITHUB_TOKEN"',
        ),
        (
            "[dashscope.models.m]\nprice_usd = nan\nsubmissions_per_second = inf",
            'wanflow.toml: dashscope.models.m.price_usd must be a number, got "nan"\n'
            'wanflow.toml: dashscope.models.m.submissions_per_second must be a number, got "inf"',
        ),
        ("[dashscope.models.m]\nprice_usd = 1e999", "wanflow.toml: dashscope.models.m.price_usd must be a number"),
        ("jobs = ", "wanflow.toml: not valid TOML: Invalid value (at end of document)"),
    ],
)
def test_what_is_wrong_in_the_file_is_named(tmp_path, text, said):
    (tmp_path / "wanflow.toml").write_text(text)
    with pytest.raises(UsageError) as caught:
        read_settings(tmp_path)
    assert str(caught.value).startswith(said)


def test_the_provider_is_set_by_a_table_of_its_own(tmp_path):
    text = '[dashscope]\nregion = "singapore"\n[dashscope.models."wan2.6-t2i"]\nprice_usd = 0.025\n'
    (tmp_path / "wanflow.toml").write_text(text)
    models = {"wan2.6-t2i": ModelSettings(price_usd=0.025)}
    assert read_settings(tmp_path).dashscope == ProviderSettings(region="singapore", models=models)


def test_another_key_of_the_providers_may_be_named(tmp_path):
    (tmp_path / "wanflow.toml").write_text('[dashscope]\nkey_variable = "TEAM_DASHSCOPE_KEY"')
    assert read_settings(tmp_path).dashscope.key_variable == "TEAM_DASHSCOPE_KEY"


def test_a_file_that_is_no_text_is_named(tmp_path):
    (tmp_path / "wanflow.toml").write_bytes(b"\xe9")
    with pytest.raises(UsageError, match=r"wanflow\.toml:1:1: byte 0xe9 is not UTF-8"):
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


@pytest.mark.parametrize("entry", ['account = "x\\n"', 'key_variable = "DASHSCOPE_API_KEY\\n"'])
def test_a_pattern_ends_where_the_text_does(entry, tmp_path):
    (tmp_path / "wanflow.toml").write_text(f"[dashscope]\n{entry}\n")
    with pytest.raises(UsageError, match=r"must be like|does not have the form"):
        read_settings(tmp_path)


def test_a_file_of_settings_is_small(tmp_path):
    (tmp_path / "wanflow.toml").write_text("#" * 200_000)
    with pytest.raises(UsageError, match="200,000 bytes"):
        read_settings(tmp_path)
