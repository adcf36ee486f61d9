/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.ops;

import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/** The dashboard for Grafana. */
final class Dashboard {
  private Dashboard() {}

  /** The queries to Prometheus, with the values that Grafana inserts for its variables. */
  static List<String> expressions() throws IOException {
    return new JsonMapper()
            .readTree(Path.of("../../docs/grafana-dashboard.json").toFile())
            .findValuesAsText("expr")
            .stream()
            .map(e -> e.replace("$__rate_interval", "2m").replace("$instance", ".+"))
            .toList();
  }
}
