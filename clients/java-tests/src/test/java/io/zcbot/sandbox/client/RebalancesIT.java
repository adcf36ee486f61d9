/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfEnvironmentVariable;

/**
 * A second worker joins the first, is killed, and comes back; then the first one leaves. Meanwhile
 * a client sends requests. Each command writes a line into its user's workspace on its worker's
 * host.
 */
@Tag("engine")
@Order(2)
@EnabledIfEnvironmentVariable(
    named = "ZCBOT_TEST_ALL",
    matches = "yes",
    disabledReason =
        "only bin/test --all runs it; ManyHostsIT moves users, BrokerRestartsIT interrupts clients")
class RebalancesIT {
  /** The numbers of TestBed, so that each worker has a part of the users. */
  private static final int USERS_AND_PARTITIONS = 4;

  private static final int AT_A_TIME = 2;
  private static final Duration PATIENCE = Duration.ofMinutes(3);
  private static final EnsureOptions ENSURE = EnsureOptions.DEFAULT.within(PATIENCE);
  private static final String OTHER = "client-it-other";

  private final Queue<String> answered = new ConcurrentLinkedQueue<>();
  private final Map<String, Exited.Reason> lost = new ConcurrentHashMap<>();
  private final AtomicReference<Awaited> awaited =
      new AtomicReference<>(new Awaited("", Set.of(), new CountDownLatch(0)));
  private volatile boolean isOver;

  /** The users that have not had a command on a host yet. */
  private record Awaited(String host, Set<String> users, CountDownLatch all) {
    void heard(String answering, String user) {
      if (answering.equals(host) && users.remove(user)) {
        all.countDown();
      }
    }
  }

  @Test
  void eachRequestIsAnsweredAndNoCommandRunsTwiceWhileWorkersComeAndGo() throws Exception {
    try (TestBed bed =
            TestBed.onTheEngine()
                .with("ZCBOT_SANDBOX_MAX", "50")
                .with("ZCBOT_SANDBOX_FIREWALL", "container") // a worker starts sooner
                .with("ZCBOT_LOG_LEVEL", "warn")
                .with("ZCBOT_NEW_USERS_PER_MINUTE", "10000")
                .start();
        SandboxClient client = bed.client();
        ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      List<String> users = usersOfEachPartition();
      List<Future<?>> loops = new ArrayList<>();
      try {
        for (int i = 0; i < AT_A_TIME; i++) {
          String number = "-" + i;
          users.forEach(
              user ->
                  loops.add(threads.submit(() -> work(client.sandbox(user), user, user + number))));
        }
        awaitAnswers("client-it", users, users.size());
        WorkerProcess killed = WorkerProcess.start(bed.settingsOf(OTHER));
        try {
          awaitAnswers(OTHER, users, 1);
        } finally {
          killed.kill();
        }
        try (WorkerProcess other = WorkerProcess.start(bed.settingsOf(OTHER))) {
          assertThat(other).isNotNull();
          awaitAnswers(OTHER, users, 1);
          bed.stopWorker();
          awaitAnswers(OTHER, users, users.size());
          isOver = true;
          for (Future<?> loop : loops) {
            loop.get(PATIENCE.toSeconds() * 2, TimeUnit.SECONDS);
          }
        }
      } finally {
        isOver = true;
      }
      List<String> written = new ArrayList<>();
      for (String user : users) {
        written.addAll(lines(bed.workspace(UserId.parse(user))));
        written.addAll(lines(bed.workspacesOf(OTHER).resolve(user)));
      }
      System.out.printf("%d commands ended, and not %s%n", answered.size(), lost.values());
      assertThat(written).doesNotHaveDuplicates().containsAll(answered);
      Set<String> others = new HashSet<>(written);
      answered.forEach(others::remove);
      assertThat(lost.keySet()).containsAll(others);
      // What ran when its user moved, when the worker was killed, and when the first one left.
      assertThat(lost).hasSizeLessThanOrEqualTo(3 * loops.size());
      assertThat(lost.values())
          .filteredOn(reason -> reason == Exited.Reason.LOST)
          .hasSizeLessThanOrEqualTo(loops.size());
    }
  }

  private static List<String> usersOfEachPartition() {
    PartitionMap partitions = new PartitionMap("sandbox.", null);
    partitions.count("sandbox.ensure", USERS_AND_PARTITIONS);
    Map<Set<TopicPartition>, String> users = new HashMap<>();
    while (users.size() < USERS_AND_PARTITIONS) {
      String user = TestBed.newUser();
      users.putIfAbsent(partitions.of(UserId.parse(user), Topic.ENSURE), user);
    }
    return List.copyOf(users.values());
  }

  /** Sends one request after another, until the end or a request without an answer. */
  private Void work(Sandbox sandbox, String user, String name) throws InterruptedException {
    for (int i = 0; !isOver; i++) {
      String line = name + "-" + i;
      try {
        CommandResult result =
            sandbox.run(
                Command.shell("echo " + line + " >>lines; sleep 0.1").startWithin(PATIENCE));
        assertThat(result.isOk()).isTrue();
        answered.add(line);
        awaited.get().heard(result.site().host(), user);
      } catch (CommandLostException e) {
        lost.put(line, e.reason());
      }
      sandbox.ensure(ENSURE);
    }
    return null;
  }

  /** Waits until some of the users had a command on a host from now on. */
  private void awaitAnswers(String host, List<String> users, int atLeast) throws Exception {
    Set<String> all = ConcurrentHashMap.newKeySet();
    all.addAll(users);
    Awaited next = new Awaited(host, all, new CountDownLatch(atLeast));
    awaited.set(next);
    assertThat(next.all().await(PATIENCE.toSeconds(), TimeUnit.SECONDS))
        .as("answers of %s", host)
        .isTrue();
  }

  private static List<String> lines(Path workspace) throws IOException {
    Path file = workspace.resolve("lines");
    return Files.exists(file) ? Files.readAllLines(file) : List.of();
  }
}
