/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.console;

import com.fasterxml.jackson.core.JsonGenerator;
import io.zcbot.sandbox.events.LiveSandbox;
import io.zcbot.sandbox.events.UserId;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The announced sandboxes, as in the live table, in the order of their last change, so that a page
 * is sent only what is new to it. Guarded by the lock of {@link Fleet}.
 */
final class Sandboxes {
  static final int MOST = 20_000;
  static final int MOST_OF_A_BATCH = 500;
  static final int GONE_KEPT = 5_000;

  private record Gone(String container, long version) {}

  private final Duration usualTtl;
  private final SharedNames names;

  /** Rows by container, in the order of their last change. */
  private final LinkedHashMap<String, SandboxRow> rows = new LinkedHashMap<>();

  private final Map<UserId, SandboxRow> newest = new HashMap<>();
  private final Deque<Gone> gone = new ArrayDeque<>();
  private long version;

  /**
   * Sandboxes that went before this version were forgotten, so a page with an older version starts
   * anew.
   */
  private long oldest;

  private long omitted;

  Sandboxes(Duration usualTtl, SharedNames names, long version) {
    this.usualTtl = usualTtl;
    this.names = names;
    this.version = version;
    this.oldest = version;
  }

  /** Adds or replaces a sandbox of the live table; null if there are too many. */
  @Nullable SandboxRow open(LiveSandbox live) {
    SandboxRow before = rows.get(ShownText.name(live.containerId()));
    if (before == null && rows.size() >= MOST) {
      omitted++;
      return null;
    }
    SandboxRow row = new SandboxRow(live, usualTtl, names, before);
    gone.removeIf(each -> each.container.equals(row.container));
    SandboxRow other = newest.get(row.user);
    if (other == null || other.openedAt <= row.openedAt) {
      newest.put(row.user, row);
    }
    changed(row);
    return row;
  }

  void close(String containerId) {
    SandboxRow row = rows.remove(ShownText.name(containerId));
    if (row != null) {
      var _ = newest.remove(row.user, row);
      gone.add(new Gone(row.container, ++version));
      if (gone.size() > GONE_KEPT) {
        oldest = gone.remove().version;
      }
    }
  }

  void changed(SandboxRow row) {
    row.version = ++version;
    rows.putLast(row.container, row);
  }

  /** The user's newest sandbox; null if there is none. */
  @Nullable SandboxRow of(UserId user) {
    return newest.get(user);
  }

  @Nullable SandboxRow of(String containerId) {
    return rows.get(ShownText.name(containerId));
  }

  Collection<SandboxRow> all() {
    return rows.values();
  }

  /** The number of records of sandboxes that were left out because there were too many. */
  long omitted() {
    return omitted;
  }

  long version() {
    return version;
  }

  /**
   * Writes what changed, or the first part of it.
   *
   * @param seen the version up to which the page knows sandboxes; 0 if it knows none
   * @param seenGone the version up to which it knows which are gone; between parts, this is ahead
   *     of {@code seen}
   * @return the version up to which it then knows sandboxes; it then knows all that are gone
   */
  long write(long seen, long seenGone, JsonGenerator json) throws IOException {
    boolean isNew = seenGone < oldest || seen > version;
    long from = isNew ? 0 : seen;
    List<SandboxRow> part = new ArrayList<>();
    for (SandboxRow row : rows.values()) {
      if (row.version > from) {
        part.add(row);
        if (part.size() == MOST_OF_A_BATCH) {
          break;
        }
      }
    }
    long to = part.size() == MOST_OF_A_BATCH ? part.getLast().version : version;
    json.writeStartObject();
    json.writeBooleanField("reset", isNew);
    json.writeArrayFieldStart("gone");
    for (Gone each : gone) {
      if (!isNew && each.version > seenGone) {
        json.writeString(each.container);
      }
    }
    json.writeEndArray();
    json.writeArrayFieldStart("rows");
    for (SandboxRow row : part) {
      row.write(json);
    }
    json.writeEndArray();
    json.writeEndObject();
    return to;
  }
}
