/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.security;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.worker.docker.EngineFixture.Started;
import io.zcbot.sandbox.worker.docker.command.Trial;
import io.zcbot.sandbox.worker.engine.CommandChannel;
import io.zcbot.sandbox.worker.engine.CommandEnd;
import io.zcbot.sandbox.worker.engine.CommandRequest;
import io.zcbot.sandbox.worker.engine.EngineException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * What one task can do to the next task of the same user, by what it leaves in the workspace and
 * what it leaves running. Nothing protects tasks of one user from each other, so this documents
 * what runs by itself and what does not.
 */
@Tag("engine")
@Tag("network-namespaces")
@Tag("gvisor")
class NextTaskIT extends Attacks {
  /** Plants that each write a line with their name if anything runs them. */
  private static final String PLANT =
      """
      cd /workspace
      bash_says() { echo "echo ran $1 >>/workspace/ran"; }
      for file in .bashrc .bash_profile .bash_login .profile .bash_logout .bash_aliases .inputrc; do
        bash_says $file >$file
      done
      says() { echo "open('/workspace/ran', 'a').write('ran $1\\\\n')"; }
      user=$(python3 -m site --user-site)
      mkdir -p "$user" .local/bin bin
      says usercustomize >"$user/usercustomize.py"
      says sitecustomize >"$user/sitecustomize.py"
      echo "import sys; $(says pth)" >"$user/left.pth"
      says json.py >json.py
      says .pythonrc.py >.pythonrc.py
      for name in ls git python3 id; do
        for place in . bin .local/bin; do
          { echo '#!/bin/bash'; bash_says $place/$name; } >$place/$name
          chmod +x $place/$name
        done
      done
      """;

  /** The plants of the task before that ran. */
  private static List<String> ran(
      CommandChannel channel, Map<String, String> variables, String... command) throws Exception {
    Trial.bash(channel, "rm -f /workspace/ran").said();
    run(channel, variables, command).said();
    return Trial.bash(channel, "/bin/cat /workspace/ran 2>/dev/null; :").said().lines().toList();
  }

  private static Trial run(CommandChannel channel, Map<String, String> variables, String... command)
      throws EngineException {
    return Trial.start(
        channel,
        new CommandRequest(
            List.of(command), variables, null, Duration.ofMinutes(1), null, 1 << 20));
  }

  @Test
  void whatATaskLeavesRunsOnlyWhereTheNextOneReadsIt() throws Exception {
    Started sandbox = lab.fresh();
    try (CommandChannel channel = lab.fixture.engine.commands(lab.spec, false).open(sandbox.id())) {
      Trial.bash(channel, PLANT).said();
      Map<String, String> none = Map.of();
      assertThat(ran(channel, none, "bash", "-c", "ls; git --version; id; python3 -I -c 1"))
          .as("a script, the programs that it names, and Python that is isolated")
          .isEmpty();
      assertThat(ran(channel, none, "python3", "-c", "import json"))
          .as("Python reads the user's packages and the working directory")
          .contains("ran usercustomize", "ran pth", "ran json.py");
      assertThat(
              ran(
                  channel,
                  Map.of("PYTHONNOUSERSITE", "1", "PYTHONSAFEPATH", "1"),
                  "python3",
                  "-c",
                  "import json"))
          .as("unless it is told not to")
          .isEmpty();
      assertThat(ran(channel, none, "bash", "-lc", "true"))
          .as("a shell that logs in reads what lies at home")
          .contains("ran .bash_profile");
      assertThat(ran(channel, Map.of("HOME", "/nonexistent"), "bash", "-lc", "true"))
          .as("unless it has another home")
          .isEmpty();
    }
  }

  /** What is secret from the task before must not be in this one's sandbox. */
  @Test
  void whatRunsInTheBackgroundReadsTheVariablesOfWhatComesLater() throws Exception {
    Started sandbox = lab.fresh();
    Started neighbour = lab.fresh();
    String watch =
        "for i in {1..600}; do for f in /proc/[0-9]*/environ; do"
            + " { ! tr '\\0' '\\n' <$f | grep -m1 ^SECRET=; } 2>/dev/null || exit 0; done;"
            + " sleep 0.05; done; exit 9";
    Map<String, String> secret = Map.of("SECRET", "of-the-next-task");
    try (CommandChannel channel = lab.fixture.engine.commands(lab.spec, false).open(sandbox.id());
        CommandChannel other = lab.fixture.engine.commands(lab.spec, false).open(neighbour.id())) {
      List<Trial> next = new ArrayList<>();
      Trial watching = Trial.bash(channel, "echo on; " + watch);
      watching.awaitOutput("on");
      next.add(run(channel, secret, "sleep", "60"));
      assertThat(watching.said()).as("in its own sandbox").contains("SECRET=of-the-next-task");
      assertThat(Trial.bash(other, watch.replace("600", "5")).end())
          .as("in another one, while the secret is there")
          .isInstanceOfSatisfying(
              CommandEnd.Exited.class, end -> assertThat(end.code()).isEqualTo(9));
      next.forEach(trial -> trial.command().kill());
    }
  }
}
