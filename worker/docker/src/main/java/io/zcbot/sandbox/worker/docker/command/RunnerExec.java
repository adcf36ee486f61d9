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
 * A runner that the engine starts by an exec. It belongs to the worker and does not count as use of
 * the sandbox; the commands that run in it do.
 */
public final class RunnerExec {
  /** Path of the program in the image. */
  private static final String RUNNER = "/usr/local/sbin/zcbot-runner";

  /**
   * User of commands where the first process is root. The engine does not know another user then.
   */
  public static final String SHARED_USER = "1000:1000";

  private static final String STARTED = "exec_start:";

  private RunnerExec() {}

  /**
   * Creates the exec without starting it; returns its id.
   *
   * @param user user of the runner, as uid:gid; null for that of the container's first process
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

  /** Whether an exec runs a runner. */
  public static boolean isRunner(InspectExecResponse exec) {
    ProcessConfig process = exec.getProcessConfig();
    if (process == null) {
      return false;
    }
    List<String> arguments = process.getArguments();
    return RUNNER.equals(process.getEntryPoint()) && (arguments == null || arguments.isEmpty());
  }

  /**
   * Whether an event's action is the start of an exec of the worker: a runner or a slot's entrance.
   */
  public static boolean isStartOfOwn(@Nullable String action) {
    if (action == null || !action.startsWith(STARTED)) {
      return false;
    }
    String command = action.substring(STARTED.length()).strip();
    return command.equals(RUNNER) || EntranceExec.isStart(command);
  }
}
