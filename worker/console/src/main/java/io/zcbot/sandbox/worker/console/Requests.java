/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.console;

import io.zcbot.sandbox.events.UserId;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Requests of one kind that are not answered yet, by user and id, since different users may choose
 * the same id. A request and its answer are in different topics, and may be read in either order.
 * Guarded by the lock of {@link Fleet}.
 */
final class Requests {
  static final int MOST = 20_000;
  static final int ANSWERS_KEPT = 8_192;

  /**
   * A request.
   *
   * @param text what it is about, for people; short, since many are kept
   */
  record Open(String user, long time, String text) {}

  private final LinkedHashMap<IdKey, Open> open = new LinkedHashMap<>();

  /** Times of answers whose requests were not read yet, by the request. */
  private final LinkedHashMap<IdKey, Long> early = new LinkedHashMap<>();

  /** The latest requests that were read with their answers. */
  private final LinkedHashSet<IdKey> matched = new LinkedHashSet<>();

  /**
   * Early answers until this time were forgotten, so requests until then may have been answered.
   */
  private long unknownUntil;

  /**
   * Adds a request; returns the time of its answer if that was read before, else null. One that is
   * read again after that, such as its forwarded copy, is ignored.
   */
  @Nullable Long asked(String id, Open request) {
    IdKey key = key(request.user, id);
    if (matched.contains(key)) {
      return null;
    }
    Long answer = early.remove(key);
    if (answer != null) {
      match(key);
    } else if (request.time > unknownUntil) {
      open.putIfAbsent(key, request);
      if (open.size() > MOST) {
        open.pollFirstEntry();
      }
    }
    return answer;
  }

  private void match(IdKey key) {
    matched.add(key);
    if (matched.size() > ANSWERS_KEPT) {
      matched.removeFirst();
    }
  }

  /** Removes an answered request; null if it was not read, or was answered before. */
  @Nullable Open answered(UserId user, String id, long time) {
    IdKey key = key(user.toString(), id);
    Open request = open.remove(key);
    if (request != null) {
      match(key);
    } else if (!matched.contains(key)) {
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

  /** Forgets requests that are older, and passes them on. */
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

  /** The time of the oldest request; 0 if there is none. */
  long oldest() {
    return open.values().stream().mapToLong(Open::time).min().orElse(0);
  }
}
