/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.worker.base.FileCalls;
import io.zcbot.sandbox.worker.config.WorkerConfig;
import io.zcbot.sandbox.worker.startup.Membership;
import io.zcbot.sandbox.worker.startup.WorkerLock;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeoutException;
import org.apache.kafka.clients.admin.Admin;
import org.jspecify.annotations.Nullable;

/**
 * Looks for signs that a worker is alive: on this host its lock and its port, elsewhere its
 * membership in the group.
 */
final class RunningWorker {
  private static final Duration LIMIT = Duration.ofSeconds(2);
  private static final Duration LIMIT_OF_GROUP = Duration.ofSeconds(8);

  private RunningWorker() {}

  /**
   * Returns a sign that the worker is alive; null if there is none. Blocks for up to some seconds.
   *
   * @throws CommandException if the workspace root does not answer, or the group can't be looked up
   */
  static @Nullable String sign(WorkerConfig config, KafkaLog log, FileCalls files)
      throws CommandException, InterruptedException {
    String workerId = config.workerId();
    if (answersAt(config.ops().address, workerId)) {
      return "it answers at " + config.ops().address;
    }
    Path root = config.workspaces().root;
    Path lock = WorkerLock.path(root, workerId);
    try {
      if (files.at(root, () -> WorkerLock.isHeld(lock))) {
        return "a process on this host holds " + lock;
      }
    } catch (IOException e) {
      throw new CommandException(ExitCode.FAILED, String.valueOf(e.getMessage()), e);
    }
    String group = config.kafka().groupId();
    String purpose = "look up in group " + group + " whether worker " + workerId + " is a member";
    try (Admin admin = log.admin(purpose)) {
      return Membership.member(admin, group, workerId, LIMIT_OF_GROUP)
          .map(member -> "it is a member of group " + group + ", connected from " + member.host())
          .orElse(null);
    } catch (ExecutionException e) {
      throw log.failed(purpose, e.getCause() == null ? e : e.getCause());
    } catch (TimeoutException e) {
      throw log.failed(purpose, e);
    }
  }

  private static boolean answersAt(@Nullable InetSocketAddress opsAddress, String workerId)
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
