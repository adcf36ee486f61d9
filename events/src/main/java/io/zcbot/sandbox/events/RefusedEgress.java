/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A connection, or a look-up of a name, that a sandbox was refused. An entry of the live table has
 * the last {@value #MOST}.
 *
 * @param at when
 * @param protocol {@code tls}, {@code http}, {@code tcp} or {@code dns}
 * @param name what was asked for; null if that was no name
 * @param reason why, as in the worker's log
 */
public record RefusedEgress(
    Instant at, String protocol, @Nullable String name, int port, String reason) {
  /** How many an entry has. */
  public static final int MOST = 10;

  private static final String FIELD = "egress_refused";
  private static final int MAX_PORT = 65_535;

  /** What a parser of a record with them keeps. */
  static final Map<String, FieldParser.Wanted> NESTED =
      Map.of(
          FIELD,
          new FieldParser.Wanted(MOST, Map.of("", new FieldParser.Wanted(FieldParser.MAX_FIELDS))));

  /** Whether another one differs in nothing but its time. */
  public boolean isLike(RefusedEgress other) {
    return equals(new RefusedEgress(at, other.protocol, other.name, other.port, other.reason));
  }

  static void write(List<RefusedEgress> refused, FieldWriter out) {
    if (!refused.isEmpty()) {
      out.objects(
          FIELD,
          refused,
          each ->
              out.time("at", each.at)
                  .text("protocol", each.protocol)
                  .text("name", each.name)
                  .number("port", Integer.valueOf(each.port))
                  .text("reason", each.reason));
    }
  }

  static List<RefusedEgress> read(Fields in) throws EventFormatException {
    List<RefusedEgress> refused = new ArrayList<>();
    for (Fields each : in.objects(FIELD)) {
      refused.add(
          new RefusedEgress(
              each.instant("at"),
              each.text("protocol"),
              each.optionalText("name"),
              Math.toIntExact(each.required("port", each.optionalWithin("port", 0, MAX_PORT))),
              each.text("reason")));
    }
    return refused;
  }
}
