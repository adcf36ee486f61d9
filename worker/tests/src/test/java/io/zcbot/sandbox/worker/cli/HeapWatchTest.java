/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.worker.testkit.deployment.WorkerProcess;
import io.zcbot.sandbox.worker.testkit.machine.Commands;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Memory that was kept for a while, in a process with the worker's options. */
class HeapWatchTest {
  private static final int MIB = 1 << 20;

  @Test
  void theHeapDoesNotFillUpWithWhatIsNoLongerKept() throws Exception {
    assertThat(largestHeapMib("watched")).isLessThan(260);
  }

  /** The reason for the watch. If this fails, it is no longer needed. */
  @Test
  void theHeapOfAProcessThatIsNotWatchedFillsUp() throws Exception {
    assertThat(largestHeapMib("not watched")).isGreaterThan(300);
  }

  private static int largestHeapMib(String how) throws Exception {
    String output =
        Commands.run(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "@" + WorkerProcess.options(),
            "-cp",
            WorkerProcess.classPath(),
            Kept.class.getName(),
            how);
    return Integer.parseInt(output.strip());
  }

  /** Keeps 48 MiB, as a flood of requests does, and drops them; 12 times. */
  static final class Kept {
    public static void main(String[] arguments) throws InterruptedException {
      if (arguments[0].equals("watched")) {
        HeapWatch.start(RunCommand.USUAL_HEAP_BYTES);
      }
      long largest = 0;
      for (int flood = 0; flood < 12; flood++) {
        List<byte[]> kept = new ArrayList<>();
        for (int i = 0; i < 48; i++) {
          for (int j = 0; j < 16; j++) {
            kept.add(new byte[MIB / 16]);
          }
          Thread.sleep(1); // a flood takes time; the watch looks 20 times a second
        }
        largest = Math.max(largest, Runtime.getRuntime().totalMemory());
      }
      System.out.println(largest / MIB);
    }
  }
}
