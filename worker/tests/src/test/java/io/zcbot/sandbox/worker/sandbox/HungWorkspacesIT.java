/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.sandbox;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.base.FileCalls;
import io.zcbot.sandbox.worker.testkit.machine.HungFileSystem;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Isolated;

/** File systems that do not answer, without any container. Requires CAP_SYS_ADMIN. */
@Isolated("without the precaution, no virtual thread of this process would run")
class HungWorkspacesIT {
  private static final Duration SOON = Duration.ofSeconds(60);

  @TempDir Path root;
  private final List<HungFileSystem> hung = new ArrayList<>();

  @AfterEach
  void endAll() throws Exception {
    while (!hung.isEmpty()) {
      hung.removeLast().close();
    }
  }

  private static UserId user(int number) {
    return new UserId(new UUID(0, number));
  }

  private UserId hungUser(int number) throws Exception {
    hung.add(HungFileSystem.at(root.resolve(user(number).toString())));
    return user(number);
  }

  /** In the lanes of as many users as there are threads that carry virtual threads, and more. */
  @Test
  void workspacesThatHangHoldUpNoLaneOfOthers() throws Exception {
    int carriers = Runtime.getRuntime().availableProcessors();
    FileCalls files = new FileCalls(carriers + 1, carriers + 1, Duration.ofSeconds(3));
    Workspaces workspaces = Workspaces.open(root).calledBy(files);
    List<FutureTask<Path>> lanes = new ArrayList<>();
    for (int i = 1; i <= carriers; i++) {
      UserId user = hungUser(i);
      lanes.add(new FutureTask<>(() -> workspaces.prepare(user)));
    }
    lanes.forEach(Thread.ofVirtual()::start);
    CountDownLatch others = new CountDownLatch(1);

    FutureTask<Path> other = new FutureTask<>(() -> workspaces.prepare(user(100)));
    Thread.ofVirtual().start(other);
    Thread.ofVirtual().start(others::countDown);

    assertThat(others.await(60, TimeUnit.SECONDS)).isTrue();
    assertThat(other.get(60, TimeUnit.SECONDS)).isDirectory();
    for (FutureTask<Path> lane : lanes) {
      assertThatThrownBy(() -> lane.get(60, TimeUnit.SECONDS))
          .hasCauseInstanceOf(FileCalls.UnansweredException.class);
    }
    assertThat(files.problem()).contains("the workspace root does not answer");
    endAll();
    await().atMost(SOON).untilAsserted(() -> assertThat(files.problem()).isNull());
  }

  /** One after the other, while nobody else asks. */
  @Test
  void howeverManyWorkspacesHangAnotherIsPrepared() throws Exception {
    FileCalls files = new FileCalls(2, 8, Duration.ofSeconds(3));
    Workspaces workspaces = Workspaces.open(root).calledBy(files);
    for (int i = 1; i <= 4; i++) {
      UserId user = hungUser(i);
      assertThatThrownBy(() -> workspaces.prepare(user))
          .isInstanceOf(FileCalls.UnansweredException.class);
    }

    assertThat(workspaces.prepare(user(100))).isDirectory();
  }
}
