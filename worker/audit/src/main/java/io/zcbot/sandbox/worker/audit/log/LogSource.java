/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit.log;

import java.io.IOException;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * A finite part of the log: the records of each partition in their order, merged by record time as
 * far as that order allows.
 */
public interface LogSource extends AutoCloseable {
  /** The next record; null after the last. */
  @Nullable LogRecord next() throws IOException;

  /** From when on it is known in full. */
  Coverage coverage();

  /** Up to when the log is known; known for sure once the last record was read. */
  Instant end();

  /** What the topics' names begin with. */
  String topicPrefix();

  /** How much has been read, from 0 to 1. */
  double progress();

  @Override
  void close() throws IOException;
}
