/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit;

import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.worker.audit.log.Coverage;
import io.zcbot.sandbox.worker.audit.log.LogRecord;
import io.zcbot.sandbox.worker.audit.log.RecordPosition;
import io.zcbot.sandbox.worker.audit.result.AuditedEnsure;
import io.zcbot.sandbox.worker.audit.result.Observation;
import io.zcbot.sandbox.worker.audit.result.Session;
import io.zcbot.sandbox.worker.audit.result.Summary;
import io.zcbot.sandbox.worker.audit.result.Violation;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.record.TimestampType;

/** A log under construction. Its entries may change until it is laid out in partitions. */
final class TestLog {
  private static final EventCodec CODEC = new EventCodec();

  final List<Entry> entries = new ArrayList<>();

  /**
   * A future record. The time of its append decides its offset; its timestamp is independent of
   * that.
   */
  static final class Entry {
    final Topic topic;
    int partition;
    long appended;
    long time;
    SandboxEvent event;
    byte[] key;
    byte[] value;
    final Headers headers = new RecordHeaders();
    RecordPosition position;

    Entry(Topic topic, int partition, long appended, long time) {
      this.topic = topic;
      this.partition = partition;
      this.appended = appended;
      this.time = time;
    }

    Entry header(String name, Object value) {
      headers.add(name, value.toString().getBytes(StandardCharsets.UTF_8));
      return this;
    }

    Entry copy() {
      Entry copy = new Entry(topic, partition, appended, time);
      copy.event = event;
      copy.key = key;
      copy.value = value;
      headers.forEach(copy.headers::add);
      return copy;
    }
  }

  Entry add(int partition, long appended, long time, SandboxEvent event) {
    Entry entry = new Entry(event.topic(), partition, appended, time);
    entry.event = event;
    entries.add(entry);
    return entry;
  }

  Entry add(int partition, long time, SandboxEvent event) {
    return add(partition, time, time, event);
  }

  Entry raw(Topic topic, int partition, long time, byte[] key, byte[] value) {
    Entry entry = new Entry(topic, partition, time, time);
    entry.key = key;
    entry.value = value;
    entries.add(entry);
    return entry;
  }

  /** Assigns offsets to all entries; returns the partitions' records, each in order. */
  Map<RecordPosition, List<LogRecord>> partitions() {
    entries.sort(Comparator.comparingLong(e -> e.appended));
    Map<RecordPosition, List<LogRecord>> partitions =
        new TreeMap<>(
            Comparator.comparing(RecordPosition::topic).thenComparing(RecordPosition::partition));
    for (Entry entry : entries) {
      List<LogRecord> partition =
          partitions.computeIfAbsent(
              new RecordPosition(entry.topic, entry.partition, 0), _ -> new ArrayList<>());
      LogRecord record = record(entry, partition.size());
      entry.position = record.position();
      partition.add(record);
    }
    return partitions;
  }

  private static LogRecord record(Entry entry, long offset) {
    SandboxEvent event = entry.event;
    return new LogRecord(
        entry.topic,
        new ConsumerRecord<>(
            entry.topic.named("sandbox."),
            entry.partition,
            offset,
            entry.time,
            TimestampType.CREATE_TIME,
            0,
            0,
            event == null ? entry.key : CODEC.key(event),
            event == null ? entry.value : CODEC.encode(event),
            entry.headers,
            Optional.empty()));
  }

  /** All records, the partitions merged by time. */
  List<LogRecord> records() {
    List<List<LogRecord>> partitions = new ArrayList<>(partitions().values());
    int[] next = new int[partitions.size()];
    List<LogRecord> merged = new ArrayList<>();
    while (merged.size() < entries.size()) {
      int first = -1;
      for (int i = 0; i < next.length; i++) {
        if (next[i] < partitions.get(i).size()
            && (first < 0
                || partitions.get(i).get(next[i]).time()
                    < partitions.get(first).get(next[first]).time())) {
          first = i;
        }
      }
      merged.add(partitions.get(first).get(next[first]++));
    }
    return merged;
  }

  /** The results of an audit. */
  record Reported(Summary summary, List<Observation> findings) {
    List<Violation> violations() {
      return only(Violation.class);
    }

    List<Session> sessions() {
      return only(Session.class);
    }

    List<AuditedEnsure> ensures() {
      return only(AuditedEnsure.class);
    }

    private <F extends Observation> List<F> only(Class<F> kind) {
      return findings.stream().filter(kind::isInstance).map(kind::cast).toList();
    }
  }

  Reported audit(Rules rules, long end) {
    return audit(rules, records(), end);
  }

  static Reported audit(Rules rules, List<LogRecord> records, long end) {
    return audit(rules, Coverage.ever(), records, end);
  }

  static Reported audit(Rules rules, Coverage known, List<LogRecord> records, long end) {
    List<Observation> findings = new ArrayList<>();
    Fold fold = new Fold(rules, known, findings::add);
    for (LogRecord record : records) {
      fold.accept(record);
      fold.forgetBefore(record.time() - rules.window().toMillis());
    }
    Counters counters = fold.finish(end, new HashMap<>(fold.purges()));
    return new Reported(counters.summary(java.time.Instant.ofEpochMilli(end)), findings);
  }
}
