/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.simulation;

import io.zcbot.sandbox.events.CommandEntry;
import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.EventFormatException;
import io.zcbot.sandbox.events.Exec;
import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.Input;
import io.zcbot.sandbox.events.Output;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.worker.engine.Container;
import io.zcbot.sandbox.worker.kafka.KeyPartitions;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/** Judges commands by what the sandboxes saw and by the log (I11 to I14, I8). */
final class CommandJudge {
  private static final Pattern STARTED_TWICE =
      Pattern.compile("^I12: the command of exec (\\S+) was started twice");

  private final EventCodec codec = new EventCodec();
  private final KeyPartitions keys;
  private final boolean calm;
  private final Consumer<String> violated;
  private final Map<String, Reported> reported = new LinkedHashMap<>();
  private final Map<String, CommandEntry> table = new TreeMap<>();
  private final Map<Integer, Long> checked = new HashMap<>();
  private boolean wasCompacted;

  /** The known facts about one command. */
  private static final class Reported {
    Exec exec;
    final Set<Integer> liesIn = new HashSet<>();
    int copies;
    int starts;
    int answers;
    boolean entered;
    Exited answer;
    final StringBuilder written = new StringBuilder();
    final StringBuilder sent = new StringBuilder();
    final StringBuilder read = new StringBuilder();
    final TreeMap<Long, String> outputs = new TreeMap<>();
  }

  CommandJudge(KeyPartitions keys, boolean calm, Consumer<String> violated) {
    this.keys = keys;
    this.calm = calm;
    this.violated = violated;
  }

  private Reported of(String id) {
    return reported.computeIfAbsent(id, _ -> new Reported());
  }

  // What is in the log.

  void asked(Exec exec, int partition) {
    Reported of = of(exec.eventId());
    of.exec = exec;
    of.copies += partition == keys.of(exec.userId()) ? 1 : 0;
    of.liesIn.add(partition);
  }

  void sent(Input input) {
    if (input.content() instanceof Input.Content.Bytes(var data)) {
      of(input.execId()).sent.append(data.text());
    }
  }

  void said(Output output) {
    String text = String.valueOf(output.data().text());
    String before = of(output.execId()).outputs.put(output.seq(), text);
    if (before != null && !before.equals(text)) {
      violated.accept("I14: an output was repeated with other bytes: " + output);
    }
  }

  void answered(Exited exited) {
    Reported of = of(exited.execId());
    of.answers++;
    if (of.answer == null || of.answer.startedAt() == null) {
      of.answer = exited;
    }
    if (calm && of.answers > Math.max(1, of.copies)) {
      violated.accept("I11: answered twice, though nothing happened: " + exited);
    }
  }

  void entered(ConsumerRecord<byte[], byte[]> record) {
    String key = new String(record.key(), StandardCharsets.UTF_8);
    if (record.value() == null) {
      table.remove(key);
      return;
    }
    try {
      CommandEntry entry = codec.decodeCommand(record.value());
      table.put(key, entry);
      of(entry.execId()).entered = true;
    } catch (EventFormatException e) {
      violated.accept("an entry that is none: " + e.getMessage());
    }
  }

  // What happens in sandboxes.

  void started(String id, String host, Container in) {
    Reported of = of(id);
    of.starts++;
    // Of a record that was forwarded twice there are two, which may be served in different lives.
    if (of.starts > 1 && of.copies < 2) {
      violated.accept("I12: " + id + " was started again, on " + host);
    }
    if (of.exec != null && !of.exec.userId().equals(in.user())) {
      violated.accept("I13: " + id + " runs in another user's sandbox: " + in);
    }
    if (!of.entered) {
      violated.accept("I12: " + id + " was started and is not in the command table");
    }
  }

  void wrote(String id, String text) {
    of(id).written.append(text);
  }

  void read(String id, String text) {
    Reported of = of(id);
    of.read.append(text);
    if (of.copies < 2 && !of.sent.toString().startsWith(of.read.toString())) {
      violated.accept("inputs of " + id + " were read as " + of.read + ", not as " + of.sent);
    }
  }

  /** The table was compacted, so that a takeover may not see what was answered. */
  void compacted() {
    wasCompacted = true;
  }

  /**
   * Whether the audit considers a command started twice that was not: the entry of a former owner
   * arrived so late that the next one had already answered it, and compaction hid that from the
   * takeover after it.
   */
  boolean isOfLateEntry(String found) {
    Matcher matcher = STARTED_TWICE.matcher(found);
    return matcher.find() && of(matcher.group(1)).starts < 2 && wasCompacted;
  }

  /** Whether an exec is also in another partition than its user's. */
  boolean liesElsewhere(String id) {
    Reported of = of(id);
    return of.exec != null && !Set.of(keys.of(of.exec.userId())).containsAll(of.liesIn);
  }

  /** I8: whoever takes the partition over need not read committed records. */
  void committed(ModelBroker broker, int partition, long to) {
    long from = checked.getOrDefault(partition, 0L);
    for (ConsumerRecord<byte[], byte[]> record : broker.log(Topic.EXEC, partition).records) {
      if (record.offset() >= from && record.offset() < to && !isDone(record)) {
        violated.accept(
            "I8: %d of partition %d of the execs is committed, but %d has no effect in the log"
                .formatted(to, partition, record.offset()));
      }
    }
    checked.put(partition, Math.max(from, to));
  }

  private boolean isDone(ConsumerRecord<byte[], byte[]> record) {
    int keyPartition = keys.of(record.key());
    for (Reported of : reported.values()) {
      if (of.exec != null && of.liesIn.contains(record.partition()) && isOf(of, record)) {
        return of.entered
            || of.answers > 0
            || keyPartition != record.partition() && of.liesIn.contains(keyPartition);
      }
    }
    return true; // no exec at all
  }

  private static boolean isOf(Reported of, ConsumerRecord<byte[], byte[]> record) {
    return new String(record.value(), StandardCharsets.UTF_8)
        .contains("\"" + of.exec.eventId() + "\"");
  }

  /**
   * At the end.
   *
   * @param late keys of entries that a former owner had handed to its producer; they stay for the
   *     next takeover (DESIGN.md, known limits)
   */
  void finish(Set<String> late) {
    reported.forEach(
        (id, of) -> {
          if (of.exec == null) {
            return;
          }
          if (of.answer == null) {
            violated.accept("I11: never answered: " + of.exec);
          } else {
            checkOutput(id, of);
          }
        });
    table.forEach(
        (key, entry) -> {
          if (!entry.answered() && !late.contains(key)) {
            violated.accept("I11: in the command table and not marked as answered: " + entry);
          }
        });
  }

  private void checkOutput(String id, Reported of) {
    long next = 0;
    for (long seq : of.outputs.keySet()) {
      if (seq != next++) {
        violated.accept("I14: a gap in the outputs of " + id + " before " + seq);
      }
    }
    String all = of.written.toString();
    String heard =
        of.exec.stream()
            ? String.join("", of.outputs.values())
            : of.answer.stdout() == null ? "" : String.valueOf(of.answer.stdout().text());
    boolean isComplete = of.answer.reason() == Exited.Reason.EXITED;
    if (of.copies < 2 && !(isComplete ? all.equals(heard) : all.startsWith(heard))) {
      violated.accept(
          "I14: %s wrote %d bytes, and the log has other %d of them, %s"
              .formatted(id, all.length(), heard.length(), of.answer));
    }
  }
}
