/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import java.util.function.UnaryOperator;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import org.jspecify.annotations.Nullable;

/** Generates any event that a worker or an agent can publish. */
final class Events {
  private Events() {}

  static Arbitrary<SandboxEvent> any() {
    return Arbitraries.oneOf(
        ensures(),
        activities(),
        releases(),
        readies(),
        reaped(),
        failed(),
        expiring(),
        CommandEvents.any());
  }

  static Arbitrary<UserId> users() {
    return Combinators.combine(Arbitraries.longs(), Arbitraries.longs())
        .as((high, low) -> new UserId(new UUID(high, low)));
  }

  /** An identifier: like {@link #prose}, without control and invisible characters. */
  static Arbitrary<String> texts() {
    return prose(text -> text.replaceAll("[\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}]", ""));
  }

  /** Text that the contract allows: not empty, not too long, whole characters of every plane. */
  static Arbitrary<String> prose() {
    return prose(text -> text);
  }

  /** The change is for the characters of every plane only, since the others are harmless. */
  private static Arbitrary<String> prose(UnaryOperator<String> change) {
    return Arbitraries.oneOf(
        Arbitraries.strings().alpha().ofMinLength(1).ofMaxLength(40),
        Arbitraries.integers()
            .between(1, 0x10ffff)
            .filter(c -> c < 0xd800 || c > 0xdfff)
            .list()
            .ofMinSize(1)
            .ofMaxSize(60)
            .map(
                codePoints -> {
                  StringBuilder text = new StringBuilder();
                  codePoints.forEach(text::appendCodePoint);
                  return change.apply(text.toString());
                })
            .filter(text -> !text.isBlank()),
        Arbitraries.just("x".repeat(4096)));
  }

  static Arbitrary<Instant> instants() {
    return Combinators.combine(
            Arbitraries.longs()
                .between(
                    Instant.parse("0000-01-01T00:00:00Z").getEpochSecond(),
                    Instant.parse("9999-12-31T23:59:59Z").getEpochSecond()),
            Arbitraries.integers().between(0, 999_999_999))
        .as(Instant::ofEpochSecond);
  }

  private static Arbitrary<SandboxEvent> ensures() {
    return Combinators.combine(
            texts(),
            users(),
            instants(),
            texts().injectNull(0.3),
            instants().injectNull(0.3),
            Arbitraries.longs().between(1, 31_536_000).map(Duration::ofSeconds).injectNull(0.3),
            Combinators.combine(
                    labels().injectNull(0.3),
                    instants().injectNull(0.3),
                    networks().injectNull(0.3))
                .as(Terms::new),
            profiles().injectNull(0.3))
        .as(
            (id, user, at, by, expiresAt, idleTtl, terms, profile) ->
                new Ensure(
                    id,
                    user,
                    at,
                    by,
                    expiresAt,
                    idleTtl,
                    terms.labels(),
                    terms.endsAt(),
                    profile,
                    profile != null && profile.length() > 1,
                    terms.network()));
  }

  private record Terms(
      @Nullable Map<String, String> labels, @Nullable Instant endsAt, @Nullable Network network) {}

  private static Arbitrary<Network> networks() {
    return Arbitraries.of("a.example", "*.a.example:443", "10.0.0.0/8", "fd00::1", "x".repeat(253))
        .list()
        .ofMaxSize(16)
        .injectNull(0.3)
        .map(Network::new);
  }

  /** Names of profiles. */
  static Arbitrary<String> profiles() {
    return Arbitraries.of("default", "a", "0-0", "data-science", "x".repeat(63));
  }

  private static Arbitrary<Map<String, String>> labels() {
    return Arbitraries.maps(
            texts().filter(key -> key.length() <= 120),
            Arbitraries.oneOf(
                prose().filter(value -> value.length() < 200 && value.indexOf('\0') < 0),
                Arbitraries.just("")))
        .ofMaxSize(4);
  }

  private static Arbitrary<SandboxEvent> activities() {
    return Combinators.combine(texts(), users(), instants(), texts().injectNull(0.3))
        .as(Activity::new);
  }

  private static Arbitrary<SandboxEvent> releases() {
    return Combinators.combine(
            texts(),
            users(),
            instants(),
            texts().injectNull(0.3),
            instants().injectNull(0.3),
            texts().injectNull(0.3))
        .as(Release::new);
  }

  private static Arbitrary<SandboxEvent> expiring() {
    return Combinators.combine(
            texts(),
            users(),
            instants(),
            texts(),
            instants(),
            Arbitraries.of(Expiring.Reason.class))
        .as(Expiring::new);
  }

  private static Arbitrary<SandboxEvent> readies() {
    return Combinators.combine(
            texts().list().ofSize(10),
            users(),
            instants(),
            Arbitraries.of(Ready.Outcome.class),
            Arbitraries.longs().greaterOrEqual(0),
            Arbitraries.longs().between(0, 31_536_000).map(Duration::ofSeconds).injectNull(0.3),
            Combinators.combine(labels(), instants().injectNull(0.3), networks()).as(Terms::new),
            Arbitraries.oneOf(profiles(), texts()))
        .as(
            (t, user, at, outcome, took, idleTtl, terms, profile) ->
                new Ready(
                    t.get(0),
                    user,
                    t.get(1),
                    at,
                    new ContainerRef(t.get(2), t.get(3), t.get(4), t.get(6)),
                    outcome,
                    new Ready.Environment(t.get(5), t.get(7), t.get(8), t.get(9), idleTtl),
                    took,
                    Objects.requireNonNull(terms.labels()),
                    terms.endsAt(),
                    profile,
                    Objects.requireNonNull(terms.network()),
                    profile.length() == 1 ? null : t.get(9)));
  }

  private static Arbitrary<SandboxEvent> reaped() {
    return Combinators.combine(
            texts().list().ofSize(5),
            users(),
            instants(),
            Arbitraries.of(Reaped.Reason.class),
            instants().injectNull(0.3),
            Arbitraries.integers().injectNull(0.3),
            Arbitraries.of(true, false).injectNull(0.3),
            Arbitraries.of(Reaped.Use.class).injectNull(0.3))
        .as(
            (t, user, at, reason, active, exitCode, oom, use) ->
                new Reaped(
                    t.get(0),
                    user,
                    at,
                    new ContainerRef(t.get(1), t.get(2), t.get(3), t.get(4)),
                    reason,
                    active,
                    exitCode,
                    oom,
                    use));
  }

  private static Arbitrary<SandboxEvent> failed() {
    return Combinators.combine(
            texts(),
            users(),
            texts(),
            instants(),
            Arbitraries.of(Failed.Reason.class),
            prose(),
            Arbitraries.of(true, false))
        .as(Failed::new);
  }
}
