"""How fast a change is accepted and completed: distinct reweights of one OSD, one after the other.

`make bench-changes`, on a running installation. Acceptance is the time from PATCH to 202; completion is until the
request is complete and a GET shows the new value. Most of the latter is the monitors' own commit.
"""

import argparse
import time

from benchmarks.installation import Installation, summary


def main() -> None:
    """Run the measurement and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--changes", type=int, default=100)
    parser.add_argument("--osd", type=int, default=1)
    options = parser.parse_args()
    installation = Installation()
    path = f"/cluster/{installation.fsid}/osd/{options.osd}"
    accepted, completed = [], []
    for number in range(options.changes):
        weight = round(0.5 + number / (2 * options.changes), 4)
        start = time.perf_counter()
        answer = installation.http.patch(path, json={"reweight": weight})
        accepted.append(time.perf_counter() - start)
        if answer.status_code != 202:
            raise SystemExit(f"PATCH answered {answer.status_code}: {answer.text}")
        request = installation.wait_for(answer.json()["request_id"])
        completed.append(time.perf_counter() - start)
        if request["error"] or abs(installation.osd(options.osd)["reweight"] - weight) > 1e-4:
            raise SystemExit(f"request did not have its effect: {request}")
    installation.wait_for(installation.http.patch(path, json={"reweight": 1.0}).json()["request_id"])
    print(f"PATCH -> 202        {summary(accepted)}")
    print(f"PATCH -> complete   {summary(completed)}")


if __name__ == "__main__":
    main()
