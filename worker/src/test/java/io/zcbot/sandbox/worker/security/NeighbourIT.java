/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.security;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.testkit.deployment.Deployment;
import io.zcbot.sandbox.worker.testkit.deployment.KafkaForTests;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Isolated;
import org.testcontainers.kafka.KafkaContainer;

/**
 * All attacks on what sandboxes share, at once, each in a sandbox of its own, beside ensures of
 * other users; these are timed before, meanwhile and after.
 */
@Isolated("it measures times, and uses the host up")
@Tag("engine")
@Tag("kafka")
@Tag("network-namespaces")
@Timeout(180)
class NeighbourIT {
  private static final int USERS = 8;
  private static final int RATE = 50;
  private static final Duration WARM_UP = Duration.ofSeconds(4);
  private static final Duration QUIET = Duration.ofSeconds(7);
  private static final Duration ATTACKED = Duration.ofSeconds(12);
  private static final int ATTACK_SECONDS = 14;

  /** Of the processors, that all hostile sandboxes together may use: no more than there are. */
  private static final double SHARE = Double.parseDouble(System.getProperty("zcbot.share", "0.5"));

  private static final int MOST_CPU_SHARES = 262_144;

  private static final String ONLY = System.getProperty("zcbot.only", ".*");

  /** The attacks, by their rows. */
  private static Map<String, List<String>> attacks(String publicAddress) {
    Map<String, List<String>> attacks = new LinkedHashMap<>();
    attacks.put("31 forks", bash(":(){ :|:& };:; sleep 60"));
    attacks.put(
        "28 memory",
        python(
            """
            import mmap, os
            while True:
                kept = [bytearray(16 << 20) for _ in range(14)]
                with open('f', 'wb') as f:
                    for _ in range(8): f.write(kept[0])
            """));
    attacks.put("30 processor", bash("while :; do :; done & while :; do :; done & wait"));
    attacks.put("45 counts of the uid", python(UidsIT.TAKE));
    attacks.put(
        "47 neighbours",
        python(
            """
            import socket, struct
            for line in open('/proc/net/route'):
                fields = line.split()
                if fields[1] == '00000000': gateway = int(fields[2], 16)
            a, b = gateway & 255, gateway >> 8 & 255
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            while True:
                for n in range(65536):
                    try: s.sendto(b'x', ('%d.%d.%d.%d' % (a, b, n >> 8, n & 255), 9))
                    except OSError: pass
            """));
    attacks.put(
        "48 flows",
        python(
            """
            import socket
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            while True:
                for port in range(1024, 65536):
                    try: s.sendto(b'x', ('%s', port))
                    except OSError: pass
            """
                .formatted(publicAddress)));
    attacks.put(
        "51 output of the first process",
        python(
            """
            import os
            while True:
                for n in range(3):
                    try:
                        out = os.open('/proc/1/fd/%d' % n, os.O_WRONLY)
                        while True: os.write(out, b'x' * 65536)
                    except OSError: pass
            """));
    attacks.put(
        "52 names",
        python(
            """
            import os, socket
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            while True:
                name = os.urandom(4).hex().encode()
                question = bytes.fromhex('123401000001000000000000') + b'\\x08' + name
                try: s.sendto(question + bytes.fromhex('0000010001'), ('127.0.0.11', 53))
                except OSError: pass
            """));
    attacks.put("55 fsync", python(STORM.formatted("os.pwrite(f, b'x' * 4096, 0); os.fsync(f)")));
    attacks.put("55 sync", python(STORM.formatted("os.pwrite(f, b'x' * 65536, 0); os.sync()")));
    attacks.keySet().removeIf(name -> !name.matches(ONLY));
    return attacks;
  }

  private static final String STORM =
      """
      import os, threading
      def storm(n):
          f = os.open('storm%%d' %% n, os.O_CREAT | os.O_WRONLY)
          while True: %s
      for n in range(8): threading.Thread(target=storm, args=(n,)).start()
      """;

  private static List<String> bash(String script) {
    return List.of("bash", "-c", script);
  }

  private static List<String> python(String script) {
    return List.of("python3", "-c", script);
  }

  @Test
  void allAttacksAtOnceAreHardlyFelt(@TempDir Path directory) throws Exception {
    double attackers = attacks("").size();
    try (KafkaContainer kafka = brokerOfItsOwn();
        Lab lab = new Lab(Profile.RUNC_HOST, directory);
        Elsewhere elsewhere = new Elsewhere(lab);
        Deployment deployment = new Deployment(kafka.getBootstrapServers())) {
      deployment
          .with("ZCBOT_SANDBOX_MEMORY", "256m")
          .with("ZCBOT_SANDBOX_PIDS", "128")
          .with(
              "ZCBOT_SANDBOX_CPUS",
              String.format(
                  Locale.ROOT,
                  "%.2f",
                  SHARE * Runtime.getRuntime().availableProcessors() / attackers))
          .start("one");
      List<UserId> users = new ArrayList<>();
      for (int i = 0; i < USERS; i++) {
        users.add(Deployment.newUser());
        deployment.agent().ensured(users.getLast());
      }
      Map<String, List<String>> attacks = attacks(elsewhere.publicAddress());
      List<Ready> hostile = new ArrayList<>();
      for (int i = 0; i < attacks.size(); i++) {
        hostile.add(deployment.agent().ensured(Deployment.newUser()));
      }
      HotLoad load = new HotLoad(deployment, users, RATE);
      load.run(WARM_UP);

      List<Double> before = load.run(QUIET);
      int i = 0;
      for (List<String> attack : attacks.values()) {
        List<String> command = new ArrayList<>(List.of("timeout", "-s", "KILL", "" + ATTACK_SECONDS));
        command.addAll(attack);
        deployment.host().execDetached(hostile.get(i++).containerId(), command.toArray(String[]::new));
      }
      List<Double> during = load.run(ATTACKED);
      Thread.sleep(ATTACK_SECONDS * 1000L - ATTACKED.toMillis() + 1000);
      List<Double> after = load.run(QUIET);

      List<Double> quiet = Stream.concat(before.stream(), after.stream()).sorted().toList();
      double ratio = percentile(during, 99) / percentile(quiet, 99);
      report("before", before);
      report("during", during);
      report("after", after);
      report("worker's own, before", load.own(0, before.size()));
      report("worker's own, during", load.own(before.size(), during.size()));
      System.out.printf(Locale.ROOT, "a neighbour's hot ensure, p99: %.2fx%n", ratio);
      assertThat(ratio).isLessThan(2);
    }
  }

  /** Brokers are on other machines: this one shares no disk with sandboxes, and no processor. */
  private static KafkaContainer brokerOfItsOwn() {
    KafkaContainer kafka =
        KafkaForTests.create()
            .withTmpFs(Map.of("/tmp/kafka-logs", "size=512m"))
            .withEnv("KAFKA_LOG_DIRS", "/tmp/kafka-logs")
            .withCreateContainerCmdModifier(
                command ->
                    Objects.requireNonNull(command.getHostConfig()).withCpuShares(MOST_CPU_SHARES));
    kafka.start();
    return kafka;
  }

  private static void report(String what, List<Double> sorted) {
    System.out.printf(
        Locale.ROOT,
        "%s: p50 %.1f ms, p90 %.1f, p99 %.1f ms, max %.1f, n=%d%n",
        what,
        percentile(sorted, 50),
        percentile(sorted, 90),
        percentile(sorted, 99),
        sorted.getLast(),
        sorted.size());
  }

  private static double percentile(List<Double> sorted, int percent) {
    return sorted.get((int) Math.ceil(sorted.size() * percent / 100.0) - 1);
  }
}
