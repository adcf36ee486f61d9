/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.ResourceLock;

@ResourceLock("logging")
class LogOptionsTest {
  private final StringWriter notes = new StringWriter();

  @Test
  void aLogThatEndsByThisMachinesClockIsNoted() throws Exception {
    Map<String, Object> away =
        Map.of(
            "bootstrap.servers", "127.0.0.1:1",
            "default.api.timeout.ms", "150",
            "request.timeout.ms", "150");
    try (Admin admin = Admin.create(away)) {
      Instant now = LogOptions.now(admin, new PrintWriter(notes, true));
      assertThat(now).isCloseTo(Instant.now(), within(1, ChronoUnit.MINUTES));
    }
    assertThat(notes.toString().lines())
        .singleElement()
        .asString()
        .startsWith("noted: Kafka did not tell its time (")
        .contains("TimeoutException")
        .endsWith("), so the log ends at the time of this machine's clock");
  }
}
