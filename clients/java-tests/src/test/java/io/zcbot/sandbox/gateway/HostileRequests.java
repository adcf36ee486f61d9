/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.zip.GZIPOutputStream;

/**
 * Makes requests that no client should send, from a seed: paths, headers, JSON, Protobuf, frames of
 * the Connect protocol, chunked and compressed bodies, and bytes that are no HTTP at all.
 */
final class HostileRequests {
  private static final List<String> RPCS =
      List.of(
          "/process.Process/Start",
          "/process.Process/Connect",
          "/process.Process/List",
          "/process.Process/SendInput",
          "/process.Process/StreamInput",
          "/process.Process/CloseStdin",
          "/process.Process/SendSignal",
          "/process.Process/Update",
          "/process.Process/Nothing",
          "/filesystem.Filesystem/Stat",
          "/filesystem.Filesystem/MakeDir",
          "/filesystem.Filesystem/Move",
          "/filesystem.Filesystem/ListDir",
          "/filesystem.Filesystem/Remove",
          "/filesystem.Filesystem/WatchDir",
          "/filesystem.Filesystem/CreateWatcher",
          "/filesystem.Filesystem/GetWatcherEvents",
          "/filesystem.Filesystem/RemoveWatcher");
  private static final List<String> PATHS =
      List.of(
          "/v2/sandboxes",
          "/sandboxes",
          "/sandboxes/%00",
          "/sandboxes/%zz/connect",
          "/sandboxes/x/timeout",
          "/sandboxes/00000000000000000000000000000000/pause",
          "/sandboxes/00000000000000000000000000000000/connect",
          "/sandboxes/00000000000000000000000000000000/metrics?start=x",
          "/sandboxes/../../etc/passwd",
          "/sandboxes//",
          "/templates/%2e%2e/x",
          "/files/compose",
          "/envs",
          "/health",
          "/metrics",
          "/mcp",
          "/",
          "*",
          "//",
          "/\\..\\x",
          "http://other.example/v2/sandboxes",
          "/v2/sandboxes?limit=-1&limit=2&order=up&nextToken=%FF",
          "/v2/sandboxes?metadata=%25252525&startedAfter=never&state=x");
  private static final List<String> FIELDS =
      List.of(
          "path",
          "depth",
          "process",
          "pid",
          "tag",
          "cmd",
          "args",
          "envs",
          "cwd",
          "pty",
          "size",
          "cols",
          "rows",
          "input",
          "stdin",
          "signal",
          "source",
          "destination",
          "watcherId",
          "templateID",
          "timeout",
          "metadata",
          "envVars",
          "network",
          "source_paths",
          "username",
          "");
  private static final List<String> METHODS =
      List.of("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE", "get", "X-Y");
  private static final String HOST = "Host: localhost\r\n";

  private final Random random;
  private final String key;
  private final String sandbox;
  private final String token;

  /** A request. If its framing is sound, the connection serves further ones after the answer. */
  record Request(byte[] bytes, boolean isFramed) {}

  /**
   * @param key a valid API key
   * @param sandbox the id of a sandbox
   * @param token its access token
   */
  HostileRequests(long seed, String key, String sandbox, String token) {
    this.random = new Random(seed);
    this.key = key;
    this.sandbox = sandbox;
    this.token = token;
  }

  Request next() {
    return switch (random.nextInt(10)) {
      case 0, 1, 2 -> rpc();
      case 3 -> files();
      case 4, 5, 6 -> control();
      case 7, 8 -> misframed();
      default -> new Request(bytes(random.nextInt(3000)), false);
    };
  }

  private <T> T any(List<T> of) {
    return of.get(random.nextInt(of.size()));
  }

  private boolean oneIn(int n) {
    return random.nextInt(n) == 0;
  }

  private byte[] bytes(int count) {
    byte[] bytes = new byte[count];
    random.nextBytes(bytes);
    return bytes;
  }

  private String text() {
    return switch (random.nextInt(9)) {
      case 0 -> "";
      case 1 -> "../".repeat(random.nextInt(40));
      case 2 -> "/" + "x".repeat(random.nextInt(5000));
      case 3 -> "a\0b";
      case 4 -> "\ud83d\ude00\u202e\r\n\t";
      case 5 -> "~root/x";
      case 6 -> "-rf";
      case 7 -> Integer.toString(random.nextInt());
      default -> "nosuch" + random.nextInt(100);
    };
  }

  private String json(int depth) {
    return switch (random.nextInt(depth > 5 ? 6 : 9)) {
      case 0 -> "null";
      case 1 -> oneIn(2) ? "true" : "-1";
      case 2 -> oneIn(2) ? "1e999" : "99999999999999999999999";
      case 3 -> Integer.toString(random.nextInt());
      case 4, 5 -> quoted(text());
      case 6 -> "[" + json(depth + 1) + "," + json(depth + 1) + "]";
      default -> object(depth + 1);
    };
  }

  private String object(int depth) {
    StringBuilder object = new StringBuilder("{");
    for (int i = random.nextInt(4); i >= 0; i--) {
      object.append(quoted(any(FIELDS))).append(':').append(json(depth)).append(i > 0 ? "," : "");
    }
    return object.append('}').toString();
  }

  private static String quoted(String text) {
    StringBuilder quoted = new StringBuilder("\"");
    for (char c : text.toCharArray()) {
      if (c < ' ' || c == '"' || c == '\\') {
        quoted.append("\\u%04x".formatted((int) c));
      } else {
        quoted.append(c);
      }
    }
    return quoted.append('"').toString();
  }

  private byte[] message() {
    return switch (random.nextInt(6)) {
      case 0 -> bytes(random.nextInt(200));
      case 1 -> "[".repeat(random.nextInt(2000)).getBytes(UTF_8);
      case 2 -> object(0).substring(1).getBytes(UTF_8);
      case 3 -> "{\"a\":\"\ud800\"}".getBytes(UTF_8);
      default -> object(0).getBytes(UTF_8);
    };
  }

  /** Returns bytes that may begin as a message in Protobuf does. */
  private byte[] protobuf() {
    ByteArrayOutputStream message = new ByteArrayOutputStream();
    for (int i = random.nextInt(6); i >= 0; i--) {
      byte[] field = oneIn(3) && i > 1 ? message() : bytes(random.nextInt(20));
      message.write(random.nextInt(12) << 3 | random.nextInt(8));
      message.write(oneIn(3) ? random.nextInt(256) : field.length & 0x7f);
      message.writeBytes(field);
    }
    return message.toByteArray();
  }

  private byte[] frame(byte[] message) {
    int length =
        switch (random.nextInt(8)) {
          case 0 -> -1;
          case 1 -> Integer.MAX_VALUE;
          case 2 -> message.length + 1;
          case 3 -> message.length / 2;
          default -> message.length;
        };
    return ByteBuffer.allocate(5 + message.length)
        .put((byte) (oneIn(4) ? random.nextInt(256) : 0))
        .putInt(length)
        .put(message)
        .array();
  }

  private String authorization() {
    return "E2b-Sandbox-Id: "
        + (oneIn(12) ? text().replaceAll("[^ -~]", "") : sandbox)
        + "\r\nE2b-Sandbox-Port: "
        + (oneIn(12) ? random.nextInt(100_000) - 100 : 49983)
        + "\r\nX-Access-Token: "
        + (oneIn(8) ? token.substring(1) : token)
        + "\r\n";
  }

  private Request rpc() {
    boolean isProtobuf = oneIn(3);
    boolean isStream = oneIn(2);
    byte[] body = isProtobuf ? protobuf() : message();
    String headers =
        authorization()
            + "Content-Type: application/"
            + (isStream ? "connect+" : "")
            + (isProtobuf ? "proto" : "json")
            + "\r\n";
    if (oneIn(4)) {
      headers +=
          "Connect-Timeout-Ms: " + (oneIn(2) ? "1" : text().replaceAll("[^ -~]", "")) + "\r\n";
    } else {
      headers += "Connect-Timeout-Ms: 500\r\n";
    }
    if (oneIn(6)) {
      headers += "Authorization: Basic " + (oneIn(2) ? "!!" : "cm9vdDo=") + "\r\n";
    }
    return framed("POST", any(RPCS), headers, isStream ? frame(body) : body);
  }

  private Request files() {
    String path = java.net.URLEncoder.encode(text(), UTF_8);
    String target =
        "/files?path="
            + (oneIn(5) ? "%" + random.nextInt(10) : path)
            + (oneIn(5) ? "&username=root" : "")
            + (oneIn(4) ? "&signature=v1_" + random.nextInt() : "")
            + (oneIn(8) ? "&signature_expiration=x" : "");
    StringBuilder headers = new StringBuilder(authorization());
    if (oneIn(3)) {
      headers.append("Range: bytes=").append(random.nextInt()).append("-\r\n");
    }
    for (int i = oneIn(5) ? random.nextInt(200) : 0; i > 0; i--) {
      headers.append("X-Metadata-k").append(i).append(": ").append("v".repeat(i)).append("\r\n");
    }
    if (oneIn(2)) {
      return framed("GET", target, headers.toString(), new byte[0]);
    }
    headers
        .append("Content-Type: multipart/form-data")
        .append(oneIn(4) ? "" : "; boundary=" + (oneIn(5) ? "b".repeat(5000) : "bb"))
        .append("\r\n");
    String disposition =
        "--bb\r\nContent-Disposition: form-data; name=\"file\"; filename=\"" + text() + "\r\n\r\n";
    String form = disposition.repeat(random.nextInt(4)) + (oneIn(2) ? "--bb--" : "");
    return framed("POST", target, headers.toString(), form.getBytes(UTF_8));
  }

  private Request control() {
    String headers =
        (oneIn(8) ? "" : "X-API-KEY: " + (oneIn(8) ? "e2b_00" : key) + "\r\n")
            + "Content-Type: application/json\r\n";
    byte[] body = message();
    return framed(any(METHODS), any(PATHS), headers, body);
  }

  /** Sends a body whole, in chunks, or compressed. */
  private Request framed(String method, String target, String headers, byte[] body) {
    String all = headers;
    byte[] sent = body;
    if (oneIn(6)) {
      all += "Content-Encoding: gzip\r\n";
      sent = oneIn(2) ? body : gzip(oneIn(20) ? new byte[8 << 20] : body);
    }
    if (oneIn(20)) {
      all += "X-Long: " + "x".repeat(random.nextInt(30_000)) + "\r\n";
    }
    if (oneIn(3)) {
      all += "Transfer-Encoding: chunked\r\n";
      sent = chunked(sent);
    } else {
      all += "Content-Length: " + sent.length + "\r\n";
    }
    String head = method + " " + target + " HTTP/1.1\r\n" + HOST + all + "\r\n";
    return new Request(joined(head.getBytes(ISO_8859_1), sent), true);
  }

  private static byte[] gzip(byte[] bytes) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (GZIPOutputStream gzip = new GZIPOutputStream(out)) {
      gzip.write(bytes);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
    return out.toByteArray();
  }

  private byte[] chunked(byte[] body) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    for (int at = 0; at < body.length; ) {
      int length = Math.min(body.length - at, 1 + random.nextInt(1000));
      out.writeBytes((Integer.toHexString(length) + "\r\n").getBytes(ISO_8859_1));
      out.write(body, at, length);
      out.writeBytes("\r\n".getBytes(ISO_8859_1));
      at += length;
    }
    out.writeBytes("0\r\n\r\n".getBytes(ISO_8859_1));
    return out.toByteArray();
  }

  private static byte[] joined(byte[] one, byte[] two) {
    return ByteBuffer.allocate(one.length + two.length).put(one).put(two).array();
  }

  /**
   * Lies about where a request ends, or breaks HTTP in another way. Not with a malformed
   * HTTP2-Settings in an upgrade: the server answers 500 to that before any code of the gateway.
   */
  private Request misframed() {
    String second = "GET /v2/sandboxes HTTP/1.1\r\nHost: x\r\n\r\n";
    List<String> requests = new ArrayList<>();
    requests.add("POST /v2/sandboxes HTTP/1.1\r\n" + HOST + "Content-Length: 99999\r\n\r\n{");
    requests.add("POST /v2/sandboxes HTTP/1.1\r\n" + HOST + "Content-Length: -1\r\n\r\n" + second);
    requests.add("POST /envs HTTP/1.1\r\n" + HOST + "Content-Length: 99999999999999999999\r\n\r\n");
    requests.add(
        "POST /envs HTTP/1.1\r\n" + HOST + "Content-Length: 4\r\nContent-Length: 5\r\n\r\n{}  ");
    requests.add("POST /envs HTTP/1.1\r\n" + HOST + "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}");
    requests.add(
        "POST /envs HTTP/1.1\r\n" + HOST + "Transfer-Encoding: chunked\r\n\r\nffffffff\r\n");
    requests.add("POST /envs HTTP/1.1\r\n" + HOST + "Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n");
    requests.add(
        "POST /envs HTTP/1.1\r\n" + HOST + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n");
    requests.add("POST /envs HTTP/1.1\r\n" + HOST + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n");
    requests.add("GET /envs HTTP/1.1\r\n\r\n");
    requests.add("GET /envs HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n");
    requests.add("GET /envs HTTP/1.1\n" + "Host: a\n\n");
    requests.add("GET /envs HTTP/9.9\r\n" + HOST + "\r\n");
    requests.add("GET /envs\r\n\r\n");
    requests.add("GET /en\0vs HTTP/1.1\r\n" + HOST + "\r\n");
    requests.add("GET /envs HTTP/1.1\r\n" + HOST + "X: a\r\n b\r\n\r\n");
    requests.add("GET /envs HTTP/1.1\r\n" + HOST + "X\0Y: a\r\n\r\n");
    requests.add("GET /envs HTTP/1.1\r\n" + HOST + ": a\r\nno colon\r\n\r\n");
    requests.add("GET /" + "x".repeat(20_000) + " HTTP/1.1\r\n" + HOST + "\r\n");
    requests.add("GET /envs HTTP/1.1\r\n" + HOST + "X: y\r\n".repeat(5000) + "\r\n");
    requests.add("GET /envs HTTP/1.1\r\n" + HOST + "Expect: something\r\n\r\n");
    requests.add("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + "x".repeat(random.nextInt(100)));
    requests.add("GET /envs HTTP/1.1\r\nHost: ]:::[\r\n\r\n");
    return new Request(any(requests).getBytes(ISO_8859_1), false);
  }

  /** Requests that two servers in a row might divide in different ways. */
  static List<String> smuggled() {
    String second = "GET /v2/sandboxes HTTP/1.1\r\nHost: x\r\n\r\n";
    String post = "POST /health HTTP/1.1\r\n" + HOST;
    return List.of(
        post + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + second,
        post + "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n" + second,
        post + "Content-Length: 0\r\nContent-Length: 44\r\n\r\n" + second,
        post
            + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n"
            + second,
        post + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + second,
        post + "Transfer-Encoding: \u000bchunked\r\n\r\n0\r\n\r\n" + second,
        post + "Content-Length: +44\r\n\r\n" + second,
        post + "Content-Length: 0x2c\r\n\r\n" + second);
  }
}
