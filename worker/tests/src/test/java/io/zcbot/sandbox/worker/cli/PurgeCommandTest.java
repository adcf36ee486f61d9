/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.config.WorkerConfig;
import io.zcbot.sandbox.worker.engine.Container;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** A purge for which Kafka fails after it was asked what to announce. */
class PurgeCommandTest {
  private static final UserId ANNA = UserId.parse("7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10");
  private static final UserId BEN = UserId.parse("1c3e5a77-0b1d-4e2f-9a3b-5c6d7e8f9a0b");

  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();
  private final FakeEngine engine = new FakeEngine();

  /** Nobody listens on port 1. */
  private boolean end(boolean force) throws Exception {
    WorkerConfig config =
        WorkerConfig.fromEnvironment(
            Map.of(
                "ZCBOT_WORKER_ID", "w1",
                "ZCBOT_HOST", "h1",
                "ZCBOT_OPS_ADDRESS", "off",
                "ZCBOT_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1"));
    Console console =
        new Console(Map.of(), new PrintWriter(out, true), new PrintWriter(err, true), false);
    List<Container> containers = List.of(container("aaa", ANNA), container("bbb", BEN));
    containers.forEach(each -> engine.containers.put(each.id(), each));
    try (KafkaLog log = new KafkaLog(config.kafka())) {
      return new PurgeCommand(console, engine, log, config, force)
          .end(containers, Set.of("aaa", "bbb"));
    }
  }

  private static Container container(String id, UserId user) {
    return new Container(
        id,
        Container.nameOf(user),
        Container.State.RUNNING,
        new Container.Ownership(user, null, "w1", true),
        "hash",
        Instant.EPOCH,
        null,
        false);
  }

  @Test
  void aContainerWhoseEndCannotBeAnnouncedStaysAsAllBehindIt() {
    assertThatThrownBy(() -> end(false))
        .isInstanceOf(CommandException.class)
        .hasMessageContaining(Container.nameOf(ANNA) + " is killed and stays, as all behind it")
        .hasMessageContaining("no broker can be reached");
    assertThat(engine.calls).containsExactly("kill aaa");
    assertThat(engine.containers).containsOnlyKeys("aaa", "bbb");
    assertThat(err.toString()).isEmpty();
  }

  @Test
  void aForcedPurgeGoesOnAndSaysSoOnce() throws Exception {
    assertThat(end(true)).isTrue();
    assertThat(engine.calls).containsExactly("kill aaa", "remove aaa", "remove bbb");
    assertThat(out.toString()).endsWith("purged 2 of 2\n");
    assertThat(err.toString())
        .containsOnlyOnce("the sandboxes are removed, but cannot be announced as reaped")
        .contains("no broker can be reached");
  }
}
