/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.testkit;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.pool.SlotMounts;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Deque;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Slot directories in memory, which survive the process that made them, like the real ones. Several
 * threads may use them: a purge has one for each slot.
 */
public final class FakeMounts implements SlotMounts {
  private static final String PROBE = "probe";

  private final BooleanSupplier processGone;
  private final Map<String, Deque<String>> mounted = new ConcurrentHashMap<>();
  private final Map<String, Set<UserId>> everHad = new ConcurrentHashMap<>();
  private final Set<String> failing = ConcurrentHashMap.newKeySet();
  private final AtomicInteger open = new AtomicInteger();

  public FakeMounts(BooleanSupplier processGone) {
    this.processGone = processGone;
  }

  /** The next call of an operation fails: create, probe, mount or release. */
  public void failNext(String operation) {
    failing.add(operation);
  }

  public void heal() {
    failing.clear();
  }

  /** The user whose workspace is mounted on a slot's directory; null if there is none. */
  public @Nullable UserId mountedOn(String slotId) {
    Deque<String> all = mounted.get(slotId);
    String last = all == null ? null : all.peek();
    return last == null || last.equals(PROBE) ? null : UserId.parse(last);
  }

  /** The slots that a user's workspace was ever mounted on, with the users. */
  public Map<String, Set<UserId>> everHad() {
    return everHad;
  }

  /** The number of open directories. */
  public int open() {
    return open.get();
  }

  private void before(String operation) throws IOException {
    if (processGone.getAsBoolean()) {
      throw new IOException("the process is gone");
    }
    if (failing.remove(operation)) {
      throw new IOException("fault of the test in " + operation);
    }
  }

  @Override
  public @Nullable String problem() {
    return null;
  }

  @Override
  public Directory create(String slotId) throws IOException {
    before("create");
    mounted.put(slotId, new ConcurrentLinkedDeque<>());
    open.incrementAndGet();
    return new Directory() {
      @Override
      public Path path() {
        return Path.of("/slots", slotId);
      }

      @Override
      public void mountProbe() throws IOException {
        before("probe");
        on().push(PROBE);
      }

      @Override
      public void unmountProbe() throws IOException {
        before("unmountProbe");
        on().pop();
      }

      @Override
      public void mount(UserId user) throws IOException {
        before("mount");
        on().push(user.toString());
        everHad.computeIfAbsent(slotId, _ -> ConcurrentHashMap.newKeySet()).add(user);
      }

      private Deque<String> on() throws IOException {
        Deque<String> all = mounted.get(slotId);
        if (all == null) {
          throw new IOException("no such directory");
        }
        return all;
      }

      @Override
      public void close() {
        open.decrementAndGet();
      }
    };
  }

  @Override
  public Set<String> left() {
    return Set.copyOf(mounted.keySet());
  }

  @Override
  public void release(String slotId) throws IOException {
    before("release");
    mounted.remove(slotId);
  }
}
