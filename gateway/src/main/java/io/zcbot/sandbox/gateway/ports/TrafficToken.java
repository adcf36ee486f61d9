/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.ports;

import io.helidon.http.HeaderName;
import io.helidon.http.HeaderNames;
import io.helidon.http.Headers;
import io.zcbot.sandbox.gateway.keys.AccessTokens;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * The token in a request to a port: in a header, as E2B has it, in the query, where a browser can
 * have it, or in the cookie that the browser gets for that. It is not passed on.
 */
final class TrafficToken {
  static final String NAME = "e2b-traffic-access-token";
  static final HeaderName HEADER = HeaderNames.create(NAME);

  /** Methods that change nothing. */
  static final Set<String> READING = Set.of("GET", "HEAD");

  private static final HeaderName FETCH_SITE = HeaderNames.create("Sec-Fetch-Site");
  private static final HeaderName FETCH_MODE = HeaderNames.create("Sec-Fetch-Mode");
  private static final Set<String> OWN = Set.of("same-origin", "none");
  private static final String ASSIGNED = NAME + "=";

  private TrafficToken() {}

  /** Returns whether a request has a token in any place. */
  static boolean isIn(Headers headers, String query) {
    return headers.contains(HEADER) || !inCookies(headers).isEmpty() || !inQuery(query).isEmpty();
  }

  /** Returns whether the header is the token. */
  static boolean isInHeader(Headers headers, String token) {
    return headers.first(HEADER).filter(value -> AccessTokens.areEqual(value, token)).isPresent();
  }

  /** Returns whether a cookie is the token. */
  static boolean isInCookies(Headers headers, String token) {
    return inCookies(headers).stream().anyMatch(value -> AccessTokens.areEqual(value, token));
  }

  /**
   * Returns whether a browser sends a request, with the cookie, for a page of another address: for
   * browsers, all sandboxes of a domain are one site. To follow a link is allowed.
   */
  static boolean isForOtherPage(Headers headers, String method, String host) {
    String origin = headers.first(HeaderNames.ORIGIN).orElse(null);
    if (origin != null && !origin.replaceFirst("^https?://", "").equalsIgnoreCase(host)) {
      return true;
    }
    boolean isLink =
        READING.contains(method) && "navigate".equals(headers.first(FETCH_MODE).orElse(""));
    return !isLink && !OWN.contains(headers.first(FETCH_SITE).orElse("none"));
  }

  /** Returns whether a parameter of the query is the token. */
  static boolean isInQuery(String query, String token) {
    return inQuery(query).stream().anyMatch(value -> AccessTokens.areEqual(value, token));
  }

  private static List<String> inCookies(Headers headers) {
    List<String> found = new ArrayList<>();
    for (String line : headers.all(HeaderNames.COOKIE, List::of)) {
      found.addAll(values(line, ";"));
    }
    return found;
  }

  private static List<String> inQuery(String query) {
    return values(query, "&");
  }

  private static List<String> values(String text, String separator) {
    List<String> found = new ArrayList<>();
    for (String part : text.split(separator, -1)) {
      if (part.strip().startsWith(ASSIGNED)) {
        found.add(part.strip().substring(ASSIGNED.length()));
      }
    }
    return found;
  }

  /** Returns a query without the token. */
  static String withoutToken(String query) {
    return without(query, "&");
  }

  /** Returns the value of a header Cookie without the token; empty if nothing is left. */
  static String cookiesWithoutToken(String line) {
    return without(line, ";").strip();
  }

  private static String without(String text, String separator) {
    if (!text.contains(ASSIGNED)) {
      return text;
    }
    List<String> kept = new ArrayList<>();
    for (String part : text.split(separator, -1)) {
      if (!part.strip().startsWith(ASSIGNED)) {
        kept.add(part);
      }
    }
    return String.join(separator, kept);
  }

  /** Returns the header that gives a browser the cookie, for this host and until it is closed. */
  static String cookie(String token, boolean isEncrypted) {
    return ASSIGNED + token + "; Path=/; HttpOnly; SameSite=Lax" + (isEncrypted ? "; Secure" : "");
  }
}
