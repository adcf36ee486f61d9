/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.bench;

import java.io.IOException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * How long a broker has worked on requests so far, by its own metrics.
 *
 * @param sums by request and part: how many there were, and their milliseconds
 */
record RequestTimes(Map<String, Sum> sums) {
  static final String PRODUCE = "Produce";

  /** Of consumers, not of followers. */
  static final String FETCH = "FetchConsumer";

  /** Of a fetch most is the wait for records. */
  static final String WAITING = "RemoteTimeMs";

  static final String TOTAL = "TotalTimeMs";
  static final List<String> REQUESTS = List.of(PRODUCE, FETCH);
  static final List<String> PARTS = List.of(TOTAL, WAITING);

  record Sum(double count, double millis) {}

  static RequestTimes now(Child broker) throws IOException {
    Map<String, Sum> sums = new HashMap<>();
    for (String each : broker.ask("requests").split(";")) {
      String[] fields = each.split(" ");
      double count = Double.parseDouble(fields[2]);
      sums.put(fields[0] + " " + fields[1], new Sum(count, count * Double.parseDouble(fields[3])));
    }
    return new RequestTimes(sums);
  }

  /** The mean of a part of those requests that ended since an earlier instant; milliseconds. */
  double mean(String request, String part, RequestTimes since) {
    Sum now = sums.get(request + " " + part);
    Sum before = since.sums.get(request + " " + part);
    return (now.millis - before.millis) / Math.max(1, now.count - before.count);
  }
}
