/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.command;

import com.github.dockerjava.api.command.ExecCreateCmd;
import com.github.dockerjava.api.command.InspectExecResponse;
import com.github.dockerjava.api.command.InspectExecResponse.ProcessConfig;
import io.zcbot.sandbox.worker.docker.api.EngineCalls;
import io.zcbot.sandbox.worker.docker.api.Operation;
import io.zcbot.sandbox.worker.engine.EngineException;
import java.io.IOException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The runner as a command of the engine's. It is the worker's own, and so no use of the sandbox:
 * the commands that run in it are.
 */
public final class RunnerExec {
  /** Where the image has it. */
  private static final String RUNNER = "/usr/local/sbin/zcbot-runner";

  /** As whom commands run where the first process is root: the engine knows no other user there. */
  public static final String SHARED_USER = "1000:1000";

  private static final String STARTED = "exec_start:";

  private RunnerExec() {}

  /**
   * Creates it, to be started; returns its id.
   *
   * @param user whom it runs as; null for whom the container's first process runs as
   */
  static String create(EngineCalls calls, String containerId, @Nullable String user)
      throws EngineException {
    return calls.call(
        Operation.EXEC_CREATE,
        engine -> {
          ExecCreateCmd command =
              engine
                  .docker()
                  .execCreateCmd(containerId)
                  .withAttachStdin(true)
                  .withAttachStdout(true)
                  .withAttachStderr(true)
                  .withCmd(RUNNER);
          if (user != null) {
            command.withUser(user);
          }
          String id = command.exec().getId();
          if (id == null) {
            throw new IOException("the engine created a command but returned no id");
          }
          return id;
        });
  }

  /** Whether it is what an exec runs. */
  public static boolean isRunner(InspectExecResponse exec) {
    ProcessConfig process = exec.getProcessConfig();
    if (process == null) {
      return false;
    }
    List<String> arguments = process.getArguments();
    return RUNNER.equals(process.getEntryPoint()) && (arguments == null || arguments.isEmpty());
  }

  /** Whether an event's action says that a runner was started, or a slot's entrance. */
  public static boolean isStartOfOwn(@Nullable String action) {
    if (action == null || !action.startsWith(STARTED)) {
      return false;
    }
    String command = action.substring(STARTED.length()).strip();
    return command.equals(RUNNER) || EntranceExec.isStart(command);
  }
}
