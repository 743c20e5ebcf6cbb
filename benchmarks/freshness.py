"""How long after the monitors' commit a change made behind our back stands in GET and on the stream.

`make bench-freshness`, on a running installation. The OSD's reweight is changed directly at the monitors; GET is polled
without pause, and the stream is listened to.
"""

import argparse
import json
import queue
import threading
import time

import httpx

from benchmarks.installation import Installation, summary


def listen(installation: Installation, seen: "queue.SimpleQueue[float]") -> None:
    """Put the arrival of every notice about OSD rows into `seen`."""
    with httpx.stream("GET", f"{installation.url}/stream", headers=installation.headers, timeout=None) as response:
        for line in response.iter_lines():
            if line.startswith("data:"):
                notice = json.loads(line.removeprefix("data:"))
                if notice.get("type") == "version" and notice.get("object") == "osd":
                    seen.put(time.time())


def main() -> None:
    """Run the measurement and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--changes", type=int, default=30)
    parser.add_argument("--osd", type=int, default=2)
    options = parser.parse_args()
    installation = Installation()
    notices: queue.SimpleQueue[float] = queue.SimpleQueue()
    threading.Thread(target=listen, args=(installation, notices), daemon=True).start()
    time.sleep(1)
    on_get, on_stream = [], []
    for number in range(options.changes):
        while not notices.empty():
            notices.get()
        weight = round(0.5 + number / (2 * options.changes), 4)
        change = installation.change_behind_our_back({"prefix": "osd reweight", "id": options.osd, "weight": weight})
        while abs(installation.osd(options.osd)["reweight"] - weight) > 1e-4:
            pass
        seen = time.time()
        output, _ = change.communicate()
        committed = float(output)
        on_get.append(seen - committed)
        on_stream.append(notices.get(timeout=5) - committed)
        time.sleep(0.2)
    installation.change_behind_our_back({"prefix": "osd reweight", "id": options.osd, "weight": 1.0}).communicate()
    print(f"commit -> GET      {summary(on_get)}")
    print(f"commit -> stream   {summary(on_stream)}")


if __name__ == "__main__":
    main()
