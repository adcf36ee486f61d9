/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.events.Activity;
import io.zcbot.sandbox.events.ContainerRef;
import io.zcbot.sandbox.events.Ensure;
import io.zcbot.sandbox.events.Exec;
import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.Expiring;
import io.zcbot.sandbox.events.Failed;
import io.zcbot.sandbox.events.Input;
import io.zcbot.sandbox.events.Network;
import io.zcbot.sandbox.events.Output;
import io.zcbot.sandbox.events.ProfileName;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.Release;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.Started;
import io.zcbot.sandbox.worker.config.Durations;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/**
 * Describes an event on one line, without its user and without data that commands read or write.
 */
final class EventText {
  private static final int SHORT_ID = 12;

  private EventText() {}

  static String of(SandboxEvent event) {
    List<String> parts =
        switch (event) {
          case Ensure ensure -> parts(ensure);
          case Activity a -> List.of(a.source() == null ? "" : "from " + a.source());
          case Ready r -> parts(r);
          case Reaped reaped -> parts(reaped);
          case Failed f ->
              List.of(f.reason().wire() + ": " + f.message(), retryable(f.retryable()));
          case Release release -> parts(release);
          case Expiring e ->
              List.of(
                  e.reason().wire(), "at " + e.endsAt(), "container " + shortId(e.containerId()));
          case Exec exec -> CommandText.parts(exec);
          case Input input -> CommandText.parts(input);
          case Started started -> CommandText.parts(started);
          case Output output -> CommandText.parts(output);
          case Exited exited -> CommandText.parts(exited);
        };
    return plain(String.join(", ", parts));
  }

  private static List<String> parts(Ensure e) {
    List<String> parts = new ArrayList<>();
    if (e.requestedBy() != null) {
      parts.add("by " + e.requestedBy());
    }
    if (e.expiresAt() != null) {
      parts.add("expires " + e.expiresAt());
    }
    if (e.idleTtl() != null) {
      parts.add("idle TTL " + Durations.shown(e.idleTtl()));
    }
    if (e.endsAt() != null) {
      parts.add("ends " + e.endsAt());
    }
    if (e.profile() != null) {
      parts.add("profile " + e.profile() + (e.replace() ? " in any case" : ""));
    }
    if (e.network() != null) {
      parts.add("may reach " + reach(e.network()));
    }
    parts.add("id " + e.eventId());
    return parts;
  }

  /** What a sandbox may reach of what its profile allows by name. */
  static String reach(Network network) {
    List<String> allow = network.allow();
    if (allow == null) {
      return "all that its profile allows";
    }
    return allow.isEmpty() ? "nothing" : String.join(", ", allow);
  }

  private static List<String> parts(Ready r) {
    List<String> parts = new ArrayList<>();
    parts.add(r.outcome().wire() + " in " + r.tookMs() + " ms");
    if (!r.profile().equals(ProfileName.DEFAULT)) {
      parts.add("profile " + r.profile());
    }
    if (r.network().allow() != null) {
      parts.add("may reach " + reach(r.network()));
    }
    parts.add(where(r.container()));
    return parts;
  }

  private static List<String> parts(Reaped r) {
    List<String> parts = new ArrayList<>();
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
    if (r.lastUse() != null) {
      parts.add("last use " + r.lastUse().wire());
    }
    return parts;
  }

  private static List<String> parts(Release r) {
    List<String> parts = new ArrayList<>();
    if (r.requestedBy() != null) {
      parts.add("by " + r.requestedBy());
    }
    if (r.expiresAt() != null) {
      parts.add("expires " + r.expiresAt());
    }
    if (r.containerId() != null) {
      parts.add("container " + shortId(r.containerId()));
    }
    parts.add("id " + r.eventId());
    return parts;
  }

  static String where(ContainerRef container) {
    return container.name() + " (" + shortId(container.id()) + ") on " + container.host();
  }

  static String retryable(boolean retryable) {
    return retryable ? "may succeed later" : "fails again until the cause is fixed";
  }

  /** Makes untrusted text safe for a terminal: replaces control and format characters. */
  static String plain(String text) {
    return text.replaceAll("[\\p{Cntrl}\\x{80}-\\x{9f}\\p{Cf}\\x{2028}\\x{2029}]", "?");
  }

  /** Makes an untrusted text of several lines safe for a terminal. */
  static String lines(String text) {
    return text.lines().map(EventText::plain).collect(Collectors.joining(System.lineSeparator()));
  }

  static String shortId(String containerId) {
    return containerId.length() <= SHORT_ID ? containerId : containerId.substring(0, SHORT_ID);
  }
}
