/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.testkit;

import io.zcbot.sandbox.events.CommandSignal;
import io.zcbot.sandbox.events.Data;
import io.zcbot.sandbox.events.OutputStreamName;
import io.zcbot.sandbox.events.TerminalSize;
import io.zcbot.sandbox.worker.engine.CommandChannel;
import io.zcbot.sandbox.worker.engine.CommandEnd;
import io.zcbot.sandbox.worker.engine.CommandEngine;
import io.zcbot.sandbox.worker.engine.CommandObserver;
import io.zcbot.sandbox.worker.engine.CommandRequest;
import io.zcbot.sandbox.worker.engine.Container;
import io.zcbot.sandbox.worker.engine.EngineException;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/** Commands in sandboxes, in memory. The test decides what each does. */
public final class FakeCommandEngine implements CommandEngine {
  private final FakeEngine engine;
  private final Map<String, Channel> channels = new ConcurrentHashMap<>();

  /** All commands that were ever started, in order. */
  public final List<Command> commands = new CopyOnWriteArrayList<>();

  public final AtomicInteger opens = new AtomicInteger();

  /** How many openings fail from now on. */
  public final AtomicInteger failOpens = new AtomicInteger();

  /** Run by each opening, for example to let time pass. */
  public volatile Runnable meanwhile = () -> {};

  /** Thrown by the next opening: a bug. */
  public final AtomicReference<@Nullable RuntimeException> bug = new AtomicReference<>();

  /** How many starts fail from now on, each with its channel. */
  public final AtomicInteger failStarts = new AtomicInteger();

  /** How commands end instead of being started. */
  public volatile CommandEnd.@Nullable NotStarted refusal;

  /** Whether it is not told that commands from now on were executed. */
  public volatile boolean tellsNoStart;

  /** Whether it is not told as which process, as by a runner of an older image. */
  public volatile boolean tellsNoPid;

  FakeCommandEngine(FakeEngine engine) {
    this.engine = engine;
    engine.ends = this::ended;
  }

  @Override
  public CommandChannel open(String containerId) throws EngineException {
    opens.incrementAndGet();
    meanwhile.run();
    RuntimeException unexpected = bug.getAndSet(null);
    if (unexpected != null) {
      throw unexpected;
    }
    if (failOpens.getAndUpdate(left -> Math.max(0, left - 1)) > 0) {
      throw new EngineException(EngineException.Kind.TRANSIENT, "open", "nothing answers", null);
    }
    if (engine.everything().stream()
        .noneMatch(c -> c.id().equals(containerId) && c.state() == Container.State.RUNNING)) {
      throw new EngineException(EngineException.Kind.ABSENT, "open", "no such container", null);
    }
    Channel channel = new Channel(containerId);
    Channel before = channels.put(containerId, channel);
    if (before != null) {
      before.close();
      running(containerId).forEach(left -> left.over = true);
    }
    return channel;
  }

  private static EngineException failure(String why) {
    return new EngineException(EngineException.Kind.UNAVAILABLE, "open", why, null);
  }

  /** The channel of a container; it must have been opened. */
  public Channel channel(String containerId) {
    return Objects.requireNonNull(channels.get(containerId));
  }

  /** The commands that run in a container, whether or not anybody listens to it. */
  public List<Command> running(String containerId) {
    return commands.stream().filter(c -> c.containerId.equals(containerId) && !c.over).toList();
  }

  /** Everything in a container ended with it. */
  private void ended(String containerId) {
    running(containerId).forEach(command -> command.over = true);
    Channel channel = channels.get(containerId);
    if (channel != null) {
      channel.close();
    }
  }

  /** One channel. */
  public final class Channel implements CommandChannel {
    private final String containerId;
    private volatile boolean open = true;

    private Channel(String containerId) {
      this.containerId = containerId;
    }

    @Override
    public CommandChannel.Command start(CommandRequest request, CommandObserver observer)
        throws EngineException {
      if (failStarts.getAndUpdate(left -> Math.max(0, left - 1)) > 0) {
        close();
      }
      if (!open) {
        throw failure("the channel is broken");
      }
      FakeCommandEngine.Command command = new FakeCommandEngine.Command(this, request, observer);
      commands.add(command);
      CommandEnd.NotStarted refused = refusal;
      if (refused != null) {
        command.end(refused);
        return command;
      }
      if (!tellsNoStart) {
        command.executed();
      }
      if (!open) { // it was closed meanwhile, perhaps before it had the command
        command.breaks();
      }
      return command;
    }

    @Override
    public boolean isOpen() {
      return open;
    }

    /** Breaks the channel; commands continue to run. */
    @Override
    public void close() {
      open = false;
      commands.stream().filter(c -> c.channel == this).forEach(FakeCommandEngine.Command::breaks);
    }
  }

  /** One command. */
  public final class Command implements CommandChannel.Command {
    public final CommandRequest request;
    public final String containerId;
    public final StringBuffer stdin = new StringBuffer();
    public final List<CommandSignal> signals = new CopyOnWriteArrayList<>();
    public final AtomicInteger credit;
    private final Channel channel;
    private final CommandObserver observer;
    private boolean reported;
    public volatile boolean stdinEnded;
    public volatile boolean discards;
    public volatile @Nullable TerminalSize size;

    /** Output that it wrote to standard output and was not allowed to send. */
    private volatile String pipe = "";

    /** The end, which is reported after the content of the pipe. */
    private volatile @Nullable CommandEnd unreported;

    /** Whether no process of it runs any more. */
    public volatile boolean over;

    private Command(Channel channel, CommandRequest request, CommandObserver observer) {
      this.channel = channel;
      this.containerId = channel.containerId;
      this.request = request;
      this.observer = observer;
      this.credit = new AtomicInteger(request.window());
    }

    /** Tells that its program was executed, as the process with its number. */
    public void executed() {
      observer.started(request.wantsPid() && !tellsNoPid ? commands.indexOf(this) + 1 : 0);
    }

    public String program() {
      return String.join(" ", request.arguments());
    }

    /** Writes to its standard output, which must be allowed. */
    public void write(String text) {
      write(OutputStreamName.STDOUT, Data.of(text));
    }

    public synchronized void write(OutputStreamName stream, Data data) {
      if (discards) {
        return;
      }
      if (credit.addAndGet(-data.length()) < 0) {
        throw new AssertionError("more was written than was allowed");
      }
      if (!reported && channel.open) {
        observer.output(stream, data);
      }
    }

    /** Writes to its standard output; output that is not allowed waits in its pipe. */
    public synchronized void print(String text) {
      pipe += text;
      send();
    }

    /** Whether it has sent everything that it was allowed to, and its end after that. */
    public boolean isSettled() {
      return discards || pipe.isEmpty() ? unreported == null : credit.get() <= 0;
    }

    private synchronized void send() {
      while (!discards && !pipe.isEmpty() && credit.get() > 0) {
        String text = pipe.substring(0, Math.min(pipe.length(), credit.get()));
        pipe = pipe.substring(text.length());
        write(text);
      }
      CommandEnd how = unreported;
      if (how != null && (discards || pipe.isEmpty())) {
        end(how);
        unreported = null;
      }
    }

    /**
     * Sends on a separate thread: callers that allow or discard output hold locks of the output.
     */
    private void sendLater() {
      if (!pipe.isEmpty() || unreported != null) {
        Thread.startVirtualThread(this::send);
      }
    }

    public synchronized void wants(int bytes) {
      if (!reported) {
        observer.inputWanted(bytes);
      }
    }

    public void exit(int code) {
      end(new CommandEnd.Exited(code, null));
    }

    public synchronized void end(CommandEnd how) {
      over = true;
      if (!discards && !pipe.isEmpty()) {
        unreported = how;
      } else if (!reported && channel.open) {
        reported = true;
        observer.ended(how);
      }
    }

    private synchronized void breaks() {
      if (!reported) {
        reported = true;
        observer.ended(new CommandEnd.Broken("the stream ended"));
      }
    }

    @Override
    public String toString() {
      return "%s (over: %s, reported: %s, channel open: %s, in the pipe: %d, allowed: %d, discards: %s)"
          .formatted(
              program(), over, reported, channel.open, pipe.length(), credit.get(), discards);
    }

    @Override
    public void input(Data data) {
      stdin.append(data.text());
    }

    @Override
    public void endInput() {
      stdinEnded = true;
    }

    @Override
    public void signal(CommandSignal signal) {
      signals.add(signal);
    }

    @Override
    public void resize(TerminalSize to) {
      size = to;
    }

    @Override
    public synchronized void kill() {
      pipe = "";
      send();
      end(new CommandEnd.Killed(false, 0, null));
    }

    @Override
    public void allowOutput(int bytes) {
      if (discards) {
        throw new AssertionError("output is allowed that nobody wants");
      }
      credit.addAndGet(bytes);
      sendLater();
    }

    @Override
    public void discardOutput() {
      discards = true;
      sendLater();
    }
  }
}
