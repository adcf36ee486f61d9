/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.it;

import static java.nio.charset.StandardCharsets.UTF_16;
import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.jspecify.annotations.Nullable;

/** A bad record and the field that the worker must name. */
record Poison(
    String name, byte @Nullable [] key, byte @Nullable [] value, List<Header> headers, String at) {
  static final String USER = "7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10";

  static List<Poison> kinds() {
    String upper = USER.toUpperCase(Locale.ROOT);
    return List.of(
        of("no JSON", USER, "hello", "value"),
        of("empty", USER, "", "value"),
        of("blank", USER, "  \n", "value"),
        of("half an object", USER, "{\"user_id\":\"" + USER + "\"", "value"),
        of("two objects", USER, json(USER) + json(USER), "value"),
        of("the same field twice", USER, "{'user_id':'%s','user_id':'%s'}", "value"),
        of("an array", USER, "[" + json(USER) + "]", "value"),
        of("a string", USER, "\"" + USER + "\"", "value"),
        of("JSON null", USER, "null", "value"),
        new Poison("null value", bytes(USER), null, List.of(), "value"),
        new Poison("null key", null, bytes(json(USER)), List.of(), "key"),
        new Poison("null key and value", null, null, List.of(), "value"),
        new Poison("empty key", new byte[0], bytes(json(USER)), List.of(), "key"),
        of("another key", "11111111-1111-4111-8111-111111111111", json(USER), "key"),
        of("upper-case key", upper, json(USER), "key"),
        of("upper case", upper, json(upper), "user_id"),
        of("a path", "../x", json("../x"), "user_id"),
        of("a path behind a UUID", USER + "/../x", json(USER + "/../x"), "user_id"),
        of("NUL", USER + "\0", json(USER + "\\u0000"), "user_id"),
        of("a line break behind", USER + "\n", json(USER + "\\n"), "user_id"),
        of("braces", "{" + USER + "}", json("{" + USER + "}"), "user_id"),
        of("no dashes", USER.replace("-", ""), json(USER.replace("-", "")), "user_id"),
        of("300 characters", "a".repeat(300), json("a".repeat(300)), "user_id"),
        of("a key of 300 characters", "a".repeat(300), json(USER), "key"),
        of("no user", USER, "{}", "user_id"),
        of("a number for a user", USER, "{'user_id':7}", "user_id"),
        of("an object for a user", USER, "{'user_id':{'id':'%s'}}", "user_id"),
        of("an empty id", USER, "{'user_id':'%s','event_id':''}", "event_id"),
        of("a number for an id", USER, "{'user_id':'%s','event_id':1}", "event_id"),
        of(
            "an id of 5,000 characters",
            USER,
            "{'user_id':'%s','event_id':'" + "e".repeat(5000) + "'}",
            "event_id"),
        new Poison("64 KiB and one", bytes(USER), huge(64 * 1024 + 1), List.of(), "value"),
        new Poison("all a broker takes", bytes(USER), huge(1_048_400), List.of(), "value"),
        of(
            "deep",
            USER,
            "{'user_id':'%s','x':" + "[".repeat(20_000) + "]".repeat(20_000) + "}",
            "value"),
        of(
            "a number without end",
            USER,
            "{'user_id':'%s','x':" + "9".repeat(50_000) + "}",
            "value"),
        new Poison(
            "not UTF-8",
            bytes(USER),
            concat(bytes("{\"user_id\":\"" + USER + "\",\"x\":\""), new byte[] {(byte) 0xc3, 0x28}),
            List.of(),
            "value"),
        new Poison("UTF-16", bytes(USER), json(USER).getBytes(UTF_16), List.of(), "value"),
        new Poison(
            "a key not UTF-8", new byte[] {(byte) 0xff, 0}, bytes(json(USER)), List.of(), "key"),
        new Poison("many headers", bytes(USER), bytes("{"), manyHeaders(), "value"),
        new Poison(
            "headers that claim to be ours",
            bytes(USER),
            bytes("{"),
            List.of(
                new RecordHeader("zcbot_offset", bytes("0")),
                new RecordHeader("zcbot_error", null)),
            "value"));
  }

  static List<Poison> kindsOfEnsures() {
    return List.of(
        of("no time", USER, "{'user_id':'%s','requested_at':'yesterday'}", "requested_at"),
        of("a number for a time", USER, "{'user_id':'%s','expires_at':1763996400}", "expires_at"),
        of(
            "a time without zone",
            USER,
            "{'user_id':'%s','expires_at':'2026-11-24T15:00:00'}",
            "expires_at"),
        of(
            "a time in the year 10,000,000",
            USER,
            "{'user_id':'%s','expires_at':'+10000000-01-01T00:00:00Z'}",
            "expires_at"),
        of("a list of requesters", USER, "{'user_id':'%s','requested_by':['x']}", "requested_by"));
  }

  static List<Poison> kindsOfActivity() {
    return List.of(
        of("no time", USER, "{'user_id':'%s','occurred_at':'24.11.2026'}", "occurred_at"),
        of("true for a source", USER, "{'user_id':'%s','source':true}", "source"));
  }

  private static Poison of(String name, String key, String value, String at) {
    String json = value.contains("'") ? value.replace("%s", USER).replace('\'', '"') : value;
    return new Poison(name, bytes(key), bytes(json), List.of(), at);
  }

  private static String json(String user) {
    return "{\"user_id\":\"" + user + "\"}";
  }

  static byte[] huge(int size) {
    byte[] start = bytes("{\"user_id\":\"" + USER + "\",\"x\":\"");
    byte[] value = new byte[size];
    Arrays.fill(value, (byte) 'x');
    System.arraycopy(start, 0, value, 0, start.length);
    value[size - 2] = '"';
    value[size - 1] = '}';
    return value;
  }

  private static List<Header> manyHeaders() {
    List<Header> headers = new ArrayList<>();
    for (int i = 0; i < 1000; i++) {
      headers.add(new RecordHeader("header-" + i % 10, bytes("value " + i)));
    }
    headers.add(new RecordHeader("null", null));
    return headers;
  }

  static byte[] bytes(String text) {
    return text.getBytes(UTF_8);
  }

  private static byte[] concat(byte[] one, byte[] other) {
    byte[] both = Arrays.copyOf(one, one.length + other.length);
    System.arraycopy(other, 0, both, one.length, other.length);
    return both;
  }
}
