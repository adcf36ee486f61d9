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
 * The outputs of one command, in order and each once, written to two streams. Workers publish at
 * least once, so an output may come again, and one that failed may come behind its next.
 */
final class OutputSequence {
  /** The most bytes that are kept because others have to come before them. */
  static final int MAX_EARLY = 2 * 1024 * 1024;

  /** What an output takes in memory besides its bytes. */
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

  /** Writes all that came, whatever is missing before it. */
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

  /** How many outputs were passed by that did not come. */
  long missing() {
    return missing;
  }

  /** How many outputs were reached, of which some may be missing. */
  long reached() {
    return next;
  }
}
