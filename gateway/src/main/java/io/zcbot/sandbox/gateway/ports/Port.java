/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.ports;

import io.helidon.http.HeaderName;
import io.helidon.http.HeaderNames;
import io.helidon.http.Headers;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A port of a sandbox that a request is for.
 *
 * @param sandbox the id of the sandbox, as it is in the request
 */
record Port(String sandbox, int number) {
  static final HeaderName SANDBOX = HeaderNames.create("E2b-Sandbox-Id");
  static final HeaderName NUMBER = HeaderNames.create("E2b-Sandbox-Port");

  private static final Pattern HOST = Pattern.compile("([0-9]{1,5})-([0-9a-z]{1,50})\\..*");

  /** The ports of E2B's daemon and of its code interpreter: the gateway itself serves these. */
  private static final Set<Integer> RESERVED = Set.of(49983, 49999);

  /** Reads two headers or else the host's name; empty if the request is for the gateway itself. */
  static Optional<Port> of(Headers headers, String host) {
    String id = headers.first(SANDBOX).orElse(null);
    String port = headers.first(NUMBER).orElse(null);
    if (id == null && port == null) {
      Matcher name = HOST.matcher(host);
      if (!name.matches()) {
        return Optional.empty();
      }
      port = name.group(1);
      id = name.group(2);
    }
    if (id == null || port == null || !port.matches("[0-9]{1,5}")) {
      return Optional.empty();
    }
    int number = Integer.parseInt(port);
    return number < 1 || number > 65535 || RESERVED.contains(number)
        ? Optional.empty()
        : Optional.of(new Port(id, number));
  }
}
