/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.audit.log.Coverage;
import io.zcbot.sandbox.worker.audit.log.Export;
import io.zcbot.sandbox.worker.audit.log.ExportedLog;
import io.zcbot.sandbox.worker.audit.log.LogRecord;
import io.zcbot.sandbox.worker.audit.log.LogSource;
import io.zcbot.sandbox.worker.audit.log.Selection;
import io.zcbot.sandbox.worker.audit.result.Summary;
import io.zcbot.sandbox.worker.audit.result.Violation;
import java.io.IOException;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.record.TimestampType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ExportTest {
  @TempDir private Path dir;

  private static String export(List<LogRecord> records, long end) throws IOException {
    StringWriter out = new StringWriter();
    try (Export export = new Export(out, new ListSource(records, end))) {
      for (LogRecord record : records) {
        export.write(record);
      }
      export.complete();
    }
    return out.toString();
  }

  private Path file(String content) throws IOException {
    return Files.writeString(Files.createTempFile(dir, "export", ".jsonl"), content);
  }

  private static List<LogRecord> read(LogSource source) throws IOException {
    List<LogRecord> records = new ArrayList<>();
    try (source) {
      for (LogRecord r = source.next(); r != null; r = source.next()) {
        records.add(r);
      }
    }
    return records;
  }

  private static List<Object> reported(LogSource source) throws Exception {
    List<Object> reported = new ArrayList<>();
    reported.add(new Replay(Histories.RULES, reported::add, (_, _) -> {}).run(source));
    return reported;
  }

  @Test
  void anAuditOfTheExportTellsTheSame() throws Exception {
    Histories made = new Histories(4, 10, 3, 3, 7_200_000);
    List<LogRecord> records = made.records();
    // In the middle of things, so that not all is well.
    List<LogRecord> some = records.stream().filter(r -> r.raw().offset() % 7 != 3).toList();
    Path file = file(export(some, made.end));

    List<Object> direct = reported(new ListSource(some, made.end));
    assertThat(reported(new ExportedLog(List.of(file), "sandbox.", Selection.ALL)))
        .isEqualTo(direct);
    assertThat(direct).filteredOn(Violation.class::isInstance).isNotEmpty();
  }

  @Test
  void severalFilesAreMergedByTime() throws Exception {
    Histories made = new Histories(5, 10, 3, 3, 7_200_000);
    List<LogRecord> records = made.records();
    List<Path> files = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      int partition = i;
      files.add(
          file(
              export(
                  records.stream().filter(r -> r.raw().partition() == partition).toList(),
                  made.end)));
    }
    Summary summary =
        (Summary) reported(new ExportedLog(files, "sandbox.", Selection.ALL)).getLast();
    assertThat(summary.violationCount()).isZero();
    assertThat(summary.recordCount()).isEqualTo(records.size());
  }

  @Test
  void selectionsAreTheSameOfAFile() throws Exception {
    Histories made = new Histories(6, 10, 3, 3, 7_200_000);
    List<LogRecord> records = made.records();
    Path file = file(export(records, made.end));
    UserId user =
        made.log.entries.stream()
            .filter(e -> e.event != null)
            .findFirst()
            .orElseThrow()
            .event
            .userId();
    Selection selection =
        new Selection(
            Instant.ofEpochMilli(Histories.START + 1_000_000),
            Instant.ofEpochMilli(Histories.START + 5_000_000),
            user);
    ExportedLog log = new ExportedLog(List.of(file), "sandbox.", selection);
    assertThat(log.coverage().of(Topic.FAILED)).isEqualTo(Histories.START + 1_000_000);
    List<LogRecord> chosen = read(log);
    assertThat(chosen)
        .isNotEmpty()
        .allSatisfy(
            r -> {
              assertThat(new String(r.raw().key(), StandardCharsets.US_ASCII))
                  .isEqualTo(user.toString());
              assertThat(r.time())
                  .isBetween(Histories.START + 1_000_000, Histories.START + 5_000_000);
            });
    assertThat(log.end()).isEqualTo(Instant.ofEpochMilli(Histories.START + 5_000_000));
    assertThat(log.progress()).isEqualTo(1);
  }

  @Test
  void bytesSurviveWhateverTheyAre() throws Exception {
    byte[] all = new byte[256];
    for (int i = 0; i < 256; i++) {
      all[i] = (byte) i;
    }
    Headers headers = new RecordHeaders();
    headers.add("twice", new byte[] {1});
    headers.add("twice", null);
    headers.add("ünïcode", "\u0000\"\\\u2028🙂".getBytes(StandardCharsets.UTF_8));
    headers.add("raw", all);
    List<LogRecord> records =
        List.of(
            record(null, null, new RecordHeaders()),
            record(new byte[0], new byte[0], headers),
            record(all, "{\"a\":\"é\n🙂\"}".getBytes(StandardCharsets.UTF_8), headers));
    Path file = file(export(records, 5));
    assertThat(Files.readAllLines(file)).hasSize(5).allMatch(line -> line.startsWith("{"));

    List<LogRecord> back = read(new ExportedLog(List.of(file), "sandbox.", Selection.ALL));
    assertThat(back).hasSize(3);
    for (int i = 0; i < 3; i++) {
      ConsumerRecord<byte[], byte[]> was = records.get(i).raw();
      ConsumerRecord<byte[], byte[]> is = back.get(i).raw();
      assertThat(is.key()).isEqualTo(was.key());
      assertThat(is.value()).isEqualTo(was.value());
      assertThat(is.timestamp()).isEqualTo(was.timestamp());
      Header[] headersWas = was.headers().toArray();
      Header[] headersIs = is.headers().toArray();
      assertThat(headersIs).hasSameSizeAs(headersWas);
      for (int h = 0; h < headersWas.length; h++) {
        assertThat(headersIs[h].key()).isEqualTo(headersWas[h].key());
        assertThat(headersIs[h].value()).isEqualTo(headersWas[h].value());
      }
      assertThat(back.get(i).position()).isEqualTo(records.get(i).position());
    }
  }

  private static LogRecord record(byte[] key, byte[] value, Headers headers) {
    return new LogRecord(
        Topic.ACTIVITY,
        new ConsumerRecord<>(
            "sandbox.activity",
            2,
            17,
            1_000,
            TimestampType.CREATE_TIME,
            0,
            0,
            key,
            value,
            headers,
            Optional.empty()));
  }

  @Test
  void whatIsCutIsReportedInTheFile() throws Exception {
    ListSource source = new ListSource(List.of(), 9_000);
    source.known.cut(Topic.READY, 3, 4_000);
    StringWriter out = new StringWriter();
    new Export(out, source).close();
    ExportedLog log = new ExportedLog(List.of(file(out.toString())), "sandbox.", Selection.ALL);
    assertThat(log.coverage().of(Topic.READY, 3)).isEqualTo(4_000);
    assertThat(log.coverage().of(Topic.READY, 2)).isEqualTo(Long.MIN_VALUE);
    assertThat(log.end()).isEqualTo(Instant.ofEpochMilli(9_000));
    assertThat(log.next()).isNull();
  }

  /** An age of 57 years is before 1970. */
  @Test
  void anExportFromBeforeTheFirstRecordCanBeRead() throws Exception {
    ListSource source =
        new ListSource(List.of(), 9_000) {
          @Override
          public Coverage coverage() {
            return new Coverage(Instant.parse("1960-01-01T00:00:00Z"));
          }
        };
    StringWriter out = new StringWriter();
    new Export(out, source).close();
    ExportedLog log = new ExportedLog(List.of(file(out.toString())), "sandbox.", Selection.ALL);
    assertThat(log.next()).isNull();
    assertThat(log.coverage().of(Topic.READY)).isZero();
  }

  @Test
  void anExportWithoutItsLastLineIsCut() throws Exception {
    Histories made = new Histories(4, 2, 1, 1, 3_600_000);
    String whole = export(made.records(), made.end);
    String cut = whole.substring(0, whole.lastIndexOf("\n{") + 1);
    List<Path> files = List.of(file(whole), file(cut), file(whole + whole), file(cut + whole));
    ExportedLog log = new ExportedLog(files, "sandbox.", Selection.ALL);
    assertThat(read(log)).hasSize(6 * made.records().size());
    assertThat(log.cut()).containsExactly(files.get(1), files.get(3));
  }

  @Test
  void linesMadeByHandWillDo() throws Exception {
    Path file =
        file(
            """
            {"topic":"t.ensure","partition":0,"offset":1,"timestamp":5,"key":"k","more":{"x":[1]}}

            {"timestamp":7,"offset":2,"partition":0,"topic":"t.failed"}""");
    ExportedLog log = new ExportedLog(List.of(file), "t.", Selection.ALL);
    assertThat(read(log)).extracting(LogRecord::topic).containsExactly(Topic.ENSURE, Topic.FAILED);
    assertThat(log.end()).isEqualTo(Instant.ofEpochMilli(7));
    assertThat(log.topicPrefix()).isEqualTo("t.");
    assertThat(log.cut()).isEmpty();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          {"topic":"sandbox.ensure"} | expected topic, partition, offset and timestamp
          [] | expected an object
          nonsense | Unrecognized token 'nonsense'
          {"topic":"sandbox.live","partition":0,"offset":0,"timestamp":0} | the topic is not one of sandbox.*
          {"topic":"x","partition":0,"offset":0,"timestamp":0} | the topic is not one of sandbox.*
          {"topic":"sandbox.ensure","partition":0,"offset":0,"timestamp":999999999999999} | expected milliseconds since 1970
          {"topic":"sandbox.ensure","partition":0,"offset":0,"timestamp":"now"} | not numeric
          {"topic":"sandbox.ensure","partition":0,"offset":0,"timestamp":0,"headers":3} | expected an array of headers
          {"topic":"sandbox.ensure","partition":0,"offset":0,"timestamp":0,"key_base64":"%"} | Illegal character
          {"format":"sandbox-export-1","complete":"yes"} | not of boolean type
          {"format":"sandbox-export-9"} | its format is sandbox-export-9
          {"topic":"sandbox.ensure","partition":0 | end-of-input
          """)
  void whatIsNoExportIsReportedWithItsLine(String line, String problem) throws Exception {
    Path file =
        file(
            "{\"topic\":\"sandbox.ensure\",\"partition\":0,\"offset\":0,\"timestamp\":0}\n" + line);
    assertThatThrownBy(() -> read(new ExportedLog(List.of(file), "sandbox.", Selection.ALL)))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith(file + ", line 2, is not a record of an export: ")
        .hasMessageContaining(problem);
  }

  @Test
  void aFileThatIsNotThere() {
    assertThatThrownBy(
            () -> new ExportedLog(List.of(dir.resolve("none")), "sandbox.", Selection.ALL))
        .isInstanceOf(IOException.class)
        .hasMessage("no such file: " + dir.resolve("none"));
  }
}
