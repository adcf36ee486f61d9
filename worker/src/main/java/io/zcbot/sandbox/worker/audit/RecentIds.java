/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit;

import io.zcbot.sandbox.worker.audit.log.RecordPosition;
import java.util.LinkedHashMap;
import org.jspecify.annotations.Nullable;

/** The event ids that a user's latest records had. */
final class RecentIds {
  private final int kept;
  private final LinkedHashMap<String, Claim> claims = new LinkedHashMap<>(4);

  /** What an id was used for: the ensure and the container it is about, empty where none. */
  record Claim(String ensureId, String containerId, RecordPosition position) {
    boolean isOfSameEventAs(Claim other) {
      return position.topic() == other.position.topic()
          && ensureId.equals(other.ensureId)
          && containerId.equals(other.containerId);
    }
  }

  RecentIds(int kept) {
    this.kept = kept;
  }

  /** Claims an id for an event and returns the latest claim before, if there was one. */
  @Nullable Claim claim(String id, Claim claim) {
    Claim before = claims.putIfAbsent(id, claim);
    if (before == null) {
      if (claims.size() > kept) {
        claims.pollFirstEntry();
      }
    } else if (!before.isOfSameEventAs(claim)) {
      claims.put(id, claim);
    }
    return before;
  }
}
