"""A browser shows frame i when it is asked for frame i: by seeking a <video>, and by decoding the sample table."""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import accumulate, pairwise
from pathlib import Path
from threading import Thread

import pytest
from playwright.sync_api import Browser, Page

from echosearch.preview.encode import encode_mp4, to_ticks
from echosearch.preview.values import CODEC, TIMESCALE, Sample
from tests.preview.barcode import BITS, BLOCK, barcodes

pytestmark = pytest.mark.browser

FRAMES, HEIGHT, WIDTH = 90, 96, 192
TIMINGS = {  # seconds of each step
    "30 a second": [1 / 30] * FRAMES,
    "29.97 a second": [1001 / 30000] * FRAMES,
    "33.3 ms": [0.0333] * FRAMES,
    "16.7 ms": [0.0167] * FRAMES,
    "78.7 a second": [0.0127] * FRAMES,
    "13.5 a second": [0.07407] * FRAMES,
    "uneven": [0.02 + 0.01 * (i % 5) for i in range(FRAMES)],
}
READ = f"""
const canvas = new OffscreenCanvas({WIDTH}, {HEIGHT});
const context = canvas.getContext('2d', {{willReadFrequently: true}});
function numberIn(picture) {{
  context.drawImage(picture, 0, 0);
  let number = 0;
  for (let bit = 0; bit < {BITS}; bit++)
    if (context.getImageData(bit * {BLOCK} + {BLOCK // 2}, {BLOCK // 2}, 1, 1).data[0] > 128) number |= 1 << bit;
  return number;
}}
"""
SEEK = (
    "async ([url, moments]) => {"
    + READ
    + """
  const video = document.createElement('video');
  video.muted = true;
  video.src = URL.createObjectURL(await (await fetch(url)).blob());
  await new Promise((done, failed) => { video.onloadeddata = done; video.onerror = () => failed(video.error); });
  const shown = [];
  for (const moment of moments) {
    // on a busy machine "seeked" comes before the picture does
    const painted = new Promise(done => video.requestVideoFrameCallback(done));
    const late = new Promise(done => setTimeout(done, 4000));
    const sought = new Promise(done => video.addEventListener('seeked', done, {once: true}));
    video.currentTime = moment;
    await sought;
    await Promise.race([painted, late]);
    shown.push(numberIn(video));
  }
  return [video.duration, shown];
}"""
)
DECODE = (
    "async ([url, samples, codec]) => {"
    + READ
    + """
  const data = new Uint8Array(await (await fetch(url)).arrayBuffer());
  const shown = [];
  const decoder = new VideoDecoder({
    output: frame => { shown.push([numberIn(frame), frame.timestamp]); frame.close(); },
    error: problem => { throw problem; },
  });
  decoder.configure({codec});
  for (const [offset, size, key, microseconds] of samples)
    decoder.decode(new EncodedVideoChunk({
      type: key ? 'key' : 'delta', timestamp: microseconds, data: data.subarray(offset, offset + size)}));
  await decoder.flush();
  return shown;
}"""
)


@pytest.fixture(scope="module")
def cines(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, list[int], tuple[Sample, ...]]]:
    """Name -> URL, ticks and samples of a cine with a barcode in every frame."""
    folder = tmp_path_factory.mktemp("cines")
    (folder / "index.html").write_text("<!doctype html><title>cines</title>")
    made = {}
    for number, (name, steps) in enumerate(TIMINGS.items()):
        ticks = to_ticks([*accumulate(steps, initial=0.0)])
        data, samples = encode_mp4(barcodes(FRAMES, HEIGHT, WIDTH), ticks)
        (folder / f"{number}.mp4").write_bytes(data)
        made[name] = f"{number}.mp4", ticks, samples
    made["folder"] = str(folder), [], ()
    return made


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def page(browser: Browser, cines: dict[str, tuple[str, list[int], tuple[Sample, ...]]]) -> Iterator[Page]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(Path(cines["folder"][0]))))
    Thread(target=server.serve_forever, daemon=True).start()
    opened = browser.new_page()
    opened.goto(f"http://127.0.0.1:{server.server_port}/index.html")
    yield opened
    opened.close()
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("timing", TIMINGS)
def test_a_seek_to_the_middle_of_a_frame_shows_that_frame(
    timing: str, page: Page, cines: dict[str, tuple[str, list[int], tuple[Sample, ...]]]
) -> None:
    url, ticks, _ = cines[timing]
    forward = list(range(FRAMES))
    at_random = random.Random(1).sample(forward, k=FRAMES)
    asked = [45, *forward, *forward[-2::-1], *at_random]
    assert all(one != two for one, two in pairwise(asked))  # the same frame again is not painted again
    moments = [(ticks[i] + ticks[i + 1]) / 2 / TIMESCALE for i in asked]
    duration, shown = page.evaluate(SEEK, [url, moments])
    assert [(i, seen) for i, seen in zip(asked, shown, strict=True) if i != seen] == []
    assert duration == pytest.approx(ticks[-1] / TIMESCALE, abs=0.001)


@pytest.mark.parametrize("timing", ["33.3 ms", "uneven"])
def test_the_sample_table_decodes_to_every_frame_at_its_time(
    timing: str, page: Page, cines: dict[str, tuple[str, list[int], tuple[Sample, ...]]]
) -> None:
    url, ticks, samples = cines[timing]
    microseconds = [round(tick * 1_000_000 / TIMESCALE) for tick in ticks]
    table = [[one.offset, one.size, one.key, microseconds[i]] for i, one in enumerate(samples)]
    shown = page.evaluate(DECODE, [url, table, CODEC])
    assert shown == [[i, microseconds[i]] for i in range(FRAMES)]
