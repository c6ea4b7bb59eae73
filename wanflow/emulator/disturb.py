"""What a fault does to a request's answer: something else instead of it, or the same answer, delivered badly."""

from __future__ import annotations

from wanflow.emulator.exchange import Ending, Refusal, Response, delivered, error_entry, is_known
from wanflow.emulator.faults import Fault

_CODES = {"429": "Throttling.RateQuota", "500": "InternalError", "503": "ModelUnavailable"}
_PAGE = b"<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body>Bad Gateway</body></html>"
Met = tuple[str, Fault] | None


def instead(met: Met) -> Response | Refusal | None:
    """The answer to a request that was not taken; None when it shall be."""
    if met is None:
        return None
    kind, fault = met
    if kind in _CODES:
        code = fault.code or _CODES[kind]
        status = error_entry(code)["status"] if is_known(code) else int(kind)
        return Refusal(code, fault.message or error_entry(code)["messages"][0], status, fault.seconds)
    if kind == "hang":
        return _hanging(Response(), fault)
    return Response(ending=Ending.RESET) if kind == "reset_before" else None


def afterwards(met: Met, response: Response) -> Response:
    """The answer to a request that was taken, as the fault leaves it."""
    if met is None:
        return response
    kind, fault = met
    seconds = 2.0 if fault.seconds is None else fault.seconds
    match kind:
        case "latency":
            return delivered(response, delay_s=seconds)
        case "reset_after":
            return delivered(response, ending=Ending.RESET, awaits=None)
        case "hang_after":
            return _hanging(delivered(response, awaits=None), fault)
        case "drip":
            return delivered(response, drip_s=10.0 if fault.seconds is None else fault.seconds)
        case "truncated":
            return delivered(response, ending=Ending.TRUNCATED)
        case "short":
            return delivered(response, body=response.body[: len(response.body) // 2])
        case "corrupt":
            return delivered(response, body=_corrupt(response.body))
        case "wrong_type":
            return delivered(response, body=_PAGE, media_type="text/html")
    return response


def _hanging(response: Response, fault: Fault) -> Response:
    """No answer until whoever asked gives up, or the connection is cut after the fault's seconds."""
    if fault.seconds is None:
        return delivered(response, ending=Ending.HANG)
    return delivered(response, ending=Ending.RESET, delay_s=fault.seconds)


def _corrupt(body: bytes) -> bytes:
    """The same length, with a stretch in the middle turned over."""
    middle = len(body) // 2
    turned = bytes(255 - byte for byte in body[middle : middle + 64])
    return body[:middle] + turned + body[middle + 64 :]
