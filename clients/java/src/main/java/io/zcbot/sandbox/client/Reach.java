/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.common.utils.Utils;
import org.jspecify.annotations.Nullable;

/**
 * Whether a broker was ever reached, and if not, why. Kafka's client retries without an end and
 * tells its callers no reason, so the addresses are tried here. Safe for concurrent use.
 */
final class Reach {
  /** How long a call waits for the first contact with a broker, without the last attempt. */
  static final Duration PATIENCE = Duration.ofSeconds(8);

  private static final Duration CONNECT = Duration.ofSeconds(1);

  /** The most addresses that are tried, so that a caller hears of a reason in time. */
  private static final int MOST = 3;

  private final List<String> addresses;
  private volatile boolean isReached;
  private volatile String reason = "no connection was made in that time";

  /**
   * @param addresses the brokers' addresses, as {@code host:port}
   */
  Reach(List<String> addresses) {
    this.addresses = List.copyOf(addresses);
  }

  boolean isReached() {
    return isReached;
  }

  /** Notes that a broker has answered. */
  void reached() {
    isReached = true;
  }

  /** Tries to connect to the addresses, and keeps the reason why that fails. */
  void probe() {
    List<String> reasons = new ArrayList<>();
    for (String address : addresses.subList(0, Math.min(MOST, addresses.size()))) {
      reasons.add(reason(address));
    }
    reason = String.join("; ", reasons);
  }

  private static String reason(String address) {
    InetSocketAddress resolved = resolve(address);
    if (resolved.isUnresolved()) {
      return "the name " + resolved.getHostString() + " does not resolve";
    }
    try (Socket socket = new Socket()) {
      socket.connect(resolved, (int) CONNECT.toMillis());
      return address
          + " accepts connections and does not answer as a broker; check the port and"
          + " security.protocol";
    } catch (IOException e) {
      return address + ": " + e.getMessage();
    }
  }

  /** Whether none of the addresses has a name that resolves. */
  boolean isUnresolved() {
    return addresses.stream().allMatch(address -> resolve(address).isUnresolved());
  }

  /**
   * Resolves an address.
   *
   * @throws IllegalArgumentException if it is not {@code host:port}
   */
  private static InetSocketAddress resolve(String address) {
    String host = Utils.getHost(address);
    Integer port = Utils.getPort(address);
    if (host == null || port == null) {
      throw new IllegalArgumentException(address);
    }
    return new InetSocketAddress(host, port);
  }

  KafkaUnreachableException unreachable(@Nullable Throwable cause) {
    return new KafkaUnreachableException(String.join(",", addresses), reason, cause);
  }
}
