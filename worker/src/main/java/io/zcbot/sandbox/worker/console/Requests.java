/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.console;

import io.zcbot.sandbox.events.UserId;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Requests of one kind that are not answered yet, by user and id: ids of different users may be
 * alike. A request and its answer are in topics of their own and may be read in either order.
 * Guarded by its fleet.
 */
final class Requests {
  static final int MOST = 20_000;
  static final int ANSWERS_KEPT = 8_192;

  /**
   * One request.
   *
   * @param text what it is about, for people; short, since many are kept
   */
  record Open(String user, long time, String text) {}

  private final LinkedHashMap<IdKey, Open> open = new LinkedHashMap<>();

  /** When answers came whose requests were not read yet, by the request. */
  private final LinkedHashMap<IdKey, Long> early = new LinkedHashMap<>();

  /** What was asked until then may have been answered: answers until then were forgotten. */
  private long unknownUntil;

  /** Returns when its answer came, if that was read before. */
  @Nullable Long asked(String id, Open request) {
    IdKey key = key(request.user, id);
    Long answer = early.remove(key);
    if (answer == null && request.time > unknownUntil) {
      open.putIfAbsent(key, request);
      if (open.size() > MOST) {
        open.pollFirstEntry();
      }
    }
    return answer;
  }

  /** Returns what was asked; null if that was not read, or was answered before. */
  @Nullable Open answered(UserId user, String id, long time) {
    IdKey key = key(user.toString(), id);
    Open request = open.remove(key);
    if (request == null) {
      early.put(key, time);
      if (early.size() > ANSWERS_KEPT) {
        unknownUntil = Math.max(unknownUntil, early.pollFirstEntry().getValue());
      }
    }
    return request;
  }

  @Nullable Open of(UserId user, String id) {
    return open.get(key(user.toString(), id));
  }

  private static IdKey key(String user, String id) {
    return IdKey.of(user + "/" + id);
  }

  /** Forgets, and tells, what is older. */
  void forgetBefore(long time, Consumer<Open> tell) {
    Iterator<Open> eldest = open.values().iterator();
    while (eldest.hasNext()) {
      Open request = eldest.next();
      if (request.time < time) {
        eldest.remove();
        tell.accept(request);
      }
    }
  }

  int size() {
    return open.size();
  }

  /** When the oldest was asked; 0 without one. */
  long oldest() {
    return open.values().stream().mapToLong(Open::time).min().orElse(0);
  }
}
