/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import com.fasterxml.jackson.core.JsonToken;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What a sandbox may reach of what its profile allows by name.
 *
 * @param allow names and addresses, each as in the operator's list and allowed by that; nothing if
 *     empty; all that the profile allows if null. At most {@value #MAX}, which take {@value
 *     #MAX_BYTES} bytes at most, together
 */
public record Network(@Nullable List<String> allow) {
  /** The most entries. */
  public static final int MAX = 100;

  /** Of all entries together. They are in each ready, and in two tables. */
  public static final int MAX_BYTES = 4096;

  /** All that the profile allows. */
  public static final Network WHOLE = new Network(null);

  private static final String FIELD = "network";
  private static final String ALLOW = "allow";
  private static final Pattern ENTRY = Pattern.compile("[a-z0-9*._:/-]{1,253}");

  /** What a parser of a record with a network and labels keeps. */
  static final Map<String, FieldParser.Wanted> NESTED_WITH_LABELS =
      Map.of(
          FIELD,
          new FieldParser.Wanted(16, Map.of(ALLOW, new FieldParser.Wanted(MAX))),
          "labels",
          new FieldParser.Wanted(Labels.MAX));

  /**
   * Checks the entries.
   *
   * @throws IllegalArgumentException if there are too many, or one is neither a name nor an address
   */
  public Network {
    if (allow != null) {
      allow = List.copyOf(allow);
      if (allow.size() > MAX) {
        throw new IllegalArgumentException("allow has more than " + MAX + " entries");
      }
      String problem = problem(allow);
      if (problem != null) {
        throw new IllegalArgumentException("allow " + problem);
      }
    }
  }

  private static @Nullable String problem(List<String> entries) {
    int bytes = 0;
    for (String entry : entries) {
      if (!ENTRY.matcher(entry).matches()) {
        return "has "
            + UntrustedText.quoteName(entry)
            + "; an entry is a name or an address of at most 253 characters in lower case, such as"
            + " github.com:443, *.pypi.org or 10.0.0.5:5432";
      }
      bytes += entry.length();
    }
    return bytes > MAX_BYTES
        ? "takes " + bytes + " bytes; at most " + MAX_BYTES + " are allowed"
        : null;
  }

  /** Writes what is given; null and nothing if nothing is. */
  static void write(@Nullable Network network, FieldWriter out) {
    if (network != null) {
      out.object(
          FIELD,
          inside -> {
            if (network.allow != null) {
              inside.texts(ALLOW, network.allow);
            }
          });
    }
  }

  /** Writes what a sandbox may reach, unless that is all. */
  static void writeAny(Network network, FieldWriter out) {
    write(network.allow == null ? null : network, out);
  }

  /** Reads what a sandbox may reach; all if the record does not say. */
  static Network read(Fields in) throws EventFormatException {
    Network given = given(in);
    return given == null ? WHOLE : given;
  }

  /** Reads what is given; null if nothing is, which differs from an empty object. */
  static @Nullable Network given(Fields in) throws EventFormatException {
    FieldValue object = in.given(FIELD);
    if (object == null) {
      return null;
    }
    if (object.token() != JsonToken.START_OBJECT) {
      throw in.refusal(FIELD, "is " + object.kind() + "; send {\"allow\": [\"github.com\"]}");
    }
    for (FieldValue.Member member : object.members()) {
      if (member.name().equals(ALLOW)) {
        return new Network(entries(in, member.value()));
      }
    }
    return WHOLE;
  }

  private static List<String> entries(Fields in, FieldValue array) throws EventFormatException {
    String field = FIELD + "." + ALLOW;
    if (array.token() != JsonToken.START_ARRAY) {
      throw in.refusal(field, "is " + array.kind() + "; make it an array of strings");
    }
    List<String> entries = new ArrayList<>();
    for (FieldValue.Member member : array.members()) {
      FieldValue value = member.value();
      if (!value.isString()) {
        throw in.refusal(
            field, "element " + entries.size() + " is " + value.kind() + "; make it a string");
      }
      entries.add(value.text());
    }
    String problem = problem(entries);
    if (problem != null) {
      throw in.refusal(field, problem);
    }
    return entries;
  }
}
