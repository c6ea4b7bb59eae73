"""Draws docs/pictures/restore.jpg, before and after of the example, from what `make demo` made."""

from pathlib import Path

from PIL import Image

ROOT = Path(__file__).parent.parent
WIDTH, GAP = 1400, 8


def main() -> None:
    pairs = []
    for before in sorted((ROOT / "examples/restore/photos").glob("*.jpg")):
        after = ROOT / "out/restore" / f"{before.name[:4]}-wide.webp"
        pairs.append([Image.open(path).convert("RGB") for path in (before, after)])
    lines = [line([*left, *right]) for left, right in zip(pairs[::2], pairs[1::2], strict=True)]
    sheet = Image.new("RGB", (WIDTH, sum(image.height + GAP for image in lines) - GAP), "white")
    top = 0
    for image in lines:
        sheet.paste(image, (0, top))
        top += image.height + GAP
    sheet.save(ROOT / "docs/pictures/restore.jpg", quality=86)


def line(pictures: list[Image.Image]) -> Image.Image:
    """Pictures side by side, as high as makes them as wide as the sheet."""
    room = WIDTH - GAP * (len(pictures) - 1)
    height = round(room / sum(picture.width / picture.height for picture in pictures))
    drawn = Image.new("RGB", (WIDTH, height), "white")
    left = 0
    for picture in pictures:
        width = round(picture.width * height / picture.height)
        drawn.paste(picture.resize((width, height), Image.Resampling.LANCZOS), (left, 0))
        left += width + GAP
    return drawn


if __name__ == "__main__":
    main()
