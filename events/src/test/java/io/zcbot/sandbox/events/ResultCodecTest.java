/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The results that workers publish, as the codec reads and writes them. */
class ResultCodecTest extends CodecCase {
  private static final String READY =
      """
      {"event_id":"r","user_id":"%s","ensure_id":"e","ready_at":"2026-11-24T12:00:00Z",
       "container_name":"n","container_id":"c","host":"h","engine":"x","worker_id":"w",
       "outcome":"reused","image":"i","runtime":"r","workspace":"/w","took_ms":1}"""
          .formatted(USER);

  static final String REAPED =
      """
      {"event_id":"r","user_id":"%s","reaped_at":"2026-11-24T12:00:00Z","container_name":"n",
       "container_id":"c","host":"h","worker_id":"w","reason":"idle"}"""
          .formatted(USER);

  private static final String FAILED =
      """
      {"event_id":"r","user_id":"%s","ensure_id":"e","failed_at":"2026-11-24T12:00:00Z",
       "reason":"capacity","message":"m","retryable":true}"""
          .formatted(USER);

  @ParameterizedTest
  @ValueSource(
      strings = {
        "event_id", "user_id", "ensure_id", "ready_at", "container_name", "container_id", "host",
        "engine", "worker_id", "outcome", "image", "runtime", "workspace", "took_ms"
      })
  void aReadyNeedsEachOfItsFields(String field) {
    assertThat(refusal(Topic.READY, READY.replace("\"" + field + "\"", "\"other\"")))
        .isEqualTo(field + ": missing; it is required");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "event_id",
        "user_id",
        "reaped_at",
        "container_name",
        "container_id",
        "host",
        "worker_id",
        "reason"
      })
  void aReapedNeedsEachOfItsFields(String field) {
    assertThat(refusal(Topic.REAPED, REAPED.replace("\"" + field + "\"", "\"other\"")))
        .isEqualTo(field + ": missing; it is required");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"event_id", "user_id", "ensure_id", "failed_at", "reason", "message", "retryable"})
  void aFailedNeedsEachOfItsFields(String field) {
    assertThat(refusal(Topic.FAILED, FAILED.replace("\"" + field + "\"", "\"other\"")))
        .isEqualTo(field + ": missing; it is required");
  }

  @Test
  void resultsWithWrongValuesAreRefused() {
    assertThat(refusal(Topic.READY, READY.replace("\"reused\"", "1")))
        .isEqualTo("outcome: is a number; make it a string");
    for (String number : new String[] {"-1", "1.5", "1e3", "9223372036854775808", "\"1\""}) {
      assertThat(refusal(Topic.READY, READY.replace("\"took_ms\":1", "\"took_ms\":" + number)))
          .isEqualTo("took_ms: is not a whole number of 0 or more");
    }
    for (String number : new String[] {"-1", "300.0", "\"300\"", "31536001"}) {
      assertThat(refusal(Topic.READY, READY.replace("}", ",\"idle_ttl_seconds\":" + number + "}")))
          .isEqualTo("idle_ttl_seconds: is not a whole number from 0 to 31536000");
    }
    assertThat(refusal(Topic.REAPED, REAPED.replace("idle", "\\u001b[2J")))
        .startsWith("reason: has a control or invisible character");
    assertThat(refusal(Topic.REAPED, REAPED.replace("}", ",\"exit_code\":1.0}")))
        .isEqualTo("exit_code: is not a whole number");
    assertThat(refusal(Topic.REAPED, REAPED.replace("}", ",\"exit_code\":2147483648}")))
        .isEqualTo("exit_code: is not a whole number");
    assertThat(refusal(Topic.REAPED, REAPED.replace("}", ",\"oom_killed\":\"yes\"}")))
        .isEqualTo("oom_killed: is a string; make it true or false");
    assertThat(refusal(Topic.FAILED, FAILED.replace("true", "1")))
        .isEqualTo("retryable: is a number; make it true or false");
    assertThat(refusal(Topic.FAILED, FAILED.replace("\"capacity\"", "true")))
        .isEqualTo("reason: is a boolean; make it a string");
  }

  @Test
  void aDeadLetterIsNoEvent() {
    assertThat(refusal(Topic.DEAD_LETTER, "{}"))
        .isEqualTo("value: a record of the dead-letter topic is not an event");
    assertThat(refusal(Topic.COMMANDS, "{}"))
        .isEqualTo("value: a record of the command table is not an event");
  }

  /** An engine's message can be long; what a worker publishes its readers must be able to read. */
  @Test
  void aLongMessageIsCutSoThatItCanBeRead() throws Exception {
    UserId user = UserId.parse(USER);
    String face = "🙂";
    Failed failed =
        new Failed(
            "f",
            user,
            "e",
            APPENDED,
            Failed.Reason.REJECTED,
            "x".repeat(4094) + face.repeat(10),
            false);
    Failed read = (Failed) codec.decode(Topic.FAILED, bytes(USER), codec.encode(failed), ORIGIN);
    assertThat(read.message()).isEqualTo("x".repeat(4094) + "…");
  }

  @Test
  void aMessageWithHalfACharacterIsPublishedAllTheSame() throws Exception {
    Failed failed =
        new Failed(
            "f", UserId.parse(USER), "e", APPENDED, Failed.Reason.REJECTED, "cut \ud83d", false);
    Failed read = (Failed) codec.decode(Topic.FAILED, bytes(USER), codec.encode(failed), ORIGIN);
    assertThat(read.message()).isEqualTo("cut ?");
  }
}
