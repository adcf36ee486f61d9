/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.ports;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.client.SandboxClient;
import io.zcbot.sandbox.events.UserId;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.Semaphore;
import org.junit.jupiter.api.Test;

/** Requests for a sandbox in which no command can be started, which a working one doesn't show. */
class SandboxConnectionsTest {
  /** It takes some seconds until a client knows that no broker is there. */
  @Test
  void whoWaitsForAConnectorThatCannotBeStartedDoesNotTryItAgain() throws Exception {
    UserId user = UserId.parse("3f0c1c5e-7f0a-4c3c-9d5b-0d6f8c0f4a11");
    SandboxClient client = SandboxClient.connect("127.0.0.1:1");
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      SandboxConnections connections =
          new SandboxConnections(
              client.sandbox(user, "one"), "one", Duration.ofMinutes(1), new Semaphore(0));
      List<Future<PortException>> answers = new ArrayList<>();
      for (int i = 0; i < 5; i++) {
        answers.add(threads.submit(() -> failure(connections)));
      }
      PortException first = answers.getFirst().get();
      assertThat(first.status()).isEqualTo(503);
      for (Future<PortException> answer : answers) {
        assertThat(answer.get()).isSameAs(first);
      }
      client.close();
      assertThat(failure(connections)).as("of one that comes later").isNotSameAs(first);
    } finally {
      client.close();
    }
  }

  private static PortException failure(SandboxConnections connections) throws InterruptedException {
    try {
      throw new AssertionError("opened: " + connections.open(8000));
    } catch (PortException e) {
      return e;
    }
  }
}
