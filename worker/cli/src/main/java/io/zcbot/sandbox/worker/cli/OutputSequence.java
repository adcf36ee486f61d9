/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.events.Output;
import java.io.IOException;
import java.io.OutputStream;
import java.util.TreeMap;

/**
 * Writes the outputs of one command to two streams, in order and each once. Workers publish at
 * least once: an output may come again, or after its successor if its publish was repeated. Not
 * thread-safe.
 */
final class OutputSequence {
  /**
   * Maximum bytes of outputs kept because earlier ones are missing. Beyond that, the missing ones
   * are skipped.
   */
  static final int MAX_EARLY = 2 * 1024 * 1024;

  /** Estimated memory of an output besides its bytes. */
  private static final int OVERHEAD = 1024;

  private final OutputStream stdout;
  private final OutputStream stderr;
  private final TreeMap<Long, Output> early = new TreeMap<>();
  private long bytes;
  private long next;
  private long missing;

  OutputSequence(OutputStream stdout, OutputStream stderr) {
    this.stdout = stdout;
    this.stderr = stderr;
  }

  /**
   * Takes an output that came, and writes it and its successors if all earlier ones are written.
   */
  void accept(Output output) throws IOException {
    if (output.seq() < next || early.containsKey(output.seq())) {
      return;
    }
    early.put(output.seq(), output);
    bytes += sizeOf(output);
    while (!early.isEmpty() && (early.firstKey() == next || bytes > MAX_EARLY)) {
      writeFirst();
    }
  }

  /** Writes all outputs that came, and skips missing ones. */
  void finish() throws IOException {
    while (!early.isEmpty()) {
      writeFirst();
    }
  }

  private void writeFirst() throws IOException {
    Output output = early.pollFirstEntry().getValue();
    bytes -= sizeOf(output);
    missing += output.seq() - next;
    next = output.seq() + 1;
    OutputStream to =
        switch (output.stream()) {
          case STDOUT -> stdout;
          case STDERR -> stderr;
        };
    to.write(output.data().toByteArray());
    to.flush();
  }

  private static int sizeOf(Output output) {
    return OVERHEAD + output.data().length();
  }

  /** Returns the number of outputs that were skipped because they did not come. */
  long missing() {
    return missing;
  }

  /** Returns the number of outputs that were written or skipped. */
  long reached() {
    return next;
  }
}
