/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Inputs, starts, outputs and ends of commands. */
class CommandCodecTest extends CodecCase {
  private static final String OUTPUT =
      """
      {"event_id":"o","user_id":"%s","exec_id":"e","written_at":"2026-11-24T12:00:00Z","seq":0,
       "stream":"stdout","data":"hi"}"""
          .formatted(USER);

  private static final String STARTED =
      """
      {"event_id":"s","user_id":"%s","exec_id":"e","started_at":"2026-11-24T12:00:00Z","pid":17,
       "container_name":"n","container_id":"c","host":"h","worker_id":"w"}"""
          .formatted(USER);

  private static final String EXITED =
      """
      {"event_id":"x","user_id":"%s","exec_id":"e","exited_at":"2026-11-24T12:00:00Z",
       "reason":"expired","output_count":0,"truncated":false,"host":"h","worker_id":"w","took_ms":0,
       "retryable":true}"""
          .formatted(USER);

  private Input input(String fields) throws EventFormatException {
    return codec.decodeInput(bytes(USER), bytes(json(fields)), ORIGIN);
  }

  private static String json(String fields) {
    return "{\"user_id\":\"" + USER + "\"," + fields + "}";
  }

  @Test
  void anInputHasOneContent() throws Exception {
    assertThat(input("\"exec_id\":\"e\",\"data\":\"\\u0000\""))
        .isEqualTo(
            new Input(
                ORIGIN.eventId(),
                UserId.parse(USER),
                APPENDED,
                "e",
                new Input.Content.Bytes(Data.of("\0"))));
    assertThat(input("\"exec_id\":\"e\",\"data_base64\":\"/w==\"").content())
        .isEqualTo(new Input.Content.Bytes(Data.of(new byte[] {-1})));
    assertThat(input("\"exec_id\":\"e\",\"eof\":true").content())
        .isEqualTo(new Input.Content.End());
    assertThat(input("\"exec_id\":\"e\",\"signal\":\"INT\",\"data\":null").content())
        .isEqualTo(new Input.Content.Signal(CommandSignal.INT));
    assertThat(input("\"exec_id\":\"e\",\"resize\":{\"columns\":1,\"rows\":2}").content())
        .isEqualTo(new Input.Content.Resize(new TerminalSize(1, 2)));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          "data":"x"                             | exec_id: missing; it is required
          "exec_id":"e"                          | data: missing; send one of data, data_base64, eof, signal, resize
          "exec_id":"e","data":"x","eof":true    | eof: is given together with data; send one of them in each record
          "exec_id":"e","data":"x","data_base64":"" | data_base64: is given together with data; send one of them in each record
          "exec_id":"e","eof":false              | eof: is false; make it true or leave the field out
          "exec_id":"e","eof":1                  | eof: is a number; make it true or false
          "exec_id":"e","signal":"SIGINT"        | signal: is 'SIGINT'; it must be one of INT, TERM, KILL, HUP
          "exec_id":"e","signal":9               | signal: is a number; make it a string
          "exec_id":"e","resize":[80,24]         | resize: is an array; make it an object
          "exec_id":"e","resize":{"columns":80}  | resize.rows: missing; it is required
          "exec_id":"e","data_base64":"?"        | data_base64: is not base64; use the alphabet with + and /, without line breaks
          """)
  void inputsThatAreNoneAreRefused(String fields, String problem) {
    assertThat(refusal(Topic.INPUT, json(fields))).isEqualTo(problem);
  }

  /** A worker keeps the name of a command that it does not know, and no exec has a longer one. */
  @Test
  void anInputNamesAnExecByAnIdThatItMayHave() throws Exception {
    String input = "\"exec_id\":\"%s\",\"eof\":true";
    assertThat(input(input.formatted("x".repeat(256))).execId()).hasSize(256);
    assertThat(refusal(Topic.INPUT, json(input.formatted("x".repeat(257)))))
        .isEqualTo("exec_id: is 257 characters long; at most 256 are allowed");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "event_id",
        "user_id",
        "exec_id",
        "started_at",
        "pid",
        "container_name",
        "container_id",
        "host",
        "worker_id"
      })
  void aStartedNeedsEachOfItsFields(String field) {
    assertThat(refusal(Topic.STARTED, STARTED.replace("\"" + field + "\"", "\"other\"")))
        .isEqualTo(field + ": missing; it is required");
  }

  @ParameterizedTest
  @ValueSource(strings = {"0", "-1", "2147483648", "\"17\"", "1.5"})
  void aStartedHasAPositiveProcessId(String pid) {
    assertThat(refusal(Topic.STARTED, STARTED.replace("17", pid)))
        .isEqualTo("pid: is not a whole number from 1 to 2147483647");
  }

  @ParameterizedTest
  @ValueSource(strings = {"event_id", "user_id", "exec_id", "written_at", "seq", "stream", "data"})
  void anOutputNeedsEachOfItsFields(String field) {
    assertThat(refusal(Topic.OUTPUT, OUTPUT.replace("\"" + field + "\"", "\"other\"")))
        .isEqualTo(field + ": missing; it is required");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "event_id",
        "user_id",
        "exec_id",
        "exited_at",
        "reason",
        "output_count",
        "truncated",
        "host",
        "worker_id",
        "took_ms",
        "retryable"
      })
  void anExitedNeedsEachOfItsFields(String field) {
    assertThat(refusal(Topic.EXITED, EXITED.replace("\"" + field + "\"", "\"other\"")))
        .isEqualTo(field + ": missing; it is required");
  }

  @Test
  void resultsWithWrongValuesAreRefused() {
    assertThat(refusal(Topic.EXITED, EXITED.replace("\"expired\"", "{}")))
        .isEqualTo("reason: is an object; make it a string");
    assertThat(refusal(Topic.EXITED, EXITED.replace("}", ",\"survivors\":-1}")))
        .isEqualTo("survivors: is not a whole number from 0 to 2147483647");
    assertThat(refusal(Topic.EXITED, EXITED.replace("}", ",\"container_id\":\"c\"}")))
        .isEqualTo("container_name: missing; it is required");
    assertThat(refusal(Topic.EXITED, EXITED.replace("}", ",\"cpu_ms\":-1}")))
        .isEqualTo("cpu_ms: is not a whole number of 0 or more");
    assertThat(refusal(Topic.EXITED, EXITED.replace("}", ",\"oom_killed\":1}")))
        .isEqualTo("oom_killed: is a number; make it true or false");
    assertThat(refusal(Topic.EXITED, EXITED.replace("}", ",\"memory_limit_bytes\":-1}")))
        .isEqualTo("memory_limit_bytes: is not a whole number of 0 or more");
  }

  /** A runner's word can be in a message, and what a worker publishes its readers must accept. */
  @ParameterizedTest
  @ValueSource(strings = {"", " \n", "cut \ud83d", "\u001b[2J"})
  void anyMessageCanBePublished(String message) throws Exception {
    Exited exited = (Exited) codec.decode(Topic.EXITED, bytes(USER), bytes(EXITED), ORIGIN);
    Exited said =
        new Exited(
            exited.eventId(),
            exited.userId(),
            exited.execId(),
            exited.exitedAt(),
            exited.reason(),
            null,
            null,
            null,
            null,
            0,
            false,
            0,
            exited.site(),
            null,
            0,
            null,
            message,
            false);
    Exited read = (Exited) codec.decode(Topic.EXITED, bytes(USER), codec.encode(said), ORIGIN);
    assertThat(read.message()).isEqualTo(message.isBlank() ? null : message.replace('\ud83d', '?'));
  }
}
