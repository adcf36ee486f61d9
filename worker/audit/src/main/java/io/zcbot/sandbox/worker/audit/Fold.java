/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit;

import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.EventFormatException;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.audit.log.Coverage;
import io.zcbot.sandbox.worker.audit.log.LogRecord;
import io.zcbot.sandbox.worker.audit.result.Observation;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Folds records into histories of users. Pure: the result depends only on the records and their
 * order. Users with an open session, ensure or command are remembered, others for {@link
 * Rules#window}. Not thread-safe.
 *
 * <p>Several folds may share the work if all records of one key go to the same fold; their counters
 * and purges add up.
 */
final class Fold {
  private final EventCodec codec = new EventCodec();
  private final Counters counters = new Counters();
  private final FoldContext context;
  private final Unreadable unreadable;
  private final Map<String, Purge> purges = new HashMap<>();

  /**
   * Users in the order of their latest record. A user with something open who is passed over by
   * {@link #forgetBefore} moves to {@code parked}.
   */
  private final LinkedHashMap<UserId, UserHistory> users = new LinkedHashMap<>(16, 0.75f, true);

  private final Map<UserId, UserHistory> parked = new HashMap<>();

  Fold(Rules rules, Coverage known, Consumer<Observation> out) {
    this.context = new FoldContext(rules, known, counters, out);
    this.unreadable = new Unreadable(context);
  }

  void accept(LogRecord record) {
    counters.record(record.topic(), record.time());
    if (record.topic() == Topic.DEAD_LETTER) {
      unreadable.deadLetter(record);
      return;
    }
    SandboxEvent event;
    try {
      event =
          codec.decode(record.topic(), record.raw().key(), record.raw().value(), record.origin());
    } catch (EventFormatException e) {
      unreadable.found(record, e);
      return;
    }
    if (event instanceof Reaped reaped && reaped.reason() == Reaped.Reason.PURGED) {
      Purge purge = new Purge(record.time(), record.position());
      purges.merge(reaped.workerId(), purge, Purge::later);
    }
    user(event.userId()).on(event, record);
  }

  private UserHistory user(UserId id) {
    UserHistory known = users.get(id);
    if (known == null) {
      known = parked.remove(id);
      if (known == null) {
        known = new UserHistory(id, context);
      }
      users.put(id, known);
    }
    return known;
  }

  /** Forgets users without a record since a time, unless something of them is open. */
  void forgetBefore(long time) {
    Iterator<UserHistory> eldest = users.values().iterator();
    while (eldest.hasNext()) {
      UserHistory user = eldest.next();
      if (user.lastSeen >= time) {
        return;
      }
      eldest.remove();
      if (user.isQuiet()) {
        user.forget();
      } else {
        parked.put(user.user(), user);
      }
    }
  }

  /** The last purge that each worker announced, by worker id. */
  Map<String, Purge> purges() {
    return purges;
  }

  /**
   * Judges everything that is open at the end of the log.
   *
   * @param allPurges of all folds that share the work
   */
  Counters finish(long end, Map<String, Purge> allPurges) {
    List<UserHistory> rest = new ArrayList<>(users.values());
    rest.addAll(parked.values());
    rest.sort(Comparator.comparing(UserHistory::user));
    for (UserHistory user : rest) {
      user.finish(end, worker -> purgeOf(worker, allPurges), unreadable::isDeadLetter);
    }
    unreadable.finish(end);
    return counters;
  }

  private static @Nullable Purge purgeOf(String worker, Map<String, Purge> purges) {
    return purges.get(worker);
  }

  int remembered() {
    return users.size() + parked.size();
  }
}
