/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.console;

import com.fasterxml.jackson.core.JsonGenerator;
import io.zcbot.sandbox.events.Expiring;
import io.zcbot.sandbox.events.LiveSandbox;
import io.zcbot.sandbox.events.UserId;
import java.io.IOException;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** One announced sandbox. Guarded by the lock of {@link Fleet}. */
final class SandboxRow {
  final UserId user;
  final String container;
  final String host;
  final String worker;
  final long openedAt;
  private final String profile;
  private long idleTtl;
  private long readyAt;
  private long lastUse;
  private String use = "";
  private String outcome = "";
  private String image = "";
  private long noticedAt;
  private long expiringAt;
  private String expiringReason = "";
  int commands;
  long version;

  /**
   * Creates a row.
   *
   * @param before an earlier row of the same sandbox, whose events are not read again; null if
   *     there is none
   */
  SandboxRow(LiveSandbox live, Duration usualTtl, SharedNames names, @Nullable SandboxRow before) {
    user = live.userId();
    container = ShownText.name(live.containerId());
    host = names.of(live.host());
    worker = names.of(live.workerId());
    openedAt = live.openedAt().toEpochMilli();
    profile = names.of(live.profile());
    if (before != null) {
      keepEvents(before);
    }
    if (live.idleTtl() != null) {
      idleTtl = live.idleTtl().toMillis();
    } else if (readyAt == 0) {
      idleTtl = usualTtl.toMillis();
    }
  }

  private void keepEvents(SandboxRow before) {
    idleTtl = before.idleTtl;
    readyAt = before.readyAt;
    outcome = before.outcome;
    image = before.image;
    noticedAt = before.noticedAt;
    expiringAt = before.expiringAt;
    expiringReason = before.expiringReason;
  }

  /** Notes a use; returns whether that changed anything. */
  boolean used(long time, String how) {
    if (time <= lastUse) {
      return false;
    }
    lastUse = time;
    use = how;
    return true;
  }

  void ready(ReadyFacts ready, long time) {
    if (time >= readyAt) {
      readyAt = time;
      idleTtl = ready.idleTtl() == 0 ? idleTtl : ready.idleTtl();
      outcome = ready.outcome();
      image = ready.image();
      if (isNoticed(Expiring.Reason.ENDS_AT) && expiringAt != ready.endsAt()) {
        expiringReason = ""; // an ensure moved the end
        expiringAt = 0;
      }
    }
    var _ = used(time, "ensure");
  }

  /**
   * Adds a notice of an end, and the time of its record. That of an end that use does not postpone
   * comes once, and no notice of an idle end replaces it.
   */
  void expiring(Expiring notice, long time) {
    if (notice.reason() == Expiring.Reason.IDLE
        && (isNoticed(Expiring.Reason.LIFETIME) || isNoticed(Expiring.Reason.ENDS_AT))) {
      return;
    }
    noticedAt = time;
    expiringAt = notice.endsAt().toEpochMilli();
    expiringReason = notice.reason().wire();
  }

  /** Whether the last notice still holds. A use revokes that of an idle end. */
  private boolean isExpiring() {
    return lastUse <= noticedAt || !isNoticed(Expiring.Reason.IDLE);
  }

  private boolean isNoticed(Expiring.Reason reason) {
    return expiringReason.equals(reason.wire());
  }

  /** Writes the row as an array, to save space; console.js names the columns. */
  void write(JsonGenerator json) throws IOException {
    json.writeStartArray();
    json.writeString(container);
    json.writeString(user.toString());
    json.writeString(host);
    json.writeString(worker);
    json.writeNumber(openedAt);
    json.writeNumber(idleTtl);
    json.writeNumber(lastUse);
    json.writeString(use);
    json.writeNumber(commands);
    json.writeString(outcome);
    json.writeString(image);
    json.writeNumber(isExpiring() ? expiringAt : 0);
    json.writeString(expiringReason);
    json.writeString(profile);
    json.writeEndArray();
  }
}
