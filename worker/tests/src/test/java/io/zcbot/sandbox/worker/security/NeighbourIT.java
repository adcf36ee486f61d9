/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.security;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.testkit.InFullRuns;
import io.zcbot.sandbox.worker.testkit.deployment.Deployment;
import io.zcbot.sandbox.worker.testkit.deployment.KafkaForTests;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.ToDoubleFunction;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Isolated;
import org.testcontainers.kafka.KafkaContainer;

/**
 * All attacks on shared resources at once, each in its own sandbox, together with ensures of other
 * users. The attacks run, run in an idle group, and pause in turns, so that other load on this
 * machine affects all sides of the comparison.
 */
@Isolated("it measures times, and uses the host up")
@Tag("engine")
@Tag("kafka")
@Tag("network-namespaces")
@InFullRuns("LatencyIT and ResourcesIT make these attacks one at a time")
class NeighbourIT {
  private static final int USERS = 8;
  private static final int RATE = 50;
  private static final Duration WARM_UP = Duration.ofSeconds(3);
  private static final int TURNS = 5;
  private static final Duration TURN = Duration.ofMillis(2_000);
  private static final long SETTLED = 300;
  private static final int TRIALS = 3;

  /** Longer than all trials take. */
  private static final int ATTACK_SECONDS = 240;

  /**
   * The aim is 2. On two processors that others used as well, 1.1 to 7 were measured; a sandbox
   * that takes the engine's time makes it 100 and more.
   */
  private static final double MOST_TIMES = 20;

  /** The same where all sandboxes are in an idle group. */
  private static final double MOST_TIMES_IDLE = 2;

  /**
   * The share of the host's processors for all hostile sandboxes together: overcommitment is
   * noticeable.
   */
  private static final double SHARE = 0.5;

  /** The attacks, by their rows. */
  private static Map<String, List<String>> attacks(String publicAddress) {
    Map<String, List<String>> attacks = new LinkedHashMap<>();
    attacks.put("31 forks", bash(":(){ :|:& };:; sleep " + ATTACK_SECONDS));
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
    attacks.put("55 syncs", python(SYNCS));
    attacks.put(
        "67 bytes",
        python(
            """
            import socket
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            while True:
                for size in (1, 60000):
                    try: s.sendto(bytes(size), ('%s', 9000))
                    except OSError: pass
            """
                .formatted(publicAddress)));
    attacks.put(
        "70 orphans",
        python(
            """
            import socket
            for i in range(1000):
                server = socket.socket()
                server.bind(('127.1.0.1', 0))
                server.listen(4096)
                for n in range(4000):
                    client = socket.socket()
                    client.settimeout(1)
                    client.setsockopt(socket.IPPROTO_TCP, 8, 120)
                    try: client.connect(server.getsockname())
                    except OSError: pass
                    client.close()
            """));
    attacks.put("71 kills", python(KILLS));
    return attacks;
  }

  /**
   * One process holds the memory, and others that the kernel prefers to kill ask for more. Without
   * double quotes.
   */
  static final String KILLS =
      """
      import mmap, os
      limit = '/sys/fs/cgroup/memory/memory.limit_in_bytes'
      if not os.path.exists(limit): limit = '/sys/fs/cgroup/memory.max'
      kept = bytearray(int(open(limit).read()) - (24 << 20))
      n = 0
      while True:
          if n == 4:
              os.wait()
              n -= 1
          if os.fork() == 0:
              with open('/proc/self/oom_score_adj', 'w') as f: f.write('1000')
              kept = bytearray(64 << 20)
              os._exit(0)
          n += 1
      """;

  /** Without double quotes. */
  static final String SYNCS =
      """
      import os, threading
      def storm(n):
          f = os.open('storm%d' % n, os.O_CREAT | os.O_WRONLY)
          while True:
              os.pwrite(f, b'x' * 4096 * (1 + n), 0)
              if n % 4: os.fsync(f)
              else: os.sync()
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
        ParentGroup group = new ParentGroup(lab.fixture.engine.facts(), "zcbotneighbours");
        Deployment deployment = new Deployment(kafka.getBootstrapServers()).withNetwork()) {
      deployment
          .with("ZCBOT_SANDBOX_CGROUP_PARENT", group.setting)
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
      List<Path> freezers = new ArrayList<>();
      int i = 0;
      for (List<String> attack : attacks.values()) {
        String container = hostile.get(i++).containerId();
        List<String> command =
            new ArrayList<>(List.of("timeout", "-s", "KILL", String.valueOf(ATTACK_SECONDS)));
        command.addAll(attack);
        deployment.host().execDetached(container, command.toArray(String[]::new));
        freezers.add(lab.cgroupFile(container, "freezer", "freezer.state", "cgroup.freeze"));
      }
      Path idle =
          lab.cgroupFile(hostile.getFirst().containerId(), "cpu", "cpu.idle", "cpu.idle")
              .getParent()
              .resolveSibling("cpu.idle");
      double best = Double.MAX_VALUE;
      double bestByIdle = Double.MAX_VALUE;
      // A burst of somebody else's may still fall on one side alone: the best of three counts.
      for (int trial = 0;
          trial < TRIALS && (best >= MOST_TIMES || bestByIdle >= MOST_TIMES_IDLE);
          trial++) {
        List<HotLoad.Answer> quiet = new ArrayList<>();
        List<HotLoad.Answer> attacked = new ArrayList<>();
        List<HotLoad.Answer> attackedByIdle = new ArrayList<>();
        for (int turn = 0; turn < TURNS; turn++) {
          attacked.addAll(load.run(TURN));
          Files.writeString(idle, "1");
          attackedByIdle.addAll(load.run(TURN));
          set(freezers, true);
          quiet.addAll(load.run(TURN));
          Files.writeString(idle, "0");
          set(freezers, false);
        }
        report("quiet", quiet);
        report("attacked", attacked);
        report("attacked by an idle group", attackedByIdle);
        best = Math.min(best, timesAsLong("attacked", attacked, quiet));
        bestByIdle =
            Math.min(bestByIdle, timesAsLong("attacked by an idle group", attackedByIdle, quiet));
      }
      assertThat(best).isLessThan(MOST_TIMES);
      assertThat(bestByIdle).isLessThan(MOST_TIMES_IDLE);
    }
  }

  private static double timesAsLong(
      String what, List<HotLoad.Answer> some, List<HotLoad.Answer> quiet) {
    double times =
        percentile(some, HotLoad.Answer::millis, 99)
            / percentile(quiet, HotLoad.Answer::millis, 99);
    System.out.printf(Locale.ROOT, "a neighbour's hot ensure, %s, p99: %.2fx%n", what, times);
    return times;
  }

  /** Freezes the attacks, or continues them. */
  private static void set(List<Path> freezers, boolean still) throws Exception {
    for (Path freezer : freezers) {
      boolean v1 = freezer.endsWith("freezer.state");
      Files.writeString(freezer, still ? v1 ? "FROZEN" : "1" : v1 ? "THAWED" : "0");
    }
    Thread.sleep(SETTLED);
  }

  /** A separate broker: real ones are on other machines, and share no disk with sandboxes. */
  private static KafkaContainer brokerOfItsOwn() {
    KafkaContainer kafka =
        KafkaForTests.create()
            .withTmpFs(Map.of("/tmp/kafka-logs", "size=512m"))
            .withEnv("KAFKA_LOG_DIRS", "/tmp/kafka-logs");
    kafka.start();
    return kafka;
  }

  private static void report(String what, List<HotLoad.Answer> answers) {
    System.out.printf(
        Locale.ROOT,
        "%s: p50 %.1f ms, p90 %.1f ms, p99 %.1f ms, in the worker p50 %.0f ms, p99 %.0f ms, n=%d%n",
        what,
        percentile(answers, HotLoad.Answer::millis, 50),
        percentile(answers, HotLoad.Answer::millis, 90),
        percentile(answers, HotLoad.Answer::millis, 99),
        percentile(answers, HotLoad.Answer::inWorker, 50),
        percentile(answers, HotLoad.Answer::inWorker, 99),
        answers.size());
  }

  private static double percentile(
      List<HotLoad.Answer> answers, ToDoubleFunction<HotLoad.Answer> what, int percent) {
    double[] sorted = answers.stream().mapToDouble(what).sorted().toArray();
    return sorted[(int) Math.ceil(sorted.length * percent / 100.0) - 1];
  }
}
