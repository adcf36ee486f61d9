/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker;

import io.zcbot.sandbox.worker.config.WorkerConfig;
import io.zcbot.sandbox.worker.docker.DockerEngine;
import io.zcbot.sandbox.worker.docker.api.DockerEngineSettings;
import io.zcbot.sandbox.worker.sandbox.SandboxMetrics;

/** The container engine as a worker, and the commands, use it. */
public final class EngineClient {
  private EngineClient() {}

  /** The engine that a configuration names, with its limits. */
  public static DockerEngine of(WorkerConfig config, SandboxMetrics metrics) {
    return DockerEngine.at(
        config.engine().dockerHost,
        config.workerId(),
        new DockerEngineSettings(
            config.engine().callTimeout,
            config.engine().readyTimeout,
            config.engine().pullTimeout,
            config.engine().firewallInterval,
            config.engine().lookupConcurrency,
            config.engine().firewallImage),
        metrics);
  }
}
