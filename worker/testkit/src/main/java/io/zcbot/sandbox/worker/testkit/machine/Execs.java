/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.testkit.machine;

import static org.assertj.core.api.Assertions.assertThat;

import com.github.dockerjava.api.DockerClient;
import com.github.dockerjava.api.async.ResultCallback;
import com.github.dockerjava.api.command.ExecCreateCmd;
import com.github.dockerjava.api.exception.DockerException;
import com.github.dockerjava.api.model.Frame;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** Runs commands in containers with the engine's exec, without the worker. */
public record Execs(DockerClient docker) {
  /**
   * The message of runc if its own first process died before the command; once in thousands of
   * starts.
   */
  public static final String NEVER_BEGAN = "waiting for init preliminary setup";

  /** Longer than any command of a test takes, even on a busy machine. */
  private static final long SECONDS = 300;

  /** A command's output, without surrounding spaces, and its exit code. */
  public record Outcome(long exitCode, String output) {}

  /** Collects the data of a stream of the engine. */
  public static final class Said extends ResultCallback.Adapter<Frame> {
    private final StringBuffer text = new StringBuffer();

    @Override
    public void onNext(Frame frame) {
      text.append(new String(frame.getPayload(), StandardCharsets.UTF_8));
    }

    @Override
    public String toString() {
      return text.toString();
    }
  }

  /**
   * The user that commands of a sandbox run as: the user of its first process, unless that is root.
   */
  public String agent(String containerId) {
    String user = docker.inspectContainerCmd(containerId).exec().getConfig().getUser();
    return user == null || user.isEmpty() || user.startsWith("0") ? "1000:1000" : user;
  }

  /**
   * Runs a command; once more where it never began, which says nothing about the command.
   *
   * @param user null: the user of the container's first process
   */
  public Outcome run(String containerId, @Nullable String user, String... command)
      throws InterruptedException {
    Outcome outcome = runOnce(containerId, user, command);
    if (!outcome.output.contains(NEVER_BEGAN)) {
      return outcome;
    }
    System.out.println("an exec never began, it is tried once more: " + outcome.output);
    return runOnce(containerId, user, command);
  }

  /**
   * Starts a command of the sandbox's user and does not wait for it; once more where it never
   * began.
   */
  public void background(String containerId, String... command) throws InterruptedException {
    try {
      startOnce(containerId, command);
    } catch (DockerException e) {
      if (!String.valueOf(e.getMessage()).contains(NEVER_BEGAN)) {
        throw e;
      }
      System.out.println("an exec never began, it is tried once more: " + e.getMessage());
      startOnce(containerId, command);
    }
  }

  private void startOnce(String containerId, String... command) throws InterruptedException {
    ended(
        docker
            .execStartCmd(create(containerId, agent(containerId), command))
            .withDetach(true)
            .exec(new ResultCallback.Adapter<>()),
        command);
  }

  private Outcome runOnce(String containerId, @Nullable String user, String... command)
      throws InterruptedException {
    String exec = create(containerId, user, command);
    Said output = ended(docker.execStartCmd(exec).exec(new Said()), command);
    return new Outcome(
        docker.inspectExecCmd(exec).exec().getExitCodeLong(), output.toString().strip());
  }

  private String create(String containerId, @Nullable String user, String... command) {
    ExecCreateCmd exec = docker.execCreateCmd(containerId);
    if (user != null) {
      exec.withUser(user);
    }
    return exec.withAttachStdout(true).withAttachStderr(true).withCmd(command).exec().getId();
  }

  private static <T extends ResultCallback.Adapter<Frame>> T ended(T answer, String... command)
      throws InterruptedException {
    assertThat(answer.awaitCompletion(SECONDS, TimeUnit.SECONDS))
        .as("%s ended within %d s", String.join(" ", command), SECONDS)
        .isTrue();
    return answer;
  }
}
