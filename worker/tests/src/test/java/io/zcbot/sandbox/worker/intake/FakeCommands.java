/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.events.CommandEntry;
import io.zcbot.sandbox.events.Input;
import io.zcbot.sandbox.events.Origin;
import io.zcbot.sandbox.events.Release;
import io.zcbot.sandbox.worker.commands.CommandInput;
import io.zcbot.sandbox.worker.commands.CommandKey;
import io.zcbot.sandbox.worker.commands.CommandWork;
import io.zcbot.sandbox.worker.commands.ExecRequest;
import io.zcbot.sandbox.worker.commands.ReadInput;
import io.zcbot.sandbox.worker.sandbox.Fence;
import io.zcbot.sandbox.worker.sandbox.FencedException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;

/** Commands that accept input up to a bound. Each is known once its exec arrived. */
final class FakeCommands implements CommandWork {
  final List<ExecRequest> execs = new CopyOnWriteArrayList<>();
  final List<Release> releases = new CopyOnWriteArrayList<>();
  final List<Integer> gone = new CopyOnWriteArrayList<>();
  final List<String> committed = new CopyOnWriteArrayList<>();

  /** The ends of the execs that were read with what was taken over. */
  final List<Long> takenOver = new CopyOnWriteArrayList<>();

  volatile boolean isFull;
  volatile Runnable onGone = () -> {};
  private final Map<CommandKey, Command> commands = new HashMap<>();

  private static final class Command implements CommandInput {
    final List<String> taken = new ArrayList<>();
    final List<Origin> forwardedFrom = new ArrayList<>();
    int room = Integer.MAX_VALUE;
    CompletableFuture<Void> hasRoom = new CompletableFuture<>();
    boolean goesOn = true;
    boolean over;

    @Override
    public synchronized boolean isOpen() {
      return !over;
    }

    @Override
    public synchronized boolean goesOn() {
      return !over && goesOn;
    }

    @Override
    public synchronized CompletableFuture<Void> room() {
      return hasRoom;
    }

    @Override
    public synchronized boolean offer(ReadInput given) {
      if (over) {
        return true;
      }
      switch (given.input().content()) {
        case Input.Content.Bytes bytes -> {
          int length = bytes.data().length();
          if (length > room) {
            return false;
          }
          room -= length;
          taken.add(new String(bytes.data().toByteArray(), StandardCharsets.UTF_8));
        }
        case Input.Content.End _ -> {
          goesOn = false;
          taken.add("END");
        }
        case Input.Content.Signal signal -> taken.add(signal.signal().name());
        case Input.Content.Resize resize -> taken.add(resize.size().columns() + " columns");
      }
      if (given.forwardedFrom() != null) {
        forwardedFrom.add(given.forwardedFrom());
      }
      return true;
    }

    synchronized void end() {
      over = true;
      hasRoom.complete(null);
    }

    synchronized void makeRoom(int bytes) {
      room = bytes;
      hasRoom.complete(null);
      hasRoom = new CompletableFuture<>();
    }

    synchronized List<String> taken() {
      return List.copyOf(taken);
    }

    synchronized List<Origin> forwardedFrom() {
      return List.copyOf(forwardedFrom);
    }
  }

  @Override
  public CompletableFuture<@Nullable Void> takeOver(
      int partition, Collection<CommandEntry> entries, long execEnd, Fence fence) {
    takenOver.add(execEnd);
    return CompletableFuture.completedFuture(null);
  }

  @Override
  public void exec(ExecRequest request) {
    execs.add(request);
    begin(CommandKey.of(request.exec()));
  }

  synchronized void begin(CommandKey key) {
    commands.putIfAbsent(key, new Command());
  }

  /** Begins a command that accepts only signals and sizes. */
  synchronized void beginWithoutInput(CommandKey key) {
    begin(key);
    commands.get(key).goesOn = false;
  }

  /** Ends a command. It is still known, and accepts inputs that nobody reads. */
  synchronized void end(CommandKey key) {
    commands.get(key).end();
  }

  synchronized void forget(CommandKey key) {
    commands.remove(key);
  }

  /** Sets how many more bytes a command accepts. */
  synchronized void room(CommandKey key, int bytes) {
    commands.get(key).makeRoom(bytes);
  }

  /** The inputs that a command was given: bytes as text, and the names of other inputs. */
  synchronized List<String> taken(CommandKey key) {
    return commands.get(key).taken();
  }

  /** The origins that the inputs of a command were forwarded from. */
  synchronized List<Origin> forwardedFrom(CommandKey key) {
    return commands.get(key).forwardedFrom();
  }

  @Override
  public void release(Release release, Fence fence) throws FencedException, InterruptedException {
    fence.pass();
    releases.add(release);
  }

  @Override
  public synchronized @Nullable CommandInput expect(ExecRequest request) {
    Command command = new Command();
    return commands.putIfAbsent(CommandKey.of(request.exec()), command) == null ? command : null;
  }

  @Override
  public synchronized void expectNoMore(ExecRequest request) {
    if (!execs.contains(request)) {
      commands.remove(CommandKey.of(request.exec()));
    }
  }

  @Override
  public synchronized @Nullable CommandInput inputOf(CommandKey key) {
    return commands.get(key);
  }

  @Override
  public boolean isFull() {
    return isFull;
  }

  @Override
  public void committed(int partition, long offset) {
    committed.add(partition + ":" + offset);
  }

  @Override
  public void gone(int partition) {
    gone.add(partition);
    onGone.run();
  }
}
