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
 * Allocates user ids that no container on the engine has. The only record of allocated ids are the
 * labels of containers, of all workers. The engine is asked for all labels from time to time, and
 * after each create for those of the chosen id, because another worker may have chosen the same one
 * concurrently. Thread-safe.
 */
public final class FreeUids {
  private static final long BEING_CREATED = Long.MAX_VALUE;

  /**
   * How many ids are allocated from one listing. Asking for a listing at every create would take
   * too long; an id that became free is not allocated again before the next listing.
   */
  private static final int PICKS_BY_ONE_LISTING = 16;

  private final EngineCalls calls;
  private final SandboxUids uids;

  /**
   * Where the search begins. Depends on the worker's id, so that workers with the same range rarely
   * choose the same ids.
   */
  private final int start;

  /** Ids in the last listing. Guarded by this, as are the fields below. */
  private Set<Integer> listed = Set.of();

  /** When the last listing was requested, by {@link System#nanoTime}; null before the first. */
  private @Nullable Long lastAsked;

  /** Ids that were allocated since the last listing. */
  private int picks;

  /**
   * Ids that were allocated here and that the last listing may not show, and when the create ended
   * ({@link System#nanoTime}) or {@link #BEING_CREATED}.
   */
  private final Map<Integer, Long> taken = new HashMap<>();

  public FreeUids(EngineCalls calls, SandboxUids uids, String workerId) {
    this.calls = calls;
    this.uids = uids;
    this.start = Math.floorMod(workerId.hashCode() * 0x9E3779B9, uids.size());
  }

  /**
   * An allocated user id. To be closed when the create has ended; the id stays reserved until a
   * later listing shows whether a container has it.
   */
  final class Taken implements AutoCloseable {
    private final int number;

    private Taken(int number) {
      this.number = number;
    }

    int number() {
      return number;
    }

    /** Asks the engine whether a container other than the one just created has this id. */
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

  /**
   * Allocates an id; asks the engine only if needed.
   *
   * @throws EngineException of kind CAPACITY if all ids of the range are in use: an ended container
   *     gives its id back when it is removed, a moment after its place
   */
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
          Kind.CAPACITY,
          Operation.CREATE,
          "all users of the range " + uids + " have a sandbox on this engine",
          "choose a larger range in ZCBOT_SANDBOX_UIDS, or remove containers that are left",
          null);
    }
    return new Taken(picked);
  }

  /** Allocates an id from the last listing; null if the engine must be asked. */
  private synchronized @Nullable Integer pickKnown() {
    return lastAsked == null || picks >= PICKS_BY_ONE_LISTING ? null : pick();
  }

  private synchronized @Nullable Integer pick(Set<Integer> answer, long asked) {
    if (lastAsked == null || asked - lastAsked > 0) {
      listed = answer;
      lastAsked = asked;
      picks = 0;
      // A create that ended before this listing was requested is in it, or has failed.
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

  /** Makes the next allocation ask the engine. */
  private synchronized void seenElsewhere() {
    picks = PICKS_BY_ONE_LISTING;
  }

  private synchronized void created(int uid) {
    taken.put(uid, System.nanoTime());
  }

  /** Lists the containers that have a label: the user id of each, by container id. */
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
