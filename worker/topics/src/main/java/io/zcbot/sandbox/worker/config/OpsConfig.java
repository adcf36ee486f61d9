/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.config;

import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Settings of metrics, health, logging, the console, the gateway and stops. */
public final class OpsConfig {
  /** Null if metrics and health are not served. */
  public final @Nullable InetSocketAddress address;

  public final Duration stopTimeout;
  public final LogConfig log;
  public final ConsoleConfig console;
  public final GatewayConfig gateway;

  OpsConfig(SettingsReader in) {
    Optional<InetSocketAddress> listen =
        in.get(
            "ZCBOT_OPS_ADDRESS",
            "127.0.0.1:8080",
            Kind.orOff(NetworkKinds.listenAddress()),
            "Address on which metrics and health are served, or off.");
    address = listen.orElse(null);
    stopTimeout =
        in.get(
            "ZCBOT_STOP_TIMEOUT",
            "25s",
            Kind.duration("1s", "1h"),
            "How long a stop waits for running work.");
    log =
        new LogConfig(
            in.get(
                "ZCBOT_LOG_FORMAT",
                "text",
                Kind.oneOf(LogConfig.Format.values()),
                "Format of the log: lines for people (text), or one JSON object per line (json)."),
            in.get(
                "ZCBOT_LOG_LEVEL",
                "info",
                Kind.oneOf(LogConfig.Level.values()),
                "Lowest level of the worker's log lines; libraries log warnings and errors only."));
    console = new ConsoleConfig(in);
    gateway = new GatewayConfig(in);
  }

  /** Returns a fraction of the time that a stop may take. */
  public Duration stopShare(int denominator) {
    return stopTimeout.dividedBy(denominator);
  }
}
