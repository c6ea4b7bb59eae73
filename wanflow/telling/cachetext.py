"""What the upkeep of a store found -> terminal, and JSON."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from wanflow.canon import JSON
from wanflow.errors import printable
from wanflow.record import money
from wanflow.store.upkeep import Collected, Fault, Share, Stats, Verified
from wanflow.telling.words import count, dollars

FORMAT_VERSION = 1
_UNITS = {"m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}


def seconds(text: str) -> float:
    """An age such as 30d, 12h or 2w, in seconds. Raises ValueError."""
    if not text[:-1].isdecimal() or text[-1:] not in _UNITS:
        raise ValueError(f"an age is a number and one of {', '.join(_UNITS)}, e.g. 30d")
    return float(text[:-1]) * _UNITS[text[-1]]


def megabytes(size_bytes: float) -> str:
    """A size as people say it: 12 kB, 3.4 MB, 56 MB, 1.2 GB."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size_bytes >= factor:
            return (
                f"{size_bytes / factor:.1f} {unit}"
                if size_bytes < 10 * factor
                else f"{size_bytes / factor:,.0f} {unit}"
            )
    return count(int(size_bytes), "byte")


def verified_text(found: Verified) -> str:
    """What is damaged or missing, and what happens about it."""
    lines = [said for said in (found.index_fault, found.index_mended) if said]
    lines += [f"{sha256[:12]} was put back from {path}" for sha256, path in found.mended.items()]
    lines += [_fault(fault) for fault in found.faults]
    if found.unreceipted:
        lines.append(f"{count(found.unreceipted, 'paid result')} without a receipt; --mend writes it anew")
    said = f"{len(found.faults):,} damaged or missing" if found.faults else "all whole"
    lines.append(f"{count(found.pictures, 'stored picture')}, {megabytes(found.size_bytes)}: {said}")
    return printable("\n".join(lines))


def _fault(fault: Fault) -> str:
    jobs = ", ".join(fault.jobs[:3]) + (f" and {len(fault.jobs) - 3} more" if len(fault.jobs) > 3 else "")
    what = f" ({fault.function}{', paid' if fault.billed else ''})" if fault.function else ""
    of = f", the picture of {jobs}" if jobs else ""
    return f"{fault.sha256[:12]} is {fault.fault}{of}{what}\n    {fault.remedy}"


def verified_json(found: Verified) -> dict[str, JSON]:
    """The same as JSON values."""
    return {
        "format_version": FORMAT_VERSION,
        "pictures": found.pictures,
        "bytes": found.size_bytes,
        "mended": found.mended,
        "index_fault": found.index_fault,
        "index_mended": found.index_mended,
        "unreceipted": found.unreceipted,
        "faults": [
            {
                "sha256": fault.sha256,
                "fault": fault.fault,
                "function": fault.function,
                "jobs": list(fault.jobs),
                "billed": fault.billed,
                "remedy": fault.remedy,
            }
            for fault in found.faults
        ],
    }


def collected_text(found: Collected, most: int = 20) -> str:
    """What was removed, or would be."""
    lines = [f"  {item.kind:<8} {megabytes(item.size_bytes):>8}  {item.path}" for item in found.items[:most]]
    lines = lines if found.dry_run else []
    if found.dry_run and len(found.items) > most:
        lines.append(f"  … and {len(found.items) - most:,} more")
    verb = "would be removed" if found.dry_run else "removed"
    names = {"picture": "picture", "part": "unfinished file", "view": "thumbnail", "lock": "dead lock"}
    kinds = {kind: sum(item.kind == kind for item in found.items) for kind in names}
    parts = [count(number, names[kind]) for kind, number in kinds.items() if number]
    if parts or found.results:
        forgotten = f"; {count(found.results, 'result')} forgotten" if found.results and not found.dry_run else ""
        lines.append(f"{', '.join(parts) or 'no file'}, {megabytes(found.size_bytes)} {verb}{forgotten}")
    else:
        lines.append("nothing to remove")
    if found.kept_paid:
        lines.append(
            f"{count(found.kept_paid, 'result')} that nothing needs was paid for and stays; --paid removes it, too"
        )
    return printable("\n".join(lines))


def collected_json(found: Collected) -> dict[str, JSON]:
    """The same as JSON values."""
    return {
        "format_version": FORMAT_VERSION,
        "dry_run": found.dry_run,
        "results": found.results,
        "kept_paid": found.kept_paid,
        "bytes": found.size_bytes,
        "items": [{"kind": item.kind, "path": str(item.path), "bytes": item.size_bytes} for item in found.items],
    }


def stats_text(found: Stats) -> str:
    """A table by recipe and backend."""
    return printable("\n".join(_stats(found)))


def _stats(found: Stats) -> Iterator[str]:
    width = max([8, *(len(recipe) for recipe, _ in found.shares)])
    yield f"  {'recipe':<{width}}  {'backend':<10}  {'pictures':>9}  {'size':>8}  paid"
    for (recipe, backend), share in sorted(found.shares.items()):
        yield f"  {recipe or '(none)':<{width}}  {backend:<10}  {_share(share)}"
    yield f"  {'in all':<{width}}  {'':<10}  {_share(found.total)}"
    if found.unneeded.pictures:
        more = f"{count(found.unneeded.pictures, 'picture')} more, {megabytes(found.unneeded.size_bytes)}"
        yield f"  {more}, no result needs"


def _share(share: Share) -> str:
    paid = f"{dollars(share.usd)} for {count(share.billed, 'image')}" if share.billed else "nothing"
    paid += f", of {share.unpriced:,} the price is not known" if share.unpriced else ""
    return f"{share.pictures:>9,}  {megabytes(share.size_bytes):>8}  {paid}"


def stats_json(found: Stats) -> dict[str, JSON]:
    """The same as JSON values."""
    shares = [
        {"recipe": recipe, "backend": backend, **_share_json(share)}
        for (recipe, backend), share in sorted(found.shares.items())
    ]
    unneeded = {"pictures": found.unneeded.pictures, "bytes": found.unneeded.size_bytes}
    return {
        "format_version": FORMAT_VERSION,
        "shares": shares,
        "total": _share_json(found.total),
        "unneeded": unneeded,
    }


def _share_json(share: Share) -> dict[str, JSON]:
    return {
        "pictures": share.pictures,
        "bytes": share.size_bytes,
        "billed": share.billed,
        "usd": money(share.usd or Decimal(0)),
        "unpriced": share.unpriced,
    }
