/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.doctor;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.UnknownHostException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.common.utils.Utils;
import org.jspecify.annotations.Nullable;

/**
 * Checks whether any broker listens, by plain TCP connections. Kafka's clients retry until their
 * time-out and then report only the time-out; a refused connection gives the reason at once.
 */
public final class BrokerProbe {
  private static final Duration LIMIT = Duration.ofSeconds(3);

  private BrokerProbe() {}

  private record Answer(String server, @Nullable String problem) {}

  /**
   * Connects to all servers at the same time; blocks for at most 3 s.
   *
   * @param bootstrapServers pairs of host and port, separated by commas
   * @return why none of them can be reached; null if one can
   */
  public static @Nullable String problem(String bootstrapServers) throws InterruptedException {
    List<String> servers = List.of(bootstrapServers.strip().split("\\s*,\\s*"));
    BlockingQueue<Answer> answers = new LinkedBlockingQueue<>();
    for (String server : servers) {
      Thread.ofVirtual().start(() -> answers.add(new Answer(server, connect(server))));
    }
    long deadline = System.nanoTime() + LIMIT.toNanos();
    List<String> problems = new ArrayList<>();
    while (problems.size() < servers.size()) {
      Answer answer = answers.poll(deadline - System.nanoTime(), TimeUnit.NANOSECONDS);
      if (answer == null) {
        problems.add("no answer within " + LIMIT.toSeconds() + " s");
        break;
      }
      if (answer.problem() == null) {
        return null;
      }
      problems.add(
          servers.size() == 1 ? answer.problem() : answer.server() + ": " + answer.problem());
    }
    return String.join(", ", problems);
  }

  /**
   * Whether any of the servers has an address. Kafka's clients refuse to be created if none has,
   * although a host may not know a name yet at boot.
   */
  public static boolean hasAddress(String bootstrapServers) {
    for (String server : bootstrapServers.strip().split("\\s*,\\s*", -1)) {
      String host = Utils.getHost(server);
      if (host == null || !new InetSocketAddress(host, 0).isUnresolved()) {
        return true; // whether the rest is valid, the clients say
      }
    }
    return false;
  }

  private static @Nullable String connect(String server) {
    int colon = server.lastIndexOf(':');
    String host = server.substring(0, Math.max(0, colon)).replaceAll("[\\[\\]]", "");
    try (Socket socket = new Socket()) {
      int port = Integer.parseInt(server.substring(colon + 1));
      socket.connect(new InetSocketAddress(host, port), (int) LIMIT.toMillis());
      return null;
    } catch (UnknownHostException _) {
      return "unknown host";
    } catch (IOException | IllegalArgumentException e) {
      return String.valueOf(e.getMessage());
    }
  }
}
