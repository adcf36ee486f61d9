/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.drawn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.worker.docker.EngineFixture;
import io.zcbot.sandbox.worker.docker.EngineFixture.Started;
import io.zcbot.sandbox.worker.docker.command.Trial;
import io.zcbot.sandbox.worker.engine.CommandChannel;
import io.zcbot.sandbox.worker.spec.ResourceLimits;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import io.zcbot.sandbox.worker.testkit.InFullRuns;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Thousands of generated commands, many at a time in several sandboxes, behave as a model predicts.
 * {@code -Dcommands.seed=N} repeats a run, {@code -Dcommands.count=N} makes it longer.
 */
@Tag("engine")
class DrawnCommandsIT {
  private static final long SEED =
      Long.getLong("commands.seed", System.currentTimeMillis() % 1_000_000);
  private static final int COUNT =
      Integer.getInteger("commands.count", InFullRuns.THIS_ONE ? 10_000 : 2_500);
  private static final int SANDBOXES = 4;

  /** As many as a worker runs at once. */
  private static final int LANES = 8;

  private static final String SLEEPERS = "grep -lx sleep /proc/[0-9]*/comm 2>/dev/null | wc -l";

  @TempDir private static Path directory;

  @Test
  void drawnCommandsDoWhatTheModelSays() throws Exception {
    System.out.printf("commands.seed=%d, %d commands%n", SEED, COUNT);
    long begun = System.nanoTime();
    List<CommandChannel> channels = new ArrayList<>();
    try (EngineFixture fixture =
            new EngineFixture(directory.resolve("workspaces"), Duration.ofSeconds(60));
        ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Future<?>> lanes = new ArrayList<>();
      for (int i = 0; i < SANDBOXES; i++) {
        SandboxSpec spec = roomy(fixture.spec());
        Started sandbox = fixture.start(spec);
        CommandChannel channel = fixture.engine.commands(spec, false).open(sandbox.id());
        channels.add(channel);
        for (int lane = 0; lane < LANES; lane++) {
          long seed = SEED * 1000 + i * LANES + lane;
          lanes.add(
              threads.submit(
                  () -> {
                    run(channel, seed, COUNT / (SANDBOXES * LANES) + 1);
                    return null;
                  }));
        }
      }
      for (Future<?> lane : lanes) {
        lane.get(12, TimeUnit.MINUTES);
      }
      System.out.printf("they took %d ms%n", (System.nanoTime() - begun) / 1_000_000);
      assertThat(Conduct.SLOWLY_KILLED.get())
          .as("commands of which processes were left, which is rare even on a busy machine")
          .isLessThan(COUNT / 100);
      for (CommandChannel channel : channels) {
        await("nothing is left but what was left in the background, and that ends")
            .atMost(Duration.ofSeconds(90))
            .until(() -> Trial.bash(channel, SLEEPERS).said().equals("0"));
        assertThat(channel.isOpen()).isTrue();
        channel.close();
      }
    }
  }

  private static void run(CommandChannel channel, long seed, int count) throws Exception {
    CommandDraw draw = new CommandDraw(seed);
    for (int i = 0; i < count; i++) {
      DrawnCommand drawn = draw.next();
      assertThat(Conduct.differences(drawn, channel))
          .as("commands.seed=%d, command %d of %d: %s", SEED, i, seed, drawn)
          .isEmpty();
    }
  }

  /** Limits that the commands do not reach. */
  private static SandboxSpec roomy(SandboxSpec spec) {
    return new SandboxSpec(
        spec.image(),
        spec.runtime(),
        new ResourceLimits(512L << 20, 2, 512, 16L << 20, null, null),
        spec.network(),
        spec.policy());
  }
}
