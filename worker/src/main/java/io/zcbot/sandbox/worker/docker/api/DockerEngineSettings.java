/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.api;

import java.time.Duration;

/**
 * Time-outs and limits of the adapter.
 *
 * @param callTimeout most time for an answer to any one call
 * @param readyTimeout most time between a container's start and its ready line
 * @param pullTimeout most time for pulling the image
 * @param firewallInterval how often the host's rules are set again; starts wait once they are older
 *     than that twice, and some
 * @param maxLookups most look-ups in flight; more wait, for at most the call time-out
 * @param firewallImage image of the containers that set and watch the host's rules
 */
public record DockerEngineSettings(
    Duration callTimeout,
    Duration readyTimeout,
    Duration pullTimeout,
    Duration firewallInterval,
    int maxLookups,
    String firewallImage) {
  /** The image that is built with the worker. */
  public static final String FIREWALL_IMAGE = "zcbot-firewall:latest";

  /** With the image that is built with the worker. */
  public DockerEngineSettings(
      Duration callTimeout,
      Duration readyTimeout,
      Duration pullTimeout,
      Duration firewallInterval,
      int maxLookups) {
    this(callTimeout, readyTimeout, pullTimeout, firewallInterval, maxLookups, FIREWALL_IMAGE);
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
