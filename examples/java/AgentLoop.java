/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */

import io.zcbot.sandbox.client.Command;
import io.zcbot.sandbox.client.CommandLostException;
import io.zcbot.sandbox.client.CommandNotStartedException;
import io.zcbot.sandbox.client.CommandResult;
import io.zcbot.sandbox.client.CommandTimeoutException;
import io.zcbot.sandbox.client.InvalidRequestException;
import io.zcbot.sandbox.client.NoAnswerException;
import io.zcbot.sandbox.client.OutputLostException;
import io.zcbot.sandbox.client.Sandbox;
import io.zcbot.sandbox.client.SandboxClient;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

/**
 * An agent loop: a model says what to run, and sees what came of it, until it has an answer. The
 * model is a script here; put a call to yours in its place. docs/clients.md has the command that
 * collects CLASS_PATH.
 *
 * <pre>java -cp CLASS_PATH examples/java/AgentLoop.java BOOTSTRAP_SERVERS USER</pre>
 */
public final class AgentLoop {
  private static final int MAX_STEPS = 20;

  /** What a model wants: a tool and what to do with it, or {@code answer} and its text. */
  record Step(String tool, String text) {}

  /** Says what to do next. */
  interface Model {
    /** Told all that was said so far. */
    Step next(List<String> conversation);
  }

  /** A model that was told beforehand what to say. */
  static final class Script implements Model {
    private final Deque<Step> steps =
        new ArrayDeque<>(
            List.of(
                new Step("shell", "seq 1 10 > numbers.txt && wc -l < numbers.txt"),
                new Step("python", "print(sum(int(line) for line in open('numbers.txt')))"),
                new Step("shell", "cat no-such-file"),
                new Step("shell", ""))); // models err, too

    @Override
    public Step next(List<String> conversation) {
      Step step = steps.poll();
      return step != null ? step : new Step("answer", "the sum is " + conversation.get(3));
    }
  }

  private final Sandbox sandbox;
  private final Model model;

  AgentLoop(Sandbox sandbox, Model model) {
    this.sandbox = sandbox;
    this.model = model;
  }

  String answer() throws InterruptedException {
    // The model may think for longer than the idle TTL. The client leaves out reports of no use.
    try (ScheduledExecutorService timer = Executors.newSingleThreadScheduledExecutor()) {
      timer.scheduleAtFixedRate(sandbox::keepAlive, 1, 1, TimeUnit.SECONDS);
      return converse();
    }
  }

  private String converse() throws InterruptedException {
    List<String> conversation = new ArrayList<>();
    for (int i = 0; i < MAX_STEPS; i++) {
      Step step = model.next(List.copyOf(conversation));
      if (step.tool().equals("answer")) {
        return step.text();
      }
      conversation.add(step.tool() + ": " + step.text());
      conversation.add(run(step));
    }
    return "gave up after " + MAX_STEPS + " steps";
  }

  /** What a tool says to the model. What fails is for the model to read, also its own mistakes. */
  private String run(Step step) throws InterruptedException {
    Command command =
        switch (step.tool()) {
          case "shell" -> Command.shell(step.text());
          case "python" -> Command.of("python3", "-").stdin(step.text());
          default -> Command.of("echo", "there is no tool " + step.tool());
        };
    try {
      return shown(sandbox.run(command.timeout(Duration.ofSeconds(30)).maxOutput(16 * 1024)));
    } catch (CommandTimeoutException e) {
      return shown(e.result()) + "\n[killed after 30 s]";
    } catch (CommandNotStartedException
        | CommandLostException
        | OutputLostException
        | NoAnswerException
        | InvalidRequestException e) {
      return "[" + e.getMessage() + "]";
    }
  }

  private static String shown(CommandResult result) {
    String exit = result.isOk() ? "" : "[exit code " + result.exitCode() + "]";
    String output = new String(result.stdoutBytes(), StandardCharsets.UTF_8) + result.stderr();
    return (output + exit + (result.isTruncated() ? "[cut]" : "")).strip();
  }

  public static void main(String[] args) throws InterruptedException {
    try (SandboxClient client = SandboxClient.connect(args[0]);
        Sandbox sandbox = client.sandbox(args[1])) {
      System.out.println(new AgentLoop(sandbox, new Script()).answer());
      sandbox.release();
    }
  }
}
