/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.Activity;
import io.zcbot.sandbox.events.ContainerRef;
import io.zcbot.sandbox.events.Ensure;
import io.zcbot.sandbox.events.Exec;
import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.Failed;
import io.zcbot.sandbox.events.Output;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.audit.log.LogRecord;
import io.zcbot.sandbox.worker.audit.log.RecordPosition;
import io.zcbot.sandbox.worker.audit.result.Check;
import io.zcbot.sandbox.worker.audit.result.Violation;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.Stream;
import net.jqwik.api.Assume;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;

/** One broken guarantee in a random history is one violation. */
class BrokenPromisesTest {
  private static final long LENGTH = 2 * 3_600_000;
  private static final long TTL = Histories.RULES.ttl().toMillis();

  /** Longer than every tolerance. */
  private static final long FAR =
      Histories.RULES.skew().plus(Histories.RULES.grace()).toMillis() + 5_000;

  /** A history in which to break a guarantee; nothing in it is announced reaped twice. */
  private static Histories intact(long seed) {
    Histories made = AuditHistoriesTest.histories(seed);
    made.records();
    Set<String> ended = new HashSet<>();
    made.log.entries.removeIf(e -> e.event instanceof Reaped r && !ended.add(r.containerId()));
    return made;
  }

  private static <E extends SandboxEvent> Stream<TestLog.Entry> all(
      Histories made, Class<E> kind, Predicate<E> which) {
    return made.log.entries.stream()
        .filter(e -> kind.isInstance(e.event) && which.test(kind.cast(e.event)));
  }

  private static TestLog.Entry pick(Stream<TestLog.Entry> from, long seed) {
    return pick(from, seed, _ -> true);
  }

  /** One of the suitable entries; searches no further than necessary. */
  private static TestLog.Entry pick(
      Stream<TestLog.Entry> from, long seed, Predicate<TestLog.Entry> suits) {
    List<TestLog.Entry> all = new ArrayList<>(from.toList());
    Collections.shuffle(all, new Random(seed));
    Optional<TestLog.Entry> found = all.stream().filter(suits).findFirst();
    Assume.that(found.isPresent());
    return found.orElseThrow();
  }

  private static Violation only(TestLog.Reported reported, Check check) {
    assertThat(reported.violations()).hasSize(1);
    Violation violation = reported.violations().getFirst();
    assertThat(violation.check()).isEqualTo(check);
    return violation;
  }

  private static TestLog.Entry readyOf(Histories made, Reaped reaped) {
    return all(made, Ready.class, r -> r.containerId().equals(reaped.containerId()))
        .min(Comparator.comparingLong(e -> e.appended))
        .orElseThrow();
  }

  private static TestLog.Entry lastReadyOf(Histories made, Reaped reaped) {
    return all(made, Ready.class, r -> r.containerId().equals(reaped.containerId()))
        .max(Comparator.comparingLong(e -> e.appended))
        .orElseThrow();
  }

  /** The first ready of the user's next session. */
  private static Optional<TestLog.Entry> readyAfter(Histories made, TestLog.Entry reaped) {
    Reaped event = (Reaped) reaped.event;
    return all(
            made,
            Ready.class,
            r -> r.userId().equals(event.userId()) && !r.containerId().equals(event.containerId()))
        .filter(e -> e.appended > reaped.appended)
        .min(Comparator.comparingLong(e -> e.appended));
  }

  private static boolean lasts(Histories made, TestLog.Entry ready, long ms) {
    String container = ((Ready) ready.event).containerId();
    return all(made, Reaped.class, r -> r.containerId().equals(container))
        .allMatch(e -> e.time > ready.time + ms);
  }

  /** Makes the user not come back after this. */
  private static void endUserAfter(Histories made, TestLog.Entry last) {
    UserId user = last.event.userId();
    byte[] key = user.toString().getBytes(StandardCharsets.US_ASCII);
    made.log.entries.removeIf(
        e ->
            e.appended > last.appended
                && !(e.event instanceof Exited || e.event instanceof Output)
                && (e.event == null ? Arrays.equals(e.key, key) : e.event.userId().equals(user)));
  }

  private static boolean isUsedShortlyBefore(Histories made, TestLog.Entry reaped) {
    return all(made, Activity.class, a -> a.userId().equals(reaped.event.userId()))
        .anyMatch(e -> e.appended < reaped.appended && e.appended > reaped.appended - 10_000);
  }

  private static void removeReapedOf(Histories made, Reaped reaped) {
    made.log.entries.removeIf(
        e -> e.event instanceof Reaped r && r.containerId().equals(reaped.containerId()));
  }

  private static Reaped with(Reaped r, String id, long at, Reaped.Reason reason) {
    return new Reaped(
        id,
        r.userId(),
        Instant.ofEpochMilli(at),
        r.container(),
        reason,
        r.lastActiveAt(),
        r.exitCode(),
        r.oomKilled());
  }

  @Property(tries = 10, maxDiscardRatio = 30)
  void i1ASandboxThatEndsLongAfterTheNextOneBegan(@ForAll long seed) {
    Histories made = intact(seed);
    TestLog.Entry late =
        pick(
            all(made, Reaped.class, r -> r.reason() == Reaped.Reason.MOVED),
            seed,
            e -> readyAfter(made, e).filter(n -> lasts(made, n, FAR + 3_000)).isPresent());
    Reaped reaped = (Reaped) late.event;
    TestLog.Entry next = readyAfter(made, late).orElseThrow();
    removeReapedOf(made, reaped);
    long moved = next.time + FAR;
    TestLog.Entry now =
        made.log.add(
            late.partition,
            next.appended + FAR,
            moved,
            with(reaped, reaped.eventId(), moved, reaped.reason()));

    assertThat(only(made.audit(), Check.I1).evidence())
        .containsExactly(readyOf(made, reaped).position, next.position, now.position);
  }

  @Property(tries = 5, maxDiscardRatio = 30)
  void i2AnEnsureWhoseAnswerIsMissing(@ForAll long seed) {
    Histories made = intact(seed);
    TestLog.Entry gone = pick(all(made, Failed.class, _ -> true), seed);
    String id = ((Failed) gone.event).ensureId();
    made.log.entries.remove(gone);
    TestLog.Entry ensure =
        made.log.entries.stream()
            .filter(e -> e.topic == Topic.ENSURE)
            .filter(
                e ->
                    e.event instanceof Ensure x
                        ? x.eventId().equals(id)
                        : e.position.toString().equals(id))
            .min(Comparator.comparingLong(e -> e.appended))
            .orElseThrow();

    assertThat(only(made.audit(), Check.I2).evidence()).containsExactly(ensure.position);
  }

  @Property(tries = 5, maxDiscardRatio = 30)
  void i4ASandboxWhoseEndIsMissingThoughTheUserWentOn(@ForAll long seed) {
    Histories made = intact(seed);
    TestLog.Entry gone =
        pick(all(made, Reaped.class, _ -> true), seed, e -> readyAfter(made, e).isPresent());
    TestLog.Entry next = readyAfter(made, gone).orElseThrow();
    removeReapedOf(made, (Reaped) gone.event);

    assertThat(only(made.audit(), Check.I4).evidence())
        .containsExactly(lastReadyOf(made, (Reaped) gone.event).position, next.position);
  }

  /** Nearly half of all histories have no two sandboxes that one purge ended. */
  @Property(tries = 15, maxDiscardRatio = 30)
  void i4ASandboxThatThePurgeOfItsWorkerLeftOut(@ForAll long seed) {
    Histories made = intact(seed);
    TestLog.Entry gone =
        pick(all(made, Reaped.class, r -> r.reason() == Reaped.Reason.PURGED), seed);
    endUserAfter(made, gone);
    Reaped reaped = (Reaped) gone.event;
    Optional<TestLog.Entry> other =
        all(
                made,
                Reaped.class,
                r ->
                    r.reason() == Reaped.Reason.PURGED
                        && r.workerId().equals(reaped.workerId())
                        && !r.containerId().equals(reaped.containerId()))
            .max(
                Comparator.comparingLong((TestLog.Entry e) -> e.time)
                    .thenComparingInt(e -> e.position.partition())
                    .thenComparingLong(e -> e.position.offset()));
    Assume.that(other.isPresent() && other.get().time > gone.time - 1_000);
    removeReapedOf(made, reaped);

    assertThat(only(made.audit(), Check.I4).evidence())
        .containsExactly(lastReadyOf(made, reaped).position, other.get().position);
  }

  @Property(tries = 5, maxDiscardRatio = 30)
  void i4ASandboxReapedTwiceUnderTwoIds(@ForAll long seed) {
    Histories made = intact(seed);
    TestLog.Entry once = pick(all(made, Reaped.class, _ -> true), seed);
    Reaped reaped = (Reaped) once.event;
    TestLog.Entry again =
        made.log.add(
            once.partition,
            once.appended + 3_000,
            once.time + 3_000,
            with(reaped, "another", once.time + 3_000, Reaped.Reason.DIED));

    assertThat(only(made.audit(), Check.I4).evidence())
        .containsExactly(once.position, again.position);
  }

  @Property(tries = 5, maxDiscardRatio = 30)
  void i4ASandboxAnnouncedReadyAfterItsEnd(@ForAll long seed) {
    Histories made = intact(seed);
    TestLog.Entry end =
        pick(
            all(made, Reaped.class, _ -> true),
            seed,
            e ->
                readyAfter(made, e).map(next -> next.appended > e.appended + 2 * FAR).orElse(true));
    TestLog.Entry again = lastReadyOf(made, (Reaped) end.event).copy();
    again.appended = end.appended + FAR;
    again.time = end.time + FAR;
    made.log.entries.add(again);

    assertThat(only(made.audit(), Check.I4).evidence())
        .containsExactly(end.position, again.position);
  }

  @Property(tries = 5, maxDiscardRatio = 30)
  void i5ASandboxReapedWhileInUse(@ForAll long seed) {
    Histories made = intact(seed);
    TestLog.Entry end = pick(all(made, Reaped.class, r -> r.reason() == Reaped.Reason.IDLE), seed);
    UserId user = ((Reaped) end.event).userId();
    long used =
        end.time - Histories.RULES.grace().toMillis() - 1 - Math.floorMod(seed, TTL - 20_000);
    // What it was used for before may count as well, if it came later.
    Assume.that(
        made.log.entries.stream()
            .noneMatch(
                e ->
                    e.event instanceof Activity a
                        && a.userId().equals(user)
                        && e.time >= used
                        && e.time < end.time - 10_000));
    TestLog.Entry use =
        made.log.add(
            end.partition, used, new Activity("use", user, Instant.ofEpochMilli(used), null));

    assertThat(only(made.audit(), Check.I5).evidence()).containsExactly(use.position, end.position);
  }

  @Property(tries = 5, maxDiscardRatio = 30)
  void i6ASandboxReapedTooLate(@ForAll long seed) {
    Histories made = intact(seed);
    TestLog.Entry end =
        pick(
            all(made, Reaped.class, r -> r.reason() == Reaped.Reason.IDLE),
            seed,
            e -> !isUsedShortlyBefore(made, e));
    endUserAfter(made, end);
    Reaped reaped = (Reaped) end.event;
    removeReapedOf(made, reaped);
    long late = 60_000;
    TestLog.Entry now =
        made.log.add(
            end.partition,
            end.appended + late,
            end.time + late,
            with(reaped, reaped.eventId(), end.time + late, Reaped.Reason.IDLE));
    TestLog.Reported reported = made.audit();

    List<RecordPosition> evidence = only(reported, Check.I6).evidence();
    assertThat(evidence).hasSize(2).endsWith(now.position);
    assertThat(evidence.getFirst().topic()).isIn(Topic.ACTIVITY, Topic.READY, Topic.EXITED);
  }

  @Property(tries = 5, maxDiscardRatio = 30)
  void i6AnIdleSandboxAtTheEnd(@ForAll long seed) {
    Histories made = intact(seed);
    TestLog.Entry gone =
        pick(
            all(made, Reaped.class, r -> r.reason() == Reaped.Reason.IDLE),
            seed,
            e -> !isUsedShortlyBefore(made, e));
    endUserAfter(made, gone);
    Reaped reaped = (Reaped) gone.event;
    removeReapedOf(made, reaped);

    List<LogRecord> records = made.records();
    long end = gone.time + 60_000;
    long ready = lastReadyOf(made, reaped).time;
    // With a purge in between it would be I4.
    Assume.that(records.stream().noneMatch(r -> r.time() < end && r.time() > ready && isPurge(r)));
    TestLog.Reported reported =
        TestLog.audit(Histories.RULES, records.stream().filter(r -> r.time() < end).toList(), end);
    assertThat(only(reported, Check.I6).evidence()).hasSize(1);
  }

  private static boolean isPurge(LogRecord record) {
    return record.topic() == Topic.REAPED
        && new String(record.raw().value(), StandardCharsets.UTF_8).contains("\"purged\"");
  }

  private static Optional<TestLog.Entry> failedBefore(Histories made, TestLog.Entry failed) {
    return all(made, Failed.class, f -> f.userId().equals(failed.event.userId()))
        .filter(e -> e.appended < failed.appended && e.appended > failed.appended - 3_000_000)
        .filter(e -> !made.isBare(e))
        .max(Comparator.comparingLong(e -> e.appended));
  }

  private static TestLog.Entry execOf(Histories made, String id) {
    return all(made, Exec.class, e -> e.eventId().equals(id))
        .min(Comparator.comparingLong(e -> e.appended))
        .orElseThrow();
  }

  @Property(tries = 5, maxDiscardRatio = 30)
  void i11AnExecWhoseAnswerIsMissing(@ForAll long seed) {
    Histories made = intact(seed);
    TestLog.Entry gone =
        pick(all(made, Exited.class, e -> e.reason() == Exited.Reason.EXPIRED), seed);
    String id = ((Exited) gone.event).execId();
    made.log.entries.removeIf(e -> e.event instanceof Exited x && x.execId().equals(id));
    TestLog.Entry exec = execOf(made, id);

    assertThat(only(made.audit(), Check.I11).evidence()).containsExactly(exec.position);
  }

  @Property(tries = 5, maxDiscardRatio = 30)
  void i12ACommandThatWasStartedAgainInAnotherSandbox(@ForAll long seed) {
    Histories made = intact(seed);
    TestLog.Entry once = pick(all(made, Exited.class, e -> e.container() != null), seed);
    Exited e = (Exited) once.event;
    TestLog.Entry first =
        all(made, Exited.class, x -> x.execId().equals(e.execId()))
            .min(Comparator.comparingLong(x -> x.appended))
            .orElseThrow();
    TestLog.Entry again =
        made.log.add(
            once.partition,
            once.appended + 2_000,
            once.time + 2_000,
            new Exited(
                e.eventId(),
                e.userId(),
                e.execId(),
                e.exitedAt(),
                e.reason(),
                e.exitCode(),
                e.signal(),
                e.stdout(),
                e.stderr(),
                e.outputCount(),
                e.truncated(),
                e.survivors(),
                new ContainerRef("other", "other", "h", "w"),
                e.startedAt(),
                e.tookMs(),
                e.cpu(),
                e.message(),
                e.retryable()));

    assertThat(only(made.audit(), Check.I12).evidence())
        .containsExactly(first.position, again.position);
  }

  @Property(tries = 5, maxDiscardRatio = 30)
  void i14OutputThatIsMissing(@ForAll long seed) {
    Histories made = intact(seed);
    Set<String> counted = new HashSet<>();
    all(made, Exited.class, e -> e.outputCount() > 0)
        .forEach(e -> counted.add(((Exited) e.event).execId()));
    TestLog.Entry gone = pick(all(made, Output.class, o -> counted.contains(o.execId())), seed);
    String id = gone.event.eventId();
    made.log.entries.removeIf(e -> e.event instanceof Output o && o.eventId().equals(id));

    only(made.audit(), Check.I14);
  }

  /** Many histories have no user with two failures, and all of ten were such once. */
  @Property(tries = 15, maxDiscardRatio = 30)
  void idsOneForTwoAnswers(@ForAll long seed) {
    Histories made = intact(seed);
    TestLog.Entry second =
        pick(
            all(made, Failed.class, _ -> true),
            seed,
            e -> !made.isBare(e) && failedBefore(made, e).isPresent());
    Failed failed = (Failed) second.event;
    Optional<TestLog.Entry> first = failedBefore(made, second);
    second.event =
        new Failed(
            first.get().event.eventId(),
            failed.userId(),
            failed.ensureId(),
            failed.failedAt(),
            failed.reason(),
            failed.message(),
            failed.retryable());

    assertThat(only(made.audit(), Check.IDS).evidence())
        .containsExactly(first.get().position, second.position);
  }

  @Property(tries = 5, maxDiscardRatio = 30)
  void unreadableRecordsWithoutADeadLetterAndInOutputTopics(@ForAll long seed) {
    Histories made = intact(seed);
    TestLog.Entry letter =
        pick(made.log.entries.stream().filter(e -> e.topic == Topic.DEAD_LETTER), seed);
    TestLog.Entry poisoned = made.poisoned.get(made.letters.indexOf(letter));
    made.log.entries.remove(letter);
    assertThat(only(made.audit(), Check.UNREADABLE).evidence()).containsExactly(poisoned.position);

    made.log.entries.add(letter);
    TestLog.Entry bad =
        made.log.raw(
            Topic.READY,
            0,
            Histories.START + LENGTH / 2,
            null,
            "{}".getBytes(StandardCharsets.UTF_8));
    assertThat(only(made.audit(), Check.UNREADABLE).evidence()).containsExactly(bad.position);
  }
}
