/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.config.WorkerConfig;
import io.zcbot.sandbox.worker.engine.Container;
import io.zcbot.sandbox.worker.sandbox.Announcer;
import io.zcbot.sandbox.worker.sandbox.TerminationTarget;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.time.Instant;
import java.util.Map;
import org.junit.jupiter.api.Test;

class PurgeAnnouncementsTest {
  private static final UserId USER = UserId.parse("7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10");

  private final StringWriter err = new StringWriter();

  /** Nobody listens on port 1. */
  private void announce(boolean force) throws Exception {
    WorkerConfig config =
        WorkerConfig.fromEnvironment(
            Map.of(
                "ZCBOT_WORKER_ID", "w1",
                "ZCBOT_HOST", "h1",
                "ZCBOT_OPS_ADDRESS", "off",
                "ZCBOT_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1"));
    PrintWriter to = new PrintWriter(err, true);
    Console console = new Console(Map.of(), to, to, false);
    try (KafkaLog log = new KafkaLog(config.kafka())) {
      Announcer announcer = new PurgeAnnouncements(console, log, config, force).announcer("w1");
      Container container =
          new Container(
              "aaa",
              Container.nameOf(USER),
              Container.State.RUNNING,
              new Container.Ownership(USER, null, "w1", true),
              "hash",
              Instant.EPOCH,
              null,
              false);
      announcer.reaped(
          TerminationTarget.of(USER, container, Reaped.Reason.PURGED), Reaped.Reason.PURGED);
    }
  }

  /** Its container stays then: the removal comes after the announcement. */
  @Test
  void anEndThatCannotBeAnnouncedFails() {
    assertThatThrownBy(() -> announce(false))
        .isInstanceOf(PurgeAnnouncements.NotAnnouncedException.class)
        .hasMessageContaining("no broker can be reached");
    assertThat(err.toString()).isEmpty();
  }

  @Test
  void aForcedPurgeGoesOnAndSaysSoOnce() throws Exception {
    announce(true);
    assertThat(err.toString())
        .containsOnlyOnce("the sandboxes are removed, but cannot be announced as reaped")
        .contains("no broker can be reached");
  }
}
