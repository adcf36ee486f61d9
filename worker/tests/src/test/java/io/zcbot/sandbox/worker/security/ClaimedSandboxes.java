/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.security;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.docker.DomainFixture;
import io.zcbot.sandbox.worker.docker.EngineFixture;
import io.zcbot.sandbox.worker.docker.EngineFixture.Started;
import io.zcbot.sandbox.worker.ensure.Domain;
import io.zcbot.sandbox.worker.sandbox.FencedException;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import java.io.IOException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;

/** Sandboxes as new users get them: claimed from the warm pool, by the worker's own domain. */
final class ClaimedSandboxes {
  private static final int MOST_TRIES = 3;

  private final DomainFixture worker;
  private final Map<SandboxSpec, Domain> domains = new HashMap<>();

  ClaimedSandboxes(EngineFixture fixture, Path root) throws IOException {
    worker = new DomainFixture(fixture, root);
  }

  /**
   * Slots are made when a claim asks for one, so that no two starts are timed at once. On a busy
   * machine, a slot may take too long to let a workspace in, and its user gets a sandbox that was
   * created: then another user claims the next slot.
   */
  Started claim(SandboxSpec spec) throws FencedException, InterruptedException {
    Domain domain =
        domains.computeIfAbsent(spec, wanted -> worker.begin(wanted, worker.mounts(), 1));
    Ready ready = ensure(domain);
    for (int i = 1; i < MOST_TRIES && ready.outcome() != Ready.Outcome.CLAIMED; i++) {
      System.out.println("a slot could not be claimed, another one is tried: " + ready);
      ready = ensure(domain);
    }
    assertThat(ready.outcome()).isEqualTo(Ready.Outcome.CLAIMED);
    return new Started(
        ready.userId(), ready.containerId(), Path.of(ready.environment().workspace()));
  }

  private Ready ensure(Domain domain) throws FencedException, InterruptedException {
    DomainFixture.awaitParked(domain, 1);
    UserId user = EngineFixture.user();
    SandboxEvent answer = worker.ensure(domain, user);
    assertThat(answer).isInstanceOf(Ready.class);
    Ready ready = (Ready) answer;
    assertThat(ready.userId()).isEqualTo(user);
    return ready;
  }

  void close() throws IOException, InterruptedException {
    worker.close();
  }
}
