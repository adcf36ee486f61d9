/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.bench;

import java.io.IOException;
import java.io.InputStream;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Properties;
import java.util.stream.Stream;

/** Measures the worker and its peers in one run, and writes down what came out. */
public final class Bench {
  private record Entry(Experiment experiment, int rounds) {}

  private static final Map<String, Entry> ALL = new LinkedHashMap<>();

  static {
    ALL.put("head-of-line", new Entry(new HeadOfLine(), 3));
    ALL.put("dispatch", new Entry(new Dispatch(), 5));
    ALL.put("activity", new Entry(new Activities(), 5));
    ALL.put("scale-out", new Entry(new ScaleOut(), 3));
    ALL.put("footprint", new Entry(new Footprint(), 3));
    ALL.put("commands", new Entry(new Commands(), 3));
    ALL.put("handoffs", new Entry(new Handoffs(), 3));
    ALL.put("runtimes", new Entry(new Runtimes(), 3));
    ALL.put("end-to-end", new Entry(new EndToEnd(), 3));
    ALL.put("rates", new Entry(new Rates(), 3));
  }

  private Bench() {}

  /**
   * Runs the measurements.
   *
   * @param args rounds (0 for each one's own number), engine version, id, file to write, names (all
   *     where none is given); with the property zcbot.update, what the file has of others stays
   */
  public static void main(String[] args) throws Exception {
    System.setProperty("logback.configurationFile", Child.LOGBACK);
    int rounds = Integer.parseInt(args[0]);
    List<String> names = List.of(args).subList(4, args.length);
    for (String name : names) {
      if (!ALL.containsKey(name)) {
        System.err.println("no such measurement: " + name + "; there are " + ALL.keySet());
        System.exit(64);
      }
    }
    Path root = Path.of(System.getProperty("zcbot.root"));
    String commit = commit(root); // before the results change the tree
    Path directory = Files.createTempDirectory("zcbot-bench");
    Results results = new Results(Path.of(args[3]), ALL.keySet());
    if (Boolean.getBoolean("zcbot.update")) {
      results.readKept();
    }
    StringBuilder servers = new StringBuilder();
    try (Child _ =
        Child.announced(
            BrokerProcess.class.getName(),
            List.of(directory.resolve("broker").toString()),
            directory.resolve("broker.log"),
            BrokerProcess.ANNOUNCEMENT,
            servers)) {
      Report head = new Report();
      head(head, args[1]);
      Kafka kafka = new Kafka(servers.toString());
      PackagedWorker worker = PackagedWorker.asInTheImage(root, directory.resolve("worker.aot"));
      for (var each : ALL.entrySet()) {
        if (names.isEmpty() || names.contains(each.getKey())) {
          System.err.println("==> " + each.getKey());
          Entry entry = each.getValue();
          int count = rounds > 0 ? rounds : entry.rounds();
          double load = ManagementFactory.getOperatingSystemMXBean().getSystemLoadAverage();
          Report report = new Report();
          entry
              .experiment()
              .run(
                  new Setting(
                      kafka,
                      count,
                      directory,
                      args[2],
                      Path.of(args[3]).resolveSibling("latency.svg"),
                      root,
                      worker),
                  report);
          report.line(
              "- Rounds: %d; measured on %s from commit %s, on the processor %s, at a load of %.1f before"
                  .formatted(count, LocalDate.now(ZoneOffset.UTC), commit, processor(), load));
          results.write(head.toString(), each.getKey(), report.toString());
        }
      }
    } finally {
      delete(directory);
    }
    System.exit(0);
  }

  private static void head(Report report, String engine) throws IOException {
    report.line("# Results of `bin/bench`");
    report.line("");
    report.line(
        "To repeat them: `bin/bench` (about an hour), or `bin/bench --update --only dispatch`. Each"
            + " figure is the median of the rounds named below it, with the range in brackets, and of"
            + " two rounds the mean; ratios are made within a round. The broker runs in a JVM of its"
            + " own on the same machine, the measuring client in another. The table describes the machine"
            + " of the last measurement; below each stands on which processor it was made."
            + " [bench/NOTES.md](NOTES.md) says why targets are missed.");
    report.line("");
    List<List<String>> facts = new ArrayList<>();
    facts.add(List.of("cores", Integer.toString(Runtime.getRuntime().availableProcessors())));
    facts.add(List.of("processor", processor()));
    facts.add(List.of("memory", proc("/proc/meminfo", "MemTotal")));
    facts.add(
        List.of("kernel", System.getProperty("os.name") + " " + System.getProperty("os.version")));
    facts.add(List.of("JDK", System.getProperty("java.runtime.version")));
    facts.add(List.of("Docker Engine", engine));
    facts.add(List.of("Kafka", kafkaVersion() + ", loopback"));
    report.table(List.of("machine", ""), facts);
  }

  private static String processor() throws IOException {
    return proc("/proc/cpuinfo", "model name");
  }

  private static String commit(Path root) throws IOException, InterruptedException {
    Process git =
        new ProcessBuilder("git", "describe", "--always", "--dirty")
            .directory(root.toFile())
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .start();
    String commit = new String(git.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
    return git.waitFor() == 0 ? commit : "unknown";
  }

  private static String kafkaVersion() throws IOException {
    Properties version = new Properties();
    try (InputStream in = Bench.class.getResourceAsStream("/kafka/kafka-version.properties")) {
      version.load(Objects.requireNonNull(in));
    }
    return version.getProperty("version");
  }

  private static String proc(String file, String key) throws IOException {
    try (Stream<String> lines = Files.lines(Path.of(file))) {
      return lines
          .filter(line -> line.startsWith(key))
          .map(line -> line.substring(line.indexOf(':') + 1).strip())
          .findFirst()
          .orElse("unknown");
    }
  }

  private static void delete(Path directory) throws IOException {
    try (Stream<Path> all = Files.walk(directory)) {
      for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(path);
      }
    }
  }
}
