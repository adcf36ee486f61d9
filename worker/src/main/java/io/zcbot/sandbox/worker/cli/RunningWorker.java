/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** Asks whether a worker runs on this host, where its ops address is. */
final class RunningWorker {
  private static final Duration LIMIT = Duration.ofSeconds(2);

  private RunningWorker() {}

  static boolean answersAt(@Nullable InetSocketAddress opsAddress, String workerId)
      throws InterruptedException {
    if (opsAddress == null || opsAddress.getPort() == 0) {
      return false;
    }
    try (HttpClient http = HttpClient.newBuilder().connectTimeout(LIMIT).build()) {
      HttpResponse<String> metrics =
          http.send(
              HttpRequest.newBuilder(metrics(opsAddress)).timeout(LIMIT).build(),
              HttpResponse.BodyHandlers.ofString());
      return metrics
          .body()
          .lines()
          .anyMatch(
              line ->
                  line.startsWith("zcbot_worker_info{")
                      && line.contains("worker_id=\"" + workerId + "\""));
    } catch (IOException _) {
      return false;
    }
  }

  private static URI metrics(InetSocketAddress opsAddress) {
    InetAddress address = opsAddress.getAddress();
    String host =
        address.isAnyLocalAddress()
            ? InetAddress.getLoopbackAddress().getHostAddress()
            : address.getHostAddress();
    return URI.create(
        "http://"
            + (host.contains(":") ? "[" + host + "]" : host)
            + ":"
            + opsAddress.getPort()
            + "/metrics");
  }
}
