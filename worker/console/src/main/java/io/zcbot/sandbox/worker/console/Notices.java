/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.console;

import com.fasterxml.jackson.core.JsonGenerator;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/**
 * The newest notices for operators, such as failures. Equal notices about a user are one with a
 * count. Guarded by the lock of {@link Fleet}.
 */
final class Notices {
  static final int SHOWN = 200;

  /** The most about one user, so that a user whose requests all fail hides nobody else's. */
  static final int MOST_ABOUT_ONE = 20;

  /**
   * What happened once, or several times.
   *
   * @param first when it happened first
   * @param last when it happened last
   * @param about a user, or a record
   * @param command the command of the last time, as in a {@link Timeline}; 0 if it was none
   */
  record Notice(
      long first, long last, int count, String about, Kind kind, String message, int command) {
    Notice(long time, String about, Kind kind, String message, int command) {
      this(time, time, 1, about, kind, message, command);
    }

    private boolean isSameAs(Notice other) {
      return about.equals(other.about) && kind.equals(other.kind) && message.equals(other.message);
    }

    private Notice and(Notice other) {
      return new Notice(
          Math.min(first, other.first),
          Math.max(last, other.last),
          count + other.count,
          about,
          kind,
          message,
          last > other.last ? command : other.command);
    }
  }

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
  void add(Notice added) {
    Notice notice = added;
    for (int i = 0; i < notices.size(); i++) {
      if (notices.get(i).isSameAs(added)) {
        notice = notices.remove(i).and(added);
        break;
      }
    }
    int at = notices.size();
    while (at > 0 && notices.get(at - 1).last > notice.last) {
      at--;
    }
    notices.add(at, notice);
    forgetOldest(notice.about);
    version++;
  }

  private void forgetOldest(String about) {
    List<Notice> aboutOne = notices.stream().filter(notice -> notice.about.equals(about)).toList();
    if (aboutOne.size() > MOST_ABOUT_ONE) {
      notices.remove(aboutOne.getFirst());
    } else if (notices.size() > most) {
      notices.removeFirst();
    }
  }

  long version() {
    return version;
  }

  /** How many notices of which none equals another are at least as new. */
  long since(long time) {
    return notices.stream().filter(notice -> notice.last >= time).count();
  }

  /** Writes the newest notices, newest first. */
  void write(JsonGenerator json) throws IOException {
    json.writeStartArray();
    for (Notice notice : notices.reversed().subList(0, Math.min(SHOWN, notices.size()))) {
      json.writeStartArray();
      json.writeNumber(notice.last);
      json.writeString(notice.about);
      json.writeString(notice.kind.what);
      json.writeString(notice.kind.reason);
      json.writeString(notice.message);
      json.writeNumber(notice.first);
      json.writeNumber(notice.count);
      json.writeNumber(notice.command);
      json.writeEndArray();
    }
    json.writeEndArray();
  }
}
