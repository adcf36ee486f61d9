/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.spec;

/**
 * What a sandbox may do on the network, whatever it may reach.
 *
 * @param flows most connections and UDP flows at a time
 * @param newFlowsPerSecond most new ones, after a burst of five times as many
 * @param smtp whether mail may be delivered: port 25 is open
 */
public record TrafficLimits(int flows, int newFlowsPerSecond, boolean smtp) {
  /** The default. */
  public static final TrafficLimits DEFAULT = new TrafficLimits(4096, 100, false);
}
