# SPDX-License-Identifier: Apache-2.0
"""Ensures through clients/python at a fixed rate, for bin/bench.

Arguments: brokers and the topics' prefix. Each line of the input is an order in JSON, each line of the
output the microseconds from when each ensure was to begin until its sandbox was ready.
"""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from zcbot_sandbox import Client

THREADS = 64


def load(client: Client, users: list[str], per_second: float, count: int) -> list[int]:
    start = time.monotonic() + 0.01

    def ensure(i: int, intended: float) -> int:
        client.sandbox(users[i % len(users)]).ensure(wait=60)
        return round((time.monotonic() - intended) * 1e6)

    ensures = []
    with ThreadPoolExecutor(THREADS) as threads:
        for i in range(count):
            intended = start + i / per_second
            time.sleep(max(0.0, intended - time.monotonic()))
            ensures.append(threads.submit(ensure, i, intended))
    return [each.result() for each in ensures]


def main() -> None:
    brokers, prefix = sys.argv[1:]
    with Client(brokers, topic_prefix=prefix, name="bench") as client:
        for line in sys.stdin:
            print(json.dumps(load(client, **json.loads(line))), flush=True)


main()
