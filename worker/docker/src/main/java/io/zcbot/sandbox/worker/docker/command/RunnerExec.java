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
import io.zcbot.sandbox.worker.docker.host.RuntimeVolume;
import io.zcbot.sandbox.worker.engine.EngineException;
import java.io.IOException;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A runner that the engine starts by an exec. It belongs to the worker and does not count as use of
 * the sandbox; the commands that run in it do.
 */
public final class RunnerExec {
  /**
   * Path in the image of the program that its user can execute but not read. Therefore, the kernel
   * lets no process of that user trace it or open its memory, from its first instruction on.
   * Commands of that user may run already, and it has not loaded its filter of system calls yet.
   */
  private static final String UNREADABLE = RuntimeVolume.DIRECTORY + "/zcbot-runner-exec";

  /** Path of the same program for runtimes that execute readable files only. */
  private static final String READABLE = RuntimeVolume.RUNNER;

  private static final Set<String> PROGRAMS = Set.of(UNREADABLE, READABLE);

  /**
   * User of commands where the first process is root. The engine does not know another user then.
   */
  public static final String SHARED_USER = "1000:1000";

  private static final String STARTED = "exec_start:";

  private final EngineCalls calls;
  private final @Nullable String user;
  private final RuntimeFacts runtime;

  /** The runtime of a sandbox, as far as the choice of the program depends on it. */
  public interface RuntimeFacts {
    /** Whether it executes no file that the user can't read. */
    boolean executesOnlyReadable(String containerId) throws EngineException;
  }

  /**
   * Creates execs in sandboxes.
   *
   * @param user user of the runner, as uid:gid; null for that of the container's first process
   * @param runtime asked for each exec
   */
  public RunnerExec(EngineCalls calls, @Nullable String user, RuntimeFacts runtime) {
    this.calls = calls;
    this.user = user;
    this.runtime = runtime;
  }

  /** Creates the exec without starting it; returns its id. */
  String create(String containerId) throws EngineException {
    String path = runtime.executesOnlyReadable(containerId) ? READABLE : UNREADABLE;
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
                  .withCmd(path);
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
    String path = process.getEntryPoint();
    return path != null && PROGRAMS.contains(path) && (arguments == null || arguments.isEmpty());
  }

  /**
   * Whether an event's action is the start of an exec of the worker: a runner or a slot's entrance.
   */
  public static boolean isStartOfOwn(@Nullable String action) {
    if (action == null || !action.startsWith(STARTED)) {
      return false;
    }
    String command = action.substring(STARTED.length()).strip();
    return PROGRAMS.contains(command) || EntranceExec.isStart(command);
  }
}
