/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.ports;

import io.helidon.http.Header;
import io.helidon.http.HeaderNames;
import io.helidon.http.Headers;
import java.nio.charset.StandardCharsets;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/**
 * The head of a request as a server in a sandbox gets it: without the headers that are for one hop,
 * and without the token. Each request has a connection of its own.
 */
final class RequestHead {
  /** Headers that are for one hop, or that the gateway sets. */
  private static final Set<String> HOP =
      Set.of(
          "connection",
          "keep-alive",
          "proxy-connection",
          "proxy-authenticate",
          "proxy-authorization",
          "te",
          "trailer",
          "transfer-encoding",
          "upgrade",
          "http2-settings",
          "content-length");

  private static final Set<String> OURS =
      Set.of(
          "host",
          "expect",
          TrafficToken.NAME,
          Port.SANDBOX.lowerCase(),
          Port.NUMBER.lowerCase(),
          "cookie");

  private final StringBuilder text = new StringBuilder(512);

  /** Begins a head with what the client's has. */
  RequestHead(String method, String path, String query, String host, Headers headers) {
    text.append(method).append(' ').append(path);
    String kept = TrafficToken.withoutToken(query);
    if (!kept.isEmpty()) {
      text.append('?').append(kept);
    }
    text.append(" HTTP/1.1\r\n");
    with("Host", host);
    Set<String> left = hop(headers);
    for (Header header : headers) {
      String name = header.headerName().lowerCase();
      if (name.equals("cookie")) {
        for (String line : header.allValues()) {
          String cookies = TrafficToken.cookiesWithoutToken(line);
          if (!cookies.isEmpty()) {
            with("Cookie", cookies);
          }
        }
      } else if (!left.contains(name) && !OURS.contains(name)) {
        header.allValues().forEach(value -> with(header.headerName().defaultCase(), value));
      }
    }
  }

  /** Returns the names of the headers that are for one hop only, in lower case. */
  static Set<String> hop(Headers headers) {
    Set<String> names = new HashSet<>(HOP);
    for (String line : headers.all(HeaderNames.CONNECTION, List::of)) {
      for (String name : line.split(",", -1)) {
        names.add(name.strip().toLowerCase(Locale.ROOT));
      }
    }
    return names;
  }

  /** Adds a header. */
  RequestHead with(String name, String value) {
    text.append(name).append(": ").append(value).append("\r\n");
    return this;
  }

  byte[] bytes() {
    return (text + "\r\n").getBytes(StandardCharsets.ISO_8859_1);
  }
}
