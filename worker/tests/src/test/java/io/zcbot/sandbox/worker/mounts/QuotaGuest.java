/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.mounts;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.sandbox.Workspaces;
import io.zcbot.sandbox.worker.spec.WorkspaceLimit;
import io.zcbot.sandbox.worker.testkit.machine.UserModeLinux;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.UUID;

/**
 * The program that runs in the kernel with quotas: it runs each of the {@link QuotaScenarios} on
 * each disk, and writes a file with the result of each.
 */
final class QuotaGuest {
  static final String PASSED = "passed";

  private QuotaGuest() {}

  public static void main(String[] args) throws Exception {
    Path directory = Path.of(args[0]);
    if (args.length > 1) {
      prepareOne(directory);
      return;
    }
    for (QuotaDisk disk : QuotaDisk.values()) {
      Path point = Files.createDirectory(directory.resolve("tmp").resolve(disk.toString()));
      disk.mount(point, "prjquota");
      for (Method scenario : QuotaScenarios.class.getDeclaredMethods()) {
        if (isScenario(scenario)) {
          System.out.println(disk + " " + scenario.getName());
          Files.writeString(
              result(directory, disk, scenario.getName()),
              outcome(scenario, new QuotaScenarios(disk, point, scenario.getName())));
        }
      }
    }
  }

  static boolean isScenario(Method method) {
    return !method.isSynthetic()
        && !Modifier.isPrivate(method.getModifiers())
        && !Modifier.isStatic(method.getModifiers())
        && method.getParameterCount() == 0;
  }

  static Path result(Path directory, QuotaDisk disk, String scenario) {
    return directory.resolve(UserModeLinux.OUT).resolve(scenario + "-" + disk);
  }

  private static String outcome(Method scenario, QuotaScenarios scenarios) throws Exception {
    try {
      scenario.invoke(scenarios);
      return PASSED;
    } catch (InvocationTargetException e) {
      StringWriter trace = new StringWriter();
      e.getCause().printStackTrace(new PrintWriter(trace));
      return trace.toString();
    }
  }

  /**
   * Runs in a separate process with fewer capabilities: prints why a workspace can't be prepared.
   */
  private static void prepareOne(Path root) {
    try {
      Workspaces workspaces =
          Workspaces.open(root).limitedBy(ProjectQuotas.of(root, WorkspaceLimit.of(1 << 20, 0)));
      System.out.println(PASSED + " " + workspaces.prepare(new UserId(UUID.randomUUID())));
    } catch (IOException e) {
      System.out.println(e.getMessage());
    }
  }
}
