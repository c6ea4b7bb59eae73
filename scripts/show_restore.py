"""Draws docs/pictures/restore.jpg, before and after of the example, from what `make demo` made."""

from pathlib import Path

from PIL import Image

ROOT = Path(__file__).parent.parent
HEIGHT, GAP = 230, 8


def main() -> None:
    rows = []
    for before in sorted((ROOT / "examples/restore/photos").glob("*.jpg")):
        after = ROOT / "out/restore" / f"{before.name[:4]}-wide.webp"
        rows.append([scaled(Image.open(path).convert("RGB")) for path in (before, after)])
    left, right = rows[::2], rows[1::2]
    width = max(line_width([*a, *b]) for a, b in zip(left, right, strict=True))
    sheet = Image.new("RGB", (width, (HEIGHT + GAP) * len(left) - GAP), "white")
    for number, line in enumerate([*a, *b] for a, b in zip(left, right, strict=True)):
        place = 0
        for image in line:
            sheet.paste(image, (place, number * (HEIGHT + GAP)))
            place += image.width + GAP
    target = ROOT / "docs/pictures/restore.jpg"
    target.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(target, quality=88)


def scaled(image: Image.Image) -> Image.Image:
    return image.resize((round(image.width * HEIGHT / image.height), HEIGHT), Image.Resampling.LANCZOS)


def line_width(line: list[Image.Image]) -> int:
    return sum(image.width for image in line) + GAP * (len(line) - 1)


if __name__ == "__main__":
    main()
