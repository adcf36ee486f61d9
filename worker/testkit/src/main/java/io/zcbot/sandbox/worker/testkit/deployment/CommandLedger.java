/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.testkit.deployment;

import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.UserId;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * Compares the log's events about commands with what the commands did. Each command writes the id
 * of its exec to a file in its user's workspace, so the files have a line for each time that a
 * command ran.
 */
public final class CommandLedger {
  private static final String FILE = "execs";

  private final Map<String, UserId> asked = new LinkedHashMap<>();
  private final Map<String, List<Exited>> answers = new HashMap<>();

  /** A line that a command left in the workspace of a user. */
  public record Run(String user, String execId) {}

  /** The beginning of the ledger's commands, for {@code bash -c}. */
  public static String script(String execId) {
    return "echo " + execId + " >> /workspace/" + FILE;
  }

  /** The commands that ran in the workspaces under a root. */
  public static List<Run> runs(Path root) throws IOException {
    List<Run> runs = new ArrayList<>();
    try (Stream<Path> workspaces = Files.list(root)) {
      for (Path workspace : workspaces.toList()) {
        runs.addAll(runsIn(workspace));
      }
    }
    return runs;
  }

  /** The commands that ran in a workspace. */
  public static List<Run> runsIn(Path workspace) throws IOException {
    Path file = workspace.resolve(FILE);
    if (!Files.exists(file)) {
      return List.of();
    }
    String user = workspace.getFileName().toString();
    return Files.readAllLines(file).stream().map(id -> new Run(user, id)).toList();
  }

  /** An exec is in the log. It may be there more than once. */
  public void asked(String execId, UserId user) {
    asked.put(execId, user);
  }

  /** An answer is in the log. */
  public void answered(Exited exited) {
    answers.computeIfAbsent(exited.execId(), _ -> new ArrayList<>()).add(exited);
  }

  public int size() {
    return asked.size();
  }

  /** The execs without an answer. */
  public List<String> unanswered() {
    return asked.keySet().stream().filter(id -> !answers.containsKey(id)).toList();
  }

  /** How many commands there are, and how often each reason was the first that one ended for. */
  public String summary() {
    Map<Exited.Reason, Integer> reasons = new EnumMap<>(Exited.Reason.class);
    answers.values().forEach(each -> reasons.merge(each.getFirst().reason(), 1, Integer::sum));
    return size() + " commands " + reasons;
  }

  /**
   * The violations of I11, I12 and I13, given the commands that ran; unanswered execs are not
   * reported.
   */
  public List<String> violations(Collection<Run> runs) {
    List<String> violations = new ArrayList<>();
    Map<String, Integer> times = new HashMap<>();
    for (Run run : runs) {
      times.merge(run.execId(), 1, Integer::sum);
      UserId owner = asked.get(run.execId());
      if (owner == null || !owner.toString().equals(run.user())) {
        violations.add(
            "I13: the command of exec %s of %s ran in the workspace of %s"
                .formatted(run.execId(), owner, run.user()));
      }
    }
    asked
        .keySet()
        .forEach(
            id ->
                judge(
                    id,
                    times.getOrDefault(id, 0),
                    answers.getOrDefault(id, List.of()),
                    violations));
    return violations;
  }

  private static void judge(
      String id, int times, List<Exited> answers, Collection<String> violations) {
    String said = "; its answers: " + answers;
    if (times > 1) {
      violations.add("I12: the command of exec %s ran %d times%s".formatted(id, times, said));
    }
    if (answers.stream().map(Exited::eventId).distinct().count() > 1) {
      violations.add("I11: exec %s was answered under several ids%s".formatted(id, said));
    }
    if (times > 0
        && !answers.isEmpty()
        && answers.stream().allMatch(each -> each.startedAt() == null)) {
      violations.add("I12: exec %s ran, and its answers tell of no start%s".formatted(id, said));
    }
    if (times == 0 && answers.stream().anyMatch(each -> each.reason() == Exited.Reason.EXITED)) {
      violations.add("exec %s is said to have exited, and did not run%s".formatted(id, said));
    }
    answers.stream()
        .filter(CommandLedger::isUncalledFor)
        .forEach(each -> violations.add("answered for a reason that should not be: " + each));
  }

  /** There is room for the commands of a test, and nothing is wrong with them. */
  private static boolean isUncalledFor(Exited exited) {
    return switch (exited.reason()) {
      case REJECTED, NO_SANDBOX, UNKNOWN -> true;
      case FAILED -> !exited.retryable();
      case EXITED, TIMEOUT, SIGNALLED, SANDBOX_GONE, LOST, EXPIRED -> false;
    };
  }
}
