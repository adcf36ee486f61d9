/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.events.Output;
import java.io.IOException;
import java.io.OutputStream;

/**
 * The outputs of one command, in order and each once, written to two streams. Workers publish at
 * least once, so an output may come again.
 */
final class OutputSequence {
  private final OutputStream stdout;
  private final OutputStream stderr;
  private long next;
  private long missing;

  OutputSequence(OutputStream stdout, OutputStream stderr) {
    this.stdout = stdout;
    this.stderr = stderr;
  }

  void accept(Output output) throws IOException {
    if (output.seq() < next) {
      return;
    }
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

  /** How many outputs were passed by that did not come. */
  long missing() {
    return missing;
  }

  /** How many outputs were reached, of which some may be missing. */
  long reached() {
    return next;
  }
}
