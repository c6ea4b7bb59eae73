"""Temporary uploads: a policy, a multipart form, oss:// for 48 hours."""

from typing import Any

import pytest
from desk import ORIGIN, Desk, edit

from wanflow.emulator.exchange import Request, Response
from wanflow.emulator.storage import Storage


def policy(desk: Desk, model: str = "wanx2.1-imageedit") -> dict[str, Any]:
    said = desk.send("GET", "/uploads", query={"action": "getPolicy", "model": model})
    assert said.status == 200
    data: dict[str, Any] = said.json()["data"]
    return data


def fields(data: dict[str, Any], name: str = "a.png", **changes: str) -> dict[str, str]:
    return {
        "OSSAccessKeyId": data["oss_access_key_id"],
        "Signature": data["signature"],
        "policy": data["policy"],
        "key": f"{data['upload_dir']}/{name}",
        "x-oss-object-acl": "private",
        "x-oss-forbid-overwrite": "true",
        "success_action_status": "200",
        **changes,
    }


def storage(desk: Desk) -> Storage:
    return desk.service.storage


def error(response: Response) -> tuple[int, str]:
    return response.status, response.body.decode().partition("<Code>")[2].partition("</Code>")[0]


def test_policy_has_what_the_sdk_needs() -> None:
    data = policy(Desk())
    assert data["upload_host"] == f"{ORIGIN}/oss"
    assert data["upload_dir"].startswith("dashscope-instant/")
    assert (data["expire_in_seconds"], data["x_oss_forbid_overwrite"]) == (300, "true")
    assert data.keys() >= {"policy", "signature", "oss_access_key_id", "x_oss_object_acl", "max_file_size_mb"}


@pytest.mark.parametrize("query", [{}, {"action": "getPolicy"}, {"action": "put", "model": "m"}])
def test_policy_needs_an_action_and_a_model(query: dict[str, str]) -> None:
    refused = Desk().send("GET", "/uploads", query=query)
    assert (refused.status, refused.json()["code"]) == (400, "InvalidParameter")


def test_upload_is_found_again_for_its_model_for_48_hours() -> None:
    desk = Desk()
    data = policy(desk)
    assert desk.upload(fields(data), b"picture").status == 200
    url = f"oss://{data['upload_dir']}/a.png"
    assert storage(desk).resolved(url, "wanx2.1-imageedit", desk.now) == b"picture"
    assert storage(desk).resolved(url, "wan2.5-i2i-preview", desk.now) is None
    assert storage(desk).resolved(url, "wanx2.1-imageedit", desk.now + 48 * 3600) is None


def test_upload_answers_204_unless_told_otherwise() -> None:
    desk = Desk()
    data = policy(desk)
    assert desk.upload(fields(data, success_action_status=""), b"x").status == 204


def test_same_name_twice_under_one_policy_is_refused() -> None:
    desk = Desk()
    data = policy(desk)
    desk.upload(fields(data), b"first")
    assert error(desk.upload(fields(data), b"second")) == (409, "FileAlreadyExists")
    assert storage(desk).resolved(f"oss://{data['upload_dir']}/a.png", "wanx2.1-imageedit", desk.now) == b"first"


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("OSSAccessKeyId", "InvalidAccessKeyId"),
        ("x-oss-object-acl", "AccessDenied"),
        ("x-oss-forbid-overwrite", "AccessDenied"),
    ],
)
@pytest.mark.parametrize("value", [None, "", "false", "public-read"])
def test_fields_of_the_form_must_be_those_of_the_policy(name: str, code: str, value: str | None) -> None:
    desk = Desk()
    form = fields(policy(desk)) | ({name: value} if value is not None else {})
    if value is None:
        del form[name]
    assert error(desk.upload(form, b"x")) == (403, code)


def test_two_policies_have_two_folders() -> None:
    desk = Desk()
    assert policy(desk)["upload_dir"] != policy(desk)["upload_dir"]


@pytest.mark.parametrize(
    ("changes", "later_s", "status", "code"),
    [
        ({"Signature": "forged"}, 0, 403, "SignatureDoesNotMatch"),
        ({"Signature": "图"}, 0, 403, "SignatureDoesNotMatch"),
        ({"policy": "e30="}, 0, 403, "SignatureDoesNotMatch"),
        ({"key": "elsewhere/a.png"}, 0, 403, "AccessDenied"),
        ({}, 300, 403, "AccessDenied"),
    ],
)
def test_upload_outside_its_policy_is_refused(changes: dict[str, str], later_s: float, status: int, code: str) -> None:
    desk = Desk()
    data = policy(desk)
    desk.now += later_s
    assert error(desk.upload(fields(data, **changes), b"x")) == (status, code)


def test_upload_that_is_too_large_is_refused() -> None:
    desk = Desk()
    assert error(desk.upload(fields(policy(desk)), bytes(100_000_001))) == (400, "EntityTooLarge")


def test_upload_that_is_no_form_is_refused() -> None:
    desk = Desk()
    response = desk.service.handle(Request("POST", "/oss", body=b"x"), desk.now)
    assert error(response) == (400, "MalformedPOSTRequest")


def test_oss_url_counts_as_a_url_at_submission() -> None:
    assert Desk().submit(edit(base_image_url="oss://dashscope-instant/a/b/a.png")).status == 200
