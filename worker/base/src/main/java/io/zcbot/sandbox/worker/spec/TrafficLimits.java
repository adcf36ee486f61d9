/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.spec;

/**
 * Limits of a sandbox's network traffic, independent of what it may reach.
 *
 * @param flows most concurrent connections and UDP flows
 * @param newFlowsPerSecond most new ones per second, after a burst of five times as many
 * @param bytesPerSecond most bytes per second, out and in, after a burst of five times as many;
 *     there is a limit of packets as well, one for each KiB
 * @param smtp whether port 25 is open, so that mail can be delivered
 */
public record TrafficLimits(int flows, int newFlowsPerSecond, long bytesPerSecond, boolean smtp) {
  /** The default. */
  public static final TrafficLimits DEFAULT = new TrafficLimits(4096, 100, 50 << 20, false);
}
