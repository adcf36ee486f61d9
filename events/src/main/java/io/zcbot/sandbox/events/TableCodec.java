/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import java.util.HashMap;
import java.util.Map;

/** Reads and writes the entries of the tables. */
final class TableCodec {
  private static final Map<String, FieldParser.Wanted> NESTED_IN_LIVE = nestedInLive();

  private TableCodec() {}

  private static Map<String, FieldParser.Wanted> nestedInLive() {
    Map<String, FieldParser.Wanted> nested = new HashMap<>(Network.NESTED_WITH_LABELS);
    nested.putAll(RefusedEgress.NESTED);
    return Map.copyOf(nested);
  }

  static byte[] write(LiveSandbox live) {
    FieldWriter out =
        new FieldWriter()
            .text("user_id", live.userId().toString())
            .text("container_id", live.containerId())
            .text("host", live.host())
            .text("worker_id", live.workerId())
            .time("opened_at", live.openedAt())
            .seconds("idle_ttl_seconds", live.idleTtl())
            .time("started_at", live.startedAt());
    Labels.writeAny(live.labels(), out);
    out.time("ends_at", live.endsAt());
    ProfileName.write(live.profile(), out);
    Network.writeAny(live.network(), out);
    RefusedEgress.write(live.refused(), out);
    return out.toBytes();
  }

  static LiveSandbox live(byte[] value) throws EventFormatException {
    Fields in = Fields.parse(value, Topic.LIVE, NESTED_IN_LIVE);
    return new LiveSandbox(
        in.userId(),
        in.text("container_id"),
        in.text("host"),
        in.text("worker_id"),
        in.instant("opened_at"),
        in.optionalSeconds("idle_ttl_seconds", RequestCodec.MAX_IDLE_TTL_SECONDS),
        in.optionalInstant("started_at"),
        Labels.read(in),
        in.optionalInstant("ends_at"),
        ProfileName.read(in),
        Network.read(in),
        RefusedEgress.read(in));
  }

  static byte[] write(CurrentSandbox current) {
    FieldWriter out =
        new FieldWriter()
            .text("event_id", current.readyId())
            .text("user_id", current.userId().toString())
            .time("ready_at", current.readyAt());
    Containers.write(current.container(), out);
    Labels.writeAny(current.labels(), out);
    out.time("ends_at", current.endsAt());
    ProfileName.write(current.profile(), out);
    Network.writeAny(current.network(), out);
    out.text("network_digest", current.networkDigest());
    return out.toBytes();
  }

  static CurrentSandbox current(byte[] value) throws EventFormatException {
    Fields in = Fields.parse(value, Topic.CURRENT, Network.NESTED_WITH_LABELS);
    return new CurrentSandbox(
        in.text("event_id"),
        in.userId(),
        in.instant("ready_at"),
        Containers.read(in),
        Labels.read(in),
        in.optionalInstant("ends_at"),
        ProfileName.read(in),
        Network.read(in),
        in.optionalText("network_digest"));
  }

  static byte[] write(CommandEntry entry) {
    FieldWriter out =
        new FieldWriter()
            .text("user_id", entry.userId().toString())
            .text("exec_id", entry.execId())
            .number("partition", entry.partition())
            .number("offset", entry.offset());
    Containers.write(entry.container(), out);
    return out.time("started_at", entry.startedAt())
        .bool("answered", entry.answered())
        .text("reply_to", entry.replyTo())
        .toBytes();
  }

  static CommandEntry command(byte[] value) throws EventFormatException {
    Fields in = Fields.parse(value, Topic.COMMANDS);
    return new CommandEntry(
        in.userId(),
        in.text("exec_id"),
        in.nonNegativeInt("partition"),
        in.nonNegative("offset"),
        Containers.read(in),
        in.instant("started_at"),
        in.bool("answered"),
        in.optionalText("reply_to"));
  }
}
