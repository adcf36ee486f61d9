/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.hosts;

import static org.awaitility.Awaitility.await;

import com.github.dockerjava.api.model.Container;
import io.zcbot.sandbox.worker.testkit.machine.Commands;
import io.zcbot.sandbox.worker.testkit.machine.EngineHost;
import io.zcbot.sandbox.worker.testkit.machine.RunLock;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * The environment that trials run in: three brokers and three engines. It is made once for a whole
 * run, since that takes a while, after removing what a killed run left.
 */
final class Field {
  static final int HOSTS = 3;

  private static final Duration START = Duration.ofMinutes(3);

  private static final Path BASE =
      Path.of(System.getProperty("zcbot.hosts.dir", "/var/tmp/zcbot-hosts"));

  private static Field shared;
  private final RunLock lock;
  private final List<EngineHost> hosts = new ArrayList<>();
  private BrokerCluster brokers;
  private boolean closed;

  private Field(RunLock lock) {
    this.lock = lock;
  }

  /** The field of this process, which is closed when the process ends. */
  static synchronized Field shared() throws Exception {
    if (shared == null) {
      Field field = open();
      shared = field;
      Runtime.getRuntime().addShutdownHook(new Thread(field::closeQuietly));
    }
    return shared;
  }

  private static Field open() throws Exception {
    if (!"root".equals(System.getProperty("user.name"))) {
      throw new IOException(
          "the many-host tests make network namespaces and start container engines in them:"
              + " run them as root");
    }
    Field field = new Field(RunLock.take(BASE.resolve("lock")));
    try {
      field.clear();
      field.start();
      return field;
    } catch (Exception e) {
      field.close();
      throw e;
    }
  }

  /** Starts brokers and engines in parallel, since each of them mostly waits. */
  private void start() throws Exception {
    Path image = BASE.resolve("image.tar");
    List<Future<EngineHost>> engines = new ArrayList<>();
    try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      Future<BrokerCluster> cluster =
          threads.submit(() -> BrokerCluster.start(BASE.resolve("kafka")));
      EngineHost.saveImage(image);
      for (int i = 0; i < HOSTS; i++) {
        String name = "host-" + (char) ('a' + i);
        engines.add(threads.submit(() -> EngineHost.start(BASE, name, image)));
      }
      threads.shutdown();
      threads.awaitTermination(START.toSeconds(), TimeUnit.SECONDS);
      // What did start is to be closed though another one did not.
      for (Future<EngineHost> engine : engines) {
        if (engine.state() == Future.State.SUCCESS) {
          hosts.add(engine.resultNow());
        }
      }
      brokers = cluster.get();
    }
    for (Future<EngineHost> engine : engines) {
      var _ = engine.get();
    }
    Files.delete(image);
  }

  /** Removes brokers and workers of a killed run; engines remove their own leftovers. */
  private void clear() throws IOException, InterruptedException {
    String mark = BASE + "/";
    List<ProcessHandle> left =
        ProcessHandle.allProcesses()
            .filter(p -> p.pid() != ProcessHandle.current().pid())
            .filter(p -> isJava(p) && EngineHost.commandLine(p.pid()).contains(mark))
            .toList();
    left.forEach(ProcessHandle::destroyForcibly);
    if (!left.isEmpty()) {
      TimeUnit.SECONDS.sleep(1);
    }
    unmount(trials());
    Commands.run("rm", "-rf", BASE.resolve("kafka").toString(), trials().toString());
  }

  /** Unmounts what a killed worker left: its workspace root, and mounts beneath it. */
  private static void unmount(Path directory) throws IOException, InterruptedException {
    List<String> mounted;
    try (Stream<String> mounts = Files.lines(Path.of("/proc/self/mountinfo"))) {
      mounted =
          mounts
              .map(line -> line.split(" ", 6)[4])
              .filter(path -> path.startsWith(directory + "/"))
              .toList();
    }
    for (String path : mounted.reversed()) { // what is mounted on another one first
      Commands.run("umount", path);
    }
  }

  private static boolean isJava(ProcessHandle process) {
    Optional<String> command = process.info().command();
    return command.isPresent() && command.get().endsWith("/java");
  }

  Path trials() {
    return BASE.resolve("trials");
  }

  BrokerCluster brokers() {
    return brokers;
  }

  EngineHost host(int number) {
    return hosts.get(number);
  }

  List<EngineHost> hosts() {
    return hosts;
  }

  /** Closes the field of this process, if there is one. */
  static synchronized void closeShared() throws IOException, InterruptedException {
    if (shared != null) {
      shared.close();
      shared = null;
    }
  }

  private void closeQuietly() {
    try {
      close();
    } catch (Exception e) {
      System.err.println("the field was not cleared: " + e);
    }
  }

  synchronized void close() throws IOException, InterruptedException {
    if (closed) {
      return;
    }
    closed = true;
    if (brokers != null) {
      brokers.close();
    }
    Java.killAll();
    // Side by side: an engine takes seconds to stop, and whoever ends this process may not wait.
    List<Future<?>> ends = new ArrayList<>();
    try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      for (EngineHost host : hosts) {
        ends.add(
            threads.submit(
                () -> {
                  host.close();
                  return null;
                }));
      }
    }
    for (Future<?> end : ends) {
      if (end.state() == Future.State.FAILED) {
        throw new IOException("a host was not cleared", end.exceptionNow());
      }
    }
    clear();
    Files.deleteIfExists(BASE.resolve("image.tar"));
    lock.close();
  }

  /** Removes what workers of one trial left on the engines. */
  void removeAllOf(String id) {
    for (EngineHost host : hosts()) {
      for (Container container : host.sandboxes(id)) {
        try {
          host.docker().removeContainerCmd(container.getId()).withForce(true).exec();
        } catch (com.github.dockerjava.api.exception.NotFoundException _) {
          // Gone by itself.
        }
      }
      host.docker().listNetworksCmd().withNameFilter(id).exec().stream()
          .filter(network -> network.getName().equals(id))
          .forEach(network -> remove(host, network.getId()));
    }
  }

  /**
   * Removes a network. A helper that sets the host's rules may use it for a moment after its worker
   * was killed.
   */
  private static void remove(EngineHost host, String network) {
    await()
        .atMost(Duration.ofSeconds(90))
        .ignoreExceptions()
        .until(
            () -> {
              host.docker().removeNetworkCmd(network).exec();
              return true;
            });
  }
}
