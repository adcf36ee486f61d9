/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.ref.WeakReference;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.record.TimestampType;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;

class DeadLetterTest {
  private static final long WRITTEN = Instant.parse("2026-11-24T12:00:00Z").toEpochMilli();

  private static DeadLetter letter(String... headers) {
    RecordHeaders all = new RecordHeaders();
    for (int i = 0; i < headers.length; i += 2) {
      all.add(headers[i], headers[i + 1].getBytes(StandardCharsets.UTF_8));
    }
    return new DeadLetter(
        new ConsumerRecord<>(
            "sandbox.dead-letter",
            3,
            17,
            WRITTEN,
            TimestampType.CREATE_TIME,
            0,
            0,
            new byte[] {1, 2},
            new byte[] {3},
            all,
            Optional.empty()));
  }

  private static DeadLetter of(String topic, String error, String... more) {
    String[] headers = {
      "trace",
      "1",
      "zcbot_topic",
      topic,
      "zcbot_partition",
      "2",
      "zcbot_offset",
      "9",
      "zcbot_error",
      error
    };
    String[] all = new String[headers.length + more.length];
    System.arraycopy(more, 0, all, 0, more.length);
    System.arraycopy(headers, 0, all, more.length, headers.length);
    return letter(all);
  }

  private static boolean matches(DeadLetter letter, String... options) {
    DeadLetterSelection selection = new DeadLetterSelection();
    new CommandLine(selection).parseArgs(options);
    return selection.matches(letter, "sandbox.");
  }

  @Test
  void tellsWhereTheRecordWas() {
    DeadLetter letter = of("sandbox.ensure", "no user_id");
    assertThat(letter.id()).isEqualTo("3-17");
    assertThat(letter.origin()).isEqualTo("sandbox.ensure-2-9");
    assertThat(letter.error()).isEqualTo("no user_id");
    assertThat(letter.originTime()).isNull();
    assertThat(letter("zcbot_timestamp", "0").originTime()).isEqualTo(Instant.EPOCH);
  }

  @Test
  void theRecordIsRedrivenAsItWas() {
    ProducerRecord<byte[], byte[]> record = of("sandbox.ensure", "bad").redrive("sandbox.");
    assertThat(record).isNotNull();
    assertThat(record.topic()).isEqualTo("sandbox.ensure");
    assertThat(record.partition()).isNull();
    assertThat(record.key()).containsExactly(1, 2);
    assertThat(record.value()).containsExactly(3);
    assertThat(record.headers().toArray())
        .extracting(Header::key)
        .containsExactly("trace", "zcbot_redriven");
  }

  @Test
  void eachTimeIsCounted() {
    DeadLetter letter = of("sandbox.activity", "bad", "zcbot_redriven", "2");
    assertThat(letter.redriven()).isEqualTo(2);
    ProducerRecord<byte[], byte[]> record = letter.redrive("sandbox.");
    assertThat(record).isNotNull();
    assertThat(record.headers().headers("zcbot_redriven"))
        .singleElement()
        .satisfies(header -> assertThat(header.value()).isEqualTo(new byte[] {'3'}));
    assertThat(of("sandbox.activity", "bad", "zcbot_redriven", "many").redriven()).isZero();
  }

  @Test
  void nothingIsSentAnywhereElse() {
    assertThat(of("sandbox.ready", "bad").redrive("sandbox.")).isNull();
    assertThat(of("another", "bad").redrive("sandbox.")).isNull();
    assertThat(letter().redrive("sandbox.")).isNull();
    assertThat(of("sandbox.ensure", "bad", "zcbot_truncated", "true").redrive("sandbox.")).isNull();
  }

  @Test
  void isSelectedByTopicReasonAndTime() {
    DeadLetter letter = of("sandbox.ensure", "user_id: must be a UUID");
    assertThat(matches(letter)).isTrue();
    assertThat(matches(letter, "--topic", "ensure")).isTrue();
    assertThat(matches(letter, "--topic", "activity")).isFalse();
    assertThat(matches(letter, "--reason", "uuid")).isTrue();
    assertThat(matches(letter, "--reason", "too large")).isFalse();
    assertThat(matches(letter, "--from", "2026-11-24T12:00:00Z")).isTrue();
    assertThat(matches(letter, "--from", "2026-11-24T12:00:01Z")).isFalse();
    assertThat(matches(letter, "--to", "2026-11-24T11:59:59Z")).isFalse();
  }

  private static DeadLetter large(int number, int bytes) {
    return new DeadLetter(
        new ConsumerRecord<>(
            "sandbox.dead-letter",
            0,
            number,
            WRITTEN + number,
            TimestampType.CREATE_TIME,
            0,
            bytes,
            new byte[0],
            new byte[bytes],
            new RecordHeaders(),
            Optional.empty()));
  }

  @Test
  void noMoreRecordsAreHeldThanThereIsRoomFor() throws Exception {
    HeldDeadLetters all = new HeldDeadLetters(List.of());
    HeldDeadLetters named = new HeldDeadLetters(List.of("0-9", "0-3"));
    HeldDeadLetters missing = new HeldDeadLetters(List.of("0-3", "1-3"));
    for (int i = 49; i >= 0; i--) {
      DeadLetter letter = large(i, 1 << 20);
      all.add(letter);
      named.add(letter);
      missing.add(letter);
    }
    assertThat(named.all()).extracting(DeadLetter::id).containsExactly("0-3", "0-9");
    assertThatThrownBy(missing::all)
        .isInstanceOf(CommandException.class)
        .hasMessageContaining("there is no dead letter 1-3");
    assertThatThrownBy(all::all)
        .isInstanceOf(CommandException.class)
        .hasMessageContaining("have 50 MiB, and this command holds 32 MiB at once; select fewer");

    HeldDeadLetters one = new HeldDeadLetters(List.of());
    one.add(large(1, 40 << 20));
    assertThat(one.all()).hasSize(1);
    one.add(large(2, 1));
    assertThatThrownBy(one::all).hasMessageContaining("select fewer");
  }

  @Test
  void theNewestAreListedAndTheirRecordsForgotten() throws Exception {
    DeadLetterList list = new DeadLetterList();
    List<WeakReference<DeadLetter>> letters = new ArrayList<>();
    for (int i = 0; i < DeadLetterList.MOST + 2; i++) {
      DeadLetter letter = large(i, 10);
      list.add(letter);
      letters.add(new WeakReference<>(letter));
    }
    for (int tries = 0;
        tries < 50 && letters.stream().anyMatch(each -> each.get() != null);
        tries++) {
      System.gc();
    }
    assertThat(letters).allMatch(each -> each.get() == null);
    assertThat(list.omitted()).isEqualTo(2);
    List<String> lines = list.text().lines().toList();
    assertThat(lines).hasSize(1 + DeadLetterList.MOST);
    assertThat(lines.get(0)).startsWith("ID");
    assertThat(lines.get(1)).startsWith("0-2 ");
    assertThat(lines.getLast()).startsWith("0-" + (DeadLetterList.MOST + 1) + " ");
  }

  @Test
  void bytesAreEscaped() {
    assertThat(EscapedBytes.of("a\u001b[31m\\é\n")).isEqualTo("a\\x1b[31m\\\\\\xc3\\xa9\\x0a");
    assertThat(EscapedBytes.of(null, 10)).isEqualTo("(none)");
    assertThat(EscapedBytes.of(new byte[] {'a', 'b', 'c'}, 2)).isEqualTo("ab … and 1 bytes more");
  }
}
