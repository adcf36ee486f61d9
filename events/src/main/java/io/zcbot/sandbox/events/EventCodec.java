/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.databind.ObjectWriter;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * The JSON form of events: snake_case fields, RFC 3339 times in UTC, UTF-8, at most {@value
 * #MAX_BYTES} bytes. Reading ignores unknown fields, so that producers can be newer than readers.
 *
 * <p>Stateless and safe for concurrent use.
 */
public final class EventCodec {
  /** Largest value that is read; anything larger is not a valid event. */
  public static final int MAX_BYTES = 64 * 1024;

  private static final ObjectWriter WRITER = JsonMapper.builder().build().writer();

  /** The record value of an event. */
  public byte[] encode(SandboxEvent event) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("event_id", event.eventId());
    json.put("user_id", event.userId().toString());
    switch (event) {
      case Ensure e -> {
        put(json, "requested_at", e.requestedAt());
        put(json, "requested_by", e.requestedBy());
        put(json, "expires_at", e.expiresAt());
        put(json, "idle_ttl_seconds", e.idleTtl());
      }
      case Activity a -> {
        put(json, "occurred_at", a.occurredAt());
        put(json, "source", a.source());
      }
      case Ready r -> {
        json.put("ensure_id", r.ensureId());
        put(json, "ready_at", r.readyAt());
        json.put("container_name", r.container().name());
        json.put("container_id", r.container().id());
        json.put("host", r.container().host());
        json.put("engine", r.environment().engine());
        json.put("worker_id", r.container().workerId());
        json.put("outcome", r.outcome().wire());
        json.put("image", r.environment().image());
        json.put("runtime", r.environment().runtime());
        json.put("workspace", r.environment().workspace());
        put(json, "idle_ttl_seconds", r.environment().idleTtl());
        json.put("took_ms", r.tookMs());
      }
      case Reaped r -> {
        put(json, "reaped_at", r.reapedAt());
        json.put("container_name", r.container().name());
        json.put("container_id", r.container().id());
        json.put("host", r.container().host());
        json.put("worker_id", r.container().workerId());
        json.put("reason", r.reason().wire());
        put(json, "last_active_at", r.lastActiveAt());
        if (r.exitCode() != null) {
          json.put("exit_code", r.exitCode());
        }
        if (r.oomKilled() != null) {
          json.put("oom_killed", r.oomKilled());
        }
        if (r.lastUse() != null) {
          json.put("last_use", r.lastUse().wire());
        }
      }
      case Failed f -> {
        json.put("ensure_id", f.ensureId());
        put(json, "failed_at", f.failedAt());
        json.put("reason", f.reason().wire());
        json.put("message", UntrustedText.fitting(f.message()));
        json.put("retryable", f.retryable());
      }
    }
    return bytes(json);
  }

  private static byte[] bytes(ObjectNode json) {
    try {
      return WRITER.writeValueAsBytes(json);
    } catch (JacksonException e) {
      throw new UncheckedIOException("an event of strings and numbers could not be serialized", e);
    }
  }

  /** The record key of an event: its user, as text. */
  public byte[] key(SandboxEvent event) {
    return event.userId().toString().getBytes(StandardCharsets.US_ASCII);
  }

  /**
   * Reads an ensure. Key and {@code user_id} are enough: a missing id or time is taken from the
   * record's origin.
   *
   * @throws EventFormatException if the record is not a valid ensure
   */
  public Ensure decodeEnsure(byte @Nullable [] key, byte @Nullable [] value, Origin origin)
      throws EventFormatException {
    Fields in = Fields.parse(value);
    UserId user = userAgreeingWithKey(in, key);
    return new Ensure(
        eventId(in, origin),
        user,
        orElse(in.optionalInstant("requested_at"), origin.timestamp()),
        in.optionalText("requested_by"),
        in.optionalInstant("expires_at"),
        in.optionalSeconds("idle_ttl_seconds"));
  }

  /**
   * Reads an activity. Key and {@code user_id} are enough, as for an ensure.
   *
   * @throws EventFormatException if the record is not a valid activity
   */
  public Activity decodeActivity(byte @Nullable [] key, byte @Nullable [] value, Origin origin)
      throws EventFormatException {
    Fields in = Fields.parse(value);
    UserId user = userAgreeingWithKey(in, key);
    return new Activity(
        eventId(in, origin),
        user,
        orElse(in.optionalInstant("occurred_at"), origin.timestamp()),
        in.optionalText("source"));
  }

  /**
   * Reads a record of any topic except the dead-letter topic, whose records are not events.
   *
   * @throws EventFormatException if the record is not a valid event of that topic
   */
  public SandboxEvent decode(
      Topic topic, byte @Nullable [] key, byte @Nullable [] value, Origin origin)
      throws EventFormatException {
    return switch (topic) {
      case ENSURE -> decodeEnsure(key, value, origin);
      case ACTIVITY -> decodeActivity(key, value, origin);
      case READY -> decodeReady(key, value);
      case REAPED -> decodeReaped(key, value);
      case FAILED -> decodeFailed(key, value);
      case DEAD_LETTER ->
          throw new EventFormatException(
              "value", "a record of the dead-letter topic is not an" + " event");
      case LIVE ->
          throw new EventFormatException(
              "value", "a record of the live table is not an" + " event");
    };
  }

  /** The record key of a live entry: it names the container, since a user has several in time. */
  public byte[] liveKey(UserId user, String containerId) {
    return (user + "/" + containerId).getBytes(StandardCharsets.UTF_8);
  }

  /** The record value of a live entry. */
  public byte[] encodeLive(LiveSandbox live) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("user_id", live.userId().toString());
    json.put("container_id", live.containerId());
    json.put("host", live.host());
    json.put("worker_id", live.workerId());
    put(json, "opened_at", live.openedAt());
    put(json, "idle_ttl_seconds", live.idleTtl());
    return bytes(json);
  }

  /**
   * Reads a live entry.
   *
   * @throws EventFormatException if the value is not a valid entry
   */
  public LiveSandbox decodeLive(byte[] value) throws EventFormatException {
    Fields in = Fields.parse(value);
    return new LiveSandbox(
        in.userId(),
        in.text("container_id"),
        in.text("host"),
        in.text("worker_id"),
        in.instant("opened_at"),
        in.optionalSeconds("idle_ttl_seconds"));
  }

  private static Ready decodeReady(byte @Nullable [] key, byte @Nullable [] value)
      throws EventFormatException {
    Fields in = Fields.parse(value);
    return new Ready(
        in.text("event_id"),
        userAgreeingWithKey(in, key),
        in.text("ensure_id"),
        in.instant("ready_at"),
        container(in),
        in.oneOf("outcome", Ready.Outcome.values()),
        new Ready.Environment(
            in.text("engine"),
            in.text("image"),
            in.text("runtime"),
            in.text("workspace"),
            in.optionalSeconds("idle_ttl_seconds")),
        in.nonNegative("took_ms"));
  }

  private static Reaped decodeReaped(byte @Nullable [] key, byte @Nullable [] value)
      throws EventFormatException {
    Fields in = Fields.parse(value);
    return new Reaped(
        in.text("event_id"),
        userAgreeingWithKey(in, key),
        in.instant("reaped_at"),
        container(in),
        in.oneOf("reason", Reaped.Reason.values()),
        in.optionalInstant("last_active_at"),
        in.optionalInt("exit_code"),
        in.optionalBool("oom_killed"),
        in.optionalOneOf("last_use", Reaped.Use.values()));
  }

  private static ContainerRef container(Fields in) throws EventFormatException {
    return new ContainerRef(
        in.text("container_name"), in.text("container_id"), in.text("host"), in.text("worker_id"));
  }

  private static Failed decodeFailed(byte @Nullable [] key, byte @Nullable [] value)
      throws EventFormatException {
    Fields in = Fields.parse(value);
    return new Failed(
        in.text("event_id"),
        userAgreeingWithKey(in, key),
        in.text("ensure_id"),
        in.instant("failed_at"),
        in.oneOf("reason", Failed.Reason.values()),
        in.prose("message"),
        in.bool("retryable"));
  }

  private static UserId userAgreeingWithKey(Fields in, byte @Nullable [] key)
      throws EventFormatException {
    UserId user = in.userId();
    if (key == null) {
      throw new EventFormatException(
          "key", "missing; set the record key to the user_id, which decides the partition");
    }
    if (isAscii(key, user.toString())) {
      return user;
    }
    if (key.length > 256) {
      throw new EventFormatException("key", "is " + key.length + " bytes; it must be the user_id");
    }
    throw new EventFormatException(
        "key",
        "is "
            + UntrustedText.quote(Fields.utf8("key", key))
            + " but user_id is '"
            + user
            + "'; make them the same");
  }

  private static boolean isAscii(byte[] bytes, String text) {
    if (bytes.length != text.length()) {
      return false;
    }
    for (int i = 0; i < bytes.length; i++) {
      if (bytes[i] != text.charAt(i)) {
        return false;
      }
    }
    return true;
  }

  private static void put(ObjectNode json, String field, @Nullable Instant value) {
    if (value != null) {
      json.put(field, value.toString());
    }
  }

  private static void put(ObjectNode json, String field, @Nullable Duration value) {
    if (value != null) {
      json.put(field, value.toSeconds());
    }
  }

  private static void put(ObjectNode json, String field, @Nullable String value) {
    if (value != null) {
      json.put(field, value);
    }
  }

  private static String eventId(Fields in, Origin origin) throws EventFormatException {
    String given = in.optionalText("event_id");
    return given != null ? given : origin.eventId();
  }

  private static <T> T orElse(@Nullable T value, T fallback) {
    return value != null ? value : fallback;
  }
}
