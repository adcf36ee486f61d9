/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.firewall;

import io.zcbot.sandbox.worker.docker.api.EngineErrors;
import io.zcbot.sandbox.worker.docker.api.InputQueue;
import io.zcbot.sandbox.worker.docker.api.Operation;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.EngineException.Kind;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Tells a proxy for names what each address reaches: a line for each policy, which is answered when
 * it is in force. Thread-safe.
 */
final class EgressPolicies implements AutoCloseable {
  private static final Pattern ANSWER = Pattern.compile("policy (?<number>\\d{1,18}) (?<said>.*)");
  private static final String OK = "ok";

  /** The script ends after 5 s in which HAProxy does not answer it. */
  private static final Duration PATIENCE = Duration.ofSeconds(8);

  /** How many policies are told before their answers are awaited. */
  private static final int AT_A_TIME = 32;

  /** For as many of the longest policies. */
  private static final int MAX_UNSENT = AT_A_TIME * 8_192;

  final InputQueue input = new InputQueue(MAX_UNSENT);
  private final Map<Long, CompletableFuture<String>> pending = new ConcurrentHashMap<>();
  // the proxy also answers what a worker before asked, which must not be taken for this one's
  private final AtomicLong number = new AtomicLong(ThreadLocalRandom.current().nextLong(1L << 50));
  private volatile boolean closed;

  EgressPolicies() {
    send("\n"); // ends what a worker before left half said
  }

  /** Takes a line of the proxy; returns false if it is about something else. */
  boolean take(String line) {
    Matcher answer = ANSWER.matcher(line);
    if (!answer.matches()) {
      return false;
    }
    CompletableFuture<String> asked = pending.remove(Long.valueOf(answer.group("number")));
    if (asked != null) {
      asked.complete(answer.group("said"));
    }
    return true;
  }

  /**
   * Sets the policy of an address.
   *
   * @param before what it reaches so far; null if that is not known, or not of the same sandbox
   */
  void set(String address, EgressPolicy policy, @Nullable EgressPolicy before)
      throws EngineException {
    boolean keeps = before == null ? policy.names() == null : policy.covers(before);
    await(tell(address, policy, keeps ? "keep" : "cut"));
  }

  /** Sets the policies of addresses of which none has connections. */
  void set(Map<String, EgressPolicy> policies) throws EngineException {
    List<CompletableFuture<String>> told = new ArrayList<>();
    for (Map.Entry<String, EgressPolicy> each : policies.entrySet()) {
      told.add(tell(each.getKey(), each.getValue(), "keep"));
      if (told.size() == AT_A_TIME) {
        awaitAll(told);
      }
    }
    awaitAll(told);
  }

  private void awaitAll(List<CompletableFuture<String>> told) throws EngineException {
    for (CompletableFuture<String> each : told) {
      await(each);
    }
    told.clear();
  }

  private CompletableFuture<String> tell(String address, EgressPolicy policy, String connections) {
    CompletableFuture<String> answer = new CompletableFuture<>();
    long asked = number.incrementAndGet();
    pending.put(asked, answer);
    if (closed || !send(asked + " " + address + " " + connections + " " + policy.text() + "\n")) {
      pending.remove(asked);
      answer.complete("it does not take what it is told");
    }
    return answer.whenComplete((_, _) -> pending.remove(asked));
  }

  private boolean send(String line) {
    return input.offer(line.getBytes(StandardCharsets.US_ASCII), 0);
  }

  private static void await(CompletableFuture<String> answer) throws EngineException {
    String said;
    try {
      said = answer.get(PATIENCE.toNanos(), TimeUnit.NANOSECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw EngineErrors.unanswered(
          Operation.FIREWALL, "interrupted while the proxy for names was told a policy", e);
    } catch (TimeoutException _) {
      answer.cancel(false);
      said = "it did not answer within " + PATIENCE.toSeconds() + " s";
    } catch (ExecutionException e) {
      throw new IllegalStateException(e); // it is never completed so
    }
    if (!said.equals(OK)) {
      throw EngineErrors.exception(
          Kind.UNPROTECTED,
          Operation.FIREWALL,
          "the proxy for names did not take a sandbox's policy: " + EngineErrors.clean(said),
          "build the image from sandbox-image/egress.Dockerfile of this worker's version",
          null);
    }
  }

  /** Ends the conversation: what was not answered fails. */
  @Override
  public void close() {
    closed = true;
    input.close();
    pending.values().forEach(each -> each.complete("it has ended"));
  }
}
