"""What the official SDK says to the emulator, run as a process by each version of it: `… ORIGIN FOLDER` prints JSON.

Kept to what both versions know, but for ImageGeneration, which 1.25.2 does not have.
"""

import base64
import json
import sys
import time
from pathlib import Path

import dashscope
import dashscope.common.error
import requests
from dashscope import ImageSynthesis, MultiModalConversation

ORIGIN, FOLDER = sys.argv[1], Path(sys.argv[2])
dashscope.base_http_api_url = f"{ORIGIN}/api/v1"
dashscope.api_key = "sk-test"
EDIT, COMBINE, PAINT = "wanx2.1-imageedit", "wan2.5-i2i-preview", "wan2.5-t2i-preview"
BASE, MASK = f"file://{FOLDER}/base.png", f"file://{FOLDER}/mask.png"
DATA = "data:image/png;base64," + base64.b64encode((FOLDER / "base.png").read_bytes()).decode()

FUNCTIONS = {
    "stylization_all": {"strength": 0.3},
    "stylization_local": {},
    "description_edit": {"strength": 0.7},
    "description_edit_with_mask": {"mask_image_url": MASK},
    "remove_watermark": {},
    "expand": {"top_scale": 1.5, "bottom_scale": 1.5, "left_scale": 1.5, "right_scale": 1.5},
    "super_resolution": {"upscale_factor": 2},
    "colorization": {"watermark": False},
    "doodle": {"is_sketch": False},
    "control_cartoon_feature": {"seed": 7},
}


def ended(created, api=ImageSynthesis):
    """The answer of fetch() once the task has ended; the SDK's own wait() pauses for seconds."""
    assert created.status_code == 200, created
    while True:
        answer = api.fetch(created)
        if answer.output.task_status not in ("PENDING", "RUNNING"):
            return answer
        time.sleep(0.02)


def picture(answer, place=0):
    return download(answer.output.results[place].url)


def download(url):
    return size(requests.get(url, timeout=10).content)


def size(png):
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    return [int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")]


def faults(*wanted):
    requests.post(f"{ORIGIN}/__emulator__/faults", json={"faults": list(wanted)}, timeout=10).raise_for_status()


def error(answer):
    return [answer.status_code, answer.code, answer.message]


def edits():
    """Every function, on a local file or a data URI in turn; the sizes of what came back."""
    bases = [BASE, DATA] * 5
    created = {
        name: ImageSynthesis.async_call(EDIT, prompt="blue sky", function=name, base_image_url=base, n=1, **more)
        for base, (name, more) in zip(bases, FUNCTIONS.items(), strict=True)
    }
    return {name: picture(ended(task)) for name, task in created.items()}


def combinations():
    """One to three images: a local file, a data URI, and the result of the call before."""
    images, sizes = [BASE], []
    for more in (DATA, None, None):
        answer = ended(ImageSynthesis.async_call(COMBINE, prompt="combine", images=images, n=1, size="800*1200"))
        sizes.append([picture(answer), answer.output.results[0].orig_prompt])
        images = [*images, more or answer.output.results[0].url]
    return sizes


def paintings():
    """call(), and async_call() with wait()."""
    whole = ImageSynthesis.call(
        PAINT, prompt="a shop", negative_prompt="rain", n=2, size="1280*1280", prompt_extend=True
    )
    created = ImageSynthesis.async_call("wan2.2-t2i-flash", prompt="a shop", n=1)
    waited = ImageSynthesis.wait(created)
    metrics = whole.output.task_metrics
    return {
        "call": [whole.output.task_status, whole.usage.image_count, metrics["SUCCEEDED"], picture(whole, 1)],
        "wait": [waited.output.task_status, picture(waited)],
    }


def messages():
    """The new protocol: synchronous in both versions, asynchronous in the new one."""
    content = [{"role": "user", "content": [{"text": "A flower shop"}]}]
    said = MultiModalConversation.call(model="wan2.6-t2i", messages=content, n=1, size="1280*1280")
    link = said.output.choices[0].message.content[0]["image"]
    found = {"sync": [said.status_code, download(link)]}
    try:
        from dashscope.aigc.image_generation import ImageGeneration
    except ImportError:
        return found
    from dashscope.api_entities.dashscope_response import Message

    wish = Message(role="user", content=content[0]["content"])
    whole = ImageGeneration.call(model="wan2.6-t2i", messages=[wish], n=1)
    answer = ended(ImageGeneration.async_call(model="wan2.6-t2i", messages=[wish], n=2), ImageGeneration)
    links = [choice.message.content[0]["image"] for choice in answer.output.choices]
    found["new call"] = download(whole.output.choices[0].message.content[0]["image"])
    found["async"] = [answer.output.task_status, [download(link) for link in links]]
    return found


def cancel_and_list():
    """Two tasks that take long hold both slots; the third waits, and is canceled."""
    faults({"kind": "slow", "seconds": 1e9, "times": 2})
    tasks = [ImageSynthesis.async_call("wan2.2-t2i-plus", prompt=name, n=1) for name in "abc"]
    canceled = ImageSynthesis.cancel(tasks[2])
    refused = ImageSynthesis.cancel(tasks[0])
    fetched = ImageSynthesis.fetch(tasks[2].output.task_id)
    listed = ImageSynthesis.list(model_name="wan2.2-t2i-plus", page_size=2)
    faults()
    return {
        "canceled": [canceled.status_code, fetched.output.task_status],
        "refused": error(refused),
        "listed": [listed.status_code, listed.output["total"], [row["status"] for row in listed.output["data"]]],
    }


def troubles():
    """What goes wrong: in a task, in a part of it, with the key, the path, the mode, the file's name."""
    faults({"kind": "failed", "code": "DataInspectionFailed", "times": 1})
    failed = ended(ImageSynthesis.async_call(PAINT, prompt="f", n=1))
    faults({"kind": "partial", "images": 1, "times": 1})
    partial = ended(ImageSynthesis.async_call(PAINT, prompt="p", n=2))
    faults()
    big = ImageSynthesis.async_call(PAINT, prompt="x", n=5)
    try:
        ImageSynthesis.async_call(COMBINE, prompt="x", images=[BASE, f"file://{FOLDER}/other/base.png"], n=1)
        collision = "none"
    except dashscope.common.error.UploadFileException as raised:
        collision = type(raised).__name__
    return {
        "failed": [failed.status_code, failed.output.task_status, failed.output.code, failed.output.message],
        "partial": [
            partial.output.task_status,
            partial.usage.image_count,
            [result.get("code", "image") for result in partial.output.results],
        ],
        "wrong key": error(ImageSynthesis.async_call(PAINT, prompt="x", n=1, api_key="wrong")),
        "wrong path": error(ImageSynthesis.async_call("wan2.6-t2i", prompt="x", n=1)),
        "no async header": error(ImageSynthesis.sync_call("wan2.2-t2i-flash", prompt="x", n=1)),
        "five images": error(big),
        "unknown task": ImageSynthesis.fetch("none-such").output.task_status,
        "same basename": collision,
    }


if __name__ == "__main__":
    parts = (edits, combinations, paintings, messages, cancel_and_list, troubles)
    said = {part.__name__: part() for part in parts}
    print(json.dumps({"version": dashscope.version.__version__, **said}))
