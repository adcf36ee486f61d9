/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.config;

import java.nio.file.Path;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** Settings for the use of the container engine. */
public final class EngineConfig {
  /** How long a pull of a missing image may take. */
  public static final Duration PULL_TIMEOUT = Duration.ofMinutes(2);

  /** The most containers that are looked up at a time. */
  public static final int MAX_LOOKUPS = 32;

  /** The engine's address; null if the environment does not set it. */
  public final @Nullable String dockerHost;

  public final Duration callTimeout;
  public final Duration readyTimeout;
  public final Duration firewallInterval;
  public final String firewallImage;
  public final String egressImage;
  public final String runtimeImage;
  public final Duration reconcileInterval;

  /** File with a newer list of known vulnerabilities; null for the list of this release. */
  public final @Nullable Path advisories;

  EngineConfig(SettingsReader in) {
    dockerHost = in.variable("DOCKER_HOST");
    callTimeout =
        in.get(
            "ZCBOT_ENGINE_TIMEOUT",
            "30s",
            Kind.duration("1s", "10m"),
            "Deadline of one engine call.");
    readyTimeout =
        in.get(
            "ZCBOT_READY_TIMEOUT",
            "15s",
            Kind.duration("1s", "10m"),
            "How long a started sandbox may take to report that its firewall is in force.");
    firewallImage =
        in.get(
            "ZCBOT_FIREWALL_IMAGE",
            "zcbot-firewall:latest",
            Kind.imageReference(),
            "Image of the containers that set and watch the firewall rules on the host. As they may"
                + " change the host's network, it is pulled only if it is named by its digest.");
    egressImage =
        in.get(
            "ZCBOT_EGRESS_IMAGE",
            "zcbot-egress:latest",
            Kind.imageReference(),
            "Image of the container through which sandboxes reach names, where ZCBOT_SANDBOX_EGRESS"
                + " has any. It is pulled only if it is named by its digest.");
    runtimeImage =
        in.get(
            "ZCBOT_RUNTIME_IMAGE",
            "zcbot-sandbox:latest",
            Kind.imageReference(),
            "Image from which sandboxes of images that were not built from sandbox-image get their"
                + " runner. It is not pulled.");
    firewallInterval =
        in.get(
            "ZCBOT_FIREWALL_INTERVAL",
            "30s",
            Kind.duration("1s", "1h"),
            "How often the firewall rules on the sandboxes' bridge are set again.");
    reconcileInterval =
        in.get(
            "ZCBOT_RECONCILE_INTERVAL",
            "30s",
            Kind.duration("100ms", "1h"),
            "How often the worker compares the engine's containers with its own records.");
    advisories =
        in.find(
            "ZCBOT_ADVISORIES",
            "that of this release",
            Kind.path("/etc/zcbot/advisories.txt"),
            "File with a newer list of known vulnerabilities of the engine, runc and the kernel,"
                + " by which the worker and sandbox doctor warn.");
  }
}
