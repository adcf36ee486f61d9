/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.api;

import java.time.Duration;

/**
 * Time-outs and limits of the Docker adapter.
 *
 * @param callTimeout maximum time of any call that has no time-out of its own
 * @param readyTimeout maximum time between a container's start and its ready line
 * @param pullTimeout maximum time for pulling an image
 * @param firewallInterval how often the host's rules are set again; if they are older than twice
 *     this plus {@code callTimeout}, starts wait until they are set
 * @param maxLookups maximum number of concurrent look-ups; more wait for a turn, for at most {@code
 *     callTimeout}
 * @param firewallImage image of the helper containers that set and watch the host's rules
 * @param egressImage image of the proxy for sandboxes that may reach names
 * @param runtimeImage image from which sandboxes of images that were not built from {@code
 *     sandbox-image} get runner and init
 */
public record DockerEngineSettings(
    Duration callTimeout,
    Duration readyTimeout,
    Duration pullTimeout,
    Duration firewallInterval,
    int maxLookups,
    String firewallImage,
    String egressImage,
    String runtimeImage) {
  /** The name under which the worker's build makes the helper image. */
  public static final String FIREWALL_IMAGE = "zcbot-firewall:latest";

  /** The name under which the worker's build makes the proxy's image. */
  public static final String EGRESS_IMAGE = "zcbot-egress:latest";

  /** The name under which the worker's build makes the sandboxes' image. */
  public static final String RUNTIME_IMAGE = "zcbot-sandbox:latest";

  /** Creates settings with the default images of helper, proxy and runner. */
  public DockerEngineSettings(
      Duration callTimeout,
      Duration readyTimeout,
      Duration pullTimeout,
      Duration firewallInterval,
      int maxLookups) {
    this(
        callTimeout,
        readyTimeout,
        pullTimeout,
        firewallInterval,
        maxLookups,
        FIREWALL_IMAGE,
        EGRESS_IMAGE,
        RUNTIME_IMAGE);
  }

  public DockerEngineSettings {
    requirePositive("callTimeout", callTimeout);
    requirePositive("readyTimeout", readyTimeout);
    requirePositive("pullTimeout", pullTimeout);
    requirePositive("firewallInterval", firewallInterval);
    if (maxLookups < 1) {
      throw new IllegalArgumentException("maxLookups must be at least 1, not " + maxLookups);
    }
  }

  private static void requirePositive(String name, Duration value) {
    if (!value.isPositive()) {
      throw new IllegalArgumentException(name + " must be positive, not " + value);
    }
  }
}
