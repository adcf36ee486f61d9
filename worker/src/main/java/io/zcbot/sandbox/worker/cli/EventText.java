/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.events.Activity;
import io.zcbot.sandbox.events.ContainerRef;
import io.zcbot.sandbox.events.Ensure;
import io.zcbot.sandbox.events.Failed;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.SandboxEvent;
import java.util.ArrayList;
import java.util.List;

/** Describes an event on one line, without its user. */
final class EventText {
  private static final int SHORT_ID = 12;

  private EventText() {}

  static String of(SandboxEvent event) {
    List<String> parts = new ArrayList<>();
    switch (event) {
      case Ensure e -> {
        if (e.requestedBy() != null) {
          parts.add("by " + e.requestedBy());
        }
        if (e.expiresAt() != null) {
          parts.add("expires " + e.expiresAt());
        }
        parts.add("id " + e.eventId());
      }
      case Activity a -> parts.add(a.source() == null ? "" : "from " + a.source());
      case Ready r -> {
        parts.add(r.outcome().wire() + " in " + r.tookMs() + " ms");
        parts.add(where(r.container()));
      }
      case Reaped r -> {
        parts.add(r.reason().wire());
        parts.add(where(r.container()));
        if (r.exitCode() != null) {
          parts.add("exit code " + r.exitCode());
        }
        if (r.oomKilled() != null && r.oomKilled()) {
          parts.add("out of memory");
        }
        if (r.lastActiveAt() != null) {
          parts.add("last active " + r.lastActiveAt());
        }
      }
      case Failed f -> {
        parts.add(f.reason().wire() + ": " + f.message());
        parts.add(f.retryable() ? "may succeed later" : "fails again until the cause is fixed");
      }
    }
    return plain(String.join(", ", parts));
  }

  private static String where(ContainerRef container) {
    return container.name() + " (" + shortId(container.id()) + ") on " + container.host();
  }

  /** Untrusted text for a terminal: without control characters, and so without escape sequences. */
  static String plain(String text) {
    return text.replaceAll("[\\p{Cntrl}\\x{80}-\\x{9f}\\p{Cf}\\x{2028}\\x{2029}]", "?");
  }

  static String shortId(String containerId) {
    return containerId.length() <= SHORT_ID ? containerId : containerId.substring(0, SHORT_ID);
  }
}
