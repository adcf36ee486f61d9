/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import org.jspecify.annotations.Nullable;

/** What workers tell of sandboxes: ready, reaped, failed and expiring. */
final class ResultCodec {
  private ResultCodec() {}

  static void write(Ready ready, FieldWriter out) {
    Ready.Environment environment = ready.environment();
    out.text("ensure_id", ready.ensureId())
        .time("ready_at", ready.readyAt())
        .text("container_name", ready.container().name())
        .text("container_id", ready.container().id())
        .text("host", ready.container().host())
        .text("engine", environment.engine())
        .text("worker_id", ready.container().workerId())
        .oneOf("outcome", ready.outcome())
        .text("image", environment.image())
        .text("runtime", environment.runtime())
        .text("workspace", environment.workspace())
        .seconds("idle_ttl_seconds", environment.idleTtl())
        .number("took_ms", ready.tookMs());
    Labels.writeAny(ready.labels(), out);
    out.time("ends_at", ready.endsAt());
    ProfileName.write(ready.profile(), out);
    Network.writeAny(ready.network(), out);
    out.text("network_digest", ready.networkDigest());
  }

  static Ready ready(byte @Nullable [] key, byte @Nullable [] value) throws EventFormatException {
    Fields in = Fields.parse(value, Topic.READY, Network.NESTED_WITH_LABELS);
    return new Ready(
        in.text("event_id"),
        RecordKey.agreedUser(in, key),
        in.text("ensure_id"),
        in.instant("ready_at"),
        Containers.read(in),
        in.oneOfOr(Ready.Outcome.UNKNOWN, "outcome", Ready.Outcome.values()),
        new Ready.Environment(
            in.text("engine"),
            in.text("image"),
            in.text("runtime"),
            in.text("workspace"),
            in.optionalSeconds("idle_ttl_seconds", RequestCodec.MAX_IDLE_TTL_SECONDS)),
        in.nonNegative("took_ms"),
        Labels.read(in),
        in.optionalInstant("ends_at"),
        ProfileName.read(in),
        Network.read(in),
        in.optionalText("network_digest"));
  }

  static void write(Reaped reaped, FieldWriter out) {
    out.time("reaped_at", reaped.reapedAt());
    Containers.write(reaped.container(), out);
    out.oneOf("reason", reaped.reason())
        .time("last_active_at", reaped.lastActiveAt())
        .number("exit_code", reaped.exitCode())
        .bool("oom_killed", reaped.oomKilled())
        .oneOf("last_use", reaped.lastUse());
  }

  static Reaped reaped(byte @Nullable [] key, byte @Nullable [] value) throws EventFormatException {
    Fields in = Fields.parse(value, Topic.REAPED);
    return new Reaped(
        in.text("event_id"),
        RecordKey.agreedUser(in, key),
        in.instant("reaped_at"),
        Containers.read(in),
        in.oneOfOr(Reaped.Reason.UNKNOWN, "reason", Reaped.Reason.values()),
        in.optionalInstant("last_active_at"),
        in.optionalInt("exit_code"),
        in.optionalBool("oom_killed"),
        in.optionalOneOfOr(Reaped.Use.UNKNOWN, "last_use", Reaped.Use.values()));
  }

  static void write(Failed failed, FieldWriter out) {
    out.text("ensure_id", failed.ensureId())
        .time("failed_at", failed.failedAt())
        .oneOf("reason", failed.reason())
        .text("message", UntrustedText.fitting(failed.message()))
        .bool("retryable", failed.retryable());
  }

  static Failed failed(byte @Nullable [] key, byte @Nullable [] value) throws EventFormatException {
    Fields in = Fields.parse(value, Topic.FAILED);
    return new Failed(
        in.text("event_id"),
        RecordKey.agreedUser(in, key),
        in.text("ensure_id"),
        in.instant("failed_at"),
        in.oneOfOr(Failed.Reason.UNKNOWN, "reason", Failed.Reason.values()),
        in.prose("message"),
        in.bool("retryable"));
  }

  static void write(Expiring expiring, FieldWriter out) {
    out.time("noticed_at", expiring.noticedAt())
        .text("container_id", expiring.containerId())
        .time("at", expiring.endsAt())
        .oneOf("reason", expiring.reason());
  }

  static Expiring expiring(byte @Nullable [] key, byte @Nullable [] value)
      throws EventFormatException {
    Fields in = Fields.parse(value, Topic.EXPIRING);
    return new Expiring(
        in.text("event_id"),
        RecordKey.agreedUser(in, key),
        in.instant("noticed_at"),
        in.text("container_id"),
        in.instant("at"),
        in.oneOfOr(Expiring.Reason.UNKNOWN, "reason", Expiring.Reason.values()));
  }
}
