/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker;

import io.zcbot.sandbox.worker.config.EngineConfig;
import io.zcbot.sandbox.worker.config.WorkerConfig;
import io.zcbot.sandbox.worker.docker.DockerEngine;
import io.zcbot.sandbox.worker.docker.QuickView;
import io.zcbot.sandbox.worker.docker.api.DockerEngineSettings;
import io.zcbot.sandbox.worker.docker.api.PlainRequests;
import io.zcbot.sandbox.worker.engine.EngineView;
import io.zcbot.sandbox.worker.sandbox.SandboxMetrics;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;

/** Creates clients of the container engine for a worker and for the commands of the CLI. */
public final class EngineClient {
  /** How long a plain request may take; if it fails, a full client is used, which waits longer. */
  private static final Duration PATIENCE = Duration.ofSeconds(3);

  private EngineClient() {}

  /** Creates a client of the configured engine. */
  public static DockerEngine of(WorkerConfig config, SandboxMetrics metrics) {
    return DockerEngine.at(
        config.engine().dockerHost,
        config.workerId(),
        new DockerEngineSettings(
            config.engine().callTimeout,
            config.engine().readyTimeout,
            EngineConfig.PULL_TIMEOUT,
            config.engine().firewallInterval,
            EngineConfig.MAX_LOOKUPS,
            config.engine().firewallImage,
            config.engine().egressImage,
            config.engine().runtimeImage),
        metrics);
  }

  /**
   * Creates a view of the engine for a command that looks once. It uses plain requests where they
   * suffice, since a full client takes long to start.
   */
  public static EngineView view(WorkerConfig config, Map<String, String> env) {
    URI address =
        PlainRequests.address(
            config.engine().dockerHost, env, Path.of(System.getProperty("user.home")));
    return address == null
        ? of(config, SandboxMetrics.NONE)
        : new QuickView(
            new PlainRequests(address, PATIENCE),
            config.workerId(),
            () -> of(config, SandboxMetrics.NONE));
  }
}
