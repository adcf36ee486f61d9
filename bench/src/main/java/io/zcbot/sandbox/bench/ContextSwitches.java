/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.bench;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * The context switches so far of the processes that take part in a command: of each thread, by the
 * name of its process and its id.
 */
final class ContextSwitches {
  static final String WORKER = "worker";
  private static final String BROKER = "broker";

  /** In the order in which they are shown. */
  static final List<String> PROCESSES =
      List.of(WORKER, BROKER, "dockerd", "containerd", "containerd-shim", "zcbot-runner");

  private final Map<String, Map<String, Long>> threads = new HashMap<>();

  private ContextSwitches() {}

  /** Reads them from {@code /proc}, of a worker and of what serves it. */
  static ContextSwitches now(WorkerProcess worker) throws IOException {
    ContextSwitches now = new ContextSwitches();
    PROCESSES.forEach(name -> now.threads.put(name, new HashMap<>()));
    try (Stream<Path> all = Files.list(Path.of("/proc"))) {
      for (Path process : all.filter(path -> isNumber(path)).toList()) {
        String name = nameOf(process, worker.jvm().pid());
        if (now.threads.containsKey(name)) {
          now.read(name, process);
        }
      }
    }
    return now;
  }

  private static boolean isNumber(Path process) {
    return process.getFileName().toString().chars().allMatch(Character::isDigit);
  }

  private static String nameOf(Path process, long worker) {
    if (process.getFileName().toString().equals(Long.toString(worker))) {
      return WORKER;
    }
    try {
      if (Files.readString(process.resolve("cmdline")).contains(BrokerProcess.class.getName())) {
        return BROKER;
      }
      String name = Files.readString(process.resolve("comm")).strip();
      return name.startsWith("containerd-shim") ? "containerd-shim" : name;
    } catch (IOException _) { // it has ended
      return "";
    }
  }

  private void read(String name, Path process) throws IOException {
    try (Stream<Path> tasks = Files.list(process.resolve("task"))) {
      for (Path task : tasks.toList()) {
        threads.get(name).put(task.getFileName().toString(), switches(task));
      }
    } catch (NoSuchFileException | UncheckedIOException _) {
      // it has ended
    }
  }

  private static long switches(Path task) throws IOException {
    try (Stream<String> lines = Files.lines(task.resolve("status"))) {
      return lines
          .filter(line -> line.contains("ctxt_switches:"))
          .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")))
          .sum();
    }
  }

  /** The switches in between, by process; those of a thread that ended are lost. */
  Map<String, Double> since(ContextSwitches before) {
    Map<String, Double> since = new TreeMap<>();
    threads.forEach(
        (name, now) -> {
          Map<String, Long> then = before.threads.get(name);
          since.put(
              name,
              now.entrySet().stream()
                  .mapToDouble(each -> each.getValue() - then.getOrDefault(each.getKey(), 0L))
                  .sum());
        });
    return since;
  }
}
