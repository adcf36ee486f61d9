/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.console;

import com.fasterxml.jackson.core.JsonGenerator;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/** The newest notices for operators, such as failures. Guarded by the lock of {@link Fleet}. */
final class Notices {
  static final int SHOWN = 200;

  /** The most about one user, so that a user whose requests all fail hides nobody else's. */
  static final int MOST_ABOUT_ONE = 20;

  /**
   * A notice.
   *
   * @param about a user, or a record
   * @param kind what happened
   */
  record Notice(long time, String about, Kind kind, String message) {}

  /** What happened, and why. */
  record Kind(String what, String reason) {}

  private final int most;
  private final List<Notice> notices = new ArrayList<>();
  private long version;

  /** Starts without notices, in a version that is new to every page. */
  Notices(int most, long versionBefore) {
    this.most = most;
    this.version = versionBefore + 1;
  }

  /** Inserts a notice by its time, because records are sometimes read out of order. */
  void add(Notice notice) {
    int at = notices.size();
    while (at > 0 && notices.get(at - 1).time > notice.time) {
      at--;
    }
    notices.add(at, notice);
    List<Notice> aboutOne =
        notices.stream().filter(other -> other.about.equals(notice.about)).toList();
    if (aboutOne.size() > MOST_ABOUT_ONE) {
      notices.remove(aboutOne.getFirst());
    } else if (notices.size() > most) {
      notices.removeFirst();
    }
    version++;
  }

  long version() {
    return version;
  }

  long since(long time) {
    return notices.stream().filter(notice -> notice.time >= time).count();
  }

  /** Writes the newest notices, newest first. */
  void write(JsonGenerator json) throws IOException {
    json.writeStartArray();
    for (Notice notice : notices.reversed().subList(0, Math.min(SHOWN, notices.size()))) {
      json.writeStartArray();
      json.writeNumber(notice.time);
      json.writeString(notice.about);
      json.writeString(notice.kind.what);
      json.writeString(notice.kind.reason);
      json.writeString(notice.message);
      json.writeEndArray();
    }
    json.writeEndArray();
  }
}
