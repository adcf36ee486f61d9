/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** Reads and writes ensures, activities and releases. */
final class RequestCodec {
  /** One year: more than operators allow, and short enough that arithmetic does not overflow. */
  static final long MAX_IDLE_TTL_SECONDS = Duration.ofDays(365).toSeconds();

  private RequestCodec() {}

  static void write(Ensure ensure, FieldWriter out) {
    out.time("requested_at", ensure.requestedAt())
        .text("requested_by", ensure.requestedBy())
        .time("expires_at", ensure.expiresAt())
        .seconds("idle_ttl_seconds", ensure.idleTtl());
    Labels.write(ensure.labels(), out);
    out.time("ends_at", ensure.endsAt());
    ProfileName.writeRequested(ensure.profile(), out);
    out.bool("replace", ensure.replace() ? true : null);
    Network.write(ensure.network(), out);
  }

  static Ensure ensure(byte @Nullable [] key, byte @Nullable [] value, Origin origin)
      throws EventFormatException {
    Fields in = Requests.fields(value, Topic.ENSURE, origin, Network.NESTED_WITH_LABELS);
    UserId user = RecordKey.agreedUser(in, key);
    return new Ensure(
        Requests.eventId(in, origin),
        user,
        Requests.time(in, "requested_at", origin),
        in.optionalText("requested_by"),
        in.optionalInstant("expires_at"),
        Requests.seconds(in, "idle_ttl_seconds", MAX_IDLE_TTL_SECONDS),
        Labels.given(in),
        in.optionalInstant("ends_at"),
        ProfileName.requested(in),
        in.bool("replace", false),
        Network.given(in));
  }

  static void write(Activity activity, FieldWriter out) {
    out.time("occurred_at", activity.occurredAt()).text("source", activity.source());
  }

  static Activity activity(byte @Nullable [] key, byte @Nullable [] value, Origin origin)
      throws EventFormatException {
    Fields in = Requests.fields(value, Topic.ACTIVITY, origin);
    UserId user = RecordKey.agreedUser(in, key);
    return new Activity(
        Requests.eventId(in, origin),
        user,
        Requests.time(in, "occurred_at", origin),
        in.optionalText("source"));
  }

  static void write(Release release, FieldWriter out) {
    out.time("requested_at", release.requestedAt())
        .text("requested_by", release.requestedBy())
        .time("expires_at", release.expiresAt())
        .text("container_id", release.containerId());
  }

  static Release release(byte @Nullable [] key, byte @Nullable [] value, Origin origin)
      throws EventFormatException {
    Fields in = Requests.fields(value, Topic.RELEASE, origin);
    UserId user = RecordKey.agreedUser(in, key);
    return new Release(
        Requests.eventId(in, origin),
        user,
        Requests.time(in, "requested_at", origin),
        in.optionalText("requested_by"),
        in.optionalInstant("expires_at"),
        in.optionalText("container_id"));
  }
}
