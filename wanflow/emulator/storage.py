"""The provider's object storage: signed links that expire, upload policies, and errors as XML like OSS's."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from wanflow.emulator.exchange import Form, Response
from wanflow.emulator.state import Store
from wanflow.emulator.tasks import day
from wanflow.functions.catalog import account

PATH = "/oss"
_ID = "emulated-access-key-id"
_MUST = (("x-oss-object-acl", "private"), ("x-oss-forbid-overwrite", "true"))
_SECRET = b"nobody is kept out by this"


class Storage:
    """Files by name, in one bucket."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def put_result(self, name: str, data: bytes, now: float) -> None:
        """Keep a result for as long as the service does."""
        self._store.put(name, data, "", now + account()["result_hours"] * 3600)
        self._store.purge(now)

    def link(self, origin: str, name: str, expires: float) -> str:
        """A URL that works until `expires`."""
        until = str(int(expires))
        signed = {"Expires": until, "OSSAccessKeyId": _ID, "Signature": _signature(f"GET {name} {until}")}
        return f"{origin}{PATH}/{quote(name)}?{urlencode(signed)}"

    def download(self, name: str, query: Mapping[str, str], now: float) -> Response:
        """What a link gives: the file, or OSS's error."""
        until = query.get("Expires", "")
        if not (until.isdecimal() and _signed(query.get("Signature", ""), f"GET {name} {until}")):
            return _error(403, "SignatureDoesNotMatch", "The request signature we calculated does not match.")
        if now >= float(until):
            return _error(403, "AccessDenied", "Request has expired.")
        found = self._store.file(name, now)
        if found is None:
            return _error(404, "NoSuchKey", "The specified key does not exist.")
        return Response(body=found[0], media_type="image/png")

    def linked(self, url: str, now: float) -> bytes | None:
        """The file behind one of our own links, without a way over the network; None when it is none of ours."""
        parts = urlsplit(url)
        response = self.download(unquote(parts.path).removeprefix(f"{PATH}/"), dict(parse_qsl(parts.query)), now)
        return response.body if response.status == 200 else None

    def resolved(self, url: str, model: str, now: float) -> bytes | None:
        """The file behind oss://…; it is bound to the model that its policy was made for."""
        found = self._store.file(url.removeprefix("oss://"), now)
        return found[0] if found and found[1] == model else None

    def policy(self, origin: str, model: str, folder: str, now: float) -> dict[str, Any]:
        """The `data` of a getPolicy answer. All of it can be checked later without remembering it."""
        limits = account()
        until = now + limits["policy_seconds"]
        where = f"dashscope-instant/{hashlib.sha256(model.encode()).hexdigest()[:32]}/{day(now)}/{folder}"
        said = {"expiration": until, "folder": where, "model": model, "bytes": limits["upload_megabytes"] * 1_000_000}
        policy = base64.b64encode(json.dumps(said).encode()).decode()
        return {
            "policy": policy,
            "signature": _signature(policy),
            "upload_dir": where,
            "upload_host": f"{origin}{PATH}",
            "expire_in_seconds": limits["policy_seconds"],
            "max_file_size_mb": limits["upload_megabytes"],
            "capacity_limit_mb": 999999999,
            "oss_access_key_id": _ID,
            "x_oss_object_acl": "private",
            "x_oss_forbid_overwrite": "true",
        }

    def upload(self, form: Form | None, now: float) -> Response:
        """Take a multipart upload, or say OSS's error."""
        if form is None:
            return _error(400, "MalformedPOSTRequest", "The body of your POST request is not well-formed multipart.")
        policy, key = form.fields.get("policy", ""), form.fields.get("key", "")
        if not _signed(form.fields.get("Signature", ""), policy):
            return _error(403, "SignatureDoesNotMatch", "The request signature we calculated does not match.")
        if form.fields.get("OSSAccessKeyId") != _ID:
            return _error(
                403, "InvalidAccessKeyId", "The OSS Access Key Id you provided does not exist in our records."
            )
        said = json.loads(base64.b64decode(policy))
        if now >= said["expiration"]:
            return _error(403, "AccessDenied", "Invalid according to Policy: Policy expired.")
        # That the policy asks for these two as well is assumed: getPolicy names them, and the SDK sends them.
        if not key.startswith(said["folder"] + "/") or any(form.fields.get(name) != must for name, must in _MUST):
            return _error(403, "AccessDenied", "Invalid according to Policy: Policy Condition failed.")
        if len(form.content) > said["bytes"]:
            return _error(400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size.")
        if not self._store.put(key, form.content, said["model"], now + account()["upload_hours"] * 3600):
            # Forbidden by x-oss-forbid-overwrite, which the policy wants; the status is assumed.
            message = "The object you specified already exists and can not be overwritten."
            return _error(409, "FileAlreadyExists", message)
        return Response(200 if form.fields.get("success_action_status") == "200" else 204, media_type="application/xml")


def _signature(text: str) -> str:
    return base64.b64encode(hmac.new(_SECRET, text.encode(), hashlib.sha1).digest()).decode()


def _signed(signature: str, text: str) -> bool:
    return hmac.compare_digest(signature.encode(), _signature(text).encode())


def _error(status: int, code: str, message: str) -> Response:
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>'
    return Response(status, text.encode(), "application/xml")
