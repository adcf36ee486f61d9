/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.events.Data;
import io.zcbot.sandbox.events.Exec;
import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.Input;
import io.zcbot.sandbox.events.Output;
import io.zcbot.sandbox.events.OutputStreamName;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.worker.testkit.SampleEvents;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/** Runs commands on this machine, in a directory, and answers as a worker does. */
final class LocalCommands implements CommandLog {
  private final Path directory;
  private final Map<String, Process> running = new ConcurrentHashMap<>();
  private final BlockingQueue<SandboxEvent> answers = new LinkedBlockingQueue<>();
  final List<SandboxEvent> published = new ArrayList<>();

  LocalCommands(Path directory) {
    this.directory = directory;
  }

  @Override
  public synchronized void publish(SandboxEvent event) {
    published.add(event);
    try {
      if (event instanceof Exec exec) {
        start(exec);
      } else if (event instanceof Input input && running.get(input.execId()) != null) {
        input(running.get(input.execId()), input.content());
      }
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  private static void input(Process process, Input.Content content) throws IOException {
    OutputStream stdin = process.getOutputStream();
    switch (content) {
      case Input.Content.Bytes(Data data) -> {
        try {
          stdin.write(data.toByteArray());
          stdin.flush();
        } catch (IOException _) {
          // the command does not read any more, and a worker drops the rest as well
        }
      }
      case Input.Content.End() -> stdin.close();
      case Input.Content.Signal(var signal) ->
          new ProcessBuilder("sh", "-c", "kill -" + signal.name() + " " + process.pid()).start();
      case Input.Content.Resize _ -> {}
    }
  }

  private void start(Exec exec) throws IOException {
    ProcessBuilder builder =
        new ProcessBuilder(exec.program().arguments()).directory(directory.toFile());
    builder.environment().putAll(exec.environment());
    Process process = builder.start();
    process.getOutputStream().write(exec.stdin().toByteArray());
    process.getOutputStream().flush();
    if (!exec.inputFollows()) {
      process.getOutputStream().close();
    }
    running.put(exec.eventId(), process);
    AtomicLong seq = new AtomicLong();
    Thread out = reader(exec, process, process.getInputStream(), OutputStreamName.STDOUT, seq);
    Thread err = reader(exec, process, process.getErrorStream(), OutputStreamName.STDERR, seq);
    Thread.ofVirtual()
        .start(
            () -> {
              try {
                int code = process.waitFor();
                out.join();
                err.join();
                answers.add(exited(exec, code, seq.get()));
              } catch (InterruptedException _) {
                Thread.currentThread().interrupt();
              }
            });
  }

  private static Exited exited(Exec exec, int code, long outputs) {
    boolean isSignal = code > 128;
    return SampleEvents.exited(
        exec,
        isSignal ? Exited.Reason.SIGNALLED : Exited.Reason.EXITED,
        isSignal ? null : code,
        isSignal ? code - 128 : null,
        outputs);
  }

  private Thread reader(
      Exec exec, Process process, InputStream from, OutputStreamName stream, AtomicLong seq) {
    return Thread.ofVirtual()
        .start(
            () -> {
              byte[] buffer = new byte[1 << 16];
              try {
                for (int n = from.read(buffer); n >= 0; n = from.read(buffer)) {
                  synchronized (seq) {
                    long number = seq.getAndIncrement();
                    answers.add(
                        new Output(
                            "o" + number,
                            exec.userId(),
                            exec.eventId(),
                            Instant.now(),
                            number,
                            stream,
                            Data.of(buffer, 0, n)));
                  }
                }
              } catch (IOException e) {
                if (process.isAlive()) { // the JDK closes the streams of one that ended
                  throw new IllegalStateException(e);
                }
              }
            });
  }

  /** Sends an answer that the test chooses. */
  void answer(SandboxEvent event) {
    answers.add(event);
  }

  @Override
  public List<SandboxEvent> poll(Duration atMost) {
    List<SandboxEvent> events = new ArrayList<>();
    try {
      SandboxEvent first = answers.poll(atMost.toMillis(), TimeUnit.MILLISECONDS);
      if (first != null) {
        events.add(first);
        answers.drainTo(events);
      }
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
    return events;
  }

  @Override
  public void close() {
    running.values().forEach(Process::destroyForcibly);
  }
}
