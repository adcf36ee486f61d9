/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit.whatif;

import io.zcbot.sandbox.events.Activity;
import io.zcbot.sandbox.events.Ensure;
import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.EventFormatException;
import io.zcbot.sandbox.events.Exec;
import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.Expiring;
import io.zcbot.sandbox.events.Failed;
import io.zcbot.sandbox.events.Input;
import io.zcbot.sandbox.events.Output;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.Release;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.Started;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.audit.log.LogRecord;
import io.zcbot.sandbox.worker.audit.log.LogSource;
import io.zcbot.sandbox.worker.demand.MakeTimes;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.Set;
import java.util.function.ObjDoubleConsumer;
import org.jspecify.annotations.Nullable;

/**
 * Sends the users of a log to hosts with supposed settings. Users come when they came, to the
 * worker that had them; sandboxes end as idle by the supposed TTL, and for other reasons when they
 * did. Neither the ration of new users nor faults of the engine are part of it.
 */
public final class WhatIf {
  /** A ready tells of a user who came before it: by so much at most, if it is in order. */
  private static final long LATE = Duration.ofMinutes(2).toMillis();

  private static final int BEGINS_KEPT = 10_000;

  private static final long LONGEST_MAKE = Duration.ofMinutes(1).toMillis();

  private final EventCodec codec = new EventCodec();
  private final LoggedFleet logged = new LoggedFleet();
  private final List<SupposedFleet> fleets;
  private final MakeTimes makeTimes = new MakeTimes();

  /** Which worker answered last in each partition: it has the users whom nobody names. */
  private final Map<Integer, String> owners = new HashMap<>();

  /** When the commands began, by user and id, that a ready may answer. */
  private final LinkedHashMap<String, Long> begins = new LinkedHashMap<>();

  private final PriorityQueue<Numbered> waiting =
      new PriorityQueue<>(
          Comparator.comparingLong((Numbered each) -> each.event.at())
              .thenComparingLong(each -> each.number));
  private long count;
  private long latest = Long.MIN_VALUE;
  private long passed = Long.MIN_VALUE;

  /** Users whose sandbox the log last showed with another profile than the one looked at. */
  private final Set<UserId> elsewhere = new HashSet<>();

  private final @Nullable String profile;

  private record Numbered(Happening event, long number) {}

  /**
   * Starts at the beginning of a log.
   *
   * @param profile looks at the sandboxes of this profile only; null for all of them
   */
  public WhatIf(List<Supposed> settings, @Nullable String profile) {
    this.profile = profile;
    this.fleets = settings.stream().map(SupposedFleet::new).toList();
  }

  /**
   * Reads the source to its end.
   *
   * @param progress is given the share and the number of records that were read
   * @return what the log says became of the users, then what each of the settings comes to
   * @throws IOException if it can't be read
   */
  public List<Outcome> run(LogSource source, ObjDoubleConsumer<Long> progress) throws IOException {
    for (LogRecord record = source.next(); record != null; record = source.next()) {
      accept(record);
      if (++count % 4096 == 0) {
        progress.accept(count, source.progress());
      }
    }
    passOn(Long.MAX_VALUE);
    long end = Math.max(source.end().toEpochMilli(), passed);
    List<Outcome> outcomes = new ArrayList<>(List.of(logged.end(end)));
    fleets.forEach(fleet -> outcomes.add(fleet.end(end, makeTimes.millis())));
    return outcomes;
  }

  private void accept(LogRecord record) {
    if (record.topic() == Topic.DEAD_LETTER
        || record.topic() == Topic.STARTED
        || record.topic() == Topic.OUTPUT
        || record.topic() == Topic.INPUT
        || isCopyOfExec(record)) {
      return;
    }
    try {
      accept(
          codec.decode(record.topic(), record.raw().key(), record.raw().value(), record.origin()),
          record.time(),
          record.raw().partition());
    } catch (EventFormatException _) {
      // The audit tells of it.
    }
    latest = Math.max(latest, record.time());
    passOn(latest - LATE);
  }

  /** The original tells of the command: one answer ends it, so it may begin only once. */
  private static boolean isCopyOfExec(LogRecord record) {
    return record.topic() == Topic.EXEC && record.isForwarded();
  }

  private void accept(SandboxEvent event, long at, int partition) {
    switch (event) {
      case Ready ready -> {
        owners.put(partition, ready.workerId());
        if (profile != null && !profile.equals(ready.profile())) {
          begins.remove(ready.userId() + "/" + ready.ensureId());
          elsewhere.add(ready.userId());
          later(new Happening.Gone(at, ready.userId()));
          return;
        }
        elsewhere.remove(ready.userId());
        logged.ready(ready, at);
        long took = Math.clamp(ready.tookMs(), 0, LATE);
        if (ready.outcome() == Ready.Outcome.CREATED) {
          makeTimes.add(Math.min(took, LONGEST_MAKE));
        }
        Long begun = begins.remove(ready.userId() + "/" + ready.ensureId());
        later(
            new Happening.Need(
                begun == null ? at - took : Math.max(at - took, begun),
                ready.userId(),
                ready.workerId(),
                ready.environment().idleTtl(),
                begun != null));
      }
      case Failed failed -> {
        if (elsewhere.contains(failed.userId())) {
          return;
        }
        logged.failed(failed, at);
        String owner = owners.get(partition);
        if (failed.reason() == Failed.Reason.CAPACITY && owner != null) {
          later(new Happening.Need(at, failed.userId(), owner, null, false));
        }
      }
      case Reaped reaped -> {
        logged.reaped(reaped, at);
        if (reaped.reason() != Reaped.Reason.IDLE && reaped.reason() != Reaped.Reason.EVICTED) {
          later(new Happening.Gone(at, reaped.userId()));
        }
      }
      case Activity activity -> later(new Happening.Use(at, activity.userId()));
      case Exec exec -> {
        boolean isOther =
            profile != null
                && !profile.equals(exec.profile())
                && (exec.profile() != null || elsewhere.contains(exec.userId()));
        String owner = exec.ensure() && !isOther ? owners.get(partition) : null;
        if (owner != null) {
          begins.put(exec.userId() + "/" + exec.eventId(), at);
          if (begins.size() > BEGINS_KEPT) {
            begins.pollFirstEntry();
          }
        }
        later(new Happening.Begin(at, exec.userId(), owner));
      }
      case Exited exited -> later(new Happening.End(at, exited.userId()));
      case Ensure _, Input _, Release _, Started _, Output _, Expiring _ -> {}
    }
  }

  private void later(Happening event) {
    waiting.add(new Numbered(event, count));
  }

  private void passOn(long before) {
    for (Numbered next = waiting.peek();
        next != null && next.event.at() < before;
        next = waiting.peek()) {
      waiting.remove();
      Happening event = next.event;
      passed = Math.max(passed, event.at());
      long slotMillis = makeTimes.millis();
      fleets.forEach(fleet -> fleet.accept(event, slotMillis));
    }
  }
}
