/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.security;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.docker.DomainBench;
import io.zcbot.sandbox.worker.docker.EngineBench;
import io.zcbot.sandbox.worker.docker.EngineBench.Started;
import io.zcbot.sandbox.worker.ensure.Domain;
import io.zcbot.sandbox.worker.ensure.FencedException;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import java.io.IOException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;

/**
 * Sandboxes as strangers get them: of slots that were parked before, by the worker's own domain.
 */
final class ClaimedSandboxes {
  private final DomainBench worker;
  private final Map<SandboxSpec, Domain> domains = new HashMap<>();

  /** On an engine that is closed with it. */
  ClaimedSandboxes(EngineBench bench, Path root) throws IOException {
    worker = new DomainBench(bench, root);
  }

  /** WarmPool are made when a claim asks for one, so that no two starts are timed at once. */
  Started claim(SandboxSpec spec) throws FencedException, InterruptedException {
    Domain domain =
        domains.computeIfAbsent(spec, wanted -> worker.begin(wanted, worker.mounts(), 1));
    DomainBench.awaitParked(domain, 1);
    UserId user = EngineBench.user();
    SandboxEvent answer = worker.ensure(domain, user);
    assertThat(answer).isInstanceOf(Ready.class);
    Ready ready = (Ready) answer;
    assertThat(ready.userId()).isEqualTo(user);
    assertThat(ready.outcome()).isEqualTo(Ready.Outcome.CLAIMED);
    return new Started(user, ready.containerId(), Path.of(ready.environment().workspace()));
  }

  void close() throws IOException, InterruptedException {
    worker.close();
  }
}
