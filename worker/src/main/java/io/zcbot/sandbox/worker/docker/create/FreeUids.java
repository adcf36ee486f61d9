/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.create;

import io.zcbot.sandbox.worker.docker.api.EngineCalls;
import io.zcbot.sandbox.worker.docker.api.EngineErrors;
import io.zcbot.sandbox.worker.docker.api.Operation;
import io.zcbot.sandbox.worker.docker.api.SandboxLabels;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.EngineException.Kind;
import io.zcbot.sandbox.worker.spec.SandboxUids;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Users that no container on the engine has. Which ones are taken is known from the containers'
 * labels, those of all workers included, and is stored nowhere else. The engine is asked now and
 * then for all, and after each create whether another worker chose the same one since.
 */
final class FreeUids {
  private static final long BEING_CREATED = Long.MAX_VALUE;

  /** What is asked for at every create takes time; until it is asked, none is given again. */
  private static final int PICKS_BY_ONE_LISTING = 16;

  private final EngineCalls calls;
  private final SandboxUids uids;

  /** Where the search begins: workers that share a range rarely want the same ones. */
  private final int start;

  /** Those of the last listing. */
  private Set<Integer> listed = Set.of();

  /** When that listing was asked for; null before the first. */
  private @Nullable Long lastAsked;

  /** Since then. */
  private int picks;

  /** Those of creates that the listing may not show, and when they ended. */
  private final Map<Integer, Long> taken = new HashMap<>();

  FreeUids(EngineCalls calls, SandboxUids uids, String workerId) {
    this.calls = calls;
    this.uids = uids;
    this.start = Math.floorMod(workerId.hashCode() * 0x9E3779B9, uids.size());
  }

  /** A user that nothing else gets, until this is closed and the engine lists who has it. */
  final class Taken implements AutoCloseable {
    private final int number;

    private Taken(int number) {
      this.number = number;
    }

    int number() {
      return number;
    }

    /** Whether a container has it besides one that was just created. */
    boolean isAnothersToo(String containerId) throws EngineException {
      if (uids.isShared()) {
        return false;
      }
      boolean another =
          holders(SandboxLabels.UID + "=" + number).entrySet().stream()
              .anyMatch(held -> held.getValue() == number && !held.getKey().equals(containerId));
      if (another) {
        seenElsewhere();
      }
      return another;
    }

    @Override
    public void close() {
      if (!uids.isShared()) {
        created(number);
      }
    }
  }

  Taken take() throws EngineException {
    if (uids.isShared()) {
      return new Taken(uids.first());
    }
    Integer known = pickKnown();
    if (known != null) {
      return new Taken(known);
    }
    long asked = System.nanoTime();
    Integer picked = pick(new HashSet<>(holders(SandboxLabels.UID).values()), asked);
    if (picked == null) {
      throw EngineErrors.exception(
          Kind.REJECTED,
          Operation.CREATE,
          "all users of the range " + uids + " have a sandbox on this engine",
          "choose a larger range in ZCBOT_SANDBOX_UIDS, or remove containers that are left",
          null);
    }
    return new Taken(picked);
  }

  /** Null if the engine has to be asked. */
  private synchronized @Nullable Integer pickKnown() {
    return lastAsked == null || picks >= PICKS_BY_ONE_LISTING ? null : pick();
  }

  private synchronized @Nullable Integer pick(Set<Integer> answer, long asked) {
    if (lastAsked == null || asked - lastAsked > 0) {
      listed = answer;
      lastAsked = asked;
      picks = 0;
      // A create that ended before the engine was asked is in its answer, or came to nothing.
      taken.values().removeIf(ended -> ended != BEING_CREATED && ended - asked < 0);
    }
    return pick();
  }

  private synchronized @Nullable Integer pick() {
    for (int i = 0; i < uids.size(); i++) {
      int uid = uids.first() + (start + i) % uids.size();
      if (!listed.contains(uid) && taken.putIfAbsent(uid, BEING_CREATED) == null) {
        picks++;
        return uid;
      }
    }
    return null;
  }

  /** What is known is out of date. */
  private synchronized void seenElsewhere() {
    picks = PICKS_BY_ONE_LISTING;
  }

  private synchronized void created(int uid) {
    taken.put(uid, System.nanoTime());
  }

  /** Containers, by their ids, that have a label, and the user that it names. */
  private Map<String, Integer> holders(String label) throws EngineException {
    return calls.call(
        Operation.LIST,
        engine -> {
          Map<String, Integer> holders = new HashMap<>();
          for (var container :
              engine
                  .docker()
                  .listContainersCmd()
                  .withShowAll(true)
                  .withLabelFilter(List.of(label))
                  .exec()) {
            Map<String, String> labels = container.getLabels();
            String uid = labels == null ? null : labels.get(SandboxLabels.UID);
            if (uid != null && uid.matches("[0-9]{1,9}")) {
              holders.put(Objects.requireNonNull(container.getId()), Integer.valueOf(uid));
            }
          }
          return holders;
        });
  }
}
