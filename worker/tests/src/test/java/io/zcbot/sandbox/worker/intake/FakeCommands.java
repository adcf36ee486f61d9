/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.events.Input;
import io.zcbot.sandbox.events.Origin;
import io.zcbot.sandbox.events.Release;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.commands.CommandKey;
import io.zcbot.sandbox.worker.commands.CommandWork;
import io.zcbot.sandbox.worker.commands.ExecRequest;
import io.zcbot.sandbox.worker.commands.ReadInput;
import io.zcbot.sandbox.worker.commands.Taken;
import io.zcbot.sandbox.worker.sandbox.Fence;
import io.zcbot.sandbox.worker.sandbox.FencedException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;

/** Commands that accept input up to a bound. Each is known once its exec arrived. */
final class FakeCommands implements CommandWork {
  final List<ExecRequest> execs = new CopyOnWriteArrayList<>();
  final List<Release> releases = new CopyOnWriteArrayList<>();
  final List<Integer> gone = new CopyOnWriteArrayList<>();
  final List<String> committed = new CopyOnWriteArrayList<>();
  volatile boolean isFull;
  volatile Runnable onGone = () -> {};
  private final Map<CommandKey, Command> commands = new HashMap<>();

  private static final class Command {
    final List<String> taken = new ArrayList<>();
    final List<Origin> forwardedFrom = new ArrayList<>();
    int room = Integer.MAX_VALUE;
    CompletableFuture<Void> hasRoom = new CompletableFuture<>();
    boolean hasInputToCome = true;
    boolean over;
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
    commands.get(key).hasInputToCome = false;
  }

  /** Ends a command. It is still known, and accepts inputs that nobody reads. */
  synchronized void end(CommandKey key) {
    Command ended = commands.get(key);
    ended.over = true;
    ended.hasRoom.complete(null);
  }

  /** Sets how many more bytes a command accepts. */
  synchronized void room(CommandKey key, int bytes) {
    Command command = commands.get(key);
    command.room = bytes;
    command.hasRoom.complete(null);
    command.hasRoom = new CompletableFuture<>();
  }

  /** The inputs that a command was given: bytes as text, and the names of other inputs. */
  synchronized List<String> taken(CommandKey key) {
    return List.copyOf(commands.get(key).taken);
  }

  /** The origins that the inputs of a command were forwarded from. */
  synchronized List<Origin> forwardedFrom(CommandKey key) {
    return List.copyOf(commands.get(key).forwardedFrom);
  }

  @Override
  public void release(Release release, Fence fence) throws FencedException, InterruptedException {
    fence.pass();
    releases.add(release);
  }

  @Override
  public synchronized boolean knows(UserId user, String execId) {
    return commands.containsKey(new CommandKey(user, execId));
  }

  @Override
  public synchronized boolean reads(UserId user, String execId) {
    Command command = commands.get(new CommandKey(user, execId));
    return command != null && !command.over;
  }

  @Override
  public synchronized boolean hasInputToCome(UserId user, String execId) {
    return reads(user, execId) && commands.get(new CommandKey(user, execId)).hasInputToCome;
  }

  @Override
  public synchronized Taken input(ReadInput given) {
    Command command = commands.get(given.key());
    if (command == null) {
      return Taken.UNKNOWN;
    }
    if (command.over) {
      return Taken.TAKEN;
    }
    switch (given.input().content()) {
      case Input.Content.Bytes bytes -> {
        int length = bytes.data().length();
        if (length > command.room) {
          return Taken.FULL;
        }
        command.room -= length;
        command.taken.add(new String(bytes.data().toByteArray(), StandardCharsets.UTF_8));
      }
      case Input.Content.End _ -> {
        command.hasInputToCome = false;
        command.taken.add("END");
      }
      case Input.Content.Signal signal -> command.taken.add(signal.signal().name());
      case Input.Content.Resize resize -> command.taken.add(resize.size().columns() + " columns");
    }
    if (given.forwardedFrom() != null) {
      command.forwardedFrom.add(given.forwardedFrom());
    }
    return Taken.TAKEN;
  }

  @Override
  public boolean isFull() {
    return isFull;
  }

  @Override
  public synchronized CompletableFuture<Void> room(UserId user, String execId) {
    Command command = commands.get(new CommandKey(user, execId));
    return command == null ? CompletableFuture.completedFuture(null) : command.hasRoom;
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
