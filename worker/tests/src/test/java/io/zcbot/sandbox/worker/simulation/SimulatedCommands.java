/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.simulation;

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
import io.zcbot.sandbox.worker.testkit.FakeEngine;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/**
 * The commands in a host's sandboxes. They outlive the worker's process, and end with their sandbox
 * or when another channel to it is opened.
 */
final class SimulatedCommands implements CommandEngine {
  /** The second argument of a program that runs until its input ends. */
  static final String READS = "reads";

  /**
   * The second argument of a program that writes at once more than a worker accepts before the log
   * has some of it.
   */
  static final String FLOODS = "floods";

  private static final int FLOOD = 600 * 1024;

  private final String host;
  private final Machine machine;
  private final FakeEngine fake;
  private final CommandJudge judge;
  private final Map<String, Channel> channels = new LinkedHashMap<>();
  private final List<Program> programs = new ArrayList<>();
  private boolean failing;

  SimulatedCommands(String host, Machine machine, FakeEngine fake, CommandJudge judge) {
    this.host = host;
    this.machine = machine;
    this.fake = fake;
    this.judge = judge;
    fake.ends = this::ended;
  }

  /** The next channel does not open. */
  void failNext() {
    failing = true;
  }

  /** Breaks all channels; commands continue to run. */
  void breakChannels() {
    List.copyOf(channels.values()).forEach(Channel::close);
  }

  private void ended(String containerId) {
    Channel channel = channels.remove(containerId);
    if (channel != null) {
      channel.close();
    }
    end(containerId);
  }

  private void end(String containerId) {
    for (Program program : List.copyOf(programs)) {
      if (program.channel.containerId.equals(containerId)) {
        program.over();
      }
    }
  }

  @Override
  public CommandChannel open(String containerId) throws EngineException {
    try {
      machine.sleep(Duration.ofMillis(1 + machine.random().nextInt(30)));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw failure(EngineException.Kind.UNAVAILABLE, "interrupted");
    }
    if (failing) {
      failing = false;
      throw failure(EngineException.Kind.UNAVAILABLE, "nothing answers");
    }
    Container container =
        fake.everything().stream().filter(c -> c.id().equals(containerId)).findAny().orElse(null);
    if (container == null) {
      throw failure(EngineException.Kind.ABSENT, "no such container");
    }
    if (!container.isRunning()) {
      throw failure(EngineException.Kind.CONFLICT, "the container does not run");
    }
    Channel before = channels.remove(containerId);
    if (before != null) {
      before.close();
    }
    end(containerId);
    Channel channel = new Channel(containerId);
    channels.put(containerId, channel);
    return channel;
  }

  private static EngineException failure(EngineException.Kind kind, String why) {
    return new EngineException(kind, "open", why, null);
  }

  /** A channel of one process to a sandbox's commands. */
  private final class Channel implements CommandChannel {
    private final String containerId;
    private final Machine.Process process = machine.process();
    private final Deque<Runnable> reported = new ArrayDeque<>();
    private boolean telling;
    private boolean open = true;

    Channel(String containerId) {
      this.containerId = containerId;
    }

    @Override
    public CommandChannel.Command start(CommandRequest request, CommandObserver observer)
        throws EngineException {
      if (!open) {
        throw failure(EngineException.Kind.UNAVAILABLE, "the channel is broken");
      }
      Program program = new Program(this, request, observer);
      programs.add(program);
      judge.started(program.id, host, container(containerId));
      program.begin();
      return program;
    }

    @Override
    public boolean isOpen() {
      return open;
    }

    @Override
    public void close() {
      if (open) {
        open = false;
        programs.stream()
            .filter(program -> program.channel == this)
            .forEach(program -> program.tellEnd(new CommandEnd.Broken("the channel broke")));
      }
    }

    /** Runs tasks one after another, on a thread of the process. */
    void tell(Runnable what) {
      reported.add(what);
      if (!telling) {
        telling = true;
        process.after(
            Duration.ofNanos(100_000L + machine.random().nextInt(2_000_000)),
            () -> process.threads().name("channel").start(this::tellAll));
      }
    }

    private void tellAll() {
      while (!reported.isEmpty()) {
        reported.remove().run();
      }
      telling = false;
    }
  }

  private Container container(String id) {
    return fake.everything().stream().filter(c -> c.id().equals(id)).findAny().orElseThrow();
  }

  /**
   * A program that writes at times, and ends by itself unless it waits for its input or its
   * time-out.
   */
  private final class Program implements CommandChannel.Command {
    private final String id;
    private final Channel channel;
    private final CommandRequest request;
    private final CommandObserver observer;
    private final boolean reads;
    private final boolean endless;
    private final boolean floods;
    private final StringBuilder pipe = new StringBuilder();
    private int writes;
    private int credit;
    private CommandEnd unreported;
    private boolean inputEnded;
    private boolean discarded;
    private boolean over;
    private boolean endReported;

    Program(Channel channel, CommandRequest request, CommandObserver observer) {
      Random random = machine.random();
      this.channel = channel;
      this.request = request;
      this.observer = observer;
      this.id = request.arguments().getFirst();
      this.reads = request.arguments().contains(READS);
      this.floods = request.arguments().contains(FLOODS);
      this.endless = random.nextInt(8) == 0;
      this.writes = random.nextInt(4);
      this.credit = request.window();
    }

    void begin() {
      channel.tell(() -> observer.started(0));
      channel.tell(() -> observer.inputWanted(1 << 20));
      machine.outside().after(pause(30), this::step);
      machine.outside().after(request.timeout(), () -> end(new CommandEnd.Killed(true, 0, null)));
    }

    private Duration pause(int mostMillis) {
      return Duration.ofMillis(1 + machine.random().nextInt(mostMillis));
    }

    private void step() {
      if (over) {
        return;
      }
      if (writes > 0) {
        write();
      } else if (!(reads ? !inputEnded : endless)) {
        end(new CommandEnd.Exited(machine.random().nextInt(3), null));
        return;
      }
      machine.outside().after(pause(machine.random().nextInt(4) == 0 ? 2000 : 200), this::step);
    }

    private void write() {
      String word = id + ":" + writes + " ";
      String text = word.repeat(floods ? FLOOD / word.length() : 1 + machine.random().nextInt(200));
      writes -= floods ? writes : 1;
      if (!discarded) {
        judge.wrote(id, text);
        pipe.append(text);
        send();
      }
    }

    /** Sends as much as is allowed, and the end after all of it. */
    private void send() {
      while (!discarded && !pipe.isEmpty() && credit > 0) {
        String text = pipe.substring(0, Math.min(credit, pipe.length()));
        pipe.delete(0, text.length());
        credit -= text.length();
        if (channel.open) {
          channel.tell(() -> observer.output(OutputStreamName.STDOUT, Data.of(text)));
        }
      }
      if (unreported != null && (discarded || pipe.isEmpty())) {
        tellEnd(unreported);
        over();
      }
    }

    private void over() {
      over = true;
      unreported = null;
      programs.remove(this);
    }

    private void end(CommandEnd how) {
      if (!over) {
        over = true;
        unreported = how;
        send();
      }
    }

    private void tellEnd(CommandEnd how) {
      if (!endReported) {
        endReported = true;
        channel.tell(() -> observer.ended(how));
      }
    }

    @Override
    public void input(Data data) {
      if (!over) {
        judge.read(id, data.text());
      }
    }

    @Override
    public void endInput() {
      inputEnded = true;
    }

    @Override
    public void signal(CommandSignal signal) {
      machine.outside().after(pause(5), () -> end(new CommandEnd.Signalled(15, null)));
    }

    @Override
    public void resize(TerminalSize size) {}

    @Override
    public void kill() {
      machine.outside().after(pause(5), () -> end(new CommandEnd.Killed(false, 0, null)));
    }

    @Override
    public void allowOutput(int bytes) {
      credit += bytes;
      send();
    }

    @Override
    public void discardOutput() {
      discarded = true;
      send();
    }
  }
}
