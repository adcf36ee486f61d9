/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit;

import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.worker.audit.log.Coverage;
import io.zcbot.sandbox.worker.audit.log.LogRecord;
import io.zcbot.sandbox.worker.audit.log.LogSource;
import java.time.Instant;
import java.util.Iterator;
import java.util.List;

/** A log source of records in memory. */
class ListSource implements LogSource {
  final Coverage known = Coverage.ever();
  private final Iterator<LogRecord> records;
  private final Instant end;

  ListSource(List<LogRecord> records, long end) {
    this.records = records.iterator();
    this.end = Instant.ofEpochMilli(end);
  }

  @Override
  public LogRecord next() {
    return records.hasNext() ? records.next() : null;
  }

  @Override
  public Coverage coverage() {
    return known;
  }

  @Override
  public Instant end() {
    return end;
  }

  @Override
  public String topicPrefix() {
    return Topic.DEFAULT_PREFIX;
  }

  @Override
  public double progress() {
    return records.hasNext() ? 0 : 1;
  }

  @Override
  public void close() {}
}
