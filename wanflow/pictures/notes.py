"""Puts a text into the bytes of a picture's file, and finds it there; nothing is decoded, so no pixel changes.

A PNG holds it in an iTXt chunk of its own (ISO 15948, 11.3.4.5); JPEG, WebP and TIFF in their XMP packet (Adobe, XMP
specification part 3), to which it is added when there is one. BMP has no place for it.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple
from xml.sax.saxutils import escape, unescape

from wanflow.errors import EditError
from wanflow.pictures.anatomy import Directory

KEYWORD = b"wanflow"
NAMESPACE = "https://wanflow.dev/ns/provenance/1.0/"
_START, _END = b"<wanflow:provenance>", b"</wanflow:provenance>"
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_TAG = 700
# The segment of a JPEG has two bytes for its length, and a packet that is added to is some longer.
_JPEG_SEGMENT = 65_533
MOST_BYTES: Mapping[str, int] = {"PNG": 1_000_000, "JPEG": 60_000, "WEBP": 1_000_000, "TIFF": 1_000_000}


def noted(raw: bytes, kind: str, text: str) -> bytes:
    """A picture's file with an ASCII text in it, at most MOST_BYTES of its kind long once escaped.

    Raises EditError for a file, or for metadata in it, that is not built as its format says.
    """
    if len(escape(text)) > MOST_BYTES[kind]:
        raise EditError("OutputFormat", f"{len(text):,} bytes of text are too many for the metadata of a {kind}")
    try:
        return _WRITERS[kind](raw, text)
    except (struct.error, IndexError, ValueError, OverflowError) as error:
        raise EditError("OutputFormat", f"the {kind} can't take metadata: {error}; use provenance: sidecar") from error


def note_of(raw: bytes, kind: str) -> str | None:
    """The text that `noted` put into a picture's file, or None. Raises nothing."""
    try:
        if kind == "PNG":
            bodies = [body for name, body in _png_chunks(raw) if name == b"iTXt" and body.startswith(KEYWORD + b"\0")]
            return bodies[0].split(b"\0", 5)[5].decode() if bodies else None
        _, text, _ = _parted(_READERS[kind](raw) if kind in _READERS else b"")
        return None if text is None else unescape(text.decode())
    except (struct.error, IndexError, ValueError, OverflowError):
        return None


# -- PNG


def _png_chunks(raw: bytes) -> Iterator[tuple[bytes, bytes]]:
    start = 8
    while start + 12 <= len(raw):
        size = int.from_bytes(raw[start : start + 4], "big")
        yield raw[start + 4 : start + 8], raw[start + 8 : start + 8 + size]
        start += 12 + size


def _png(raw: bytes, text: str) -> bytes:
    if raw[12:16] != b"IHDR":
        raise ValueError("its header is not where it belongs")
    body = b"iTXt" + KEYWORD + b"\0" * 5 + text.encode()  # not compressed, no language, no other keyword
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    pieces = [raw[:33], chunk]  # after the header, which every reader has read then
    start = 33
    while start + 12 <= len(raw):
        end = start + 12 + int.from_bytes(raw[start : start + 4], "big")
        if not raw.startswith(b"iTXt" + KEYWORD + b"\0", start + 4):
            pieces.append(raw[start:end])
        start = end
    return b"".join([*pieces, raw[start:]])


# -- XMP


def _parted(packet: bytes) -> tuple[bytes, bytes | None, bytes]:
    """A packet before, within and after the text that it holds; None where it holds none. It is read only once, since
    a stranger may have written it.
    """
    before, _, rest = packet.partition(_START)
    text, end, after = rest.partition(_END)
    return (before, text, after) if end else (packet, None, b"")


def _packet(text: str, existing: bytes) -> bytes:
    """An XMP packet that holds the text, beside what an existing one holds."""
    entry = _START + escape(text).encode() + _END
    before, known, after = _parted(existing)
    if known is not None:
        return before + entry + after
    about = f'<rdf:Description rdf:about="" xmlns:wanflow="{NAMESPACE}">'.encode() + entry + b"</rdf:Description>"
    if existing:
        head, end, tail = existing.rpartition(b"</rdf:RDF>")
        if not end:
            raise ValueError("there is other metadata in it that can't be added to")
        return head + about + end + tail
    return (
        b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">' + about + b"</rdf:RDF></x:xmpmeta>"
        b'<?xpacket end="w"?>'
    )


# -- JPEG


class _Segment(NamedTuple):
    marker: int
    start: int
    end: int


def _jpeg_segments(raw: bytes) -> Iterator[_Segment]:
    """The marked segments before the picture itself."""
    start = 2
    while raw[start] == 0xFF and 0xE0 <= raw[start + 1] <= 0xFE:
        end = start + 2 + int.from_bytes(raw[start + 2 : start + 4], "big")
        yield _Segment(raw[start + 1], start, end)
        start = end


def _is_xmp(raw: bytes, segment: _Segment) -> bool:
    return segment.marker == 0xE1 and raw.startswith(_XMP, segment.start + 4)


def _jpeg_packet(raw: bytes) -> bytes:
    found = [raw[part.start + 4 + len(_XMP) : part.end] for part in _jpeg_segments(raw) if _is_xmp(raw, part)]
    return found[0] if found else b""


def _jpeg(raw: bytes, text: str) -> bytes:
    body = _XMP + _packet(text, _jpeg_packet(raw))
    if len(body) + 2 > _JPEG_SEGMENT:
        raise ValueError("there is no room beside its other metadata")
    parts = list(_jpeg_segments(raw))
    kept = [part for part in parts if not _is_xmp(raw, part)]
    pieces = [raw[part.start : part.end] for part in kept]
    first = [number for number, part in enumerate(kept, 1) if _leads(raw, part)]
    pieces.insert(max(first, default=0), b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body)
    return b"".join([raw[:2], *pieces, raw[parts[-1].end if parts else 2 :]])


def _leads(raw: bytes, segment: _Segment) -> bool:
    """Whether a segment stands before all others: JFIF's, and EXIF."""
    return segment.marker == 0xE0 or (segment.marker == 0xE1 and raw.startswith(b"Exif", segment.start + 4))


# -- WebP


def _webp_chunks(raw: bytes) -> Iterator[tuple[bytes, bytes]]:
    start, end = 12, 8 + int.from_bytes(raw[4:8], "little")
    while start + 8 <= min(end, len(raw)):
        size = int.from_bytes(raw[start + 4 : start + 8], "little")
        yield raw[start : start + 4], raw[start + 8 : start + 8 + size]
        start += 8 + size + size % 2


def _webp_packet(raw: bytes) -> bytes:
    return next((body for name, body in _webp_chunks(raw) if name == b"XMP "), b"")


_HAS_XMP, _HAS_ALPHA = 0x04, 0x10


def _webp(raw: bytes, text: str) -> bytes:
    chunks = [(name, body) for name, body in _webp_chunks(raw) if name != b"XMP "]
    if chunks[0][0] != b"VP8X":
        chunks.insert(0, (b"VP8X", _webp_header(*chunks[0])))
    header = chunks[0][1]
    chunks[0] = b"VP8X", bytes([header[0] | _HAS_XMP]) + header[1:]
    chunks.append((b"XMP ", _packet(text, _webp_packet(raw))))
    body = b"".join(name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2) for name, data in chunks)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def _webp_header(name: bytes, body: bytes) -> bytes:
    """The header that a file with metadata needs: flags, and width and height less one in three bytes each."""
    if name == b"VP8L":
        bits = struct.unpack_from("<I", body, 1)[0]
        width, height, alpha = bits & 0x3FFF, bits >> 14 & 0x3FFF, bits >> 28 & 1
    elif name == b"VP8 ":
        sides = struct.unpack_from("<HH", body, 6)
        width, height, alpha = (sides[0] & 0x3FFF) - 1, (sides[1] & 0x3FFF) - 1, 0
    else:
        raise ValueError("its picture is not where it belongs")
    return b"".join([struct.pack("<I", _HAS_ALPHA * alpha), *(side.to_bytes(3, "little") for side in (width, height))])


# -- TIFF


def _tiff_packet(raw: bytes) -> bytes:
    directory = Directory.of(raw)
    if directory is None or _TAG not in directory.entries:
        return b""
    _, count, at = directory.entries[_TAG]
    return bytes(raw[at : at + count])


def _tiff(raw: bytes, text: str) -> bytes:
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(raw[:4])
    if order is None:
        raise ValueError("it is a BigTIFF")
    at = struct.unpack_from(order + "I", raw, 4)[0]
    count = struct.unpack_from(order + "H", raw, at)[0]
    entries = [raw[place : place + 12] for place in range(at + 2, at + 2 + count * 12, 12)]
    following = raw[at + 2 + count * 12 : at + 6 + count * 12]
    packet = _packet(text, _tiff_packet(raw))
    # The packet and a new directory go to the end, where nothing points to yet; offsets are even.
    head = raw + b"\0" * (len(raw) % 2)
    entry = struct.pack(order + "HHII", _TAG, 1, len(packet), len(head))
    kept = [known for known in entries if struct.unpack_from(order + "H", known)[0] != _TAG]
    tags = sorted([*kept, entry], key=lambda known: int(struct.unpack_from(order + "H", known)[0]))
    directory_at = len(head) + len(packet) + len(packet) % 2
    directory = struct.pack(order + "H", len(tags)) + b"".join(tags) + following
    whole = head + packet + b"\0" * (len(packet) % 2) + directory
    return whole[:4] + struct.pack(order + "I", directory_at) + whole[8:]


_WRITERS: Mapping[str, Callable[[bytes, str], bytes]] = {"PNG": _png, "JPEG": _jpeg, "WEBP": _webp, "TIFF": _tiff}
_READERS: Mapping[str, Callable[[bytes], bytes]] = {"JPEG": _jpeg_packet, "WEBP": _webp_packet, "TIFF": _tiff_packet}
